//! The farm under faults, with real processes and small jobs that only wait: workers
//! that are killed at any moment, connections that are cut, stops.
//!
//! What must hold in the end: every job has its end and its records, no record is
//! without its job, nothing is held, nothing waits for a process that is gone. Each
//! process both works and tends to the queue, so a kill is one of a worker and of a
//! scheduler at once.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use remint::farm::queue::{
    AtOnce, BatchState, Holder, Leased, NewBatch, NewJob, Progress, Queue, Urgency,
};
use remint::farm::{
    Executed, Executor, Interrupted, Reservation, Until, Worker, WorkerEvent, process,
};
use remint::model::{ResultRecord, Verdict};
use remint::store::Database;
use tokio_util::sync::CancellationToken;

#[path = "support/postgres.rs"]
mod postgres;

/// The batch of every test.
const BATCH: &str = "night";

/// How long a process may be silent here. Short, so that kills are noticed while a
/// test runs; long enough for a machine under load.
const DEADLINE: Duration = Duration::from_secs(5);

/// When nothing ended for so long, something hangs.
const STALL: Duration = Duration::from_secs(60);

/// Tells a process of this test binary that it is a worker, and of which farm.
const FOLDER: &str = "REMINT_TEST_FARM_FOLDER";
const DATABASE: &str = "REMINT_TEST_FARM_DATABASE";

/// Waits a few milliseconds, as long as the job's number says.
struct Waiter {
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
        let verdict = Verdict::Unsupported {
            reason: "only a test".into(),
        };
        let record = ResultRecord::new(job.purl.clone(), verdict, Timestamp::now());
        Ok(Executed {
            records: vec![record],
            may_repeat: true,
        })
    }
}

/// Never ends by itself.
struct Sleeper;

#[async_trait]
impl Executor for Sleeper {
    async fn run(&self, _: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        cancel.cancelled().await;
        Err(Interrupted)
    }
}

async fn queue(folder: &Path, address: Option<&str>) -> Queue {
    let database = Database::open(folder, address).await.expect("open");
    Queue::open(database, DEADLINE).await.expect("queue")
}

async fn add(queue: &Queue, count: usize) {
    let batch = NewBatch {
        id: BATCH.into(),
        title: BATCH.into(),
        created: Timestamp::now(),
        urgency: Urgency::Bulk,
        weight: 1,
        settings: "{}".into(),
    };
    let jobs: Vec<_> = (0..count)
        .map(|number| NewJob {
            purl: format!("pkg:npm/p{number}@1.0.0").parse().expect("valid"),
            host: String::new(),
            rank: 0,
            reservation: Reservation {
                memory_mib: 1,
                cpu_millis: 1,
            },
        })
        .collect();
    queue.add(&batch, &jobs, &[]).await.expect("add");
}

fn worker<E>(queue: &Queue, executor: E, folder: &Path) -> Worker<E> {
    Worker {
        queue: queue.clone(),
        holder: Holder {
            worker: process::own(),
            machine: process::machine(),
            process: process::own(),
            capacity: Reservation {
                memory_mib: 1 << 20,
                cpu_millis: 1 << 20,
            },
        },
        executor: Arc::new(executor),
        slots: 2,
        limits: AtOnce::default(),
        spool: folder.join("spool"),
        watcher: Arc::new(|event| {
            if let WorkerEvent::Trouble(text) = event {
                eprintln!("{text}");
            }
        }),
        stop: CancellationToken::new(),
        drain: CancellationToken::new(),
    }
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
    let waiter = Waiter {
        ran: AtomicUsize::new(0),
    };
    worker(&queue, waiter, &folder)
        .run(&Until::Complete(BATCH.into()))
        .await
        .expect("works");
}

fn spawn(folder: &Path, address: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["--exact", "worker_process", "--ignored", "--quiet"])
        .env(FOLDER, folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(address) = address {
        command.env(DATABASE, address);
    }
    command.spawn().expect("spawn")
}

