//! A checkout on a drive of Windows under Linux, where every file may be run, told from the
//! artifact beside the source. Pure; imports `model`.

use super::super::Facts;
use crate::model::RecoveredFact;

/// Lets every file of the checkout be run, and has git pass over it as it does on such a drive
/// (git-config(1), `core.fileMode`). Of two settings of one name the last counts (there, "FILES").
pub(super) const COMMANDS: [&[&str]; 2] = [
    &[
        "sh",
        "-c",
        "printf '[core]\\n\\tfileMode = false\\n' >> .git/config",
    ],
    &["chmod", "-R", "a+x", "."],
];

/// Told where every file may be run that the artifact has of the source, and in the source not
/// every one.
pub(super) fn recovered(facts: &Facts<'_>) -> Option<RecoveredFact> {
    let every = facts.modes.iter().all(|file| file.published);
    let differs = facts.modes.iter().any(|file| !file.source);
    (every && differs).then_some(RecoveredFact::AllExecutable)
}
