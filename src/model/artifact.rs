//! Releases and the files that they publish.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{Digest, Purl, RepositoryHint, Sha256Digest, Sha512Digest};

/// What kind of file an artifact is; its name decides it, its content must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactKind {
    /// A `.crate` file: gzip over tar.
    Crate,
    /// A wheel for every platform (PEP 427; tag `none-any`).
    PureWheel,
    /// A wheel with an ABI or a platform tag.
    PlatformWheel,
    /// A source distribution as `.tar.gz` (PEP 625).
    Sdist,
    /// A source distribution as `.zip`, which PyPI took until PEP 625 was enforced; a source
    /// of wheels alone.
    ZipSdist,
    /// An npm tarball: gzip over tar, members below one folder.
    NpmTarball,
    /// Anything else a registry lists (eggs, installers).
    Other,
}

impl ArtifactKind {
    /// Whether a file of this kind is a source distribution.
    pub const fn is_sdist(self) -> bool {
        matches!(self, Self::Sdist | Self::ZipSdist)
    }

    /// The kind of a file that PyPI lists under `name`.
    pub fn of_pypi_file(name: &str) -> Self {
        if let Some(stem) = name.strip_suffix(".whl") {
            if stem.ends_with("-none-any") {
                Self::PureWheel
            } else {
                Self::PlatformWheel
            }
        } else if name.ends_with(".tar.gz") {
            Self::Sdist
        } else if name.ends_with(".zip") {
            Self::ZipSdist
        } else {
            Self::Other
        }
    }
}

/// Who says when something was published. A proxy may give the time at which it
/// first saw a file instead of the registry's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeSource {
    /// The registry's own metadata, read from where the clients are pointed.
    Registry,
    /// A date written inside the artifact.
    Artifact,
}

/// A time of publication with its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedAt {
    /// The instant.
    pub time: Timestamp,
    /// Who says so.
    pub source: TimeSource,
}

/// One published file, as the registry's metadata describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The file's name. Never holds a path separator.
    pub name: String,
    /// What kind of file it is.
    pub kind: ArtifactKind,
    /// Where the registry serves it. Not written into records: addresses are
    /// configuration, the package URL is the identity.
    #[serde(skip_serializing, default = "no_url")]
    pub url: Url,
    /// The registry's own digests; there is at least one.
    pub digests: Vec<Digest>,
    /// Size in bytes where the registry says it.
    pub size: Option<u64>,
    /// When it was published, where the registry says it.
    pub published_at: Option<PublishedAt>,
    /// Whether the registry marks it as yanked or deprecated.
    pub yanked: bool,
    /// Where the registry has its provenance attestations, as the metadata says; like
    /// `url`, not written into records.
    #[serde(skip)]
    pub provenance: Option<Url>,
}

fn no_url() -> Url {
    Url::parse("data:,").expect("a constant URL parses")
}

/// One version of a package and every file that it published.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The package and its version; the version is always there.
    pub purl: Purl,
    /// Every published file, in the registry's order.
    pub artifacts: Vec<Artifact>,
    /// Where the registry's metadata says that the source is.
    pub repositories: Vec<RepositoryHint>,
    /// The commit that the registry's metadata names (npm's `gitHead`).
    pub git_head: Option<super::CommitId>,
    /// The client that published it, where the metadata says so (npm's
    /// `_npmVersion` and `_nodeVersion`), as `(name, version)`.
    pub publisher_tools: Vec<(String, String)>,
}

/// An artifact whose bytes are in the blob store and were checked whole against
/// the registry's digest. Only the registry room makes one.
#[derive(Clone, Debug)]
pub struct FetchedArtifact {
    /// The metadata.
    pub artifact: Artifact,
    /// SHA-256 of the whole file.
    pub sha256: Sha256Digest,
    /// SHA-512 of the whole file (npm's subjects carry both).
    pub sha512: Sha512Digest,
    /// Size in bytes.
    pub size: u64,
    /// The file in the blob store; read-only.
    pub path: PathBuf,
}

impl FetchedArtifact {
    /// Whether its content has one of these digests.
    pub fn is_one_of(&self, digests: &[Digest]) -> bool {
        digests.iter().any(|digest| match digest {
            Digest::Sha256(digest) => *digest == self.sha256,
            Digest::Sha512(digest) => *digest == self.sha512,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_pypi_file_tells_its_kind() {
        let kind = ArtifactKind::of_pypi_file;
        assert_eq!(kind("idna-3.10-py3-none-any.whl"), ArtifactKind::PureWheel);
        assert_eq!(
            kind("x-1-cp311-cp311-manylinux_2_17_x86_64.whl"),
            ArtifactKind::PlatformWheel
        );
        assert_eq!(kind("idna-3.10.tar.gz"), ArtifactKind::Sdist);
        assert_eq!(kind("idna-3.10.zip"), ArtifactKind::ZipSdist);
        assert_eq!(kind("idna-3.10.exe"), ArtifactKind::Other);
    }
}
