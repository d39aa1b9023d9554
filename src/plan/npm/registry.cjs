// What the registry has of a package, for the program that mends an install: which versions are
// left, which of them is nearest to one that is gone, and whether a tarball is served.
"use strict";
const http = require("http");
const { parse: parseUrl } = require("url");

const REGISTRY = (process.env.npm_config_registry || "").replace(/\/$/, "");
// How many are asked for at once, and how long an answer may say nothing, in milliseconds.
const AT_ONCE = 16;
const LONGEST = 60000;

// Where the registry has what it says of a package (a scope's slash is no folder's there).
const place = (name) => `${REGISTRY}/${name.split("/").join("%2f")}`;

// Takes silence for an error: what the registry has is not known then, and no guess is made.
const limit = (asking, reject) =>
  asking.setTimeout(LONGEST, () => {
    reject(new Error("the registry gave no answer in time"));
    asking.destroy();
  });

// A version's numbers and the parts of its prerelease (Semantic Versioning, 9), as a range begins
// that has a lower end (node-semver, "Ranges"); nothing of anything else.
const BEGINNING = /^\s*(?:[~^=v]|>=)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([\w.-]+))?/;
function parse(text) {
  const [all, major, minor = "0", patch = "0", pre] = BEGINNING.exec(text) || [];
  return all && { numbers: [major, minor, patch], pre: pre ? pre.split(".") : [] };
}

// Which of two comes first (Semantic Versioning, 11), as for sorting.
function compare(a, b) {
  const isNumber = (part) => /^\d+$/.test(part);
  const byPart = (one, other) => {
    if (one === undefined || other === undefined) return one === other ? 0 : one === undefined ? -1 : 1;
    if (isNumber(one) && isNumber(other)) return one - other;
    if (isNumber(one) !== isNumber(other)) return isNumber(one) ? -1 : 1;
    return one < other ? -1 : Number(one > other);
  };
  const [before, after] = [a.pre.length, b.pre.length];
  const first = (one, other) => one.map((part, at) => byPart(part, other[at])).find(Boolean);
  const released = Number(!before) - Number(!after);
  return first(a.numbers, b.numbers) || released || first(a.pre, b.pre) || before - after;
}

// The manifests of the versions that the registry has of a package; none where it says nothing.
const answers = new Map();
function versions(name) {
  const ask = (resolve, reject) => {
    const asking = http.get(place(name), (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      const told = () => {
        try {
          resolve(Object(Object(JSON.parse(Buffer.concat(parts).toString("utf8"))).versions));
        } catch (_) {
          resolve({});
        }
      };
      // An answer that is cut off closes without an end.
      for (const event of ["end", "close", "error"]) answer.on(event, told);
    });
    asking.on("error", () => resolve({}));
    limit(asking, reject);
  };
  if (!answers.has(name)) answers.set(name, new Promise(ask));
  return answers.get(name);
}

// What was asked for and is gone, whatever the registry says of its package.
const goneOnes = new Set();

// The version that a package still has nearest to what a range begins with: the first after it, or
// else the last before, of the same major version where there is one; no prerelease, unless it begins
// with one; none that was gone.
async function nearest(name, range) {
  const begin = parse(range);
  if (!begin) return undefined;
  const left = Object.keys(await versions(name))
    .map((text) => [text, parse(text)])
    .filter(([text, version]) => version && !goneOnes.has(`${name}@${text}`) && (begin.pre.length || !version.pre.length))
    .sort(([, one], [, other]) => compare(one, other));
  const alike = left.filter(([, version]) => version.numbers[0] === begin.numbers[0]);
  const among = alike.length ? alike : left;
  const [found] = among.find(([, version]) => compare(version, begin) >= 0) || among.pop() || [];
  return found;
}

// The version of a package that stands in for one that is gone: of the same minor version, the one
// with the fewest patches between, the earlier of two or, where a range may begin with it, the later.
async function standIn(name, gone, isLater) {
  goneOnes.add(`${name}@${gone}`);
  const { numbers, pre } = parse(gone) || {};
  if (!numbers || pre.length) return undefined;
  const apart = (version) => Math.abs(version.numbers[2] - numbers[2]);
  const [found] = Object.keys(await versions(name))
    .map((text) => [text, parse(text)])
    .filter(([text]) => /^\d+\.\d+\.\d+$/.test(text) && !goneOnes.has(`${name}@${text}`))
    .filter(([, version]) => [0, 1].every((at) => version.numbers[at] === numbers[at]))
    .sort(([, one], [, other]) => apart(one) - apart(other) || (isLater ? compare(other, one) : compare(one, other)));
  return found && found[0];
}

// Whether the registry has a tarball; where that is not told, or not in time, it is taken to.
function isServed(url) {
  const ask = (resolve, reject) => {
    const asking = http.request(Object.assign(parseUrl(url), { method: "HEAD" }), (answer) => {
      answer.resume();
      resolve(answer.statusCode !== 404);
    });
    asking.on("error", reject);
    limit(asking, reject);
    asking.end();
  };
  return new Promise(ask).catch(() => true);
}

const tarball = (name, version) => `${name.split("/").pop()}-${version}.tgz`;
const placeOf = (name, version) => `${place(name)}/-/${tarball(name, version)}`;

module.exports = { AT_ONCE, isServed, nearest, placeOf, standIn, tarball, versions };
