//! What a build can use up: each limit ends it, and the machine stays well.

use std::time::{Duration, Instant};

use remint::model::BuildFailure;

use crate::support::{Bench, Failure, limited, plan, step, text};

/// How long a run may take that passes a limit at once: less than the 90 s for which
/// each script would go on, and enough for a busy machine.
const SOON: Duration = Duration::from_secs(80);

/// The failure of a script, which has to come soon.
async fn ends_soon(bench: &Bench, script: &str) -> Failure {
    let started = Instant::now();
    let failed = bench.failure(&plan(script)).await;
    let took = started.elapsed();
    assert!(took < SOON, "{took:?}: {script}");
    failed
}

async fn passes_disk_limit(bench: &Bench, script: &str) -> Failure {
    let failed = ends_soon(bench, script).await;
    assert!(
        matches!(failed.failure, BuildFailure::DiskLimit { limit_mib: 32 }),
        "{script}: {}\n{}",
        failed.failure,
        failed.log
    );
    failed
}

#[tokio::test]
async fn one_large_file_ends_at_the_disk_limit() {
    let bench = Bench::open().await;
    let failed = ends_soon(
        &bench,
        "dd if=/dev/zero of=large bs=1M count=512 2>&1; echo size $(stat -c %s large); exit 1",
    )
    .await;
    match failed.failure {
        BuildFailure::Exit { code: 1, .. } => {
            assert!(failed.log.contains("\nsize 33554432\n"), "{}", failed.log);
        }
        BuildFailure::DiskLimit { .. } => {}
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn many_files_end_at_the_disk_limit() {
    let bench = Bench::open().await;
    let failed = passes_disk_limit(
        &bench,
        "for i in $(seq 1 1500); do head -c 1048576 /dev/zero > file$i && echo made $i; done; sleep 90",
    )
    .await;
    let made = failed.log.matches("\nmade ").count();
    assert!((32..1500).contains(&made), "{made} MiB");
}

#[tokio::test]
async fn files_in_the_temporary_folder_count_too() {
    let bench = Bench::open().await;
    passes_disk_limit(
        &bench,
        "for i in 1 2 3; do head -c 15M /dev/zero > /tmp/file$i; done; sleep 90",
    )
    .await;
}

#[tokio::test]
async fn files_in_a_folder_that_nobody_may_read_count_too() {
    let bench = Bench::open().await;
    passes_disk_limit(
        &bench,
        "mkdir -p hidden/deep; for i in 1 2 3; do head -c 15M /dev/zero > hidden/deep/$i; done
         chmod 000 hidden/deep hidden; sleep 90",
    )
    .await;
}

#[tokio::test]
async fn files_that_are_empty_count_too() {
    let bench = Bench::open().await;
    passes_disk_limit(
        &bench,
        "mkdir many; cd many; for i in $(seq 1 20000); do : > $i; done; echo made; sleep 90",
    )
    .await;
}

#[tokio::test]
async fn processes_end_at_their_limit_and_the_machine_stays_well() {
    let bench = Bench::open().await;
    let script = "(i=0; while [ $i -lt 2000 ]; do sleep 30 > /dev/null 2>&1 & i=$((i+1)); done)
                  set -- /proc/[0-9]*; echo counted $#; exit 3";
    let mut plan = limited(script, |limits| limits.pids = 40);
    // This shell gives up where it cannot fork; others wait and try again.
    plan.build[0].run[0] = "sh".into();
    let failed = bench.failure(&plan).await;
    assert!(
        matches!(failed.failure, BuildFailure::Exit { code: 3, .. }),
        "{}",
        failed.failure
    );
    // What the shell says of its last fork may stand before it on the line.
    let counted: u32 = failed
        .log
        .lines()
        .find_map(|line| line.rsplit_once("counted ")?.1.parse().ok())
        .unwrap_or_else(|| panic!("no count in the log:\n{}", failed.log));
    assert!((20..=40).contains(&counted), "{}", failed.log);
    assert!(bench.said("echo well").await.contains("\nwell\n"));
}

#[tokio::test]
async fn processes_that_are_left_running_do_not_become_the_farms_trouble() {
    let bench = Bench::open().await;
    let fill = "touch out/file
        perl -e 'while (1) { my $pid = fork; select(undef, undef, undef, 0.01) unless defined $pid;
                 if (defined $pid && !$pid) { sleep 60; exit } }' > /dev/null 2>&1 &
        mkfifo out/never; read -t 1 <> out/never; true";
    let mut plan = limited(fill, |limits| limits.pids = 40);
    bench.run(&plan).await.expect("the output is there");
    // The next step finds no room for a process of its own: a fact about the build.
    let mut next = step("ls; ls");
    next.run[0] = "sh".into();
    plan.build.push(next);
    let failed = bench.failure(&plan).await;
    assert!(
        matches!(failed.failure, BuildFailure::Exit { .. }),
        "{}",
        failed.failure
    );
}

#[tokio::test]
async fn processes_that_stop_all_others_do_not_hold_up_the_run() {
    let bench = Bench::open().await;
    let started = Instant::now();
    let outcome = bench
        .run(&limited(
            "touch out/file; (sleep 0.05; while :; do kill -STOP -1; done) > /dev/null 2>&1 & true",
            |limits| limits.seconds = 5,
        ))
        .await;
    let took = started.elapsed();
    assert!(took < Duration::from_secs(40), "{took:?}: {outcome:?}");
}

#[tokio::test]
async fn memory_ends_at_its_limit_whatever_the_step_says() {
    let bench = Bench::open().await;
    for script in [
        "tail /dev/zero",
        "tail /dev/zero; touch out/file; exit 0",
        "(tail /dev/zero &) ; sleep 4; touch out/file",
    ] {
        let failed = bench
            .failure(&limited(script, |limits| limits.memory_mib = 64))
            .await;
        assert!(
            matches!(failed.failure, BuildFailure::OutOfMemory { limit_mib: 64 }),
            "{script}: {}",
            failed.failure
        );
    }
}

#[tokio::test]
async fn time_ends_at_its_limit_also_for_what_ignores_signals() {
    let bench = Bench::open().await;
    let started = Instant::now();
    let failed = bench
        .failure(&limited(
            "echo begun; trap '' TERM INT HUP; while :; do sleep 1; done",
            |limits| limits.seconds = 2,
        ))
        .await;
    assert!(
        matches!(failed.failure, BuildFailure::TimedOut { limit_seconds: 2 }),
        "{}",
        failed.failure
    );
    assert!(failed.log.contains("\nbegun\n"), "{}", failed.log);
    assert!(started.elapsed() < SOON);
}

#[tokio::test]
async fn the_log_ends_at_its_limit_and_says_so() {
    let bench = Bench::open().await;
    let rebuild = bench
        .run(&limited(
            "yes | head -c 20000000; touch out/file",
            |limits| limits.log_kib = 64,
        ))
        .await
        .expect("it ends well");
    let log = text(&rebuild.log);
    assert!(log.len() <= (64 << 10) + 100, "{} bytes", log.len());
    let note = log.lines().last().unwrap_or_default();
    assert!(note.contains("more bytes were dropped"), "{note}");
}
