// Installs what a package asks for as it was newest when each range was written, as the folder
// of a publisher may still have it who installed it then: an installer leaves what fits. What
// those need in turn is as of the mirror's time. Arguments: the folder of npm, the file that says
// by a package's name when its range was written (seconds since the Unix epoch), the address of
// the registry, and the command that installs.
"use strict";
const fs = require("fs");
const http = require("http");
const path = require("path");
const { spawnSync } = require("child_process");

const [npm, file, registry, program, ...words] = process.argv.slice(2);
const semver = require(path.resolve(npm, "node_modules", "semver"));
const since = JSON.parse(fs.readFileSync(file, "utf8"));
const manifest = JSON.parse(fs.readFileSync("package.json", "utf8"));
// A commit may be made some hours after what it asks for was installed, and a registry's day ends.
const DAY = 24 * 3600;

function fetch(name) {
  return new Promise((resolve) => {
    const request = http.get(`${registry}/${encodeURI(name).replace("/", "%2f")}`, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", () => resolve(null));
      answer.on("end", () => {
        try {
          resolve(JSON.parse(Buffer.concat(parts).toString("utf8")));
        } catch (error) {
          resolve(null);
        }
      });
    });
    request.on("error", () => resolve(null));
  });
}

// The newest of those that fit and that are not known to be later; where of none is known when it
// came, the first that fits, since a range mostly begins with what was newest then.
function newest(packument, range, seconds) {
  const times = packument.time || {};
  const fitting = Object.keys(packument.versions || {}).filter((version) => semver.satisfies(version, range));
  if (!fitting.some((version) => times[version])) return semver.minSatisfying(fitting, range);
  const isLater = (version) => Date.parse(times[version]) / 1000 > seconds + DAY;
  return semver.maxSatisfying(fitting.filter((version) => !isLater(version)), range);
}

async function main() {
  const exact = [];
  for (const map of ["dependencies", "devDependencies"])
    for (const [name, range] of Object.entries(manifest[map] || {})) {
      const isKnown = Object.prototype.hasOwnProperty.call(since, name);
      // npm would take a name with a dash before it for an option.
      if (!isKnown || name.startsWith("-") || !semver.validRange(range)) continue;
      const packument = await fetch(name);
      const version = packument && newest(packument, range, since[name]);
      if (version) exact.push(`${name}@${version}`);
    }
  console.log(`as of when they were asked for: ${exact.join(" ")}`);
  const done = spawnSync(program, [...words, ...exact], { stdio: "inherit" });
  process.exit(done.status === null ? 1 : done.status);
}

// Node.js before 15 ends well where nobody hears of it.
main().catch((error) => {
  console.error(error);
  process.exit(1);
});
