//! A worker: leases jobs, runs several at once, reports each, and shows that it
//! lives. It knows neither what a job does (that is the [`Executor`]'s) nor any
//! terminal (it emits [`WorkerEvent`]s).
//!
//! Leasing, beating and tending are three tasks: a slow statement of one must not
//! cost another job its lease.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::queue::{self, AtOnce, BatchState, Delivery, Holder, Leased, NotLeased, Queue, Token};
use super::retry::Next;
use super::spool::{Report, Spool};
use crate::model::{Purl, ResultRecord};
use crate::verify;

/// How often a worker with a free slot asks again when nothing was to be had.
const IDLE: Duration = Duration::from_millis(200);

/// How often a worker looks whether jobs could be run.
const LOOK: Duration = Duration::from_secs(2);

/// The longest pause between two tries to deliver a report.
const MAX_DELIVERY_PAUSE: Duration = Duration::from_secs(10);

/// How often the queue is tended to at least.
const TEND: Duration = Duration::from_secs(1);

/// A job was stopped before it had an end. Nothing is known of the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// What a job came to.
#[derive(Clone, Debug)]
pub struct Executed {
    /// One record an artifact.
    pub records: Vec<ResultRecord>,
    /// Whether the same again could come to something else, by the rules of `retry`.
    pub may_repeat: bool,
}

/// What runs a job.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Whether a job could be run now; why not, else. A worker of a service takes
    /// nothing then: an engine that is down for an hour must not cost every job a try.
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }

    /// Runs one job to its end, or stops when `cancel` says so.
    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted>;
}

/// What a worker tells whoever watches it.
#[derive(Clone, Debug)]
pub enum WorkerEvent {
    /// A job begins.
    Began(Purl),
    /// A job has records that were taken.
    Ended {
        /// The release.
        purl: Purl,
        /// Its records.
        records: Vec<ResultRecord>,
        /// What follows.
        next: Next,
    },
    /// A job was handed back, or its lease was lost.
    Left(Purl),
    /// Something that a person should know, and nothing stops.
    Trouble(String),
}

/// When a worker ends by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// When this batch has everything; only its jobs are run.
    Complete(String),
    /// When it is stopped.
    Stopped,
}

/// Takes what a worker tells.
pub type Watcher = Arc<dyn Fn(WorkerEvent) + Send + Sync>;

/// A worker.
pub struct Worker<E> {
    /// Where its jobs come from.
    pub queue: Queue,
    /// Who it is, and what its machine has.
    pub holder: Holder,
    /// What runs its jobs.
    pub executor: Arc<E>,
    /// How many it runs at once.
    pub slots: usize,
    /// How many may run at once, on all machines, beside what batches say.
    pub limits: AtOnce,
    /// Where reports wait that could not be delivered.
    pub spool: PathBuf,
    /// Who is told.
    pub watcher: Watcher,
    /// Stops it: what runs is handed back.
    pub stop: CancellationToken,
    /// Stops it softly: what runs is finished, nothing new is taken.
    pub drain: CancellationToken,
}

/// What runs now, each with what stops it.
type Held = Arc<Mutex<HashMap<Token, CancellationToken>>>;

