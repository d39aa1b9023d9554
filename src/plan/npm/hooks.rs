//! What Node.js reads before each program of a build (Node.js documentation, "Command-line
//! API", `--require`), so that what the scripts make says what it said where the package was
//! published: how lines end, and what the time is. Pure.

use super::super::Facts;
use super::system::system;
use crate::model::{PackingSystem, RecoveredFact, Source, WORK_DIR};

/// Makes Node.js end lines as on Windows.
const LINE_ENDS: (&str, &str) = ("line_ends.cjs", include_str!("line_ends.cjs"));

/// Lets JavaScript's clock begin at a time, and what of it stands for that.
const CLOCK: (&str, &str) = ("clock.cjs", include_str!("clock.cjs"));
const CLOCK_TIME: &str = "BUILD_CLOCK";

/// How long a clock that is told to the second stands still in each program, in seconds: longer
/// than programs take to ask, and no longer than what waits can wait.
const STILL: u32 = 300;

/// One such file.
pub(super) struct Hook {
    /// Where it is below the work folder, and its text.
    pub(super) file: (&'static str, String),
    /// What was recovered for it, where no other line of the plan says so.
    pub(super) recovered: Option<RecoveredFact>,
    pub(super) why: String,
}

/// The files for a build that runs scripts; `with_clock` asks for the time that the package
/// names, or else the commit's.
pub(super) fn hooks(facts: &Facts<'_>, with_clock: bool) -> Vec<Hook> {
    let line_ends = (facts.made_with_crlf > 0).then(|| Hook {
        file: (LINE_ENDS.0, LINE_ENDS.1.to_owned()),
        recovered: system(facts.gzip).is_none().then_some(RecoveredFact::System {
            system: PackingSystem::Windows,
        }),
        why: format!(
            "{} text(s) of the package that are in no source have CRLF, as programs write it on Windows",
            facts.made_with_crlf
        ),
    });
    let clock = match (facts.made_at, facts.source) {
        (Some(seconds), _) if with_clock => Some(clock(
            &format!("{seconds} {STILL}"),
            seconds,
            "texts of the package that are in no source say when they were made: the clock says so too"
                .to_owned(),
        )),
        (None, Source::Git { git, .. }) if with_clock => Some(clock(
            &git.commit_time.to_string(),
            git.commit_time,
            why_then(facts),
        )),
        _ => None,
    };
    line_ends.into_iter().chain(clock).collect()
}

/// Why the clock begins when the commit was made.
fn why_then(facts: &Facts<'_>) -> String {
    let shown = facts.made_with_year;
    let told = if shown > 0 {
        format!(
            "{shown} text(s) of the package name the commit's year where the source does not, as programs take it from the clock"
        )
    } else {
        "the source asks browserslist for what depends on the day".to_owned()
    };
    format!("{told}: it begins when the commit was made")
}

/// The file that sets the clock.
fn clock(told: &str, seconds: i64, why: String) -> Hook {
    Hook {
        file: (CLOCK.0, CLOCK.1.replace(CLOCK_TIME, told)),
        recovered: Some(RecoveredFact::BuildClock {
            seconds,
            began: None,
            ended: None,
            wrote: None,
        }),
        why,
    }
}

/// What tells Node.js to read them.
pub(super) fn option(hooks: &[Hook]) -> Option<(String, String)> {
    let read = |hook: &Hook| format!("--require {WORK_DIR}/{}", hook.file.0);
    let all: Vec<String> = hooks.iter().map(read).collect();
    (!all.is_empty()).then(|| ("NODE_OPTIONS".to_owned(), all.join(" ")))
}

/// Where a source says what it builds for: in its manifest under this name, and in files of their own
/// (browserslist, `README.md`, "Config File").
const MANIFESTS: [&str; 2] = ["package.json", "/package.json"];
const TARGETS: &str = "browserslist";
const FILES: [&str; 2] = [".browserslistrc", "/.browserslistrc"];

/// Whether what the source builds for depends on the day (browserslist, `README.md`, "Full List": what is
/// maintained, and the last years), so that its build asks what time it is.
pub(super) fn asks_a_clock(facts: &Facts<'_>) -> bool {
    let of_manifest = |file: &&str| {
        let manifest: serde_json::Value = serde_json::from_slice(facts.tree.get(*file)?).ok()?;
        Some(manifest.get(TARGETS)?.to_string())
    };
    let of_file = |file: &&str| {
        let text = String::from_utf8_lossy(facts.tree.get(*file)?);
        let queries = text.lines().filter_map(|line| line.split('#').next());
        Some(queries.collect::<Vec<_>>().join("\n"))
    };
    let texts = MANIFESTS.iter().filter_map(of_manifest);
    texts
        .chain(FILES.iter().filter_map(of_file))
        .any(|text| depends_on_the_day(&text))
}

fn depends_on_the_day(queries: &str) -> bool {
    let text = queries.to_ascii_lowercase();
    let words: Vec<&str> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
        .filter(|word| !word.is_empty())
        .collect();
    words.windows(3).any(|three| match three {
        ["maintained", "node", "versions"] => true,
        ["last", number, "year" | "years"] => number.parse::<f32>().is_ok(),
        _ => false,
    })
}

/// Whether the package shows that its build may have asked what time it is, or what year.
pub(super) const fn shows_a_clock(facts: &Facts<'_>) -> bool {
    facts.made_at.is_some() || facts.made_with_year > 0
}
