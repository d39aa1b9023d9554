//! Wheels that were packed on a drive of Windows under Linux, where every file has all
//! permissions, told from their modes. Pure.

use super::super::Facts;
use super::stamps::wheel_mode;

/// Lets every file have them, for the build steps alone.
pub(super) const HOOK: &str = include_str!("permissions.py");

/// Whether the wheel was packed there: `WHEEL` may be run by anybody.
pub(super) fn has_all(facts: &Facts<'_>) -> bool {
    wheel_mode(facts.stamps) == Some(0o777)
}
