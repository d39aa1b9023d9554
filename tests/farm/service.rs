//! `remint farm` as an operator runs it: real processes, a real engine, PostgreSQL, a
//! project of our own on loopback. The images must be there; `.ci/test` sees to it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use remint::farm::Queue;
use remint::farm::credential::Credential;
use remint::farm::queue::AtOnce;
use remint::model::{
    ArtifactKind, ArtifactSummary, ResultRecord, Sha256Digest, Sha512Digest, Verdict,
};
use remint::store::Database;
use serde_json::Value;

use super::project::{PURL, World, run};
use super::s3::free_port;
use super::{crates, farm, postgres, s3};

/// How long anything here may take, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that is ended with the test.
struct Process(Child);

impl Process {
    fn terminate(&mut self) -> Output {
        let pid = libc::pid_t::try_from(self.0.id()).expect("a process number");
        // SAFETY: kill(2) touches no memory; the process is ours and not yet reaped.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGTERM) }, 0);
        let start = Instant::now();
        while self.0.try_wait().expect("wait").is_none() {
            assert!(start.elapsed() < PATIENCE, "it does not end on SIGTERM");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut errors = Vec::new();
        if let Some(mut pipe) = self.0.stderr.take() {
            std::io::Read::read_to_end(&mut pipe, &mut errors).expect("read");
        }
        Output {
            status: self.0.wait().expect("ended"),
            stdout: vec![],
            stderr: errors,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine of the farm: its folders and its configuration.
struct Machine {
    folder: PathBuf,
    config: PathBuf,
}

impl Machine {
    fn new(world: &World, database: &str, name: &str, farm: &str) -> Self {
        let folder = world.folder.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let base = std::fs::read_to_string(world.write_config(&world.server.url())).expect("read");
        let config = folder.join("remint.toml");
        let text = format!("{base}[database]\nurl = \"{database}\"\n{farm}");
        std::fs::write(&config, text).expect("write");
        Self { folder, config }
    }

    fn remint(&self, arguments: &[&str]) -> Command {
        let mut command = crates::remint(&self.folder);
        command.arg("--config").arg(&self.config).args(arguments);
        command.envs(s3::CREDENTIALS);
        command
    }

    fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.remint(arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Process(command.spawn().expect("remint runs"))
    }
}

/// The farm's queue, as the test looks into it.
async fn queue(machine: &Machine, database: &str) -> Queue {
    let opened = Database::open(&machine.folder, Some(database)).await;
    let queue = Queue::open(opened.expect("open"), Duration::from_secs(30)).await;
    queue.expect("queue")
}

/// Makes a worker's key and returns the file of its public half.
async fn key(folder: &Path, name: &str) -> PathBuf {
    let mut make = crates::remint(folder);
    make.args(["farm", "key"])
        .arg(folder.join(format!("{name}.key")));
    let made = run(make).await;
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let public = folder.join(format!("{name}.pub"));
    std::fs::write(&public, made.stdout).expect("write");
    public
}

async fn get(port: u16, path: &str) -> Option<String> {
    let answer = reqwest::get(format!("http://127.0.0.1:{port}{path}"))
        .await
        .ok()?;
    answer.error_for_status().ok()?.text().await.ok()
}

/// A record that agrees with itself, on bytes that nobody published.
fn forged() -> ResultRecord {
    let bytes = b"evil";
    let verdict = Verdict::Reproduced {
        sha256: Sha256Digest::of(bytes),
        recovered: vec![],
        replayed: vec![],
    };
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: "demo-1.0.0.crate".into(),
            kind: ArtifactKind::Crate,
            sha256: Sha256Digest::of(bytes),
            sha512: Sha512Digest::of(bytes),
            size: 4,
            published_at: None,
        }),
        recipe: Some("recipe".into()),
        ..ResultRecord::new(PURL.parse().expect("valid"), verdict, Timestamp::now())
    }
}

/// Asks again until the answer is what it should come to be.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !look().await {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_run_by_a_worker_elsewhere_and_attested_by_the_service() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let folder = world.folder.path();
    let database = postgres::server().new_database();
    let (public, stranger) = (key(folder, "build-1").await, key(folder, "stranger").await);
    drop(stranger);
    let (port, bucket) = (free_port(), free_port());
    let _server = s3::Server::start(bucket).await;
    let service = Machine::new(
        &world,
        &database,
        "service",
        &format!(
            "{}[farm]\nlisten = \"127.0.0.1:{port}\"\njobs = 0\n\
             [[farm.schedule]]\nname = \"night\"\ncron = \"0 2 * * *\"\nfiles = [\"list.txt\"]\n\
             [[farm.worker]]\nname = \"build-1\"\nkey = \"{}\"\n",
            s3::config(bucket),
            public.display()
        ),
    );
    // Both know the password of a role that may use the tables and no more.
    let queue = queue(&service, &database).await;
    let name = database.rsplit('/').next().expect("a name");
    postgres::server().sql(
        name,
        "CREATE ROLE builder LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO builder",
    );
    let as_builder = database.replace("//remint@", "//builder@");
    let worker = |name: &str, key: &str| {
        let credential = format!(
            "{}[farm]\njobs = 1\ngrace = 60\n[farm.credential]\nname = \"build-1\"\nkey = \"{}\"\n",
            s3::config(bucket),
            folder.join(key).display()
        );
        Machine::new(&world, &as_builder, name, &credential)
    };

