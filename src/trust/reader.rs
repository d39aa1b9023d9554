//! Reading the store: what is found under a key, each record verified. Any number of
//! processes may read while others write.

use std::sync::{PoisonError, RwLock};

use serde_json::{Value, json};

use super::Error;
use super::claim::Claim;
use super::folders::Folders;
use super::history::KeyHistory;
use super::index::{Index, Key};
use super::log::{Checkpoint, LogFiles, TILE_WIDTH};
use super::records::{Lines, Position, Record, Records};
use super::verified::{SignedCheckpoints, TrustedKeys, VerifiedRecord, verify_one_of};
use crate::attest::REBUILD_RESULT;
use crate::model::{ResultRecord, Verdict};

/// The store, open for reading.
pub struct Reader {
    folders: Folders,
    records: Records,
    keys: TrustedKeys,
    index: RwLock<Index>,
}

impl Reader {
    /// Opens the store in `folders`; an empty one has no records.
    ///
    /// # Errors
    /// [`Error`] where keys or index cannot be read.
    pub fn open(folders: Folders) -> Result<Self, Error> {
        let keys = TrustedKeys::of_folder(&folders.keys)?;
        let reader = Self {
            records: folders.records(),
            index: RwLock::new(Index::new(&folders.index())),
            folders,
            keys,
        };
        reader.refresh()?;
        Ok(reader)
    }

    /// Takes in what was written since. Returns whether anything was.
    ///
    /// # Errors
    /// [`Error`] where the index cannot be read.
    pub fn refresh(&self) -> Result<bool, Error> {
        self.index
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .refresh()
    }

    /// The log's files.
    pub fn log(&self) -> LogFiles {
        LogFiles::new(&self.folders.log)
    }

    /// The keys that records are verified with.
    pub const fn keys(&self) -> &TrustedKeys {
        &self.keys
    }

    /// The newest checkpoint, verified; none where there is no log yet.
    ///
    /// # Errors
    /// [`Error::Damaged`] where no known key signed it.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, Error> {
        let log = self.log();
        let Some(note) = log.read_checkpoint()? else {
            return Ok(None);
        };
        Checkpoint::verify(&note, &self.keys.log)
            .map(Some)
            .map_err(|what| Error::Damaged {
                path: log.checkpoint(),
                what,
            })
    }

    /// Where the records under a key are, oldest first.
    pub fn positions(&self, key: Key) -> Vec<Position> {
        self.index
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .find(key)
    }

    /// The lines of records, as they are; nothing of them is verified.
    ///
    /// # Errors
    /// [`Error`] where one cannot be read.
    pub fn lines(&self, positions: &[Position]) -> Result<Lines, Error> {
        self.records.read(positions)
    }

    /// Puts the lines of records behind what `bytes` has, each with its line break;
    /// returns where each ends.
    ///
    /// # Errors
    /// [`Error`] where one cannot be read.
    pub fn lines_onto(
        &self,
        positions: &[Position],
        bytes: &mut Vec<u8>,
    ) -> Result<Vec<usize>, Error> {
        self.records.read_onto(positions, bytes)
    }

    /// What is wrong with a record's line, with the file that holds it.
    pub fn damaged(&self, position: Position, what: String) -> Error {
        Error::Damaged {
            path: self.records.path(position.entry),
            what: format!("record {}: {what}", position.entry),
        }
    }

    /// The line of a record by its number; none where there is no such record.
    ///
    /// # Errors
    /// [`Error`] where the file cannot be read.
    pub fn line_of(&self, entry: u64) -> Result<Option<(Position, Vec<u8>)>, Error> {
        let lines = self.records.lines(entry)?;
        Ok(lines
            .into_iter()
            .find(|(position, _)| position.entry == entry))
    }

    /// Every record, verified, in the log's order: for what is made of the whole store.
    ///
    /// # Errors
    /// [`Error`] as for one record, or as `visit` says.
    pub fn every(
        &self,
        visit: &mut dyn FnMut(VerifiedRecord) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut signed = SignedCheckpoints::default();
        let mut first = 0;
        loop {
            let lines = self.records.lines(first)?;
            for (position, line) in &lines {
                visit(self.verified(*position, line, &mut signed)?)?;
            }
            if (lines.len() as u64) < TILE_WIDTH {
                return Ok(());
            }
            first += TILE_WIDTH;
        }
    }

    /// Verifies the line of a record. It must not be another's, and has to hold.
    fn verified(
        &self,
        position: Position,
        line: &[u8],
        signed: &mut SignedCheckpoints,
    ) -> Result<VerifiedRecord, Error> {
        let damaged = |what: String| Error::Damaged {
            path: self.records.path(position.entry),
            what,
        };
        let record = Record::parse(line).map_err(damaged)?;
        let verified = verify_one_of(record, &self.keys, signed)
            .map_err(|error| damaged(format!("record {}: {error}", position.entry)))?;
        if verified.entry != position.entry {
            return Err(damaged(format!(
                "record {} is in the place of record {}",
                verified.entry, position.entry
            )));
        }
        Ok(verified)
    }

    /// Every record under a key, verified, oldest first.
    ///
    /// # Errors
    /// [`Error`] where one cannot be read, is another's, or does not hold.
    pub fn find(&self, key: Key) -> Result<Vec<VerifiedRecord>, Error> {
        let positions = self.positions(key);
        let lines = self.records.read(&positions)?;
        let mut signed = SignedCheckpoints::default();
        positions
            .into_iter()
            .zip(lines.iter())
            .map(|(position, line)| self.verified(position, line, &mut signed))
            .collect()
    }

    /// Whether this very verdict, with its grade, is the last that the store holds of ours
    /// on the record's artifact as that release. Of what is never signed it holds nothing.
    ///
    /// # Errors
    /// [`Error`] where a record cannot be read or does not hold.
    pub fn says(&self, record: &ResultRecord) -> Result<bool, Error> {
        let Some(artifact) = &record.artifact else {
            return Ok(false);
        };
        let found = self.find(Key::artifact(&artifact.sha256))?;
        let purl = json!(record.purl);
        let ours = found
            .iter()
            .map(|found| &found.statement)
            .rfind(|said| said.predicate_type == REBUILD_RESULT && said.predicate["purl"] == purl);
        let replayed = match &record.verdict {
            Verdict::Reproduced { replayed, .. } => json!(replayed),
            _ => Value::Null,
        };
        Ok(ours.is_some_and(|said| {
            said.predicate["verdict"] == record.verdict.kind().name()
                && said.predicate["replayed"] == replayed
        }))
    }

    /// What the log says of keys.
    ///
    /// # Errors
    /// [`Error`] where an event does not hold.
    pub fn history(&self) -> Result<KeyHistory, Error> {
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        KeyHistory::read(&self.records, &index, &self.keys)
    }

    /// Every claim under a key, oldest first.
    ///
    /// # Errors
    /// [`Error`] as for the records.
    pub fn claims(&self, key: Key, history: &KeyHistory) -> Result<Vec<Claim>, Error> {
        let mut claims = Vec::new();
        for record in self.find(key)? {
            claims.extend(Claim::read(&record, history)?);
        }
        Ok(claims)
    }
}
