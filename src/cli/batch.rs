//! `remint batch`: a night's work, from files to a folder of reports. What it has to
//! do is in the queue, so it can be stopped anywhere and goes on where it was.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::out::{say, say_as_is};
use super::progress::Bars;
use super::{Error, Global, Outcome, open};
use crate::farm::credential::Credential;
use crate::farm::input::{self, Policy};
use crate::farm::queue::{self, AtOnce, BatchRow, Holder, NewBatch, Queue, Urgency};
use crate::farm::{
    self, LineExecutor, Next, Request, Reservation, Until, Worker, WorkerEvent, process, reports,
};
use crate::model::{
    Batch, Config, CredentialConfig, EventSink, FarmConfig, ResultRecord, VerdictKind, printable,
};
use crate::report::batch as report;
use crate::store::Database;
use crate::trust::{Folders, Reader};

/// Options of `remint batch`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Verify everything that files name: lists, batch files, lock files, SBOMs
    Run(RunOptions),
    /// List every batch, the newest first
    List,
    /// Say how far a batch is, and write its reports
    Show(Named),
    /// Go on with a batch that was stopped
    Resume(ResumeOptions),
    /// Stop a batch for good; what other batches want too goes on
    Cancel(Named),
    /// Queue again what a batch could not decide, and go on
    Retry(ResumeOptions),
    /// Say what changed between two batches, the regressions first
    Diff {
        /// The earlier batch
        #[arg(value_name = "A")]
        one: String,
        /// The later batch
        #[arg(value_name = "B")]
        other: String,
    },
}

#[derive(Args, Debug)]
struct Named {
    /// The batch's name; the newest batch without it
    #[arg(value_name = "BATCH")]
    batch: Option<String>,
}

#[derive(Args, Debug)]
struct RunOptions {
    /// Lists of package URLs, batch files (TOML), lock files, SBOMs (CycloneDX, SPDX)
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Verify again what is answered already
    #[arg(long)]
    again: bool,
    /// What to call the batch
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Let batches that a person waits for go first
    #[arg(long)]
    bulk: bool,
    /// Queue it and leave the work and the reports to `remint farm`
    #[arg(long)]
    detach: bool,
    #[command(flatten)]
    work: Work,
}

#[derive(Args, Debug)]
struct ResumeOptions {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    work: Work,
}

#[derive(Args, Debug)]
struct Work {
    /// How many packages are verified at once; by default one a processor
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Carries out one action on batches.
///
/// # Errors
/// [`Error::Usage`] for input that cannot be used, before anything is started;
/// [`Error::Stopped`] on Ctrl-C or SIGTERM: the batch can be resumed.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    match &options.action {
        Action::Run(options) => start(global, options).await,
        Action::Resume(options) => {
            let shelf = Shelf::open(global).await?;
            let batch = shelf.batch(options.named.batch.as_deref()).await?;
            go_on(global, &shelf, &batch, &options.work).await
        }
        Action::Retry(options) => {
            let shelf = Shelf::open(global).await?;
            let batch = shelf.batch(options.named.batch.as_deref()).await?;
            let count = shelf.queue.retry(&batch.id).await.map_err(of_queue)?;
            say!("{count} packages of {} are queued again", batch.id);
            go_on(global, &shelf, &batch, &options.work).await
        }
        Action::List => list(&Shelf::open(global).await?).await,
        Action::Show(named) => {
            let shelf = Shelf::open(global).await?;
            let batch = shelf.batch(named.batch.as_deref()).await?;
            shelf.finish(global, &batch).await
        }
        Action::Cancel(named) => {
            let shelf = Shelf::open(global).await?;
            let batch = shelf.batch(named.batch.as_deref()).await?;
            shelf.queue.cancel(&batch.id).await.map_err(of_queue)?;
            say!("{} is cancelled", batch.id);
            Ok(Outcome::Good)
        }
        Action::Diff { one, other } => {
            let shelf = Shelf::open(global).await?;
            let (before, after) = (shelf.records(one).await?, shelf.records(other).await?);
            let changes = report::changes(&before, &after);
            say_as_is!("{}", report::changes_to_markdown(one, other, &changes));
            let worse = changes.iter().any(report::Change::is_regression);
            Ok(if worse { Outcome::Bad } else { Outcome::Good })
        }
    }
}

pub(super) fn of_queue(error: queue::Error) -> Error {
    match error {
        queue::Error::NoBatch { .. }
        | queue::Error::NoWorker { .. }
        | queue::Error::NotBelieved { .. } => Error::usage(&error),
        error => Error::farm(&error),
    }
}

/// The queue beside the folders.
pub(super) struct Shelf {
    pub(super) queue: Queue,
    pub(super) config: Config,
    pub(super) data: PathBuf,
}

