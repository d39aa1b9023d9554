//! SLSA provenance v1 of the rebuilt file (SLSA specification v1.1, "Build:
//! Provenance"): where it came from, whatever the published file is.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::attest::{Statement, Subject};
use crate::model::{ArtifactSummary, ResultRecord, Sha256Digest, Source, Verdict};

/// The type (SLSA specification v1.1, "Build: Provenance", "predicateType").
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
/// How remint builds: what the parameters below mean.
const BUILD_TYPE: &str = "urn:remint:rebuild:v1";

/// The statement about the rebuilt file, which `sha256` names. Where it has the
/// published file's digest, it is the published file.
pub(super) fn statement(
    record: &ResultRecord,
    artifact: &ArtifactSummary,
    sha256: &Sha256Digest,
) -> Statement {
    let subject = if *sha256 == artifact.sha256 {
        Subject::published(artifact, &record.purl)
    } else {
        Subject::file(&artifact.name, sha256)
    };
    Statement::new(subject, PROVENANCE, predicate(record, artifact))
}

fn predicate(record: &ResultRecord, artifact: &ArtifactSummary) -> Value {
    let (recovered, replayed) = match &record.verdict {
        Verdict::Reproduced {
            recovered,
            replayed,
            ..
        } => (json!(recovered), json!(replayed)),
        Verdict::Equivalent { .. }
        | Verdict::Different { .. }
        | Verdict::BuildFailed { .. }
        | Verdict::SourceNotFound { .. }
        | Verdict::Unsupported { .. }
        | Verdict::InfraError { .. } => (json!([]), json!([])),
    };
    let took = SignedDuration::from_millis(i64::try_from(record.millis).unwrap_or(i64::MAX));
    json!({
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {
                "purl": record.purl,
                "artifact": artifact.name,
                "source": record.source.as_ref().map(Source::summary),
            },
            "internalParameters": {
                "planHash": record.plan_hash,
                "recipeHash": record.recipe.as_ref().map(Sha256Digest::of),
                "recovered": recovered,
                "replayed": replayed,
            },
            "resolvedDependencies": dependencies(record),
        },
        "runDetails": {
            "builder": {"id": "urn:remint", "version": {"remint": record.remint_version}},
            "metadata": {
                "startedOn": record.started,
                "finishedOn": record.started.saturating_add(took).ok(),
            },
        },
    })
}

/// The commit, the image, and every file that the build fetched.
fn dependencies(record: &ResultRecord) -> Vec<Value> {
    let mut found = Vec::new();
    match &record.source {
        // A digest of a git object (in-toto attestation framework, "DigestSet",
        // "gitCommit").
        Some(Source::Git { git, .. }) => found.push(json!({
            "name": "source",
            "uri": format!("git+{}@{}", git.repository, git.commit),
            "digest": {"gitCommit": git.commit},
        })),
        Some(Source::Sdist { sdist, .. }) => found.push(json!({
            "name": sdist.name,
            "digest": {"sha256": sdist.sha256},
        })),
        None => {}
    }
    if let Some(image) = &record.image {
        let hex = image.strip_prefix("sha256:").unwrap_or(image);
        found.push(json!({"name": "image", "digest": {"sha256": hex}}));
    }
    found.extend(record.served.iter().map(|file| {
        let digest = BTreeMap::from([("sha256", file.sha256.to_string())]);
        json!({"name": file.path, "digest": digest})
    }));
    found
}
