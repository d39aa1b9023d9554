//! Where a release's source is, and what says so.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Provenance, Purl, Sha256Digest};

/// A git commit's object name (SHA-1, 40 hexadecimal digits, or SHA-256, 64).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

/// Why a text is no commit ID.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a git commit ID (40 or 64 hexadecimal digits)")]
pub struct CommitIdError(pub String);

impl CommitId {
    /// The object name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommitId {
    type Err = CommitIdError;

    fn from_str(text: &str) -> Result<Self, CommitIdError> {
        if matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(CommitIdError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for CommitId {
    type Error = CommitIdError;

    fn try_from(text: String) -> Result<Self, CommitIdError> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(commit: CommitId) -> String {
        commit.0
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What git calls a file's content: SHA-1 over its kind, size and bytes (git,
/// "Git Internals", "Git Objects"). It finds content and vouches for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 20]);

impl BlobId {
    /// Wraps what a hasher has computed.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

/// What kind of thing ties a release to its source, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// The person who runs remint named it (`--source`, or a recipe).
    Operator,
    /// A provenance attestation of the registry, verified.
    RegistryProvenance,
    /// A provenance attestation that does not hold, or that says something else than the
    /// rest of the evidence. Among the first, since a person should read it first.
    ProvenanceDoubt,
    /// Version control information inside the artifact (`.cargo_vcs_info.json`).
    ArtifactVcsInfo,
    /// The registry's metadata (repository field, npm's `gitHead`).
    RegistryMetadata,
    /// The artifact's own metadata (wheel `METADATA`, `package.json`, `Cargo.toml`).
    ArtifactMetadata,
    /// A tag of the upstream repository that names the version.
    TagMatch,
    /// The history of the manifest: where the version was set.
    ManifestHistory,
    /// The artifact's files are those of the commit, by their hashes.
    BlobMatch,
    /// The manifest at the commit names this package and this version.
    ManifestMatch,
    /// The commit is reachable from a branch or tag of the upstream repository.
    Reachable,
    /// A source distribution of the same release, checked by its digest.
    SourceDistribution,
    /// What the copy of the repository lacked, so that only an exact rebuild counts.
    PartialCopy,
    /// A submodule that upstream has no more, so that only an exact rebuild counts.
    PartialSource,
}

impl EvidenceKind {
    /// Whether it speaks against the release rather than for its source.
    pub const fn is_doubt(self) -> bool {
        matches!(self, Self::ProvenanceDoubt)
    }
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What kind.
    pub kind: EvidenceKind,
    /// What exactly was seen, for a person to read.
    pub detail: String,
}

/// A repository address that something pointed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryHint {
    /// The address as it was written; not yet checked or cleaned.
    pub url: String,
    /// The sub-directory that came with it (npm's `repository.directory`).
    pub directory: Option<String>,
    /// Who pointed there.
    pub kind: EvidenceKind,
    /// Where exactly, such as `Project-URL: Source`.
    pub detail: String,
    /// Whether that field is for the source's address; a home page or a list of issues may
    /// lead to a repository too, and claims nothing.
    pub is_claim: bool,
}

/// Everything that is known of a release's source before a repository is opened.
#[derive(Clone, Debug)]
pub struct SourceHints {
    /// The package with its version.
    pub purl: Purl,
    /// Repositories to try, best first.
    pub repositories: Vec<RepositoryHint>,
    /// Where the file was made, as a verified attestation says; it goes before all else that
    /// names a commit, but for the operator.
    pub provenance: Option<Provenance>,
    /// What is told of the provenance whatever the source turns out to be.
    pub told: Vec<Evidence>,
    /// The commit that the artifact or the registry names, and who did.
    pub commit: Option<(CommitId, EvidenceKind)>,
    /// The sub-directory that the artifact names (`path_in_vcs`).
    pub directory: Option<String>,
    /// Whether the artifact says that it was packed from a changed work tree.
    pub dirty: bool,
    /// The artifact's files that may be copies of the source's.
    pub files: BTreeSet<BlobId>,
    /// Of these the manifest, where packing copies it as it is.
    pub manifest: Option<BlobId>,
}

/// A commit of a git repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSource {
    /// The upstream address, as the evidence names it (cleaned).
    pub repository: String,
    /// The place that it was read from, where a source mirror stands in for
    /// upstream: `mirror` and no address, since that is configuration.
    pub read_from_mirror: bool,
    /// The commit.
    pub commit: CommitId,
    /// The commit's committer time, in seconds since the epoch.
    pub commit_time: i64,
    /// The tag that names the version, where there is one.
    pub tag: Option<String>,
    /// The package's folder below the repository's root; empty for the root.
    pub directory: String,
}

/// A source distribution: a source of a lower rank, since it too is a build product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SdistSource {
    /// The file's name.
    pub name: String,
    /// SHA-256 of the whole file.
    pub sha256: Sha256Digest,
}

/// A release's source, with what ties the two together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Source {
    /// A git commit.
    Git {
        /// Which.
        #[serde(flatten)]
        git: GitSource,
        /// Why this one, strongest first.
        evidence: Vec<Evidence>,
    },
    /// The release's own source distribution.
    Sdist {
        /// Which.
        #[serde(flatten)]
        sdist: SdistSource,
        /// Why this one, strongest first.
        evidence: Vec<Evidence>,
    },
}

impl Source {
    /// The evidence, strongest first.
    pub fn evidence(&self) -> &[Evidence] {
        match self {
            Self::Git { evidence, .. } | Self::Sdist { evidence, .. } => evidence,
        }
    }

    /// Adds a piece of evidence in its place.
    pub fn add_evidence(&mut self, more: Evidence) {
        let (Self::Git { evidence, .. } | Self::Sdist { evidence, .. }) = self;
        evidence.push(more);
        // Stable: within a kind the order stays.
        evidence.sort_by_key(|entry| entry.kind);
    }

    /// One line for a person.
    pub fn summary(&self) -> String {
        match self {
            Self::Git { git, .. } => {
                let mut text = format!("{} at {}", git.repository, git.commit);
                if let Some(tag) = &git.tag {
                    text.push_str(&format!(" (tag {tag})"));
                }
                if !git.directory.is_empty() {
                    text.push_str(&format!(", folder {}", git.directory));
                }
                text
            }
            Self::Sdist { sdist, .. } => format!("source distribution {}", sdist.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_id_is_forty_or_sixty_four_hexadecimal_digits() {
        assert!("a".repeat(40).parse::<CommitId>().is_ok());
        assert!("A".repeat(64).parse::<CommitId>().is_ok());
        assert!("a".repeat(39).parse::<CommitId>().is_err());
        assert!("--upload-pack=x".parse::<CommitId>().is_err());
    }

    #[test]
    fn evidence_is_ranked_with_the_operator_first_and_verified_provenance_next() {
        assert!(EvidenceKind::Operator < EvidenceKind::RegistryProvenance);
        assert!(EvidenceKind::RegistryProvenance < EvidenceKind::ArtifactVcsInfo);
        assert!(EvidenceKind::RegistryMetadata < EvidenceKind::SourceDistribution);
    }
}
