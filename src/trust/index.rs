//! The index: from a digest or a package to its records. A file of rows of one size
//! that only grows, in the order of the log, and in memory a sorted table of them.
//!
//! It is made of the records and can be made again at any time, so it needs no
//! database: readers of other processes follow it by reading what was added, a look-up
//! is a binary search, and a row costs 32 bytes on disk and in memory. What it points
//! to is read and verified; a wrong row can hide a record from a look-up, and
//! `remint trust log verify` finds it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::Error;
use super::records::Position;
use crate::attest::Statement;
use crate::model::{Digest, Sha256Digest, Sha512Digest};
use crate::store;

/// Bytes of a row: 16 of the key, 8 of the entry's number, 4 of the offset, 4 of the
/// length, big-endian.
const ROW: usize = 32;
/// Rows that are kept beside the sorted table until they are merged into it. Sorting a
/// million takes a tenth of a second, so not at every append; a map of this many is
/// small.
const UNSORTED: usize = 65_536;

/// What is looked up: the first half of a SHA-256. Two things that share it are told
/// apart when the record is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

impl Key {
    /// An artifact by its SHA-256.
    pub fn artifact(digest: &Sha256Digest) -> Self {
        Self::of("sha256", &digest.to_string())
    }

    /// An artifact by its SHA-512.
    pub fn artifact_sha512(digest: &Sha512Digest) -> Self {
        Self::of("sha512", &digest.to_string())
    }

    /// A package with its version.
    pub fn purl(purl: &str) -> Self {
        Self::of("purl", purl)
    }

    /// A statement by the digest of its signed bytes.
    pub fn signed(digest: &Sha256Digest) -> Self {
        Self::of("signed", &digest.to_string())
    }

    /// An artifact by any digest.
    pub fn digest(digest: &Digest) -> Self {
        match digest {
            Digest::Sha256(digest) => Self::artifact(digest),
            Digest::Sha512(digest) => Self::artifact_sha512(digest),
        }
    }

    /// Another builder's document.
    pub fn document(digest: &Sha256Digest) -> Self {
        Self::of("document", &digest.to_string())
    }

    /// Every statement of a type, for the few that are read as a whole.
    pub fn predicate_type(name: &str) -> Self {
        Self::of("type", name)
    }

    fn of(kind: &str, text: &str) -> Self {
        let digest = Sha256Digest::of(format!("{kind}:{text}"));
        let mut half = [0; 16];
        half.copy_from_slice(&digest.as_bytes()[..16]);
        Self(half)
    }
}

/// The keys under which a statement is found.
pub fn keys_of(statement: &Statement, signed: &Sha256Digest, document: Option<&str>) -> Vec<Key> {
    let mut keys = vec![Key::signed(signed)];
    for subject in &statement.subject {
        keys.extend(subject.sha256().as_ref().map(Key::artifact));
        keys.extend(subject.sha512().as_ref().map(Key::artifact_sha512));
        keys.extend(subject.uri.as_deref().map(Key::purl));
    }
    if let Some(document) = document {
        keys.push(Key::document(&Sha256Digest::of(document)));
    }
    if statement.predicate_type == crate::attest::KEY_EVENT {
        keys.push(Key::predicate_type(&statement.predicate_type));
    }
    keys
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    key: Key,
    position: Position,
}

impl Row {
    fn to_bytes(self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..16].copy_from_slice(&self.key.0);
        bytes[16..24].copy_from_slice(&self.position.entry.to_be_bytes());
        bytes[24..28].copy_from_slice(&self.position.offset.to_be_bytes());
        bytes[28..].copy_from_slice(&self.position.length.to_be_bytes());
        bytes
    }

    /// None where it is no row: no record is empty, and a file system may leave zeros
    /// where a write was interrupted.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, rest) = bytes.split_first_chunk::<16>()?;
        let (entry, rest) = rest.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<4>()?;
        let (length, _) = rest.split_first_chunk::<4>()?;
        let position = Position {
            entry: u64::from_be_bytes(*entry),
            offset: u32::from_be_bytes(*offset),
            length: u32::from_be_bytes(*length),
        };
        (position.length > 0).then_some(Self {
            key: Key(*key),
            position,
        })
    }
}

/// The index, as far as it was read.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    /// Bytes of the file that are in memory.
    read: u64,
    sorted: Vec<Row>,
    recent: HashMap<Key, Vec<Position>>,
    unsorted: usize,
    /// One above the greatest entry that has rows.
    covered: u64,
}

