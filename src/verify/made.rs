//! What texts of the artifact that the source does not hold tell of the build that made them.
//! Reads the checkout alone; imports `plan`, `store` and `model`.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::tree::{metadata_inside, package_folder, read_inside};
use crate::model::{Ecosystem, Source};
use crate::plan;
use crate::store::archive::{LineEnds, MemberContent, Years, first_time};

/// How long before its commit what is committed may have been built, and how long after it a
/// release is, in seconds.
const BEFORE_COMMIT: i64 = 24 * 3600;
const AFTER_COMMIT: i64 = 30 * 24 * 3600;

/// The artifact's files beside the checkout's.
pub(super) struct Beside<'a> {
    pub(super) source: &'a Source,
    /// The checkout.
    pub(super) tree: &'a Path,
    pub(super) ecosystem: Ecosystem,
    /// What is known of the artifact's files, by their names.
    pub(super) published: &'a BTreeMap<String, MemberContent>,
}

/// Whether a path is that of declarations that `downlevel-dts` writes for an older TypeScript, by
/// convention into a folder with its name and version: their lines end with CRLF on every system
/// (downlevel-dts, `index.js`, `createPrinter`).
fn is_downleveled(path: &str) -> bool {
    let is_version = |text: &str| text.split('.').all(|part| part.parse::<u32>().is_ok());
    let mut folders = path.split('/');
    path.ends_with(".d.ts")
        && folders.any(|folder| folder.strip_prefix("ts").is_some_and(is_version))
}

