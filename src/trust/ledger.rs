//! Writing to the store: a batch of signed statements becomes log entries, records
//! and index rows, or none of them does.
//!
//! 1. The batch is written to `pending`. From here on a crash loses nothing.
//! 2. Entries and tiles, then the checkpoint: the log has the batch or has it not.
//! 3. The records, each with its proof; then the index.
//! 4. `pending` is removed, and only then is the caller told.
//!
//! Whoever opens the store next finishes what a crash left: where the checkpoint does
//! not have the batch yet, from step 2 on; where it has, from step 3 on. Each step can
//! be done again, and a batch knows the number of its first entry, so none is lost and
//! none is there twice.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Error;
use super::folders::Folders;
use super::history::KeyHistory;
use super::index::{Index, Key, keys_of};
use super::log::{LONGEST_ENTRY, LogFiles, LogWriter, Origin, TILE_WIDTH};
use super::records::{Position, Record};
use super::verified::TrustedKeys;
use crate::attest::{
    self, Attestation, Bundle, Ed25519PublicKey, KeyEvent, KeyEventKind, KeyRole, Keys, Link,
    Proof, PublicKey, TlogEntry, Verified, leaf,
};
use crate::model::ResultRecord;
use crate::store;

/// A signed statement on its way into the store.
#[derive(Clone)]
pub struct Submission {
    /// The statement, not yet in a log.
    pub bundle: Bundle,
    /// Its link, if it has one.
    pub link: Option<Link>,
    /// The document that it is a witness of.
    pub document: Option<String>,
}

impl Submission {
    /// Everything that is signed of one verdict; the link goes with the first.
    pub fn all_of(attestation: Attestation) -> Vec<Self> {
        let mut link = attestation.link;
        attestation
            .bundles
            .into_iter()
            .map(|bundle| Self {
                bundle,
                link: link.take(),
                document: None,
            })
            .collect()
    }
}

/// The store, open for writing. Several processes may have it open; a file lock puts
/// their batches in order.
pub struct Ledger {
    folders: Folders,
    origin: Origin,
    keys: Arc<Keys>,
    state: Mutex<Option<State>>,
}

struct State {
    log: LogWriter,
    index: Index,
    /// The checkpoint that the state was read with.
    note: String,
    revoked: bool,
}

/// A batch under way.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    /// The number of its first entry.
    pub(super) first: u64,
    items: Vec<PendingItem>,
}

#[derive(Serialize, Deserialize)]
struct PendingItem {
    record: Record,
    leaf: String,
}

impl Ledger {
    /// The store in `folders` under the log's name; nothing is touched before the
    /// first batch.
    ///
    /// # Errors
    /// [`Error::BadOrigin`].
    pub fn open(folders: Folders, origin: &str, keys: Arc<Keys>) -> Result<Self, Error> {
        Ok(Self {
            origin: Origin::new(origin).ok_or_else(|| Error::BadOrigin(origin.to_owned()))?,
            folders,
            keys,
            state: Mutex::new(None),
        })
    }

    /// The keys that it signs with.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Signs everything that a verdict's record says, and stores it. Returns the
    /// records, remint's own result first.
    ///
    /// # Errors
    /// [`Error`]; then nothing was stored.
    pub fn attest(&self, record: &ResultRecord) -> Result<Vec<Record>, Error> {
        let attestation = attest::attest(record, &self.keys)?;
        self.append(Submission::all_of(attestation))
    }

    /// Signs statements of the store's own and stores them.
    ///
    /// # Errors
    /// [`Error`]; then nothing was stored.
    pub fn state(
        &self,
        statement: &attest::Statement,
        document: Option<String>,
    ) -> Result<Record, Error> {
        let bundle = Bundle::sign(statement, self.keys.attest.as_ref())?;
        let mut stored = self.append(vec![Submission {
            bundle,
            link: None,
            document,
        }])?;
        Ok(stored.remove(0))
    }

    /// Stores a batch. A statement that is there already is not stored again; its
    /// record is returned. When this returns, every record is on the disk.
    ///
    /// # Errors
    /// [`Error`]; then none of the batch is stored.
    pub fn append(&self, batch: Vec<Submission>) -> Result<Vec<Record>, Error> {
        let key = self.keys.attest.public_key().clone();
        let mut verified = Vec::with_capacity(batch.len());
        for submission in &batch {
            verified.push(submission.bundle.verify(&key)?);
        }
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let _lock = store::lock(&self.folders.lock())?;
        let state = self.fresh(&mut guard)?;
        if state.revoked {
            return Err(Error::Revoked(key.id().to_string()));
        }
        let mut result: Vec<Option<Record>> = Vec::with_capacity(batch.len());
        let mut items = Vec::new();
        for (submission, said) in batch.into_iter().zip(&verified) {
            if let Some(stored) = self.stored(&state.index, said)? {
                result.push(Some(stored));
                continue;
            }
            result.push(None);
            items.push(PendingItem {
                leaf: leaf_of(&submission.bundle, &key)?,
                record: Record {
                    bundle: submission.bundle.without_entries(),
                    link: submission.link,
                    document: submission.document,
                },
            });
        }
        let mut new = self.store(state, items)?.into_iter();
        Ok(result
            .into_iter()
            .filter_map(|stored| stored.or_else(|| new.next()))
            .collect())
    }

