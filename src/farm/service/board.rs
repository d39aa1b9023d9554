//! What the service knows of itself, for the status page and the metrics: the queue's
//! own tables, and what happened since it began.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::checked::Planned;
use super::metrics::Counts;
use crate::farm::disk;
use crate::farm::queue::{self, Progress, Queue};
use crate::farm::{Next, WorkerEvent};
use crate::model::printable;
use crate::report::farm::{BatchStatus, Happened, Running, ScheduleStatus, Status, WorkerStatus};

/// Happenings that are kept for the page; older ones are in the process's log.
const KEPT: usize = 50;

/// How long a line is not said again: a database that is down for an hour would else
/// fill the log with itself.
const SAID_AGAIN: Duration = Duration::from_secs(60);

/// Batches on the page.
const BATCHES: u32 = 20;

/// What happened, and what is known of the schedules.
#[derive(Default)]
pub(super) struct Board {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    happened: VecDeque<Happened>,
    /// What was said within [`SAID_AGAIN`], and when.
    said: HashMap<String, Instant>,
    counts: Counts,
    /// Where jobs of this process are.
    stations: BTreeMap<String, &'static str>,
    /// What the last look at the disks found.
    disks: Vec<disk::Outcome>,
    /// Schedules whose batch could not be added, with the reason.
    troubled: BTreeMap<String, String>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line for the page; whether it is news, and not the same as a moment ago.
    pub(super) fn say(&self, what: &str) -> bool {
        let mut inner = self.lock();
        inner.said.retain(|_, at| at.elapsed() < SAID_AGAIN);
        if inner.said.contains_key(what) {
            return false;
        }
        inner.said.insert(what.to_owned(), Instant::now());
        if inner.happened.len() == KEPT {
            inner.happened.pop_back();
        }
        inner.happened.push_front(Happened {
            at: Timestamp::now(),
            what: printable(what, false),
        });
        true
    }

    /// Counts a trouble and keeps its line; whether it is news.
    pub(super) fn trouble(&self, what: &str) -> bool {
        self.lock().counts.trouble();
        self.say(what)
    }

    pub(super) fn worker(&self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Began(_) => {}
            WorkerEvent::Ended {
                purl,
                records,
                next,
            } => {
                let mut inner = self.lock();
                inner.stations.remove(&purl.to_string());
                inner.counts.ended(records, !matches!(next, Next::Again(_)));
            }
            WorkerEvent::Left(purl) => {
                self.lock().stations.remove(&purl.to_string());
            }
            WorkerEvent::Trouble(_) => {}
        }
    }

    pub(super) fn station(&self, subject: &str, station: &'static str) {
        self.lock().stations.insert(subject.to_owned(), station);
    }

    pub(super) fn schedule_trouble(&self, schedule: &str, why: String) {
        let mut inner = self.lock();
        inner.counts.trouble();
        inner.troubled.insert(schedule.to_owned(), why);
    }

    pub(super) fn schedule_good(&self, schedule: &str) {
        self.lock().troubled.remove(schedule);
    }

    pub(super) fn disks(&self, found: Vec<disk::Outcome>) {
        self.lock().disks = found;
    }

    pub(super) fn last_disks(&self) -> Vec<disk::Outcome> {
        self.lock().disks.clone()
    }

    pub(super) fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// Everything, as it is now.
    pub(super) async fn status(
        &self,
        queue: &Queue,
        schedules: &[Planned],
        results: &Path,
    ) -> Result<Status, queue::Error> {
        let now = Timestamp::now();
        let mut batches = Vec::new();
        for row in queue.newest_batches(BATCHES).await? {
            let progress = queue.progress(&row.id).await?;
            batches.push(BatchStatus {
                id: row.id.clone(),
                title: row.title,
                state: row.state.name(),
                created: row.created,
                ended: row.ended,
                total: progress.total(),
                done: progress.done,
                given_up: progress.given_up,
                running: progress.running,
                left: progress.left(),
                is_reported: results.join(&row.id).join("index.html").is_file(),
            });
        }
        let running = queue.running().await?;
        let workers = queue.workers().await?;
        let live: Progress = queue.live().await?;
        let mut planned = Vec::new();
        for schedule in schedules {
            let fired = queue.fired(schedule.name(), now).await?;
            planned.push(ScheduleStatus {
                name: schedule.name().to_owned(),
                cron: schedule.schedule.config().cron.clone(),
                time_zone: schedule.schedule.config().time_zone.clone(),
                last: fired,
                next: schedule.schedule.next(now),
                trouble: self.lock().troubled.get(schedule.name()).cloned(),
            });
        }
        let inner = self.lock();
        Ok(Status {
            version: env!("CARGO_PKG_VERSION"),
            at: now,
            queued: live.queued,
            waiting: live.waiting,
            running: running
                .into_iter()
                .map(|job| Running {
                    station: inner.stations.get(&job.purl).copied(),
                    purl: job.purl,
                    batch: job.batch,
                    worker: job.worker,
                    since: job.since,
                })
                .collect(),
            workers: workers
                .into_iter()
                .map(|worker| WorkerStatus {
                    name: worker.name,
                    machine: worker.machine,
                    slots: worker.slots,
                    running: worker.running,
                    memory_mib: worker.capacity.memory_mib,
                    started: worker.started,
                    draining: worker.draining,
                })
                .collect(),
            schedules: planned,
            batches,
            happened: inner.happened.iter().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_happening_is_counted_each_time_and_said_once_a_minute() {
        let board = Board::default();
        assert!(board.trouble("the database is down"));
        for _ in 0..100 {
            assert!(!board.trouble("the database is down"));
        }
        assert!(board.trouble("something else"));
        let inner = board.lock();
        assert_eq!(inner.happened.len(), 2);
        assert_eq!(inner.counts.troubles(), 102);
    }
}
