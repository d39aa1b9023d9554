//! Where two artifacts differ, why, and how much it matters.

use serde::{Deserialize, Serialize};

use super::{Cause, Sha256Digest};

/// How much a difference matters to someone who uses the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Content that is used or executed.
    Payload,
    /// Content that a tool generates about the package (a lock file, RECORD).
    Generated,
    /// How the content is wrapped: times, owners, order, compression.
    Metadata,
}

impl Severity {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Generated => "generated",
            Self::Metadata => "metadata",
        }
    }
}

/// Where a difference lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// A member that only the published file has.
    ExtraMember,
    /// A member that only the rebuilt file has.
    MissingMember,
    /// The same member with other content.
    Content,
    /// The same member with other times, mode, owner or type.
    MemberMetadata,
    /// The same members in another order, or a member more than once.
    Order,
    /// The members agree and the wrapping does not: compressor, header fields,
    /// padding, bytes outside any member.
    Container,
    /// A file that is not the archive that its name says, or cannot be read whole.
    Unreadable,
}

impl DifferenceKind {
    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExtraMember => "extra-member",
            Self::MissingMember => "missing-member",
            Self::Content => "content",
            Self::MemberMetadata => "member-metadata",
            Self::Order => "order",
            Self::Container => "container",
            Self::Unreadable => "unreadable",
        }
    }
}

/// What stands between the names of an archive and of its member in
/// [`Difference::path`], as in `jar:` URLs.
pub const NESTED: &str = "!/";

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The member's path inside the artifact, [`NESTED`] between an archive and its
    /// member; empty for the artifact itself.
    pub path: String,
    /// Where it lies.
    pub kind: DifferenceKind,
    /// Why, as far as the evidence goes.
    pub cause: Cause,
    /// How much it matters.
    pub severity: Severity,
    /// The evidence in one line for a person: what was published, what was rebuilt.
    pub detail: String,
    /// A unified diff from rebuilt to published, bounded, where both are text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff: Option<String>,
}

/// How often one cause was found, listed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseCount {
    /// The cause.
    pub cause: Cause,
    /// The worst severity among its differences.
    pub severity: Severity,
    /// How many differences have it.
    pub count: usize,
}

/// One normalizer that changed at least one of two files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Normalization {
    /// The normalizer's name and version, as in `tar-mtime/1`.
    pub normalizer: String,
    /// SHA-256 of the published file before it.
    pub published_before: Sha256Digest,
    /// SHA-256 of the published file after it.
    pub published_after: Sha256Digest,
    /// SHA-256 of the rebuilt file before it.
    pub rebuilt_before: Sha256Digest,
    /// SHA-256 of the rebuilt file after it.
    pub rebuilt_after: Sha256Digest,
}

/// Two unequal files that normalizers make equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Equivalence {
    /// SHA-256 of both files once every normalizer was applied.
    pub sha256: Sha256Digest,
    /// The normalizers that changed something, in the order in which they ran.
    pub applied: Vec<Normalization>,
}

/// Two files that are not the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differs {
    /// SHA-256 of the published file.
    pub published: Sha256Digest,
    /// SHA-256 of the rebuilt file.
    pub rebuilt: Sha256Digest,
    /// Worst first; never empty.
    pub differences: Vec<Difference>,
    /// How many more there are than are listed.
    pub omitted: usize,
    /// Every cause, worst first, with how often it was found.
    pub causes: Vec<CauseCount>,
    /// Set where nothing but metadata differs and normalizers make the files equal.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub equivalence: Option<Equivalence>,
}

impl Differs {
    /// The worst severity. No finding at all about unequal bytes is the least
    /// known, so the worst.
    pub fn severity(&self) -> Severity {
        let listed = self.differences.iter().map(|d| d.severity);
        let counted = self.causes.iter().map(|c| c.severity);
        listed.chain(counted).min().unwrap_or(Severity::Payload)
    }

    /// How many differences there are, listed or not.
    pub fn total(&self) -> usize {
        self.differences.len() + self.omitted
    }
}

/// Two files held against each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Comparison {
    /// The same bytes.
    Identical {
        /// SHA-256 of both.
        sha256: Sha256Digest,
    },
    /// Not the same bytes.
    Differs(Box<Differs>),
}

impl Comparison {
    /// What differs, where anything does.
    pub const fn differs(&self) -> Option<&Differs> {
        match self {
            Self::Identical { .. } => None,
            Self::Differs(differs) => Some(differs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_files_without_a_finding_are_the_worst_kind() {
        let differs = Differs {
            published: Sha256Digest::of(b"a"),
            rebuilt: Sha256Digest::of(b"b"),
            differences: vec![],
            omitted: 0,
            causes: vec![],
            equivalence: None,
        };
        assert_eq!(differs.severity(), Severity::Payload);
    }

    #[test]
    fn what_is_only_counted_still_decides_the_severity() {
        let differs = Differs {
            published: Sha256Digest::of(b"a"),
            rebuilt: Sha256Digest::of(b"b"),
            differences: vec![],
            omitted: 1,
            causes: vec![CauseCount {
                cause: Cause::CodeChanged,
                severity: Severity::Payload,
                count: 1,
            }],
            equivalence: None,
        };
        assert_eq!(differs.severity(), Severity::Payload);
    }
}
