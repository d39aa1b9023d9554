//! The statement: in-toto Statement v1 (in-toto attestation framework,
//! "Statement layer") with remint's own predicate.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Error;
use crate::compare;
use crate::model::{
    ArtifactKind, Comparison, Differs, Evidence, ResultRecord, Sha256Digest, Source, Verdict,
};

/// The statement's type (in-toto attestation framework, "Statement layer").
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of remint's own predicate: a URN, since it must be a URI that names
/// the project and no host of ours (RFC 3986). A positive and a negative verdict
/// share it, so a gate must read the verdict, never the type alone; types that
/// are safe by themselves come with the trust store.
pub const PREDICATE_TYPE: &str = "urn:remint:rebuild-result:v1";

/// An in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The statement's type.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What it is about: the published file.
    pub subject: Vec<Value>,
    /// The predicate's type.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// The statement of a record (schema: `docs/rebuild-result-v1.schema.json`).
///
/// # Errors
/// [`Error::NotSigned`] for an `infra-error`, [`Error::NoSubject`] where the
/// record names no published file.
pub fn statement(record: &ResultRecord) -> Result<Statement, Error> {
    let kind = record.verdict.kind();
    if !kind.is_signed() {
        return Err(Error::NotSigned(kind));
    }
    let artifact = record.artifact.as_ref().ok_or(Error::NoSubject)?;
    let mut digest = json!({"sha256": artifact.sha256});
    // npm's own tools find a package by its SHA-512.
    if artifact.kind == ArtifactKind::NpmTarball {
        digest["sha512"] = json!(artifact.sha512);
    }
    Ok(Statement {
        statement_type: STATEMENT_TYPE.into(),
        subject: vec![json!({"name": artifact.name, "digest": digest})],
        predicate_type: PREDICATE_TYPE.into(),
        predicate: predicate(record),
    })
}

fn predicate(record: &ResultRecord) -> Value {
    let mut predicate = json!({
        "verdict": record.verdict.kind().name(),
        "reason": record.verdict.reason(),
        "purl": record.purl,
        "source": record.source.as_ref().map(source),
        "planHash": record.plan_hash,
        "recipeHash": record.recipe.as_ref().map(Sha256Digest::of),
        "imageId": record.image,
        "resolvedDependencies": record.served,
        "startedOn": record.started,
        "millis": record.millis,
        "builder": {"id": "urn:remint", "version": record.remint_version},
    });
    match &record.verdict {
        Verdict::Reproduced {
            recovered,
            replayed,
            ..
        } => {
            predicate["recovered"] = json!(recovered);
            predicate["replayed"] = json!(replayed);
        }
        Verdict::Equivalent { comparison } => {
            predicate["comparison"] = summary(comparison);
            predicate["equivalence"] = json!(comparison.equivalence);
        }
        Verdict::Different { comparison } => predicate["comparison"] = summary(comparison),
        Verdict::BuildFailed { stage, failure } => {
            predicate["stage"] = json!(stage);
            predicate["failure"] = json!(failure);
        }
        Verdict::SourceNotFound { .. }
        | Verdict::Unsupported { .. }
        | Verdict::InfraError { .. } => {}
    }
    predicate
}

fn source(source: &Source) -> Value {
    let evidence: &[Evidence] = source.evidence();
    match source {
        Source::Git { git, .. } => json!({"git": git, "evidence": evidence}),
        Source::Sdist { sdist, .. } => json!({"sdist": sdist, "evidence": evidence}),
    }
}

/// What a statement says of a difference: how bad, how many, why, and the digest of
/// the whole comparison, which the report holds.
fn summary(comparison: &Differs) -> Value {
    let whole = Comparison::Differs(Box::new(comparison.clone()));
    json!({
        "severity": comparison.severity(),
        "differences": comparison.total(),
        "causes": comparison.causes,
        "sha256": compare::digest(&whole),
    })
}
