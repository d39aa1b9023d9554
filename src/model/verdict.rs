//! What remint says of an artifact: a closed set.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Comparison, Differs, RecoveredFact, ReplayedFact, Sha256Digest};

/// Where in the line a build failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BuildStage {
    /// No plan could be made.
    Plan,
    /// A prepare step failed.
    Prepare,
    /// A build step failed.
    Build,
    /// The steps succeeded and the artifact was not where the plan says.
    Output,
}

/// Why a build failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum BuildFailure {
    /// A step ended with a status other than 0.
    Exit {
        /// The status.
        code: i64,
        /// The step's command, for a person.
        step: String,
    },
    /// The memory limit was hit.
    OutOfMemory {
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// The time limit was hit.
    TimedOut {
        /// The limit in seconds.
        limit_seconds: u64,
    },
    /// The disk limit was hit.
    DiskLimit {
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// The output is missing, or is no regular file.
    NoOutput {
        /// The path that the plan names.
        path: String,
        /// What was in its folder instead.
        found: Vec<String>,
    },
    /// The artifact lacks what inference needs, or asks for what is not there.
    NoPlan {
        /// What is missing.
        reason: String,
    },
}

impl fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit { code, step } => write!(f, "`{step}` ended with status {code}"),
            Self::OutOfMemory { limit_mib } => {
                write!(f, "the memory limit of {limit_mib} MiB was hit")
            }
            Self::TimedOut { limit_seconds } => {
                write!(f, "the time limit of {limit_seconds} s was hit")
            }
            Self::DiskLimit { limit_mib } => write!(f, "the disk limit of {limit_mib} MiB was hit"),
            Self::NoOutput { path, found } if found.is_empty() => {
                write!(f, "the build left no `{path}`")
            }
            Self::NoOutput { path, found } => {
                write!(f, "the build left no `{path}` but {}", found.join(", "))
            }
            Self::NoPlan { reason } => f.write_str(reason),
        }
    }
}

/// The verdict on one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// The rebuilt file and the published file have the same SHA-256.
    Reproduced {
        /// SHA-256 of both.
        sha256: Sha256Digest,
        /// Facts read out of the published artifact that steered the build.
        recovered: Vec<RecoveredFact>,
        /// Metadata of the published archive that was put on the rebuilt one. Where
        /// there is any, the verdict has the grade `replayed`: below a plain one, and
        /// never counted as such.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        replayed: Vec<ReplayedFact>,
    },
    /// Not the same bytes, and equal after named normalizers: a lower level than
    /// reproduced, never mixed with it.
    Equivalent {
        /// Where the bytes differ, and which normalizers make them equal.
        comparison: Box<Differs>,
    },
    /// The contents differ.
    Different {
        /// Where, worst first.
        comparison: Box<Differs>,
    },
    /// No plan produced the artifact.
    BuildFailed {
        /// Where.
        stage: BuildStage,
        /// Why.
        failure: BuildFailure,
    },
    /// No source can be tied to the release.
    SourceNotFound {
        /// What was tried, and what it lacked.
        reason: String,
    },
    /// A kind of artifact that remint cannot rebuild yet.
    Unsupported {
        /// What is not supported.
        reason: String,
    },
    /// The farm's own fault. Says nothing about the package; never signed.
    InfraError {
        /// What went wrong, and what to do.
        reason: String,
    },
}

/// A verdict's name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// See [`Verdict::Reproduced`].
    Reproduced,
    /// See [`Verdict::Equivalent`].
    Equivalent,
    /// See [`Verdict::Different`].
    Different,
    /// See [`Verdict::BuildFailed`].
    BuildFailed,
    /// See [`Verdict::SourceNotFound`].
    SourceNotFound,
    /// See [`Verdict::Unsupported`].
    Unsupported,
    /// See [`Verdict::InfraError`].
    InfraError,
}

impl VerdictKind {
    /// Every verdict, best first.
    pub const ALL: [Self; 7] = [
        Self::Reproduced,
        Self::Equivalent,
        Self::Different,
        Self::BuildFailed,
        Self::SourceNotFound,
        Self::Unsupported,
        Self::InfraError,
    ];

