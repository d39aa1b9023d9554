//! What the farm's tests share.

use crate::model::{
    ArtifactKind, ArtifactSummary, ResultRecord, Sha256Digest, Sha512Digest, Verdict,
};

/// A record of a file of a release, with nothing but its verdict.
pub(super) fn record(purl: &str, verdict: Verdict) -> ResultRecord {
    let started = "2026-01-02T03:04:05Z".parse().expect("valid");
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: "a-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(b"a"),
            sha512: Sha512Digest::of(b"a"),
            size: 1,
            published_at: None,
        }),
        millis: 1,
        remint_version: env!("CARGO_PKG_VERSION").into(),
        ..ResultRecord::new(purl.parse().expect("valid"), verdict, started)
    }
}

/// A verdict that is final.
pub(super) fn unsupported() -> Verdict {
    Verdict::Unsupported { reason: "x".into() }
}

/// A verdict that is tried again.
pub(super) fn infra() -> Verdict {
    Verdict::InfraError { reason: "x".into() }
}
