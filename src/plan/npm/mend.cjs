// Installs what a source locks as far as it is to be had: a version that the registry has no
// more has the nearest to it of the same minor version stand in for it where there is one (in a lock
// file of pnpm of the same major one) and is resolved anew within its range where there is none, as is
// what the manifest asks for and the lock file does not have (a workspace's other packages, say). Of what the manifests ask for, a range of which no
// version is left becomes the nearest version that is, and that is left out which leads to something
// that no registry has (a git host's, or a package that is gone whole): no build may need it. Ends
// with an error where nothing was gone of what is locked, since then the plan without this came to
// the same. What it changes it puts back.
"use strict";
const fs = require("fs");
const path = require("path");
const { spawnSync } = require("child_process");
const {
  PNPMS,
  YARNS,
  goneOfAll,
  goneWith,
  isOutside,
  readLock,
  without,
  withoutForeignInNpms,
  withoutForeignInYarns,
} = require("./locks.cjs");
const { nearest, tarball } = require("./registry.cjs");
const { MAPS, keep, packages, read } = require("./shared.cjs");

const LOCKS = ["package-lock.json", "npm-shrinkwrap.json", YARNS];
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
  // (It says so of a tarball's address, too.)
  /\b404\b\s+'(@?[^@']+)@(?!https?:)[^']*' is not in this registry/g,
  /\b404\b\s+The requested resource '(@?[^@']+)@(?!https?:)[^']*' could not be found/g,
  /Couldn't find any versions for "(@?[^"]+)" that matches/g,
  /Couldn't find package "(@?[^"]+)" on the "npm" registry/g,
];
// Where npm up to 6 looks for what is locked by its version; and what later ones say of it before they
// install it all the same.
const NO_VERSION = /ERR! notarget No matching version found for (@?[^\s@]+)@(\d\S*?)\.?$/gm;
const BY_THE_WAY = /^npm warn old lockfile .*$/gim;
// As yarn 2 says it, without a name.
const SOME_GONE = /HTTPError: Response code 404/;
// Where the lock file does not have all that the manifests ask for, as npm, pnpm, yarn 1 and later yarns
// say it: lerna, for one, writes versions of a workspace's packages and no lock file.
const STALE =
  /package\.json and package-lock\.json .*are in sync|ERR_PNPM_OUTDATED_LOCKFILE|lockfile needs to be updated|lockfile would have been modified/;
const MANIFEST = "package.json";

const isThere = (file) => fs.existsSync(file);
let [program, ...words] = process.argv.slice(2);
const [, called] = /([^/]*)$/.exec(program);
const isPnpm = called === "pnpm";
// Of several lock files an installer goes by its own.
const OF_PROGRAM = { pnpm: [PNPMS], npm: LOCKS.filter((name) => name !== YARNS), yarn: [YARNS] };
const ownLocks = (OF_PROGRAM[called] || LOCKS).filter(isThere);
const locks = isPnpm || ownLocks.length ? ownLocks : LOCKS.filter(isThere);
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

// What stands in for a version has another one in its manifest than pnpm is told (pnpm documentation,
// "strictStorePkgContentCheck").
const OF_PNPM = {
  npm_config_strict_store_pkg_content_check: "false",
  pnpm_config_strict_store_pkg_content_check: "false",
};

// Takes the registries away that the source's scopes have of their own (npm documentation, "npmrc",
// "scope"), which are not there, so that what is asked for of them is looked for where all else is;
// whether there were any. No variable does: a shell that starts an installer keeps none with such a name.
const SETTINGS = ".npmrc";
const OF_SCOPE = /^[ \t]*@[^\s:=]+:registry[ \t]*=.*$/gm;
function leaveOutScopes() {
  const text = isThere(SETTINGS) ? fs.readFileSync(SETTINGS, "utf8") : "";
  const left = text.replace(OF_SCOPE, "");
  if (left === text) return false;
  putBacks.push(keep([SETTINGS]));
  fs.writeFileSync(SETTINGS, left);
  return true;
}

function install() {
  const env = Object.assign({}, process.env, isPnpm ? OF_PNPM : {});
  const done = spawnSync(program, words, { encoding: "utf8", maxBuffer: 1 << 28, env });
  process.stdout.write(done.stdout + done.stderr);
  return done;
}

// No publisher's install began over what another had left half done.
function installAnew(swept) {
  spawnSync("/bin/rm", ["-rf", "--", ...swept]);
  return install();
}

// What the installer says in one of these ways: tarballs that are gone, or packages.
function toldBy(ways, said) {
  const found = new Set();
  for (const words of ways) for (let one; (one = words.exec(said)); ) found.add(one[1]);
  return found;
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

// What takes a lock file as far as it goes, and writes none.
function loosen() {
  if (words[0] === "ci") words.splice(0, 1, "install", "--no-save");
  const frozen = isPnpm ? ["--no-frozen-lockfile", "--fix-lockfile"] : ["--pure-lockfile"];
  const loose = { "--frozen-lockfile": frozen, "--immutable": ["--no-immutable"] };
  words = [].concat(...words.map((word) => loose[word] || word));
}

// What a manifest asks for, as names and ranges.
const asked = (manifest) => [].concat(...MAPS.map((map) => Object.entries(Object(manifest[map]))));

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
  return asked(manifest)
    .filter(([name, range]) => isOutside(range) || leads(name))
    .map(([name]) => name);
}

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

