//! A bench with a real engine, and plans of one script.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use remint::image::{ImageId, Images};
use remint::model::{
    BuildFailure, BuildStage, DatedBy, Limits, Network, Plan, Rebuild, Step, Yanked,
};
use remint::sandbox::{self, Engine, Error, Job};
use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

/// Runs of one process are told from others by its number, so each has to be
/// alone in it, also where all tests share one.
static ALONE: Mutex<()> = Mutex::const_new(());

/// An engine, an image to build in, an empty source tree and a scratch folder.
pub struct Bench {
    _alone: MutexGuard<'static, ()>,
    pub engine: Engine,
    pub image: ImageId,
    folder: tempfile::TempDir,
    tree: PathBuf,
    scratch: PathBuf,
}

impl Bench {
    pub async fn open() -> Self {
        let alone = ALONE.lock().await;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let data = std::env::var_os("REMINT_TEST_DATA_DIR")
            .map_or_else(|| root.join("target/remint-test"), PathBuf::from);
        let engine = Engine::connect().await.expect("an engine answers");
        let archives = data.join("images");
        std::fs::create_dir_all(&archives).expect("the data folder");
        let images = Images::open(&root.join("images"), &archives).expect("definitions");
        let image = images.ensure(&engine, "relay").await.expect("the image");
        let folder = tempfile::tempdir().expect("tempdir");
        let [tree, scratch] = ["tree", "scratch"].map(|name| folder.path().join(name));
        for made in [&tree, &scratch] {
            std::fs::create_dir(made).expect("folder");
        }
        Self {
            _alone: alone,
            engine,
            image,
            folder,
            tree,
            scratch,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a plan with a job that `change` may change.
    pub async fn run_with<'a>(
        &'a self,
        plan: &'a Plan,
        change: impl FnOnce(&mut Job<'a>),
    ) -> Result<Rebuild, Error> {
        let mut job = Job {
            image: self.image,
            relay: self.image,
            plan,
            tree: &self.tree,
            inputs: vec![],
            mirror_socket: None,
            scratch: &self.scratch,
            keep: false,
            cancel: CancellationToken::new(),
            on_phase: &|_| {},
            on_keep: &|_| {},
        };
        change(&mut job);
        sandbox::run(&self.engine, job).await
    }

    pub async fn run(&self, plan: &Plan) -> Result<Rebuild, Error> {
        self.run_with(plan, |_| {}).await
    }

    /// What a script prints that makes its output and ends well.
    pub async fn said(&self, script: &str) -> String {
        let plan = plan(&format!("{script}\ntouch /build/out/file"));
        text(&self.run(&plan).await.expect("the script ends well").log)
    }

    /// The failure of a run that the package is to blame for.
    pub async fn failure(&self, plan: &Plan) -> Failure {
        failure(self.run(plan).await)
    }
}

/// A failed build, with its log.
pub struct Failure {
    pub stage: BuildStage,
    pub failure: BuildFailure,
    pub log: String,
}

pub fn failure(outcome: Result<Rebuild, Error>) -> Failure {
    match outcome {
        Err(Error::Build {
            stage,
            failure,
            log,
        }) => Failure {
            stage,
            failure,
            log: text(&log),
        },
        other => panic!("a failed build was expected, not {other:?}"),
    }
}

pub fn text(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).expect("readable")).into_owned()
}

/// Limits that bound what a test that fails can do to the machine.
pub fn small() -> Limits {
    Limits {
        memory_mib: 256,
        cpu_millis: 1000,
        pids: 128,
        seconds: 120,
        disk_mib: 32,
        log_kib: 256,
    }
}

pub fn step(script: &str) -> Step {
    let run = ["bash", "-c", script].map(str::to_owned).to_vec();
    Step::new(run, String::new())
}

/// A plan of one step without a network; its output is `out/file`.
pub fn plan(script: &str) -> Plan {
    Plan {
        image: "relay".into(),
        cutoff: None,
        dated_by: DatedBy::Registry,
        yanked: Yanked::Today,
        build_network: Network::None,
        output: "out/file".into(),
        prepare: vec![],
        build: vec![step(script)],
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        inputs: vec![],
        recovered: vec![],
        crlf: None,
        plain_modes: false,
        limits: small(),
    }
}

/// A plan that is given more or less of something.
pub fn limited(script: &str, change: impl FnOnce(&mut Limits)) -> Plan {
    let mut plan = plan(script);
    change(&mut plan.limits);
    plan
}

/// What the engine's own client prints.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("the engine's client");
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Containers and volumes of the runs of this process.
pub fn left() -> Vec<String> {
    let mark = format!("remint.owner={}:", boot_id());
    let mine = format!(":{}:", std::process::id());
    let containers = docker(&[
        "ps",
        "-a",
        "--no-trunc",
        "--filter",
        "label=remint.run",
        "--format",
        "{{.ID}} {{.Labels}}",
    ]);
    let volumes = docker(&[
        "volume",
        "ls",
        "--filter",
        "label=remint.run",
        "--format",
        "{{.Name}} {{.Labels}}",
    ]);
    containers
        .lines()
        .chain(volumes.lines())
        .filter(|line| line.contains(&mark) && line.contains(&mine))
        .map(str::to_owned)
        .collect()
}

pub fn boot_id() -> String {
    text(Path::new("/proc/sys/kernel/random/boot_id"))
        .trim()
        .to_owned()
}
