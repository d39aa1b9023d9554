//! Small jobs that only wait, in processes of this test binary.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use remint::farm::queue::{Leased, Queue};
use remint::farm::{Executed, Executor, Interrupted, Until};
use remint::model::Verdict;
use tokio_util::sync::CancellationToken;

use super::farm::{self, BATCH, worker};

/// How long a process may be silent here. Short, so that kills are noticed while a
/// test runs; long enough for a machine under load.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// When nothing ended for so long, something hangs.
pub const STALL: Duration = Duration::from_secs(60);

/// Tells a process of this test binary that it is a worker, and of which farm.
const FOLDER: &str = "REMINT_TEST_FARM_FOLDER";
const DATABASE: &str = "REMINT_TEST_FARM_DATABASE";

/// Tells it that it is a [`Stumbler`].
pub const STUMBLES: &str = "REMINT_TEST_FARM_STUMBLES";

/// Waits a few milliseconds, as long as the job's number says.
#[derive(Default)]
pub struct Waiter {
    ran: AtomicUsize,
}

#[async_trait]
impl Executor for Waiter {
    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        let length = job.purl.name().as_str().len() + self.ran.fetch_add(1, Ordering::Relaxed) % 20;
        tokio::select! {
            () = cancel.cancelled() => return Err(Interrupted),
            () = tokio::time::sleep(Duration::from_millis(u64::try_from(length).expect("small"))) => {}
        }
        Ok(farm::nothing(job))
    }
}

/// Never ends by itself.
pub struct Sleeper;

#[async_trait]
impl Executor for Sleeper {
    async fn run(&self, _: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        cancel.cancelled().await;
        Err(Interrupted)
    }
}

/// Each worker of these tests runs two jobs at once.
pub const SLOTS: usize = 2;

pub async fn queue(folder: &Path, address: Option<&str>) -> Queue {
    farm::queue(folder, address, DEADLINE).await
}

pub async fn add(queue: &Queue, count: usize) {
    let added = queue.add(&farm::batch(), &farm::jobs(count), &[]).await;
    added.expect("add");
}

/// Some jobs end with the farm's fault the first time, some last longer than a process
/// may be silent; every run is written down.
pub struct Stumbler {
    folder: PathBuf,
}

/// How long most jobs of a [`Stumbler`] take.
const STEP: Duration = Duration::from_millis(100);

impl Stumbler {
    fn runs(folder: &Path) -> PathBuf {
        folder.join(format!("ran-{}", std::process::id()))
    }
}

#[async_trait]
impl Executor for Stumbler {
    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        let name = job.purl.name().as_str();
        let is_first = !ran(&self.folder).iter().any(|other| other == name);
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(Self::runs(&self.folder));
        writeln!(file.expect("opens"), "{name}").expect("written");
        let length = if number(name) % 100 == 1 {
            DEADLINE + Duration::from_secs(1)
        } else {
            STEP
        };
        tokio::select! {
            () = cancel.cancelled() => return Err(Interrupted),
            () = tokio::time::sleep(length) => {}
        }
        let mut executed = farm::nothing(job);
        if is_first && stumbles(name) {
            executed.records[0].verdict = Verdict::InfraError {
                reason: "stumbled".into(),
            };
        }
        Ok(executed)
    }
}

fn number(name: &str) -> usize {
    name[1..].parse().expect("a job's number")
}

/// Whether a job ends with the farm's fault the first time.
pub fn stumbles(name: &str) -> bool {
    number(name).is_multiple_of(50)
}

/// Every run that a [`Stumbler`] of any process began.
pub fn ran(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder").flatten();
    entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("ran-"))
        .map(|entry| std::fs::read_to_string(entry.path()).expect("readable"))
        .flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// What a child process does: this very binary, told so by its environment. Run by
/// hand without that, it has nothing to do.
#[tokio::test]
#[ignore = "the worker process of the other tests"]
async fn worker_process() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let address = std::env::var(DATABASE).ok();
    let queue = queue(&folder, address.as_deref()).await;
    let until = Until::Complete(BATCH.into());
    let worked = if std::env::var_os(STUMBLES).is_some() {
        let stumbler = Stumbler {
            folder: folder.clone(),
        };
        worker(&queue, stumbler, SLOTS, &folder).run(&until).await
    } else {
        let waiter = Waiter::default();
        worker(&queue, waiter, SLOTS, &folder).run(&until).await
    };
    worked.expect("works");
}

/// A worker process that is not started yet.
pub fn command(folder: &Path, address: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "small::worker_process", "--ignored", "--quiet"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(address) = address {
        command.env(DATABASE, address);
    }
    command
}

pub fn spawn(folder: &Path, address: Option<&str>) -> Child {
    command(folder, address).spawn().expect("spawn")
}
