//! `remint explain`.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::out::{say, say_as_is};
use super::{Error, Global, Outcome};
use crate::model::{Batch, Purl, ResultRecord};
use crate::report;

/// The largest `results.json` that is read: a batch of several thousand artifacts.
const MAX_RESULTS: u64 = 512 << 20;

/// Options of `remint explain`.
#[derive(Args, Debug)]
pub struct Options {
    /// A package URL; without a version, every one that was verified
    #[arg(value_name = "PURL")]
    purl: String,
    /// Explain only the artifact of this file name
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
}

/// Tells the story of the newest verdict on each artifact of a package.
///
/// # Errors
/// [`Error`] where the package URL is none, or no batch has a verdict on it.
pub fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let purl: Purl = options.purl.parse().map_err(|error| Error::usage(&error))?;
    let mut told = Vec::<String>::new();
    for file in newest_first(&global.results_dir)? {
        let Some(batch) = read(&file)? else {
            continue;
        };
        for record in batch.results.iter().rev() {
            let subject = record.subject();
            if is_meant(record, &purl, options.artifact.as_deref()) && !told.contains(&subject) {
                if !told.is_empty() {
                    say!("");
                }
                say_as_is!(
                    "{}",
                    report::to_story(record, std::io::stdout().is_terminal())
                );
                told.push(subject);
            }
        }
        // A package with a version has all its artifacts in one batch.
        if !told.is_empty() && purl.version().is_some() {
            break;
        }
    }
    if told.is_empty() {
        return Err(Error::Usage(format!(
            "no batch in {} has a verdict on {purl}; run `remint verify {purl}` first, or name another folder with --results-dir",
            global.results_dir.display()
        )));
    }
    Ok(Outcome::Good)
}

fn is_meant(record: &ResultRecord, purl: &Purl, artifact: Option<&str>) -> bool {
    record.purl.ecosystem() == purl.ecosystem()
        && record.purl.name() == purl.name()
        && purl
            .version()
            .is_none_or(|version| record.purl.version() == Some(version))
        && artifact.is_none_or(|name| record.subject() == name)
}

/// The results of every batch: the names of batches begin with their time.
fn newest_first(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(Error::Farm(format!(
                "cannot read {}: {error}",
                folder.display()
            )));
        }
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join("results.json")))
        .filter(|file| file.is_file())
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    Ok(files)
}

/// A batch; nothing where the file is of a format that this remint does not read.
fn read(file: &Path) -> Result<Option<Batch>, Error> {
    let cannot =
        |error: std::io::Error| Error::Farm(format!("cannot read {}: {error}", file.display()));
    if std::fs::metadata(file).map_err(cannot)?.len() > MAX_RESULTS {
        return Ok(None);
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    Ok(serde_json::from_slice::<Batch>(&bytes)
        .ok()
        .filter(|batch| batch.format == Batch::FORMAT))
}
