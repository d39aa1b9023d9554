// Installs of what is for development those packages alone that scripts call by their names, with
// all that the package itself needs: of the rest some may not be to be had, such as a tag that is
// a registry's no more. The manifest is put back as it was.
"use strict";
const { spawnSync } = require("child_process");
const { changed, read } = require("./shared.cjs");

const [called, program, ...words] = process.argv.slice(2);
const kept = called.split(",");
const manifest = read(".");
for (const name of Object.keys(Object(manifest.devDependencies)))
  if (!kept.includes(name)) delete manifest.devDependencies[name];
const lean = ["package.json", JSON.stringify(manifest, null, 2)];
const done = changed([lean], () => spawnSync(program, words, { stdio: "inherit" }));
process.exit(done.status === null ? 1 : done.status);
