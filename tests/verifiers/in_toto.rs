//! in-toto from PyPI, and with Debian's package the same script: its library, and its
//! command, which holds a file to a link as a layout asks for it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::attest::{Ed25519Key, Ed25519PublicKey, link_key_id};
use remint::model::Sha256Digest;
use serde_json::{Value, json};

use crate::store::{REPRODUCED, Store};
use crate::{assert_refused, run, verifiers};

/// A case for each way in which a link can be wrong; the first is the good one.
fn cases(case: impl Fn(&str, &Ed25519PublicKey) -> Value, store: &Store) -> Vec<Value> {
    let (link, key) = (store.link(), store.keys.link.public_key());
    let (good, other) = (Sha256Digest::of(REPRODUCED), Sha256Digest::of("y"));
    let other_file = link.replace(&good.to_string(), &other.to_string());
    assert_ne!(link, other_file);
    let stranger = Ed25519Key::generate().public_key();
    vec![
        case(&link, &key),
        case(&link.replace("demo-1.0.0", "demo-1.0.1"), &key),
        case(&other_file, &key),
        case(&link, &stranger),
    ]
}

#[test]
fn in_totos_library_takes_the_link_and_refuses_what_was_changed() {
    let store = Store::new();
    let case = |link: &str, key: &Ed25519PublicKey| {
        json!({
            "link": link,
            "key": key.pem().expect("encodes"),
            "keyId": link_key_id(&store.keys.link.public_key()),
        })
    };
    let modules = verifiers().join("python");
    let lines = run("python3", "python.py", &modules, &cases(case, &store));
    assert_eq!(lines[0], "ok");
    assert_refused(&lines[1..], "a changed link or another key");
}

#[test]
fn in_totos_command_takes_the_published_file_and_refuses_another() {
    let store = Store::new();
    let about = |link: &str, key: &Ed25519PublicKey, file: &[u8]| {
        json!({
            "link": link,
            "key": key.pem().expect("encodes"),
            "keyId": link_key_id(&store.keys.link.public_key()),
            "name": "demo-1.0.0.tgz",
            "file": BASE64.encode(file),
        })
    };
    let mut cases = cases(|link, key| about(link, key, REPRODUCED), &store);
    cases.push(about(&store.link(), &store.keys.link.public_key(), b"y"));
    let modules = verifiers().join("python");
    let lines = run("python3", "in_toto.py", &modules, &cases);
    assert_eq!(lines[0], "ok");
    assert_refused(&lines[1..], "a changed link, another key or another file");
    assert!(lines[4].contains("RuleVerificationError"), "{}", lines[4]);
}
