// Builds as on Windows in the one thing that texts show: what Node.js says a line ends with
// (Node.js documentation, "OS", `os.EOL`). Node.js reads this file before each program
// (--require).
"use strict";
const os = require("os");
Object.defineProperty(os, "EOL", { value: "\r\n" });
// Node.js before 12.12 has no modules that would have to be told.
const { syncBuiltinESMExports } = require("module");
if (syncBuiltinESMExports) syncBuiltinESMExports();
