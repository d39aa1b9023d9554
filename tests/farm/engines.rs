//! The container engine stops in the middle of a batch, and starts again.

use std::time::Duration;

use super::batches::{self, Night};
use super::crates::Crates;
use super::engine::OwnEngine;

/// How long a batch may take that has to wait for its engine: two pauses of a job that
/// was tried again, on a machine under load.
const PATIENCE: Duration = Duration::from_secs(300);

/// Crates of the batch, and how many are built at once.
const COUNT: usize = 6;
const AT_ONCE: usize = 2;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes: an engine of its own, which gets the images first"]
async fn an_engine_that_stops_and_starts_again_costs_no_job() {
    let crates = Crates::published(COUNT).await;
    let mut engine = OwnEngine::start();
    engine.take(&["rust", "relay"].map(batches::image));
    let address = engine.address();
    let mut night = Night::run(&crates, AT_ONCE, "", &[("DOCKER_HOST", &address)]);
    // One has its verdict, and others are being built.
    night
        .until(PATIENCE, |said| said.contains("reproduced"))
        .await;
    while engine.says(&["ps", "-q"]).is_empty() {
        assert!(night.is_running(), "nothing was built: {}", night.said());
    }
    engine.stop();
    night
        .until(PATIENCE, |said| said.contains("infra-error"))
        .await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    engine.start_again();
    let (status, said) = night.end(PATIENCE).await;
    println!("{said}");
    assert_eq!(status, 0, "{said}");
    batches::all_are_reproduced(&crates, COUNT, &said).await;
    for what in [
        ["ps", "--all", "--quiet"].as_slice(),
        &["volume", "ls", "--quiet"],
    ] {
        assert_eq!(engine.says(what), "", "nothing is left of {what:?}");
    }
    assert_eq!(engine.network_namespaces(), 0, "no namespace is left");
}
