//! What a corpus came to: how many of each ecosystem and year were exact, and how,
//! and the reason for each that was not. Pure; imports `model` alone. It never
//! counts one level of agreement as another.

use std::collections::BTreeMap;

use super::comparison::markdown_code as code;
use super::seconds;
use crate::model::{
    Batch, BuildFailure, BuildStage, Ecosystem, ResultRecord, Verdict, VerdictKind,
};

/// One column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Score {
    /// The same bytes, with nothing read out of the published artifact.
    Exact,
    /// The same bytes, with inputs recovered from the artifact.
    Recovered,
    /// The same bytes once published metadata was put on the rebuilt archive.
    Replayed,
    Equivalent,
    Different,
    BuildFailed,
    SourceNotFound,
    Unsupported,
    InfraError,
}

impl Score {
    const ALL: [Self; 9] = [
        Self::Exact,
        Self::Recovered,
        Self::Replayed,
        Self::Equivalent,
        Self::Different,
        Self::BuildFailed,
        Self::SourceNotFound,
        Self::Unsupported,
        Self::InfraError,
    ];

    const fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Reproduced { replayed, .. } if !replayed.is_empty() => Self::Replayed,
            Verdict::Reproduced { recovered, .. } if recovered.is_empty() => Self::Exact,
            Verdict::Reproduced { .. } => Self::Recovered,
            Verdict::Equivalent { .. } => Self::Equivalent,
            Verdict::Different { .. } => Self::Different,
            Verdict::BuildFailed { .. } => Self::BuildFailed,
            Verdict::SourceNotFound { .. } => Self::SourceNotFound,
            Verdict::Unsupported { .. } => Self::Unsupported,
            Verdict::InfraError { .. } => Self::InfraError,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Recovered => "exact, recovered inputs",
            Self::Replayed => "exact, replayed metadata",
            Self::Equivalent => "equivalent",
            Self::Different => "different",
            Self::BuildFailed => "build failed",
            Self::SourceNotFound => "no source",
            Self::Unsupported => "unsupported",
            Self::InfraError => "undecided",
        }
    }
}

/// A row's key: an ecosystem, and a year or all of them.
type Row = (Ecosystem, Option<i16>);

#[derive(Default)]
struct Tally {
    counts: BTreeMap<Score, usize>,
    failures: BTreeMap<&'static str, usize>,
    millis: Vec<u64>,
}

impl Tally {
    fn add(&mut self, record: &ResultRecord) {
        *self.counts.entry(Score::of(&record.verdict)).or_default() += 1;
        if let Verdict::BuildFailed { stage, failure } = &record.verdict {
            *self.failures.entry(class_of(*stage, failure)).or_default() += 1;
        }
        self.millis.push(record.millis);
    }

    fn total(&self) -> usize {
        self.millis.len()
    }

    fn median(&self) -> u64 {
        let mut sorted = self.millis.clone();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied().unwrap_or(0)
    }
}

/// The scoreboard of a batch as Markdown: a table by ecosystem and year of
/// publication, then every artifact that is not exact with its reason.
pub fn to_scoreboard(batch: &Batch) -> String {
    let mut rows: BTreeMap<Row, Tally> = BTreeMap::new();
    for record in &batch.results {
        let ecosystem = record.purl.ecosystem();
        rows.entry((ecosystem, None)).or_default().add(record);
        if let Some(year) = year_of(record) {
            rows.entry((ecosystem, Some(year))).or_default().add(record);
        }
    }
    let mut text = String::from("| ecosystem | published | artifacts |");
    for score in Score::ALL {
        text.push_str(&format!(" {} |", score.title()));
    }
    text.push_str(" median time |\n| --- | --- |");
    text.push_str(&" ---: |".repeat(Score::ALL.len() + 2));
    text.push('\n');
    for ((ecosystem, year), tally) in &rows {
        let year = year.map_or("all".to_owned(), |year| year.to_string());
        text.push_str(&format!("| {ecosystem} | {year} | {} |", tally.total()));
        for score in Score::ALL {
            let count = tally.counts.get(&score).copied().unwrap_or(0);
            text.push_str(&format!(" {count} |"));
        }
        text.push_str(&format!(" {} |\n", seconds(tally.median())));
    }
    text.push('\n');
    for ((ecosystem, _), tally) in rows.iter().filter(|((_, year), _)| year.is_none()) {
        text.push_str(&summary(*ecosystem, tally));
    }
    text.push_str("\nNot exact, each with its reason:\n\n");
    for record in &batch.results {
        if record.verdict.kind() != VerdictKind::Reproduced {
            text.push_str(&format!(
                "- {}: {}, {}\n",
                code(&record.purl.to_string()),
                record.verdict.kind(),
                code(&record.verdict.reason())
            ));
        }
    }
    text
}

