//! What can go wrong in a container run, the package's part apart from the farm's.

use std::path::PathBuf;

use super::EngineError;
use crate::model::{BuildFailure, BuildStage};
use crate::store;

/// Why a run gave no file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A fact about the package: its build failed, or hit a limit.
    #[error("the build failed: {failure}")]
    Build {
        /// Where.
        stage: BuildStage,
        /// Why.
        failure: BuildFailure,
        /// What the steps printed.
        log: PathBuf,
    },
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file of the run.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An input that cannot be unpacked.
    #[error("the plan's input for {unpack_to} cannot be unpacked: {reason}")]
    Input {
        /// Where it was to go.
        unpack_to: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The plan reaches the mirror and none is there.
    #[error("the plan reaches the mirror, and no mirror is served")]
    NoMirror,
    /// The relay ended while the build ran.
    #[error("the relay container ended early; see the engine's log")]
    RelayEnded,
    /// The disk that the volumes are on is about to be full.
    #[error(
        "only {left_mib} MiB are left where the container engine keeps its volumes, so the build was stopped; free some space there (`docker system df` shows what is used)"
    )]
    DiskLow {
        /// What is left, in MiB.
        left_mib: u64,
    },
    /// Stopped from outside.
    #[error("stopped on request")]
    Cancelled,
}