    /// The name in reports, records and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Equivalent => "equivalent",
            Self::Different => "different",
            Self::BuildFailed => "build-failed",
            Self::SourceNotFound => "source-not-found",
            Self::Unsupported => "unsupported",
            Self::InfraError => "infra-error",
        }
    }

    /// Whether a statement about it is signed. An infra-error says nothing
    /// about the package, so there is nothing to sign.
    pub const fn is_signed(self) -> bool {
        !matches!(self, Self::InfraError)
    }
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Verdict {
    /// The one road from two files to `reproduced`: a comparison that found the
    /// same bytes. Of what differs, only what normalizers made equal is
    /// `equivalent`; everything else is `different`.
    ///
    /// `replayed` is what was put on the rebuilt file before it was compared.
    pub fn of(
        comparison: Comparison,
        recovered: Vec<RecoveredFact>,
        replayed: Vec<ReplayedFact>,
    ) -> Self {
        match comparison {
            Comparison::Identical { sha256 } => Self::Reproduced {
                sha256,
                recovered,
                replayed,
            },
            Comparison::Differs(comparison) if comparison.equivalence.is_some() => {
                Self::Equivalent { comparison }
            }
            Comparison::Differs(comparison) => Self::Different { comparison },
        }
    }

    /// The verdict's name.
    pub const fn kind(&self) -> VerdictKind {
        match self {
            Self::Reproduced { .. } => VerdictKind::Reproduced,
            Self::Equivalent { .. } => VerdictKind::Equivalent,
            Self::Different { .. } => VerdictKind::Different,
            Self::BuildFailed { .. } => VerdictKind::BuildFailed,
            Self::SourceNotFound { .. } => VerdictKind::SourceNotFound,
            Self::Unsupported { .. } => VerdictKind::Unsupported,
            Self::InfraError { .. } => VerdictKind::InfraError,
        }
    }

    /// What differs, where the verdict is about a rebuilt file that does.
    pub fn comparison(&self) -> Option<&Differs> {
        match self {
            Self::Equivalent { comparison } | Self::Different { comparison } => Some(comparison),
            Self::Reproduced { .. }
            | Self::BuildFailed { .. }
            | Self::SourceNotFound { .. }
            | Self::Unsupported { .. }
            | Self::InfraError { .. } => None,
        }
    }

    /// Whether the bytes are the same without any replayed metadata.
    pub const fn is_plainly_reproduced(&self) -> bool {
        matches!(self, Self::Reproduced { replayed, .. } if replayed.is_empty())
    }

    /// The reason, in one line for a person.
    pub fn reason(&self) -> String {
        match self {
            Self::Reproduced {
                recovered,
                replayed,
                ..
            } => reproduced_reason(recovered, replayed),
            Self::Equivalent { comparison } => equivalent_reason(comparison),
            Self::Different { comparison } => different_reason(comparison),
            Self::BuildFailed { failure, .. } => failure.to_string(),
            Self::SourceNotFound { reason }
            | Self::Unsupported { reason }
            | Self::InfraError { reason } => reason.clone(),
        }
    }
}

fn reproduced_reason(recovered: &[RecoveredFact], replayed: &[ReplayedFact]) -> String {
    let mut reason = "the rebuilt file has the same SHA-256".to_owned();
    if !recovered.is_empty() {
        let s = if recovered.len() == 1 { "" } else { "s" };
        reason.push_str(&format!(", with {} recovered input{s}", recovered.len()));
    }
    if !replayed.is_empty() {
        let facts: Vec<String> = replayed.iter().map(ToString::to_string).collect();
        reason.push_str(&format!(
            ", after replaying published metadata ({})",
            facts.join("; ")
        ));
    }
    reason
}

fn equivalent_reason(comparison: &Differs) -> String {
    let names: Vec<&str> = comparison
        .equivalence
        .iter()
        .flat_map(|equivalence| &equivalence.applied)
        .map(|applied| applied.normalizer.as_str())
        .collect();
    format!(
        "not the same bytes; the same after normalizing ({})",
        names.join(", ")
    )
}

fn different_reason(comparison: &Differs) -> String {
    let total = comparison.total();
    let first = comparison.differences.first().map_or(String::new(), |d| {
        let at = if d.path.is_empty() {
            String::new()
        } else {
            format!("{}: ", d.path)
        };
        format!("; first ({}): {at}{}", d.cause, d.detail)
    });
    format!(
        "{total} difference{} ({}){first}",
        if total == 1 { "" } else { "s" },
        comparison.severity().name()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_bytes_never_become_reproduced() {
        let comparison = Comparison::Differs(Box::new(Differs {
            published: Sha256Digest::of(b"a"),
            rebuilt: Sha256Digest::of(b"b"),
            differences: vec![],
            omitted: 0,
            causes: vec![],
            equivalence: None,
        }));
        let verdict = Verdict::of(comparison, vec![], vec![]);
        assert_eq!(verdict.kind(), VerdictKind::Different);
    }

    #[test]
    fn an_infra_error_is_the_only_verdict_that_is_not_signed() {
        for kind in [
            VerdictKind::Reproduced,
            VerdictKind::Equivalent,
            VerdictKind::Different,
            VerdictKind::BuildFailed,
            VerdictKind::SourceNotFound,
            VerdictKind::Unsupported,
        ] {
            assert!(kind.is_signed(), "{kind}");
        }
        assert!(!VerdictKind::InfraError.is_signed());
    }

    #[test]
    fn a_verdict_says_its_name_in_json() {
        let json = serde_json::to_value(Verdict::Unsupported { reason: "x".into() }).expect("json");
        assert_eq!(json["verdict"], VerdictKind::Unsupported.name());
    }
}
