//! What can go wrong between a release and its source.
//!
//! Imports the vocabulary only. Facts about the package are kept apart from
//! faults of the farm: only the former may become a signed verdict.

use std::path::{Path, PathBuf};

use crate::model::CommitId;

/// Why a source could not be found, read or laid out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing that was published names a repository that could be read.
    #[error("{package} names no repository ({looked_at}); name one with --source")]
    NoRepository {
        /// The package URL.
        package: String,
        /// What was looked at, for a person.
        looked_at: String,
    },
    /// An address that remint does not contact.
    #[error(
        "`{text}` is not an address that remint reads sources from: {reason}; name an https address or a local repository with --source, or map it in [source.mirror]"
    )]
    BadAddress {
        /// The address as it was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The repository could not be read, and not because upstream says so: the
    /// network, a time-out, a mirror that lacks it, a broken copy.
    #[error(
        "could not read {repository}: {reason}; check the network and [source.mirror], or name a copy with --source"
    )]
    CannotRead {
        /// The repository's upstream address.
        repository: String,
        /// What happened.
        reason: String,
    },
    /// Upstream answered, and there is no public repository at that address.
    #[error(
        "there is no public repository at {repository} ({reason}); name its present address with --source"
    )]
    NotReadable {
        /// The repository's upstream address.
        repository: String,
        /// What upstream answered.
        reason: String,
    },
    /// No commit is named and no tag names the version.
    #[error(
        "no tag of {repository} names version {version} (looked for {tried}; {present}), and no commit of a branch declares it; name the repository that has it with --source, or the commit in a recipe"
    )]
    NoTag {
        /// The repository's upstream address.
        repository: String,
        /// The version that was looked for.
        version: String,
        /// The forms that were tried.
        tried: String,
        /// Which tags there are instead.
        present: String,
    },
    /// The commit that the artifact or the registry names is not there.
    #[error(
        "commit {commit} is not in {repository}; it was never pushed, or history was rewritten: name a repository that has it with --source"
    )]
    CommitMissing {
        /// The repository's upstream address.
        repository: String,
        /// The commit.
        commit: CommitId,
    },
    /// The commit exists and belongs to no branch and no tag, so upstream does
    /// not vouch for it: it can be any fork's.
    #[error(
        "commit {commit} is in {repository} but no branch and no tag leads to it, so it may be a fork's or a rewritten one; ask upstream to tag it, or name the repository that it belongs to with --source"
    )]
    Unreachable {
        /// The repository's upstream address.
        repository: String,
        /// The commit.
        commit: CommitId,
    },
    /// The manifest at the commit is another package's or another version's.
    #[error(
        "{path} of {repository} at {commit} declares {found}, not {expected}; if the source is elsewhere, name it with --source"
    )]
    ManifestMismatch {
        /// The repository's upstream address.
        repository: String,
        /// The manifest's path below the root.
        path: String,
        /// Name and version of the release.
        expected: String,
        /// Name and version in the manifest.
        found: String,
        /// The commit.
        commit: CommitId,
    },
    /// No manifest at the commit names the package.
    #[error(
        "no manifest of {package} in {repository} at {commit} ({searched}); if the source is elsewhere, name it with --source"
    )]
    NoManifest {
        /// The repository's upstream address.
        repository: String,
        /// The package's name.
        package: String,
        /// Where it was looked for.
        searched: String,
        /// The commit.
        commit: CommitId,
    },
    /// A tree or archive that would write where it must not, or that no client
    /// of git would check out.
    #[error(
        "refused to lay out the source: `{path}` {reason}; nothing was built from it, look at the repository by hand or name another with --source"
    )]
    UnsafeTree {
        /// The entry.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Larger, longer or deeper than remint handles.
    #[error("{what} is over the limit of {limit}; name a smaller copy with --source")]
    Limit {
        /// What was measured.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// A submodule could not be laid out.
    #[error("submodule `{path}`: {cause}")]
    Submodule {
        /// The submodule's path below the root.
        path: String,
        /// Why.
        cause: Box<Error>,
    },
    /// A member of the artifact that should describe it cannot be read.
    #[error(
        "`{member}` inside the artifact cannot be read: {reason}; the artifact is damaged or was made by hand, name its source with --source"
    )]
    MalformedMember {
        /// The member's name.
        member: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A source distribution that is not the archive that its name says.
    #[error(
        "{archive} is not a whole gzip-compressed tar archive: {reason}; fetch it again or name a repository with --source"
    )]
    MalformedArchive {
        /// The file's name.
        archive: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkout was asked of something that has no commits.
    #[error(
        "`{name}` is a source distribution and has no commit to check out; name a repository with --source"
    )]
    NotGit {
        /// The source distribution's file name.
        name: String,
    },
    /// The operating system refused something.
    #[error("{doing} {}: {source}; check free space and permissions there", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// libgit2 refused something in a repository of remint's own.
    #[error(
        "{doing}: {source}; remove the source cache in the data folder and try again, or name a copy with --source"
    )]
    Git {
        /// What was being done.
        doing: &'static str,
        /// libgit2's answer.
        source: git2::Error,
    },
}

impl Error {
    /// Whether this says nothing about the package: the network, a time-out, a
    /// disk, a mirror that lacks a copy. Such an error is retried, never signed.
    pub fn is_farm_fault(&self) -> bool {
        match self {
            Self::CannotRead { .. } | Self::Io { .. } | Self::Git { .. } => true,
            Self::Submodule { cause, .. } => cause.is_farm_fault(),
            Self::NoRepository { .. }
            | Self::BadAddress { .. }
            | Self::NotReadable { .. }
            | Self::NoTag { .. }
            | Self::CommitMissing { .. }
            | Self::Unreachable { .. }
            | Self::ManifestMismatch { .. }
            | Self::NoManifest { .. }
            | Self::UnsafeTree { .. }
            | Self::Limit { .. }
            | Self::MalformedMember { .. }
            | Self::MalformedArchive { .. }
            | Self::NotGit { .. } => false,
        }
    }

    /// Whether upstream may have what was missing by now, so that a copy that
    /// is not fresh should be brought up to date before this is believed.
    pub(super) fn may_be_cured_by_fetching(&self) -> bool {
        matches!(
            self,
            Self::NoTag { .. } | Self::CommitMissing { .. } | Self::Unreachable { .. }
        )
    }

    /// Whether this settles the question for the repository that the release
    /// points to, so that a lower-ranked hint must not be tried instead.
    pub fn is_conclusive(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::ManifestMismatch { .. } | Self::UnsafeTree { .. }
        )
    }

    pub(super) fn io(
        doing: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// For an object that a commit refers to and that the copy does not have:
    /// a fault of the copy, since a whole clone has it.
    pub(super) fn incomplete(repository: &str) -> impl FnOnce(git2::Error) -> Self {
        let repository = repository.to_owned();
        move |error| Self::CannotRead {
            repository,
            reason: format!("the copy that was read is not whole ({})", error.message()),
        }
    }

    pub(super) fn git(doing: &'static str) -> impl FnOnce(git2::Error) -> Self {
        move |source| Self::Git { doing, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_fault_in_a_submodule_is_still_the_farms_own() {
        let wrap = |cause| Error::Submodule {
            path: "vendor/x".into(),
            cause: Box::new(cause),
        };
        let network = Error::CannotRead {
            repository: "https://git.example/x/y".into(),
            reason: "timed out".into(),
        };
        let refused = Error::BadAddress {
            text: "file:///etc".into(),
            reason: "local".into(),
        };
        assert!(wrap(network).is_farm_fault());
        assert!(!wrap(refused).is_farm_fault());
    }
}
