//! What the source room must know of an ecosystem, behind one trait.
//!
//! Pure: member bytes and manifest texts in, hints and declarations out. It
//! never opens a repository or an archive.

use std::collections::BTreeMap;

use crate::model::{CommitId, Ecosystem, EvidenceKind, RepositoryHint};

use super::Error;
use super::{cargo::Cargo, npm::Npm, pypi::Pypi};

/// What an artifact says about its own source.
#[derive(Debug, Default)]
pub(crate) struct ArtifactHints {
    /// Repositories, best first.
    pub(crate) repositories: Vec<RepositoryHint>,
    /// The commit that the artifact names.
    pub(crate) commit: Option<(CommitId, EvidenceKind)>,
    /// The folder that the artifact names.
    pub(crate) directory: Option<String>,
    /// Whether the artifact says that its work tree was changed.
    pub(crate) dirty: bool,
}

/// The version that a manifest declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeclaredVersion {
    /// Written out.
    Literal(String),
    /// Taken from the manifest of the workspace's root.
    Inherited,
    /// Computed when the package is built; says how.
    Dynamic(String),
}

/// The name that a manifest declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeclaredName {
    /// Written out.
    Literal(String),
    /// Computed when the package is built; says how.
    Dynamic(String),
}

/// What the manifests of one folder declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The file that says it.
    pub(crate) file: &'static str,
    /// The package's name.
    pub(crate) name: DeclaredName,
    /// The package's version.
    pub(crate) version: DeclaredVersion,
}

/// One ecosystem's files and spellings.
pub(crate) trait Packaging: Sync {
    /// Whether the member `name` of an artifact is needed for [`Self::hints`].
    fn is_wanted_member(&self, name: &str) -> bool;

    /// Reads what an artifact's members say about its source.
    fn hints(&self, members: &BTreeMap<String, Vec<u8>>) -> Result<ArtifactHints, Error>;

    /// The names of manifest files.
    fn manifests(&self) -> &'static [&'static str];

    /// What the manifests in one folder declare; `None` where they declare no
    /// package (a workspace's root, a tool's configuration).
    ///
    /// # Errors
    /// A sentence for a person where a manifest does not parse.
    fn declared(&self, files: &BTreeMap<String, String>) -> Result<Option<Declared>, String>;

    /// Files of the repository that say by what it is published: paths below its root, where
    /// a last `*` is every file of a folder.
    fn release_files(&self) -> &'static [&'static str] {
        &[]
    }

    /// What says, in a manifest or one of [`Self::release_files`], that publishing writes the
    /// version in whatever the manifest declares; `None` where nothing does.
    fn writes_version(&self, _text: &str) -> Option<&'static str> {
        None
    }

    /// The version that the manifests of a folder hand down to packages below.
    fn inherited_version(&self, _files: &BTreeMap<String, String>) -> Option<String> {
        None
    }

    /// Whether two spellings name the same package.
    fn is_same_name(&self, a: &str, b: &str) -> bool {
        a == b
    }

    /// Whether two spellings name the same version.
    fn is_same_version(&self, a: &str, b: &str) -> bool {
        a == b
    }

    /// Words that a repository of several languages puts before a version in
    /// its tags.
    fn tag_words(&self) -> &'static [&'static str];

    /// Whether addresses may be npm's shorthands.
    fn has_shorthands(&self) -> bool {
        false
    }
}

/// The ecosystem's rules.
pub(crate) fn packaging(ecosystem: Ecosystem) -> &'static dyn Packaging {
    match ecosystem {
        Ecosystem::Cargo => &Cargo,
        Ecosystem::Pypi => &Pypi,
        Ecosystem::Npm => &Npm,
    }
}

/// Makes a hint out of what an artifact's own metadata says.
/// `is_claim` says whether it says so in a field that is for the source's address.
pub(crate) fn artifact_hint(
    url: &str,
    directory: Option<&str>,
    detail: String,
    is_claim: bool,
) -> RepositoryHint {
    RepositoryHint {
        url: url.to_owned(),
        directory: directory.map(str::to_owned),
        kind: EvidenceKind::ArtifactMetadata,
        detail,
        is_claim,
    }
}
