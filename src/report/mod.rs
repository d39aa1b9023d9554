//! A batch for people and for machines: JSON, Markdown, HTML and a terminal's
//! lines. Pure functions over the batch, and one that writes the folder. Imports
//! `store` and `model`. Nothing of an artifact reaches a terminal or a page
//! without being escaped.

pub mod batch;
pub mod comparison;
pub mod farm;

mod explain;
mod html;
mod markdown;
mod page;
mod paint;
mod scoreboard;
mod terminal;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Batch, CommitLink, ResultRecord, Strays, Verdict, VerdictKind, printable_json};
use crate::store;

pub use explain::to_story;
pub use html::to_html;
pub use markdown::to_markdown;
pub use scoreboard::to_scoreboard;
pub use terminal::to_terminal;

/// The batch as JSON (`docs/results.md` describes it).
pub fn to_json(batch: &Batch) -> String {
    let text = serde_json::to_string_pretty(batch).expect("a batch is plain data and serialises");
    printable_json(&text)
}

/// Writes a batch's reports below the results folder and returns their folder.
///
/// # Errors
/// [`store::Error`] where they cannot be written.
pub fn write(batch: &Batch, results: &Path) -> Result<PathBuf, store::Error> {
    let folder = results.join(&batch.id);
    for (name, text) in [
        ("results.json", to_json(batch)),
        ("report.md", to_markdown(batch)),
        ("index.html", to_html(batch)),
    ] {
        store::write_durably(&folder.join(name), text.as_bytes())?;
    }
    Ok(folder)
}

/// How many artifacts got each verdict, best first. Each verdict is a level of its
/// own: `equivalent` must never swell the number of the reproduced.
fn tally(batch: &Batch) -> BTreeMap<VerdictKind, usize> {
    let mut tally = BTreeMap::new();
    for record in &batch.results {
        *tally.entry(record.verdict.kind()).or_default() += 1;
    }
    tally
}

/// A duration as people say it.
fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

/// What a source distribution holds and its commit does not, each kind with its name.
fn strays(record: &ResultRecord) -> Vec<(&'static str, &Strays)> {
    match record.sdist.as_ref().map(|sdist| &sdist.link) {
        Some(CommitLink::Held(held)) => vec![
            ("Not in the commit", &held.unknown),
            ("Other content than the commit's", &held.changed),
            ("Made executable", &held.made_executable),
        ],
        Some(CommitLink::NotHeld { .. }) | None => vec![],
    }
}

/// The facts of a record, each as a name and a value, in the order in which a
/// person asks for them.
fn facts(record: &ResultRecord) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("Package", record.purl.to_string()),
        ("Verdict", record.verdict.kind().to_string()),
        ("Reason", record.verdict.reason()),
    ];
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value {
            facts.push((name, value));
        }
    };
    add(
        "Published SHA-256",
        record.artifact.as_ref().map(|a| a.sha256.to_string()),
    );
    if let Some(source) = &record.source {
        add("Source", Some(source.summary()));
        for evidence in source.evidence() {
            let name = if evidence.kind.is_doubt() {
                "Doubt"
            } else {
                "Evidence"
            };
            add(name, Some(evidence.detail.clone()));
        }
    }
    add("Source distribution", record.basis());
    for (what, strays) in strays(record) {
        for file in &strays.first {
            add(
                what,
                Some(format!("{} (SHA-256 {})", file.path, file.sha256)),
            );
        }
    }
    if let Verdict::Reproduced {
        recovered,
        replayed,
        ..
    } = &record.verdict
    {
        for fact in replayed {
            add("Replayed metadata", Some(fact.to_string()));
        }
        for fact in recovered {
            add("Recovered input", serde_json::to_string(fact).ok());
        }
    }
    add("Plan", record.plan_hash.map(|hash| hash.to_string()));
    add("Image", record.image.clone());
    let packages = record.served.iter().filter(|file| file.is_package).count();
    if packages > 0 {
        add("Dependencies fetched", Some(packages.to_string()));
    }
    for (number, attempt) in record.candidates.iter().enumerate() {
        if record.candidates.len() > 1 {
            add(
                "Tried",
                Some(match attempt.verdict {
                    Some(verdict) => format!("{}. {verdict}: {}", number + 1, attempt.outcome),
                    None => format!("{}. {}", number + 1, attempt.outcome),
                }),
            );
        }
    }
    add("Time", Some(seconds(record.millis)));
    add("Log", record.log.clone());
    add("Attestation", record.attestation.clone());
    facts
}

#[cfg(test)]
mod tests;