    fn stored(&self, index: &Index, said: &Verified) -> Result<Option<Record>, Error> {
        let found = index.find(Key::signed(&said.signed));
        let Some(position) = found.first() else {
            return Ok(None);
        };
        let records = self.folders.records();
        let lines = records.read(&found[..1])?;
        let parsed = lines.iter().map(Record::parse).next().transpose();
        parsed.map_err(|what| Error::Damaged {
            path: records.path(position.entry),
            what,
        })
    }

    /// Steps 1 to 4.
    fn store(&self, state: &mut State, items: Vec<PendingItem>) -> Result<Vec<Record>, Error> {
        if items.is_empty() {
            return Ok(vec![]);
        }
        let pending = Pending {
            first: state.log.size(),
            items,
        };
        let text = serde_json::to_vec(&pending).expect("plain data serialises");
        store::write_durably(&self.folders.pending(), &text)?;
        self.extend(state, &pending)?;
        self.finish(state, pending)
    }

    /// Step 2.
    fn extend(&self, state: &mut State, pending: &Pending) -> Result<(), Error> {
        let leaves: Vec<Vec<u8>> = pending
            .items
            .iter()
            .map(|item| item.leaf.clone().into_bytes())
            .collect();
        state.note = state.log.append(&leaves, &self.keys.log)?;
        Ok(())
    }

    /// Steps 3 and 4. The tree must end with the batch.
    fn finish(&self, state: &mut State, pending: Pending) -> Result<Vec<Record>, Error> {
        let first = pending.first;
        let mut stored = Vec::with_capacity(pending.items.len());
        let mut lines = Vec::with_capacity(pending.items.len());
        let log_id = self.signer_of(&state.note)?;
        for (index, item) in (first..).zip(pending.items) {
            let entry = TlogEntry::new(&Proof {
                log_id,
                index,
                tree_size: state.log.size(),
                root: state.log.root(),
                hashes: state.log.inclusion(index)?,
                checkpoint: state.note.clone(),
                body: item.leaf.into_bytes(),
            });
            let record = Record {
                bundle: item.record.bundle.with_entry(entry),
                ..item.record
            };
            lines.push(record.to_line());
            stored.push(record);
        }
        let positions = self.folders.records().append(first, &lines)?;
        let rows = rows(&stored, positions, &self.trusted()?)?;
        state.index.append(&rows)?;
        store::remove_durably(&self.folders.pending())?;
        Ok(stored)
    }

    /// The identity of the log under the key that signed its checkpoint: after a
    /// rotation that may be the one before, until the next append.
    fn signer_of(&self, note: &str) -> Result<crate::model::Sha256Digest, Error> {
        let path = LogFiles::new(&self.folders.log).checkpoint();
        for key in self.trusted()?.log {
            if super::log::Checkpoint::verify(note, &[key]).is_ok() {
                return Ok(self.origin.log_id(&key));
            }
        }
        Err(Error::Damaged {
            path,
            what: "no known key signed it".into(),
        })
    }

    fn trusted(&self) -> Result<TrustedKeys, Error> {
        let mut keys = TrustedKeys::of_folder(&self.folders.keys)?;
        // The folder's public halves may be behind a configured token or command.
        keys.add_attest(self.keys.attest.public_key().clone());
        keys.add_log(self.keys.log.public_key());
        Ok(keys)
    }

