//! The Rego sample in `docs/` lets through what was plainly reproduced, and nothing else,
//! under an interpreter that is not ours.

use remint::attest::{Statement, statements};
use remint::model::{Differs, Equivalence, ReplayedFact, Sha256Digest, Verdict};
use serde_json::{Value, json};

use super::demo::{different, differs, record, reproduced};
use super::{run, verifiers};

const FILE: &[u8] = b"x";

/// Whether the gate lets each statement through.
fn gate(statements: &[Value]) -> Vec<bool> {
    let lines = run(
        "python3",
        "rego.py",
        &verifiers().join("python"),
        statements,
    );
    lines.iter().map(|line| line == "ok").collect()
}

fn of(verdict: Verdict) -> Vec<Statement> {
    statements(&record("demo-1.0.0.tgz", FILE, verdict)).expect("signed")
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
    let statements = of(reproduced(FILE));
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
    let replayed = of(Verdict::Reproduced {
        sha256: Sha256Digest::of(FILE),
        recovered: vec![],
        replayed: vec![ReplayedFact::GzipHeader {
            mtime: 0,
            xfl: 2,
            os: 3,
        }],
    });
    assert_eq!(passed(&replayed), Vec::<&str>::new());
    let equivalent = of(Verdict::Equivalent {
        comparison: Box::new(Differs {
            equivalence: Some(Equivalence {
                sha256: Sha256Digest::of(b"z"),
                applied: vec![],
            }),
            ..differs(FILE)
        }),
    });
    assert_eq!(passed(&equivalent), Vec::<&str>::new());
    let different = of(different(FILE));
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
