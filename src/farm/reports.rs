//! A batch's folder of reports, from what the queue knows of it. Imports `report`,
//! which makes the pages; it prints nothing.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::input::Settings;
use super::outputs::Outputs;
use super::queue::{self, BatchRow, Queue};
use crate::model::{Batch, ResultRecord, Verdict};
use crate::report::batch::{self as report, Report};
use crate::store::{self, Bucket};
use crate::trust::{self, Folders, Reader};

/// Why a batch could not be reported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue.
    #[error(transparent)]
    Queue(#[from] queue::Error),
    /// The folder.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The trust store.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// What the batch was told cannot be read.
    #[error("the settings of {id} cannot be read: {reason}; they were written by another remint")]
    Settings {
        /// The batch.
        id: String,
        /// What is wrong.
        reason: String,
    },
}

/// A batch that was reported.
pub struct Reported {
    /// Its records.
    pub results: Vec<ResultRecord>,
    /// What the batch was told.
    pub settings: Settings,
    /// How many jobs have no end yet.
    pub left: u64,
    /// A summary in Markdown.
    pub summary: String,
    /// The folder.
    pub folder: PathBuf,
}

/// Writes a batch's reports below `results`, as far as it is; `data` is where
/// attestations are. What other machines put into the `bucket` is fetched first. Where
/// `others` write rows, what counts is what the trust store says too.
///
/// # Errors
/// [`Error`] where they cannot be made or written.
pub async fn write(
    queue: &Queue,
    id: &str,
    results: &Path,
    data: &Path,
    bucket: Option<&Bucket>,
    others: bool,
) -> Result<Reported, Error> {
    let trusted = others.then(|| Reader::open(Folders::below(data)));
    let trusted = trusted.transpose()?;
    let row = queue.batch(id).await?;
    let left = queue.progress(id).await?.left();
    let records = queue.records(id).await?.into_iter();
    let records = records.map(|ended| confirmed(ended.record, trusted.as_ref()));
    let batch = Batch {
        format: Batch::FORMAT,
        id: row.id.clone(),
        started: row.created,
        finished: row.ended.unwrap_or_else(Timestamp::now),
        results: records.collect(),
    };
    if let Some(bucket) = bucket {
        let outputs = Outputs {
            bucket,
            batch: id,
            results,
            data,
        };
        outputs.fetch(&batch.results).await?;
    }
    let mut history = report::History::default();
    for (purl, verdict) in queue.earlier(&row).await? {
        history.add(&purl, verdict);
    }
    let settings = settings(&row)?;
    let (folder, summary) = {
        let report = Report {
            title: &row.title,
            batch: &batch,
            history: &history,
            passes: &|record| settings.policy.passes(record),
            left,
        };
        (
            report::write(&report, results, data)?,
            report::to_summary(&report),
        )
    };
    queue.reported(id).await?;
    Ok(Reported {
        results: batch.results,
        settings,
        left,
        summary,
        folder,
    })
}

/// The record; or that nothing is known, where the store does not say what it says.
fn confirmed(record: ResultRecord, trusted: Option<&Reader>) -> ResultRecord {
    let is_good = |trusted: &Reader| trusted.says(&record).unwrap_or(false);
    if !record.verdict.kind().is_signed() || trusted.is_none_or(is_good) {
        return record;
    }
    let reason = format!(
        "the trust store does not say `{}`; whoever may write to the queue put it there",
        record.verdict.kind()
    );
    ResultRecord {
        verdict: Verdict::InfraError { reason },
        ..record
    }
}

/// What a batch was told beside its packages.
fn settings(row: &BatchRow) -> Result<Settings, Error> {
    serde_json::from_str(&row.settings).map_err(|error| Error::Settings {
        id: row.id.clone(),
        reason: error.to_string(),
    })
}
