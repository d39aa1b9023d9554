//! `remint farm`: the long-running service, workers beside it, and what is asked of them.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::batch::{Shelf, capacity, credential, of_queue};
use super::out::{say, say_as_is};
use super::{Error, Global, Outcome, open};
use crate::farm::credential::Credential;
use crate::farm::disk::{self, Places};
use crate::farm::queue::{AtOnce, Holder};
use crate::farm::service::{self, Checked, Service, Stations};
use crate::farm::{LineExecutor, Reservation, Until, Worker, WorkerEvent, process};
use crate::model::{Config, EventSink, printable};
use crate::sandbox::Engine;
use crate::store::make_folder;
use crate::verify::Line;

/// How often `drain --wait` looks.
const LOOK: Duration = Duration::from_secs(1);

/// Options of `remint farm`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the service: schedules, status page, metrics, reports, and jobs (the default)
    Run,
    /// Check the configuration, and say when each schedule comes next
    Check,
    /// Run jobs for a service elsewhere, which attests what this worker reports
    Work,
    /// List the workers that live
    Workers,
    /// Let a worker finish what it runs and take nothing new
    Drain {
        /// The worker's name
        #[arg(value_name = "NAME")]
        name: String,
        /// Wait until it is gone
        #[arg(long)]
        wait: bool,
    },
    /// Make a worker's key, and print its public half for the service's configuration
    Key {
        /// The file of the private key; it must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Carries out one action on the farm.
///
/// # Errors
/// [`Error::Usage`] for a configuration that cannot be used, before anything is started.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    match options.action.as_ref().unwrap_or(&Action::Run) {
        Action::Run => serve(global).await,
        Action::Check => check(global),
        Action::Work => work(global).await,
        Action::Workers => workers(&Shelf::open(global).await?).await,
        Action::Drain { name, wait } => drain(&Shelf::open(global).await?, name, *wait).await,
        Action::Key { file } => {
            say_as_is!("{}", Credential::make(file).map_err(|e| Error::usage(&e))?);
            Ok(Outcome::Good)
        }
    }
}

/// The configuration, with everything that it names checked.
fn checked(global: &Global) -> Result<(Config, Checked), Error> {
    let data = open::data_dir(global)?;
    let config = open::config(global, &data)?;
    let folder = open::beside_config(global, &PathBuf::new());
    let checked = service::check(&config.farm, &folder).map_err(|problems| {
        Error::Usage(format!(
            "the configuration cannot be used:\n  {}",
            problems.join("\n  ")
        ))
    })?;
    credential(global, &config)?;
    Ok((config, checked))
}

fn check(global: &Global) -> Result<Outcome, Error> {
    let (_, checked) = checked(global)?;
    let now = jiff::Timestamp::now();
    for planned in &checked.schedules {
        let next = planned.schedule.next(now);
        let next = next.map_or("never".to_owned(), |next| next.to_string());
        say!("{:20} next at {next}", planned.name());
    }
    say!("the configuration is good");
    Ok(Outcome::Good)
}

async fn serve(global: &Global) -> Result<Outcome, Error> {
    let (config, checked) = checked(global)?;
    let shelf = Shelf::open(global).await?;
    let stations = Stations::default();
    let mut opened = open::open_quietly(global, "farm", stations.sink(), true).await?;
    opened.line.cores = open::cores(slots(&config), &opened.line.limits);
    let ledger = opened.line.ledger.clone();
    let ledger = ledger.ok_or_else(|| Error::Farm("the farm has no keys".into()))?;
    let job_limits = Reservation::of_limits(&opened.line.limits);
    let ending = Ending::on_signals(config.farm.grace)?;
    make_folder(&global.results_dir).map_err(|error| Error::farm(&error))?;
    let places = places(global, &shelf, &opened.line).await;
    let service = Service {
        queue: shelf.queue.believing(Arc::new(checked.believed.clone())),
        checked,
        listen: config.farm.listen,
        holder: holder(&config, job_limits),
        registries: opened.line.registries.clone(),
        executor: Arc::new(LineExecutor::new(opened.line, global.results_dir.clone())),
        limits: AtOnce::of(&config.farm.limits),
        job_limits,
        ledger,
        data: shelf.data,
        results: global.results_dir.clone(),
        disk: (places, config.disk),
        tidy: Duration::from_secs(config.farm.tidy),
        listener: Arc::new(|line: &str| eprintln!("remint: {}", printable(line, false))),
        drain: ending.drain,
        stop: ending.stop,
    };
    service
        .run(&stations)
        .await
        .map_err(|error| Error::farm(&error))?;
    Ok(Outcome::Good)
}

