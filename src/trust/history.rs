//! What the log says of keys: when each was made, rotated and revoked.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Error;
use super::index::{Index, Key};
use super::records::{Record, Records};
use super::verified::{SignedCheckpoints, TrustedKeys, VerifiedRecord, verify_one_of};
use crate::attest::{KEY_EVENT, KeyEvent, KeyEventKind, KeyRole};
use crate::model::Sha256Digest;

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyState {
    /// What it is for.
    pub role: KeyRole,
    /// SPKI PEM.
    pub pem: String,
    /// Since when it signs.
    pub made: Timestamp,
    /// Since when it signs no more.
    pub rotated: Option<Timestamp>,
    /// Since when it is not to be trusted, the number of the entry that says so, and
    /// why.
    pub revoked: Option<(Timestamp, u64, String)>,
}

/// What became of every key.
#[derive(Clone, Debug, Default)]
pub struct KeyHistory {
    keys: BTreeMap<Sha256Digest, KeyState>,
}

impl KeyHistory {
    /// Reads and verifies every key event of the log.
    ///
    /// # Errors
    /// [`Error`] where one cannot be read or does not hold.
    pub(super) fn read(
        records: &Records,
        index: &Index,
        keys: &TrustedKeys,
    ) -> Result<Self, Error> {
        let (mut verified, mut signed) = (Vec::new(), SignedCheckpoints::default());
        let positions = index.find(Key::predicate_type(KEY_EVENT));
        let lines = records.read(&positions)?;
        for (position, line) in positions.iter().zip(lines.iter()) {
            let record = Record::parse(line).map_err(|what| Error::Damaged {
                path: records.path(position.entry),
                what,
            })?;
            verified.push(verify_one_of(record, keys, &mut signed)?);
        }
        Self::of(&verified)
    }

    /// The history that verified records tell; those that are no key events are left
    /// aside.
    ///
    /// # Errors
    /// [`Error`] where an event has not the shape of one.
    pub fn of(records: &[VerifiedRecord]) -> Result<Self, Error> {
        let mut history = Self::default();
        for record in records {
            let Some(event) = KeyEvent::read(&record.statement)? else {
                continue;
            };
            let state = history
                .keys
                .entry(event.key_id)
                .or_insert_with(|| KeyState {
                    role: event.role,
                    pem: event.public_key.clone(),
                    made: event.since,
                    rotated: None,
                    revoked: None,
                });
            match event.event {
                KeyEventKind::New => {}
                KeyEventKind::Rotated => state.rotated = Some(event.since),
                KeyEventKind::Revoked => {
                    state.revoked = Some((event.since, record.entry, event.reason));
                }
            }
        }
        Ok(history)
    }

    /// What became of a key; none where the log does not know it.
    pub fn state(&self, id: &Sha256Digest) -> Option<&KeyState> {
        self.keys.get(id)
    }

    /// Every key that the log knows.
    pub fn keys(&self) -> impl Iterator<Item = (&Sha256Digest, &KeyState)> {
        self.keys.iter()
    }

    /// Why a record is not to be trusted although its signature holds: its key was
    /// revoked, and it came after, or it was signed at a time that the revocation
    /// covers.
    pub fn objection(
        &self,
        record: &VerifiedRecord,
        signed_at: Option<Timestamp>,
    ) -> Option<String> {
        let (since, entry, reason) = self.state(&record.key_id)?.revoked.as_ref()?;
        let covered = record.entry > *entry || signed_at.is_none_or(|at| at >= *since);
        covered.then(|| {
            format!(
                "the key {} is revoked since {since} ({reason}), and record {} is not from before",
                record.key_id, record.entry
            )
        })
    }
}
