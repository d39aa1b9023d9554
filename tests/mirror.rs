//! The mirror over its real socket, in front of a registry on loopback: what a
//! build sees, what it is refused, and what is recorded.

#[path = "support/registry.rs"]
mod registry;

use std::path::Path;
use std::sync::Arc;

use registry::FakeRegistry;
use remint::mirror::{Mirror, MirrorSession, View};
use remint::model::{Digest, RegistryConfig, Sha256Digest, Yanked};
use remint::registry::Registries;
use remint::store::Blobs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

async fn session(upstream: &FakeRegistry, folder: &Path, cutoff: Option<&str>) -> MirrorSession {
    session_of(upstream, folder, cutoff, View::default()).await
}

/// The same, while a lock file names these releases.
async fn session_holding(
    upstream: &FakeRegistry,
    folder: &Path,
    cutoff: Option<&str>,
    held: &[&str],
) -> MirrorSession {
    let held = held
        .iter()
        .map(|purl| purl.parse().expect("valid"))
        .collect();
    let view = View {
        held,
        ..View::default()
    };
    session_of(upstream, folder, cutoff, view).await
}

/// The same, with what this view says beside.
async fn session_of(
    upstream: &FakeRegistry,
    folder: &Path,
    cutoff: Option<&str>,
    view: View,
) -> MirrorSession {
    let config = RegistryConfig {
        cargo: Some(upstream.index().parse().expect("an address")),
        npm: Some(upstream.address().parse().expect("an address")),
        pypi: Some(upstream.address().parse().expect("an address")),
        ..Default::default()
    };
    let blobs = Blobs::open(&folder.join("blobs")).expect("blobs");
    let registries =
        Registries::open(&config, blobs, &folder.join("metadata")).expect("registries");
    let view = View {
        cutoff: cutoff.map(|time| time.parse().expect("a time")),
        refuse: vec!["pkg:cargo/demo@1.0.0".parse().expect("valid")],
        refuse_content: vec![Digest::Sha256(Sha256Digest::of(b"the published bytes"))],
        ..view
    };
    Mirror::new(Arc::new(registries))
        .serve(view, &folder.join("mirror.sock"))
        .await
        .expect("it listens")
}

