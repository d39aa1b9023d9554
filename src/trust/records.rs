//! The records: every bundle with its proof, a line each, 256 to a file as the log's
//! entries are. With the log they are the truth; the index is made of them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use super::log::{TILE_WIDTH, path_of};
use crate::attest::{Bundle, Link};
use crate::store;

/// The greatest line that is read. A bundle of a build that fetched thousands of files
/// has some hundred kilobytes; an imported document comes on top.
const LONGEST_RECORD: u32 = 32 << 20;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The signed statement.
    pub bundle: Bundle,
    /// The in-toto link of the same verdict; with the verdict's first statement only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// Another builder's document that the statement is a witness of, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
}

/// Where a record's line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The entry's number in the log.
    pub entry: u64,
    /// Where its line begins in its file.
    pub offset: u32,
    /// The line's length without its line break.
    pub length: u32,
}

impl Position {
    /// Whether the other record's line is the next in the same file.
    fn is_followed_by(&self, next: &Self) -> bool {
        self.entry / TILE_WIDTH == next.entry / TILE_WIDTH
            && self.entry + 1 == next.entry
            && u64::from(self.offset) + u64::from(self.length) + 1 == u64::from(next.offset)
    }
}

/// Lines as they were read.
#[derive(Debug)]
pub struct Lines {
    bytes: Vec<u8>,
    /// Where each ends, behind its line break.
    ends: Vec<usize>,
}

impl Lines {
    /// Each line, without its line break.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins
            .zip(&self.ends)
            .map(|(begin, end)| &self.bytes[begin..end - 1])
    }
}

/// The folder of records.
#[derive(Clone, Debug)]
pub struct Records {
    folder: PathBuf,
}

impl Records {
    /// The records in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// The file that holds an entry's record.
    pub fn path(&self, entry: u64) -> PathBuf {
        self.folder
            .join(format!("{}.jsonl", path_of(entry / TILE_WIDTH)))
    }

    /// The lines of records.
    ///
    /// # Errors
    /// [`Error`] where a file is not there or too short.
    pub fn read(&self, positions: &[Position]) -> Result<Lines, Error> {
        let mut bytes = Vec::new();
        let ends = self.read_onto(positions, &mut bytes)?;
        Ok(Lines { bytes, ends })
    }

    /// Puts the lines of records behind what `bytes` has, one after the other, each with
    /// its line break; returns where each ends. Those of one verdict follow each other
    /// in one file, so they are read at once.
    ///
    /// # Errors
    /// [`Error`] where a file is not there or too short.
    pub fn read_onto(
        &self,
        positions: &[Position],
        bytes: &mut Vec<u8>,
    ) -> Result<Vec<usize>, Error> {
        use std::os::unix::fs::FileExt as _;
        let mut ends = Vec::with_capacity(positions.len());
        for neighbours in positions.chunk_by(Position::is_followed_by) {
            let path = self.path(neighbours[0].entry);
            let begin = bytes.len();
            let mut end = begin;
            for position in neighbours {
                if position.length > LONGEST_RECORD {
                    let what = format!(
                        "record {} would have {} bytes",
                        position.entry, position.length
                    );
                    return Err(Error::Damaged { path, what });
                }
                end += position.length as usize + 1;
                ends.push(end);
            }
            bytes.resize(end, 0);
            std::fs::File::open(&path)
                .and_then(|file| {
                    let offset = u64::from(neighbours[0].offset);
                    file.read_exact_at(&mut bytes[begin..], offset)
                })
                .map_err(|error| store::Error::io("read", &path, error))?;
        }
        Ok(ends)
    }

    /// Every line of the file that holds `entry`, with its place; an unfinished last
    /// line is left out.
    ///
    /// # Errors
    /// [`Error`] where the file cannot be read; one that is not there has no lines.
    pub fn lines(&self, entry: u64) -> Result<Vec<(Position, Vec<u8>)>, Error> {
        let path = self.path(entry);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(store::Error::io("read", &path, error).into()),
        };
        let first = entry / TILE_WIDTH * TILE_WIDTH;
        let mut lines = Vec::new();
        let mut offset = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(whole) = line.strip_suffix(b"\n") else {
                break;
            };
            let position = Position {
                entry: first + lines.len() as u64,
                offset: small(offset, &path)?,
                length: small(whole.len(), &path)?,
            };
            lines.push((position, whole.to_vec()));
            offset += line.len();
        }
        Ok(lines)
    }

    /// Appends lines from entry `first` on, which must be the number of records there
    /// are; cuts off what an interrupted append left. Returns their places.
    ///
    /// # Errors
    /// [`Error`] where earlier records are missing, or nothing can be written.
    pub fn append(&self, first: u64, lines: &[Vec<u8>]) -> Result<Vec<Position>, Error> {
        let mut positions = Vec::with_capacity(lines.len());
        let mut rest = lines;
        while !rest.is_empty() {
            let entry = first + positions.len() as u64;
            let before = (entry % TILE_WIDTH) as usize;
            let (now, later) = rest.split_at(rest.len().min(TILE_WIDTH as usize - before));
            let path = self.path(entry);
            let start = self.end_of(entry, before)?;
            let mut bytes = Vec::new();
            for line in now {
                positions.push(Position {
                    entry: first + positions.len() as u64,
                    offset: small(start as usize + bytes.len(), &path)?,
                    length: small(line.len(), &path)?,
                });
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
            store::append_durably(&path, start, &bytes)?;
            rest = later;
        }
        Ok(positions)
    }

    /// Where the first `count` lines of the file of `entry` end.
    fn end_of(&self, entry: u64, count: usize) -> Result<u64, Error> {
        if count == 0 {
            return Ok(0);
        }
        let lines = self.lines(entry)?;
        let (last, _) = lines.get(count - 1).ok_or_else(|| Error::Damaged {
            path: self.path(entry),
            what: format!("it has {} records where {count} are due", lines.len()),
        })?;
        Ok(u64::from(last.offset) + u64::from(last.length) + 1)
    }
}

impl Record {
    /// Reads a line; nothing of it is verified yet.
    ///
    /// # Errors
    /// What is wrong with it, in one line.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }

    /// The line, without its line break.
    pub fn to_line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record is plain data and serialises")
    }
}

fn small(number: usize, path: &Path) -> Result<u32, Error> {
    u32::try_from(number).map_err(|_| {
        Error::Store(store::Error::TooLarge {
            what: path.display().to_string(),
            limit: u64::from(u32::MAX),
        })
    })
}
