//! Appending to the log's files.
//!
//! The order of writes is what makes a crash harmless. The entries and the tiles of
//! the larger tree come first; nobody looks at a tile that no checkpoint asks for, so
//! until the checkpoint is replaced the log is the old one, whatever files lie about.
//! The checkpoint is replaced by one rename, after every file that it asks for is on
//! the disk; from then on the log is the new one. A file that an interrupted append
//! left is replaced by the next, which writes the same name with what is right then.

use std::path::Path;

use super::checkpoint::{Checkpoint, Origin};
use super::files::{LogFiles, push_entry};
use super::merkle::{TILE_WIDTH, Tiles as _, Tree, complete_root, leaf_hash};
use crate::attest::{Ed25519Key, Ed25519PublicKey};
use crate::model::Sha256Digest;
use crate::store;
use crate::trust::Error;

/// The log, open for appending. One process at a time; whoever holds it has the lock.
pub struct LogWriter {
    files: LogFiles,
    origin: Origin,
    edge: Edge,
}

/// The right edge of the tree: everything that the next entry touches.
#[derive(Clone)]
struct Edge {
    size: u64,
    root: Sha256Digest,
    /// The partial tile of each level, from the leaves up.
    levels: Vec<Vec<Sha256Digest>>,
    /// The partial entry bundle.
    entries: Vec<u8>,
}

impl LogWriter {
    /// Opens the log in `folder`; an empty one is begun under `origin`. The newest
    /// checkpoint must be signed by one of `keys`.
    ///
    /// # Errors
    /// [`Error`] where the log is another's, damaged, or cannot be read.
    pub fn open(
        folder: &Path,
        origin: &Origin,
        key: &Ed25519Key,
        keys: &[Ed25519PublicKey],
    ) -> Result<Self, Error> {
        let files = LogFiles::new(folder);
        let Some(note) = files.read_checkpoint()? else {
            let empty = Checkpoint {
                origin: origin.clone(),
                size: 0,
                root: super::merkle::empty_root(),
            };
            store::write_durably(&files.checkpoint(), empty.sign(key).as_bytes())?;
            return Ok(Self {
                files,
                origin: origin.clone(),
                edge: Edge {
                    size: 0,
                    root: empty.root,
                    levels: vec![vec![]],
                    entries: vec![],
                },
            });
        };
        let damaged = |what: String| Error::Damaged {
            path: files.checkpoint(),
            what,
        };
        let checkpoint = Checkpoint::verify(&note, keys).map_err(damaged)?;
        if checkpoint.origin != *origin {
            return Err(Error::OtherOrigin {
                found: checkpoint.origin.as_str().to_owned(),
                configured: origin.as_str().to_owned(),
            });
        }
        let root = Tree::new(&files, checkpoint.size).root()?;
        if root != checkpoint.root {
            return Err(damaged(format!(
                "the tiles add up to {root} and not to its root {}; `remint trust log verify` says which entry was changed",
                checkpoint.root
            )));
        }
        let edge = Edge::read(&files, &checkpoint)?;
        Ok(Self {
            files,
            origin: checkpoint.origin,
            edge,
        })
    }

    /// How many entries the log has.
    pub const fn size(&self) -> u64 {
        self.edge.size
    }

    /// The root over them.
    pub const fn root(&self) -> Sha256Digest {
        self.edge.root
    }

    /// The audit path of an entry in the tree as it is now.
    ///
    /// # Errors
    /// [`Error`] where a tile cannot be read.
    pub fn inclusion(&self, index: u64) -> Result<Vec<Sha256Digest>, Error> {
        Tree::new(&self.files, self.edge.size).inclusion(index)
    }

