//! Whole collections, over folders that a test fills.

use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::Timestamp;

use super::*;
use crate::farm::queue::{AtOnce, Holder, LEASE_DEADLINE, NewBatch, NewJob, Urgency};
use crate::farm::{Reservation, process};
use crate::model::{Batch, ResultRecord, Sha256Digest};
use crate::store::Database;

/// Longer than the configured time.
const LONG_AGO: Duration = Duration::from_secs(100_000);

/// A data folder and a results folder.
struct Farm {
    folder: tempfile::TempDir,
    places: Places,
}

impl Farm {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp");
        let data = folder.path().join("data");
        let definitions = folder.path().join("images");
        fs::create_dir_all(folder.path().join("results/night/logs")).expect("folder");
        fs::create_dir_all(&definitions).expect("folder");
        fs::write(
            definitions.join("demo.toml"),
            "suite = \"trixie\"\nepoch = 1\npackages = []\n",
        )
        .expect("write");
        let database = Database::at_file(&data.join("remint.db"))
            .await
            .expect("database");
        let places = Places {
            blobs: Blobs::open(&data.join("blobs")).expect("blobs"),
            images: Images::open(&definitions, &data.join("images")).expect("images"),
            queue: Queue::open(database, LEASE_DEADLINE).await.expect("queue"),
            results: folder.path().join("results"),
            engine: None,
            data,
        };
        Self { places, folder }
    }

    /// A blob that was last used so long ago.
    async fn blob(&self, content: &str, ago: Duration) -> PathBuf {
        let blobs = &self.places.blobs;
        let path = blobs.put(content.as_bytes()).await.expect("put").path;
        age(&path, ago);
        path
    }

    /// What a batch's `results.json` holds.
    fn results(&self, records: Vec<ResultRecord>) {
        let mut batch = Batch::begin(Timestamp::UNIX_EPOCH);
        batch.results = records;
        let text = serde_json::to_vec(&batch).expect("json");
        fs::write(self.folder.path().join("results/night/results.json"), text).expect("write");
    }

    async fn collect(&self, config: DiskConfig, dry_run: bool) -> Vec<Outcome> {
        collect(&self.places, &config, dry_run)
            .await
            .expect("collects")
    }
}

fn age(path: &Path, ago: Duration) {
    File::open(path)
        .and_then(|file| file.set_times(FileTimes::new().set_modified(SystemTime::now() - ago)))
        .expect("set the time");
}

fn record(names: &Sha256Digest, log: Option<&str>) -> ResultRecord {
    let mut record =
        crate::farm::testing::record("pkg:npm/a@1.0.0", crate::farm::testing::unsupported());
    record.plan_hash = Some(*names);
    record.log = log.map(str::to_owned);
    record
}

/// No room at all: everything that may go goes.
fn nothing() -> DiskConfig {
    let none = Some(ByteSize::b(0));
    DiskConfig {
        blobs: none,
        metadata: none,
        git: none,
        images: none,
        logs: none,
        ..DiskConfig::default()
    }
}

#[tokio::test]
async fn what_a_record_names_or_a_job_has_just_used_stays_and_the_rest_goes() {
    let farm = Farm::new().await;
    let named = farm.blob("named by results.json", LONG_AGO).await;
    let reported = farm.blob("named by a report on its way", LONG_AGO).await;
    let kept = farm.blob("named by the list of toolchains", LONG_AGO).await;
    let fresh = farm
        .blob("stored a minute ago", Duration::from_secs(60))
        .await;
    let again = farm.blob("stored again", LONG_AGO).await;
    farm.places.blobs.put(b"stored again").await.expect("put");
    let asked = farm.blob("asked for", LONG_AGO).await;
    let found = farm.places.blobs.get(&Sha256Digest::of("asked for")).await;
    assert!(found.expect("no bucket").is_some());
    let gone = farm.blob("nobody's", LONG_AGO).await;
    let left = farm.places.data.join("blobs/.incoming-x");
    fs::write(&left, "what a killed process left").expect("write");
    age(&left, LONG_AGO);
    farm.results(vec![record(
        &Sha256Digest::of("named by results.json"),
        None,
    )]);
    let write = |name: &str, digest: &str| {
        let path = farm.places.data.join(name);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        let text = format!("{{\"x\":\"sha256:{}\"}}", Sha256Digest::of(digest));
        fs::write(path, text).expect("write");
    };
    write("spool/x.json", "named by a report on its way");
    write("toolchains.json", "named by the list of toolchains");

    let would = farm.collect(nothing(), true).await;
    assert!(gone.exists(), "a dry run removes nothing");
    let did = farm.collect(nothing(), false).await;
    assert_eq!(would, did, "a dry run says what would go");
    for path in [named, reported, kept, fresh, again, asked] {
        assert!(path.exists(), "{}", path.display());
    }
    assert!(!gone.exists() && !left.exists());
    let blobs = did[0];
    assert_eq!(
        (blobs.live.count, blobs.in_use.count, blobs.freed.count),
        (3, 3, 2)
    );
    assert!(blobs.above_limit() > 0, "what must stay is told of");
}

