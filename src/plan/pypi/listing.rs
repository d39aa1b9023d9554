//! The order in which the publisher's file system listed its folders, where a backend packs
//! files as they are listed. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Facts;
use super::super::listing::{Listing, MAX_FILES};
use super::backend::Backend;

/// Lists folders in that order, for the build steps alone.
pub(super) const HOOK: &str = include_str!("listing.py");

/// What the hook reads.
pub(super) const FILE: &str = "hooks/listing";

/// The folder of a wheel that backends write in an order of their own.
const METADATA: &str = ".dist-info";

/// The wheel's files in the order in which they were listed, where that is none that a
/// backend makes.
pub(super) fn order(facts: &Facts<'_>, backend: Backend, version: &str) -> Option<Listing> {
    let members: Vec<&str> = facts.stamps.iter().map(|s| s.name.as_str()).collect();
    let names = if backend.lists_archive(version) {
        members.clone()
    } else {
        let is_record = |name: &str| name.ends_with(".dist-info/RECORD");
        let (_, record) = facts.members.iter().find(|(name, _)| is_record(name))?;
        recorded(str::from_utf8(record).ok()?)?
    };
    let members: BTreeSet<&str> = members.into_iter().collect();
    let are_files = names.iter().all(|name| members.contains(name));
    let is_told = are_files && was_listed(&names, backend.lists_metadata(version));
    if is_told {
        Listing::of(facts, &names)
    } else {
        None
    }
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
    fn names_are_read_out_of_record_and_none_where_one_is_quoted() {
        let record = "d/b.py,sha256=x,1\nd/a.py,,\n";
        assert_eq!(recorded(record), Some(vec!["d/b.py", "d/a.py"]));
        assert_eq!(recorded("\"d/a,b.py\",sha256=x,1\n"), None);
        assert_eq!(recorded("no comma\n"), None);
    }
}
