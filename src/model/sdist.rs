//! What ties a release's source distribution to the commit that its tag names: a link of
//! its own beside the verdict on what is installed, and never a part of one.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{CommitId, GitSource, Sha256Digest, Source};

/// What may have written a file of a source distribution that the commit does not have.
/// A closed list: each is told by its place and by what it may hold, and none of it runs
/// anything that the commit does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packer {
    /// `PKG-INFO`, whose requirements are those of the wheel.
    CoreMetadata,
    /// Text files of setuptools in `.egg-info`.
    EggInfo,
    /// The `setup.cfg` of the commit with setuptools' section `egg_info`.
    SetupCfg,
    /// A `setup.py` of literals alone, as poetry and flit write it for old clients.
    SetupPy,
    /// The version, in a file that a manifest of the commit names.
    VersionFile,
    /// The `pyproject.toml` of the commit with the version written out.
    Pyproject,
    /// pbr's lists of authors and changes.
    Pbr,
}

impl Packer {
    /// The name in records and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CoreMetadata => "core-metadata",
            Self::EggInfo => "egg-info",
            Self::SetupCfg => "setup-cfg",
            Self::SetupPy => "setup-py",
            Self::VersionFile => "version-file",
            Self::Pyproject => "pyproject",
            Self::Pbr => "pbr",
        }
    }
}

/// A file of a source distribution that is not the commit's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayFile {
    /// Its path below the archive's folder.
    pub path: String,
    /// SHA-256 of its content (of a link's target).
    pub sha256: Sha256Digest,
}

/// Files that are not the commit's: how many, and the first by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strays {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub first: Vec<StrayFile>,
}

impl Strays {
    /// How many are named: a person reads these, and the digests find the rest.
    pub const NAMED: usize = 20;

    /// Adds one.
    pub fn add(&mut self, file: StrayFile) {
        self.count += 1;
        if self.first.len() < Self::NAMED {
            self.first.push(file);
        }
    }
}

/// How many files one packer wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackerCount {
    /// Which.
    pub by: Packer,
    /// How many.
    pub files: usize,
}

/// What came of holding the files of a source distribution against those of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldFiles {
    /// The upstream address.
    pub repository: String,
    /// The commit.
    pub commit: CommitId,
    /// The tag that names the version, where there is one.
    pub tag: Option<String>,
    /// The package's folder below the repository's root; empty for the root.
    pub directory: String,
    /// Files and links of the source distribution.
    pub files: usize,
    /// Those with the commit's bytes at the same path.
    pub same: usize,
    /// Those whose lines are the commit's and end otherwise.
    pub line_ends: usize,
    /// Those that a packer writes, which the commit does not vouch for.
    pub generated: Vec<PackerCount>,
    /// Those whose content is not that of the commit's file.
    pub changed: Strays,
    /// Those that the commit does not have.
    pub unknown: Strays,
    /// Those that are executable and are not in the commit.
    pub made_executable: Strays,
    /// Files of the package's folder that the source distribution leaves out.
    pub left_out: usize,
}

impl HeldFiles {
    /// Nothing held against it yet.
    pub fn against(git: &GitSource) -> Self {
        Self {
            repository: git.repository.clone(),
            commit: git.commit.clone(),
            tag: git.tag.clone(),
            directory: git.directory.clone(),
            files: 0,
            same: 0,
            line_ends: 0,
            generated: vec![],
            changed: Strays::default(),
            unknown: Strays::default(),
            made_executable: Strays::default(),
            left_out: 0,
        }
    }

    /// Whether every file is the commit's or a packer's.
    pub const fn is_whole(&self) -> bool {
        self.changed.count == 0 && self.unknown.count == 0 && self.made_executable.count == 0
    }

    /// Counts a file that a packer wrote.
    pub fn add_generated(&mut self, by: Packer) {
        match self.generated.iter_mut().find(|count| count.by == by) {
            Some(count) => count.files += 1,
            None => self.generated.push(PackerCount { by, files: 1 }),
        }
    }
}

/// The link from a source distribution to a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "link", rename_all = "kebab-case")]
pub enum CommitLink {
    /// Its files were held against those of a commit.
    Held(Box<HeldFiles>),
    /// They were not, so that nothing says what it was made from.
    NotHeld {
        /// Why.
        reason: String,
    },
}

/// A release's source distribution beside the commit that its tag names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SdistLink {
    /// The file's name.
    pub name: String,
    /// SHA-256 of the whole file, where it could be had.
    pub sha256: Option<Sha256Digest>,
    /// What ties it to a commit.
    #[serde(flatten)]
    pub link: CommitLink,
}

impl SdistLink {
    /// Whether each of its files is the commit's or a packer's.
    pub fn is_whole(&self) -> bool {
        matches!(&self.link, CommitLink::Held(held) if held.is_whole())
    }

    /// Whether it holds what the commit does not.
    pub fn is_broken(&self) -> bool {
        matches!(&self.link, CommitLink::Held(held) if !held.is_whole())
    }