#[tokio::test]
async fn what_a_record_of_the_queue_names_stays() {
    let farm = Farm::new().await;
    let named = farm.blob("named in the queue", LONG_AGO).await;
    let gone = farm.blob("nobody's", LONG_AGO).await;
    let queue = &farm.places.queue;
    let job = NewJob {
        purl: "pkg:npm/a@1.0.0".parse().expect("valid"),
        host: String::new(),
        rank: 0,
        reservation: Reservation::default(),
    };
    let batch = NewBatch {
        id: "night".into(),
        title: "night".into(),
        created: Timestamp::now(),
        urgency: Urgency::Bulk,
        weight: 1,
        settings: "{}".into(),
    };
    queue.add(&batch, &[job], &[]).await.expect("add");
    let holder = Holder {
        worker: "one".into(),
        name: "one".into(),
        machine: "machine".into(),
        process: process::own(),
        capacity: Reservation::default(),
        slots: 1,
    };
    let leased = queue
        .lease(&holder, 1, None, &AtOnce::default())
        .await
        .expect("lease");
    let records = [record(&Sha256Digest::of("named in the queue"), None)];
    queue
        .finish(&leased[0], &records, true, 0.5)
        .await
        .expect("finish");
    farm.collect(nothing(), false).await;
    assert!(named.exists() && !gone.exists());
}

#[tokio::test]
async fn a_text_that_cannot_be_read_ends_it_before_anything_is_removed() {
    let farm = Farm::new().await;
    let gone = farm.blob("nobody's", LONG_AGO).await;
    let text = farm.places.results.join("night/results.json");
    fs::write(&text, "{\"results\":[").expect("write");
    let error = collect(&farm.places, &nothing(), false)
        .await
        .expect_err("cut off");
    assert!(error.to_string().contains("night/results.json"), "{error}");
    assert!(gone.exists());
    fs::remove_file(&text).expect("remove");
    // A log without its keys cannot be read: what it names is not known.
    fs::create_dir_all(farm.places.data.join("log")).expect("folder");
    fs::write(farm.places.data.join("log/checkpoint"), "x").expect("write");
    assert!(collect(&farm.places, &nothing(), false).await.is_err());
    assert!(gone.exists());
    let elsewhere = Places {
        results: farm.folder.path().join("no such folder"),
        ..farm.places.clone()
    };
    let error = collect(&elsewhere, &nothing(), false)
        .await
        .expect_err("no results");
    assert!(error.to_string().contains("--results-dir"), "{error}");
    assert!(gone.exists());
}

#[tokio::test]
async fn logs_go_by_name_and_image_archives_by_lock_file_and_records() {
    let farm = Farm::new().await;
    let log = |name: &str| {
        let path = farm.places.results.join("night/logs").join(name);
        fs::write(&path, "$ make\n").expect("write");
        age(&path, LONG_AGO);
        path
    };
    let (shown, other) = (log("a-1.0.tgz.1.log"), log("a-1.0.tgz.2.log"));
    let archive = |name: &str| {
        let path = farm.places.data.join("images").join(name);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(&path, "tar").expect("write");
        age(&path, LONG_AGO);
        path
    };
    let of = |name: &str| archive(&format!("{}.tar", Sha256Digest::of(name)));
    let (locked, named, old) = (of("locked"), of("named"), of("old"));
    let killed = archive(".archive-x");
    let lock = format!(
        "[image.demo]\nid = \"sha256:{0}\"\nlayer = \"{0}\"\npackages = []\n",
        Sha256Digest::of("locked")
    );
    fs::write(farm.folder.path().join("images/images.lock"), lock).expect("write");
    farm.results(vec![record(
        &Sha256Digest::of("named"),
        Some("logs/a-1.0.tgz.1.log"),
    )]);
    farm.collect(nothing(), false).await;
    assert!(shown.exists() && locked.exists() && named.exists());
    assert!(!other.exists() && !old.exists() && !killed.exists());
}

#[tokio::test]
async fn without_a_limit_nothing_goes() {
    let farm = Farm::new().await;
    let old = farm.blob("nobody's", LONG_AGO).await;
    let outcomes = farm.collect(DiskConfig::default(), false).await;
    assert!(old.exists());
    assert!(outcomes.iter().all(|outcome| outcome.freed.count == 0));
}

#[tokio::test]
async fn where_a_bucket_has_a_blob_the_folders_may_go_although_a_record_names_it() {
    let mut farm = Farm::new().await;
    let before = farm.blob("from before the bucket", LONG_AGO).await;
    farm.places.blobs = farm
        .places
        .blobs
        .clone()
        .behind(Some(crate::store::bucket_in_memory()));
    let shared = farm.blob("shared", LONG_AGO).await;
    farm.results(vec![
        record(&Sha256Digest::of("from before the bucket"), None),
        record(&Sha256Digest::of("shared"), None),
    ]);
    farm.collect(nothing(), false).await;
    assert!(before.exists() && !shared.exists());
    let again = farm.places.blobs.get(&Sha256Digest::of("shared")).await;
    assert_eq!(again.expect("reads"), Some(shared));
}
