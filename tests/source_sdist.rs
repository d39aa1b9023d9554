//! A source distribution held against its commit: what is the commit's, and what a tampered
//! one holds beside it.

#[path = "support/git.rs"]
mod git;

use std::collections::BTreeMap;
use std::path::PathBuf;

use git::{Content, Content::Text, TestRepository};
use git2::Oid;
use remint::model::{GitSource, HeldFiles, Packer, PackerCount, SourceConfig, Strays};
use remint::source::{Error, Sources};

const METADATA: &str = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";

/// A farm whose mirror of `https://git.example/` is a folder.
struct Farm {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Farm {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let location = dir.path().join("mirror").display().to_string();
        let config = SourceConfig {
            mirror: BTreeMap::from([("https://git.example/".into(), location)]),
        };
        Self {
            sources: Sources::new(&config, dir.path().join("cache")),
            dir,
        }
    }

    fn repository(&self, path: &str) -> TestRepository {
        TestRepository::create(&self.dir.path().join("mirror").join(path))
    }

    /// Writes a source distribution of these files: path, content, mode.
    fn sdist(&self, files: &[(&str, &str, u32)]) -> PathBuf {
        let path = self.dir.path().join("demo-1.0.tar.gz");
        let gz = flate2::write::GzEncoder::new(
            std::fs::File::create(&path).expect("create"),
            flate2::Compression::fast(),
        );
        let mut tar = tar::Builder::new(gz);
        for (name, content, mode) in files {
            let mut header = tar::Header::new_ustar();
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            tar.append_data(&mut header, format!("demo-1.0/{name}"), content.as_bytes())
                .expect("append");
        }
        tar.into_inner().expect("tar").finish().expect("gzip");
        path
    }

    fn hold(
        &self,
        commit: Oid,
        directory: &str,
        files: &[(&str, &str, u32)],
    ) -> Result<HeldFiles, Error> {
        let scratch = tempfile::tempdir().expect("tempdir");
        let git = GitSource {
            repository: "https://git.example/demo".into(),
            read_from_mirror: true,
            commit: commit.to_string().parse().expect("a commit"),
            commit_time: 0,
            tag: Some("v1.0".into()),
            directory: directory.into(),
        };
        self.sources.hold(
            &"pkg:pypi/demo@1.0".parse().expect("valid"),
            &git,
            &self.sdist(files),
            &BTreeMap::from([("demo-1.0.dist-info/METADATA".into(), METADATA.into())]),
            scratch.path(),
        )
    }
}

