//! `kill -9` at times that no two runs share: of processes with small jobs, and of
//! whole batches with real containers.

use std::time::{Duration, Instant};

use remint::farm::Until;
use remint::farm::queue::{BatchState, Progress};

use super::batches::{self, Night};
use super::crates::Crates;
use super::farm::{BATCH, worker};
use super::postgres;
use super::small::{SLOTS, STALL, Waiter, add, queue, spawn};

/// How long a batch of small crates may take, on a machine under load.
const PATIENCE: Duration = Duration::from_secs(300);

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
    worker(&queue, Waiter::default(), SLOTS, folder.path())
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

/// Kills a batch with real containers again and again, at any of its stations, and lets
/// the last process finish. A job that ran at three of the kills was given up, as one
/// that kills its workers would be; it has a record that says so, and `retry` runs it.
async fn kill_batches(rounds: u32, count: usize, latest: Duration) {
    let crates = Crates::published(count).await;
    let mut night = Night::run(&crates, 2, "", &[]);
    let mut processes = vec![night.id()];
    let mut killed = 0;
    while killed < rounds {
        let chance = std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
            .subsec_nanos();
        // Before there is a batch, there is nothing to resume.
        night
            .until(PATIENCE, |said| said.contains("to verify"))
            .await;
        tokio::time::sleep(latest.mul_f64(f64::from(chance % 1000) / 1000.0)).await;
        assert!(
            night.is_running(),
            "done after {killed} kills: {}",
            night.said()
        );
        night.kill();
        killed += 1;
        let (progress, records) = batches::outcome(&crates).await;
        println!("kill {killed}: {} records, {progress:?}", records.len());
        night = Night::resume(&crates, 2, "");
        processes.push(night.id());
    }
    let (mut status, mut said) = night.end(PATIENCE).await;
    let (progress, records) = batches::outcome(&crates).await;
    println!("{} records, {progress:?}", records.len());
    assert_eq!((progress.left(), records.len()), (0, count), "{said}");
    if progress.given_up > 0 {
        night = Night::retry(&crates, 2);
        processes.push(night.id());
        (status, said) = night.end(PATIENCE).await;
    }
    assert_eq!(status, 0, "{said}");
    batches::all_are_reproduced(&crates, count, &said).await;
    batches::nothing_is_left_of(&processes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_batch_goes_on_and_leaves_nothing_in_the_engine() {
    kill_batches(1, 4, Duration::from_secs(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: 10 kills over real containers"]
async fn ten_kills_over_real_containers_lose_nothing() {
    kill_batches(10, 24, Duration::from_secs(6)).await;
}
