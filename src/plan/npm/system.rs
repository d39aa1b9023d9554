//! Packing as on the publisher's system: npm 6 and before let zlib write the system's
//! number into gzip's header; later ones write 255 for any. Pure.

use super::super::GzipMarks;
use crate::model::PackingSystem;

/// What Node.js reads before npm.
pub(super) const HOOK: &str = include_str!("system.cjs");
/// Where it is, below the work folder.
pub(super) const HOOK_FILE: &str = "system.cjs";
/// How it is told the number.
pub(super) const VARIABLE: &str = "PACKING_SYSTEM";

/// The publisher's system, where the header names one and it is not the build's own.
pub(super) fn system(gzip: Option<GzipMarks>) -> Option<PackingSystem> {
    PackingSystem::of_gzip(gzip?.os)
}
