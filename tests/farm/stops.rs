//! Workers that are stopped or drained, and batches that are cancelled under them.

use std::time::Duration;

use remint::farm::Until;

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
