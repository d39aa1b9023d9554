//! remint's own predicate: everything that a verdict rests on
//! (schema: `docs/rebuild-result-v1.schema.json`).

use serde_json::{Value, json};

use crate::attest::{Statement, Subject};
use crate::compare;
use crate::model::{
    ArtifactSummary, Comparison, Differs, Evidence, ResultRecord, Sha256Digest, Source, Verdict,
};

/// The type: a URN, since it must be a URI that names the project and no host of
/// ours (RFC 3986). Every verdict has it, so a gate must read the verdict, never
/// this type alone.
pub const REBUILD_RESULT: &str = "urn:remint:rebuild-result:v1";

pub(super) fn statement(record: &ResultRecord, artifact: &ArtifactSummary) -> Statement {
    Statement::new(
        Subject::published(artifact, &record.purl),
        REBUILD_RESULT,
        predicate(record),
    )
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
    if let Some(sdist) = &record.sdist {
        predicate["sdist"] = json!(sdist);
        predicate["basis"] = json!(record.basis());
    }
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
