// What the programs share that install, link and write in the source's folders: how a repository's
// packages are found, and how what is changed for an installer is put back. They load it from
// their own folder.
"use strict";
const fs = require("fs");
const path = require("path");

// Where a manifest names what is installed (npm documentation, "package.json").
const MAPS = ["dependencies", "devDependencies", "optionalDependencies"];

// The manifest of a folder; an empty one where there is none that can be read.
function read(folder) {
  try {
    const text = fs.readFileSync(path.join(folder, "package.json"), "utf8");
    return Object(JSON.parse(text.replace(/^\ufeff/, "")));
  } catch (_) {
    return {};
  }
}

// The folders of a repository's packages that have a version, by their names; of equal names the
// nearest to the root counts.
function packages(root) {
  const found = new Map();
  for (let folders = [root]; folders.length; ) {
    const below = [];
    for (const folder of folders) {
      const { name, version } = read(folder);
      if (name && version && !found.has(name)) found.set(name, folder);
      for (const name of fs.readdirSync(folder)) {
        const place = path.join(folder, name);
        if (name !== "node_modules" && name[0] !== "." && fs.lstatSync(place).isDirectory()) below.push(place);
      }
    }
    folders = below;
  }
  return found;
}

// Keeps files, and gives what puts them back as they were: with their times, since a build that
// compares times must not find them newer than what was installed meanwhile.
function keep(files) {
  const kept = files.map((file) => [file, fs.readFileSync(file), fs.statSync(file)]);
  return () => {
    for (const [file, bytes, { atime, mtime }] of kept) {
      fs.writeFileSync(file, bytes);
      fs.utimesSync(file, atime, mtime);
    }
  };
}

// Changes files, by their texts, for as long as something runs.
function changed(texts, running) {
  const putBack = keep(texts.map(([file]) => file));
  for (const [file, text] of texts) fs.writeFileSync(file, text);
  const done = running();
  putBack();
  return done;
}

module.exports = { MAPS, changed, keep, packages, read };