    /// Appends entries and returns the note of the new checkpoint; they are in the
    /// log when this returns, all of them.
    ///
    /// # Errors
    /// [`Error`] where a file cannot be written; then the log is as it was.
    pub fn append(&mut self, entries: &[Vec<u8>], key: &Ed25519Key) -> Result<String, Error> {
        let mut edge = self.edge.clone();
        for entry in entries {
            edge.push(entry, &self.files)?;
        }
        edge.write_partial(&self.files)?;
        edge.root = Tree::new(&self.files, edge.size).root()?;
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: edge.size,
            root: edge.root,
        };
        let note = checkpoint.sign(key);
        store::write_durably(&self.files.checkpoint(), note.as_bytes())?;
        let from = self.edge.size;
        self.edge = edge;
        self.drop_partial(from);
        Ok(note)
    }

    /// Removes partial tiles whose full one is there (C2SP tlog-tiles, "Partial
    /// Tiles" allows it). Only tidiness depends on it, so what cannot be removed stays.
    fn drop_partial(&self, from: u64) {
        let (mut before, mut after, mut level) = (from, self.edge.size, 0);
        while after > 0 {
            for index in before / TILE_WIDTH..after / TILE_WIDTH {
                let mut partial = vec![self.files.tile_path(level, index, 1)];
                if level == 0 {
                    partial.push(self.files.entries_path(index, 1));
                }
                for path in partial {
                    if let Some(folder) = path.parent() {
                        let _ = std::fs::remove_dir_all(folder);
                    }
                }
            }
            before /= TILE_WIDTH;
            after /= TILE_WIDTH;
            level += 1;
        }
    }
}

impl Edge {
    fn read(files: &LogFiles, checkpoint: &Checkpoint) -> Result<Self, Error> {
        let mut levels = Vec::new();
        let mut count = checkpoint.size;
        let mut level = 0;
        loop {
            let width = count % TILE_WIDTH;
            levels.push(if width == 0 {
                vec![]
            } else {
                files.tile(level, count / TILE_WIDTH, width)?[..width as usize].to_vec()
            });
            count /= TILE_WIDTH;
            if count == 0 {
                break;
            }
            level += 1;
        }
        let width = checkpoint.size % TILE_WIDTH;
        let mut entries = Vec::new();
        if width > 0 {
            let read = files.read_entries(checkpoint.size / TILE_WIDTH, width)?;
            for entry in &read[..width as usize] {
                push_entry(&mut entries, entry);
            }
        }
        Ok(Self {
            size: checkpoint.size,
            root: checkpoint.root,
            levels,
            entries,
        })
    }

    /// Adds an entry, and writes every tile that it fills.
    fn push(&mut self, entry: &[u8], files: &LogFiles) -> Result<(), Error> {
        push_entry(&mut self.entries, entry);
        self.size += 1;
        let mut hash = leaf_hash(entry);
        let mut count = self.size;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(vec![]);
            }
            self.levels[level].push(hash);
            if self.levels[level].len() as u64 != TILE_WIDTH {
                return Ok(());
            }
            let full = std::mem::take(&mut self.levels[level]);
            let index = count / TILE_WIDTH - 1;
            if level == 0 {
                let path = files.entries_path(index, TILE_WIDTH);
                store::write_durably(&path, &std::mem::take(&mut self.entries))?;
            }
            // A level is below 8, since a size is below 2^64.
            let path = files.tile_path(level as u8, index, TILE_WIDTH);
            store::write_durably(&path, &bytes_of(&full))?;
            hash = complete_root(&full);
            count /= TILE_WIDTH;
        }
        Ok(())
    }

    fn write_partial(&self, files: &LogFiles) -> Result<(), Error> {
        let mut count = self.size;
        for (level, hashes) in self.levels.iter().enumerate() {
            let (index, width) = (count / TILE_WIDTH, hashes.len() as u64);
            if width > 0 {
                if level == 0 {
                    store::write_durably(&files.entries_path(index, width), &self.entries)?;
                }
                let path = files.tile_path(level as u8, index, width);
                store::write_durably(&path, &bytes_of(hashes))?;
            }
            count /= TILE_WIDTH;
        }
        Ok(())
    }
}

fn bytes_of(hashes: &[Sha256Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