    // What the configuration names is not there yet: nothing is started.
    let refused = run(service.remint(&["farm"])).await;
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("`night`") && errors.contains("list.txt"),
        "{errors}"
    );
    std::fs::write(service.folder.join("list.txt"), format!("{PURL}\n")).expect("write");
    let checked = run(service.remint(&["farm", "check"])).await;
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && said.contains("next at"),
        "{said}"
    );

    // The schedule was fired long ago, so last night was missed.
    queue
        .fired("night", Timestamp::UNIX_EPOCH)
        .await
        .expect("known");

    // Somebody who has the database's password and another key says "build-1".
    let stranger = worker("stranger", "stranger.key");
    let mut impostor = stranger.start(&["farm", "work"]);
    until("the impostor is there first", async || {
        !queue.workers().await.expect("read").is_empty()
    })
    .await;
    let mut running = service.start(&["farm"]);
    until("the impostor's lease is ended", async || {
        let page = get(port, "/").await.unwrap_or_default();
        page.contains("whose key no [[farm.worker]] has")
    })
    .await;
    impostor.terminate();
    // From now on it is told at once that it would work in vain.
    let refused = run(stranger.remint(&["farm", "work"])).await;
    let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{errors}");
    assert!(errors.contains("[[farm.worker]]"), "{errors}");

    // A worker that was taken over says of bytes of its own that they are the release.
    let credential = Credential::read("build-1", &folder.join("build-1.key")).expect("a key");
    let taken_over = queue.clone().with_credential(credential.into()).deferring();
    let mut leased = Vec::new();
    until("the job is free again", async || {
        let holder = farm::holder("taken over".into());
        let taken = taken_over.lease(&holder, 1, None, &AtOnce::default()).await;
        leased = taken.expect("lease");
        !leased.is_empty()
    })
    .await;
    taken_over
        .finish(&leased[0], &[forged()], true, 0.5)
        .await
        .expect("it is signed");
    until("the forged report is thrown away", async || {
        let page = get(port, "/").await.unwrap_or_default();
        page.contains("publishes no demo-1.0.0.crate of SHA-256")
    })
    .await;

    let build_1 = worker("build-1", "build-1.key");
    let mut working = build_1.start(&["farm", "work"]);
    until("the batch is complete", async || {
        let text = get(port, "/status.json").await.unwrap_or_default();
        let status: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        status["batches"][0]["state"] == "complete"
    })
    .await;
    let metrics = get(port, "/metrics").await.expect("metrics");
    for line in [
        "remint_farm_workers{state=\"taking\"} 1",
        "remint_farm_jobs{state=\"queued\"} 0",
        "remint_farm_schedule_failing{schedule=\"night\"} 0",
    ] {
        assert!(metrics.contains(line), "{line} is missing in:\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");

    // The verdict is the worker's, its log too, and the signature the service's.
    let batches = queue.batches().await.expect("read");
    assert!(batches[0].id.ends_with("-night"), "{}", batches[0].id);
    let report = service.folder.join("results").join(&batches[0].id);
    until("the report is written", async || {
        report.join("index.html").is_file()
    })
    .await;
    let text = std::fs::read_to_string(report.join("results.json")).expect("a report");
    let link = format!("/results/{}/index.html", batches[0].id);
    until("the page leads to the report", async || {
        get(port, "/")
            .await
            .unwrap_or_default()
            .contains(&link[1..])
    })
    .await;
    assert!(get(port, &link).await.expect("served").contains("demo"));
    let outside = "/results/%2e%2e/remint.toml";
    assert!(get(port, outside).await.is_none(), "nothing else is served");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let result = &json["results"][0];
    assert_eq!(result["verdict"], "reproduced", "{json:#}");
    let log = result["log"].as_str().expect("a log");
    let log = std::fs::read_to_string(report.join(log)).expect("it came through the bucket");
    assert!(log.contains("cargo package"), "{log}");
    let path = result["attestation"].as_str().expect("attested");
    let data = service.folder.join("data");
    let key = std::fs::read_to_string(data.join("keys/attest.pub")).expect("the public key");
    let key = remint::attest::PublicKey::from_pem(&key).expect("a key");
    let bundle = std::fs::read_to_string(data.join(path)).expect("the attestation");
    let statement = remint::attest::verify(&bundle, &key).expect("it verifies");
    assert_eq!(statement.predicate["verdict"], "reproduced");
    assert!(
        !build_1.folder.join("data/keys").exists(),
        "a worker has no signing key"
    );

    // A row that somebody changed afterwards is no verdict.
    let sha256 = result["sha256"].as_str().expect("a digest");
    let other = Sha256Digest::of(b"evil");
    postgres::server().sql(
        name,
        &format!("UPDATE farm_record SET body = REPLACE(body, '{sha256}', '{other}')"),
    );
    run(service.remint(&["batch", "show"])).await;
    let text = std::fs::read_to_string(report.join("results.json")).expect("a report");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["results"][0]["verdict"], "infra-error", "{json:#}");

    // A worker is drained by its name, and the service ends on SIGTERM.
    let drained = run(service.remint(&["farm", "drain", "build-1", "--wait"])).await;
    assert!(
        drained.status.success(),
        "{}",
        String::from_utf8_lossy(&drained.stderr)
    );
    until("the drained worker ends", async || {
        // It sees that it is to stop, and nothing runs.
        working
            .0
            .try_wait()
            .expect("wait")
            .is_some_and(|status| status.success())
    })
    .await;
    let ended = running.terminate();
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_works_itself_and_finishes_what_runs_when_it_is_told_to_end() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let database = postgres::server().new_database();
    let port = free_port();
    let farm = format!("[farm]\nlisten = \"127.0.0.1:{port}\"\njobs = 1\ngrace = 120\n");
    let service = Machine::new(&world, &database, "service", &farm);
    std::fs::write(service.folder.join("list.txt"), format!("{PURL}\n")).expect("write");
    let mut add = service.remint(&["batch", "run", "--detach"]);
    add.arg(service.folder.join("list.txt"));
    let added = run(add).await;
    assert!(
        added.status.success(),
        "{}",
        String::from_utf8_lossy(&added.stderr)
    );
    let id = String::from_utf8_lossy(&added.stdout).trim().to_owned();

    let mut running = service.start(&["farm"]);
    until("the job runs", async || {
        let text = get(port, "/status.json").await.unwrap_or_default();
        let status: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        status["running"][0]["purl"] == PURL
    })
    .await;
    let ended = running.terminate();
    let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{errors}");
    let queue = queue(&service, &database).await;
    let progress = queue.progress(&id).await.expect("read");
    assert_eq!(
        (progress.done, progress.running),
        (1, 0),
        "{progress:?}\n{errors}"
    );
    assert!(
        queue.workers().await.expect("read").is_empty(),
        "nobody is left on the roster"
    );
}
