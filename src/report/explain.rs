//! The story of one verdict for a person: what was published, what its source is and
//! why, each plan that was tried with how near it came, and what decided. Pure.

use super::{paint::Paint, seconds, strays, terminal::colour_of};
use crate::model::{Attempt, Distance, ResultRecord, Verdict, printable};

/// The story, as lines for a terminal. Coloured only when told so.
pub fn to_story(record: &ResultRecord, colour: bool) -> String {
    let mut story = Story::default();
    let kind = record.verdict.kind();
    let label = Paint(colour).with(colour_of(kind), kind.name());
    story.text.push_str(&format!(
        "{}: {label}\n",
        printable(&record.subject(), false)
    ));
    story.line(1, &record.verdict.reason());
    if let Some(artifact) = &record.artifact {
        story.head("Published");
        story.line(1, &format!("{}, {} bytes", artifact.sha256, artifact.size));
        match artifact.published_at {
            Some(at) => story.line(1, &format!("at {}", at.time)),
            None => story.line(1, "nothing says when"),
        }
    }
    if let Some(source) = &record.source {
        story.head("Source, with what ties it to the release, strongest first");
        story.line(1, &source.summary());
        for evidence in source.evidence() {
            let mark = if evidence.kind.is_doubt() { "!" } else { "-" };
            story.line(1, &format!("{mark} {}", evidence.detail));
        }
    }
    story.sdist(record);
    story.tries(record);
    story.facts(record);
    story.text.push_str(&format!(
        "Verified {} by remint {} in {}\n",
        record.started,
        record.remint_version,
        seconds(record.millis)
    ));
    story.text
}

#[derive(Default)]
struct Story {
    text: String,
}

