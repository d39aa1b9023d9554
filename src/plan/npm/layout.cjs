// Writes package.json as it is told: on one line, and with a line end at its end or without one.
// Its values and their order stay. Arguments: any of "one-line", "newline" and "no-newline".
"use strict";
const fs = require("fs");
const isTold = (word) => process.argv.slice(2).includes(word);

let text = fs.readFileSync("package.json", "utf8");
let end = text.endsWith("\n") ? "\n" : "";
text = text.replace(/\n$/, "");
if (isTold("one-line")) text = JSON.stringify(JSON.parse(text.replace(/^\ufeff/, "")));
if (isTold("newline")) end = "\n";
if (isTold("no-newline")) end = "";
fs.writeFileSync("package.json", text + end);
