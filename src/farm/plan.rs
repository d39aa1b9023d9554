//! From what is wanted to what is queued: patterns become releases, answers that
//! stand are kept, and the rest gets its place.

use std::collections::BTreeSet;

use super::Reservation;
use super::input::Wanted;
use super::queue::{self, JobId, NewJob, Queue};
use crate::model::{Purl, ResultRecord, VerdictKind};
use crate::registry::{self, Registries};

/// Places of a batch's jobs: releases that were never looked at go first, those whose
/// answer came from another remint after them.
const RANK_NEW: i64 = 0;
const RANK_STALE: i64 = 1;

/// How a selection is made.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Whether what is answered is verified again.
    pub again: bool,
    /// What each job may use.
    pub reservation: Reservation,
}

/// What a batch consists of.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// What has to run.
    pub jobs: Vec<NewJob>,
    /// What is answered.
    pub answered: Vec<JobId>,
}

/// Why a selection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern cannot be looked up.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

/// Finds out what has to run.
///
/// # Errors
/// [`Error`] where a pattern cannot be looked up; nothing is queued then.
pub async fn select(
    wanted: &[Wanted],
    registries: &Registries,
    queue: &Queue,
    request: Request,
) -> Result<Selection, Error> {
    let mut selection = Selection::default();
    let mut seen = BTreeSet::new();
    for wanted in wanted {
        let purls = match wanted {
            Wanted::Package(purl) if purl.version().is_some() => vec![purl.clone()],
            Wanted::Package(package) => newest(registries, package, 1).await?,
            Wanted::Newest { package, count } => newest(registries, package, *count).await?,
        };
        for purl in purls {
            if !seen.insert(purl.clone()) {
                continue;
            }
            let known = queue.answer(&purl).await?;
            let records: Vec<_> = known.iter().map(|ended| &ended.record).collect();
            match (standing(&records), known.first()) {
                (Standing::Stands, Some(first)) if !request.again => {
                    selection.answered.push(first.job);
                }
                (standing, _) => selection.jobs.push(NewJob {
                    purl,
                    host: records.iter().find_map(|r| host(r)).unwrap_or_default(),
                    rank: match standing {
                        Standing::Unknown => RANK_NEW,
                        Standing::Stands | Standing::Stale => RANK_STALE,
                    },
                    reservation: request.reservation,
                }),
            }
        }
    }
    Ok(selection)
}

async fn newest(
    registries: &Registries,
    package: &Purl,
    count: usize,
) -> Result<Vec<Purl>, registry::Error> {
    registries
        .of(package.ecosystem())
        .newest(package, count)
        .await
}

/// What earlier records are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// There are none that say anything.
    Unknown,
    /// This remint would say the same.
    Stands,
    /// Another remint said so.
    Stale,
}

fn standing(records: &[&ResultRecord]) -> Standing {
    let decided = |record: &&&ResultRecord| record.verdict.kind() != VerdictKind::InfraError;
    if records.is_empty() || !records.iter().all(|record| decided(&record)) {
        Standing::Unknown
    } else if records
        .iter()
        .all(|record| record.remint_version == env!("CARGO_PKG_VERSION"))
    {
        Standing::Stands
    } else {
        Standing::Stale
    }
}

/// The upstream host that a record's source came from.
fn host(record: &ResultRecord) -> Option<String> {
    match record.source.as_ref()? {
        crate::model::Source::Git { git, .. } => {
            let url = url::Url::parse(&git.repository).ok()?;
            Some(url.host_str()?.to_owned())
        }
        crate::model::Source::Sdist { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::testing::{infra, record, unsupported};

    #[test]
    fn only_an_answer_of_this_very_remint_stands() {
        let ours = record("pkg:npm/a@1.0.0", unsupported());
        let theirs = ResultRecord {
            remint_version: "0.0.1".into(),
            ..ours.clone()
        };
        let undecided = record("pkg:npm/a@1.0.0", infra());
        assert_eq!(standing(&[]), Standing::Unknown);
        assert_eq!(standing(&[&ours]), Standing::Stands);
        assert_eq!(standing(&[&ours, &theirs]), Standing::Stale);
        assert_eq!(standing(&[&ours, &undecided]), Standing::Unknown);
    }
}
