//! remint's own batch file: packages, patterns, other files, and how to treat them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Found, Wanted};
use crate::lockfile::{Wrong, line_of, of_toml};
use crate::model::{Ecosystem, Purl, ResultRecord, VerdictKind};

/// The most versions of one package that a pattern may ask for.
const MAX_NEWEST: usize = 1_000;

/// What a batch file says beside packages; kept with the batch, so that going on with
/// it later is like never having stopped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What people call the batch.
    pub title: Option<String>,
    /// Whether what is answered already is verified again.
    pub again: bool,
    /// How many of each ecosystem run at once.
    pub limits: BTreeMap<Ecosystem, u32>,
    /// What counts as passed.
    pub policy: Policy,
}

impl Settings {
    /// A later file adds to what an earlier one said.
    pub(super) fn take(&mut self, other: Self) {
        self.title = other.title.or(self.title.take());
        self.again |= other.again;
        self.limits.extend(other.limits);
        if other.policy != Policy::default() {
            self.policy = other.policy;
        }
    }
}

/// Which packages count, and what counts as passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Policy {
    /// Only packages of these ecosystems are verified; all where it is empty.
    pub ecosystems: Vec<Ecosystem>,
    /// Whether replayed metadata is as good as plain agreement.
    pub refuse_replayed: bool,
    /// Whether `equivalent` passes. It never counts as reproduced.
    pub accept_equivalent: bool,
    /// Whether what was built from a source distribution passes that holds what its commit
    /// does not.
    pub accept_broken_sdist: bool,
}

impl Policy {
    pub(super) fn filter(&self, wanted: &mut Vec<Wanted>) {
        if self.ecosystems.is_empty() {
            return;
        }
        wanted.retain(|wanted| {
            let (Wanted::Package(purl) | Wanted::Newest { package: purl, .. }) = wanted;
            self.ecosystems.contains(&purl.ecosystem())
        });
    }

    /// Whether a result passes.
    pub fn passes(&self, record: &ResultRecord) -> bool {
        let is_tied = self.accept_broken_sdist || !record.rests_on_broken_sdist();
        let verdict = &record.verdict;
        match verdict.kind() {
            VerdictKind::Reproduced => {
                is_tied && (verdict.is_plainly_reproduced() || !self.refuse_replayed)
            }
            VerdictKind::Equivalent => is_tied && self.accept_equivalent,
            VerdictKind::Different
            | VerdictKind::BuildFailed
            | VerdictKind::SourceNotFound
            | VerdictKind::Unsupported
            | VerdictKind::InfraError => false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct File {
    title: Option<String>,
    again: bool,
    packages: Vec<Spanned<String>>,
    files: Vec<Spanned<PathBuf>>,
    newest: Vec<Newest>,
    limits: BTreeMap<Ecosystem, Spanned<u32>>,
    policy: Policy,
}

/// "The newest `count` versions of" each of `packages`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Newest {
    count: Spanned<usize>,
    packages: Vec<Spanned<String>>,
}

pub(super) struct BatchFile {
    pub(super) found: Found,
    /// Other files, with the lines that name them.
    pub(super) files: Vec<(usize, PathBuf)>,
    pub(super) settings: Settings,
}

pub(super) fn parse(text: &str) -> Result<BatchFile, Wrong> {
    let file: File = toml::from_str(text).map_err(|error| of_toml(text, &error))?;
    let mut found = Found::default();
    for package in file.packages {
        found.wanted.push(Wanted::Package(purl(text, &package)?));
    }
    for newest in file.newest {
        let (line, count) = (
            line_of(text, newest.count.span().start),
            newest.count.into_inner(),
        );
        if !(1..=MAX_NEWEST).contains(&count) {
            return Err(Wrong {
                line,
                reason: format!("`count` is {count}; it can be 1 to {MAX_NEWEST}"),
            });
        }
        for package in newest.packages {
            let line = line_of(text, package.span().start);
            let package = purl(text, &package)?;
            if package.version().is_some() {
                return Err(Wrong {
                    line,
                    reason: format!(
                        "`{package}` names a version already; name the package alone, or list it under `packages`"
                    ),
                });
            }
            found.wanted.push(Wanted::Newest { package, count });
        }
    }
    let mut limits = BTreeMap::new();
    for (ecosystem, limit) in file.limits {
        if *limit.get_ref() == 0 {
            return Err(Wrong {
                line: line_of(text, limit.span().start),
                reason: format!(
                    "no package of {ecosystem} could ever run; leave them out with [policy] ecosystems"
                ),
            });
        }
        limits.insert(ecosystem, limit.into_inner());
    }
    let files = file.files.into_iter();
    Ok(BatchFile {
        found,
        files: files
            .map(|file| (line_of(text, file.span().start), file.into_inner()))
            .collect(),
        settings: Settings {
            title: file.title,
            again: file.again,
            limits,
            policy: file.policy,
        },
    })
}

fn purl(text: &str, written: &Spanned<String>) -> Result<Purl, Wrong> {
    written
        .get_ref()
        .parse()
        .map_err(|error: crate::model::PurlError| Wrong {
            line: line_of(text, written.span().start),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Sha256Digest, Verdict};

    #[test]
    fn an_archive_that_holds_what_no_commit_does_passes_only_where_that_is_accepted() {
        let verdict = Verdict::Reproduced {
            sha256: Sha256Digest::of("x"),
            recovered: vec![],
            replayed: vec![],
        };
        let purl = "pkg:pypi/demo@1.0".parse().expect("valid");
        let record = ResultRecord::new(purl, verdict, jiff::Timestamp::UNIX_EPOCH);
        let strict = Policy::default();
        assert!(strict.passes(&record));
        let broken = record.on_broken_sdist();
        assert!(!strict.passes(&broken));
        let lenient = Policy {
            accept_broken_sdist: true,
            ..strict
        };
        assert!(lenient.passes(&broken));
    }
}
