//! What texts of the artifact that the source does not hold tell of the build that made them.
//! Reads the checkout alone; imports `plan`, `store` and `model`.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::tree::{package_folder, read_inside};
use crate::model::{Ecosystem, Source};
use crate::plan;
use crate::store::archive::{LineEnds, MemberContent, Years};

/// How many files of the artifact are copies of none of the checkout, neither in the package's
/// folder nor, as publishing tools take licences, at the root.
pub(super) fn files(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
    published: &BTreeMap<String, MemberContent>,
) -> usize {
    let folder = package_folder(source, tree);
    published
        .keys()
        .filter_map(|member| plan::source_of_member(ecosystem, member))
        .filter(|path| is_made(ecosystem, &folder, path) && is_made(ecosystem, tree, path))
        .count()
}

/// How many texts of the artifact have CRLF and are copies of no file of the checkout.
pub(super) fn with_crlf(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
    published: &BTreeMap<String, MemberContent>,
) -> usize {
    let folder = package_folder(source, tree);
    published
        .iter()
        .filter(|(_, content)| content.ends == LineEnds::Crlf)
        .filter_map(|(member, _)| plan::source_of_member(ecosystem, member))
        .filter(|path| is_made(ecosystem, &folder, path))
        .count()
}

/// Whether nothing in the folder is what this path of the artifact could be a copy of.
fn is_made(ecosystem: Ecosystem, folder: &Path, path: &str) -> bool {
    let mut places = plan::places(ecosystem, path).into_iter();
    !places.any(|place| folder.join(place).symlink_metadata().is_ok())
}

/// How many texts of the artifact name the year of the source's commit, where the file of the
/// checkout that they are copies of, if any, does not.
pub(super) fn with_year(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
    published: &BTreeMap<String, MemberContent>,
) -> usize {
    let Some(year) = commit_year(source) else {
        return 0;
    };
    let folder = package_folder(source, tree);
    let has_it = |path: &str| {
        let places = plan::places(ecosystem, path).into_iter();
        let mut copied = places.filter_map(|place| read_inside(tree, &folder.join(place)));
        copied.any(|bytes| Years::of(&bytes).has(year))
    };
    published
        .iter()
        .filter(|(_, content)| content.years.has(year))
        .filter_map(|(member, _)| plan::source_of_member(ecosystem, member))
        .filter(|path| !has_it(path))
        .count()
}

fn commit_year(source: &Source) -> Option<i16> {
    match source {
        Source::Git { git, .. } => {
            let time = Timestamp::from_second(git.commit_time).ok()?;
            Some(time.to_zoned(TimeZone::UTC).year())
        }
        Source::Sdist { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BlobId, CommitId, GitSource, SdistSource, Sha256Digest};

    fn content(text: &str) -> MemberContent {
        MemberContent {
            blob: BlobId::from_bytes([0; 20]),
            ends: LineEnds::of(text.as_bytes()),
            years: Years::of(text.as_bytes()),
        }
    }

    fn checkout(name: &str, text: &str) -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("temp");
        std::fs::write(tree.path().join(name), text).expect("write");
        tree
    }

    /// A commit of 2024-01-01T00:00:00Z, and the package in this folder.
    fn git_source(directory: &str) -> Source {
        Source::Git {
            git: GitSource {
                repository: "https://git.example/demo".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse::<CommitId>().expect("valid"),
                commit_time: 1_704_067_200,
                tag: None,
                directory: directory.into(),
            },
            evidence: vec![],
        }
    }

    #[test]
    fn crlf_of_what_the_checkout_has_is_none_that_was_made() {
        let tree = checkout("a.js", "a\n");
        let published = BTreeMap::from([
            ("a.js".to_owned(), content("a\r\n")),
            ("b.d.ts".to_owned(), content("b\r\n")),
            ("c.js".to_owned(), content("c\n")),
        ]);
        let source = Source::Sdist {
            sdist: SdistSource {
                name: "x".into(),
                sha256: Sha256Digest::of(b"x"),
            },
            evidence: vec![],
        };
        let made = with_crlf(&source, tree.path(), Ecosystem::Npm, &published);
        assert_eq!(made, 1);
        assert_eq!(
            with_year(&source, tree.path(), Ecosystem::Npm, &published),
            0
        );
    }

    #[test]
    fn what_is_in_the_packages_folder_or_at_the_root_was_not_made() {
        let tree = checkout("LICENSE", "x");
        std::fs::create_dir_all(tree.path().join("packages/x")).expect("a folder");
        std::fs::write(tree.path().join("packages/x/a.js"), "a").expect("write");
        let source = git_source("packages/x");
        let made = |names: &[&str]| {
            let published = names.iter().map(|name| ((*name).to_owned(), content("x")));
            let published = published.collect();
            files(&source, tree.path(), Ecosystem::Npm, &published)
        };
        assert_eq!(made(&["LICENSE", "a.js"]), 0);
        assert_eq!(made(&["LICENSE", "a.js", "dist/a.js", "b.js"]), 2);
    }

    #[test]
    fn the_commits_year_counts_where_the_checkout_does_not_name_it() {
        let tree = checkout("b.js", "// 2019-2023");
        let years = |name: &str, text: &str| {
            let source = git_source("");
            let published = BTreeMap::from([(name.to_owned(), content(text))]);
            with_year(&source, tree.path(), Ecosystem::Npm, &published)
        };
        assert_eq!(years("a.js", "// 2019-2024"), 1);
        assert_eq!(years("a.js", "// 2019-2023"), 0);
        assert_eq!(years("b.js", "// 2019-2024"), 1);
        std::fs::write(tree.path().join("b.js"), "// 2024").expect("write");
        assert_eq!(years("b.js", "// 2019-2024"), 0);
    }
}