// Leaves these out of a folder's manifest.
function writeWithout(folder, manifest, names) {
  for (const map of MAPS) for (const name of names) delete Object(manifest[map])[name];
  fs.writeFileSync(path.join(folder, MANIFEST), JSON.stringify(manifest, null, 2));
}

// Leaves out what a lock file of yarn has from outside, as the root's manifest asks for it or as one of
// the repository's packages does that has a version and that the lock file is of too.
function leaveOutOfYarns(manifest) {
  const { text, outside, keys } = withoutForeignInYarns(fs.readFileSync(YARNS, "utf8"));
  const left = asked(manifest).filter(([, range]) => isOutside(range)).map(([name]) => name);
  if (!left.length && !keys.length) return [];
  writeWithout(".", manifest, left);
  for (const folder of packages(".").values()) {
    const below = read(folder);
    const names = asked(below).filter(([name, range]) => outside.has(`${name}@${range}`)).map(([name]) => name);
    if (folder === "." || !names.length) continue;
    putBacks.push(keep([path.join(folder, MANIFEST)]));
    writeWithout(folder, below, names);
    left.push(...names);
  }
  fs.writeFileSync(YARNS, text);
  return [...new Set([...left, ...keys])];
}

// The same of npm, or where nothing is locked.
function leaveOutOfNpms(manifest, name, forced) {
  const text = name && fs.readFileSync(name, "utf8");
  const left = leadingOutside(manifest, name ? readLock(text) : new Map());
  if (!left.length && !forced.length) return [];
  writeWithout(".", manifest, left);
  if (name) fs.writeFileSync(name, withoutForeignInNpms(text));
  return left;
}

function leaveOut() {
  const [name] = locks;
  if (name === PNPMS || !isThere(MANIFEST)) return false;
  const manifest = read(".");
  // What is forced is asked for all the same, and had from the registry then.
  const forced = [...unforce(manifest.resolutions), ...unforce(manifest.overrides)];
  if (forced.length) writeWithout(".", manifest, []);
  const left = name === YARNS ? leaveOutOfYarns(manifest) : leaveOutOfNpms(manifest, name, forced);
  if (!left.length && !forced.length) return false;
  console.log(`left out, since they lead to what no registry has: ${[...left, ...forced].join(", ")}`);
  loosen();
  return true;
}

// Takes tarballs out of the lock files: whether one names any of them, and whether the same installs
// by them still, since something stands in for each.
async function strike(gone, isByVersion) {
  const ways = [];
  for (const name of locks) {
    const all = await goneWith(name, fs.readFileSync(name, "utf8"), gone);
    for (const file of new Set([...gone, ...all])) {
      const [text, isFilled] = await without(name, fs.readFileSync(name, "utf8"), file, isByVersion);
      if (isFilled === undefined) continue;
      fs.writeFileSync(name, text);
      ways.push(isFilled);
    }
  }
  return { isNamed: ways.length > 0, isWhole: ways.length > 0 && ways.every(Boolean) };
}

// Strikes what npm looks for by its version and does not find, and takes what was among these out of
// those that are lacking: it is installed otherwise now.
async function strikeByVersion(said, lacking) {
  const all = { isNamed: false, isWhole: true };
  for (let one; !isPnpm && (one = NO_VERSION.exec(said)); ) {
    const [, name, version] = one;
    const { isNamed, isWhole } = await strike(new Set([tarball(name, version)]), true);
    if (isNamed) lacking.delete(name);
    all.isNamed = all.isNamed || isNamed;
    all.isWhole = all.isWhole && (isWhole || !isNamed);
  }
  return all;
}

async function mend() {
  const swept = unwritten();
  let isLoose = leaveOut();
  let mended = isLoose;
  const struck = new Set();
  let done = install();
  const isUnscoped = done.status !== 0 && !done.signal && leaveOutScopes();
  if (isUnscoped) done = installAnew(swept);
  for (let tries = 0; done.status !== 0 && !done.signal && tries < MOST; tries += 1) {
    const said = (done.stdout + done.stderr).replace(BY_THE_WAY, "");
    let gone = toldBy(GONE, said);
    if (!gone.size && SOME_GONE.test(said) && isThere(YARNS))
      gone = await goneOfAll(fs.readFileSync(YARNS, "utf8"));
    const lacking = toldBy(LACKING, said);
    const byVersion = gone.size ? { isNamed: false } : await strikeByVersion(said, lacking);
    const isLess = await takeOut(lacking);
    // What fails otherwise by what stands in may do where no more than that is held to.
    const isStale = !isLoose && !byVersion.isNamed && (STALE.test(said) || (mended && !gone.size));
    if (!isLess && !byVersion.isNamed && !(locks.length && (gone.size || isStale))) break;
    // Up to 6 npm looks for what stands in by the version that is locked, too.
    const isAgain = [...gone].some((file) => struck.has(file));
    const { isNamed, isWhole } = byVersion.isNamed ? byVersion : await strike(gone, isAgain);
    for (const file of gone) struck.add(file);
    if (gone.size && !isNamed && isLoose && !isLess) break;
    if (!isLoose && !(isWhole && !isLess && !isStale)) {
      loosen();
      isLoose = true;
    }
    mended = true;
    done = installAnew(swept);
  }
  mended = mended || isUnscoped;
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
