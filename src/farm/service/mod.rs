//! The long-running service: fires schedules, settles what other machines report, writes
//! reports, tends to the queue, answers over HTTP, and works itself where it shall.
//!
//! Everything that it does is in the queue's tables first, so that several may run at
//! once and each may die at any moment. It prints nothing: what happens goes to a
//! listener. It may import every room below the farm.

mod board;
mod checked;
mod metrics;
mod serve;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::board::Board;
use super::disk::{self, Places};
use super::queue::{self, AtOnce, Firing, Holder, NewBatch, Queue, Refused, Urgency};
use super::worker::{Executor, Until, Watcher, Worker, WorkerEvent, tend};
use super::{Reservation, input, plan, reports};
use crate::model::{DiskConfig, Event, EventSink, FetchedArtifact, Purl, ResultRecord};
use crate::registry::{self, Registries};
use crate::trust::{self, Folders, Ledger, Reader};
use crate::verify;

pub use checked::{Checked, Planned, check};

/// How often schedules are looked at. A batch begins at most so much late.
const LOOK: Duration = Duration::from_secs(5);

/// How long a schedule whose batch could not be added is left alone.
const AGAIN: Duration = Duration::from_secs(60);

/// How often reports of other machines are looked for.
const SETTLE: Duration = Duration::from_secs(1);

/// How many are settled in one go, so that a stop is not held up.
const SETTLE_AT_ONCE: u32 = 50;

/// How often batches that have ended are looked for.
const REPORT: Duration = Duration::from_secs(2);

/// Why the service could not begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened at.
    #[error(
        "cannot listen at {address}: {reason}; set `listen` in [farm] to an address that is free"
    )]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        reason: String,
    },
    /// The queue.
    #[error(transparent)]
    Queue(#[from] queue::Error),
}

