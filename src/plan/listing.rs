//! The order of an artifact's files, as a build may be told it: which of two comes first in a
//! folder that both are in. Pure.
//!
//! The build gets the order and no names: each is told as a digest that is keyed with the
//! artifact's own, so that a name means nothing to a build that has no such file, and nobody can
//! look for names whose digests say something. What is left is an order of files that the build
//! has, of so few that it says no more than some two hundred bytes.

use std::collections::BTreeSet;

use super::Facts;
use crate::model::{Digest, Sha256Digest};

/// The most files whose order is written into a plan. What lists folders so are old
/// packers, and their packages are small. An order of so many is one of 256!, which is 1684 bits.
pub(super) const MAX_FILES: usize = 256;

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
    /// The order of these names, which are the artifact's; none where they are too many.
    pub(super) fn of(facts: &Facts<'_>, names: &[&str]) -> Option<Self> {
        if names.len() > MAX_FILES {
            return None;
        }
        let key = facts.artifact.digests.first()?;
        Some(Self::new(
            names,
            &match key {
                Digest::Sha256(digest) => digest.to_string(),
                Digest::Sha512(digest) => digest.to_string(),
            },
        ))
    }

    fn new(names: &[&str], key: &str) -> Self {
        let mut told = BTreeSet::new();
        let mut lines = vec![key.to_owned()];
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

/// A name as a hook looks for it.
fn masked(name: &str, key: &str) -> String {
    let mut digest = Sha256Digest::of(format!("{key} {name}")).to_string();
    digest.truncate(DIGITS);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_an_order_and_no_names() {
        let listing = Listing::new(&["d/message.py", "d/a.py"], "one");
        assert_eq!(listing.files, 2);
        let lines: Vec<&str> = listing.text.lines().collect();
        let masks = ["d", "d/message.py", "d/a.py"].map(|name| masked(name, "one"));
        assert_eq!(lines[0], "one");
        assert_eq!(lines[1..], masks);
        assert!(!listing.text.contains("message"));
        // The same name is told otherwise of another artifact.
        assert_ne!(masked("d", "one"), masked("d", "two"));
    }

    #[test]
    fn an_order_of_too_many_files_is_not_told() {
        let names: Vec<String> = (0..=MAX_FILES).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let told = |names: &[&str]| {
            super::super::testing::Situation::npm()
                .with_facts(|facts| Listing::of(facts, names).map(|listing| listing.files))
        };
        assert_eq!(told(&names), None);
        assert_eq!(told(&names[1..]), Some(MAX_FILES));
    }
}