impl<E: Executor> Worker<E> {
    /// Works until its end, or until it is stopped or drained.
    ///
    /// # Errors
    /// [`queue::Error`] where the queue cannot be used, and not for a moment only.
    pub async fn run(&self, until: &Until) -> Result<(), queue::Error> {
        self.queue.would_count().await?;
        self.queue.join(&self.holder).await?;
        self.deliver_kept().await?;
        let held: Held = Arc::default();
        let over = CancellationToken::new();
        let _guard = over.clone().drop_guard();
        let chores = tokio::spawn(beat(
            self.queue.clone(),
            self.holder.clone(),
            held.clone(),
            self.drain.clone(),
            over.clone(),
        ));
        let tending = tokio::spawn(tend(
            self.queue.clone(),
            self.holder.clone(),
            self.watcher.clone(),
            over.clone(),
        ));
        let ended = self.work(until, &held).await;
        over.cancel();
        // Both end by themselves now; a panic in one is passed on.
        for task in [chores, tending] {
            if let Err(error) = task.await
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
        if let Err(error) = self.queue.leave(&self.holder).await {
            // Whoever tends to the queue sees that it is gone.
            self.trouble(&error);
        }
        ended
    }

    async fn work(&self, until: &Until, held: &Held) -> Result<(), queue::Error> {
        let mut running = JoinSet::new();
        let mut readiness = Readiness::default();
        let mut in_doubt = Vec::new();
        loop {
            let stopping = self.stop.is_cancelled();
            let taking = !stopping && !self.drain.is_cancelled();
            if stopping {
                lock(held).values().for_each(CancellationToken::cancel);
            }
            self.hand_back(&mut in_doubt).await?;
            let may_take = taking && in_doubt.is_empty() && running.len() < self.slots;
            if may_take && readiness.allows(self, until).await {
                let most = self.slots - running.len();
                for job in self.take(until, most, &mut in_doubt).await? {
                    self.start(job, held, &mut running);
                }
            }
            if running.is_empty() && (!taking || self.is_over(until).await?) {
                return Ok(());
            }
            tokio::select! {
                Some(ended) = running.join_next() => {
                    // A job's own panic is caught where it runs; this one is ours.
                    if let Err(error) = ended
                        && let Ok(panic) = error.try_into_panic()
                    {
                        std::panic::resume_unwind(panic);
                    }
                }
                () = self.stop.cancelled(), if !stopping => {}
                () = self.drain.cancelled(), if taking => {}
                () = tokio::time::sleep(IDLE),
                    if !in_doubt.is_empty() || taking && running.len() < self.slots => {}
            }
        }
    }

    /// Leases; what may have been leased although it failed is noted as in doubt.
    async fn take(
        &self,
        until: &Until,
        most: usize,
        in_doubt: &mut Vec<Leased>,
    ) -> Result<Vec<Leased>, queue::Error> {
        let only = match until {
            Until::Complete(batch) => Some(batch.as_str()),
            Until::Stopped => None,
        };
        match self.lease(most, only).await {
            Ok(leased) => Ok(leased),
            Err(failed) => {
                in_doubt.extend(failed.in_doubt);
                self.pass_over(failed.error)?;
                Ok(Vec::new())
            }
        }
    }

    /// Hands back what is in doubt: nobody runs it, and this worker's life keeps its leases.
    async fn hand_back(&self, in_doubt: &mut Vec<Leased>) -> Result<(), queue::Error> {
        if in_doubt.is_empty() {
            return Ok(());
        }
        match self.queue.hand_back_unstarted(in_doubt).await {
            Ok(()) => {
                in_doubt.clear();
                Ok(())
            }
            Err(error) => self.pass_over(error),
        }
    }

    /// Tells of what may be over soon.
    ///
    /// # Errors
    /// What will not.
    fn pass_over(&self, error: queue::Error) -> Result<(), queue::Error> {
        if !error.is_passing() {
            return Err(error);
        }
        self.trouble(&error);
        Ok(())
    }

    /// Leases within this worker's limits and those that open batches ask for.
    async fn lease(&self, most: usize, only: Option<&str>) -> Result<Vec<Leased>, NotLeased> {
        let mut limits = self.limits.clone();
        limits.lower_to(self.queue.limits().await?.ecosystem);
        self.queue.lease(&self.holder, most, only, &limits).await
    }

    async fn is_over(&self, until: &Until) -> Result<bool, queue::Error> {
        match until {
            Until::Stopped => Ok(false),
            Until::Complete(batch) => match self.queue.batch(batch).await {
                Ok(row) => Ok(row.state != BatchState::Open),
                Err(error) => {
                    self.pass_over(error)?;
                    Ok(false)
                }
            },
        }
    }

    fn start(&self, job: Leased, held: &Held, running: &mut JoinSet<()>) {
        let cancel = CancellationToken::new();
        lock(held).insert(job.token.clone(), cancel.clone());
        let one = OneJob {
            queue: self.queue.clone(),
            spool: Spool::new(self.spool.clone()),
            watcher: self.watcher.clone(),
            stop: self.stop.clone(),
            held: held.clone(),
            job,
        };
        let executor = self.executor.clone();
        running.spawn(one.run(executor, cancel));
    }

    /// Delivers what an earlier process could not. Whoever holds those jobs now is
    /// not disturbed: only a lease's own token counts.
    async fn deliver_kept(&self) -> Result<(), queue::Error> {
        let spool = Spool::new(self.spool.clone());
        let (reports, unreadable) = spool.all();
        for path in unreadable {
            (self.watcher)(WorkerEvent::Trouble(format!(
                "{} is no report and was left where it is; remove it",
                path.display()
            )));
        }
        for report in reports {
            let token = report.token();
            match self
                .queue
                .report(
                    report.job(),
                    &token,
                    &report.records,
                    report.may_repeat,
                    0.5,
                )
                .await
            {
                Ok(_) => {
                    if let Err(error) = spool.forget(&token) {
                        self.trouble(&error);
                    }
                }
                Err(error) => self.pass_over(error)?,
            }
        }
        Ok(())
    }

    fn trouble(&self, error: &dyn std::error::Error) {
        (self.watcher)(WorkerEvent::Trouble(error.to_string()));
    }
}

/// What is known of whether jobs could be run.
#[derive(Default)]
struct Readiness {
    looked: Option<Instant>,
    why_not: Option<String>,
}

impl Readiness {
    /// Looks now and then. Whoever waits for one batch is told by its jobs instead.
    async fn allows<E: Executor>(&mut self, worker: &Worker<E>, until: &Until) -> bool {
        if matches!(until, Until::Complete(_)) {
            return true;
        }
        if self.looked.is_none_or(|looked| looked.elapsed() >= LOOK) {
            self.looked = Some(Instant::now());
            let found = worker.executor.ready().await.err();
            if found.is_some() && found != self.why_not {
                let why = found.as_deref().unwrap_or_default();
                let text = format!("nothing is taken until this is over: {why}");
                (worker.watcher)(WorkerEvent::Trouble(text));
            }
            self.why_not = found;
        }
        self.why_not.is_none()
    }
}

/// A job from its lease to its report.
struct OneJob {
    queue: Queue,
    spool: Spool,
    watcher: Watcher,
    stop: CancellationToken,
    held: Held,
    job: Leased,
}

impl OneJob {
    async fn run<E: Executor>(self, executor: Arc<E>, cancel: CancellationToken) {
        (self.watcher)(WorkerEvent::Began(self.job.purl.clone()));
        let job = self.job.clone();
        // In a task of its own, so that its panic is a record and no lost worker.
        let executed = tokio::spawn(async move { executor.run(&job, cancel).await }).await;
        let executed = executed.unwrap_or_else(|error| {
            Ok(Executed {
                records: vec![verify::given_up(
                    &self.job.purl,
                    &format!("remint itself failed ({error}); please report it with the log"),
                )],
                may_repeat: true,
            })
        });
        match executed {
            Ok(executed) => self.deliver(executed).await,
            Err(Interrupted) => {
                if let Err(error) = self.queue.hand_back(&self.job).await {
                    // The deadline hands it back then.
                    (self.watcher)(WorkerEvent::Trouble(error.to_string()));
                }
                (self.watcher)(WorkerEvent::Left(self.job.purl.clone()));
            }
        }
        lock(&self.held).remove(&self.job.token);
    }