/// Why a schedule's batch could not be added.
#[derive(Debug, thiserror::Error)]
enum FireError {
    #[error(transparent)]
    Input(#[from] input::Error),
    #[error(transparent)]
    Select(#[from] plan::Error),
    #[error(transparent)]
    Queue(#[from] queue::Error),
    #[error(transparent)]
    Trust(#[from] trust::Error),
    #[error("its settings cannot be kept: {0}")]
    Settings(#[from] serde_json::Error),
}

/// Takes a line about what happened.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

/// What the service works with.
pub struct Service<E> {
    /// The queue.
    pub queue: Queue,
    /// Its configuration, checked.
    pub checked: Checked,
    /// Where it answers.
    pub listen: SocketAddr,
    /// Who it is, and what its machine has; without slots it does not work itself.
    pub holder: Holder,
    /// What runs its own jobs.
    pub executor: Arc<E>,
    /// How many may run at once, on all machines.
    pub limits: AtOnce,
    /// What a job may use at most.
    pub job_limits: Reservation,
    /// The registries, for batches that name no versions.
    pub registries: Arc<Registries>,
    /// Where what others report is signed and stored.
    pub ledger: Arc<Ledger>,
    /// The data folder.
    pub data: PathBuf,
    /// Where reports go.
    pub results: PathBuf,
    /// What is kept, and its limits.
    pub disk: (Places, DiskConfig),
    /// How often disks are looked after.
    pub tidy: Duration,
    /// Who is told.
    pub listener: Listener,
    /// Ends it: what runs is finished first.
    pub drain: CancellationToken,
    /// Ends it at once: what runs is handed back.
    pub stop: CancellationToken,
}

/// What happened since a service began; to be given to the line of its executor, so that
/// the status page knows where jobs are.
#[derive(Clone, Default)]
pub struct Stations(Arc<Board>);

impl Stations {
    /// A sink for the events of the line.
    pub fn sink(&self) -> EventSink {
        let board = self.0.clone();
        EventSink::new(move |event| match event {
            Event::Entered { subject, station } => board.station(&subject, station.name()),
            Event::Finished { .. } => {}
            Event::Notice(text) => {
                board.say(&text);
            }
        })
    }
}

impl<E: Executor> Service<E> {
    /// Runs until it is drained or stopped.
    ///
    /// # Errors
    /// [`Error`] where it cannot begin, or the queue cannot be used and not for a moment
    /// only.
    pub async fn run(self, stations: &Stations) -> Result<(), Error> {
        let address = self.listen;
        let failed = |error: std::io::Error| Error::Listen {
            address,
            reason: error.to_string(),
        };
        self.queue.tell_believed().await?;
        let socket = tokio::net::TcpListener::bind(address)
            .await
            .map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let desk = serve::Desk {
            queue: self.queue.clone(),
            schedules: self.checked.schedules.clone(),
            board: stations.0.clone(),
            results: self.results.clone(),
            last: tokio::sync::Mutex::default(),
        };
        let (drain, stop) = (self.drain.clone(), self.stop.clone());
        let chores = Arc::new(Chores {
            board: stations.0.clone(),
            service: self,
        });
        (chores.service.listener)(&format!("status page: http://{bound}/"));
        let over = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_until(socket, desk, over.clone()));
        tasks.spawn(chores.clone().fire_schedules(drain.clone()));
        tasks.spawn(chores.clone().settle_reports(over.clone()));
        tasks.spawn(chores.clone().write_reports(over.clone()));
        tasks.spawn(chores.clone().look_after_disks(over.clone()));
        tasks.spawn(tend(
            chores.service.queue.clone(),
            chores.service.holder.clone(),
            chores.watcher(),
            over.clone(),
        ));
        let worked = chores.clone().work(&drain, &stop).await;
        over.cancel();
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended
                && let Ok(panic) = error.try_into_panic()
            {
                std::panic::resume_unwind(panic);
            }
        }
        worked.map_err(Error::from)
    }
}

async fn serve_until(socket: tokio::net::TcpListener, desk: serve::Desk, over: CancellationToken) {
    let served = axum::serve(socket, serve::router(Arc::new(desk)))
        .with_graceful_shutdown(async move { over.cancelled().await });
    // It ends by its signal alone: an accept that fails is tried again inside.
    let _ = served.await;
}

/// What the service does beside working.
struct Chores<E> {
    service: Service<E>,
    board: Arc<Board>,
}

impl<E: Executor> Chores<E> {
    fn say(&self, what: &str) {
        if self.board.say(what) {
            (self.service.listener)(what);
        }
    }

    fn trouble(&self, what: &str) {
        if self.board.trouble(what) {
            (self.service.listener)(what);
        }
    }

    fn watcher(self: &Arc<Self>) -> Watcher {
        let chores = self.clone();
        Arc::new(move |event: WorkerEvent| {
            chores.board.worker(&event);
            match event {
                WorkerEvent::Trouble(text) => chores.trouble(&text),
                WorkerEvent::Ended { records, .. } => {
                    for record in records {
                        (chores.service.listener)(&format!(
                            "{} {}",
                            record.verdict.kind(),
                            record.subject()
                        ));
                    }
                }
                WorkerEvent::Began(_) | WorkerEvent::Left(_) => {}
            }
        })
    }

    /// Works as long as the service runs. A worker that was drained by its name leaves
    /// the service running without it.
    async fn work(
        self: Arc<Self>,
        drain: &CancellationToken,
        stop: &CancellationToken,
    ) -> Result<(), queue::Error> {
        let service = &self.service;
        if service.holder.slots > 0 {
            let worker = Worker {
                queue: service.queue.clone(),
                holder: service.holder.clone(),
                executor: service.executor.clone(),
                slots: service.holder.slots,
                limits: service.limits.clone(),
                spool: service.data.join("spool"),
                watcher: self.watcher(),
                stop: stop.clone(),
                drain: drain.child_token(),
            };
            worker.run(&Until::Stopped).await?;
        }
        tokio::select! {
            () = drain.cancelled() => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    async fn fire_schedules(self: Arc<Self>, over: CancellationToken) {
        let mut failed: HashMap<String, Instant> = HashMap::new();
        while pause(LOOK, &over).await {
            for planned in &self.service.checked.schedules {
                let name = planned.name();
                if failed
                    .get(name)
                    .is_some_and(|since| since.elapsed() < AGAIN)
                {
                    continue;
                }
                match self.fire(planned, Timestamp::now()).await {
                    Ok(fired) => {
                        failed.remove(name);
                        self.board.schedule_good(name);
                        if let Some(said) = fired {
                            self.say(&said);
                        }
                    }
                    Err(error) => {
                        failed.insert(name.to_owned(), Instant::now());
                        let why = error.to_string();
                        (self.service.listener)(&format!("the schedule {name}: {why}"));
                        self.board.schedule_trouble(name, why);
                    }
                }
            }
        }
    }

    /// Adds a schedule's batch where its time has come; what was added, in one line.
    async fn fire(&self, planned: &Planned, now: Timestamp) -> Result<Option<String>, FireError> {
        let service = &self.service;
        let fired = service.queue.fired(planned.name(), now).await?;
        let Some(time) = planned.schedule.due(fired, now) else {
            return Ok(None);
        };
        let config = planned.schedule.config();
        let mut input = input::read(&planned.files)?;
        input.settings.again |= config.again;
        let request = plan::Request {
            again: input.settings.again,
            limits: service.job_limits,
        };
        let reader = Reader::open(Folders::below(&service.data))?;
        let selection = plan::select(
            &input.wanted,
            &service.registries,
            &service.queue,
            request,
            &reader,
        )
        .await?;
        let waiting = service.queue.waiting_of(planned.name()).await?;
        let firing = Firing {
            schedule: planned.name().to_owned(),
            time,
            superseded: plan::superseded(&waiting, &selection.jobs),
        };
        let batch = NewBatch {
            id: format!("{}-{}", time.strftime("%Y%m%dT%H%M%SZ"), planned.name()),
            title: input
                .settings
                .title
                .clone()
                .unwrap_or_else(|| planned.name().to_owned()),
            created: now,
            urgency: Urgency::Bulk,
            weight: config.weight,
            settings: serde_json::to_string(&input.settings)?,
        };
        let added = service
            .queue
            .add_fired(&batch, &selection.jobs, &selection.answered, Some(&firing))
            .await?;
        Ok(added.then(|| {
            format!(
                "batch {}: {} to verify, {} answered already, {} gave way, {} left out",
                batch.id,
                selection.jobs.len(),
                selection.answered.len(),
                firing.superseded.len(),
                input.left_out.len()
            )
        }))
    }

    async fn settle_reports(self: Arc<Self>, over: CancellationToken) {
        while pause(SETTLE, &over).await {
            if let Err(error) = self.settle().await {
                self.trouble(&error.to_string());
            }
        }
    }

    async fn settle(&self) -> Result<(), queue::Error> {
        let queue = &self.service.queue;
        let believed = &self.service.checked.believed;
        // One registry that is away holds up its own reports alone.
        let mut away = BTreeSet::new();
        let mut after = None;
        loop {
            let waiting = queue.unsettled(believed, after, SETTLE_AT_ONCE).await?;
            let Some(last) = waiting.last() else {
                return Ok(());
            };
            after = Some(last.job);
            for unsettled in waiting {
                let report = match unsettled.report {
                    Ok(_) if away.contains(&unsettled.ecosystem) => continue,
                    Ok(records) => self.attested(records).await,
                    Err(why) => Ok(Err(why)),
                };
                match report {
                    Ok(Ok(records)) => queue.settle(unsettled.job, &records).await?,
                    Ok(Err(why)) => {
                        self.trouble(&format!("a report was thrown away: {why}"));
                        queue.reject(unsettled.job, &why).await?;
                    }
                    Err(error) => {
                        self.trouble(&format!("a report cannot be attested yet: {error}"));
                        away.insert(unsettled.ecosystem);
                    }
                }
            }
        }
    }

    /// What keeps a record from being about what the registry publishes: a worker says
    /// what a build came to, and never which bytes it was held against.
    async fn unpublished(&self, record: &ResultRecord) -> Result<Option<String>, verify::Error> {
        let Some(artifact) = &record.artifact else {
            return Ok(None);
        };
        match self.published(&record.purl, &artifact.name).await {
            Err(error) if error.is_upstream_fault() => Err(error.into()),
            Err(error) => Ok(Some(error.to_string())),
            // Both digests: a statement is found under either.
            Ok(Some(file)) if (file.sha256, file.sha512) == (artifact.sha256, artifact.sha512) => {
                Ok(None)
            }
            Ok(_) => Ok(Some(format!(
                "{} publishes no {} of SHA-256 {} and SHA-512 {}",
                record.purl, artifact.name, artifact.sha256, artifact.sha512
            ))),
        }
    }

    /// A published file, whole: what its digests are is for nobody else to say.
    async fn published(
        &self,
        purl: &Purl,
        name: &str,
    ) -> Result<Option<FetchedArtifact>, registry::Error> {
        let registries = &self.service.registries;
        let release = registries.of(purl.ecosystem()).release(purl).await?;
        match release.artifacts.iter().find(|file| file.name == name) {
            Some(file) => registries.fetch(file).await.map(Some),
            None => Ok(None),
        }
    }

    /// The records, attested; or why they never will be.
    async fn attested(
        &self,
        mut records: Vec<ResultRecord>,
    ) -> Result<Result<Vec<ResultRecord>, Refused>, verify::Error> {
        for record in &records {
            if let Some(why) = self.unpublished(record).await? {
                return Ok(Err(Refused::Wrong(why)));
            }
        }
        let (ledger, data) = (self.service.ledger.clone(), self.service.data.clone());
        let signing = tokio::task::spawn_blocking(move || {
            for record in &mut records {
                verify::attest(record, &ledger, &data)?;
            }
            Ok(records)
        });
        match signing.await {
            Ok(signed) => signed.map(Ok),
            // It is never aborted, so only a panic ends it so.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    async fn write_reports(self: Arc<Self>, over: CancellationToken) {
        let service = &self.service;
        while pause(REPORT, &over).await {
            let batches = match service.queue.unreported().await {
                Ok(batches) => batches,
                Err(error) => {
                    self.trouble(&error.to_string());
                    continue;
                }
            };
            for batch in batches {
                let written = reports::write(
                    &service.queue,
                    &batch.id,
                    &service.results,
                    &service.data,
                    service.disk.0.blobs.bucket(),
                    !service.checked.believed.is_empty(),
                );
                match written.await {
                    Ok(reported) => self.say(&format!(
                        "batch {} is {}: {}",
                        batch.id,
                        batch.state.name(),
                        reported.folder.join("index.html").display()
                    )),
                    Err(error) => self.trouble(&format!("batch {}: {error}", batch.id)),
                }
            }
        }
    }

    async fn look_after_disks(self: Arc<Self>, over: CancellationToken) {
        let (places, config) = &self.service.disk;
        let tell = |collected: Result<Vec<disk::Outcome>, disk::Error>| match collected {
            Ok(outcomes) => {
                for outcome in &outcomes {
                    if let Some(line) = outcome.freed_line() {
                        self.say(&line);
                    }
                    if let Some(line) = outcome.above_line() {
                        self.trouble(&line);
                    }
                }
                self.board.disks(outcomes);
            }
            Err(error) => self.trouble(&error.to_string()),
        };
        disk::keep_within(places, config, self.service.tidy, &over, tell).await;
    }
}

/// Waits; whether it goes on.
async fn pause(time: Duration, over: &CancellationToken) -> bool {
    tokio::select! {
        () = over.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}
