//! Verifying a record by itself: the signature over its statement, the log entry made
//! of both, and the proof that this entry is in a tree whose checkpoint the log signed.

use std::collections::HashMap;
use std::path::Path;

use super::Error;
use super::log::{Checkpoint, leaf_hash, proves_inclusion};
use super::records::Record;
use crate::attest::{self, Ed25519PublicKey, KeyRole, PublicKey, Statement, known_keys, leaf};
use crate::model::Sha256Digest;

/// The keys that a reader trusts.
#[derive(Clone, Debug, Default)]
pub struct TrustedKeys {
    attest: Vec<PublicKey>,
    /// The log's keys, today's first.
    pub log: Vec<Ed25519PublicKey>,
    /// The keys of links.
    pub link: Vec<Ed25519PublicKey>,
}

/// A record that holds.
#[derive(Clone, Debug)]
pub struct VerifiedRecord {
    /// The record.
    pub record: Record,
    /// What it says.
    pub statement: Statement,
    /// SHA-256 of the signed bytes.
    pub signed: Sha256Digest,
    /// Who signed it.
    pub key_id: Sha256Digest,
    /// Its number in the log.
    pub entry: u64,
    /// The checkpoint of its proof.
    pub checkpoint: Checkpoint,
}

/// Checkpoints that one of the log's keys signed, by their notes. The records of a
/// batch carry the same one, so it is verified once for all of them.
#[derive(Debug, Default)]
pub(super) struct SignedCheckpoints(HashMap<String, Checkpoint>);

/// Checkpoints that are held at once; of a few hundred bytes each.
const HELD_CHECKPOINTS: usize = 1024;

impl SignedCheckpoints {
    fn verify(&mut self, note: &str, keys: &[Ed25519PublicKey]) -> Result<Checkpoint, String> {
        if let Some(known) = self.0.get(note) {
            return Ok(known.clone());
        }
        let checkpoint = Checkpoint::verify(note, keys)?;
        if self.0.len() >= HELD_CHECKPOINTS {
            self.0.clear();
        }
        self.0.insert(note.to_owned(), checkpoint.clone());
        Ok(checkpoint)
    }
}

impl TrustedKeys {
    /// Every public key of a keys' folder, those of today and those of before.
    ///
    /// # Errors
    /// [`Error`] where one cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let mut keys = Self::default();
        for known in known_keys(folder)? {
            match known.role {
                KeyRole::Attest => keys.add_attest(PublicKey::from_pem(&known.pem)?),
                KeyRole::Link => keys.add_link(Ed25519PublicKey::from_pem(&known.pem)?),
                KeyRole::Log => keys.add_log(Ed25519PublicKey::from_pem(&known.pem)?),
            }
        }
        Ok(keys)
    }

    /// Adds a key of statements.
    pub fn add_attest(&mut self, key: PublicKey) {
        if !self.attest.contains(&key) {
            self.attest.push(key);
        }
    }

    /// Adds a key of the log.
    pub fn add_log(&mut self, key: Ed25519PublicKey) {
        if !self.log.contains(&key) {
            self.log.push(key);
        }
    }

    /// Adds a key of links.
    pub fn add_link(&mut self, key: Ed25519PublicKey) {
        if !self.link.contains(&key) {
            self.link.push(key);
        }
    }

    /// The keys of statements.
    pub fn statements(&self) -> &[PublicKey] {
        &self.attest
    }

    /// Whether statements by this key are known.
    pub fn knows(&self, id: &Sha256Digest) -> bool {
        self.attest.iter().any(|key| key.id() == *id)
    }

    /// The key of statements with this identity.
    ///
    /// # Errors
    /// [`attest::Error::Invalid`] where it is not among them.
    pub fn attest(&self, id: &Sha256Digest) -> Result<&PublicKey, attest::Error> {
        self.attest
            .iter()
            .find(|key| key.id() == *id)
            .ok_or_else(|| attest::Error::Invalid(format!("the key {id} is not a known one")))
    }
}

/// Verifies a record whole.
///
/// # Errors
/// [`attest::Error::Invalid`] with what does not hold.
pub fn verify_record(record: Record, keys: &TrustedKeys) -> Result<VerifiedRecord, attest::Error> {
    verify_one_of(record, keys, &mut SignedCheckpoints::default())
}

/// Verifies one of several records by the same keys.
///
/// # Errors
/// [`attest::Error::Invalid`] with what does not hold.
pub(super) fn verify_one_of(
    record: Record,
    keys: &TrustedKeys,
    signed: &mut SignedCheckpoints,
) -> Result<VerifiedRecord, attest::Error> {
    let invalid = |what: &str| attest::Error::Invalid(what.to_owned());
    let key = keys.attest(&record.bundle.key_id()?)?;
    let said = record.bundle.verify(key)?;
    let [entry] = record.bundle.entries() else {
        return Err(invalid("it does not have exactly one log entry"));
    };
    let proof = entry.proof()?;
    if leaf(&record.bundle, key)? != proof.body {
        return Err(invalid("its log entry is of another statement"));
    }
    let checkpoint = signed
        .verify(&proof.checkpoint, &keys.log)
        .map_err(attest::Error::Invalid)?;
    if checkpoint.size != proof.tree_size || checkpoint.root != proof.root {
        return Err(invalid("its proof is of another tree than its checkpoint"));
    }
    let leaf = leaf_hash(&proof.body);
    if !proves_inclusion(
        &leaf,
        proof.index,
        checkpoint.size,
        &proof.hashes,
        &checkpoint.root,
    ) {
        return Err(invalid(
            "its proof does not lead from its log entry to the checkpoint",
        ));
    }
    if let Some(document) = &record.document
        && attest::Witness::read(&said.statement)?
            .is_none_or(|witness| witness.document != Sha256Digest::of(document))
    {
        return Err(invalid(
            "its document is not the one that it is a witness of",
        ));
    }
    Ok(VerifiedRecord {
        entry: proof.index,
        statement: said.statement,
        signed: said.signed,
        key_id: said.key_id,
        checkpoint,
        record,
    })
}
