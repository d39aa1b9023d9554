//! Other people's verifiers take what remint writes, and refuse it with one byte
//! changed, with another key, and about another file. `.ci/verifiers` installs them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::attest::{Ed25519Key, KeyFile, Keys, PublicKey, link_key_id};
use remint::model::{
    ArtifactKind, ArtifactSummary, Differs, ResultRecord, Sha256Digest, Sha512Digest, Verdict,
};
use remint::trust::{Folders, Ledger, Reader, Record, public_files};
use serde_json::{Value, json};

/// A store with one verdict of each kind that has predicates of its own.
struct Store {
    keys: Arc<Keys>,
    /// Every record.
    records: Vec<Record>,
    trusted_root: String,
}

fn verdict(artifact: &[u8], verdict: Verdict) -> ResultRecord {
    ResultRecord {
        purl: "pkg:npm/demo@1.0.0".parse().expect("valid"),
        artifact: Some(ArtifactSummary {
            name: "demo-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(artifact),
            sha512: Sha512Digest::of(artifact),
            size: 1,
            published_at: None,
        }),
        verdict,
        source: None,
        plan_hash: None,
        recipe: Some("recipe".into()),
        image: None,
        phases: vec![],
        served: vec![],
        candidates: vec![],
        untried: 0,
        started: "2026-01-01T00:00:00Z".parse().expect("valid"),
        millis: 1,
        remint_version: "0".into(),
        log: None,
        attestation: None,
    }
}

impl Store {
    fn new() -> Self {
        let data = tempfile::tempdir().expect("temp");
        let keys = Arc::new(Keys {
            attest: Arc::new(KeyFile::generate().expect("key")),
            link: Ed25519Key::generate(),
            log: Ed25519Key::generate(),
        });
        let folders = Folders::below(data.path());
        for (name, pem) in [
            ("attest", keys.attest.public_key().pem().to_owned()),
            ("link", keys.link.public_key().pem().expect("encodes")),
            ("log", keys.log.public_key().pem().expect("encodes")),
        ] {
            let path = folders.keys.join(format!("{name}.pub"));
            remint::store::write_durably(&path, pem.as_bytes()).expect("written");
        }
        let ledger = Ledger::open(folders.clone(), "log.example", keys.clone()).expect("opens");
        let differs = Differs {
            published: Sha256Digest::of(b"d"),
            rebuilt: Sha256Digest::of(b"y"),
            differences: vec![],
            omitted: 3,
            causes: vec![],
            equivalence: None,
        };
        let reproduced = Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![],
        };
        let different = Verdict::Different {
            comparison: Box::new(differs),
        };
        let mut records = ledger.attest(&verdict(b"x", reproduced)).expect("stored");
        records.extend(ledger.attest(&verdict(b"d", different)).expect("stored"));
        let reader = Reader::open(folders).expect("opens");
        let trusted_root = public_files(&reader, "log.example")
            .expect("reads")
            .into_iter()
            .find(|(name, _)| name == "trusted_root.json")
            .expect("there")
            .1;
        Self {
            keys,
            records,
            trusted_root,
        }
    }

    fn bundles(&self) -> Vec<String> {
        self.records.iter().map(|r| r.bundle.to_json()).collect()
    }

    fn key(&self) -> &PublicKey {
        self.keys.attest.public_key()
    }

    fn link(&self) -> String {
        self.records[0].link.as_ref().expect("reproduced").to_json()
    }
}

/// The folder that `.ci/verifiers` fills.
fn verifiers() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers");
    assert!(
        folder.join("node_modules").is_dir() && folder.join("python").is_dir(),
        "other people's verifiers are not installed; run `bash .ci/verifiers`"
    );
    folder
}

/// Runs a verifier over cases, and returns its line for each.
fn run(program: &str, script: &str, modules: &Path, cases: &[Value]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join("cases.json");
    std::fs::write(&path, json!(cases).to_string()).expect("write");
    let output = Command::new(program)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/verifiers")
                .join(script),
        )
        .args([modules, &path])
        .output()
        .expect("the program is installed");
    let lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(lines.len(), cases.len(), "{errors}");
    lines
}

