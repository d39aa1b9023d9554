//! What a record means beside what was known before. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::model::{Ecosystem, Purl, ResultRecord, VerdictKind, Version};

/// An earlier verdict on a release of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// The version.
    pub version: Version,
    /// The verdict.
    pub verdict: VerdictKind,
}

/// Earlier verdicts by package, in the order in which they were made.
#[derive(Clone, Debug, Default)]
pub struct History(BTreeMap<(Ecosystem, String), Vec<Past>>);

/// How a record stands to what was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does not reproduce, and an earlier version did, or this one did before.
    Regression {
        /// The version that did.
        reproduced: Version,
    },
    /// The verdict on this release is another than before.
    Changed {
        /// What it was.
        before: VerdictKind,
    },
    /// Nothing was known of this release.
    New,
    /// As before, or undecided.
    Known,
}

impl Standing {
    /// One word for tables.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Regression { .. } => "regression",
            Self::Changed { .. } => "changed",
            Self::New => "new",
            Self::Known => "known",
        }
    }
}

impl History {
    /// Adds an earlier verdict. The farm's faults say nothing and are not kept.
    pub fn add(&mut self, purl: &Purl, verdict: VerdictKind) {
        if let Some(version) = purl.version()
            && verdict != VerdictKind::InfraError
        {
            self.0.entry(package(purl)).or_default().push(Past {
                version: version.clone(),
                verdict,
            });
        }
    }

    /// How a record stands.
    pub fn standing(&self, record: &ResultRecord) -> Standing {
        let past = self
            .0
            .get(&package(&record.purl))
            .map_or(&[][..], Vec::as_slice);
        let (Some(version), kind) = (record.purl.version(), record.verdict.kind()) else {
            return Standing::New;
        };
        // It says nothing of the package, so nothing became known.
        if kind == VerdictKind::InfraError {
            return Standing::Known;
        }
        let ecosystem = record.purl.ecosystem();
        if failed(kind)
            && let Some(good) = past
                .iter()
                .filter(|past| past.verdict == VerdictKind::Reproduced)
                .filter(|past| ecosystem.order(&past.version, version) != Ordering::Greater)
                .max_by(|one, other| ecosystem.order(&one.version, &other.version))
        {
            return Standing::Regression {
                reproduced: good.version.clone(),
            };
        }
        match past.iter().rev().find(|past| past.version == *version) {
            None => Standing::New,
            Some(before) if before.verdict == kind => Standing::Known,
            Some(before) => Standing::Changed {
                before: before.verdict,
            },
        }
    }
}

/// What a package that used to reproduce must not come to. `unsupported` and the
/// farm's fault say nothing of its bytes.
const fn failed(kind: VerdictKind) -> bool {
    match kind {
        VerdictKind::Equivalent
        | VerdictKind::Different
        | VerdictKind::BuildFailed
        | VerdictKind::SourceNotFound => true,
        VerdictKind::Reproduced | VerdictKind::Unsupported | VerdictKind::InfraError => false,
    }
}

fn package(purl: &Purl) -> (Ecosystem, String) {
    (purl.ecosystem(), purl.name().as_str().to_owned())
}

/// What is not the same in two batches, for one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The release.
    pub purl: Purl,
    /// The artifact.
    pub subject: String,
    /// The verdict in the first batch; none where it is not in it.
    pub before: Option<VerdictKind>,
    /// The verdict in the second.
    pub after: Option<VerdictKind>,
    /// The reason in the second.
    pub reason: String,
}

impl Change {
    /// Whether it reproduced and does not any more.
    pub fn is_regression(&self) -> bool {
        self.before == Some(VerdictKind::Reproduced) && self.after.is_some_and(failed)
    }
}

/// What is not the same in two batches, the regressions first.
pub fn changes(one: &[ResultRecord], other: &[ResultRecord]) -> Vec<Change> {
    let index = |records: &[ResultRecord]| -> BTreeMap<(Purl, String), (VerdictKind, String)> {
        let records = records.iter();
        records
            .map(|r| {
                (
                    (r.purl.clone(), r.subject()),
                    (r.verdict.kind(), r.verdict.reason()),
                )
            })
            .collect()
    };
    let (one, other) = (index(one), index(other));
    let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let mut changes: Vec<_> = keys
        .into_iter()
        .map(|key| Change {
            purl: key.0.clone(),
            subject: key.1.clone(),
            before: one.get(key).map(|(kind, _)| *kind),
            after: other.get(key).map(|(kind, _)| *kind),
            reason: other
                .get(key)
                .map(|(_, why)| why.clone())
                .unwrap_or_default(),
        })
        .filter(|change| change.before != change.after)
        .collect();
    changes.sort_by_key(|change| !change.is_regression());
    changes
}