impl Story {
    fn head(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn line(&mut self, depth: usize, text: &str) {
        for line in printable(text, true).lines() {
            self.text.push_str(&"    ".repeat(depth));
            self.text.push_str(line);
            self.text.push('\n');
        }
    }

    fn sdist(&mut self, record: &ResultRecord) {
        let Some(basis) = record.basis() else {
            return;
        };
        self.head("Source distribution, held against the commit");
        self.line(1, &basis);
        for (what, strays) in strays(record) {
            for file in &strays.first {
                self.line(
                    1,
                    &format!("- {what}: {} (SHA-256 {})", file.path, file.sha256),
                );
            }
            let more = strays.count.saturating_sub(strays.first.len());
            if more > 0 {
                self.line(1, &format!("- {what}: {more} more"));
            }
        }
    }

    fn tries(&mut self, record: &ResultRecord) {
        match record.candidates.len() {
            0 => self.head("Nothing was tried"),
            1 => self.head("Tried, once"),
            many => self.head(&format!("Tried, in this order, {many} times")),
        }
        for (number, attempt) in record.candidates.iter().enumerate() {
            let chosen = attempt.plan_hash.is_some() && attempt.plan_hash == record.plan_hash;
            self.line(
                1,
                &format!(
                    "{}. {}: {}{}",
                    number + 1,
                    what(attempt),
                    near(attempt),
                    if chosen {
                        "; the verdict rests on this one"
                    } else {
                        ""
                    }
                ),
            );
            if attempt
                .distance
                .is_none_or(|distance| distance.differences > 0)
            {
                self.line(2, &attempt.outcome);
            }
        }
        if record.untried > 0 {
            self.line(
                1,
                &format!(
                    "{} more plan(s) were left when the limit of tries was reached ([tries] in remint.toml)",
                    record.untried
                ),
            );
        }
        for (why, plans) in &record.left_out {
            self.line(
                1,
                &format!("{plans} more plan(s) were left out, since {why}"),
            );
        }
    }

    fn facts(&mut self, record: &ResultRecord) {
        let Verdict::Reproduced {
            recovered,
            replayed,
            ..
        } = &record.verdict
        else {
            return;
        };
        if !recovered.is_empty() {
            self.head("Recovered inputs, which steered the build");
            for fact in recovered {
                self.line(1, &fact.to_string());
            }
        }
        if !replayed.is_empty() {
            self.head("Put on the rebuilt archive, so that the grade is `replayed`");
            for fact in replayed {
                self.line(1, &fact.to_string());
            }
        }
    }
}

/// What sets a try apart from the others.
fn what(attempt: &Attempt) -> String {
    let mut parts: Vec<String> = attempt.recovered.iter().map(ToString::to_string).collect();
    if parts.is_empty() {
        parts.push(if attempt.plan_hash.is_some() {
            "nothing recovered".into()
        } else {
            "no plan could be made".into()
        });
    }
    if attempt
        .source
        .as_deref()
        .is_some_and(|s| !s.contains(" at "))
    {
        parts.extend(attempt.source.clone());
    }
    parts.join(", ")
}

/// How near a try came.
fn near(attempt: &Attempt) -> String {
    let how = match attempt.distance {
        Some(Distance { differences: 0, .. }) => "the same bytes".to_owned(),
        Some(Distance { differences, worst }) => format!(
            "{differences} difference(s), the worst in {}",
            worst.map_or("metadata", |worst| worst.name())
        ),
        None => attempt
            .verdict
            .map_or_else(|| "no verdict".to_owned(), |verdict| verdict.to_string()),
    };
    format!("{how} ({})", seconds(attempt.millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Evidence, EvidenceKind, GitSource, LeftOut, RecoveredFact, Severity, Sha256Digest, Source,
        VerdictKind,
    };

    fn attempt(version: &str, verdict: VerdictKind, distance: Option<Distance>) -> Attempt {
        Attempt {
            plan_hash: Some(Sha256Digest::of(version)),
            image: None,
            source: Some("https://git.example/o/r at 0123".into()),
            recovered: vec![RecoveredFact::Toolchain {
                name: "cargo".into(),
                version: version.into(),
            }],
            verdict: Some(verdict),
            outcome: "2 differences (generated); \u{1b}[31mfirst".into(),
            distance,
            millis: 1500,
        }
    }

    #[test]
    fn the_story_tells_each_try_in_order_with_how_near_it_came() {
        let started = "2026-01-02T03:04:05Z".parse().expect("valid");
        let record = ResultRecord {
            plan_hash: Some(Sha256Digest::of("1.71.0")),
            candidates: vec![
                attempt(
                    "1.70.0",
                    VerdictKind::Different,
                    Some(Distance {
                        differences: 2,
                        worst: Some(Severity::Generated),
                    }),
                ),
                attempt("1.69.0", VerdictKind::BuildFailed, None),
                attempt(
                    "1.71.0",
                    VerdictKind::Reproduced,
                    Some(Distance {
                        differences: 0,
                        worst: None,
                    }),
                ),
            ],
            untried: 2,
            left_out: [(LeftOut::PreparedInVain, 3)].into(),
            millis: 4000,
            remint_version: "0".into(),
            ..ResultRecord::new(
                "pkg:cargo/demo@1.0.0".parse().expect("valid"),
                Verdict::Reproduced {
                    sha256: Sha256Digest::of(b""),
                    recovered: vec![RecoveredFact::LineEndings { crlf: 3, lf: 1 }],
                    replayed: vec![],
                },
                started,
            )
        };
        insta::assert_snapshot!(to_story(&record, false), @r"
        pkg:cargo/demo@1.0.0: reproduced
            the rebuilt file has the same SHA-256, with 1 recovered input
        Tried, in this order, 3 times
            1. cargo 1.70.0: 2 difference(s), the worst in generated (1.5 s)
                2 differences (generated); \u{1b}[31mfirst
            2. cargo 1.69.0: build-failed (1.5 s)
                2 differences (generated); \u{1b}[31mfirst
            3. cargo 1.71.0: the same bytes (1.5 s); the verdict rests on this one
            2 more plan(s) were left when the limit of tries was reached ([tries] in remint.toml)
            3 more plan(s) were left out, since what they prepare had failed in a plan before
        Recovered inputs, which steered the build
            CRLF in 3 file(s), LF kept in 1
        Verified 2026-01-02T03:04:05Z by remint 0 in 4.0 s
        ");
    }
    #[test]
    fn what_speaks_against_the_source_stands_out_among_what_speaks_for_it() {
        let evidence = |kind, detail: &str| Evidence {
            kind,
            detail: detail.into(),
        };
        let source = Source::Git {
            git: GitSource {
                repository: "https://git.example/o/r".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse().expect("valid"),
                commit_time: 0,
                tag: None,
                directory: String::new(),
            },
            evidence: vec![
                evidence(EvidenceKind::ProvenanceDoubt, "they disagree"),
                evidence(EvidenceKind::TagMatch, "a tag names it"),
            ],
        };
        let record = ResultRecord {
            source: Some(source),
            ..ResultRecord::new(
                "pkg:npm/demo@1.0.0".parse().expect("valid"),
                Verdict::InfraError { reason: "x".into() },
                "2026-01-02T03:04:05Z".parse().expect("valid"),
            )
        };
        let story = to_story(&record, false);
        assert!(
            story.contains("\n    ! they disagree\n    - a tag names it\n"),
            "{story}"
        );
    }
}