/// Status and body of one request.
async fn get(session: &MirrorSession, path: &str) -> (u16, Vec<u8>) {
    let mut stream = UnixStream::connect(session.socket())
        .await
        .expect("it answers");
    let request = format!("GET {path} HTTP/1.1\r\nHost: mirror\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("read");
    let end = answer
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .expect("a status");
    (status, answer[end + 4..].to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_release_under_test_is_neither_listed_nor_handed_out() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish("demo", "1.0.0", b"the published bytes");
    let session = session(&upstream, folder.path(), None).await;
    let path = "/cargo/dl/demo/1.0.0/download";
    let (status, body) = get(&session, path).await;
    assert_eq!(status, 403, "{}", String::from_utf8_lossy(&body));
    assert_eq!(get(&session, "/cargo/index/de/mo/demo").await.0, 404);
    assert_eq!(session.refused(), [path]);
    assert!(session.served().is_empty(), "{:?}", session.served());
    session.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bytes_under_test_are_not_handed_out_under_another_version_or_name() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish("demo", "1.0.1", b"the published bytes");
    upstream.publish("twin", "1.0.0", b"the published bytes");
    upstream.publish("other", "1.0.0", b"other bytes");
    let session = session(&upstream, folder.path(), None).await;
    let paths = ["demo/1.0.1", "twin/1.0.0"].map(|of| format!("/cargo/dl/{of}/download"));
    for path in &paths {
        assert_eq!(get(&session, path).await.0, 403, "{path}");
    }
    assert_eq!(session.refused(), paths);
    assert!(session.served().is_empty(), "{:?}", session.served());
    assert_eq!(get(&session, "/cargo/dl/other/1.0.0/download").await.0, 200);
    session.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_packages_name_is_asked_of_no_registry() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish("demo", "1.0.0", b"the published bytes");
    let asked = upstream.asked();
    let session = session(&upstream, folder.path(), None).await;
    let elsewhere = upstream.index();
    let outside = elsewhere.trim_start_matches("sparse+http://");
    for path in [
        format!("/npm/http:{outside}/-/demo-1.0.0.tgz"),
        format!("/npm/http:{}", outside.replace('/', "%5C")),
        "/npm/demo%23x/-/demo-1.0.0.tgz".to_owned(),
        "/npm/demo%3Fx/-/demo-1.0.0.tgz".to_owned(),
        "/cargo/dl/%5C%5C127.0.0.1/1.0.0/download".to_owned(),
        "/cargo/dl/..%2F..%2Fdemo/1.0.0/download".to_owned(),
        "/cargo/index/de/mo/demo%23x".to_owned(),
        "/pypi/files/demo%23x/demo.tgz".to_owned(),
    ] {
        assert_eq!(get(&session, &path).await.0, 404, "{path}");
    }
    assert_eq!(upstream.asked(), asked);
    assert!(session.served().is_empty(), "{:?}", session.served());
    session.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_release_is_handed_out_whole_and_recorded_with_its_digest() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish("other", "1.0.0", b"a dependency");
    let session = session(&upstream, folder.path(), None).await;
    let (status, body) = get(&session, "/cargo/dl/other/1.0.0/download").await;
    assert_eq!((status, &body[..]), (200, &b"a dependency"[..]));
    let served = session.served();
    assert_eq!(served.len(), 1);
    assert_eq!(served[0].sha256, Sha256Digest::of(b"a dependency"));
    assert!(served[0].is_package);
    session.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_have_the_indexs_digest_is_not_handed_on() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish_with_digest_of("other", "1.0.0", b"swapped", b"a dependency");
    let session = session(&upstream, folder.path(), None).await;
    let (status, body) = get(&session, "/cargo/dl/other/1.0.0/download").await;
    assert_eq!(status, 502);
    assert!(!body.windows(7).any(|w| w == b"swapped"));
    assert!(session.served().is_empty());
    session.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_after_the_cut_off_is_not_there_yet() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    // The fake registry says that everything was published at the turn of 2026.
    upstream.publish("other", "1.0.0", b"a dependency");
    for (cutoff, status) in [("2026-01-01T00:00:00Z", 200), ("2025-12-31T23:59:59Z", 404)] {
        let place = folder.path().join(status.to_string());
        std::fs::create_dir(&place).expect("mkdir");
        let session = session(&upstream, &place, Some(cutoff)).await;
        assert_eq!(
            get(&session, "/cargo/index/ot/he/other").await.0,
            status,
            "{cutoff}"
        );
        assert_eq!(
            get(&session, "/cargo/dl/other/1.0.0/download").await.0,
            status,
            "{cutoff}"
        );
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yanked_version_is_shown_as_yanked_unless_the_plan_takes_that_back() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    upstream.publish_yanked("other", "1.0.0", b"a dependency");
    for (yanked, told) in [(Yanked::Today, true), (Yanked::Restored, false)] {
        let place = folder.path().join(told.to_string());
        std::fs::create_dir(&place).expect("mkdir");
        let view = View {
            yanked,
            ..View::default()
        };
        let session = session_of(&upstream, &place, None, view).await;
        let (status, line) = get(&session, "/cargo/index/ot/he/other").await;
        assert_eq!(status, 200);
        let line: serde_json::Value = serde_json::from_slice(&line).expect("a line of the index");
        // All else stays, the checksum before all.
        let checksum = Sha256Digest::of(b"a dependency").to_string();
        assert_eq!(
            (&line["yanked"], &line["cksum"]),
            (&told.into(), &checksum.into())
        );
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_file_holds_is_not_there_in_a_newer_version_that_would_do() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    let held = ["pkg:cargo/other@1.0.0"];
    // Another line of versions is another package to cargo.
    for (version, status) in [("1.0.0", 200), ("1.1.0", 404), ("2.0.0", 200)] {
        upstream.publish("other", version, b"a dependency");
        let place = folder.path().join(version);
        std::fs::create_dir(&place).expect("mkdir");
        let session = session_holding(&upstream, &place, None, &held).await;
        let (listed, _) = get(&session, "/cargo/index/ot/he/other").await;
        let crate_file = format!("/cargo/dl/other/{version}/download");
        let (handed_out, _) = get(&session, &crate_file).await;
        assert_eq!((listed, handed_out), (status, status), "{version}");
        session.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_answered_and_does_not_stop_the_mirror() {
    let folder = tempfile::tempdir().expect("temp");
    let upstream = FakeRegistry::start().await;
    let session = session(&upstream, folder.path(), None).await;
    for path in [
        "/",
        "/%",
        "/%ff",
        "/cargo/index/../../etc/passwd",
        "/npm/..%2f..%2fx",
        "/pypi/simple/%00/",
        "/gem/x",
    ] {
        let (status, _) = get(&session, path).await;
        assert_eq!(status, 404, "{path}");
    }
    assert!(!session.lacked_a_tarball());
    let gone = "/npm/demo/-/demo-9.9.9.tgz";
    assert_eq!(get(&session, gone).await.0, 404);
    assert!(session.lacked_a_tarball());
    assert_eq!(get(&session, "/cargo/index/config.json").await.0, 200);
    session.stop().await;
}