fn names(strays: &Strays) -> Vec<&str> {
    strays.first.iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn a_source_distribution_of_the_commits_files_is_linked_with_what_packers_write() {
    let farm = Farm::new();
    let commit = farm.repository("demo").commit(&[
        ("setup.py", Text("from setuptools import setup\nsetup()\n")),
        ("demo/__init__.py", Text("x = 1\n")),
        ("run.sh", Content::Script("#!/bin/sh\n")),
        ("tests/test_demo.py", Text("assert True\n")),
        ("alias.py", Content::Link("demo/__init__.py")),
    ]);
    let held = farm
        .hold(
            commit,
            "",
            &[
                ("PKG-INFO", METADATA, 0o644),
                ("setup.py", "from setuptools import setup\nsetup()\n", 0o644),
                (
                    "setup.cfg",
                    "[egg_info]\ntag_build = \ntag_date = 0\n\n",
                    0o644,
                ),
                ("demo/__init__.py", "x = 1\r\n", 0o644),
                ("run.sh", "#!/bin/sh\n", 0o755),
                ("alias.py", "x = 1\n", 0o644),
                ("demo.egg-info/PKG-INFO", METADATA, 0o644),
                ("demo.egg-info/SOURCES.txt", "setup.py\n", 0o644),
            ],
        )
        .expect("held");
    assert!(held.is_whole(), "{held:#?}");
    assert_eq!((held.files, held.same, held.line_ends), (8, 3, 1));
    let count = |by, files| PackerCount { by, files };
    assert_eq!(
        held.generated,
        [
            count(Packer::CoreMetadata, 1),
            count(Packer::EggInfo, 2),
            count(Packer::SetupCfg, 1),
        ]
    );
    assert_eq!(held.left_out, 1, "the tests");
}

#[test]
fn what_a_tampered_one_holds_is_named_with_its_digest() {
    let farm = Farm::new();
    let commit = farm.repository("demo").commit(&[
        ("m4/host.m4", Text("dnl one\n")),
        ("demo.py", Text("x = 1\n")),
        ("configure", Text("#!/bin/sh\n")),
    ]);
    let held = farm
        .hold(
            commit,
            "",
            &[
                ("m4/host.m4", "dnl one\ngl_evil\n", 0o644),
                ("demo.py", "x = 1\n", 0o644),
                ("configure", "#!/bin/sh\n", 0o755),
                ("tests/files/bad.lzma", "payload", 0o644),
                ("demo.egg-info/evil.py", "evil()\n", 0o644),
            ],
        )
        .expect("held");
    assert!(!held.is_whole());
    assert_eq!(names(&held.changed), ["m4/host.m4"]);
    assert_eq!(
        names(&held.unknown),
        ["demo.egg-info/evil.py", "tests/files/bad.lzma"]
    );
    assert_eq!(names(&held.made_executable), ["configure"]);
    assert_eq!(held.same, 1);
    assert_eq!(
        held.unknown.first[1].sha256,
        remint::model::Sha256Digest::of("payload")
    );
}

#[test]
fn a_file_is_looked_for_in_the_packages_folder_and_through_links_and_submodules() {
    let farm = Farm::new();
    let inner = farm
        .repository("vendor")
        .commit(&[("lib.py", Text("v = 1\n"))]);
    let commit = farm.repository("demo").commit(&[
        ("packages/demo/demo.py", Text("x = 1\n")),
        ("packages/demo/shared", Content::Link("../../shared")),
        ("shared/util.py", Text("u = 1\n")),
        ("demo.py", Text("of another package\n")),
        (
            ".gitmodules",
            Text("[submodule \"v\"]\n\tpath = packages/demo/vendor\n\turl = https://git.example/vendor\n"),
        ),
        ("packages/demo/vendor", Content::Submodule(inner)),
    ]);
    let files = [
        ("demo.py", "x = 1\n", 0o644),
        ("shared/util.py", "u = 1\n", 0o644),
        ("vendor/lib.py", "v = 1\n", 0o644),
    ];
    let held = farm.hold(commit, "packages/demo", &files).expect("held");
    assert!(held.is_whole() && held.same == 3, "{held:#?}");
    let evil = [
        ("demo.py", "of another package\n", 0o644),
        ("vendor/lib.py", "v = 2\n", 0o644),
        ("vendor/evil.py", "evil()\n", 0o644),
        ("shared/evil.py", "evil()\n", 0o644),
    ];
    let held = farm.hold(commit, "packages/demo", &evil).expect("held");
    assert_eq!(names(&held.changed), ["demo.py", "vendor/lib.py"]);
    assert_eq!(names(&held.unknown), ["shared/evil.py", "vendor/evil.py"]);
}

#[test]
fn where_the_commit_or_the_archive_cannot_be_read_nothing_is_said_of_the_link() {
    let farm = Farm::new();
    let mut repository = farm.repository("demo");
    let commit = repository.commit(&[("a.py", Text("a\n"))]);
    let nowhere = Oid::from_str(&"1".repeat(40)).expect("an id");
    let files = [("a.py", "a\n", 0o644), ("gone/b.py", "b\n", 0o644)];
    assert!(farm.hold(nowhere, "", &files).is_err());
    assert!(farm.hold(commit, "", &[]).is_err());
    assert!(!farm.hold(commit, "", &files).expect("held").is_whole());
    // Of a submodule that cannot be had, nobody knows what it holds.
    let modules = "[submodule \"g\"]\n\tpath = gone\n\turl = https://git.example/gone\n";
    let commit = repository.commit(&[
        (".gitmodules", Text(modules)),
        ("gone", Content::Submodule(nowhere)),
    ]);
    assert!(farm.hold(commit, "", &files).is_err());
    assert!(farm.hold(commit, "", &files[..1]).expect("held").is_whole());
}