    /// Which link a verdict rests on that was built from `source`, and what is known of
    /// the other one; for a person. `is_itself` where the verdict is on the source
    /// distribution.
    pub fn basis(&self, source: Option<&Source>, is_itself: bool) -> String {
        let name = &self.name;
        match source {
            Some(Source::Git { .. }) if is_itself => {
                format!("{name} was rebuilt from the repository; what was read of it: {self}")
            }
            Some(Source::Git { .. }) => {
                format!("built from the repository, and not from {name}: {self}")
            }
            Some(Source::Sdist { .. }) => format!("rests on {name}: {self}"),
            None => format!("{name}: {self}"),
        }
    }
}

impl fmt::Display for SdistLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held = match &self.link {
            CommitLink::NotHeld { reason } => {
                return write!(f, "it was not held against any commit: {reason}");
            }
            CommitLink::Held(held) => held,
        };
        let commit = match &held.tag {
            Some(tag) => format!("tag {tag} ({})", held.commit),
            None => format!("commit {}", held.commit),
        };
        let strays = [
            (&held.unknown, "that the commit does not have"),
            (&held.changed, "with another content"),
            (&held.made_executable, "made executable"),
        ];
        let mut others: Vec<String> = strays
            .into_iter()
            .filter_map(|(strays, what)| {
                let first = strays.first.first()?;
                Some(format!("{} {what} (first {})", strays.count, first.path))
            })
            .collect();
        if held.line_ends > 0 {
            others.push(format!("{} with other line ends", held.line_ends));
        }
        if !held.generated.is_empty() {
            let counts: Vec<String> = held
                .generated
                .iter()
                .map(|count| format!("{} {}", count.files, count.by.name()))
                .collect();
            others.push(format!("what packers write ({})", counts.join(", ")));
        }
        let are = if held.is_whole() { "are" } else { "are NOT" };
        write!(f, "its {} files {are} those of {commit}", held.files)?;
        if others.is_empty() {
            return Ok(());
        }
        let but = if held.is_whole() { ", but for" } else { ":" };
        write!(f, "{but} {}", others.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> HeldFiles {
        HeldFiles {
            files: 9,
            same: 8,
            ..HeldFiles::against(&GitSource {
                repository: "https://git.example/o/r".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse().expect("valid"),
                commit_time: 0,
                tag: Some("v1".into()),
                directory: String::new(),
            })
        }
    }

    fn link(link: CommitLink) -> SdistLink {
        SdistLink {
            name: "demo-1.tar.gz".into(),
            sha256: Some(Sha256Digest::of(b"x")),
            link,
        }
    }

    fn stray(path: &str) -> StrayFile {
        StrayFile {
            path: path.into(),
            sha256: Sha256Digest::of(path),
        }
    }

    #[test]
    fn each_kind_of_stray_file_breaks_the_link_by_itself() {
        assert!(link(CommitLink::Held(Box::new(held()))).is_whole());
        let kinds: [fn(&mut HeldFiles) -> &mut Strays; 3] = [
            |held| &mut held.changed,
            |held| &mut held.unknown,
            |held| &mut held.made_executable,
        ];
        for kind in kinds {
            let mut held = held();
            kind(&mut held).add(stray("m4/evil.m4"));
            let link = link(CommitLink::Held(Box::new(held)));
            assert!(link.is_broken() && !link.is_whole());
            let said = link.to_string();
            assert!(
                said.contains("NOT") && said.contains("m4/evil.m4"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_verdict_on_a_source_distribution_rests_on_its_rebuild_and_says_what_was_read() {
        let link = link(CommitLink::Held(Box::new(held())));
        let git = Source::Git {
            git: GitSource {
                repository: "https://git.example/o/r".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse().expect("valid"),
                commit_time: 0,
                tag: None,
                directory: String::new(),
            },
            evidence: vec![],
        };
        let itself = link.basis(Some(&git), true);
        assert!(itself.contains("demo-1.tar.gz was rebuilt"), "{itself}");
        let wheel = link.basis(Some(&git), false);
        assert!(wheel.contains("not from demo-1.tar.gz"), "{wheel}");
    }

    #[test]
    fn what_was_not_held_is_neither_whole_nor_broken() {
        let link = link(CommitLink::NotHeld {
            reason: "no tag names it".into(),
        });
        assert!(!link.is_whole() && !link.is_broken());
        assert!(link.to_string().contains("no tag names it"));
    }

    #[test]
    fn of_many_stray_files_the_count_is_whole_and_the_list_is_short() {
        let mut strays = Strays::default();
        for number in 0..100 {
            strays.add(stray(&number.to_string()));
        }
        assert_eq!((strays.count, strays.first.len()), (100, Strays::NAMED));
    }

    #[test]
    fn a_link_survives_json() {
        let mut held = held();
        held.add_generated(Packer::EggInfo);
        held.add_generated(Packer::EggInfo);
        for link in [
            link(CommitLink::Held(Box::new(held))),
            link(CommitLink::NotHeld { reason: "x".into() }),
        ] {
            let text = serde_json::to_string(&link).expect("json");
            assert_eq!(
                serde_json::from_str::<SdistLink>(&text).expect("reads"),
                link
            );
        }
    }
}
