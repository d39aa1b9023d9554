//! Wheels that were packed on a drive of Windows under Linux, where every file has all
//! permissions, told from their modes. Pure.

use super::super::Facts;

/// Lets every file have them, for the build steps alone.
pub(super) const HOOK: &str = include_str!("permissions.py");

/// Whether the wheel was packed there: `WHEEL`, which every backend writes anew and nobody would
/// make a program, may be run by anybody.
pub(super) fn has_all(facts: &Facts<'_>) -> bool {
    facts.stamps.iter().any(|stamp| {
        let name = stamp.name.split_once('/');
        let is_wheel =
            name.is_some_and(|(folder, file)| folder.ends_with(".dist-info") && file == "WHEEL");
        is_wheel && stamp.mode & 0o777 == 0o777
    })
}
