//! The folder of a batch: an index that says first what got worse, a page a package,
//! and the same for machines (JSON, CSV, JUnit) and to paste (Markdown).
//!
//! Pure functions over records and their history, and one that writes the folder.
//! Static files without scripts or anything from elsewhere, readable in years.

mod csv;
mod index;
mod junit;
mod package;
mod plot;
mod standing;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::model::{Batch, ResultRecord, Verdict};
use crate::store;

pub use csv::to_csv;
pub use index::to_index;
pub use junit::to_junit;
pub use package::to_package;
pub use standing::{Change, History, Past, Standing, changes};
pub use summary::{changes_to_markdown, to_summary};

/// A batch with what its report needs beside the records.
pub struct Report<'a> {
    /// What people call it.
    pub title: &'a str,
    /// The records.
    pub batch: &'a Batch,
    /// What was known of the packages before.
    pub history: &'a History,
    /// Whether a result passes, by the batch's policy.
    pub passes: &'a dyn Fn(&ResultRecord) -> bool,
    /// How many jobs have no end yet.
    pub left: u64,
}

impl Report<'_> {
    fn standing(&self, record: &ResultRecord) -> Standing {
        self.history.standing(record)
    }

    /// Records of one standing, in order.
    fn of(&self, wanted: impl Fn(&Standing) -> bool) -> Vec<(&ResultRecord, Standing)> {
        let records = self.batch.results.iter();
        records
            .map(|record| (record, self.standing(record)))
            .filter(|(_, standing)| wanted(standing))
            .collect()
    }

    /// How many artifacts have each cause, most first.
    fn causes(&self) -> Vec<(&'static str, usize)> {
        let mut causes: BTreeMap<&'static str, usize> = BTreeMap::new();
        for differs in self
            .batch
            .results
            .iter()
            .filter_map(|r| r.verdict.comparison())
        {
            for cause in &differs.causes {
                *causes.entry(cause.cause.name()).or_default() += 1;
            }
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        causes
    }
}

/// The level of a verdict: its name, and for one that leans on replayed metadata the
/// grade too, so that no table counts it as plain.
fn level(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Reproduced { replayed, .. } if !replayed.is_empty() => "reproduced (replayed)",
        other => other.kind().name(),
    }
}

/// The name of a record's page, without its ending: letters that every system and
/// browser takes.
fn page_name(record: &ResultRecord) -> String {
    let mut name = record.purl.file_stem();
    if let Some(artifact) = &record.artifact {
        name.push_str("--");
        name.extend(artifact.name.chars().map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' | '-' | '+' => c,
            _ => '_',
        }));
    }
    name
}

/// Writes a batch's folder and returns it. `data` is where attestations are; each is
/// copied beside its page.
///
/// # Errors
/// [`store::Error`] where a file cannot be written.
pub fn write(report: &Report<'_>, results: &Path, data: &Path) -> Result<PathBuf, store::Error> {
    let folder = results.join(&report.batch.id);
    let put = |name: &str, text: &str| store::write_durably(&folder.join(name), text.as_bytes());
    for record in &report.batch.results {
        let attestation = match record.attestation_path() {
            Some(path) => copy_attestation(&data.join(path), &folder, record)?,
            None => None,
        };
        let log = record.log_path().filter(|log| folder.join(log).is_file());
        let page = to_package(report, record, log, attestation.as_deref());
        put(&format!("packages/{}.html", page_name(record)), &page)?;
    }
    put("results.json", &super::to_json(report.batch))?;
    put("results.csv", &to_csv(report))?;
    put("junit.xml", &to_junit(report))?;
    put("report.md", &to_summary(report))?;
    // Last: who sees an index sees what it links to.
    put("index.html", &to_index(report))?;
    Ok(folder)
}

/// Copies an attestation into the folder; one that is gone is no reason to lose the
/// report.
fn copy_attestation(
    from: &Path,
    folder: &Path,
    record: &ResultRecord,
) -> Result<Option<String>, store::Error> {
    let name = format!("attestations/{}.sigstore.json", page_name(record));
    match std::fs::read(from) {
        Ok(bytes) => {
            store::write_durably(&folder.join(&name), &bytes)?;
            Ok(Some(name))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(store::Error::io("read", from, error)),
    }
}
