//! What came out of a container run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Sha256Digest;

/// A phase of a container run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// Fetching and installing what the build needs; reaches the mirror only.
    Prepare,
    /// Making the artifact.
    Build,
}

/// What one phase used, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseReport {
    /// Which phase.
    pub phase: PhaseName,
    /// Exit status of the last step that ran.
    pub exit_code: i64,
    /// Whether the engine says that the memory limit was hit (this can come
    /// with exit status 0).
    pub out_of_memory: bool,
    /// The most memory that it used, caches among it, in MiB; none where the kernel
    /// does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_mib: Option<u64>,
    /// Wall time in milliseconds.
    pub millis: u64,
}

/// A file that the mirror handed to the build.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServedFile {
    /// The path below the mirror's root, which names ecosystem, package and file.
    pub path: String,
    /// SHA-256 of the bytes that went out.
    pub sha256: Sha256Digest,
    /// Whether it is a package file (and so a dependency) or registry metadata.
    pub is_package: bool,
}

/// The rebuilt file.
#[derive(Clone, Debug)]
pub struct RebuiltFile {
    /// Its name, as the plan's output names it.
    pub name: String,
    /// Where it is on this machine.
    pub path: PathBuf,
    /// SHA-256 of the whole file.
    pub sha256: Sha256Digest,
    /// Size in bytes.
    pub size: u64,
}

/// The outcome of a run in which every step that must succeed did, and the output was
/// there.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// The rebuilt artifact.
    pub file: RebuiltFile,
    /// How each phase went.
    pub phases: Vec<PhaseReport>,
    /// Everything that the mirror handed out, sorted, without repeats.
    pub served: Vec<ServedFile>,
    /// Steps that failed and were passed over, as the plan allows, each with its status.
    pub passed_over: Vec<String>,
    /// The steps' output, bounded by the plan's log limit.
    pub log: PathBuf,
}
