//! Workers that are stopped or drained, and batches that are cancelled under them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use remint::farm::queue::Leased;
use remint::farm::{Executed, Executor, Interrupted, Until};
use tokio_util::sync::CancellationToken;

use super::farm::{BATCH, worker};
use super::small::{SLOTS, Sleeper, Waiter, add, queue};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_hands_back_what_it_runs_and_another_goes_on() {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), None).await;
    add(&queue, 5).await;
    let sleeper = worker(&queue, Sleeper, SLOTS, folder.path());
    let stop = sleeper.stop.clone();
    let working = tokio::spawn(async move { sleeper.run(&Until::Stopped).await });
    while queue.progress(BATCH).await.expect("progress").running < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    working.await.expect("no panic").expect("stops");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.queued, progress.running), (5, 0), "{progress:?}");
    worker(&queue, Waiter::default(), SLOTS, folder.path())
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
    let worker = worker(&queue, Waiter::default(), SLOTS, folder.path());
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
    let sleeper = worker(&queue, Sleeper, SLOTS, folder.path());
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

/// A [`Waiter`] whose engine is down until it is told.
struct Engineless {
    up: Arc<AtomicBool>,
    waiter: Waiter,
}

#[async_trait]
impl Executor for Engineless {
    async fn ready(&self) -> Result<(), String> {
        let up = self.up.load(Ordering::SeqCst);
        up.then_some(()).ok_or("the engine is down".into())
    }

    async fn run(&self, job: &Leased, cancel: CancellationToken) -> Result<Executed, Interrupted> {
        assert!(self.up.load(Ordering::SeqCst), "taken without an engine");
        self.waiter.run(job, cancel).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_takes_nothing_while_its_engine_is_down() {
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), None).await;
    add(&queue, 5).await;
    let up = Arc::new(AtomicBool::new(false));
    let executor = Engineless {
        up: up.clone(),
        waiter: Waiter::default(),
    };
    let worker = worker(&queue, executor, SLOTS, folder.path());
    let drain = worker.drain.clone();
    let working = tokio::spawn(async move { worker.run(&Until::Stopped).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!(progress.queued, 5, "{progress:?}");
    up.store(true, Ordering::SeqCst);
    while queue.progress(BATCH).await.expect("progress").done < 5 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drain.cancel();
    working.await.expect("no panic").expect("ends");
}