/// Kills processes at times that no two runs share, then lets the rest finish.
async fn kill_rounds(address: Option<&str>, rounds: u32, jobs: usize) -> Progress {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), address).await;
    add(&queue, jobs).await;
    let mut children: Vec<_> = (0..3).map(|_| spawn(folder.path(), address)).collect();
    let mut killed = 0;
    while killed < rounds && queue.progress(BATCH).await.expect("progress").left() > 0 {
        let chance = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
            .subsec_nanos();
        tokio::time::sleep(Duration::from_millis(u64::from(chance % 150))).await;
        let victim = (chance / 150) as usize % children.len();
        children[victim].kill().expect("kill -9");
        children[victim].wait().expect("reap");
        children[victim] = spawn(folder.path(), address);
        killed += 1;
    }
    println!("{killed} kills over {jobs} jobs");
    assert_eq!(
        killed, rounds,
        "the jobs were done before the kills were; give more jobs"
    );
    // However slow the machine is, something ends again and again.
    let (mut ended, mut since) = (0, Instant::now());
    while queue.batch(BATCH).await.expect("batch").state == BatchState::Open {
        let progress = queue.progress(BATCH).await.expect("progress");
        if progress.ended() != ended {
            (ended, since) = (progress.ended(), Instant::now());
        }
        assert!(
            since.elapsed() < STALL,
            "nothing ends any more: {progress:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for mut child in children {
        child.wait().expect("the others end by themselves");
    }
    let records = queue.records(BATCH).await.expect("records");
    let mut purls: Vec<_> = records
        .iter()
        .map(|ended| ended.record.purl.to_string())
        .collect();
    purls.sort();
    purls.dedup();
    assert_eq!(
        (records.len(), purls.len()),
        (jobs, jobs),
        "a record a job, no more, no less"
    );
    // One that starts afterwards clears the spool of those that were killed.
    let waiter = Waiter {
        ran: AtomicUsize::new(0),
    };
    worker(&queue, waiter, folder.path())
        .run(&Until::Complete(BATCH.into()))
        .await
        .expect("nothing to do");
    let spooled = std::fs::read_dir(folder.path().join("spool"))
        .into_iter()
        .flatten();
    let reports = spooled
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|e| e == "json"));
    assert_eq!(reports.count(), 0, "no report is left on its way");
    queue.progress(BATCH).await.expect("progress")
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_no_job_and_no_record_on_sqlite() {
    let progress = kill_rounds(None, 10, 600).await;
    assert_eq!(
        (progress.left(), progress.ended()),
        (0, 600),
        "{progress:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_processes_lose_no_job_and_no_record_on_postgres() {
    let address = postgres::server().new_database();
    let progress = kill_rounds(Some(&address), 10, 600).await;
    assert_eq!(
        (progress.left(), progress.ended()),
        (0, 600),
        "{progress:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: 200 kills on each database"]
async fn two_hundred_kills_lose_nothing() {
    let address = postgres::server().new_database();
    for address in [None, Some(address.as_str())] {
        let progress = kill_rounds(address, 200, 12_000).await;
        assert_eq!(
            (progress.left(), progress.ended()),
            (0, 12_000),
            "{progress:?}"
        );
        println!("{progress:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_nothing() {
    let server = postgres::Server::start();
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), Some(&server.new_database())).await;
    add(&queue, 150).await;
    let waiter = Waiter {
        ran: AtomicUsize::new(0),
    };
    let worker = worker(&queue, waiter, folder.path());
    let working = tokio::spawn(async move { worker.run(&Until::Complete(BATCH.into())).await });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.cut_connections();
    }
    working.await.expect("no panic").expect("works on");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.done, progress.left()), (150, 0), "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_hands_back_what_it_runs_and_another_goes_on() {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), None).await;
    add(&queue, 5).await;
    let sleeper = worker(&queue, Sleeper, folder.path());
    let stop = sleeper.stop.clone();
    let working = tokio::spawn(async move { sleeper.run(&Until::Stopped).await });
    while queue.progress(BATCH).await.expect("progress").running < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    working.await.expect("no panic").expect("stops");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.queued, progress.running), (5, 0), "{progress:?}");
    let waiter = Waiter {
        ran: AtomicUsize::new(0),
    };
    worker(&queue, waiter, folder.path())
        .run(&Until::Complete(BATCH.into()))
        .await
        .expect("works");
    assert_eq!(queue.progress(BATCH).await.expect("progress").done, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_worker_finishes_what_it_runs_and_takes_nothing_new() {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), None).await;
    add(&queue, 50).await;
    let waiter = Waiter {
        ran: AtomicUsize::new(0),
    };
    let worker = worker(&queue, waiter, folder.path());
    let drain = worker.drain.clone();
    let working = tokio::spawn(async move { worker.run(&Until::Stopped).await });
    while queue.progress(BATCH).await.expect("progress").done < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drain.cancel();
    working.await.expect("no panic").expect("ends");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!(progress.running, 0, "{progress:?}");
    assert!(progress.queued > 0, "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_batch_stops_what_runs() {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), None).await;
    add(&queue, 3).await;
    let sleeper = worker(&queue, Sleeper, folder.path());
    let working = tokio::spawn(async move { sleeper.run(&Until::Complete(BATCH.into())).await });
    while queue.progress(BATCH).await.expect("progress").running < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    queue.cancel(BATCH).await.expect("cancel");
    working.await.expect("no panic").expect("ends by itself");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!(
        (progress.cancelled, progress.left()),
        (3, 0),
        "{progress:?}"
    );
}
