//! Source distributions rebuilt from their tag with a real engine: a project of our own whose
//! build backend is in its source, published to a registry on loopback, and everything that
//! can be wrong with it.
//!
//! The images must be there (`remint images build`); `.ci/test` sees to it.

#[path = "support/crates.rs"]
mod crates;

use std::path::Path;
use std::process::Command;

use crates::git::{Content, GitServer, TestRepository};
use crates::registry::FakeRegistry;
use crates::remint;
use serde_json::{Value, json};
use sha2::Digest as _;

const PYPROJECT: &str = "[build-system]\nrequires = []\nbuild-backend = \"pack\"\nbackend-path = [\".\"]\n\n[project]\nname = \"demo\"\nversion = \"1.0\"\n";

/// The project's backend: it packs as Python's tarfile does, with the files' own times where
/// no SOURCE_DATE_EPOCH is set.
const BACKEND: &str = r#"import gzip, io, os, tarfile

METADATA = b"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nProject-URL: Source, https://git.example/o/demo\n"


def build_sdist(folder, config_settings=None):
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    name = "demo-1.0.tar.gz"
    with open(os.path.join(folder, name), "wb") as file:
        with gzip.GzipFile("", "wb", 9, file, mtime=0) as stream:
            with tarfile.TarFile(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
                for path in "demo.py", "pack.py", "pyproject.toml":
                    info = tar.gettarinfo(path, "demo-1.0/" + path)
                    info.uid = info.gid = 0
                    info.uname = info.gname = ""
                    info.mode = 0o644
                    if epoch:
                        info.mtime = int(epoch)
                    with open(path, "rb") as content:
                        tar.addfile(info, content)
                info = tarfile.TarInfo("demo-1.0/PKG-INFO")
                info.size = len(METADATA)
                tar.addfile(info, io.BytesIO(METADATA))
    return name
"#;

/// What the publisher runs: the hook, after a change to the checkout.
const PUBLISH: &str = "import os, sys\nsys.path.insert(0, '.')\nimport pack\nexec(sys.argv[1])\nif __name__ == '__main__':\n    print(pack.build_sdist('..'))\n";

/// When it was uploaded: the commit of the test's repository is of 2023.
const UPLOADED: &str = "2023-12-01T00:00:00Z";

struct World {
    folder: tempfile::TempDir,
    server: GitServer,
    registry: FakeRegistry,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let base = folder.path().join("upstream");
        let mut repository = TestRepository::create(&base.join("o/demo"));
        let commit = repository.commit(&[
            ("pyproject.toml", Content::Text(PYPROJECT)),
            ("pack.py", Content::Text(BACKEND)),
            ("demo.py", Content::Text("def one():\n    return 1\n")),
        ]);
        repository.set("refs/heads/main", commit);
        repository.tag("v1.0", commit);
        Self {
            server: GitServer::serve(&base),
            registry: FakeRegistry::start().await,
            folder,
        }
    }

    /// Packs the project as its publisher would, after `change` (Python) in the checkout.
    fn pack(&self, change: &str, epoch: Option<&str>) -> Vec<u8> {
        let work = self.folder.path().join("work");
        let _ = std::fs::remove_dir_all(&work);
        std::fs::create_dir(&work).expect("a folder");
        for (name, text) in [
            ("pyproject.toml", PYPROJECT),
            ("pack.py", BACKEND),
            ("demo.py", "def one():\n    return 1\n"),
        ] {
            std::fs::write(work.join(name), text).expect("written");
        }
        let mut python = Command::new("python3");
        python
            .args(["-B", "-c", PUBLISH, change])
            .current_dir(&work);
        python.env_remove("SOURCE_DATE_EPOCH");
        python.envs(epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)));
        let output = python.output().expect("python3 runs");
        assert!(output.status.success(), "{output:?}");
        std::fs::read(self.folder.path().join("demo-1.0.tar.gz")).expect("packed")
    }

    /// Publishes a source distribution as all that the release has, and verifies the release.
    async fn verify(&self, sdist: &[u8], arguments: &[&str]) -> (i32, Value) {
        self.verify_among(&[("1.0", sdist)], arguments).await
    }

    /// The same where these releases are published.
    async fn verify_among(&self, sdists: &[(&str, &[u8])], arguments: &[&str]) -> (i32, Value) {
        let file = |(version, sdist): &(&str, &[u8])| {
            let name = format!("demo-{version}.tar.gz");
            self.registry.serve(&format!("/files/{name}"), *sdist);
            json!({
                "filename": name,
                "url": format!("../../files/{name}"),
                "hashes": {"sha256": hex::encode(sha2::Sha256::digest(sdist))},
                "size": sdist.len(),
                "upload-time": UPLOADED,
            })
        };
        let files: Vec<Value> = sdists.iter().map(file).collect();
        let page = json!({"name": "demo", "files": files});
        self.registry.serve("/simple/demo/", page.to_string());
        let config = format!(
            "[registry]\npypi = \"{}/simple/\"\n[source.mirror]\n\"https://git.example/\" = \"{}\"\n",
            self.registry.address(),
            self.server.url(),
        );
        let file = self.folder.path().join("remint.toml");
        std::fs::write(&file, config).expect("written");
        // What was learnt and fetched before is of another file of the same name.
        let _ = std::fs::remove_dir_all(self.folder.path().join("data/metadata"));
        self.run(&file, arguments).await
    }

    async fn run(&self, config: &Path, arguments: &[&str]) -> (i32, Value) {
        let mut command = remint(self.folder.path());
        command.arg("--config").arg(config);
        command.args(["verify", "--json", "pkg:pypi/demo@1.0"]);
        command.args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output().expect("remint runs"))
            .await
            .expect("no panic");
        let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        });
        (output.status.code().unwrap_or(-1), told)
    }
}