/// A worker alone. It has no keys but its own; the service checks what it reports.
async fn work(global: &Global) -> Result<Outcome, Error> {
    let shelf = Shelf::open(global).await?;
    let config = &shelf.config;
    if config.farm.credential.is_none() {
        return Err(Error::Usage(
            "a worker needs a credential: make a key with `remint farm key FILE`, name it in [farm.credential], \
             and put its public half in a [[farm.worker]] of the service's configuration"
                .into(),
        ));
    }
    let mut opened = open::open_quietly(global, "farm", EventSink::silent(), false).await?;
    opened.line.cores = open::cores(slots(config), &opened.line.limits);
    let limits = Reservation::of_limits(&opened.line.limits);
    let ending = Ending::on_signals(config.farm.grace)?;
    make_folder(&global.results_dir).map_err(|error| Error::farm(&error))?;
    let over = CancellationToken::new();
    let _guard = over.clone().drop_guard();
    if config.disk.is_limited() {
        let places = places(global, &shelf, &opened.line).await;
        tokio::spawn(keep_disk(places, config.clone(), over));
    }
    let worker = Worker {
        queue: shelf.queue.clone().deferring(),
        holder: holder(config, limits),
        executor: Arc::new(LineExecutor::new(opened.line, global.results_dir.clone())),
        slots: slots(config),
        limits: AtOnce::of(&config.farm.limits),
        spool: shelf.data.join("spool"),
        watcher: Arc::new(|event| match event {
            WorkerEvent::Began(purl) => eprintln!("remint: begins {purl}"),
            WorkerEvent::Ended { records, .. } => {
                for record in records {
                    let subject = record.subject();
                    eprintln!(
                        "remint: {} {}",
                        record.verdict.kind(),
                        printable(&subject, false)
                    );
                }
            }
            WorkerEvent::Left(purl) => eprintln!("remint: handed back {purl}"),
            WorkerEvent::Trouble(text) => eprintln!("remint: {}", printable(&text, false)),
        }),
        stop: ending.stop,
        drain: ending.drain,
    };
    worker.run(&Until::Stopped).await.map_err(of_queue)?;
    Ok(Outcome::Good)
}

/// Where everything is that has a limit.
async fn places(global: &Global, shelf: &Shelf, line: &Line) -> Places {
    Places {
        data: shelf.data.clone(),
        results: global.results_dir.clone(),
        blobs: line.blobs.clone(),
        images: line.images.clone(),
        queue: shelf.queue.clone(),
        engine: Engine::connect().await.ok(),
    }
}

/// Keeps a worker's disk within its limits, and says what came of it.
async fn keep_disk(places: Places, config: Config, over: CancellationToken) {
    let tell = |collected: Result<Vec<disk::Outcome>, disk::Error>| match collected {
        Ok(outcomes) => {
            for outcome in outcomes {
                let lines = outcome.freed_line().into_iter().chain(outcome.above_line());
                lines.for_each(|line| eprintln!("remint: {line}"));
            }
        }
        Err(error) => eprintln!("remint: {}", printable(&error.to_string(), true)),
    };
    let every = Duration::from_secs(config.farm.tidy);
    disk::keep_within(&places, &config.disk, every, &over, tell).await;
}

fn slots(config: &Config) -> usize {
    let processors = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    config.farm.jobs_on(processors)
}

fn holder(config: &Config, limits: Reservation) -> Holder {
    let slots = slots(config);
    let named = config.farm.credential.as_ref();
    Holder {
        worker: process::own(),
        name: named.map_or_else(process::host, |named| named.name.clone()),
        machine: process::machine(),
        process: process::own(),
        capacity: capacity(&config.farm, slots, limits),
        slots,
    }
}

/// How a long-running process ends: SIGTERM and Ctrl-C let it finish what runs, within
/// the time of grace; a second one, or the end of that time, hands it back.
struct Ending {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Ending {
    fn on_signals(grace: u64) -> Result<Self, Error> {
        let listen = |kind| {
            signal(kind).map_err(|error| Error::Farm(format!("cannot listen for signals: {error}")))
        };
        let (terminate, interrupt) = (
            listen(SignalKind::terminate())?,
            listen(SignalKind::interrupt())?,
        );
        let ending = Self {
            drain: CancellationToken::new(),
            stop: CancellationToken::new(),
        };
        tokio::spawn(follow(
            terminate,
            interrupt,
            Duration::from_secs(grace),
            ending.drain.clone(),
            ending.stop.clone(),
        ));
        Ok(ending)
    }
}

async fn follow(
    mut terminate: Signal,
    mut interrupt: Signal,
    grace: Duration,
    drain: CancellationToken,
    stop: CancellationToken,
) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!(
        "remint: what runs is finished within {} s, then handed back; once more to hand it back now",
        grace.as_secs()
    );
    drain.cancel();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tokio::time::sleep(grace) => {}
    }
    stop.cancel();
}

async fn workers(shelf: &Shelf) -> Result<Outcome, Error> {
    for worker in shelf.queue.workers().await.map_err(of_queue)? {
        say!(
            "{:20} {:9} {} of {} jobs  {} MiB  since {}  on {}",
            printable(&worker.name, false),
            if worker.draining { "draining" } else { "takes" },
            worker.running,
            worker.slots,
            worker.capacity.memory_mib,
            worker.started,
            printable(&worker.machine, false)
        );
    }
    Ok(Outcome::Good)
}

async fn drain(shelf: &Shelf, name: &str, wait: bool) -> Result<Outcome, Error> {
    let count = shelf.queue.drain(name).await.map_err(of_queue)?;
    say!(
        "{count} of the name {} take nothing new",
        printable(name, false)
    );
    while wait && lives(shelf, name).await? {
        tokio::time::sleep(LOOK).await;
    }
    Ok(Outcome::Good)
}

async fn lives(shelf: &Shelf, name: &str) -> Result<bool, Error> {
    let workers = shelf.queue.workers().await.map_err(of_queue)?;
    Ok(workers.iter().any(|worker| worker.name == name))
}
