//! A machine's clock that jumps by days, forwards and backwards, while workers work.

use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use super::farm::BATCH;
use super::small::{self, DEADLINE, STALL, add, queue};

/// Enough to last beyond the last jump.
const JOBS: usize = 400;

/// Where Debian and Ubuntu put the library (package libfaketime), below the folder of
/// the machine's own architecture.
fn library() -> std::path::PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("/usr/lib");
    folders
        .flatten()
        .map(|entry| entry.path().join("faketime/libfaketime.so.1"))
        .find(|path| path.exists())
        .expect("libfaketime is installed; run `bash .ci/setup tests`")
}

/// A worker whose wall clock is set by a file. Its monotonic clock goes on, as the
/// kernel's does when a clock is set (clock_gettime(2)).
fn spawn(folder: &Path) -> Child {
    let mut command = small::command(folder, None);
    command
        .env(small::STUMBLES, "1")
        .env("LD_PRELOAD", library())
        .env("FAKETIME_TIMESTAMP_FILE", folder.join("clock"))
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.spawn().expect("spawn")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_costs_no_lease_and_runs_nothing_twice() {
    let folder = tempfile::tempdir().expect("temp");
    let set_clock = |text: &str| {
        let new = folder.path().join("clock.new");
        std::fs::write(&new, text).expect("write");
        std::fs::rename(&new, folder.path().join("clock")).expect("rename");
    };
    set_clock("+0");
    let queue = queue(folder.path(), None).await;
    add(&queue, JOBS).await;
    let begun = Instant::now();
    let children = [spawn(folder.path()), spawn(folder.path())];
    for jump in ["+3d", "-3d", "+400d", "-400d", "+0"] {
        tokio::time::sleep(DEADLINE / 2).await;
        let progress = queue.progress(BATCH).await.expect("progress");
        println!("{jump} after {:?}: {progress:?}", begun.elapsed());
        assert!(
            progress.left() > 0,
            "done before the last jump: {progress:?}"
        );
        set_clock(jump);
    }
    for mut child in children {
        while child.try_wait().expect("asked").is_none() {
            assert!(begun.elapsed() < 2 * STALL, "it does not end");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!(
        (progress.done, progress.left()),
        (JOBS as u64, 0),
        "{progress:?}"
    );
    let mut ran = small::ran(folder.path());
    ran.sort();
    let once: std::collections::BTreeSet<_> = ran.iter().collect();
    let stumbled = once.iter().filter(|name| small::stumbles(name)).count();
    assert_eq!(once.len(), JOBS);
    assert_eq!(
        ran.len(),
        JOBS + stumbled,
        "each ran once, or once more after a pause"
    );
}
