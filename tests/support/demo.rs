//! Verdicts on the files of a made-up npm package.

use remint::model::{
    ArtifactKind, ArtifactSummary, Differs, ResultRecord, Sha256Digest, Sha512Digest, Verdict,
};

/// The release that the files are of.
pub const PURL: &str = "pkg:npm/demo@1.0.0";

/// The record of a verdict on a file.
pub fn record(name: &str, artifact: &[u8], verdict: Verdict) -> ResultRecord {
    let started = "2026-01-01T00:00:00Z".parse().expect("valid");
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: name.into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(artifact),
            sha512: Sha512Digest::of(artifact),
            size: artifact.len() as u64,
            published_at: None,
        }),
        recipe: Some("recipe".into()),
        ..ResultRecord::new(PURL.parse().expect("valid"), verdict, started)
    }
}

/// The same bytes, and nothing replayed.
pub fn reproduced(artifact: &[u8]) -> Verdict {
    Verdict::Reproduced {
        sha256: Sha256Digest::of(artifact),
        recovered: vec![],
        replayed: vec![],
    }
}

/// What was held against a rebuilt file of other bytes.
pub fn differs(artifact: &[u8]) -> Differs {
    Differs {
        published: Sha256Digest::of(artifact),
        rebuilt: Sha256Digest::of(b"another"),
        differences: vec![],
        omitted: 3,
        causes: vec![],
        equivalence: None,
    }
}

/// Other bytes.
pub fn different(artifact: &[u8]) -> Verdict {
    Verdict::Different {
        comparison: Box::new(differs(artifact)),
    }
}
