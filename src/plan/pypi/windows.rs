//! Wheels that were packed on Windows, told from what a zip says of the system that it was
//! made on: how the same build leaves the same bytes elsewhere. Pure.

use super::super::Facts;
use crate::model::PackingSystem;

/// Lets Python write as it does on Windows, for the build steps alone.
pub(super) const HOOK: &str = include_str!("windows.py");

/// Whether the wheel was packed on Windows.
pub(super) fn packed_there(facts: &Facts<'_>) -> bool {
    facts.packed_on == Some(PackingSystem::Windows)
}
