//! Registries' provenance attestations, verified: who made a published file, from which
//! repository at which commit.
//!
//! Signature, certificate chain at the log's time, the certificate's own log and the place
//! in the transparency log are `sigstore-verify`'s to check. What is here is what that
//! library leaves to its caller: whose keys are believed, and that file, publisher and
//! predicate say what the certificate says. Only the certificate is believed, never the
//! document around it. Imports `registry` and `model`; it fetches nothing and never decides
//! what a finding means for a source.

mod identity;
mod predicate;
mod ring;

use std::path::Path;

use sigstore_verify::trust_root::{SIGSTORE_PRODUCTION_TRUSTED_ROOT, TrustedRoot};
use sigstore_verify::types::{ArtifactDigest, Bundle, HashAlgorithm, SignatureContent};
use sigstore_verify::{VerificationPolicy, Verifier};

use crate::model::{ArtifactKind, FetchedArtifact, Provenance, ProvenanceFindings};
use crate::registry::PublishedAttestation;

pub use ring::use_ring;

/// Characters of what an attestation or the library says that an error repeats.
const MAX_SAID: usize = 300;

/// Why the trusted root cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{origin} cannot be used as the trusted root of provenance attestations: {reason}; it must be a Sigstore `trusted_root.json`, see `trusted_root` under [provenance] in the configuration"
)]
pub struct RootError {
    origin: String,
    reason: String,
}

/// Why an attestation does not hold.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Its shape.
    #[error("it is no Sigstore bundle of an in-toto statement: {0}")]
    Shape(String),
    /// What the library checks.
    #[error("{0}")]
    Signature(String),
    /// It is signed, by somebody other than a build service that is known.
    #[error("{0}")]
    Stranger(String),
    /// A build's certificate that does not name its source as it must.
    #[error("its certificate {0}")]
    Identity(String),
    /// The registry says that another publisher signed it.
    #[error("the registry names {named} as its publisher, and its certificate is of {certified}")]
    Publisher { named: String, certified: String },
    /// Its signed text contradicts its certificate.
    #[error("its statement names {stated}, and its certificate {certified}")]
    Predicate { stated: String, certified: String },
}

/// What verifies attestations. Opened once.
pub struct Attestations {
    verifier: Verifier,
}

impl Attestations {
    /// Believes those that `root` names, a `trusted_root.json`; without one, the public
    /// Sigstore, whose root the library carries.
    ///
    /// # Errors
    /// [`RootError`] where the file cannot be read or is no trusted root.
    pub fn open(root: Option<&Path>) -> Result<Self, RootError> {
        match root {
            None => Self::trusting(
                SIGSTORE_PRODUCTION_TRUSTED_ROOT,
                "the library's copy of the public Sigstore",
            ),
            Some(path) => {
                let origin = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| RootError {
                    origin: origin.clone(),
                    reason: error.to_string(),
                })?;
                Self::trusting(&text, &origin)
            }
        }
    }

    fn trusting(root: &str, origin: &str) -> Result<Self, RootError> {
        use_ring();
        let refused = |reason: String| RootError {
            origin: origin.to_owned(),
            reason,
        };
        let root = TrustedRoot::from_json(root).map_err(|e| refused(e.to_string()))?;
        // The library takes empty lists, under which nothing would ever hold.
        if root.certificate_authorities.is_empty() || root.tlogs.is_empty() {
            return Err(refused(
                "it has no certificate authority, or no transparency log".into(),
            ));
        }
        let verifier = Verifier::new(&root).map_err(|e| refused(e.to_string()))?;
        Ok(Self { verifier })
    }

    /// What the attestations of a file come to. Those that do not hold are told of and
    /// count for nothing; so do two that hold and name different sources.
    pub fn examine(
        &self,
        published: &[PublishedAttestation],
        file: &FetchedArtifact,
    ) -> ProvenanceFindings {
        let mut findings = ProvenanceFindings::default();
        let mut verified: Vec<Provenance> = Vec::new();
        for attestation in published {
            match self.verify(attestation, file) {
                Ok(Some(provenance)) => verified.push(provenance),
                Ok(None) => {}
                Err(error @ Error::Stranger(_)) => findings.pass_over(&error),
                Err(error) => findings.refuse(&error),
            }
        }
        let Some(first) = verified.first() else {
            return findings;
        };
        let source = |p: &Provenance| (p.repository.clone(), p.commit.clone());
        match verified.iter().find(|other| source(other) != source(first)) {
            Some(other) => findings.refuse(&format!(
                "two are verified and name different sources, {} at {} and {} at {}, so neither is followed",
                first.repository, first.commit, other.repository, other.commit
            )),
            None => findings.verified = verified.into_iter().next(),
        }
        findings
    }

    /// What one attestation says, if it holds; nothing where it is of a kind that names no
    /// source (the registry's own receipt of a publication).
    fn verify(
        &self,
        attestation: &PublishedAttestation,
        file: &FetchedArtifact,
    ) -> Result<Option<Provenance>, Error> {
        let shape = |error: &dyn std::fmt::Display| Error::Shape(said(error));
        let bundle = Bundle::from_json(&attestation.bundle).map_err(|e| shape(&e))?;
        let SignatureContent::DsseEnvelope(envelope) = &bundle.content else {
            return Err(Error::Shape("it signs no statement".into()));
        };
        let statement = predicate::Statement::parse(envelope.payload.as_bytes())
            .map_err(|error| shape(&error))?;
        if !statement.names_source() {
            return Ok(None);
        }
        let digest = match file.artifact.kind {
            // npm documentation, "Generating provenance statements": the subject has the
            // tarball's SHA-512; PEP 740, "Attestation objects": SHA-256.
            ArtifactKind::NpmTarball => {
                ArtifactDigest::new(HashAlgorithm::Sha2512, file.sha512.as_bytes().to_vec())
            }
            _ => ArtifactDigest::new(HashAlgorithm::Sha2256, file.sha256.as_bytes().to_vec()),
        };
        let digest = digest.map_err(|error| shape(&error))?;
        let result = self
            .verifier
            .verify(digest, &bundle, &VerificationPolicy::any_identity())
            .map_err(|error| Error::Signature(said(&error)))?;
        let all = result.certificate_verified() && result.sct_verified() && result.tlog_verified();
        let certificate = result.certificate().filter(|_| all).ok_or_else(|| {
            Error::Signature("its certificate or its place in the log was not verified".into())
        })?;
        let provenance = identity::source_of(certificate)?;
        if let Some(publisher) = &attestation.publisher {
            identity::agrees(&provenance, publisher, certificate)?;
        }
        statement.agrees(&provenance)?;
        Ok(Some(provenance))
    }
}

/// What another's error says, cut short.
fn said(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    match text.char_indices().nth(MAX_SAID) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
