//! Every signed verdict's statement fits the published schema, and says what it is.

use serde_json::Value;

use super::*;
use crate::model::{
    ArtifactKind, ArtifactSummary, BuildFailure, BuildStage, Differs, Equivalence, Sha256Digest,
    Sha512Digest, Verdict,
};

const SCHEMA: &str = include_str!("../../docs/rebuild-result-v1.schema.json");

fn record(verdict: Verdict) -> ResultRecord {
    ResultRecord {
        purl: "pkg:npm/demo@1.0.0".parse().expect("valid"),
        artifact: Some(ArtifactSummary {
            name: "demo-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(b"x"),
            sha512: Sha512Digest::of(b"x"),
            size: 1,
            published_at: None,
        }),
        verdict,
        source: None,
        plan_hash: None,
        recipe: None,
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

fn differs() -> Differs {
    Differs {
        published: Sha256Digest::of(b"x"),
        rebuilt: Sha256Digest::of(b"y"),
        differences: vec![],
        omitted: 3,
        causes: vec![],
        equivalence: None,
    }
}

fn signed_verdicts() -> Vec<Verdict> {
    vec![
        Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![],
        },
        Verdict::Equivalent {
            comparison: Box::new(Differs {
                equivalence: Some(Equivalence {
                    sha256: Sha256Digest::of(b"z"),
                    applied: vec![],
                }),
                ..differs()
            }),
        },
        Verdict::Different {
            comparison: Box::new(differs()),
        },
        Verdict::BuildFailed {
            stage: BuildStage::Build,
            failure: BuildFailure::OutOfMemory { limit_mib: 1 },
        },
        Verdict::SourceNotFound { reason: "x".into() },
        Verdict::Unsupported { reason: "x".into() },
    ]
}

#[test]
fn every_signed_verdict_fits_the_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let properties = schema["properties"].as_object().expect("an object");
    for verdict in signed_verdicts() {
        let predicate = statement(&record(verdict)).expect("signed").predicate;
        let fields = predicate.as_object().expect("an object");
        for name in schema["required"].as_array().expect("a list") {
            let name = name.as_str().expect("a name");
            assert!(
                fields.contains_key(name),
                "{name} is missing: {predicate:#}"
            );
        }
        for name in fields.keys() {
            assert!(properties.contains_key(name), "{name} is not in the schema");
        }
        let allowed = properties["verdict"]["enum"].as_array().expect("a list");
        assert!(allowed.contains(&predicate["verdict"]), "{predicate:#}");
    }
}

#[test]
fn npm_subjects_carry_both_digests() {
    let verdict = signed_verdicts().remove(0);
    let statement = statement(&record(verdict)).expect("signed");
    let digest = &statement.subject[0]["digest"];
    assert_eq!(digest["sha256"], Sha256Digest::of(b"x").to_string());
    assert_eq!(digest["sha512"], Sha512Digest::of(b"x").to_string());
}

#[test]
fn an_infra_error_and_a_record_without_a_file_are_not_signed() {
    let infra = record(Verdict::InfraError { reason: "x".into() });
    assert!(matches!(statement(&infra), Err(Error::NotSigned(_))));
    let mut nothing = record(Verdict::Unsupported { reason: "x".into() });
    nothing.artifact = None;
    assert!(matches!(statement(&nothing), Err(Error::NoSubject)));
}

#[test]
fn an_attestation_is_kept_and_verifies() {
    let data = tempfile::tempdir().expect("temp");
    let signer = KeyFile::open(&data.path().join("keys")).expect("key");
    for verdict in signed_verdicts() {
        let record = record(verdict);
        let path = attest(&record, &signer, data.path()).expect("kept");
        let text = std::fs::read_to_string(data.path().join(path)).expect("there");
        let said = verify(&text, &signer.public_key_pem()).expect("holds");
        assert_eq!(said.predicate["verdict"], record.verdict.kind().name());
    }
}
