//! What became of a key: made, rotated, revoked. In the log such a statement has a
//! place and a time, so that what a key signed before can be told from the rest.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::attest::{Error, Statement, Subject};
use crate::model::Sha256Digest;

/// The type; a URN for the reason that remint's own results have one.
pub const KEY_EVENT: &str = "urn:remint:key-event:v1";

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyRole {
    /// Statements (ECDSA P-256).
    Attest,
    /// Links (Ed25519).
    Link,
    /// The log's checkpoints (Ed25519).
    Log,
}

impl KeyRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Attest, Self::Link, Self::Log];

    /// The name in files, JSON and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Link => "link",
            Self::Log => "log",
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyEventKind {
    /// It signs from now on.
    New,
    /// It signs no more; what it signed before stays good.
    Rotated,
    /// It is not to be trusted from `since` on.
    Revoked,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyEvent {
    /// What happened.
    pub event: KeyEventKind,
    /// What the key is for.
    pub role: KeyRole,
    /// SHA-256 of the key's SPKI DER form.
    pub key_id: Sha256Digest,
    /// The key (SPKI PEM).
    pub public_key: String,
    /// When the event was written down.
    pub at: Timestamp,
    /// From when on the event holds.
    pub since: Timestamp,
    /// Why, for a person.
    pub reason: String,
}

impl KeyEvent {
    /// The statement of it, about the key's SPKI DER form as a file.
    pub fn statement(&self) -> Statement {
        let name = format!("{}.pub", self.role.name());
        Statement::new(Subject::file(&name, &self.key_id), KEY_EVENT, json!(self))
    }

    /// Reads it back from a verified statement; none where that is about something
    /// else.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it has the type and not the shape.
    pub fn read(statement: &Statement) -> Result<Option<Self>, Error> {
        statement.predicate_as(KEY_EVENT, "key event")
    }
}
