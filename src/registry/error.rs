//! What can go wrong between remint and a registry.

use crate::model::{Digest, Ecosystem, Purl};
use crate::store;

/// Why a registry's answer cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry has no such package or version.
    #[error("{purl} does not exist in the registry{hint}")]
    NotFound {
        /// What was asked for.
        purl: Purl,
        /// What there is instead, or nothing.
        hint: String,
    },
    /// Every version is a pre-release or yanked.
    #[error("{purl} has no stable version that is not yanked; name a version")]
    NoStableVersion {
        /// The package.
        purl: Purl,
    },
    /// No address is configured, and no client has one.
    #[error(
        "no address of the {ecosystem} registry is known: {reason}; set `{ecosystem} = \"…\"` under [registry] in the configuration"
    )]
    NoAddress {
        /// The ecosystem.
        ecosystem: Ecosystem,
        /// Where it was looked for.
        reason: String,
    },
    /// The bytes are not what the metadata promises.
    #[error(
        "{name} as downloaded has {found}, and the registry's metadata says {expected}; nothing was kept"
    )]
    DigestMismatch {
        /// The file.
        name: String,
        /// What was promised.
        expected: Box<Digest>,
        /// What came.
        found: Box<Digest>,
    },
    /// The connection ended before all bytes came.
    #[error("the download of {what} ended early: {reason}; try again")]
    Truncated {
        /// The file.
        what: String,
        /// What the client says.
        reason: String,
    },
    /// A status that is neither success nor "not there".
    #[error(
        "the registry answered {status} for {what}; try again later, or check the address under [registry]"
    )]
    Status {
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// The registry does not have what was asked for.
    #[error("the registry has no {what}")]
    Absent {
        /// What was asked for.
        what: String,
    },
    /// The registry cannot be reached.
    #[error(
        "cannot reach the registry for {what}: {reason}; check the network and the address under [registry]"
    )]
    Connect {
        /// What was asked for.
        what: String,
        /// What the client says.
        reason: String,
    },
    /// Metadata that is not what its protocol says.
    #[error("the registry's metadata of {what} cannot be used: {reason}")]
    Malformed {
        /// What it is of.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More bytes than are accepted.
    #[error("{what} has more than {limit} bytes, the limit for it")]
    TooLarge {
        /// What it is.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// An address that leads away from the registry.
    #[error(
        "the metadata names the {what} on another host than the registry's and the file's, where it is not asked for"
    )]
    ForeignHost {
        /// What it is.
        what: String,
    },
    /// No HTTP client can be made.
    #[error("cannot set up the HTTP client: {0}")]
    Client(String),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// A release without any file.
    pub fn no_files(purl: &Purl) -> Self {
        Self::Malformed {
            what: purl.to_string(),
            reason: "it lists no file with a digest".into(),
        }
    }

    /// Whether the registry, the network or the farm is at fault, rather than
    /// what was asked for. Such an error says nothing about a package.
    pub fn is_upstream_fault(&self) -> bool {
        match self {
            Self::NotFound { .. }
            | Self::NoStableVersion { .. }
            | Self::NoAddress { .. }
            | Self::Absent { .. } => false,
            Self::DigestMismatch { .. }
            | Self::Truncated { .. }
            | Self::Status { .. }
            | Self::Connect { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. }
            | Self::ForeignHost { .. }
            | Self::Client(_)
            | Self::Store(_) => true,
        }
    }

    /// Whether trying again soon may help.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Truncated { .. } | Self::Connect { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}
