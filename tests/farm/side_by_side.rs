//! Two plans of one release at once, with real containers.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::batches;
use super::crates::Crates;

/// The containers of each run of a process.
fn runs_of(process: u32) -> BTreeMap<String, Vec<String>> {
    let mut runs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let format = "{{.ID}} {{.Label \"remint.owner\"}} {{.Label \"remint.run\"}}";
    for line in docker(&["ps", "--filter", "label=remint.owner", "--format", format]).lines() {
        let words: Vec<_> = line.split(' ').collect();
        if words[1].split(':').nth(1) == Some(&process.to_string()) {
            let containers = runs.entry(words[2].to_owned()).or_default();
            containers.push(words[0].to_owned());
        }
    }
    runs
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output();
    let output = output.expect("docker runs; .ci/setup installs it");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Holds all processes of a container; one that ended meanwhile has none.
fn hold(container: &str) {
    for process in docker(&["top", container, "-eo", "pid"]).lines().skip(1) {
        // It may have ended since.
        let _ = Command::new("kill")
            .args(["-STOP", process.trim()])
            .output();
    }
}

/// Holds one of the two runs that a process has at once, whichever, until it ends.
fn hold_one_of_two(mut process: Child) -> Vec<u8> {
    let id = process.id();
    let mut held: Option<String> = None;
    while process.try_wait().expect("asked").is_none() {
        let runs = runs_of(id);
        if held.is_none() && runs.len() == 2 {
            held = runs.keys().next_back().cloned();
        }
        let containers = held.as_ref().and_then(|run| runs.get(run));
        for container in containers.into_iter().flatten() {
            hold(container);
        }
    }
    process.wait_with_output().expect("ended").stdout
}

/// On a machine under load a run may be over before it can be held.
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_stopped_for_an_exact_one_has_no_verdict_and_leaves_nothing() {
    let crates = Crates::published(1).await;
    for _ in 0..ROUNDS {
        let mut command = crates.remint("");
        command.args(["verify", "--json", "pkg:cargo/demo0@1.0.0"]);
        let process = command.stdout(Stdio::piped()).spawn().expect("starts");
        let id = process.id();
        let output = tokio::task::spawn_blocking(move || hold_one_of_two(process));
        let batch: Value = serde_json::from_slice(&output.await.expect("no panic")).expect("JSON");
        let record = &batch["results"][0];
        assert_eq!(record["verdict"], "reproduced", "{record:#}");
        batches::nothing_is_left_of(&[id]);
        let tries = record["candidates"].as_array().expect("tries");
        let exact = tries
            .iter()
            .position(|attempt| attempt["verdict"] == "reproduced");
        let exact = exact.expect("one is exact");
        assert_eq!(record["plan_hash"], tries[exact]["plan_hash"], "{record:#}");
        let stopped = tries.iter().find(|attempt| attempt["verdict"].is_null());
        if let Some(stopped) = stopped {
            let why = format!("stopped, because try {} is exact", exact + 1);
            assert_eq!(stopped["outcome"], why);
            return;
        }
    }
    panic!("no plan was ever stopped");
}