    /// Delivers a report until it is answered. It is on disk before the first try.
    async fn deliver(&self, executed: Executed) {
        let report = Report::new(&self.job, executed);
        if let Err(error) = self.spool.keep(&report) {
            (self.watcher)(WorkerEvent::Trouble(error.to_string()));
        }
        let mut pause = IDLE;
        loop {
            let delivered = self
                .queue
                .finish(&self.job, &report.records, report.may_repeat, chance())
                .await;
            match delivered {
                Ok(delivery) => {
                    if let Err(error) = self.spool.forget(&self.job.token) {
                        (self.watcher)(WorkerEvent::Trouble(error.to_string()));
                    }
                    let purl = self.job.purl.clone();
                    (self.watcher)(match delivery {
                        Delivery::Taken(next) => WorkerEvent::Ended {
                            purl,
                            records: report.records,
                            next,
                        },
                        Delivery::Already => WorkerEvent::Ended {
                            purl,
                            records: report.records,
                            next: Next::Done,
                        },
                        Delivery::NotHolder => WorkerEvent::Left(purl),
                    });
                    return;
                }
                Err(error) => {
                    (self.watcher)(WorkerEvent::Trouble(error.to_string()));
                    // It stays in the spool for the next start.
                    if !error.is_passing() || self.stop.is_cancelled() {
                        (self.watcher)(WorkerEvent::Left(self.job.purl.clone()));
                        return;
                    }
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(MAX_DELIVERY_PAUSE),
                () = self.stop.cancelled() => {}
            }
        }
    }
}

/// Shows again and again that the holder lives, and stops what it no longer holds.
async fn beat(
    queue: Queue,
    holder: Holder,
    held: Held,
    drain: CancellationToken,
    over: CancellationToken,
) {
    let mut interval = tokio::time::interval(queue.beat_interval());
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            _ = interval.tick() => {}
        }
        // What is leased while the statement runs is not yet among its answer.
        let before: Vec<_> = lock(&held).keys().cloned().collect();
        // A beat that fails is made up for by the next; the deadline is ten of them.
        let Ok(heard) = queue.beat(&holder).await else {
            continue;
        };
        if heard.draining {
            drain.cancel();
        }
        for token in before.iter().filter(|token| !heard.ours.contains(token)) {
            if let Some(cancel) = lock(&held).get(token) {
                cancel.cancel();
            }
        }
    }
}

/// Tends to the queue again and again.
pub(super) async fn tend(queue: Queue, holder: Holder, watcher: Watcher, over: CancellationToken) {
    let mut interval = tokio::time::interval(queue.beat_interval().min(TEND));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            _ = interval.tick() => {}
        }
        match queue.tend(&holder).await {
            Ok(tended) => {
                for purl in tended.requeued {
                    watcher(WorkerEvent::Trouble(format!(
                        "the worker that ran {purl} was lost; it is queued again"
                    )));
                }
                for purl in tended.unbelieved {
                    watcher(WorkerEvent::Trouble(format!(
                        "a worker took {purl} whose key no [[farm.worker]] has; it is queued again"
                    )));
                }
                for purl in tended.given_up {
                    watcher(WorkerEvent::Trouble(format!(
                        "{purl} took several workers with it and was given up"
                    )));
                }
            }
            Err(error) => watcher(WorkerEvent::Trouble(error.to_string())),
        }
    }
}

fn lock(held: &Held) -> std::sync::MutexGuard<'_, HashMap<Token, CancellationToken>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number between 0 and 1. Where the system gives none, the middle: it only
/// spreads retries.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |number| f64::from(number) / f64::from(u32::MAX))
}
