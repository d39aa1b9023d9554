//! A fleet's blobs in a bucket, on a server that speaks S3 and is not ours (moto, which
//! `.ci/verifiers` installs), started here on loopback.

#[path = "support/registry.rs"]
mod registry;
#[path = "support/s3.rs"]
mod s3;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use registry::FakeRegistry;
use remint::model::{Ecosystem, RegistryConfig, Sha256Digest};
use remint::registry::Registries;
use remint::store::{Blobs, Bucket, Error};
use s3::{PATIENCE, Server, bucket_at, free_port};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A wire to a server that lets so many bytes through, and then is dead.
struct Wire {
    port: u16,
    left: Arc<AtomicI64>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    async fn to(server: u16, bytes: i64) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let left = Arc::new(AtomicI64::new(bytes));
        let budget = left.clone();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if budget.load(Ordering::SeqCst) > 0 {
                    tokio::spawn(carry(near, server, budget.clone()));
                }
            }
        });
        Self { port, left, task }
    }
}

/// Carries both ways until one side ends, or the wire is dead.
async fn carry(near: TcpStream, server: u16, left: Arc<AtomicI64>) {
    let far = TcpStream::connect(("127.0.0.1", server))
        .await
        .expect("the server");
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let out = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(count @ 1..) = from_near.read(&mut buffer).await {
            if left.fetch_sub(count as i64, Ordering::SeqCst) <= 0
                || to_far.write_all(&buffer[..count]).await.is_err()
            {
                return;
            }
        }
    };
    let back = tokio::io::copy(&mut from_far, &mut to_near);
    tokio::select! {
        () = out => {}
        _ = back => {}
    }
}

/// Two machines of a fleet, and a folder beside them.
fn machines(bucket: &Bucket) -> (tempfile::TempDir, [Blobs; 2]) {
    let folder = tempfile::tempdir().expect("temp");
    let blobs = ["one", "other"].map(|name| {
        let blobs = Blobs::open(&folder.path().join(name)).expect("opens");
        blobs.behind(Some(bucket.clone()))
    });
    (folder, blobs)
}

fn written(folder: &Path, content: &[u8]) -> PathBuf {
    let path = folder.join("file");
    std::fs::write(&path, content).expect("write");
    path
}

#[tokio::test]
async fn what_one_machine_stores_the_other_gets_small_or_in_parts() {
    let server = Server::start(free_port()).await;
    let bucket = server.bucket();
    bucket.check().await.expect("answers");
    let (_folder, [one, other]) = machines(&bucket);
    // Bytes that no part shares with another: each in its place, or the digest is another.
    let large: Vec<u8> = (0_u32..5_000_000).flat_map(u32::to_le_bytes).collect();
    for content in [b"small".to_vec(), large] {
        let stored = one.put(&content).await.expect("put");
        let again = one.put(&content).await.expect("put again");
        assert_eq!(stored, again);
        let path = other.get(&stored.sha256).await.expect("gets");
        let found = std::fs::read(path.expect("there")).expect("read");
        assert!(found == content, "{} bytes came", found.len());
    }
    assert_eq!(other.in_bucket().await.expect("lists").len(), 2);
    let unknown = Sha256Digest::of("unknown");
    assert_eq!(other.get(&unknown).await.expect("asks"), None);
}

#[tokio::test]
async fn an_object_is_never_replaced_and_one_that_was_changed_is_refused_by_name() {
    let server = Server::start(free_port()).await;
    let bucket = server.bucket();
    let (folder, [one, other]) = machines(&bucket);
    let stored = one.put(b"content").await.expect("put");
    let name = stored.sha256.to_string();
    let key = ["blobs", name.as_str()];
    let wrong = written(folder.path(), b"c0ntent");
    bucket.create(&key, &wrong).await.expect("is there already");
    let path = other
        .get(&stored.sha256)
        .await
        .expect("gets")
        .expect("there");
    assert_eq!(std::fs::read(&path).expect("read"), b"content");

    bucket.replace(&key, &wrong).await.expect("replaces");
    let third = Blobs::open(&folder.path().join("third")).expect("opens");
    let third = third.behind(Some(bucket.clone()));
    let error = third.get(&stored.sha256).await.expect_err("a lie");
    assert!(matches!(error, Error::Lies { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&name) && text.contains("s3://farm/remint/one"),
        "{text}"
    );
    assert!(third.things().expect("lists").is_empty(), "nothing is kept");
}

#[tokio::test]
async fn a_server_that_is_gone_is_the_farms_fault_and_all_goes_on_when_it_is_back() {
    let published = FakeRegistry::start().await;
    published.publish("demo", "1.0.0", b"a crate");
    let purl = "pkg:cargo/demo@1.0.0".parse().expect("valid");
    let addresses = RegistryConfig {
        cargo: Some(published.index().parse().expect("an address")),
        ..RegistryConfig::default()
    };
    let server = Server::start(free_port()).await;
    let bucket = server.bucket();
    let (folder, [one, other]) = machines(&bucket);
    let stored = one.put(b"from before").await.expect("put");
    let port = server.port;
    let metadata = folder.path().join("metadata");
    let registries = Registries::open(&addresses, other.clone(), &metadata).expect("registries");
    drop(server);

    let begun = Instant::now();
    let error = one.put(b"meanwhile").await.expect_err("no server");
    assert!(matches!(error, Error::Bucket { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("s3://farm/remint/one"), "{text}");
    assert!(
        !text.contains("127.0.0.1"),
        "places stay out of records: {text}"
    );
    assert!(
        one.get(&Sha256Digest::of("meanwhile")).await.is_err(),
        "it is not told that there is none"
    );
    assert_eq!(
        one.get(&stored.sha256).await.expect("at hand"),
        Some(stored.path)
    );
    let release = registries.of(Ecosystem::Cargo).release(&purl).await;
    let error = release.expect_err("nothing can be stored");
    assert!(error.is_upstream_fault(), "{error}");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());

    let _server = Server::start(port).await;
    let stored = one.put(b"meanwhile").await.expect("put");
    assert!(other.get(&stored.sha256).await.expect("gets").is_some());
    registries
        .of(Ecosystem::Cargo)
        .release(&purl)
        .await
        .expect("reads");
}

#[tokio::test]
async fn a_server_that_is_lost_in_the_middle_of_a_large_blob_has_nothing_of_it() {
    let server = Server::start(free_port()).await;
    let wire = Wire::to(server.port, 12 << 20).await;
    let (_folder, [one, _]) = machines(&bucket_at(wire.port));
    let (_elsewhere, [other, _]) = machines(&server.bucket());
    let large: Vec<u8> = (0_u32..8_000_000).flat_map(u32::to_le_bytes).collect();
    let digest = Sha256Digest::of(&large);
    let error = one.put(&large).await.expect_err("the wire is dead");
    assert!(matches!(error, Error::Bucket { .. }), "{error}");
    assert!(one.things().expect("lists").is_empty(), "it is not stored");
    assert!(!other.has(&digest).await.expect("asks"), "nor half of it");

    wire.left.store(i64::MAX, Ordering::SeqCst);
    one.put(&large).await.expect("put");
    let found = other.get(&digest).await.expect("gets").expect("there");
    assert!(std::fs::read(found).expect("read") == large);
}
