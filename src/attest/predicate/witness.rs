//! What another builder's attestation says, as remint verified and wrote it down:
//! the log takes one kind of entry, and other builders' formats and keys are many.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Grounds;
use crate::attest::{Error, Statement, Subject};
use crate::model::{Sha256Digest, VerdictKind};

/// The type; a URN for the reason that remint's own results have one.
pub const WITNESS: &str = "urn:remint:witness:v1";

/// The form of another builder's attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WitnessFormat {
    /// A Sigstore bundle of another remint.
    RemintBundle,
    /// OSS Rebuild's `rebuild.intoto.jsonl`.
    OssRebuild,
    /// rebuilderd's signed in-toto link.
    RebuilderdLink,
}

/// One attestation of another builder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Witness {
    /// Who runs the builder; k of n counts these.
    pub operator: String,
    /// The key that its signature was verified with.
    pub key_id: Sha256Digest,
    /// Its form.
    pub format: WitnessFormat,
    /// SHA-256 of the document, which is kept beside the statement.
    pub document: Sha256Digest,
    /// The artifact's file name.
    pub artifact: String,
    /// The artifact's SHA-256: the published file that it is about.
    pub sha256: Sha256Digest,
    /// The package, where the document names it.
    pub purl: Option<String>,
    /// What it says of it.
    pub verdict: VerdictKind,
    /// What it rests on, so that a policy asks no less of another builder.
    pub grounds: Grounds,
    /// When it was taken in.
    pub imported: Timestamp,
}

impl Witness {
    /// The statement of it.
    pub fn statement(&self) -> Statement {
        let mut subject = Subject::file(&self.artifact, &self.sha256);
        subject.uri.clone_from(&self.purl);
        Statement::new(subject, WITNESS, json!(self))
    }

    /// Reads it back from a verified statement; none where that is about something
    /// else.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has the type and not the shape.
    pub fn read(statement: &Statement) -> Result<Option<Self>, Error> {
        statement.predicate_as(WITNESS, "witness")
    }
}