/// Who this process is to the farm, where the configuration says so.
pub(super) fn credential(global: &Global, config: &Config) -> Result<Option<Credential>, Error> {
    let named = config.farm.credential.as_ref();
    let read = |named: &CredentialConfig| {
        Credential::read(&named.name, &open::beside_config(global, &named.key))
            .map_err(|error| Error::usage(&error))
    };
    named.map(read).transpose()
}

impl Shelf {
    pub(super) async fn open(global: &Global) -> Result<Self, Error> {
        let data = open::data_dir(global)?;
        let config = open::config(global, &data)?;
        let database = Database::open(&data, config.database.url.as_deref())
            .await
            .map_err(|error| Error::farm(&error))?;
        let queue = Queue::open(database, Duration::from_secs(config.farm.lease)).await;
        let mut queue = queue.map_err(of_queue)?;
        if let Some(credential) = credential(global, &config)? {
            queue = queue.with_credential(Arc::new(credential));
        }
        Ok(Self {
            queue,
            config,
            data,
        })
    }

    async fn batch(&self, named: Option<&str>) -> Result<BatchRow, Error> {
        if let Some(id) = named {
            return self.queue.batch(id).await.map_err(of_queue);
        }
        let batches = self.queue.batches().await.map_err(of_queue)?;
        let newest = batches.into_iter().next();
        newest.ok_or_else(|| {
            Error::Usage("there is no batch yet; begin with `remint batch run FILE`".into())
        })
    }

    async fn records(&self, id: &str) -> Result<Vec<ResultRecord>, Error> {
        self.queue.batch(id).await.map_err(of_queue)?;
        let ended = self.queue.records(id).await.map_err(of_queue)?;
        Ok(ended.into_iter().map(|ended| ended.record).collect())
    }

    /// Writes a batch's reports and says what came out.
    async fn finish(&self, global: &Global, row: &BatchRow) -> Result<Outcome, Error> {
        let (results, bucket) = (&global.results_dir, open::bucket(&self.config)?);
        let bucket = bucket.as_ref();
        let others = !self.config.farm.worker.is_empty();
        let reported = reports::write(&self.queue, &row.id, results, &self.data, bucket, others)
            .await
            .map_err(|error| Error::farm(&error))?;
        say_as_is!("{}", reported.summary);
        say!("\nreport: {}", reported.folder.join("index.html").display());
        if reported.left > 0 {
            say!(
                "{} more to do: remint batch resume {}",
                reported.left,
                row.id
            );
        }
        Ok(outcome(
            &reported.results,
            &reported.settings.policy,
            reported.left,
        ))
    }
}

/// A package that does not pass weighs more than one that is undecided.
fn outcome(results: &[ResultRecord], policy: &Policy, left: u64) -> Outcome {
    let undecided = |record: &&ResultRecord| record.verdict.kind() == VerdictKind::InfraError;
    let mut failing = results.iter().filter(|record| !policy.passes(record));
    if failing.clone().any(|record| !undecided(&record)) {
        Outcome::Bad
    } else if failing.next().is_some() || left > 0 {
        Outcome::Undecided
    } else {
        Outcome::Good
    }
}

async fn list(shelf: &Shelf) -> Result<Outcome, Error> {
    for batch in shelf.queue.batches().await.map_err(of_queue)? {
        let progress = shelf.queue.progress(&batch.id).await.map_err(of_queue)?;
        say!(
            "{}  {:9}  {} of {} done  {}",
            batch.id,
            batch.state.name(),
            progress.ended(),
            progress.total(),
            printable(&batch.title, false)
        );
    }
    Ok(Outcome::Good)
}

