//! The verification summary (SLSA "Verification Summary Attestation", predicate v1): that
//! a policy accepted an artifact. It comes from who applies a policy to a store, never
//! from a single rebuild, and it is made of a yes alone: a gate that looks no further
//! than its type must not take a no for one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::attest::{Error, Statement, Subject};
use crate::model::Sha256Digest;

/// The type.
pub const VSA: &str = "https://slsa.dev/verification_summary/v1";

/// What a policy accepted, and on which grounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Who applied the policy.
    pub verifier: SummaryVerifier,
    /// When.
    pub time_verified: Timestamp,
    /// The package URL of the release.
    pub resource_uri: String,
    /// The policy.
    pub policy: Resource,
    /// The statements that it rests on, by the SHA-256 of their signed bytes.
    pub input_attestations: Vec<Resource>,
    /// Always a yes.
    pub verification_result: Passed,
    /// What was shown; words of remint's own, since no SLSA track covers it
    /// ("SlsaResult").
    pub verified_levels: Vec<String>,
}

/// The verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SummaryVerifier {
    /// Which store.
    pub id: String,
    /// Its software.
    pub version: BTreeMap<String, String>,
}

/// Something by name and digest (in-toto attestation framework, "ResourceDescriptor").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// What it is called.
    pub uri: String,
    /// Its digest.
    pub digest: ResourceDigest,
}

/// The one digest that remint gives of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceDigest {
    /// SHA-256.
    pub sha256: Sha256Digest,
}

/// The only result that there is a summary of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Passed {
    /// The policy accepts.
    Passed,
}

impl Resource {
    /// Something under a name.
    pub fn new(uri: String, sha256: Sha256Digest) -> Self {
        Self {
            uri,
            digest: ResourceDigest { sha256 },
        }
    }
}

impl Summary {
    /// The statement of it.
    pub fn statement(&self, subject: Subject) -> Statement {
        Statement::new(subject, VSA, json!(self))
    }

    /// Reads it back from a verified statement; none where that is about something
    /// else.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has the type and not the shape, a no among them.
    pub fn read(statement: &Statement) -> Result<Option<Self>, Error> {
        statement.predicate_as(VSA, "summary of a yes")
    }
}
