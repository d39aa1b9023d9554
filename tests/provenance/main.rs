//! Provenance attestations of registries: what holds, what does not, and what each makes of
//! a release's source. The Sigstore is our own, and so are the registries and the files.

#[path = "../support/crates.rs"]
mod crates;
mod der;
mod hold;
mod hostile;
mod line;
mod rank;
mod registry;
mod sigstore;

use remint::model::{
    Artifact, ArtifactKind, Digest, FetchedArtifact, ProvenanceFindings, Sha256Digest, Sha512Digest,
};
use remint::provenance::Attestations;
use remint::registry::{PublishedAttestation, Publisher};
use serde_json::{Value, json};
use sigstore::Sigstore;

/// What a registry publishes in these tests.
pub const FILE: &[u8] = b"the published bytes";

/// A published file, checked against its digest.
pub fn fetched(kind: ArtifactKind) -> FetchedArtifact {
    let sha256 = Sha256Digest::of(FILE);
    FetchedArtifact {
        artifact: Artifact {
            name: "demo-1.0.0".into(),
            kind,
            url: "http://127.0.0.1/x".parse().expect("valid"),
            digests: vec![Digest::Sha256(sha256)],
            size: None,
            published_at: None,
            yanked: false,
            provenance: None,
        },
        sha256,
        sha512: Sha512Digest::of(FILE),
        size: FILE.len() as u64,
        path: std::path::PathBuf::new(),
    }
}

/// The digest of the file as npm's subjects have it.
pub fn sha512() -> Value {
    json!({"sha512": Sha512Digest::of(FILE).to_string()})
}

/// The same as Python's registries have it.
pub fn sha256() -> Value {
    json!({"sha256": Sha256Digest::of(FILE).to_string()})
}

/// What the attestations of a file come to for those who trust `sigstore`.
pub fn examine(
    sigstore: &Sigstore,
    kind: ArtifactKind,
    published: &[PublishedAttestation],
) -> ProvenanceFindings {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("trusted_root.json");
    std::fs::write(&root, sigstore.trusted_root()).expect("write");
    let attestations = Attestations::open(Some(&root)).expect("a trusted root");
    attestations.examine(published, &fetched(kind))
}

/// A bundle as npm's registry hands it out.
pub fn of_npm(bundle: &Value) -> PublishedAttestation {
    PublishedAttestation {
        bundle: bundle.to_string(),
        publisher: None,
    }
}

/// A bundle as a Python registry hands it out, by a workflow of GitHub's.
pub fn of_pypi(bundle: &Value, repository: &str, workflow: &str) -> PublishedAttestation {
    PublishedAttestation {
        bundle: bundle.to_string(),
        publisher: Some(Publisher::GitHub {
            repository: repository.into(),
            workflow: workflow.into(),
        }),
    }
}
