// Moves the folder that a build made to be published to where it is packed: the one whose
// package.json has the package's name and version, outside of what was installed. It is looked
// for below one folder after another; the nearest counts, and of equals the first by name.
"use strict";
const fs = require("fs");
const path = require("path");

const [name, version, into, ...roots] = process.argv.slice(2);
// As deep as builds put packages: `dist/packages/name`.
const MAX_DEPTH = 3;
const SKIPPED = ["node_modules", ".git"];

function folders(parent) {
  const names = fs.readdirSync(parent).filter((name) => !SKIPPED.includes(name));
  const places = names.map((name) => path.join(parent, name));
  return places.filter((place) => fs.lstatSync(place).isDirectory()).sort();
}

function isIt(folder) {
  try {
    const found = JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
    return found.name === name && found.version === version;
  } catch (_) {
    return false;
  }
}

for (const root of roots) {
  let level = [root];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    level = [].concat(...level.map(folders));
    // What is in the source in its place is not what was made.
    const found = level.find((folder) => folder !== roots[0] && isIt(folder));
    if (found) {
      console.log(`${found} is what is published`);
      fs.renameSync(found, into);
      process.exit(0);
    }
  }
}
console.error("the build made no folder with a manifest of the package");
process.exit(1);
