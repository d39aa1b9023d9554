// Writes into package.json what publishing tools of monorepos do: the versions of packages of the
// same repository, in place of where those are; or links those packages into node_modules, where
// a packer that writes versions itself reads them. Arguments: "write" or "link", the repository's
// folder, and the packages' names.
"use strict";
const fs = require("fs");
const path = require("path");
const { packages, read } = require("./shared.cjs");

const [action, root, ...names] = process.argv.slice(2);

const known = packages(root);

function written(name, spec) {
  const [, protocol, rest] = /^(file|link|workspace):(.*)$/.exec(spec) || [];
  if (!protocol) return spec;
  if (protocol === "workspace" && !["*", "^", "~"].includes(rest)) return rest;
  const folder = protocol === "workspace" ? known.get(name) : rest;
  const version = folder && read(folder).version;
  if (!version) return spec;
  return (protocol === "workspace" ? rest.replace("*", "") : "^") + version;
}

function write() {
  const text = fs.readFileSync("package.json", "utf8");
  const manifest = JSON.parse(text);
  for (const map of ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"]) {
    for (const name of names) {
      const there = manifest[map] || {};
      if (typeof there[name] === "string") there[name] = written(name, there[name]);
    }
  }
  const indent = (/^[ \t]+/m.exec(text) || ["  "])[0];
  const end = text.endsWith("\n") ? "\n" : "";
  fs.writeFileSync("package.json", JSON.stringify(manifest, null, indent) + end);
}

function link() {
  for (const name of names) {
    const folder = known.get(name);
    const place = path.resolve("node_modules", ...name.split("/"));
    if (!folder || fs.existsSync(place)) continue;
    fs.mkdirSync(path.dirname(place), { recursive: true });
    fs.symlinkSync(path.relative(path.dirname(place), folder), place);
  }
}

(action === "link" ? link : write)();
