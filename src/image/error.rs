//! What can go wrong between a definition and a loaded image.

use std::path::PathBuf;

use super::EngineError;
use crate::model::Sha256Digest;
use crate::store;

/// Why an image cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of definitions cannot be read.
    #[error(
        "cannot read image definitions in {path}: {error}; run remint in its checkout, or name the folder with --images-dir"
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A definition or the lock file is not what it should be.
    #[error("{path}: {reason}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        reason: String,
    },
    /// No definition of that name.
    #[error("there is no image definition `{name}`; there are {}", .known.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// No entry in the lock file.
    #[error("the image `{name}` is not locked; run `remint images lock {name}`")]
    NotLocked {
        /// The image.
        name: String,
    },
    /// The archive no longer has what the lock file pins.
    #[error("the Debian archive has moved on from what is locked for the image `{name}` ({}); run `remint images lock {name}` to pin what it has today", .changes.join(", "))]
    Moved {
        /// The image.
        name: String,
        /// Each package with both versions.
        changes: Vec<String>,
    },
    /// Equal versions, other bytes.
    #[error(
        "the image `{name}` came out with layer {built} and not with the locked {locked}, although every package version is the same; compare the two archives, or run `remint images lock {name}`"
    )]
    NotTheSame {
        /// The image.
        name: String,
        /// The locked layer.
        locked: Box<Sha256Digest>,
        /// The layer that came out.
        built: Box<Sha256Digest>,
    },
    /// mmdebstrap is missing or failed.
    #[error("cannot build the image `{name}` with mmdebstrap: {reason}")]
    Build {
        /// The image.
        name: String,
        /// What it said at the end.
        reason: String,
    },
    /// A kept archive does not give the image that its name says.
    #[error(
        "{path} does not hold the image that its name says; delete it and run `remint images build`"
    )]
    Corrupt {
        /// The archive.
        path: PathBuf,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether the person's configuration is at fault, rather than the farm.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Folder { .. }
                | Self::Shape { .. }
                | Self::Unknown { .. }
                | Self::NotLocked { .. }
        )
    }
}