impl Beside<'_> {
    /// How many files of the artifact are copies of none of the checkout, neither in the
    /// package's folder nor, as publishing tools take licences, at the root.
    pub(super) fn files(&self) -> usize {
        self.count(
            |_| true,
            |folder, path| self.is_made(folder, path) && self.is_made(self.tree, path),
        )
    }

    /// How many texts of the artifact have CRLF and are copies of no file of the checkout, but for
    /// those that have it wherever they are made.
    pub(super) fn with_crlf(&self) -> usize {
        self.count(
            |content| content.ends == LineEnds::Crlf,
            |folder, path| !is_downleveled(path) && self.is_made(folder, path),
        )
    }

    /// How many texts of the artifact name the year of the source's commit, where the file of
    /// the checkout that they are copies of, if any, does not.
    pub(super) fn with_year(&self) -> usize {
        let Some(year) = commit_year(self.source) else {
            return 0;
        };
        self.count(
            |content| content.years.has(year),
            |folder, path| !self.names(folder, path, |text| Years::of(text).has(year)),
        )
    }

    /// The time of day, in seconds since the Unix epoch, that most texts of the artifact name
    /// where they begin, of those that are copies of no file of the checkout that names it; of
    /// several the earliest. It is one at which a release of the source's commit may have been
    /// built.
    pub(super) fn at(&self) -> Option<i64> {
        let Source::Git { git, .. } = self.source else {
            return None;
        };
        let earliest = git.commit_time.saturating_sub(BEFORE_COMMIT);
        let may_be = earliest..=git.commit_time.saturating_add(AFTER_COMMIT);
        let folder = package_folder(self.source, self.tree);
        let mut times: BTreeMap<i64, usize> = BTreeMap::new();
        for (member, content) in self.published {
            if let Some(time) = content.time.filter(|time| may_be.contains(time))
                && let Some(path) = plan::source_of_member(self.ecosystem, member)
                && !self.names(&folder, path, |text| first_time(text) == Some(time))
            {
                *times.entry(time).or_default() += 1;
            }
        }
        let latest_first = times.into_iter().rev();
        latest_first
            .max_by_key(|(_, count)| *count)
            .map(|(time, _)| time)
    }

    /// Whether a file that this path of the artifact could be a copy of is such.
    fn names(&self, folder: &Path, path: &str, is_such: impl Fn(&[u8]) -> bool) -> bool {
        let places = plan::places(self.ecosystem, path).into_iter();
        let mut copied = places.filter_map(|place| read_inside(self.tree, &folder.join(place)));
        copied.any(|bytes| is_such(&bytes))
    }

    /// How many of the artifact's files are such, by their content and by where in the package's
    /// folder they would be copied from.
    fn count(
        &self,
        content_is: impl Fn(&MemberContent) -> bool,
        place_is: impl Fn(&Path, &str) -> bool,
    ) -> usize {
        let folder = package_folder(self.source, self.tree);
        self.published
            .iter()
            .filter(|(_, content)| content_is(content))
            .filter_map(|(member, _)| plan::source_of_member(self.ecosystem, member))
            .filter(|path| place_is(&folder, path))
            .count()
    }

    /// Whether nothing in the folder is what this path of the artifact could be a copy of.
    fn is_made(&self, folder: &Path, path: &str) -> bool {
        let mut places = plan::places(self.ecosystem, path).into_iter();
        !places.any(|place| metadata_inside(self.tree, &folder.join(place)).is_some())
    }
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
            time: first_time(text.as_bytes()),
        }
    }

    fn beside<'a>(
        source: &'a Source,
        tree: &'a tempfile::TempDir,
        published: &'a BTreeMap<String, MemberContent>,
    ) -> Beside<'a> {
        Beside {
            source,
            tree: tree.path(),
            ecosystem: Ecosystem::Npm,
            published,
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
            // What has it everywhere.
            ("types/ts3.4/b.d.ts".to_owned(), content("b\r\n")),
        ]);
        let source = Source::Sdist {
            sdist: SdistSource {
                name: "x".into(),
                sha256: Sha256Digest::of(b"x"),
            },
            evidence: vec![],
        };
        let beside = beside(&source, &tree, &published);
        assert_eq!(beside.with_crlf(), 1);
        assert_eq!(beside.with_year(), 0);
    }

    #[test]
    fn declarations_in_a_folder_of_an_older_typescript_are_downleveled() {
        assert!(is_downleveled("types/ts3.4/deep/a.d.ts"));
        assert!(is_downleveled("ts4/a.d.ts"));
        for other in [
            "types/a.d.ts",
            "ts3.4/a.js",
            "ts3.x/a.d.ts",
            "ts/a.d.ts",
            "ts3.4.d.ts",
        ] {
            assert!(!is_downleveled(other), "{other}");
        }
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
            beside(&source, &tree, &published).files()
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
            beside(&source, &tree, &published).with_year()
        };
        assert_eq!(years("a.js", "// 2019-2024"), 1);
        assert_eq!(years("a.js", "// 2019-2023"), 0);
        assert_eq!(years("b.js", "// 2019-2024"), 1);
        std::fs::write(tree.path().join("b.js"), "// 2024").expect("write");
        assert_eq!(years("b.js", "// 2019-2024"), 0);
    }

    #[test]
    fn the_time_that_most_of_what_was_made_names_is_when_it_was_built() {
        let tree = checkout("b.js", "// 2024-01-02T00:00Z");
        let at = |texts: &[(&str, &str)]| {
            let source = git_source("");
            let named = |(name, text): &(&str, &str)| ((*name).to_owned(), content(text));
            let published = texts.iter().map(named).collect();
            beside(&source, &tree, &published).at()
        };
        let day = 24 * 3600;
        let commit = 1_704_067_200;
        let (second, third) = ("// 2024-01-02T00:00Z", "// 2024-01-03T00:00Z");
        assert_eq!(at(&[("a.js", second)]), Some(commit + day));
        let two = [("a.js", second), ("c.js", third)];
        assert_eq!(at(&two), Some(commit + day));
        let three = [("a.js", second), ("c.js", third), ("d.js", third)];
        assert_eq!(at(&three), Some(commit + 2 * day));
        // The checkout has it, or it is not of this release.
        assert_eq!(at(&[("b.js", second)]), None);
        assert_eq!(at(&[("a.js", "// 2023-12-30T00:00Z")]), None);
        assert_eq!(at(&[("a.js", "// 2024-02-01T00:00Z")]), None);
        assert_eq!(
            at(&[("a.js", "// 2024-01-31T00:00Z")]),
            Some(commit + 30 * day)
        );
    }
}
