// Installs what a source locks as far as it is to be had: a version that the registry has no
// more is resolved anew within its range (in a lock file of yarn the nearest to it of the same minor
// version stands in, where there is one), as is what the manifest asks for and the lock file does
// not have (a workspace's other packages, say). Of what the manifests ask for, a range of which no
// version is left becomes the nearest version that is, and that is left out which leads to something
// that no registry has (a git host's, or a package that is gone whole): no build may need it. Ends
// with an error where nothing was gone of what is locked, since then the plan without this came to
// the same. What it changes it puts back.
"use strict";
const fs = require("fs");
const http = require("http");
const path = require("path");
const { spawnSync } = require("child_process");
const { MAPS, keep, packages, read } = require("./shared.cjs");

const PNPMS = "pnpm-lock.yaml";
const LOCKS = ["package-lock.json", "npm-shrinkwrap.json", "yarn.lock"];
// More than this many versions are not gone by accident.
const MOST = 40;
// As npm, yarn 1, pnpm and later yarns say it.
const GONE = [
  /\b404\b.*\/-\/([^\s/"]+\.tgz)/g,
  /\/-\/([^\s/"]+\.tgz)\S*: Request failed.*\b404\b/g,
  /\/-\/([^\s/"]+\.tgz): Not Found - 404/g,
  /Response Code.*\b404\b.*\n(?:.*Request Method.*\n)?.*Request URL.*\/-\/([^\s/"]+\.tgz)/g,
];
// Where no version of a range is left, or nothing of a package, as yarn 2 and later, npm and pnpm,
// npm, and yarn 1 say it.
const LACKING = [
  /(@?[^\s@:]+)@npm:[^\s:]+: No candidates found/g,
  /No matching version found for (@?[^\s@]+)@/g,
  /\b404\b\s+'(@?[^@']+)@[^']*' is not in this registry/g,
  /Couldn't find any versions for "(@?[^"]+)" that matches/g,
  /Couldn't find package "(@?[^"]+)" on the "npm" registry/g,
];
// As yarn 2 says it, without a name.
const SOME_GONE = /HTTPError: Response code 404/;
// How many are asked for at once.
const AT_ONCE = 16;
// How a lock file of yarn 2 and later names what is from a registry.
const RESOLUTION = /^ {2}resolution: "((?:@[^/"]+\/)?[^@"]+)@npm:([^"]+)"$/m;
// How one of pnpm names a package, from its first format on: a place with a version, and the peers
// that it was installed beside.
const PNPM_KEY = /^ {2}['"]?\/?(?:@[^/]+\/)?([^@/'"]+)[@/]([^(_'":]+)/;
// Where the lock file does not have all that the manifests ask for, as npm, pnpm, yarn 1 and later yarns
// say it: lerna, for one, writes versions of a workspace's packages and no lock file.
const STALE =
  /package\.json and package-lock\.json .*are in sync|ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated|lockfile would have been modified/;

// What no registry has, as a lock file says where it is from: a URL that is no registry's
// tarball, or a place at a git host (npm documentation, "package.json", "dependencies").
const FOREIGN = /^(git[+:@]|github:|gitlab:|bitbucket:|gist:|https?:(?!.*\/(-|download)\/))/;
// And as a manifest alone does: an owner and a name, which are GitHub's.
const SHORTHAND = /^[\w.-]+\/[\w.-]+(#|$)/;
const MANIFEST = "package.json";
const REGISTRY = (process.env.npm_config_registry || "").replace(/\/$/, "");

const isThere = (file) => fs.existsSync(file);
let [program, ...words] = process.argv.slice(2);
const isPnpm = /(^|\/)pnpm$/.test(program);
const locks = (isPnpm ? [PNPMS] : LOCKS).filter(isThere);
// The first of a file has it as it was, and so comes last.
const putBacks = [keep([...locks, MANIFEST].filter(isThere))];

// Where an installer writes, as far as the source's packages have a name and a version, and the
// source has nothing, not even a link.
function unwritten() {
  const isNothing = (file) => {
    try {
      fs.lstatSync(file);
      return false;
    } catch (_) {
      return true;
    }
  };
  try {
    const folders = [".", ...packages(".").values()].map((folder) => path.join(folder, "node_modules"));
    return [...new Set(folders)].filter(isNothing);
  } catch (_) {
    return [];
  }
}

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

// What the installer says in one of these ways: tarballs that are gone, or packages.
function toldBy(ways, said) {
  const found = new Set();
  for (const words of ways) for (let one; (one = words.exec(said)); ) found.add(one[1]);
  return found;
}

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
  const ask = (resolve) => {
    const asking = http.get(`${REGISTRY}/${name.replace("/", "%2f")}`, (answer) => {
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
  };
  if (!answers.has(name)) answers.set(name, new Promise(ask));
  return answers.get(name);
}

// The version that a package still has nearest to what a range begins with: of the same major
// version the first after it, or else the last before; no prerelease, unless it begins with one.
async function nearest(name, range) {
  const begin = parse(range);
  if (!begin) return undefined;
  const left = Object.keys(await versions(name))
    .map((text) => [text, parse(text)])
    .filter(([, version]) => version && version.numbers[0] === begin.numbers[0])
    .filter(([, version]) => begin.pre.length || !version.pre.length)
    .sort(([, one], [, other]) => compare(one, other));
  const [found] = left.find(([, version]) => compare(version, begin) >= 0) || left.pop() || [];
  return found;
}

// The version of a package that stands in for one that is gone: of the same minor version, the one
// with the fewest patches between, the earlier of two.
const goneOnes = new Set();
async function standIn(name, gone) {
  goneOnes.add(`${name}@${gone}`);
  const { numbers, pre } = parse(gone) || {};
  if (!numbers || pre.length) return undefined;
  const apart = (version) => Math.abs(version.numbers[2] - numbers[2]);
  const [found] = Object.keys(await versions(name))
    .map((text) => [text, parse(text)])
    .filter(([text]) => /^\d+\.\d+\.\d+$/.test(text) && !goneOnes.has(`${name}@${text}`))
    .filter(([, version]) => [0, 1].every((at) => version.numbers[at] === numbers[at]))
    .sort(([, one], [, other]) => apart(one) - apart(other) || compare(one, other));
  return found && found[0];
}

// Whether a package of the repository is asked for, or a folder of it.
const isOwn = (range) => /^(workspace|file|link|portal):|^\.{0,2}\//.test(String(range));

// Asks for what is left of these packages, or no more for them, in every manifest of the
// repository that asks the registry for them; whether one did.
async function takeOut(names) {
  const folders = new Set([".", ...packages(".").values()]);
  let found = false;
  for (const folder of folders) {
    const manifest = read(folder);
    const maps = MAPS.map((map) => Object(manifest[map]));
    const asked = maps.map((map) => [map, Object.keys(map).filter((name) => names.has(name) && !isOwn(map[name]))]);
    if (!asked.some(([, names]) => names.length)) continue;
    found = true;
    const file = path.join(folder, MANIFEST);
    putBacks.push(keep([file]));
    for (const [map, names] of asked)
      for (const name of names) {
        const version = await nearest(name, map[name]);
        const told = `no version in the range of ${name} (${map[name]}) in ${file} is left`;
        if (version && version !== map[name]) {
          console.log(`${told}: ${version} is taken`);
          map[name] = version;
        } else {
          console.log(`${told}: it is left out`);
          delete map[name];
        }
      }
    fs.writeFileSync(file, JSON.stringify(manifest, null, 2));
  }
  return found;
}

// Whether the registry has a tarball; where that is not told, it is taken to.
function isServed(place) {
  return new Promise((resolve) => {
    const asking = http.request(place, { method: "HEAD" }, (answer) => {
      answer.resume();
      resolve(answer.statusCode !== 404);
    });
    asking.on("error", () => resolve(true));
    asking.end();
  });
}

const tarball = (name, version) => `${name.split("/").pop()}-${version}.tgz`;
const placeOf = (name, version) => `${REGISTRY}/${name.replace("/", "%2f")}/-/${tarball(name, version)}`;

// The tarballs of a lock file of yarn 2 that the registry does not have.
async function goneOfAll(text) {
  const all = new RegExp(RESOLUTION, "gm");
  const waiting = [];
  for (let one; (one = all.exec(text)); ) {
    const [, name, version] = one;
    waiting.push([tarball(name, version), placeOf(name, version)]);
  }
  const found = new Set();
  const ask = async () => {
    for (let next; (next = waiting.pop()); ) if (!(await isServed(next[1]))) found.add(next[0]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return found;
}

// Lines of a lock file of yarn: what an entry has under a name, where it has any of it.
const listed = (title, entries, between) =>
  entries.length
    ? [`  ${title}:`, ...entries.map((entry) => `    ${entry.map((one) => JSON.stringify(one)).join(between)}`)]
    : [];
const line = (block, words) => (new RegExp(`^ {2}${words}.*$`, "m").exec(block) || []).slice(0, 1);

// How yarn 1 writes an entry, and where one of it is from: the place, and the package there, which
// need not be the name that it is asked for by.
const RESOLVED = /^ {2}resolved "([^"]*?\/((?:@[^/"]+\/)?[^/"]+)\/-\/)/m;
const has = (map, name) => Object.prototype.hasOwnProperty.call(map, name);
const ranges = (map) => Object.entries(Object(map)).filter(([, range]) => typeof range === "string");
function entryOfYarn1(block, name, version, { dependencies, optionalDependencies }) {
  const optional = Object(optionalDependencies);
  const needed = ranges(dependencies).filter(([need]) => !has(optional, need));
  const [, place] = RESOLVED.exec(block);
  return [
    `  version "${version}"`,
    `  resolved "${place}${tarball(name, version)}"`,
    ...listed("dependencies", needed, " "),
    ...listed("optionalDependencies", ranges(optional), " "),
  ];
}

// And later ones, the last of which say of ranges that they are npm's; the checksum is left to yarn.
function entryOfLaterYarn(block, name, version, manifest, text) {
  const ofNpm = (range) => (/^ {4}\S+: "npm:/m.test(text) && !/^[a-z+]+:/.test(range) && !isOutside(range) ? `npm:${range}` : range);
  const [needed, peers, optional] = ["dependencies", "peerDependencies", "optionalDependencies"].map((map) =>
    ranges(manifest[map])
  );
  const all = Object.entries(Object.assign({}, ...[...needed, ...optional].map(([need, range]) => ({ [need]: range }))));
  const may = (title, names) =>
    names.length
      ? [`  ${title}:`, ...[].concat(...names.map((need) => [`    ${JSON.stringify(need)}:`, "      optional: true"]))]
      : [];
  const mayLack = Object.entries(Object(manifest.peerDependenciesMeta)).filter(([, how]) => Object(how).optional);
  const { bin } = manifest;
  const programs = typeof bin === "string" ? [[name.split("/").pop(), bin]] : ranges(bin);
  return [
    `  version: ${version}`,
    `  resolution: "${name}@npm:${version}"`,
    ...listed("dependencies", all.map(([need, range]) => [need, ofNpm(range)]), ": "),
    ...listed("peerDependencies", peers, ": "),
    ...may("dependenciesMeta", optional.map(([need]) => need)),
    ...may("peerDependenciesMeta", mayLack.map(([need]) => need)),
    ...listed("bin", programs, ": "),
    ...line(block, "conditions:"),
    ...line(block, "languageName:"),
    ...line(block, "linkType:"),
  ];
}

// What an entry of yarn's lock file is of, and whether a later yarn wrote it; no name where it is of
// no registry.
function entryIn(block) {
  const [, later] = RESOLUTION.exec(block) || [];
  const [, , earlier] = RESOLVED.exec(block) || [];
  const [, version] = /^ {2}version:? "?([^"\s]+)"?$/m.exec(block) || [];
  return { name: later || earlier, version, isLater: Boolean(later) };
}

// An entry of yarn's lock file with a version that stands in for its own; nothing where there is
// none, and yarn is to resolve it anew: what the newest of a range builds is not what was built.
async function replaced(block, text) {
  const { name, version: gone, isLater } = entryIn(block);
  const found = name && gone && (await standIn(name, gone));
  if (!found) return undefined;
  const manifest = Object((await versions(name))[found]);
  const [head] = block.split("\n");
  const entry = isLater ? entryOfLaterYarn : entryOfYarn1;
  console.log(`${name} ${gone} is gone: ${found} is taken`);
  return [head, ...entry(block, name, found, manifest, text), ""].join("\n");
}

async function without(name, text, file) {
  if (name === PNPMS) {
    const blocks = text.split(/\n(?= {0,2}\S)/);
    const isIt = (block) => {
      const [, package_, version] = PNPM_KEY.exec(block) || [];
      return `${package_}-${version}.tgz` === file;
    };
    return blocks.filter((block) => !isIt(block)).join("\n");
  }
  if (name === "yarn.lock") {
    const blocks = text.split(/\n(?=\S)/);
    const isIt = (block) => {
      const { name, version, isLater } = entryIn(block);
      return block.includes(`/-/${file}`) || (isLater && tarball(name, version) === file);
    };
    // Packages of several scopes may have tarballs of one name, of which one alone may be gone.
    const named = blocks.filter(isIt);
    const served = new Set();
    for (const block of named.length > 1 ? named : []) {
      const { name, version } = entryIn(block);
      if (name && (await isServed(placeOf(name, version)))) served.add(block);
    }
    const isGone = (block) => isIt(block) && (served.size === named.length || !served.has(block));
    const left = await Promise.all(blocks.map((block) => (isGone(block) ? replaced(block, text) : block)));
    return left.filter((block) => block !== undefined).join("\n");
  }
  const lock = JSON.parse(text);
  drop(lock.packages, file);
  drop(lock.dependencies, file);
  return JSON.stringify(lock, null, 2);
}

// What takes a lock file as far as it goes, and writes none.
function loosen() {
  if (words[0] === "ci") words.splice(0, 1, "install", "--no-save");
  const frozen = isPnpm ? ["--no-frozen-lockfile", "--fix-lockfile"] : ["--pure-lockfile"];
  const loose = { "--frozen-lockfile": frozen, "--immutable": ["--no-immutable"] };
  words = [].concat(...words.map((word) => loose[word] || word));
}

// Each package that a lock file names: whether it is foreign, and what it leads to.
function readLock(name, text) {
  const found = new Map();
  const add = (package_, where, needs) => {
    const entry = found.get(package_) || { foreign: false, needs: new Set() };
    entry.foreign = entry.foreign || where.some((place) => FOREIGN.test(String(place)));
    for (const need of needs) entry.needs.add(need);
    found.set(package_, entry);
  };
  if (name === "yarn.lock") {
    for (const block of text.split(/\n(?=\S)/)) {
      const [head, ...rest] = block.split("\n");
      const package_ = /^"?(@?[^@"\s]+)@/.exec(head);
      const needs = rest.map((line) => /^    "?(@?[^"\s]+)"? /.exec(line)).filter(Boolean);
      const where = rest.map((line) => /^  resolved "([^"]+)"/.exec(line)).filter(Boolean);
      if (package_) add(package_[1], where.map((found) => found[1]), needs.map((found) => found[1]));
    }
    return found;
  }
  const walk = (entries) => {
    for (const [place, entry] of Object.entries(entries || {})) {
      if (!place || !entry || typeof entry !== "object") continue;
      const needs = [entry.requires, entry.dependencies, entry.optionalDependencies];
      const names = [].concat(...needs.map((names) => Object.keys(Object(names))));
      add(place.split("node_modules/").pop(), [entry.version, entry.resolved], names);
      if (entry.requires) walk(entry.dependencies);
    }
  };
  const lock = JSON.parse(text);
  walk(lock.packages);
  walk(lock.dependencies);
  return found;
}

// What the manifest asks for that leads to something foreign.
function leadingOutside(manifest, found) {
  const known = new Map();
  const leads = (name) => {
    if (known.has(name)) return known.get(name);
    known.set(name, false);
    const entry = found.get(name);
    const is = Boolean(entry) && (entry.foreign || [...entry.needs].some(leads));
    known.set(name, is);
    return is;
  };
  const asked = MAPS.map((map) => Object.entries(Object(manifest[map])));
  return []
    .concat(...asked)
    .filter(([name, range]) => isOutside(range) || leads(name))
    .map(([name]) => name);
}

const isOutside = (range) => [FOREIGN, SHORTHAND].some((is) => is.test(String(range)));

// Takes what is to be had from outside instead of what is asked for out of a map of such, whoever
// asks for it; the names of those.
function unforce(forced) {
  const taken = [];
  for (const [name, range] of Object.entries(Object(forced))) {
    if (Object(range) === range) taken.push(...unforce(range));
    else if (isOutside(range)) {
      delete forced[name];
      taken.push(name);
    }
  }
  return taken;
}

// A lock file of yarn without the entries by which what is forced is had from outside: of a path of
// packages the last is forced, in whatever range (yarn documentation, "resolutions").
function within(text, forced) {
  const names = new Set(forced.map((key) => /((?:@[^/@]+\/)?[^/@]+)(?:@[^/]*)?$/.exec(key)).map((found) => found && found[1]));
  const isForced = (key) => {
    const [, name, range] = /^((?:@[^/@]+\/)?[^@/]+)@(.+)$/.exec(key) || [];
    return names.has(name) && isOutside(range);
  };
  const keys = (block) => block.split("\n")[0].replace(/:$/, "").replace(/"/g, "").split(", ");
  return text
    .split(/\n(?=\S)/)
    .filter((block) => !keys(block).some(isForced))
    .join("\n");
}

function leaveOut() {
  const [name] = locks;
  if (name === PNPMS || !isThere(MANIFEST)) return false;
  const manifest = read(".");
  // What is forced is asked for all the same, and had from the registry then.
  const forced = [...unforce(manifest.resolutions), ...unforce(manifest.overrides)];
  let text = name && fs.readFileSync(name, "utf8");
  if (name === "yarn.lock") text = within(text, forced);
  const found = name ? readLock(name, text) : new Map();
  const left = leadingOutside(manifest, found);
  if (!left.length && !forced.length) return false;
  console.log(`left out, since they lead to what no registry has: ${[...left, ...forced].join(", ")}`);
  for (const map of MAPS) for (const one of left) delete Object(manifest[map])[one];
  fs.writeFileSync(MANIFEST, JSON.stringify(manifest, null, 2));
  if (name) fs.writeFileSync(name, name === "yarn.lock" ? text : withoutForeign(JSON.parse(text)));
  loosen();
  return true;
}

// npm goes by what is locked, needed or not.
function withoutForeign(lock) {
  const strip = (entries) => {
    for (const [place, entry] of Object.entries(entries || {})) {
      if (!entry || typeof entry !== "object") continue;
      if (place && [entry.version, entry.resolved].some((where) => FOREIGN.test(String(where)))) delete entries[place];
      else strip(entry.dependencies);
    }
  };
  strip(lock.packages);
  strip(lock.dependencies);
  return JSON.stringify(lock, null, 2);
}

async function mend() {
  const swept = unwritten();
  let mended = leaveOut();
  let done = install();
  for (let tries = 0; done.status !== 0 && !done.signal && tries < MOST; tries += 1) {
    const said = done.stdout + done.stderr;
    let gone = toldBy(GONE, said);
    if (!gone.size && SOME_GONE.test(said) && isThere("yarn.lock"))
      gone = await goneOfAll(fs.readFileSync("yarn.lock", "utf8"));
    const isLess = await takeOut(toldBy(LACKING, said));
    const isUnlike = locks.length && (gone.size || (!mended && STALE.test(said)));
    if (!isLess && !isUnlike) break;
    for (const name of locks)
      for (const file of gone) fs.writeFileSync(name, await without(name, fs.readFileSync(name, "utf8"), file));
    if (!mended) loosen();
    mended = true;
    // No publisher's install began over what another had left half done.
    spawnSync("/bin/rm", ["-rf", "--", ...swept]);
    done = install();
  }
  // Where nothing is locked, no plan without this came before.
  if (mended || !locks.length) return done.status;
  console.error("nothing is gone of what is locked");
  return 1;
}

mend()
  .catch((error) => {
    console.error(error);
    return 1;
  })
  .then((status) => {
    // What ended by a signal, for want of memory say, has no status.
    let ended = Number.isInteger(status) ? status : 1;
    for (const putBack of putBacks.reverse()) {
      try {
        putBack();
      } catch (error) {
        console.error(error);
        ended = 1;
      }
    }
    process.exit(ended);
  });
