// Installs of what is for development those packages alone that scripts call by their names, with
// all that the package itself needs: of the rest some may not be to be had, such as a tag that is
// a registry's no more. The manifest is put back as it was.
"use strict";
const fs = require("fs");
const { spawnSync } = require("child_process");

const [called, program, ...words] = process.argv.slice(2);
const kept = called.split(",");
const text = fs.readFileSync("package.json", "utf8");
const { atime, mtime } = fs.statSync("package.json");
const manifest = JSON.parse(text);
for (const name of Object.keys(Object(manifest.devDependencies)))
  if (!kept.includes(name)) delete manifest.devDependencies[name];
fs.writeFileSync("package.json", JSON.stringify(manifest, null, 2));
const done = spawnSync(program, words, { stdio: "inherit" });
fs.writeFileSync("package.json", text);
// A build that compares times must not find what was put back newer than what is installed.
fs.utimesSync("package.json", atime, mtime);
process.exit(done.status === null ? 1 : done.status);