const COMMIT_TIME: &str = "1700000000";

fn member_times(result: &Value) -> Option<&Value> {
    let replayed = result["replayed"].as_array()?;
    replayed
        .iter()
        .find(|fact| fact["replayed"] == "member-times")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_distribution_is_rebuilt_from_the_tag_and_says_that_it_rests_on_that() {
    let world = World::new().await;
    let sdist = world.pack("", Some(COMMIT_TIME));
    let (status, json) = world.verify(&sdist, &[]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{json:#}"
    );
    assert!(member_times(result).is_none(), "{result:#}");
    assert_eq!(result["artifact"]["name"], "demo-1.0.tar.gz");
    assert_eq!(result["source"]["kind"], "git");
    assert_eq!(result["source"]["tag"], "v1.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_distribution_that_is_not_the_tags_is_different_and_says_where() {
    let world = World::new().await;
    let append = |path: &str| format!("open('{path}', 'a').write('\\n# evil\\n')");
    // An extra member goes through the publisher's own copy of the backend.
    let extra = "text = open('pack.py').read().replace('\"pack.py\",', '\"pack.py\", \"setup.py\",')\n\
                 open('setup.py', 'w').write('import os')\n\
                 exec(text, pack.__dict__)";
    for (change, path) in [
        (append("demo.py"), "demo-1.0/demo.py"),
        (append("pyproject.toml"), "demo-1.0/pyproject.toml"),
        (extra.to_owned(), "demo-1.0/setup.py"),
        (
            "pack.METADATA += b'Requires-Dist: evil\\n'".to_owned(),
            "demo-1.0/PKG-INFO",
        ),
    ] {
        let sdist = world.pack(&change, Some(COMMIT_TIME));
        let (status, json) = world.verify(&sdist, &[]).await;
        let result = &json["results"][0];
        assert_eq!(
            (status, &result["verdict"]),
            (1, &Value::from("different")),
            "{change}: {json:#}"
        );
        let first = &result["comparison"]["differences"][0];
        assert_eq!(first["path"], path, "{result:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_one_build_are_replayed_and_those_that_could_say_more_are_not() {
    let world = World::new().await;
    let touch = |apart: f64| {
        format!(
            "for nth, name in enumerate(('demo.py', 'pack.py', 'pyproject.toml')):\n    \
             at = 1700000500.125 + nth * {apart}\n    os.utime(name, (at, at))"
        )
    };
    let (status, json) = world.verify(&world.pack(&touch(0.25), None), &[]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{json:#}"
    );
    let times = member_times(result).expect("the grade is replayed");
    assert_eq!(times["fractions"], 3, "{times}");
    // A day apart, a fraction of a second is room to write in.
    let (status, json) = world
        .verify(&world.pack(&touch(86_400.25), None), &[])
        .await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("equivalent")),
        "{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_commit_there_is_no_source_and_the_file_itself_is_none() {
    let world = World::new().await;
    let sdist = world.pack(
        "pack.METADATA = pack.METADATA.replace(b'/o/demo', b'/o/gone')",
        Some(COMMIT_TIME),
    );
    let (status, json) = world.verify(&sdist, &[]).await;
    let result = &json["results"][0];
    assert_ne!(status, 0);
    assert_ne!(result["verdict"], "reproduced", "{json:#}");
    let sdist = world.pack(
        "pack.METADATA = b'Metadata-Version: 2.4\\n'",
        Some(COMMIT_TIME),
    );
    let (status, json) = world.verify(&sdist, &[]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("source-not-found")),
        "{json:#}"
    );
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains("not its own source"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_what_a_release_names_is_gone_the_newest_ones_repository_is_looked_into() {
    let world = World::new().await;
    let moved = "pack.METADATA = pack.METADATA.replace(b'o/demo', b'o/former')";
    let former = world.pack(moved, None);
    let newest = world.pack("pass", None);
    let releases: [(&str, &[u8]); 2] = [("1.0", &former), ("2.0", &newest)];
    let (_, told) = world.verify_among(&releases, &[]).await;
    let source = &told["results"][0]["source"];
    assert_eq!(
        source["repository"], "https://git.example/o/demo",
        "{told:#}"
    );
    let evidence = source["evidence"].to_string();
    assert!(
        evidence.contains("pkg:pypi/demo@2.0, since none that the release names has its source"),
        "{evidence}"
    );
    // Where the newest names nothing else, what the release names is what is wrong.
    let (status, told) = world.verify_among(&releases[..1], &[]).await;
    let result = &told["results"][0];
    assert_ne!(status, 0, "{told:#}");
    assert!(result["source"].is_null(), "{result:#}");
    assert!(result.to_string().contains("o/former"), "{result:#}");
}
