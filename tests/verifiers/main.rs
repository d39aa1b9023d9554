//! Other people's verifiers take what remint writes, and refuse it with one byte
//! changed, with another key, and about another file; and a gate that is not ours asks
//! the questions of `docs/remint.rego`. `.ci/verifiers` installs them. A file here is a
//! verifier.

#[path = "../support/demo.rs"]
mod demo;
mod in_toto;
#[path = "../support/keys.rs"]
mod keys;
mod npm;
mod rego;
mod securesystemslib;
mod sigstore;
mod store;
mod threshold;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

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

/// The bundle with one byte changed, once in what is signed and once in the signature.
fn changed_envelopes(bundle: &str) -> [String; 2] {
    [
        forged(bundle),
        flipped(bundle, "/dsseEnvelope/signatures/0/sig"),
    ]
}

/// The bundle with one byte changed in its place in the log.
fn changed_entries(bundle: &str) -> [String; 2] {
    let entry = "/verificationMaterial/tlogEntries/0";
    [
        flipped(bundle, &format!("{entry}/canonicalizedBody")),
        flipped(bundle, &format!("{entry}/inclusionProof/hashes/0")),
    ]
}

/// The payload changed by one character, and still a statement.
fn forged(bundle: &str) -> String {
    let mut value: Value = serde_json::from_str(bundle).expect("JSON");
    let payload = value["dsseEnvelope"]["payload"].as_str().expect("there");
    let text = String::from_utf8(BASE64.decode(payload).expect("base64")).expect("UTF-8");
    let changed = text.replacen("demo-1.0.0", "demo-1.0.1", 1);
    assert_ne!(text, changed);
    value["dsseEnvelope"]["payload"] = json!(BASE64.encode(changed));
    value.to_string()
}

/// The bytes behind `pointer` with one bit changed in the middle.
fn flipped(bundle: &str, pointer: &str) -> String {
    let mut value: Value = serde_json::from_str(bundle).expect("JSON");
    let place = value.pointer_mut(pointer).expect("there");
    let mut bytes = BASE64
        .decode(place.as_str().expect("text"))
        .expect("base64");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *place = json!(BASE64.encode(bytes));
    value.to_string()
}

fn assert_refused(lines: &[String], what: &str) {
    for line in lines {
        assert!(line.starts_with("refused"), "{what}: {line}");
    }
}
