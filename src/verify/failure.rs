//! From a station's error to the verdict that it means. Exhaustive where the
//! difference between the package and the farm matters; imports the stations'
//! errors and `model`.

use jiff::Timestamp;

use crate::model::{
    Artifact, BuildFailure, BuildStage, ProvenanceFindings, Purl, ResultRecord, Verdict,
};
use crate::plan;
use crate::source;
use crate::store::archive;

/// The farm's own fault, with what to do in its text.
pub(super) fn infra(error: &dyn std::error::Error) -> Verdict {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !reason.contains(&text) {
            reason.push_str(": ");
            reason.push_str(&text);
        }
        cause = inner.source();
    }
    Verdict::InfraError { reason }
}

pub(super) fn of_plan(error: plan::Error) -> Verdict {
    match error {
        plan::Error::Unsupported(reason) => Verdict::Unsupported { reason },
        plan::Error::Incomplete(reason) => Verdict::BuildFailed {
            stage: BuildStage::Plan,
            failure: BuildFailure::NoPlan { reason },
        },
    }
}

pub(super) fn of_source(error: source::Error) -> Verdict {
    if error.is_farm_fault() {
        infra(&error)
    } else {
        Verdict::SourceNotFound {
            reason: error.to_string(),
        }
    }
}

/// As [`of_source`], with what is known of the artifact's provenance: a person who looks for
/// the source should know what an attestation says of it.
pub(super) fn of_attested_source(error: source::Error, findings: &ProvenanceFindings) -> Verdict {
    let mut verdict = of_source(error);
    if let Verdict::SourceNotFound { reason } = &mut verdict {
        for told in findings.evidence() {
            reason.push_str("; ");
            reason.push_str(&told.detail);
        }
    }
    verdict
}

/// An artifact that is not the archive that its name says: a fact about it.
pub(super) fn unreadable(artifact: &Artifact, error: &archive::Error) -> Verdict {
    Verdict::BuildFailed {
        stage: BuildStage::Plan,
        failure: BuildFailure::NoPlan {
            reason: format!("the published {} cannot be read: {error}", artifact.name),
        },
    }
}

/// The record of a package whose registry did not answer.
pub(super) fn before_artifact(
    purl: &Purl,
    started: Timestamp,
    error: &dyn std::error::Error,
) -> ResultRecord {
    ResultRecord::new(purl.clone(), infra(error), started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_not_found_is_told_with_what_its_attestation_came_to() {
        let mut findings = ProvenanceFindings::default();
        findings.refuse(&"another key");
        let missing = || source::Error::NoRepository {
            package: "pkg:npm/demo@1.0.0".into(),
            looked_at: "nothing".into(),
        };
        let verdict = of_attested_source(missing(), &findings);
        assert!(verdict.reason().ends_with("does not hold: another key"));
        // A network that is down says nothing about the package.
        let down = source::Error::CannotRead {
            repository: "https://git.example/o/r".into(),
            reason: "timed out".into(),
        };
        let verdict = of_attested_source(down, &findings);
        assert!(matches!(verdict, Verdict::InfraError { reason } if !reason.contains("key")));
    }
}
