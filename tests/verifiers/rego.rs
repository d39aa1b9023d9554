//! The Rego sample in `docs/` lets through what was plainly reproduced, and nothing else,
//! under an interpreter that is not ours. `.ci/verifiers` installs that.

use std::path::Path;
use std::process::Command;

use remint::attest::{Statement, statements};
use remint::model::{
    ArtifactKind, ArtifactSummary, Differs, Equivalence, ReplayedFact, ResultRecord, Sha256Digest,
    Sha512Digest, Verdict,
};
use serde_json::{Value, json};

/// What the gate says of each statement.
fn gate(statements: &[Value]) -> Vec<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = root.join("target/verifiers/python");
    assert!(
        modules.join("regopy").is_dir(),
        "the Rego interpreter is not installed; run `bash .ci/verifiers`"
    );
    let folder = tempfile::tempdir().expect("temp");
    let cases = folder.path().join("statements.json");
    std::fs::write(&cases, json!(statements).to_string()).expect("written");
    let output = Command::new("python3")
        .arg(root.join("tests/verifiers/rego.py"))
        .args([&modules, &root.join("docs/remint.rego"), &cases])
        .output()
        .expect("python3 is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<bool> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| line == r#"{"expressions":[true]}"#)
        .collect();
    assert_eq!(lines.len(), statements.len(), "{errors}");
    lines
}

fn of(verdict: Verdict) -> Vec<Statement> {
    let record = ResultRecord {
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
    };
    statements(&record).expect("signed")
}

fn reproduced(replayed: Vec<ReplayedFact>) -> Vec<Statement> {
    of(Verdict::Reproduced {
        sha256: Sha256Digest::of(b"x"),
        recovered: vec![],
        replayed,
    })
}

fn differs(equivalence: Option<Equivalence>) -> Box<Differs> {
    Box::new(Differs {
        published: Sha256Digest::of(b"x"),
        rebuilt: Sha256Digest::of(b"y"),
        differences: vec![],
        omitted: 1,
        causes: vec![],
        equivalence,
    })
}

/// The types of the statements that pass.
fn passed(statements: &[Statement]) -> Vec<&str> {
    let values: Vec<Value> = statements.iter().map(|s| json!(s)).collect();
    let answers = gate(&values).into_iter();
    answers
        .zip(statements)
        .filter(|(passes, _)| *passes)
        .map(|(_, statement)| statement.predicate_type.as_str())
        .collect()
}

#[test]
fn a_plain_reproduction_passes_by_its_result_and_its_svr() {
    let statements = reproduced(vec![]);
    let types = passed(&statements);
    assert_eq!(
        types,
        [
            "urn:remint:rebuild-result:v1",
            "https://in-toto.io/attestation/svr/v0.2"
        ]
    );
}

#[test]
fn nothing_else_passes() {
    let replayed = reproduced(vec![ReplayedFact::GzipHeader {
        mtime: 0,
        xfl: 2,
        os: 3,
    }]);
    assert_eq!(passed(&replayed), Vec::<&str>::new());
    let equivalent = of(Verdict::Equivalent {
        comparison: differs(Some(Equivalence {
            sha256: Sha256Digest::of(b"z"),
            applied: vec![],
        })),
    });
    assert_eq!(passed(&equivalent), Vec::<&str>::new());
    let different = of(Verdict::Different {
        comparison: differs(None),
    });
    assert_eq!(passed(&different), Vec::<&str>::new());
}

#[test]
fn a_summary_passes_only_by_the_store_that_the_policy_names() {
    let summary = |store: &str, result: &str| {
        json!({
            "_type": "https://in-toto.io/Statement/v1",
            "predicateType": "https://slsa.dev/verification_summary/v1",
            "predicate": {
                "verifier": {"id": format!("urn:remint:store:{store}")},
                "verificationResult": result,
            },
        })
    };
    let cases = [
        summary("log.example", "PASSED"),
        summary("log.example", "FAILED"),
        summary("other.example", "PASSED"),
    ];
    assert_eq!(gate(&cases), [true, false, false]);
}
