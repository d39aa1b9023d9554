//! The Simple Verification Result (in-toto attestation framework, predicate "SVR",
//! version 0.2): the properties of a published file that a rebuild has shown. Only
//! a positive verdict has one.

use serde_json::json;

use crate::attest::{Statement, Subject};
use crate::model::{ArtifactSummary, ResultRecord};

/// The type.
pub const SVR: &str = "https://in-toto.io/attestation/svr/v0.2";
/// The rebuilt file is the published file, bit for bit.
pub const BIT_FOR_BIT: &str = "REMINT_REPRODUCED_BIT_FOR_BIT";
/// The same bytes after published metadata was replayed on the rebuilt archive: a
/// property of its own, so that a gate that asks for the plain one refuses it.
pub const REPLAYED: &str = "REMINT_REPRODUCED_WITH_REPLAYED_METADATA";
/// Not the same bytes; the same after named normalizers.
pub const EQUIVALENT: &str = "REMINT_EQUIVALENT_AFTER_NORMALIZING";
/// Who verifies; the version moves when what is verified does ("verifier.id").
const VERIFIER: &str = "urn:remint:verifier:v1";

pub(super) fn statement(
    record: &ResultRecord,
    artifact: &ArtifactSummary,
    property: &str,
) -> Statement {
    // Without an explicit policy the list of policies must be there, and empty
    // ("Parsing Rules").
    let predicate = json!({
        "verifier": {"id": VERIFIER, "policies": []},
        "timeCreated": record.started,
        "properties": [property],
    });
    let subject = Subject::published(artifact, &record.purl);
    Statement::new(subject, SVR, predicate)
}
