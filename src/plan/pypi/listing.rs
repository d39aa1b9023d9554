//! The order in which the publisher's file system listed its folders, where a backend packs
//! files as they are listed. Pure.
//!
//! The build gets the order and no names: each is told as a digest that is keyed with the
//! artifact's own, so that a name means nothing to a build that has no such file, and nobody can
//! look for names whose digests say something. What is left is an order of files that the build
//! has, of so few that it says no more than some two hundred bytes.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Facts;
use super::backend::Backend;
use crate::model::{Digest, Sha256Digest};

/// Lists folders in that order, for the build steps alone.
pub(super) const HOOK: &str = include_str!("listing.py");

/// What the hook reads.
pub(super) const FILE: &str = "hooks/listing";

/// The most files whose order is written into a plan. What lists folders so are old
/// backends, and their wheels are small. An order of so many is one of 256!, which is 1684 bits.
const MAX_FILES: usize = 256;

/// How many hexadecimal digits of a digest tell files apart, which are some hundreds.
const DIGITS: usize = 16;

/// An order of files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// What the hook reads: the key, and the digests of names in their order.
    pub(super) text: String,
    /// How many files it orders.
    pub(super) files: usize,
}

impl Listing {
    fn new(names: &[&str], key: Sha256Digest) -> Self {
        let mut told = BTreeSet::new();
        let mut lines = vec![key.to_string()];
        for name in names {
            // Folders are listed too.
            let ends = name.match_indices('/').map(|(at, _)| at);
            for end in ends.chain([name.len()]) {
                if told.insert(&name[..end]) {
                    lines.push(masked(&name[..end], key));
                }
            }
        }
        Self {
            text: lines.join("\n"),
            files: names.len(),
        }
    }
}

/// A name as the hook looks for it.
fn masked(name: &str, key: Sha256Digest) -> String {
    let mut digest = Sha256Digest::of(format!("{key} {name}")).to_string();
    digest.truncate(DIGITS);
    digest
}

/// The folder of a wheel that backends write in an order of their own.
const METADATA: &str = ".dist-info";

/// The wheel's files in the order in which they were listed, where that is none that a
/// backend makes.
pub(super) fn order(facts: &Facts<'_>, backend: Backend, version: &str) -> Option<Listing> {
    let record = facts
        .members
        .iter()
        .find_map(|(name, bytes)| name.ends_with(".dist-info/RECORD").then_some(bytes))?;
    let names = recorded(str::from_utf8(record).ok()?)?;
    let members: BTreeSet<&str> = facts.stamps.iter().map(|s| s.name.as_str()).collect();
    let are_files = names.iter().all(|name| members.contains(name));
    let is_told = are_files && was_listed(&names, backend.lists_metadata(version));
    let sha256 = |digest: &Digest| match digest {
        Digest::Sha256(digest) => Some(*digest),
        Digest::Sha512(_) => None,
    };
    let key = facts.artifact.digests.iter().find_map(sha256)?;
    is_told.then(|| Listing::new(&names, key))
}

/// The names in `RECORD`, which is written while files are walked, also where the archive's
/// own order is another one (binary distribution format, "The .dist-info directory": path,
/// digest and size, separated by commas). None where one is quoted.
fn recorded(record: &str) -> Option<Vec<&str>> {
    let name = |line| Some(str::split_once(line, ',')?.0);
    record
        .lines()
        .map(|line| name(line).filter(|name| !name.starts_with('"')))
        .collect()
}

/// Files of one folder that are not sorted were listed. `lists_metadata` where the backend
/// has its own folder listed too, so that no order is a sign.
fn was_listed(names: &[&str], lists_metadata: bool) -> bool {
    if names.len() > MAX_FILES {
        return false;
    }
    let mut last = BTreeMap::new();
    let mut is_listed = lists_metadata;
    for name in names {
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
        let top = folder.split('/').next().unwrap_or(folder);
        let before = last.insert(folder, file);
        is_listed |= !top.ends_with(METADATA) && before.is_some_and(|before| before > file);
    }
    is_listed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_folder_that_are_not_sorted_are_as_they_were_listed() {
        let listed = |names: &[&str]| was_listed(names, false);
        assert!(listed(&["d/b.py", "d/a.py"]));
        assert!(!listed(&["d/a.py", "d/b.py"]));
        // Folders follow one another in many orders.
        assert!(!listed(&["d/b.py", "a/z.py", "d/e/a.py"]));
        assert!(listed(&["b.py", "a.py"]));
    }

    #[test]
    fn a_backend_orders_its_own_folder_itself_unless_it_lists_that_too() {
        let names = ["d/a.py", "d-1.dist-info/WHEEL", "d-1.dist-info/METADATA"];
        assert!(!was_listed(&names, false));
        assert!(was_listed(&names, true));
        assert!(Backend::Poetry.lists_metadata("1.4.2"));
        assert!(!Backend::Poetry.lists_metadata("1.5.0"));
        assert!(!Backend::Poetry.lists_metadata("no version"));
        assert!(!Backend::Flit.lists_metadata("1.4.2"));
    }

    #[test]
    fn an_order_of_too_many_files_is_not_taken() {
        let names: Vec<String> = (0..=MAX_FILES).rev().map(|i| i.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(!was_listed(&names, false));
        assert!(was_listed(&names[1..], false));
    }

    #[test]
    fn a_build_is_told_an_order_and_no_names() {
        let key = Sha256Digest::of("one");
        let listing = Listing::new(&["d/message.py", "d/a.py"], key);
        assert_eq!(listing.files, 2);
        let lines: Vec<&str> = listing.text.lines().collect();
        let masks = ["d", "d/message.py", "d/a.py"].map(|name| masked(name, key));
        assert_eq!(lines[0], key.to_string());
        assert_eq!(lines[1..], masks);
        assert!(!listing.text.contains("message"));
        // The same name is told otherwise of another artifact.
        assert_ne!(masked("d", key), masked("d", Sha256Digest::of("two")));
    }

    #[test]
    fn names_are_read_out_of_record_and_none_where_one_is_quoted() {
        let record = "d/b.py,sha256=x,1\nd/a.py,,\n";
        assert_eq!(recorded(record), Some(vec!["d/b.py", "d/a.py"]));
        assert_eq!(recorded("\"d/a,b.py\",sha256=x,1\n"), None);
        assert_eq!(recorded("no comma\n"), None);
    }
}
