//! The order in which npm 5 packs. Pure.

use std::cmp::Ordering;

use crate::store::archive::MemberStamp;

/// Marks that are no letters and no digits, in the order in which they come before those
/// (Unicode Technical Standard #10, "Default Unicode Collation Element Table"; CLDR, "Root
/// Collation").
const MARKS: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Whether members come as npm 5 sorts them: `package.json`, then what is not in a folder, then
/// the rest, each as `localeCompare` has it (npm-packlist 1.1, `sort`).
pub(super) fn is_of_npm_5(stamps: &[MemberStamp]) -> bool {
    let names = stamps.iter().map(|stamp| stamp.name.as_str());
    names
        .skip_while(|name| *name == "package.json")
        .is_sorted_by(|a, b| compare(a, b).is_le())
}

fn compare(a: &str, b: &str) -> Ordering {
    let is_nested = |name: &str| name.contains('/');
    is_nested(a)
        .cmp(&is_nested(b))
        .then_with(|| weights(a).cmp(weights(b)))
}

/// What letters weigh without regard to case.
fn weights(name: &str) -> impl Iterator<Item = (usize, char)> {
    let weight = |letter: char| match MARKS.chars().position(|mark| mark == letter) {
        Some(place) => (place, ' '),
        None => (MARKS.len(), letter),
    };
    name.chars().flat_map(char::to_lowercase).map(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_sorted(names: &[&str]) -> bool {
        let stamps: Vec<MemberStamp> = names
            .iter()
            .map(|name| MemberStamp {
                name: (*name).to_owned(),
                mtime: 0,
                mode: 0o644,
            })
            .collect();
        is_of_npm_5(&stamps)
    }

    #[test]
    fn npm_5_sorts_without_regard_to_case_and_what_is_in_folders_last() {
        let packed = [
            "package.json",
            ".travis.yml",
            "license.txt",
            "README.md",
            "tsconfig.json",
            "dist/a_b.js",
            "dist/a-b.js",
            "dist/a.js",
            "dist/a/b.js",
            "dist/a1.js",
        ];
        assert!(is_sorted(&packed));
        assert!(!is_sorted(&["package.json", "dist/a.js", "license.txt"]));
        assert!(!is_sorted(&["package.json", "README.md", "license.txt"]));
        assert!(!is_sorted(&["package.json", "dist/a1.js", "dist/a.js"]));
    }
}
