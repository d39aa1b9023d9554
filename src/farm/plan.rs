//! From what is wanted to what is queued: patterns become releases, answers that
//! stand are kept, and the rest gets its place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::Reservation;
use super::input::Wanted;
use super::queue::{self, JobId, NewJob, Queue};
use super::resource::Usage;
use crate::model::{Purl, ResultRecord, VerdictKind, Version};
use crate::registry::{self, Registries};
use crate::trust::Reader;

/// Between two ranks there is room for every length of a job, in seconds.
const RANK: i64 = 1 << 32;

/// How a selection is made.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Whether what is answered is verified again.
    pub again: bool,
    /// What each job may use at most.
    pub limits: Reservation,
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

/// Finds out what has to run. A record counts as an answer where the trust store says
/// the same: a row of the queue alone answers nothing.
///
/// # Errors
/// [`Error`] where a pattern cannot be looked up; nothing is queued then.
pub async fn select(
    wanted: &[Wanted],
    registries: &Registries,
    queue: &Queue,
    request: Request,
    trusted: &Reader,
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
            let said = match standing(&records) {
                Standing::Stands if !are_trusted(&records, trusted) => Standing::Unknown,
                standing => standing,
            };
            match (said, known.first()) {
                (Standing::Stands, Some(first)) if !request.again => {
                    selection.answered.push(first.job);
                }
                (standing, _) => {
                    let host = records.iter().find_map(|r| host(r)).unwrap_or_default();
                    let used = queue.usage(&purl).await?;
                    selection.jobs.push(NewJob {
                        purl,
                        host,
                        rank: rank(standing, used),
                        reservation: used
                            .map_or(request.limits, |used| used.reservation(request.limits)),
                    });
                }
            }
        }
    }
    Ok(selection)
}

/// Whether the trust store says so too. What cannot be read there answers nothing.
fn are_trusted(records: &[&ResultRecord], trusted: &Reader) -> bool {
    let mut said = records.iter().map(|record| trusted.says(record));
    said.all(|says| says.unwrap_or(false))
}

/// A job's place in its batch: releases that were never looked at go first, those whose
/// answer came from another remint after them. Of those alike the longest goes first, so
/// that none is left to run alone in the end.
fn rank(standing: Standing, used: Option<Usage>) -> i64 {
    let seconds = used.map_or(0, |used| used.seconds);
    let seconds = i64::try_from(seconds).unwrap_or(RANK).min(RANK - 1);
    match standing {
        Standing::Unknown => -seconds,
        Standing::Stands | Standing::Stale => RANK - seconds,
    }
}

/// Of what waits, what gives way to a newer version that is wanted now. What is wanted
/// now itself does not.
pub fn superseded(waiting: &[(JobId, Purl)], wanted: &[NewJob]) -> Vec<JobId> {
    let mut newest: BTreeMap<Purl, &Version> = BTreeMap::new();
    let mut named = BTreeSet::new();
    for job in wanted {
        let Some(version) = job.purl.version() else {
            continue;
        };
        named.insert(&job.purl);
        let ecosystem = job.purl.ecosystem();
        let newest = newest.entry(job.purl.package()).or_insert(version);
        if ecosystem.order(version, newest) == Ordering::Greater {
            *newest = version;
        }
    }
    let gives_way = |purl: &Purl| {
        !named.contains(purl)
            && purl.version().is_some_and(|version| {
                newest
                    .get(&purl.package())
                    .is_some_and(|newest| purl.ecosystem().order(version, newest) == Ordering::Less)
            })
    };
    let waiting = waiting.iter().filter(|(_, purl)| gives_way(purl));
    waiting.map(|(job, _)| *job).collect()
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

    fn job(purl: &str) -> NewJob {
        NewJob {
            purl: purl.parse().expect("valid"),
            host: String::new(),
            rank: 0,
            reservation: Reservation::default(),
        }
    }

    #[test]
    fn an_older_version_gives_way_to_a_newer_one_that_is_wanted_now() {
        let waiting: Vec<_> = [
            "pkg:npm/a@9.0.0",
            "pkg:npm/a@10.0.0",
            "pkg:npm/a@12.0.0",
            "pkg:npm/b@1.0.0",
            "pkg:pypi/a@1.0.0",
        ]
        .iter()
        .zip(0..)
        .map(|(purl, number)| (JobId(number), purl.parse().expect("valid")))
        .collect();
        let wanted = [job("pkg:npm/a@10.0.0"), job("pkg:npm/a@11.0.0")];
        assert_eq!(superseded(&waiting, &wanted), [JobId(0)]);
    }

    #[test]
    fn new_releases_go_first_and_of_those_alike_the_longest() {
        let used = |seconds| {
            Some(Usage {
                memory_mib: 1,
                seconds,
            })
        };
        let mut places = [
            rank(Standing::Stale, used(5)),
            rank(Standing::Stale, used(u64::MAX)),
            rank(Standing::Unknown, None),
            rank(Standing::Unknown, used(90)),
        ];
        assert!(places.is_sorted_by(|one, other| one > other), "{places:?}");
        places.reverse();
        assert!(places.is_sorted());
    }

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
