// Does what `lerna bootstrap` does for one package of a repository whose packages are installed
// each by itself: what the repository's root asks for is installed there, and what the package and
// those of the repository that it needs ask for in each of their folders, without each other, which
// are linked. Arguments: "install", or "build" for the scripts that bootstrapping runs in those
// that the package needs; the repository's folder; npm's, whose library for versions this takes;
// to install, the mirror of npm's registry and more options for npm, and to build, what runs a
// script. The package is in the working folder.
"use strict";
const fs = require("fs");
const path = require("path");
const { spawnSync } = require("child_process");
const { MAPS, changed, packages, read } = require("./shared.cjs");

const [action, place, npm, told, ...options] = process.argv.slice(2);
const root = fs.realpathSync(place);
const own = fs.realpathSync(".");
const { satisfies } = require(path.join(npm, "node_modules", "semver"));

// The plan's own; one that was installed is not run to install.
const YARN = path.join(__dirname, "bin", "yarn");
// What installs what is locked as far as it is to be had.
const MEND = path.join(__dirname, "mend.cjs");
// What is somewhere in the same repository.
const PLACED = /^(file|link|workspace):/;

const known = packages(root);

// Those of the repository that a package is linked to: where its range has their version.
function siblings(folder) {
  const manifest = read(folder);
  const found = new Map();
  for (const map of MAPS)
    for (const [name, range] of Object.entries(Object(manifest[map]))) {
      const there = known.get(name);
      if (!there || there === folder || there === root) continue;
      if (PLACED.test(range) || satisfies(read(there).version, String(range))) found.set(name, there);
    }
  return found;
}

// The folders of a package and of those that it needs, which come before it.
function ordered(folder, seen = new Set()) {
  if (seen.has(folder)) return [];
  seen.add(folder);
  const before = [...siblings(folder).values()].map((other) => ordered(other, seen));
  return [].concat(...before, folder);
}

function run(folder, program, ...words) {
  console.log(`${path.relative(root, folder) || "."}: ${program} ${words.join(" ")}`);
  const done = spawnSync(program, words, { cwd: folder, stdio: "inherit" });
  return done.status === 0;
}

function installed(folder, linked) {
  const at = (name) => path.join(folder, name);
  const manifest = read(folder);
  for (const map of MAPS) for (const name of linked.keys()) delete Object(manifest[map])[name];
  if (!MAPS.some((map) => Object.keys(Object(manifest[map])).length)) return true;
  const lean = [at("package.json"), JSON.stringify(manifest, null, 2)];
  if (fs.existsSync(at("yarn.lock")) && fs.existsSync(YARN)) {
    // yarn asks the host that the lock file names.
    const lock = fs.readFileSync(at("yarn.lock"), "utf8");
    const mirrored = lock.replace(/^( {2}resolved ")https?:\/\/[^/]+\//gm, `$1${told}/`);
    const words = ["install", "--pure-lockfile", "--ignore-scripts", "--non-interactive", "--ignore-engines"];
    const as = [lean, [at("yarn.lock"), mirrored]];
    return changed(as, () => run(folder, YARN, ...words) || run(folder, process.execPath, MEND, YARN, ...words));
  }
  const rest = ["--ignore-scripts", "--force", ...options];
  const lock = ["package-lock.json", "npm-shrinkwrap.json"].map(at).find((file) => fs.existsSync(file));
  if (!lock) return changed([lean], () => run(folder, "npm", "install", "--no-package-lock", "--no-save", ...rest));
  const as = [lean, [lock, fs.readFileSync(lock)]];
  // A lock file that has the others as well may not be that of what is asked for without them.
  return changed(as, () => run(folder, "npm", "ci", ...rest) || run(folder, "npm", "install", "--no-save", ...rest));
}

function link(to, file) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  spawnSync("/bin/rm", ["-rf", "--", file]);
  fs.symlinkSync(path.relative(path.dirname(file), to), file);
}

function linkAll(folder, linked) {
  for (const [name, there] of linked) {
    const { bin } = read(there);
    const programs = typeof bin === "string" ? { [name.split("/").pop()]: bin } : Object(bin);
    link(there, path.join(folder, "node_modules", ...name.split("/")));
    for (const [program, file] of Object.entries(programs))
      link(path.join(there, file), path.join(folder, "node_modules", ".bin", path.basename(program)));
  }
}

// What is not to be had of another package may not be needed for this one.
function install() {
  installed(root, new Map());
  let done = true;
  for (const folder of ordered(own)) {
    const linked = siblings(folder);
    const is = installed(folder, linked);
    if (folder === own) done = is;
    linkAll(folder, linked);
  }
  return done;
}

// Bootstrapping runs `prepublish` and `prepare`; where a package has neither, what builds it would
// have run by hand.
function build() {
  for (const folder of ordered(own).filter((folder) => folder !== own)) {
    const scripts = Object(read(folder).scripts);
    const bootstrapped = ["prepublish", "prepare"].filter((name) => scripts[name]);
    const built = bootstrapped.length ? bootstrapped : ["build"].filter((name) => scripts[name]);
    for (const name of built) run(folder, told, "run", name);
  }
  return true;
}

process.exit((action === "install" ? install : build)() ? 0 : 1);
