//! What Node.js reads before each program of a build (Node.js documentation, "Command-line
//! API", `--require`), so that what the scripts make says what it said where the package was
//! published: how lines end, and what the time is. Pure.

use super::super::Facts;
use super::system::system;
use crate::model::{PackingSystem, RecoveredFact, Source, WORK_DIR};

/// Makes Node.js end lines as on Windows.
const LINE_ENDS: (&str, &str) = ("line_ends.cjs", include_str!("line_ends.cjs"));

/// Lets JavaScript's clock begin at a time, and how it is told that.
const CLOCK: (&str, &str) = ("clock.cjs", include_str!("clock.cjs"));
const CLOCK_VARIABLE: &str = "BUILD_CLOCK";

/// One such file.
pub(super) struct Hook {
    /// Where it is below the work folder, and its text.
    pub(super) file: (&'static str, &'static str),
    /// What it is told.
    pub(super) variable: Option<(&'static str, String)>,
    /// What was recovered for it, where no other line of the plan says so.
    pub(super) recovered: Option<RecoveredFact>,
    pub(super) why: String,
}

/// The files for a build that runs scripts; `at_commit` asks for the commit's time.
pub(super) fn hooks(facts: &Facts<'_>, at_commit: bool) -> Vec<Hook> {
    let line_ends = (facts.made_with_crlf > 0).then(|| Hook {
        file: LINE_ENDS,
        variable: None,
        recovered: system(facts.gzip).is_none().then_some(RecoveredFact::System {
            system: PackingSystem::Windows,
        }),
        why: format!(
            "{} text(s) of the package that are in no source have CRLF, as programs write it on Windows",
            facts.made_with_crlf
        ),
    });
    let clock = match facts.source {
        Source::Git { git, .. } if at_commit => Some(Hook {
            file: CLOCK,
            variable: Some((CLOCK_VARIABLE, git.commit_time.to_string())),
            recovered: Some(RecoveredFact::BuildClock {
                seconds: git.commit_time,
                began: None,
                ended: None,
                wrote: None,
            }),
            why: format!(
                "{} text(s) of the package name the commit's year where the source does not, as programs take it from the clock: it begins when the commit was made",
                facts.made_with_year
            ),
        }),
        Source::Git { .. } | Source::Sdist { .. } => None,
    };
    line_ends.into_iter().chain(clock).collect()
}

/// What tells Node.js to read them.
pub(super) fn option(hooks: &[Hook]) -> Option<(String, String)> {
    let read = |hook: &Hook| format!("--require {WORK_DIR}/{}", hook.file.0);
    let all: Vec<String> = hooks.iter().map(read).collect();
    (!all.is_empty()).then(|| ("NODE_OPTIONS".to_owned(), all.join(" ")))
}

/// Whether the package shows that its build may have asked what year it is.
pub(super) const fn shows_a_clock(facts: &Facts<'_>) -> bool {
    facts.made_with_year > 0
}
