//! Registries that fail, are slow, or end early: the farm's trouble, said and tried
//! again, and never a verdict on a package.

use std::time::Duration;

use super::batches::{self, Night};
use super::crates::Crates;

/// How long the whole may take: each of three tries of a request may take as long as
/// the configuration below lets it, and then a job pauses for up to 15 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

const TIMES: &str = "stall_seconds = 1\nlongest_seconds = 3";

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_fails_or_is_slow_or_ends_early_is_asked_again_and_decides_nothing() {
    let crates = Crates::published(4).await;
    crates.registry.fail_index("demo0", 503);
    crates.registry.stall_index("demo1");
    crates
        .registry
        .publish_cut_short("demo2", "1.0.0", crates.bytes(2));
    crates
        .registry
        .publish_slowly("demo3", "1.0.0", crates.bytes(3));
    let mut night = Night::run(&crates, 4, TIMES, &[]);
    let is_tried_again = |said: &str, number: usize| {
        let name = format!("demo{number}@");
        said.lines().any(|line| {
            ["infra-error", &name, ", again in "]
                .iter()
                .all(|part| line.contains(part))
        })
    };
    let all = |said: &str| (0..4).all(|number| is_tried_again(said, number));
    night.until(PATIENCE, all).await;
    let said = night.said();
    for wrong in [
        "reproduced",
        "different",
        "build-failed",
        "source-not-found",
    ] {
        assert!(!said.contains(wrong), "{said}");
    }
    for number in 0..4 {
        let name = format!("demo{number}");
        crates
            .registry
            .publish(&name, "1.0.0", crates.bytes(number));
    }
    let (status, said) = night.end(PATIENCE).await;
    println!("{said}");
    assert_eq!(status, 0, "{said}");
    batches::all_are_reproduced(&crates, 4, &said).await;
}
