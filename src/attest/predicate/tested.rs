//! The test result (in-toto attestation framework, predicate "Test Result", version
//! 0.1) of a file that was rebuilt and is different. It is only ever `FAILED`.

use serde_json::json;

use crate::attest::{Statement, Subject};
use crate::model::{ArtifactSummary, ResultRecord, Sha256Digest};

/// The type.
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";
/// The one test: whether the rebuilt file is the published one.
const TEST: &str = "bit-for-bit";

pub(super) fn failed(record: &ResultRecord, artifact: &ArtifactSummary) -> Statement {
    let configuration: Vec<_> = record
        .recipe
        .iter()
        .map(|recipe| json!({"name": "recipe", "digest": {"sha256": Sha256Digest::of(recipe)}}))
        .collect();
    let predicate = json!({
        "result": "FAILED",
        "configuration": configuration,
        "passedTests": [],
        "warnedTests": [],
        "failedTests": [TEST],
    });
    let subject = Subject::published(artifact, &record.purl);
    Statement::new(subject, TEST_RESULT, predicate)
}
