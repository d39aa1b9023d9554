//! What is freed of images: archives, and the engine's copies that remint loaded itself.

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use remint::image::{Images, Kept, Place};
use remint::model::Sha256Digest;
use remint::sandbox::Engine;
use serde_json::json;

/// A folder of definitions that locks one image, whose archive is in the data folder
/// already: an empty layer, and a word that makes it this test's own.
struct Locked {
    folder: tempfile::TempDir,
    images: Images,
    id: Sha256Digest,
}

impl Locked {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp");
        let archives = folder.path().join("archives");
        fs::create_dir(&archives).expect("folder");
        let layer = vec![0_u8; 1024];
        let digest = Sha256Digest::of(&layer);
        let config = json!({
            "architecture": "amd64",
            "config": {"Labels": {"test": folder.path().to_string_lossy()}},
            "os": "linux",
            "rootfs": {"diff_ids": [format!("sha256:{digest}")], "type": "layers"},
        })
        .to_string();
        let id = Sha256Digest::of(&config);
        let manifest = json!([{
            "Config": format!("{id}.json"),
            "Layers": ["layer.tar"],
            "RepoTags": [format!("remint-test:{}", &id.to_string()[..12])],
        }])
        .to_string();
        let archive = File::create(archives.join(format!("{id}.tar"))).expect("archive");
        let mut tar = tar::Builder::new(archive);
        for (name, content) in [
            (format!("{id}.json"), config.as_bytes()),
            ("layer.tar".into(), &layer),
            ("manifest.json".into(), manifest.as_bytes()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, content).expect("append");
        }
        tar.finish().expect("archive");
        let definition = "suite = \"trixie\"\nepoch = 1\npackages = []\n";
        fs::write(folder.path().join("demo.toml"), definition).expect("write");
        let lock =
            format!("[image.demo]\nid = \"sha256:{id}\"\nlayer = \"{digest}\"\npackages = []\n");
        fs::write(folder.path().join("images.lock"), lock).expect("write");
        let images = Images::open(folder.path(), &archives).expect("definitions");
        Self { folder, images, id }
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join(format!("archives/{}.tar", self.id))
    }

    async fn of(&self, engine: &Engine, place: Place) -> Option<Kept> {
        let kept = self.images.kept(Some(engine)).await.expect("lists");
        kept.into_iter().find(|kept| kept.place == place)
    }

    fn engine_has_it(&self) -> bool {
        docker(&["image", "inspect", &format!("sha256:{}", self.id)], None)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        docker(&["rmi", &format!("sha256:{}", self.id)], None);
    }
}

fn docker(arguments: &[&str], input: Option<&Path>) -> bool {
    let input = input.map_or_else(Stdio::null, |path| File::open(path).expect("open").into());
    Command::new("docker")
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("docker")
        .success()
}

fn age(path: &Path) {
    let then = SystemTime::now() - Duration::from_secs(100_000);
    File::open(path)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(then)))
        .expect("set the time");
}

#[tokio::test]
async fn the_engines_copy_of_an_image_that_remint_loaded_goes_unless_it_is_used() {
    let engine = Engine::connect().await.expect("an engine answers");
    let locked = Locked::new();
    locked.images.ensure(&engine, "demo").await.expect("loads");
    let before = locked.of(&engine, Place::Engine).await.expect("loaded");
    assert!(locked.of(&engine, Place::Archive).await.is_some());

    age(&before.thing.path);
    let unused = locked.of(&engine, Place::Engine).await.expect("loaded");
    locked
        .images
        .ensure(&engine, "demo")
        .await
        .expect("is there");
    assert!(
        !locked
            .images
            .remove(Some(&engine), &unused)
            .await
            .expect("looks")
    );
    assert!(locked.engine_has_it(), "it was used since it was listed");

    let container = format!("remint-test-{}", locked.id);
    assert!(docker(
        &[
            "create",
            "--name",
            &container,
            &format!("sha256:{}", locked.id),
            "x"
        ],
        None
    ));
    let unused = locked.of(&engine, Place::Engine).await.expect("loaded");
    assert!(
        !locked
            .images
            .remove(Some(&engine), &unused)
            .await
            .expect("refused")
    );
    assert!(locked.engine_has_it(), "a container is made of it");
    assert!(docker(&["rm", &container], None));

    assert!(
        locked
            .images
            .remove(Some(&engine), &unused)
            .await
            .expect("removes")
    );
    assert!(!locked.engine_has_it());
    assert!(locked.of(&engine, Place::Engine).await.is_none());
    assert!(
        locked.archive().exists(),
        "the archive is a thing of its own"
    );
    locked
        .images
        .ensure(&engine, "demo")
        .await
        .expect("loads again");
}

#[tokio::test]
async fn a_copy_that_somebody_else_loaded_is_not_remints_to_remove() {
    let engine = Engine::connect().await.expect("an engine answers");
    let locked = Locked::new();
    assert!(docker(&["load"], Some(&locked.archive())));
    locked
        .images
        .ensure(&engine, "demo")
        .await
        .expect("is there");
    assert!(locked.of(&engine, Place::Engine).await.is_none());
}
