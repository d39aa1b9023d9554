//! The order in which the publisher's file system listed folders, where npm packed files as
//! they are listed: npm 4 and before. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Facts;
use super::super::listing::Listing;
use super::Way;
use super::family;

/// Lists folders in that order, for the packer alone.
pub(super) const HOOK: (&str, &str) = ("listing.cjs", include_str!("listing.cjs"));

/// What the hook reads.
pub(super) const FILE: &str = "listing";

/// What that npm puts before all else in a folder, and `.js` files then (fstream-npm 1.2,
/// `fstream-npm.js`, `order`); the read-me file's name in capitals alone.
const FIRST: [&str; 7] = [
    "package.json",
    ".npmignore",
    ".gitignore",
    "README",
    "README.md",
    "LICENCE",
    "LICENSE",
];

/// The order, where this way packs in it and it is none that comes by itself.
pub(super) fn order(facts: &Facts<'_>, way: &Way<'_>) -> Option<Listing> {
    let npm = way.tools.npm.purl.version()?;
    let names: Vec<&str> = facts.stamps.iter().map(|s| s.name.as_str()).collect();
    if npm.as_str() == family::LISTS_FOLDERS && was_listed(&names) {
        Listing::of(facts, &names)
    } else {
        None
    }
}

/// Whether what is in a folder is neither first by npm's own rules nor sorted.
fn was_listed(names: &[&str]) -> bool {
    let mut last: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    names.iter().any(|name| {
        let ends = name.match_indices('/').map(|(at, _)| at);
        ends.chain([name.len()]).any(|end| {
            let entry = &name[..end];
            let (folder, file) = entry.rsplit_once('/').unwrap_or(("", entry));
            let place = (place_of(file), file);
            seen.insert(entry)
                && last
                    .insert(folder, place)
                    .is_some_and(|before| before > place)
        })
    })
}

fn place_of(file: &str) -> usize {
    let first = FIRST.iter().position(|name| *name == file);
    first.unwrap_or(FIRST.len() + usize::from(!file.ends_with(".js")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_npm_makes_of_sorted_names_tells_nothing() {
        for names in [
            &[
                "package.json",
                "README.md",
                "a.js",
                "b.js",
                ".travis.yml",
                "lib/a.js",
            ][..],
            &[
                "package.json",
                "LICENSE",
                "z.js",
                "lib/a.js",
                "lib/b.js",
                "test/a.js",
            ],
            &["lib/a.js", "lib/sub/a.js", "lib/z.txt"],
        ] {
            assert!(!was_listed(names), "{names:?}");
        }
        for names in [
            &["package.json", "b.js", "a.js"][..],
            &["package.json", "a.js", "test/a.js", "lib/a.js"],
            &["lib/z.txt", "lib/sub/a.js"],
            &["package.json", "readme.md", "license"],
        ] {
            assert!(was_listed(names), "{names:?}");
        }
    }
}