impl Index {
    /// The index in the file `path`; nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
            sorted: vec![],
            recent: HashMap::new(),
            unsorted: 0,
            covered: 0,
        }
    }

    /// One above the greatest entry that has rows.
    pub const fn covered(&self) -> u64 {
        self.covered
    }

    /// Reads what was added since the last time. Returns whether anything was.
    ///
    /// # Errors
    /// [`Error`] where the file cannot be read.
    pub fn refresh(&mut self) -> Result<bool, Error> {
        use std::os::unix::fs::FileExt as _;
        let path = self.path.clone();
        let failed = |error| store::Error::io("read", &path, error);
        let file = match std::fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error).into()),
        };
        let length = file.metadata().map_err(failed)?.len() / ROW as u64 * ROW as u64;
        if length < self.read {
            // Cut off or made anew: begin again.
            *self = Self::new(&path);
        }
        if length <= self.read {
            return Ok(false);
        }
        let mut bytes = vec![0; (length - self.read) as usize];
        file.read_exact_at(&mut bytes, self.read).map_err(failed)?;
        let rows: Vec<Row> = bytes.chunks_exact(ROW).map_while(Row::from_bytes).collect();
        self.read += (rows.len() * ROW) as u64;
        let greatest = rows.iter().map(|row| row.position.entry + 1).max();
        self.covered = self.covered.max(greatest.unwrap_or_default());
        self.take_in(rows);
        Ok(greatest.is_some())
    }

    fn take_in(&mut self, rows: Vec<Row>) {
        if rows.len() > UNSORTED {
            // A store that is opened: straight into the table.
            self.sorted.extend(rows);
            self.merge();
            return;
        }
        self.unsorted += rows.len();
        for row in rows {
            self.recent.entry(row.key).or_default().push(row.position);
        }
        if self.unsorted > UNSORTED {
            self.merge();
        }
    }

    fn merge(&mut self) {
        for (key, positions) in self.recent.drain() {
            self.sorted
                .extend(positions.into_iter().map(|position| Row { key, position }));
        }
        self.unsorted = 0;
        self.sorted.sort_unstable();
    }

    /// Every record under a key, oldest first, each once.
    pub fn find(&self, key: Key) -> Vec<Position> {
        let start = self.sorted.partition_point(|row| row.key < key);
        let mut found: Vec<Position> = self.sorted[start..]
            .iter()
            .take_while(|row| row.key == key)
            .map(|row| row.position)
            .chain(self.recent.get(&key).into_iter().flatten().copied())
            .collect();
        found.sort_unstable();
        found.dedup_by_key(|position| position.entry);
        found
    }

    /// Adds the rows of records, in the order of the log.
    ///
    /// # Errors
    /// [`Error`] where they cannot be written.
    pub fn append(&mut self, records: &[(Position, Vec<Key>)]) -> Result<(), Error> {
        let bytes: Vec<u8> = records
            .iter()
            .flat_map(|(position, keys)| {
                keys.iter().flat_map(|key| {
                    let row = Row {
                        key: *key,
                        position: *position,
                    };
                    row.to_bytes()
                })
            })
            .collect();
        store::append_durably(&self.path, self.read, &bytes)?;
        self.refresh()?;
        Ok(())
    }

    /// Forgets every row from entry `entry` on, on disk too: what an interrupted
    /// append left of them may not be whole.
    ///
    /// # Errors
    /// [`Error`] where the file cannot be cut.
    pub fn forget_from(&mut self, entry: u64) -> Result<(), Error> {
        let mut bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(store::Error::io("read", &self.path, error).into()),
        };
        let keep = bytes
            .chunks_exact(ROW)
            .map_while(Row::from_bytes)
            .take_while(|row| row.position.entry < entry)
            .count()
            * ROW;
        if keep < bytes.len() {
            bytes.truncate(keep);
            store::append_durably(&self.path, keep as u64, &[])?;
        }
        *self = Self::new(&self.path.clone());
        self.refresh()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(entry: u64) -> Position {
        Position {
            entry,
            offset: 7,
            length: 9,
        }
    }

    #[test]
    fn records_are_found_by_each_key_and_across_processes() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("index");
        let mut writer = Index::new(&path);
        let mut reader = Index::new(&path);
        let (a, b) = (Key::purl("a"), Key::purl("b"));
        let rows = [(position(0), vec![a, b]), (position(1), vec![a])];
        writer.append(&rows).expect("written");
        assert!(reader.refresh().expect("read"));
        assert_eq!(reader.find(a), [position(0), position(1)]);
        reader.merge();
        assert_eq!(reader.find(b), [position(0)]);
        writer.append(&[(position(2), vec![a])]).expect("written");
        reader.refresh().expect("read");
        assert_eq!(reader.find(a), [position(0), position(1), position(2)]);
        assert_eq!(reader.find(Key::purl("c")), []);
        assert_eq!(reader.covered(), 3);
    }

    #[test]
    fn many_rows_at_once_are_found_beside_a_few() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("index");
        let mut writer = Index::new(&path);
        let mut reader = Index::new(&path);
        let key = |number: u64| Key::purl(&number.to_string());
        let rows = |numbers: std::ops::Range<u64>| {
            let row = |number| (position(number), vec![key(number)]);
            numbers.map(row).collect::<Vec<_>>()
        };
        writer.append(&rows(0..2)).expect("written");
        reader.refresh().expect("read");
        let many = UNSORTED as u64 + 10;
        writer.append(&rows(2..many)).expect("written");
        reader.refresh().expect("read");
        writer.append(&rows(many..many + 1)).expect("written");
        reader.refresh().expect("read");
        for number in [0, 1, 2, many - 1, many] {
            assert_eq!(reader.find(key(number)), [position(number)], "{number}");
        }
        assert_eq!(reader.find(key(many + 1)), []);
        assert_eq!(reader.covered(), many + 1);
    }

    #[test]
    fn a_torn_tail_is_left_aside_and_can_be_cut() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("index");
        let key = Key::purl("a");
        let mut index = Index::new(&path);
        let rows = [(position(0), vec![key]), (position(1), vec![key])];
        index.append(&rows).expect("written");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes.extend([0; ROW]);
        bytes.extend([1; 5]);
        std::fs::write(&path, &bytes).expect("write");
        let mut index = Index::new(&path);
        index.refresh().expect("read");
        assert_eq!(index.find(key), [position(0), position(1)]);
        index.forget_from(1).expect("cut");
        assert_eq!(index.find(key), [position(0)]);
        assert_eq!(std::fs::metadata(&path).expect("there").len(), ROW as u64);
    }
}
