// Packs the working folder as lerna does from 4 on, and lerna-lite, with the libraries that npm has. Arguments:
// npm's folder, the file to write, and the folder of another minimatch than npm's where there is one.
"use strict";
const Module = require("module");
const path = require("path");

const [npm, file, minimatch] = process.argv.slice(2);
const libraries = path.join(npm, "node_modules");
const library = (name) => require(path.join(libraries, name));
if (minimatch) {
  // What it needs is among npm's libraries, and those that need it find it loaded.
  process.env.NODE_PATH = libraries;
  Module._initPaths();
  const place = require.resolve(path.join(libraries, "minimatch"));
  require.cache[place] = Object.assign(new Module(place), { exports: require(minimatch), loaded: true });
}
const packlist = library("npm-packlist");
const tar = library("tar");

// From 6 on it asks for the tree of what is installed (npm-packlist, "CHANGELOG", 6.0.0).
function list() {
  const [major] = library("npm-packlist/package.json").version.split(".");
  const folder = { path: process.cwd() };
  if (Number(major) < 6) return packlist(folder);
  const Arborist = library("@npmcli/arborist");
  return new Arborist(folder).loadActual().then((tree) => packlist(tree));
}

list()
  .then((files) =>
    tar.create(
      {
        file,
        cwd: process.cwd(),
        prefix: "package/",
        portable: true,
        mtime: new Date("1985-10-26T08:15:00.000Z"),
        gzip: true,
      },
      files.map((name) => `./${name}`)
    )
  )
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
