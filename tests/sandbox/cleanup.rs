//! What is left of a run: nothing, but for what was asked for.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use remint::model::{BuildFailure, Plan};
use remint::sandbox::{self, Error};
use tokio_util::sync::CancellationToken;

use crate::support::{Bench, boot_id, docker, failure, left, limited, plan, text};

#[tokio::test]
async fn nothing_is_left_whichever_way_a_run_ends() {
    let bench = Bench::open().await;
    bench.run(&plan("touch out/file")).await.expect("ends well");
    assert_eq!(left(), [""; 0], "after success");
    bench.failure(&plan("exit 1")).await;
    assert_eq!(left(), [""; 0], "after a failure");
    bench.failure(&limited("sleep 60", |l| l.seconds = 1)).await;
    assert_eq!(left(), [""; 0], "after a time-out");
}

/// Runs a plan and stops it after a while.
async fn cancelled(bench: &Bench, plan: &Plan, after: Duration, keep: bool) {
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let stopper = tokio::spawn(async move {
        tokio::time::sleep(after).await;
        stop.cancel();
    });
    let outcome = bench
        .run_with(plan, |job| {
            job.cancel = cancel;
            job.keep = keep;
        })
        .await;
    assert!(matches!(outcome, Err(Error::Cancelled)), "{outcome:?}");
    stopper.await.expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_whenever_a_run_is_stopped() {
    let bench = Bench::open().await;
    let plan = plan("sleep 60");
    for millis in [0, 3, 10, 20, 35, 60, 100, 150, 220, 300, 450, 1500] {
        cancelled(&bench, &plan, Duration::from_millis(millis), false).await;
        // What the engine was still about to make would be there by now.
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(left(), [""; 0], "stopped after {millis} ms");
    }
}

/// All kept containers.
fn kept() -> Vec<String> {
    docker(&["ps", "-aq", "--no-trunc", "--filter", "label=remint.kept=1"])
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Removes a kept container and the volumes that it uses.
fn remove_kept(container: &str) {
    let volumes = docker(&[
        "inspect",
        "--format",
        "{{range .Mounts}}{{println .Name}}{{end}}",
        container,
    ]);
    docker(&["rm", "-f", container]);
    for volume in volumes.lines().filter(|name| !name.is_empty()) {
        docker(&["volume", "rm", volume]);
    }
}

#[tokio::test]
async fn a_kept_container_stays_with_its_files_and_does_not_run() {
    let bench = Bench::open().await;
    let said = Mutex::new(Vec::new());
    let on_keep = |id: &str| said.lock().expect("lock").push(id.to_owned());
    let plan = plan("echo for a look > out/evidence; exit 1");
    let outcome = bench
        .run_with(&plan, |job| {
            job.keep = true;
            job.on_keep = &on_keep;
        })
        .await;
    assert!(matches!(
        failure(outcome).failure,
        BuildFailure::Exit { code: 1, .. }
    ));
    let said = said.into_inner().expect("lock");
    let [container] = said.as_slice() else {
        panic!("one container is kept: {said:?}");
    };
    sandbox::sweep(&bench.engine).await.expect("sweeps");
    assert!(kept().contains(container));
    let state = docker(&["inspect", "--format", "{{.State.Running}}", container]);
    let copy = bench.path("evidence");
    let from = format!("{container}:/build/out/evidence");
    docker(&["cp", &from, &copy.display().to_string()]);
    remove_kept(container);
    assert_eq!(state, "false");
    assert_eq!(text(&copy), "for a look\n");
    assert_eq!(left(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_keeps_nothing() {
    let bench = Bench::open().await;
    let before = kept();
    cancelled(&bench, &plan("sleep 60"), Duration::from_millis(1500), true).await;
    let more: Vec<_> = kept()
        .into_iter()
        .filter(|id| !before.contains(id))
        .collect();
    for container in &more {
        remove_kept(container);
    }
    assert_eq!(more, [""; 0]);
    assert_eq!(left(), [""; 0]);
}

/// The start time of a process, as the kernel counts it.
fn start_time(pid: u32) -> String {
    let stat = text(Path::new(&format!("/proc/{pid}/stat")));
    let after_name = stat.rsplit_once(") ").expect("a name").1;
    after_name.split(' ').nth(19).expect("the field").to_owned()
}

/// The owner label of a process that has ended.
fn ended_owner() -> String {
    let mut child = Command::new("sleep").arg("60").spawn().expect("a process");
    let owner = format!("{}:{}:{}", boot_id(), child.id(), start_time(child.id()));
    child.kill().expect("ends");
    child.wait().expect("is gone");
    owner
}

/// A container and a volume, as a run of that owner would leave them.
fn leave(bench: &Bench, owner: &str, name: &str, kept: bool) -> [String; 2] {
    let owner = format!("remint.owner={owner}");
    let volume = format!("remint-test-{}-{name}", std::process::id());
    let labels = ["--label", &owner, "--label", "remint.run=test"];
    docker(&[&["volume", "create"], &labels[..], &[&volume]].concat());
    let mount = format!("{volume}:/build");
    let image = bench.image.to_string();
    let (labels, mounts) = if kept {
        (&["--label", "remint.kept=1"][..], &["-v", &mount][..])
    } else {
        (&labels[..], &[][..])
    };
    let create = [&["create"], labels, mounts, &[&image, "sleep", "1"]].concat();
    [docker(&create), volume]
}

/// Which of a container and a volume are there.
fn there([container, volume]: &[String; 2]) -> [bool; 2] {
    let containers = docker(&["ps", "-aq", "--no-trunc"]);
    let volumes = docker(&["volume", "ls", "-q"]);
    [
        containers.lines().any(|id| id == container),
        volumes.lines().any(|name| name == volume),
    ]
}

#[tokio::test]
async fn what_an_ended_process_left_is_swept_and_nothing_else_is() {
    let bench = Bench::open().await;
    // Another process that lives: the one that started this one.
    let [this, other] = [std::process::id(), std::os::unix::process::parent_id()];
    let owner = |process| format!("{}:{process}:{}", boot_id(), start_time(process));
    let alive = owner(other);
    let elsewhere = format!("another-boot:{this}:1");
    let ended = ended_owner();
    let theirs = [
        leave(&bench, &alive, "alive", false),
        leave(&bench, &elsewhere, "elsewhere", false),
        leave(&bench, "nonsense", "nonsense", false),
        leave(&bench, &ended, "kept", true),
    ];
    let gone = leave(&bench, &ended, "ended", false);
    // Nothing of this name is under way in this process.
    let over = leave(&bench, &owner(this), "over", false);
    let removed = sandbox::sweep(&bench.engine).await;
    // Others that share the engine may sweep, or leave something to sweep, too.
    let again = sandbox::sweep(&bench.engine).await;
    let swept = [there(&gone), there(&over)];
    let spared = theirs.each_ref().map(there);
    for [container, volume] in &theirs {
        docker(&["rm", "-f", container]);
        docker(&["volume", "rm", "-f", volume]);
    }
    assert_eq!(swept, [[false, false]; 2]);
    assert_eq!(spared, [[true, true]; 4]);
    assert!(removed.is_ok(), "{removed:?}");
    assert_eq!(again.expect("sweeps"), 0, "what is in use was not removed");
}
