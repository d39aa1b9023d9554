// Installs what a source locks as far as it is still to be had: a version that the registry has
// no more is resolved anew within its range. Ends with an error where nothing was gone, since
// then the plan without this came to the same. What it changes it puts back.
"use strict";
const fs = require("fs");
const { spawnSync } = require("child_process");

const LOCKS = ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock"];
// More than this many versions are not gone by accident.
const MOST = 20;
// As npm and yarn say it.
const GONE = [/\b404\b.*\/-\/([^\s/"]+\.tgz)/, /\/-\/([^\s/"]+\.tgz)\S*: Request failed.*\b404\b/];

const locks = LOCKS.filter((file) => fs.existsSync(file)).map((file) => [file, fs.readFileSync(file, "utf8")]);
let [program, ...words] = process.argv.slice(2);

function install() {
  const done = spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 28 });
  process.stdout.write(done.stdout + done.stderr);
  return done;
}

// Entries of npm's lock files, nested or not, by the tarball that they name.
function drop(entries, file) {
  for (const [place, entry] of Object.entries(entries || {})) {
    if (!entry || typeof entry !== "object") continue;
    if (String(entry.resolved || "").endsWith(`/-/${file}`)) delete entries[place];
    else drop(entry.dependencies, file);
  }
}

function without(name, text, file) {
  if (name === "yarn.lock") {
    const blocks = text.split(/\n(?=\S)/);
    return blocks.filter((block) => !block.includes(`/-/${file}`)).join("\n");
  }
  const lock = JSON.parse(text);
  drop(lock.packages, file);
  drop(lock.dependencies, file);
  return JSON.stringify(lock, null, 2);
}

// What takes a lock file as far as it goes, and writes none.
function loosen() {
  if (words[0] === "ci") words.splice(0, 1, "install", "--no-save");
  words = words.map((word) => (word === "--frozen-lockfile" ? "--pure-lockfile" : word));
}

let done = install();
let mended = false;
for (let tries = 0; done.status !== 0 && tries < MOST; tries += 1) {
  const gone = GONE.map((said) => said.exec(done.stdout + done.stderr)).find(Boolean);
  if (!gone) break;
  for (const [name] of locks) fs.writeFileSync(name, without(name, fs.readFileSync(name, "utf8"), gone[1]));
  if (!mended) loosen();
  mended = true;
  done = install();
}
for (const [name, text] of locks) fs.writeFileSync(name, text);
if (!mended) console.error("nothing is gone of what is locked");
process.exit(mended ? done.status : 1);
