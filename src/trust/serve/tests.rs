//! The server over real sockets: every shape that a client asks for.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Options, serve};
use crate::attest::{Bundle, Link};
use crate::model::Sha256Digest;
use crate::trust::tests::{batch, digest, keys, ledger, reproduced};
use crate::trust::{Checkpoint, Folders, Reader, Record};

struct Running {
    data: tempfile::TempDir,
    keys: std::sync::Arc<crate::attest::Keys>,
    address: SocketAddr,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Running {
    async fn new() -> Self {
        let (data, keys) = (tempfile::tempdir().expect("temp"), keys());
        let store = ledger(data.path(), &keys);
        store.append(batch(0..3, &keys)).expect("stored");
        store.attest(&reproduced()).expect("stored");
        let reader = Reader::open(Folders::below(data.path())).expect("opens");
        let options = Options {
            listen: "127.0.0.1:0".parse().expect("valid"),
            access_log: Some(data.path().join("access.log")),
        };
        let listening = serve(reader, options).await.expect("listens");
        let address = listening.address;
        tokio::spawn(listening.run());
        Self {
            data,
            keys,
            address,
        }
    }

    async fn ask(&self, path: &str, headers: &str) -> Answer {
        let mut socket = tokio::net::TcpStream::connect(self.address)
            .await
            .expect("connects");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).await.expect("asks");
        let mut bytes = Vec::new();
        socket.read_to_end(&mut bytes).await.expect("answers");
        let cut = bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .expect("a head");
        let head = String::from_utf8_lossy(&bytes[..cut]).to_lowercase();
        Answer {
            status: head[9..12].parse().expect("a status"),
            head,
            body: bytes[cut + 4..].to_vec(),
        }
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.ask(path, "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.head);
        serde_json::from_slice(&answer.body).expect("JSON")
    }
}

/// The artifact of the reproduced verdict.
fn demo() -> Sha256Digest {
    Sha256Digest::of(b"x")
}

#[tokio::test]
async fn records_are_found_by_digest_and_package_and_verify() {
    let server = Running::new().await;
    let by_digest = server
        .json(&format!("/v1/digest/sha256:{}", digest(1)))
        .await;
    let by_purl = server.json("/v1/purl/pkg:cargo/demo@1.0.0").await;
    assert_eq!(by_digest, by_purl);
    let record: Record = serde_json::from_value(by_digest["records"][0].clone()).expect("a record");
    record
        .bundle
        .verify(server.keys.attest.public_key())
        .expect("holds");
    for missing in [
        format!("/v1/digest/sha256:{}", digest(9)),
        "/v1/purl/pkg:cargo/demo@9.0.0".to_owned(),
        "/nothing".to_owned(),
    ] {
        assert_eq!(server.ask(&missing, "").await.status, 404, "{missing}");
    }
    assert_eq!(server.ask("/v1/digest/md5:00", "").await.status, 400);
}

#[tokio::test]
async fn npms_and_githubs_shapes_hold_the_same_bundles() {
    let server = Running::new().await;
    let npm = server.json("/-/npm/v1/attestations/demo@1.0.0").await;
    let github = server
        .json(&format!("/orgs/o/attestations/sha256:{}", demo()))
        .await;
    let repo = server
        .json(&format!("/repos/o/r/attestations/sha256:{}", demo()))
        .await;
    assert_eq!(github, repo);
    let list = npm["attestations"].as_array().expect("a list");
    assert_eq!(list.len(), 3);
    for (ours, theirs) in list
        .iter()
        .zip(github["attestations"].as_array().expect("a list"))
    {
        assert_eq!(ours["bundle"], theirs["bundle"]);
        let bundle = Bundle::parse(&ours["bundle"].to_string()).expect("reads");
        let said = bundle
            .verify(server.keys.attest.public_key())
            .expect("holds");
        assert_eq!(ours["predicateType"], said.statement.predicate_type);
    }
    let keys = server.json("/-/npm/v1/keys").await;
    let id = server.keys.attest.public_key().id().to_string();
    assert_eq!(keys["keys"][0]["keyid"], id);
    assert_eq!(keys["keys"][0]["scheme"], "ecdsa-sha2-nistp256");
}

#[tokio::test]
async fn rebuilderds_clients_find_the_link_and_its_key() {
    let server = Running::new().await;
    let found = server
        .json("/api/v1/packages/binary?name=demo&version=1.0.0&architecture=all")
        .await;
    let record = &found["records"][0];
    let (build, artifact) = (&record["build_id"], &record["artifact_id"]);
    let link = server
        .json(&format!(
            "/api/v1/builds/{build}/artifacts/{artifact}/attestation"
        ))
        .await;
    let link: Link = serde_json::from_value(link).expect("a link");
    let key = server.json("/api/v1/meta/public-keys").await["current"][0]
        .as_str()
        .expect("PEM")
        .to_owned();
    let key = crate::attest::Ed25519PublicKey::from_pem(&key).expect("reads");
    crate::attest::verify_link(&link.to_json(), &key).expect("holds");
    let nothing = server
        .json("/api/v1/packages/binary?name=other&version=1")
        .await;
    assert_eq!(nothing["records"], serde_json::json!([]));
    let other = server
        .ask("/api/v1/builds/0/artifacts/0/attestation", "")
        .await;
    assert_eq!(other.status, 404);
}

#[tokio::test]
async fn the_logs_files_are_served_and_nothing_else_of_the_disk() {
    let server = Running::new().await;
    let note = server.ask("/checkpoint", "").await;
    let note = String::from_utf8(note.body).expect("UTF-8");
    let checkpoint = Checkpoint::verify(&note, &[server.keys.log.public_key()]).expect("holds");
    let size = checkpoint.size;
    let tile = server.ask(&format!("/tile/0/000.p/{size}"), "").await;
    assert_eq!(tile.body.len() as u64, size * 32);
    assert!(tile.head.contains("immutable"), "{}", tile.head);
    assert_eq!(
        server
            .ask(&format!("/tile/entries/000.p/{size}"), "")
            .await
            .status,
        200
    );
    for bad in [
        "/tile/0/001",
        "/tile/0/../../keys/attest.pub",
        "/tile/%2e%2e/%2e%2e/keys/attest.pub",
        "/tile/0/000.p/0",
        "/tile/64/000",
        "/tile/0/0",
    ] {
        assert_eq!(server.ask(bad, "").await.status, 404, "{bad}");
    }
}

#[tokio::test]
async fn tags_compression_health_metrics_description_and_access_log_work() {
    let server = Running::new().await;
    let path = format!("/v1/digest/sha256:{}", demo());
    let first = server.ask(&path, "").await;
    let tag = first
        .head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .expect("a tag")
        .to_owned();
    let again = server
        .ask(&path, &format!("If-None-Match: {tag}\r\n"))
        .await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let packed = server.ask(&path, "Accept-Encoding: gzip\r\n").await;
    assert!(
        packed.head.contains("content-encoding: gzip"),
        "{}",
        packed.head
    );
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(&packed.body[..]);
    std::io::Read::read_to_end(&mut decoder, &mut plain).expect("unpacks");
    assert_eq!(plain, first.body);

    assert_eq!(server.ask("/healthz", "").await.status, 200);
    let metrics = server.ask("/metrics", "").await;
    let metrics = String::from_utf8(metrics.body).expect("UTF-8");
    assert!(metrics.contains("remint_trust_log_entries 9"), "{metrics}");
    let description = server.json("/openapi.json").await;
    assert!(description["paths"]["/v1/digest/{digest}"].is_object());
    let log = std::fs::read_to_string(server.data.path().join("access.log")).expect("read");
    let line: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    assert_eq!(line["uri"], path);
    assert_eq!(line["from"], "127.0.0.1");
}

#[tokio::test]
async fn what_a_writer_adds_is_served_without_a_restart() {
    let server = Running::new().await;
    let path = format!("/v1/digest/sha256:{}", digest(7));
    assert_eq!(server.ask(&path, "").await.status, 404);
    ledger(server.data.path(), &server.keys)
        .append(batch(7..8, &server.keys))
        .expect("stored");
    for _ in 0..50 {
        if server.ask(&path, "").await.status == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it is not served");
}
