//! Crates of our own: projects in git, served over git's own protocol, packaged as
//! their author would, published to a registry on loopback. Not every test uses every
//! helper.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "git.rs"]
pub mod git;
#[path = "registry.rs"]
pub mod registry;

use git::{Content, GitServer, TestRepository};
use registry::FakeRegistry;

const LIBRARY: &str = "pub fn one() -> u32 {\n    1\n}\n";

/// A crate's manifest; its upstream is where only `[source.mirror]` finds it.
pub fn manifest(name: &str) -> String {
    format!(
        "[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\ndescription = \"d\"\nlicense = \"MIT\"\nrepository = \"https://git.example/o/{name}\"\n"
    )
}

/// Makes a crate's upstream below a folder, tagged `v1.0.0`.
pub fn upstream(folder: &Path, name: &str) -> TestRepository {
    let mut repository = TestRepository::create(&folder.join("o").join(name));
    let commit = repository.commit(&[
        ("Cargo.toml", Content::Text(&manifest(name))),
        ("src/lib.rs", Content::Text(LIBRARY)),
    ]);
    repository.set("refs/heads/main", commit);
    repository.tag("v1.0.0", commit);
    repository
}

/// What the project's author does: `cargo package` in a clean checkout, which git made
/// with these settings.
pub fn package(upstream: &Path, folder: &Path, settings: &[&str]) -> Vec<u8> {
    let work = folder.join("author");
    let _ = std::fs::remove_dir_all(&work);
    let cloned = Command::new("git")
        .args(["clone", "-q", "--branch", "main"])
        .args(settings.iter().flat_map(|setting| ["-c", setting]))
        .args([upstream, &work])
        .status()
        .expect("git runs");
    assert!(cloned.success(), "git clone");
    let target = folder.join("author-target");
    let packaged = Command::new("cargo")
        .args(["package", "-q", "--no-verify"])
        .current_dir(&work)
        .env("CARGO_TARGET_DIR", &target)
        .status()
        .expect("cargo runs");
    assert!(packaged.success(), "cargo package");
    let name = upstream.file_name().expect("a name").to_string_lossy();
    std::fs::read(target.join(format!("package/{name}-1.0.0.crate"))).expect("the crate")
}

/// remint with data, results and images of a test's own.
pub fn remint(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remint"));
    command
        .env("REMINT_DATA_DIR", folder.join("data"))
        .env("REMINT_RESULTS_DIR", folder.join("results"))
        .env(
            "REMINT_IMAGES_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/images"),
        );
    command
}

/// Several crates, and a place to verify them.
pub struct Crates {
    pub folder: tempfile::TempDir,
    pub registry: FakeRegistry,
    server: GitServer,
    crates: Vec<(String, Vec<u8>)>,
}

impl Crates {
    /// So many crates, `demo0` and on, all published.
    pub async fn published(count: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path().join("upstream");
        let crates: Vec<_> = (0..count)
            .map(|number| {
                let name = format!("demo{number}");
                let repository = upstream(&base, &name);
                let bytes = package(&repository.path, folder.path(), &[]);
                (name, bytes)
            })
            .collect();
        let registry = FakeRegistry::start().await;
        for (name, bytes) in &crates {
            registry.publish(name, "1.0.0", bytes);
        }
        Self {
            server: GitServer::serve(&base),
            registry,
            crates,
            folder,
        }
    }

    /// The published file of one.
    pub fn bytes(&self, number: usize) -> &[u8] {
        &self.crates[number].1
    }

    /// remint, told where the registry and the upstream are, and `more`.
    pub fn remint(&self, more: &str) -> Command {
        std::fs::create_dir_all(self.temporary()).expect("a folder");
        let config = format!(
            "[registry]\ncargo = \"{}\"\n{more}\n[source.mirror]\n\"https://git.example/\" = \"{}\"\n[toolchains]\non_demand = false\n",
            self.registry.index(),
            self.server.url(),
        );
        let file = self.folder.path().join("remint.toml");
        std::fs::write(&file, config).expect("write");
        let mut command = remint(self.folder.path());
        command.arg("--config").arg(file);
        command.env("TMPDIR", self.temporary());
        command
    }

    /// Where remint puts what it needs for a while only.
    pub fn temporary(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// A list of them all.
    pub fn list(&self) -> PathBuf {
        let purls: Vec<_> = self
            .crates
            .iter()
            .map(|(name, _)| format!("pkg:cargo/{name}@1.0.0\n"))
            .collect();
        let file = self.folder.path().join("list.txt");
        std::fs::write(&file, purls.concat()).expect("write");
        file
    }
}
