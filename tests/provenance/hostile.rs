//! Bytes that no honest registry sends: nothing panics, and nothing is believed that was
//! not signed.

use remint::model::ArtifactKind;
use remint::provenance::Attestations;
use serde_json::{Value, json};

use crate::sigstore::{Build, Sigstore, slsa};
use crate::{fetched, of_npm, sha512};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Every so many bytes one is changed: some thousand mutants of a bundle.
const STRIDE: usize = 7;

fn situation() -> (tempfile::TempDir, Attestations, Value) {
    let sigstore = Sigstore::new();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("trusted_root.json");
    std::fs::write(&root, sigstore.trusted_root()).expect("write");
    let build = Build::of("o/r", COMMIT);
    let statement = slsa(&sha512(), &build.repository, COMMIT);
    let bundle = sigstore.bundle(&build, &statement);
    let opened = Attestations::open(Some(&root)).expect("opens");
    (folder, opened, bundle)
}

#[test]
fn no_changed_byte_of_a_bundle_makes_another_source_of_it() {
    let (_folder, attestations, bundle) = situation();
    let file = fetched(ArtifactKind::NpmTarball);
    let text = bundle.to_string();
    let honest = attestations.examine(&[of_npm(&bundle)], &file).verified;
    assert!(honest.is_some());
    let mut refused = 0;
    for at in (0..text.len()).step_by(STRIDE) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let mut published = of_npm(&bundle);
        published.bundle = String::from_utf8_lossy(&bytes).into_owned();
        match attestations.examine(&[published], &file).verified {
            None => refused += 1,
            // What nothing signs, such as the name of an optional field.
            found => assert_eq!(found, honest, "byte {at}"),
        }
    }
    assert!(refused > text.len() / STRIDE / 2, "{refused} refused");
}

#[test]
fn a_bundle_cut_short_anywhere_is_refused() {
    let (_folder, attestations, bundle) = situation();
    let file = fetched(ArtifactKind::NpmTarball);
    let text = bundle.to_string();
    for at in (0..text.len()).step_by(STRIDE) {
        let mut published = of_npm(&bundle);
        published.bundle = text.chars().take(at).collect();
        let findings = attestations.examine(&[published], &file);
        assert_eq!(
            (findings.verified, findings.doubts.len()),
            (None, 1),
            "{at}"
        );
    }
}

#[test]
fn odd_shapes_are_refused_with_a_short_reason_that_steers_no_terminal() {
    let (_folder, attestations, bundle) = situation();
    let file = fetched(ArtifactKind::NpmTarball);
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let mut odd = vec![
        json!(null).to_string(),
        json!([]).to_string(),
        deep,
        json!({"mediaType": "x".repeat(100_000)}).to_string(),
        json!({"mediaType": "\u{1b}[31mred\u{202e}"}).to_string(),
    ];
    let changes: [(&str, Value); 9] = [
        (
            "/verificationMaterial/tlogEntries/0/logIndex",
            json!("99999999999999999999"),
        ),
        ("/verificationMaterial/tlogEntries/0/logIndex", json!("-1")),
        (
            "/verificationMaterial/tlogEntries/0/integratedTime",
            json!("9223372036854775807"),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/treeSize",
            json!("18446744073709551615"),
        ),
        (
            "/verificationMaterial/tlogEntries/0/inclusionProof/treeSize",
            json!("0"),
        ),
        (
            "/verificationMaterial/tlogEntries/0/canonicalizedBody",
            json!("AAAA"),
        ),
        (
            "/verificationMaterial/certificate/rawBytes",
            json!("MIIBAA=="),
        ),
        ("/dsseEnvelope/payload", json!("e30=")),
        ("/dsseEnvelope/signatures", json!([])),
    ];
    for (pointer, value) in changes {
        let mut changed = bundle.clone();
        *changed.pointer_mut(pointer).expect(pointer) = value;
        odd.push(changed.to_string());
    }
    for text in odd {
        let mut published = of_npm(&bundle);
        published.bundle.clone_from(&text);
        let findings = attestations.examine(&[published], &file);
        assert_eq!(findings.verified, None, "{text:.200}");
        let [doubt] = &findings.doubts[..] else {
            panic!("one doubt about {text:.200}: {findings:?}");
        };
        assert!(doubt.len() < 600, "{} bytes", doubt.len());
        assert!(!doubt.contains(['\u{1b}', '\u{202e}']), "{doubt:?}");
    }
}

#[test]
fn a_trusted_root_that_is_none_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("root.json");
    let empty = r#"{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    for text in [
        "",
        "{}",
        "[]",
        empty,
        &Sigstore::new().trusted_root()[..500],
    ] {
        std::fs::write(&path, text).expect("write");
        let error = Attestations::open(Some(&path)).err().expect("refused");
        assert!(error.to_string().contains("root.json"), "{error}");
    }
    std::fs::remove_file(&path).expect("removed");
    assert!(Attestations::open(Some(&path)).is_err());
}