    /// The state, read again where another process wrote since, and with what a crash
    /// left finished. The lock must be held.
    fn fresh<'s>(&self, slot: &'s mut Option<State>) -> Result<&'s mut State, Error> {
        let on_disk = LogFiles::new(&self.folders.log).read_checkpoint()?;
        let is_pending = self.folders.pending().exists();
        let is_fresh = slot
            .as_ref()
            .is_some_and(|state| on_disk.as_deref() == Some(&state.note));
        if !is_fresh || is_pending {
            *slot = Some(self.read()?);
        }
        match slot {
            Some(state) => Ok(state),
            None => unreachable!("it was read above"),
        }
    }

    fn read(&self) -> Result<State, Error> {
        let trusted = self.trusted()?;
        let log = LogWriter::open(
            &self.folders.log,
            &self.origin,
            &self.keys.log,
            &trusted.log,
        )?;
        let note = LogFiles::new(&self.folders.log)
            .read_checkpoint()?
            .unwrap_or_default();
        let mut index = Index::new(&self.folders.index());
        index.refresh()?;
        let mut state = State {
            log,
            index,
            note,
            revoked: false,
        };
        self.recover(&mut state)?;
        catch_up(&self.folders, &mut state.index, state.log.size(), &trusted)?;
        self.announce(&mut state)?;
        Ok(state)
    }

    fn recover(&self, state: &mut State) -> Result<(), Error> {
        let path = self.folders.pending();
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(store::Error::io("read", &path, error).into()),
        };
        let damaged = |what: String| Error::Damaged {
            path: path.clone(),
            what,
        };
        let pending: Pending =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        state.index.forget_from(pending.first)?;
        let size = state.log.size();
        if size == pending.first {
            self.extend(state, &pending)?;
        } else if size != pending.first + pending.items.len() as u64 {
            return Err(damaged(format!(
                "its first entry is number {}, and the log has {size}",
                pending.first
            )));
        }
        self.finish(state, pending)?;
        Ok(())
    }

    /// Writes down every key that the log does not know yet, so that its history is
    /// in the log from the first use on; and notices where the key was revoked.
    fn announce(&self, state: &mut State) -> Result<(), Error> {
        let trusted = self.trusted()?;
        let history = KeyHistory::read(&self.folders.records(), &state.index, &trusted)?;
        let now = jiff::Timestamp::now();
        let attest = self.keys.attest.public_key();
        let ed25519 = |key: Ed25519PublicKey| key.pem().map(|pem| (key.id(), pem));
        let (link_id, link) = ed25519(self.keys.link.public_key())?;
        let (log_id, log) = ed25519(self.keys.log.public_key())?;
        let active = [
            (KeyRole::Attest, attest.id(), attest.pem().to_owned()),
            (KeyRole::Link, link_id, link),
            (KeyRole::Log, log_id, log),
        ];
        state.revoked = history
            .state(&attest.id())
            .is_some_and(|state| state.revoked.is_some());
        let mut items = Vec::new();
        for (role, key_id, public_key) in active {
            if state.revoked || history.state(&key_id).is_some() {
                continue;
            }
            let event = KeyEvent {
                event: KeyEventKind::New,
                role,
                key_id,
                public_key,
                at: now,
                since: now,
                reason: "first use".into(),
            };
            let bundle = Bundle::sign(&event.statement(), self.keys.attest.as_ref())?;
            items.push(PendingItem {
                leaf: leaf_of(&bundle, attest)?,
                record: Record {
                    bundle,
                    link: None,
                    document: None,
                },
            });
        }
        self.store(state, items)?;
        Ok(())
    }
}

fn leaf_of(bundle: &Bundle, key: &PublicKey) -> Result<String, Error> {
    let leaf = leaf(bundle, key)?;
    if leaf.len() > LONGEST_ENTRY {
        return Err(Error::EntryTooLong {
            length: leaf.len(),
            limit: LONGEST_ENTRY,
        });
    }
    Ok(String::from_utf8(leaf).expect("a leaf is ASCII"))
}

fn rows(
    stored: &[Record],
    positions: Vec<Position>,
    keys: &TrustedKeys,
) -> Result<Vec<(Position, Vec<Key>)>, Error> {
    stored
        .iter()
        .zip(positions)
        .map(|(record, position)| {
            let said = record
                .bundle
                .verify(keys.attest(&record.bundle.key_id()?)?)?;
            let keys = keys_of(&said.statement, &said.signed, record.document.as_deref());
            Ok((position, keys))
        })
        .collect()
}

/// Indexes the records that the index does not have yet, and forgets rows of entries
/// that the log does not have.
pub(super) fn catch_up(
    folders: &Folders,
    index: &mut Index,
    size: u64,
    keys: &TrustedKeys,
) -> Result<(), Error> {
    if index.covered() > size {
        index.forget_from(size)?;
    }
    let records = folders.records();
    if index.covered() < size {
        // The last entry's rows may be cut; they are written again whole.
        index.forget_from(index.covered().saturating_sub(1))?;
    }
    while index.covered() < size {
        let first = index.covered();
        let lines: Vec<_> = records
            .lines(first)?
            .into_iter()
            .filter(|(position, _)| position.entry >= first && position.entry < size)
            .collect();
        let path = records.path(first);
        let due = size.min((first / TILE_WIDTH + 1) * TILE_WIDTH) - first;
        if lines.len() as u64 != due {
            return Err(Error::Damaged {
                path,
                what: format!("it lacks {} of its records", due - lines.len() as u64),
            });
        }
        let (positions, parsed): (Vec<_>, Vec<_>) = lines
            .into_iter()
            .map(|(position, line)| (position, Record::parse(&line)))
            .unzip();
        let parsed = parsed
            .into_iter()
            .collect::<Result<Vec<_>, _>>()
            .map_err(|what| Error::Damaged { path, what })?;
        let rows = rows(&parsed, positions, keys)?;
        index.append(&rows)?;
    }
    Ok(())
}
