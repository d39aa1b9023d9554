//! `remint batch` as a process, and what it must leave behind: a record of every job,
//! and nothing in the engine.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use remint::farm::queue::{Progress, Queue};
use remint::model::{ResultRecord, VerdictKind};

use super::crates::Crates;
use super::small;

/// A process of `remint batch`, and all that it says.
pub struct Night {
    process: Child,
    said: PathBuf,
}

impl Night {
    /// Starts one; what it says goes behind what earlier ones of the folder said.
    pub fn start(mut command: Command, folder: &Path) -> Self {
        let said = folder.join("said");
        let file = || -> File {
            let opened = OpenOptions::new().create(true).append(true).open(&said);
            opened.expect("opens")
        };
        command.stdin(Stdio::null()).stdout(file()).stderr(file());
        Self {
            process: command.spawn().expect("remint starts"),
            said,
        }
    }

    /// Begins a batch of every crate.
    pub fn run(crates: &Crates, jobs: usize, more: &str, env: &[(&str, &str)]) -> Self {
        let mut command = crates.remint(more);
        command.args(["batch", "run"]).arg(crates.list());
        command.args(["--jobs", &jobs.to_string()]);
        command.envs(env.iter().copied());
        Self::start(command, crates.folder.path())
    }

    /// Goes on with the newest batch.
    pub fn resume(crates: &Crates, jobs: usize, more: &str) -> Self {
        let mut command = crates.remint(more);
        command.args(["batch", "resume", "--jobs", &jobs.to_string()]);
        Self::start(command, crates.folder.path())
    }

    /// Queues again what the newest batch gave up, and goes on.
    pub fn retry(crates: &Crates, jobs: usize) -> Self {
        let mut command = crates.remint("");
        command.args(["batch", "retry", "--jobs", &jobs.to_string()]);
        Self::start(command, crates.folder.path())
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// What this one and those before it said.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(&self.said).expect("it is there");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn kill(mut self) {
        self.process.kill().expect("kill -9");
        self.process.wait().expect("reaped");
    }

    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().expect("asked").is_none()
    }

    /// Waits until it has said so. Where it ends before, or takes too long, that fails.
    pub async fn until(&mut self, patience: Duration, is_said: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        while !is_said(&self.said()) {
            assert!(self.is_running(), "it ended: {}", self.said());
            assert!(begun.elapsed() < patience, "too long: {}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits for its end, and returns its exit status and all that was said.
    pub async fn end(mut self, patience: Duration) -> (i32, String) {
        let begun = Instant::now();
        while self.is_running() {
            assert!(begun.elapsed() < patience, "too long: {}", self.said());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let status = self.process.wait().expect("ended");
        (status.code().unwrap_or(-1), self.said())
    }
}

impl Drop for Night {
    fn drop(&mut self) {
        // Of a test that failed; it may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The one batch of a data folder: how far it is, and its records.
pub async fn outcome(crates: &Crates) -> (Progress, Vec<ResultRecord>) {
    let queue: Queue = small::queue(&crates.folder.path().join("data"), None).await;
    let batches = queue.batches().await.expect("batches");
    assert_eq!(batches.len(), 1, "one batch");
    let progress = queue.progress(&batches[0].id).await.expect("progress");
    let records = queue.records(&batches[0].id).await.expect("records");
    (progress, records.into_iter().map(|r| r.record).collect())
}

/// Fails unless each of `count` jobs has one record, that its crate is reproduced.
pub async fn all_are_reproduced(crates: &Crates, count: usize, said: &str) {
    let (progress, records) = outcome(crates).await;
    let state = format!("{progress:?} {records:#?} {said}");
    assert_eq!((progress.left(), progress.running), (0, 0), "{state}");
    let mut purls: Vec<_> = records.iter().map(|r| r.purl.to_string()).collect();
    purls.sort();
    purls.dedup();
    assert_eq!((records.len(), purls.len()), (count, count), "{state}");
    for record in &records {
        assert_eq!(record.verdict.kind(), VerdictKind::Reproduced, "{state}");
    }
    let folders = std::fs::read_dir(crates.temporary()).expect("it is there");
    assert_eq!(folders.count(), 0, "no run's folder is left: {said}");
    let spool = crates.folder.path().join("data/spool");
    let left = std::fs::read_dir(spool).into_iter().flatten();
    assert_eq!(left.count(), 0, "no report is left on its way: {said}");
}

/// Fails where containers or volumes of these processes are in the engine.
pub fn nothing_is_left_of(processes: &[u32]) {
    for what in [vec!["ps", "--all"], vec!["volume", "ls"]] {
        let output = Command::new("docker")
            .args(&what)
            .args(["--filter", "label=remint.owner"])
            .args(["--format", "{{.Label \"remint.owner\"}}"])
            .output()
            .expect("docker runs; .ci/setup installs it");
        let owners = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success());
        // The boot, the process's number and its start time, as the sandbox writes it.
        let left: Vec<_> = owners
            .lines()
            .filter(|owner| {
                let process = owner.split(':').nth(1).and_then(|id| id.parse().ok());
                process.is_some_and(|id| processes.contains(&id))
            })
            .collect();
        assert!(left.is_empty(), "{what:?}: {left:?}");
    }
}

/// The pinned ID of one of remint's images, which `.ci/images` has in the engine.
pub fn image(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("images/images.lock")).expect("the lock file");
    let lock: toml::Table = text.parse().expect("TOML");
    lock["image"][name]["id"]
        .as_str()
        .expect("an ID")
        .to_owned()
}

/// How many results of that verdict the newest report has.
pub fn verdicts(crates: &Crates, verdict: &str) -> usize {
    let folders = std::fs::read_dir(crates.folder.path().join("results")).expect("results");
    let newest = folders.flatten().map(|entry| entry.path()).max();
    let file = newest.expect("a batch").join("results.json");
    let text = std::fs::read_to_string(file).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let results = report["results"].as_array().expect("results");
    results.iter().filter(|r| r["verdict"] == verdict).count()
}
