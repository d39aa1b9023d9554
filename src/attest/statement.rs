//! The statement: in-toto Statement v1 (in-toto attestation framework,
//! "Statement layer"), whatever its predicate.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Error;
use crate::model::{ArtifactKind, ArtifactSummary, Purl, Sha256Digest, Sha512Digest};

/// The statement's type (in-toto attestation framework, "Statement layer").
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// An in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The statement's type.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// The predicate's type.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// What a statement is about: a file by its digests (in-toto attestation framework,
/// "ResourceDescriptor").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The file's name.
    #[serde(default)]
    pub name: String,
    /// The package that published it, where it is a published file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Hexadecimal digests by algorithm (in-toto attestation framework, "DigestSet").
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// A file that is known by its SHA-256 alone.
    pub fn file(name: &str, sha256: &Sha256Digest) -> Self {
        Self {
            name: name.to_owned(),
            uri: None,
            digest: BTreeMap::from([("sha256".to_owned(), sha256.to_string())]),
        }
    }

    /// A published artifact. npm's own tools find a package by its SHA-512.
    pub fn published(artifact: &ArtifactSummary, purl: &Purl) -> Self {
        let mut subject = Self::file(&artifact.name, &artifact.sha256);
        subject.uri = Some(purl.to_string());
        if artifact.kind == ArtifactKind::NpmTarball {
            let sha512 = artifact.sha512.to_string();
            subject.digest.insert("sha512".to_owned(), sha512);
        }
        subject
    }

    /// Its SHA-256, where it names one that is well-formed.
    pub fn sha256(&self) -> Option<Sha256Digest> {
        self.digest.get("sha256")?.parse().ok()
    }

    /// Its SHA-512, where it names one that is well-formed.
    pub fn sha512(&self) -> Option<Sha512Digest> {
        self.digest.get("sha512")?.parse().ok()
    }
}

impl Statement {
    /// A statement about one subject.
    pub fn new(subject: Subject, predicate_type: &str, predicate: Value) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.into(),
            subject: vec![subject],
            predicate_type: predicate_type.into(),
            predicate,
        }
    }

    /// Its predicate, where it is of this type; none where it is about something else.
    /// `what` names it in the error.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has the type and not the shape.
    pub(super) fn predicate_as<P: DeserializeOwned>(
        &self,
        predicate_type: &str,
        what: &str,
    ) -> Result<Option<P>, Error> {
        if self.predicate_type != predicate_type {
            return Ok(None);
        }
        serde_json::from_value(self.predicate.clone())
            .map(Some)
            .map_err(|error| Error::Invalid(format!("it is no {what}: {error}")))
    }

    /// Whether it has the type of a statement of version 1.
    pub fn is_v1(&self) -> bool {
        self.statement_type == STATEMENT_TYPE
    }
}
