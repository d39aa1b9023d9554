// Writes into package.json what publishing tools of monorepos do: the versions of packages of the
// same repository, in place of where those are. Arguments: the repository's folder, and the
// packages' names.
"use strict";
const fs = require("fs");
const path = require("path");

const [root, ...names] = process.argv.slice(2);
const text = fs.readFileSync("package.json", "utf8");
const manifest = JSON.parse(text);

function read(folder) {
  try {
    return JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"));
  } catch (_) {
    return {};
  }
}

// The version of a package of the repository, wherever its folder is.
function versionOf(name, folder) {
  const own = read(folder);
  if (own.name === name && own.version) return own.version;
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (!entry.isDirectory() || entry.name === "node_modules" || entry.name[0] === ".") continue;
    const version = versionOf(name, path.join(folder, entry.name));
    if (version) return version;
  }
  return undefined;
}

function written(name, spec) {
  const [, protocol, rest] = /^(file|link|workspace):(.*)$/.exec(spec) || [];
  if (!protocol) return spec;
  if (protocol === "workspace" && !["*", "^", "~"].includes(rest)) return rest;
  const version = protocol === "workspace" ? versionOf(name, root) : read(rest).version;
  if (!version) return spec;
  return (protocol === "workspace" ? rest.replace("*", "") : "^") + version;
}

for (const map of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
  for (const name of names) {
    const there = manifest[map] || {};
    if (typeof there[name] === "string") there[name] = written(name, there[name]);
  }
}
const indent = (/^[ \t]+/m.exec(text) || ["  "])[0];
const end = text.endsWith("\n") ? "\n" : "";
fs.writeFileSync("package.json", JSON.stringify(manifest, null, indent) + end);