/// The payload changed by one character, with the rest as it was.
fn forged(bundle: &str) -> String {
    let mut value: Value = serde_json::from_str(bundle).expect("JSON");
    let payload = value["dsseEnvelope"]["payload"].as_str().expect("there");
    let text = String::from_utf8(BASE64.decode(payload).expect("base64")).expect("UTF-8");
    let changed = text.replacen("demo-1.0.0", "demo-1.0.1", 1);
    assert_ne!(text, changed);
    value["dsseEnvelope"]["payload"] = json!(BASE64.encode(changed));
    value.to_string()
}

fn assert_refused(lines: &[String], what: &str) {
    for line in lines {
        assert!(line.starts_with("refused"), "{what}: {line}");
    }
}

#[test]
fn npms_verifier_takes_every_bundle_and_refuses_what_was_changed() {
    let store = Store::new();
    let modules = verifiers();
    let case = |bundle: &str, root: &str, key: &PublicKey| {
        json!({
            "bundle": bundle,
            "root": root,
            "key": BASE64.encode(key.der()),
            // The hint that the bundle carries, whatever key stands behind it.
            "keyId": store.key().id(),
        })
    };
    let ask = |cases: Vec<Value>| run("node", "npm.cjs", &modules, &cases);
    let plain = |bundle: &String| case(bundle, &store.trusted_root, store.key());
    let good = ask(store.bundles().iter().map(plain).collect());
    assert_eq!(good, vec!["ok"; store.records.len()]);

    let changed: Vec<String> = store.bundles().iter().map(|b| forged(b)).collect();
    assert_refused(
        &ask(changed.iter().map(plain).collect()),
        "a changed payload",
    );

    let stranger = KeyFile::generate().expect("key");
    use remint::attest::Signer as _;
    let wrong_key = store
        .bundles()
        .iter()
        .map(|bundle| case(bundle, &store.trusted_root, stranger.public_key()))
        .collect();
    assert_refused(&ask(wrong_key), "another key");

    // Each bundle with the log entry of the next: about another statement.
    let mut entries: Vec<_> = store
        .records
        .iter()
        .map(|record| record.bundle.entries()[0].clone())
        .collect();
    entries.rotate_left(1);
    let crossed = store
        .records
        .iter()
        .zip(entries)
        .map(|(record, entry)| plain(&record.bundle.clone().with_entry(entry).to_json()))
        .collect();
    assert_refused(&ask(crossed), "another's log entry");

    let other_log = Store::new().trusted_root;
    let wrong_log = store
        .bundles()
        .iter()
        .map(|bundle| case(bundle, &other_log, store.key()))
        .collect();
    assert_refused(&ask(wrong_log), "another log's key");
}

#[test]
fn securesystemslib_takes_every_envelope_and_refuses_what_was_changed() {
    use remint::attest::Signer as _;
    let store = Store::new();
    let modules = verifiers().join("python");
    let ask = |cases: Vec<Value>| run("python3", "python.py", &modules, &cases);
    let case = |bundle: &str, key: &PublicKey| json!({"bundle": bundle, "key": key.pem()});
    let bundles = store.bundles();
    let good = ask(bundles.iter().map(|b| case(b, store.key())).collect());
    assert_eq!(good, vec!["ok"; store.records.len()]);
    let changed = bundles
        .iter()
        .map(|b| case(&forged(b), store.key()))
        .collect();
    assert_refused(&ask(changed), "a changed payload");
    let stranger = KeyFile::generate().expect("key");
    let wrong_key = bundles
        .iter()
        .map(|b| case(b, stranger.public_key()))
        .collect();
    assert_refused(&ask(wrong_key), "another key");
}

#[test]
fn in_toto_takes_the_link_and_refuses_what_was_changed() {
    let store = Store::new();
    let modules = verifiers().join("python");
    let key = store.keys.link.public_key();
    let case = |link: &str, key: &remint::attest::Ed25519PublicKey| {
        json!({
            "link": link,
            "key": key.pem().expect("encodes"),
            "keyId": link_key_id(&store.keys.link.public_key()),
        })
    };
    let link = store.link();
    let stranger = Ed25519Key::generate().public_key();
    let other_file = link.replace(
        &Sha256Digest::of(b"x").to_string(),
        &Sha256Digest::of(b"y").to_string(),
    );
    let lines = run(
        "python3",
        "python.py",
        &modules,
        &[
            case(&link, &key),
            case(&link.replace("demo-1.0.0", "demo-1.0.1"), &key),
            case(&other_file, &key),
            case(&link, &stranger),
        ],
    );
    assert_eq!(lines[0], "ok");
    assert_refused(&lines[1..], "a changed link or another key");
}
