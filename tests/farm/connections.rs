//! Connections to the database that are cut, and a server that is gone for a while.

use std::time::Duration;

use remint::farm::Until;

use super::farm::{BATCH, worker};
use super::postgres;
use super::small::{DEADLINE, SLOTS, Waiter, add, queue, spawn};

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_nothing() {
    let server = postgres::Server::start();
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), Some(&server.new_database())).await;
    add(&queue, 150).await;
    let worker = worker(&queue, Waiter::default(), SLOTS, folder.path());
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
async fn a_server_that_is_gone_for_longer_than_a_lease_costs_no_lease_and_no_job() {
    let mut server = postgres::Server::start();
    let address = server.new_database();
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), Some(&address)).await;
    add(&queue, 600).await;
    let children: Vec<_> = (0..2)
        .map(|_| spawn(folder.path(), Some(&address)))
        .collect();
    while queue.progress(BATCH).await.expect("progress").done < 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop();
    tokio::time::sleep(DEADLINE + Duration::from_secs(2)).await;
    server.start_again();
    for mut child in children {
        child.wait().expect("ends by itself");
    }
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.done, progress.left()), (600, 0), "{progress:?}");
    let name = address.rsplit('/').next().expect("a name");
    let losses = server.sql(name, "SELECT SUM(losses) FROM farm_job");
    assert_eq!(losses, "0", "who could not look takes nobody for lost");
}