async fn start(global: &Global, options: &RunOptions) -> Result<Outcome, Error> {
    let input = input::read(&options.files).map_err(|error| Error::usage(&error))?;
    let title = options
        .title
        .clone()
        .or_else(|| input.settings.title.clone());
    let named = |path: &Path| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let batch = NewBatch {
        id: Batch::begin(Timestamp::now()).id,
        title: title.unwrap_or_else(|| {
            let names: Vec<_> = options.files.iter().map(|path| named(path)).collect();
            names.join(", ")
        }),
        created: Timestamp::now(),
        urgency: if options.bulk {
            Urgency::Bulk
        } else {
            Urgency::Person
        },
        weight: 1,
        settings: serde_json::to_string(&input.settings).map_err(|error| {
            Error::Farm(format!("the batch's settings cannot be kept: {error}"))
        })?,
    };
    for left_out in &input.left_out {
        eprintln!(
            "remint: left out: {}, line {}: {}",
            left_out.file.display(),
            left_out.line,
            printable(&left_out.why, false)
        );
    }
    let shelf = Shelf::open(global).await?;
    let opened = open::open(global, &batch.id, EventSink::silent()).await?;
    let request = Request {
        again: options.again || input.settings.again,
        limits: Reservation::of_limits(&opened.line.limits),
    };
    let reader = Reader::open(Folders::below(&shelf.data)).map_err(|error| Error::usage(&error))?;
    let selection = farm::select(
        &input.wanted,
        &opened.line.registries,
        &shelf.queue,
        request,
        &reader,
    )
    .await
    .map_err(|error| match &error {
        farm::SelectError::Registry(inner) if !inner.is_upstream_fault() => Error::usage(&error),
        farm::SelectError::Registry(_) | farm::SelectError::Queue(_) => Error::farm(&error),
    })?;
    shelf
        .queue
        .add(&batch, &selection.jobs, &selection.answered)
        .await
        .map_err(of_queue)?;
    eprintln!(
        "remint: batch {}: {} to verify, {} answered already",
        batch.id,
        selection.jobs.len(),
        selection.answered.len()
    );
    if options.detach {
        say!("{}", batch.id);
        return Ok(Outcome::Good);
    }
    let row = shelf.queue.batch(&batch.id).await.map_err(of_queue)?;
    work(global, &shelf, opened, &row, &options.work).await
}

async fn go_on(
    global: &Global,
    shelf: &Shelf,
    batch: &BatchRow,
    options: &Work,
) -> Result<Outcome, Error> {
    let opened = open::open(global, &batch.id, EventSink::silent()).await?;
    work(global, shelf, opened, batch, options).await
}

/// Works until the batch has everything, or until it is stopped.
async fn work(
    global: &Global,
    shelf: &Shelf,
    mut opened: open::Farm,
    batch: &BatchRow,
    options: &Work,
) -> Result<Outcome, Error> {
    let progress = shelf.queue.progress(&batch.id).await.map_err(of_queue)?;
    let bars = Arc::new(Bars::new(
        usize::try_from(progress.total()).unwrap_or(usize::MAX),
    ));
    bars.skip(progress.ended());
    opened.line.events = bars.sink();
    let slots = match options.jobs {
        Some(jobs) => jobs.get(),
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    opened.line.cores = open::cores(slots, &opened.line.limits);
    let stop = opened.line.cancel.clone();
    let shown = bars.clone();
    let worker = Worker {
        queue: shelf.queue.clone(),
        holder: Holder {
            worker: format!("{} {}", process::own(), batch.id),
            name: process::host(),
            machine: process::machine(),
            process: process::own(),
            capacity: capacity(
                &shelf.config.farm,
                slots,
                Reservation::of_limits(&opened.line.limits),
            ),
            slots,
        },
        executor: Arc::new(LineExecutor::new(opened.line, global.results_dir.clone())),
        slots,
        limits: AtOnce::of(&shelf.config.farm.limits),
        spool: shelf.data.join("spool"),
        watcher: Arc::new(move |event| show(&shown, event)),
        stop: stop.clone(),
        drain: CancellationToken::new(),
    };
    let worked = worker.run(&Until::Complete(batch.id.clone())).await;
    bars.finish();
    worked.map_err(of_queue)?;
    let outcome = shelf.finish(global, batch).await?;
    if stop.is_cancelled() && outcome != Outcome::Good {
        return Err(Error::Stopped);
    }
    Ok(outcome)
}

/// What this machine gives: its memory, less a quarter for everything else unless the
/// configuration says how much, and as many processors as there are jobs at once.
pub(super) fn capacity(config: &FarmConfig, slots: usize, each: Reservation) -> Reservation {
    Reservation {
        memory_mib: config.memory_mib.unwrap_or_else(open::memory_mib),
        cpu_millis: each
            .cpu_millis
            .saturating_mul(u64::try_from(slots).unwrap_or(u64::MAX)),
    }
}

fn show(bars: &Bars, event: WorkerEvent) {
    match event {
        WorkerEvent::Began(_) => {}
        WorkerEvent::Ended {
            purl,
            records,
            next,
        } => {
            for record in &records {
                let verdict = record.verdict.kind();
                let mut line = format!("{verdict:17} {}", printable(&record.subject(), false));
                // It says nothing of the package, so a person reads why at once.
                if verdict == VerdictKind::InfraError {
                    line += &format!(": {}", printable(&record.verdict.reason(), false));
                }
                if let Next::Again(pause) = next {
                    line += &format!(", again in {} s", pause.as_secs());
                }
                bars.say(&line);
            }
            bars.leave(&purl.to_string());
            if !matches!(next, Next::Again(_)) {
                bars.advance();
            }
        }
        WorkerEvent::Left(purl) => bars.leave(&purl.to_string()),
        WorkerEvent::Trouble(text) => bars.warn(&text),
    }
}
