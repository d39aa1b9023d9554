//! A project of our own in git, served over git's own protocol and published to a
//! registry on loopback, with a place to verify it. Not every test uses all of it.
#![allow(dead_code)]

use std::process::{Command, Output};

use serde_json::Value;

use crate::crates::git::{GitServer, TestRepository};
use crate::crates::registry::FakeRegistry;
use crate::crates::{package, remint, upstream};

/// A project with its published crate, its upstream, and a place to verify it.
pub struct World {
    pub folder: tempfile::TempDir,
    pub repository: TestRepository,
    pub server: GitServer,
    pub registry: FakeRegistry,
    pub crate_bytes: Vec<u8>,
}

impl World {
    /// The project is tagged and packaged, and nothing is published yet.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path().join("upstream");
        let repository = upstream(&base, "demo");
        let crate_bytes = package(&repository.path, folder.path(), &[]);
        Self {
            server: GitServer::serve(&base),
            registry: FakeRegistry::start().await,
            repository,
            crate_bytes,
            folder,
        }
    }

    /// Runs `remint verify` and returns its exit status, its JSON and its errors.
    pub async fn verify(&self, arguments: &[&str]) -> (i32, Value, String) {
        self.verify_with(arguments, &[]).await
    }

    /// The same with an environment.
    pub async fn verify_with(
        &self,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> (i32, Value, String) {
        self.verify_from(&self.server.url(), arguments, env).await
    }

    /// With the upstream read from another server.
    pub async fn verify_from(
        &self,
        upstream: &str,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> (i32, Value, String) {
        self.verify_by(&self.write_config(upstream), arguments, env)
            .await
    }

    /// With these limits of each build, as the configuration has them.
    pub async fn verify_within(&self, limits: &str) -> (i32, Value, String) {
        let file = self.write_config(&self.server.url());
        let mut config = std::fs::read_to_string(&file).expect("it was written");
        config.push_str(&format!("[limits]\n{limits}\n"));
        std::fs::write(&file, config).expect("write");
        self.verify_by(&file, &[PURL], &[]).await
    }

    /// With a configuration of its own.
    async fn verify_by(
        &self,
        file: &std::path::Path,
        arguments: &[&str],
        env: &[(&str, &str)],
    ) -> (i32, Value, String) {
        let mut command = remint(self.folder.path());
        command.args([
            "--config",
            file.to_str().expect("UTF-8"),
            "verify",
            "--json",
        ]);
        command.args(arguments).envs(env.iter().copied());
        let output = run(command).await;
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code().unwrap_or(-1), json, errors)
    }

    /// The configuration's file: registry and upstream are the test's own.
    pub fn write_config(&self, upstream: &str) -> std::path::PathBuf {
        let config = format!(
            "[registry]\ncargo = \"{}\"\n[source.mirror]\n\"https://git.example/\" = \"{upstream}\"\n[toolchains]\non_demand = false\n",
            self.registry.index(),
        );
        let file = self.folder.path().join("remint.toml");
        std::fs::write(&file, config).expect("write");
        file
    }

    /// The recipe that `remint plan` prints, edited, as the name of a file.
    pub async fn recipe(&self, edit: impl Fn(String) -> String) -> String {
        self.write_config(&self.server.url());
        let mut plan = remint(self.folder.path());
        plan.arg("--config")
            .arg(self.folder.path().join("remint.toml"));
        plan.args(["plan", PURL]);
        let printed = run(plan).await;
        let text = String::from_utf8(printed.stdout).expect("UTF-8");
        assert!(text.contains("[plan]") && text.contains("# "), "{text}");
        let file = self.folder.path().join("recipe.toml");
        std::fs::write(&file, edit(text)).expect("write");
        file.to_str().expect("UTF-8").to_owned()
    }

    /// The published crate with its tar members changed.
    pub fn changed(
        &self,
        change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
        added: &[(&str, &str)],
    ) -> Vec<u8> {
        self.changed_at(change, |_| None, added)
    }

    /// The same, and with other times.
    pub fn changed_at(
        &self,
        change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
        time: impl Fn(&str) -> Option<u64>,
        added: &[(&str, &str)],
    ) -> Vec<u8> {
        use std::io::Read as _;
        let mut old = tar::Archive::new(flate2::read::GzDecoder::new(&self.crate_bytes[..]));
        // As cargo names it.
        let gzip = flate2::GzBuilder::new()
            .filename("demo-1.0.0.crate")
            .write(Vec::new(), flate2::Compression::best());
        let mut new = tar::Builder::new(gzip);
        for entry in old.entries().expect("a crate") {
            let mut entry = entry.expect("a member");
            let path = entry
                .path()
                .expect("a path")
                .to_str()
                .expect("UTF-8")
                .to_owned();
            let mut header = entry.header().clone();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("reads");
            let bytes = change(&path, bytes);
            header.set_size(bytes.len() as u64);
            if let Some(time) = time(&path) {
                header.set_mtime(time);
            }
            new.append_data(&mut header, &path, &bytes[..])
                .expect("append");
        }
        for (path, text) in added {
            let mut header = tar::Header::new_ustar();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(1_153_704_088);
            new.append_data(&mut header, path, text.as_bytes())
                .expect("append");
        }
        new.into_inner().expect("tar").finish().expect("gzip")
    }
}

/// Runs a command beside the test's own servers.
pub async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("remint runs"))
        .await
        .expect("no panic")
}

/// Its release.
pub const PURL: &str = "pkg:cargo/demo@1.0.0";
