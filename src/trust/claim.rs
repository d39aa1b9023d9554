//! What a record claims about an artifact, whoever made it.

use jiff::Timestamp;

use super::history::KeyHistory;
use super::policy::OURSELVES;
use super::verified::VerifiedRecord;
use crate::attest::{self, Grounds, REBUILD_RESULT, Witness};
use crate::model::{Purl, Sha256Digest, Sha512Digest, VerdictKind};

/// One builder's verdict on one artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record's number in the log.
    pub entry: u64,
    /// SHA-256 of the signed bytes of its statement.
    pub statement: Sha256Digest,
    /// Who built.
    pub operator: String,
    /// The key that the builder signed with.
    pub key_id: Sha256Digest,
    /// The artifact's file name.
    pub artifact: String,
    /// The artifact's SHA-256.
    pub sha256: Sha256Digest,
    /// The artifact's SHA-512, where it is named.
    pub sha512: Option<Sha512Digest>,
    /// The release that it is an artifact of, where that is said.
    pub purl: Option<Purl>,
    /// What it says.
    pub verdict: VerdictKind,
    /// Why, in one line.
    pub reason: String,
    /// When it was built, or where that is not said, when it was taken in.
    pub at: Timestamp,
    /// What it rests on.
    pub grounds: Grounds,
    /// Why it is not to be trusted although it holds.
    pub objection: Option<String>,
}

impl Claim {
    /// Reads the claim of a verified record; none where it makes none: what follows
    /// from a result (provenance, SVR) is no further witness.
    ///
    /// # Errors
    /// [`attest::Error::Invalid`] where it has the type and not the shape.
    pub fn read(
        record: &VerifiedRecord,
        history: &KeyHistory,
    ) -> Result<Option<Self>, attest::Error> {
        if let Some(witness) = Witness::read(&record.statement)? {
            return Ok(Some(Self {
                entry: record.entry,
                statement: record.signed,
                operator: witness.operator,
                key_id: witness.key_id,
                artifact: witness.artifact,
                sha256: witness.sha256,
                sha512: None,
                purl: witness.purl.and_then(|purl| purl.parse().ok()),
                verdict: witness.verdict,
                reason: "as another builder says".into(),
                at: witness.imported,
                grounds: witness.grounds,
                objection: history.objection(record, Some(witness.imported)),
            }));
        }
        if record.statement.predicate_type != REBUILD_RESULT {
            return Ok(None);
        }
        Self::of_result(record, history).map(Some)
    }

    /// Objects where it is about another release than the one that was asked for: a lock
    /// file can give one package's name to another's good file.
    #[must_use]
    pub fn held_to(mut self, wanted: &Purl) -> Self {
        if let Some(other) = self.purl.as_ref().filter(|purl| *purl != wanted) {
            let says = format!("the file is {other}, and not {wanted}");
            self.objection.get_or_insert(says);
        }
        self
    }

    fn of_result(record: &VerifiedRecord, history: &KeyHistory) -> Result<Self, attest::Error> {
        let invalid = |what: &str| {
            attest::Error::Invalid(format!("record {} has no usable {what}", record.entry))
        };
        let predicate = &record.statement.predicate;
        let subject = record
            .statement
            .subject
            .first()
            .ok_or_else(|| invalid("subject"))?;
        let verdict: VerdictKind =
            serde_json::from_value(predicate["verdict"].clone()).map_err(|_| invalid("verdict"))?;
        let grounds = Grounds::read(predicate)?;
        let at: Timestamp = predicate["startedOn"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("time"))?;
        Ok(Self {
            entry: record.entry,
            statement: record.signed,
            operator: OURSELVES.into(),
            key_id: record.key_id,
            artifact: subject.name.clone(),
            sha256: subject.sha256().ok_or_else(|| invalid("digest"))?,
            sha512: subject.sha512(),
            purl: subject.uri.as_deref().and_then(|uri| uri.parse().ok()),
            verdict,
            reason: predicate["reason"].as_str().unwrap_or_default().to_owned(),
            at,
            grounds,
            objection: history.objection(record, Some(at)),
        })
    }
}
