// Lock files of npm, yarn and pnpm, for the program that mends an install: what they name, what is
// left of one without a tarball that is gone and with what stands in for it, or without what no registry
// has.
"use strict";
const { AT_ONCE, isServed, nearest, placeOf, standIn, tarball, versions } = require("./registry.cjs");

const PNPMS = "pnpm-lock.yaml";
const YARNS = "yarn.lock";
// How a lock file of yarn 2 and later names what is from a registry.
const RESOLUTION = /^ {2}resolution: "((?:@[^/"]+\/)?[^@"]+)@npm:([^"]+)"$/m;
// How one of pnpm names a package, from its first format on: a place with a version, and the peers
// that it was installed beside.
const PNPM_KEY = /^ {2}['"]?\/?((?:@[^/]+\/)?[^@/'"]+)[@/]([^(_'":]+)/;
// And says what it is of, on one line or on several.
const PNPM_RESOLUTION = /^ {4}resolution:(?: \{.*\}|(?:\n {6}\S.*)+)$/m;

// What no registry has, as a lock file says where it is from: a URL that is no registry's
// tarball, or a place at a git host (npm documentation, "package.json", "dependencies").
const FOREIGN = /^(git[+:@]|github:|gitlab:|bitbucket:|gist:|https?:(?!.*\/(-|download)\/))/;
// And as a manifest alone does: an owner and a name, which are GitHub's.
const SHORTHAND = /^[\w.-]+\/[\w.-]+(#|$)/;

const isOutside = (range) => [FOREIGN, SHORTHAND].some((is) => is.test(String(range)));

// The version of a tarball of this package.
const versionOf = (name, file) => file.slice(name.split("/").pop().length + 1, -".tgz".length);

// What the registry says of a version's tarball (npm registry, "package metadata", `dist`).
async function integrityOf(name, version) {
  const { dist } = Object(Object(await versions(name))[version]);
  const { integrity, shasum } = Object(dist);
  // What was published before has a SHA-1 in hexadecimal alone.
  return integrity || (shasum && `sha1-${Buffer.from(String(shasum), "hex").toString("base64")}`);
}

// Where an entry of npm's lock files is from: the package there, which need not be the name that it
// is asked for by, and the tarball.
const NPM_RESOLVED = /\/((?:@[^/]+\/)?[^/]+)\/-\/([^/]+\.tgz)$/;
const resolvedBy = (entry) => NPM_RESOLVED.exec(String(Object(entry).resolved).replace(/%2f/i, "/")) || [];

// One of npm's lock files, which editors may have marked by its byte order.
function parsed(text) {
  try {
    return Object(JSON.parse(text.replace(/^\ufeff/, "")));
  } catch (error) {
    throw new Error(`the source's lock file of npm cannot be read: ${error.message}`);
  }
}

// The version that one says; of another name it is `npm:` and a name, too.
const versionIn = (entry) => String(entry.version).replace(/^npm:.*@/, "");

// Every entry of npm's lock files, nested or not, with what holds it.
function entriesOfNpms(lock) {
  const found = [];
  const walk = (entries) => {
    for (const [place, entry] of Object.entries(Object(entries))) {
      if (!entry || typeof entry !== "object") continue;
      found.push([entries, place, entry]);
      walk(entry.dependencies);
    }
  };
  walk(lock.packages);
  walk(lock.dependencies);
  return found;
}

// Of packages that have tarballs of one name, as several scopes may, those of which it is gone: where
// the registry has one of some, the others.
async function goneOf(names, file) {
  const all = [...new Set(names)];
  if (all.length < 2) return new Set(all);
  const served = new Set();
  for (const name of all) if (await isServed(placeOf(name, versionOf(name, file)))) served.add(name);
  return new Set(served.size === all.length ? all : all.filter((name) => !served.has(name)));
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
// What stands in for it keeps its version there, which yarn holds against the ranges that it is asked
// for by, and against nothing of the package.
async function entryOfYarn1(block, name, version, { dependencies, optionalDependencies }) {
  const optional = Object(optionalDependencies);
  const needed = ranges(dependencies).filter(([need]) => !has(optional, need));
  const [, place] = RESOLVED.exec(block);
  // Without a checksum there a yarn that asks for one would resolve it by the version that is gone.
  const integrity = await integrityOf(name, version);
  return [
    ...line(block, "version"),
    `  resolved "${place}${tarball(name, version)}"`,
    ...(integrity ? [`  integrity ${integrity}`] : []),
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
  const [, , earlier] = RESOLVED.exec(block.replace(/%2f/i, "/")) || [];
  const [, version] = /^ {2}version:? "?([^"\s]+)"?$/m.exec(block) || [];
  return { name: later || earlier, version, isLater: Boolean(later) };
}

// What a lock file names of the registry: names and versions, in those of npm and pnpm of what is for
// any machine.
function lockedIn(name, text) {
  if (name === PNPMS) {
    const blocks = text.split(/\n(?= {0,2}\S)/).filter((block) => !/^ {4}(os|cpu): /m.test(block));
    return blocks.map((block) => (PNPM_KEY.exec(block) || []).slice(1)).filter(([name]) => name);
  }
  if (name === YARNS) {
    const entries = text.split(/\n(?=\S)/).map(entryIn);
    return entries.filter(({ name, version }) => name && version).map(({ name, version }) => [name, version]);
  }
  return entriesOfNpms(parsed(text))
    .filter(([, , entry]) => !entry.os && !entry.cpu)
    .map(([, , entry]) => resolvedBy(entry))
    .filter(([, name]) => name)
    .map(([, name, file]) => [name, versionOf(name, file)]);
}

// The tarballs among these that the registry does not have.
async function goneAmong(versions) {
  const waiting = [...new Map(versions.map(([name, version]) => [placeOf(name, version), tarball(name, version)]))];
  const found = new Set();
  const ask = async () => {
    for (let next; (next = waiting.pop()); ) if (!(await isServed(next[0]))) found.add(next[1]);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return found;
}

// The tarballs of a lock file of yarn 2 that the registry does not have.
const goneOfAll = (text) => goneAmong(lockedIn(YARNS, text));

// Those of a lock file that are gone with these: packages of one repository are released at one version, and so
// they are gone, which installers say of one at a time.
async function goneWith(name, text, gone) {
  const locked = lockedIn(name, text);
  const versions = new Set(locked.filter(([name, version]) => gone.has(tarball(name, version))).map(([, version]) => version));
  return goneAmong(locked.filter(([, version]) => versions.has(version)));
}

// An entry of yarn's lock file with a version that stands in for its own; nothing where there is
// none, and yarn is to resolve it anew: what the newest of a range builds is not what was built.
async function replaced(block, text, file) {
  const { name, version, isLater } = entryIn(block);
  const gone = name && version && versionOf(name, file);
  const found = gone && (await standIn(name, gone));
  if (!found) return undefined;
  const manifest = Object((await versions(name))[found]);
  const [head] = block.split("\n");
  const entry = isLater ? entryOfLaterYarn : entryOfYarn1;
  console.log(`${name} ${gone} is gone: ${found} is taken`);
  return [head, ...(await entry(block, name, found, manifest, text)), ""].join("\n");
}

// The version that stands in for one that is gone in a lock file of pnpm, whose entries keep what is
// locked of what it needs: one of the same minor version or, failing that, the nearest of the same major.
async function standInWidely(name, gone) {
  const found = (await standIn(name, gone)) || (await nearest(name, gone));
  return found && found.split(".")[0] === gone.split(".")[0] ? found : undefined;
}

// The text of one of pnpm with what stands in for this tarball where its entries name it, or without
// them.
async function withoutInPnpms(text, file) {
  const blocks = text.split(/\n(?= {0,2}\S)/);
  const keyOf = (block) => PNPM_KEY.exec(block) || [];
  const isIt = (block) => {
    const [, name, version] = keyOf(block);
    // What stood in for another may be gone too.
    return name && (tarball(name, version) === file || block.includes(`/-/${file}}`));
  };
  // All that a version is told in goes with it: its place, and what it needs in another.
  const keys = new Set(blocks.filter(isIt).map((block) => keyOf(block).slice(1).join("@")));
  const named = blocks.map((block) => (keys.has(keyOf(block).slice(1).join("@")) ? keyOf(block)[1] : undefined));
  const taken = new Map();
  for (const name of await goneOf(named.filter(Boolean), file))
    taken.set(name, await standInWidely(name, versionOf(name, file)));
  const left = [];
  for (const [at, block] of blocks.entries()) {
    const name = named[at];
    if (!taken.has(name)) left.push(block);
    else if (taken.get(name)) left.push(await standingIn(block, name, versionOf(name, file), taken.get(name)));
  }
  return [left.join("\n"), taken.size ? left.length === blocks.length : undefined];
}

// The entry of a version that is gone with what it names in its place.
async function standingIn(block, name, gone, taken) {
  if (!PNPM_RESOLUTION.test(block)) return block;
  console.log(`${name} ${gone} is gone: ${taken} is taken`);
  const integrity = await integrityOf(name, taken);
  const said = [...(integrity ? [`integrity: ${integrity}`] : []), `tarball: ${placeOf(name, taken)}`];
  return block.replace(PNPM_RESOLUTION, () => `    resolution: {${said.join(", ")}}`);
}

// The same of yarn, with what stands in for them.
async function withoutInYarns(text, file) {
  const blocks = text.split(/\n(?=\S)/);
  const isIt = (block) => {
    const { name, version, isLater } = entryIn(block);
    return block.includes(`/-/${file}`) || (isLater && tarball(name, version) === file);
  };
  const named = blocks.filter(isIt);
  const names = named.map((block) => entryIn(block).name);
  // Of what has no name here there is nothing to ask.
  const gone = names.every(Boolean) ? await goneOf(names, file) : new Set(names);
  const isGone = (block) => isIt(block) && gone.has(entryIn(block).name);
  const left = await Promise.all(blocks.map((block) => (isGone(block) ? replaced(block, text, file) : block)));
  // What stands in needs what it needs itself, and has no checksum yet, so that yarn has to write.
  return [left.filter((block) => block !== undefined).join("\n"), named.length ? false : undefined];
}

// The same of npm; also of one that looks for what is locked by its version (up to npm 6).
async function withoutInNpms(text, file, isByVersion) {
  const lock = parsed(text);
  const isIt = ([, , entry]) => {
    const [, name, resolved] = resolvedBy(entry);
    return resolved === file || (isByVersion && name && tarball(name, versionIn(entry)) === file);
  };
  const named = entriesOfNpms(lock).filter(isIt);
  const gone = await goneOf(named.map(([, , entry]) => resolvedBy(entry)[1]), file);
  let isWhole = named.length ? true : undefined;
  for (const [entries, place, entry] of named) {
    const [, name] = resolvedBy(entry);
    if (!gone.has(name)) continue;
    const version = versionOf(name, file);
    const found = await standIn(name, version, true);
    if (found) {
      console.log(`${name} ${version} is gone: ${found} is taken`);
      // Else it keeps its version there, which npm holds against the ranges that it is asked for by, and
      // against nothing of the package.
      if (isByVersion) entry.version = String(entry.version).replace(versionIn(entry), found);
      entry.resolved = entry.resolved.replace(/[^/]+$/, tarball(name, found));
      entry.integrity = await integrityOf(name, found);
    } else {
      delete entries[place];
      isWhole = false;
    }
  }
  return [JSON.stringify(lock, null, 2), isWhole];
}

// The text of a lock file without a tarball that is gone, and whether something stands in for it
// wherever it was named; nothing of that where it was not named.
async function without(name, text, file, isByVersion) {
  const ways = { [PNPMS]: withoutInPnpms, [YARNS]: withoutInYarns };
  return (ways[name] || withoutInNpms)(text, file, isByVersion);
}

// Each package that a lock file of npm names: whether it is foreign, and what it leads to.
function readLock(text) {
  const found = new Map();
  const add = (package_, where, needs) => {
    const entry = found.get(package_) || { foreign: false, needs: new Set() };
    entry.foreign = entry.foreign || where.some((place) => FOREIGN.test(String(place)));
    for (const need of needs) entry.needs.add(need);
    found.set(package_, entry);
  };
  for (const [, place, entry] of entriesOfNpms(parsed(text))) {
    if (!place) continue;
    const needs = [entry.requires, entry.dependencies, entry.optionalDependencies];
    const names = [].concat(...needs.map((names) => Object.keys(Object(names))));
    add(place.split("node_modules/").pop(), [entry.version, entry.resolved], names);
  }
  return found;
}

// What an entry of yarn's lock file is asked for by: each a name, `@` and a range.
const keysOf = (block) => block.split("\n")[0].replace(/:$/, "").replace(/"/g, "").split(", ");
// Where yarn 1 says that it is from, and where later ones do.
const PLACES = [/^ {2}resolved "([^"]+)"$/m, /^ {2}resolution: "(?:@[^/"]+\/)?[^@"]+@([^"]+)"$/m];
// What one needs, as both write it; and the heads under which they do, where nothing is left there.
const NEED = /^ {4}"?(@?[^@"\s:]+)"?:? "?([^"]+)"?$/;
const EMPTY = /^ {2}(?:optionalD|d)ependencies:\n(?! {4})/gm;

// A lock file of yarn without what is from outside and without the needs that lead there, since yarn
// goes by what is locked of a package, and not by its manifest; and what all of it is asked for by, and
// what of that says so. What was only forced to be from there, or locked from there, is asked for
// all the same, and had from the registry then.
function withoutForeignInYarns(text) {
  const isForeign = (block) => PLACES.map((place) => place.exec(block)).some((found) => found && FOREIGN.test(found[1]));
  const blocks = text.replace(/\r\n/g, "\n").split(/\n(?=\S)/);
  const foreign = blocks.filter(isForeign);
  const keys = [].concat(...foreign.map(keysOf));
  const outside = new Set(keys.filter((key) => isOutside(key.slice(key.indexOf("@", 1) + 1))));
  const isKept = (line) => {
    const [, name, range] = NEED.exec(line) || [];
    return !outside.has(`${name}@${range}`);
  };
  const left = blocks.filter((block) => !isForeign(block)).join("\n").split("\n").filter(isKept);
  return { text: `${left.join("\n")}\n`.replace(EMPTY, "").slice(0, -1), outside, keys };
}

// npm goes by what is locked, needed or not.
function withoutForeignInNpms(text) {
  const lock = parsed(text);
  const isForeign = (entry) => [entry.version, entry.resolved].some((where) => FOREIGN.test(String(where)));
  for (const [entries, place, entry] of entriesOfNpms(lock)) if (place && isForeign(entry)) delete entries[place];
  return JSON.stringify(lock, null, 2);
}

module.exports = {
  PNPMS,
  YARNS,
  goneOfAll,
  goneWith,
  isOutside,
  readLock,
  without,
  withoutForeignInNpms,
  withoutForeignInYarns,
};
