// Lets package.json end with a line end, or without one, whichever it is told; the rest stays.
"use strict";
const fs = require("fs");
const text = fs.readFileSync("package.json", "utf8").replace(/\n$/, "");
fs.writeFileSync("package.json", process.argv[2] === "newline" ? `${text}\n` : text);