/// What an ecosystem came to in one line, each level with those above it, and how those
/// failed that did.
fn summary(ecosystem: Ecosystem, tally: &Tally) -> String {
    let of = |scores: &[Score]| -> usize {
        scores
            .iter()
            .filter_map(|score| tally.counts.get(score))
            .sum()
    };
    let plain = of(&[Score::Exact, Score::Recovered]);
    let replayed = plain + of(&[Score::Replayed]);
    let total = tally.total();
    let mut line = format!(
        "{ecosystem}: {plain} of {total} ({}) exact plainly or with recovered inputs; {replayed} ({}) with replayed metadata too.",
        percent(plain, total),
        percent(replayed, total)
    );
    if !tally.failures.is_empty() {
        let classes: Vec<String> = tally
            .failures
            .iter()
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        line.push_str(&format!(" Failed builds: {}.", classes.join(", ")));
    }
    line.push('\n');
    line
}

fn percent(part: usize, whole: usize) -> String {
    format!("{}%", part * 100 / whole.max(1))
}

/// The class of a failed build, in a person's words.
const fn class_of(stage: BuildStage, failure: &BuildFailure) -> &'static str {
    match failure {
        BuildFailure::OutOfMemory { .. } => "out of memory",
        BuildFailure::TimedOut { .. } => "out of time",
        BuildFailure::DiskLimit { .. } => "out of disk",
        BuildFailure::NoOutput { .. } => "no output",
        BuildFailure::NoPlan { .. } => "no plan",
        BuildFailure::Exit { .. } => match stage {
            BuildStage::Plan => "no plan",
            BuildStage::Prepare => "preparing",
            BuildStage::Build | BuildStage::Output => "building",
        },
    }
}

fn year_of(record: &ResultRecord) -> Option<i16> {
    let published = record.artifact.as_ref()?.published_at?;
    Some(published.time.to_zoned(jiff::tz::TimeZone::UTC).year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        ArtifactKind, ArtifactSummary, PublishedAt, RecoveredFact, Sha256Digest, Sha512Digest,
        TimeSource,
    };

    fn record(purl: &str, year: i16, millis: u64, verdict: Verdict) -> ResultRecord {
        let time = format!("{year}-06-01T00:00:00Z").parse().expect("valid");
        ResultRecord {
            artifact: Some(ArtifactSummary {
                name: "x".into(),
                kind: ArtifactKind::Other,
                sha256: Sha256Digest::of(b""),
                sha512: Sha512Digest::of(b""),
                size: 0,
                published_at: Some(PublishedAt {
                    time,
                    source: TimeSource::Registry,
                }),
            }),
            millis,
            remint_version: "0".into(),
            ..ResultRecord::new(purl.parse().expect("valid"), verdict, time)
        }
    }

    #[test]
    fn each_level_is_counted_by_itself_and_what_is_not_exact_is_explained() {
        let time = "2026-01-02T03:04:05Z".parse().expect("valid");
        let sha256 = Sha256Digest::of(b"");
        let fact = RecoveredFact::SourceDateEpoch { seconds: 1 };
        let mut batch = Batch::begin(time);
        batch.results = vec![
            record(
                "pkg:cargo/a@1.0.0",
                2024,
                1000,
                Verdict::Reproduced {
                    sha256,
                    recovered: vec![],
                    replayed: vec![],
                },
            ),
            record(
                "pkg:cargo/b@1.0.0",
                2025,
                3000,
                Verdict::Reproduced {
                    sha256,
                    recovered: vec![fact],
                    replayed: vec![],
                },
            ),
            record(
                "pkg:npm/c@1.0.0",
                2025,
                2000,
                Verdict::BuildFailed {
                    stage: BuildStage::Prepare,
                    failure: BuildFailure::Exit {
                        code: 1,
                        step: "npm <ci>".into(),
                    },
                },
            ),
        ];
        insta::assert_snapshot!(to_scoreboard(&batch), @r"
        | ecosystem | published | artifacts | exact | exact, recovered inputs | exact, replayed metadata | equivalent | different | build failed | no source | unsupported | undecided | median time |
        | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | cargo | all | 2 | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 3.0 s |
        | cargo | 2024 | 1 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 1.0 s |
        | cargo | 2025 | 1 | 0 | 1 | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 3.0 s |
        | npm | all | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 0 | 0 | 0 | 2.0 s |
        | npm | 2025 | 1 | 0 | 0 | 0 | 0 | 0 | 1 | 0 | 0 | 0 | 2.0 s |

        cargo: 2 of 2 (100%) exact plainly or with recovered inputs; 2 (100%) with replayed metadata too.
        npm: 0 of 1 (0%) exact plainly or with recovered inputs; 0 (0%) with replayed metadata too. Failed builds: preparing 1.

        Not exact, each with its reason:

        - `pkg:npm/c@1.0.0`: build-failed, `` `npm <ci>` ended with status 1 ``
        ");
    }
}
