//! Where two artifacts differ.

use serde::{Deserialize, Serialize};

use super::Sha256Digest;

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

/// What kind of difference.
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

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The member's path inside the artifact; empty for the artifact itself.
    pub path: String,
    /// What kind.
    pub kind: DifferenceKind,
    /// How much it matters.
    pub severity: Severity,
    /// One line for a person: what was published, what was rebuilt.
    pub detail: String,
    /// A unified diff from rebuilt to published, bounded, where both are text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub diff: Option<String>,
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
    Differs {
        /// SHA-256 of the published file.
        published: Sha256Digest,
        /// SHA-256 of the rebuilt file.
        rebuilt: Sha256Digest,
        /// Worst first; never empty.
        differences: Vec<Difference>,
        /// How many more there are than are listed.
        omitted: usize,
    },
}

impl Comparison {
    /// The worst severity, where the files differ.
    pub fn severity(&self) -> Option<Severity> {
        match self {
            Self::Identical { .. } => None,
            // No finding at all about unequal bytes is the least known, so the worst.
            Self::Differs { differences, .. } => Some(
                differences
                    .iter()
                    .map(|d| d.severity)
                    .min()
                    .unwrap_or(Severity::Payload),
            ),
        }
    }
}
