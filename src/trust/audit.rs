//! Verifying the whole store: every entry, tile, record and index row, and every
//! checkpoint that a record carries. It goes on after a finding, so that the list is
//! whole; each finding names the entry that it is about.

use std::collections::BTreeMap;

use super::Error;
use super::folders::Folders;
use super::index::{Index, keys_of};
use super::log::{
    Checkpoint, LogFiles, TILE_WIDTH, Tile, Tiles as _, Tree, complete_root, leaf_hash,
};
use super::records::{Position, Record};
use super::verified::{SignedCheckpoints, TrustedKeys, VerifiedRecord, verify_one_of};
use crate::attest::{KeyEvent, KeyEventKind};
use crate::model::Sha256Digest;

/// Findings that are listed; a log that is wholly another has one for each entry.
const LISTED: usize = 100;

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Entries that the checkpoint says there are.
    pub size: u64,
    /// Records that hold.
    pub good: u64,
    /// What does not, in the order of the log; at most a hundred, then their number.
    pub findings: Vec<String>,
    /// Findings beyond those.
    pub omitted: u64,
}

impl Audit {
    fn finding(&mut self, text: String) {
        if self.findings.len() < LISTED {
            self.findings.push(text);
        } else {
            self.omitted += 1;
        }
    }

    /// Whether everything holds.
    pub fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Verifies everything in `folders` with `keys`. `older` are checkpoints that someone
/// kept: the log must still have what they say.
///
/// # Errors
/// [`Error`] where the disk cannot be read; what is wrong with the store is a finding.
pub fn audit(folders: &Folders, keys: &TrustedKeys, older: &[String]) -> Result<Audit, Error> {
    let files = LogFiles::new(&folders.log);
    let mut audit = Audit::default();
    let Some(note) = files.read_checkpoint()? else {
        if !older.is_empty() || folders.records().path(0).exists() {
            audit.finding("the log has no checkpoint, and there were records".into());
        }
        return Ok(audit);
    };
    let checkpoint = match Checkpoint::verify(&note, &keys.log) {
        Ok(checkpoint) => checkpoint,
        Err(what) => {
            audit.finding(format!("{}: {what}", files.checkpoint().display()));
            return Ok(audit);
        }
    };
    audit.size = checkpoint.size;
    let mut seen = Checkpoints::default();
    for note in older {
        match Checkpoint::verify(note, &keys.log) {
            Ok(old) => seen.add(&old, "a checkpoint that was kept"),
            Err(what) => audit.finding(what),
        }
    }
    tree(&files, &checkpoint, &mut audit);
    records(folders, &files, keys, &checkpoint, &mut seen, &mut audit)?;
    seen.hold(&files, &checkpoint, &mut audit);
    Ok(audit)
}

/// Entries against tiles, tiles against the tiles above, and those against the root.
fn tree(files: &LogFiles, checkpoint: &Checkpoint, audit: &mut Audit) {
    let mut count = checkpoint.size;
    let mut level = 0u8;
    while count > 0 {
        for index in 0..count.div_ceil(TILE_WIDTH) {
            let width = (count - index * TILE_WIDTH).min(TILE_WIDTH);
            let tile: Tile = match files.tile(level, index, width) {
                Ok(tile) => tile,
                Err(error) => {
                    audit.finding(format!("tile {level}/{index}: {error}"));
                    continue;
                }
            };
            if level == 0 {
                entries(files, index, width, &tile, audit);
            }
            if width == TILE_WIDTH {
                let place = index % TILE_WIDTH;
                let above = files.tile(level + 1, index / TILE_WIDTH, place + 1);
                let is_right = above
                    .as_ref()
                    .is_ok_and(|above| above[place as usize] == complete_root(&tile[..256]));
                if !is_right {
                    audit.finding(format!(
                        "tile {level}/{index} (entries {} to {}) is not what the tile above it says",
                        (index * TILE_WIDTH) << (8 * u32::from(level)),
                        (((index + 1) * TILE_WIDTH) << (8 * u32::from(level))) - 1,
                    ));
                }
            }
        }
        count /= TILE_WIDTH;
        level += 1;
    }
    match Tree::new(files, checkpoint.size).root() {
        Ok(root) if root == checkpoint.root => {}
        Ok(root) => audit.finding(format!(
            "the tiles add up to the root {root}, and the checkpoint of size {} says {}",
            checkpoint.size, checkpoint.root
        )),
        Err(error) => audit.finding(format!("the root cannot be computed: {error}")),
    }
}

fn entries(files: &LogFiles, index: u64, width: u64, tile: &[Sha256Digest], audit: &mut Audit) {
    let first = index * TILE_WIDTH;
    match files.read_entries(index, width) {
        Ok(found) => {
            for ((entry, hash), number) in found.iter().zip(tile).zip(first..first + width) {
                if leaf_hash(entry) != *hash {
                    audit.finding(format!(
                        "entry {number} is not the one whose hash the log has"
                    ));
                }
            }
        }
        Err(error) => audit.finding(format!("entries {first} to {}: {error}", first + width - 1)),
    }
}

/// Records against entries, and the index against records.
fn records(
    folders: &Folders,
    files: &LogFiles,
    keys: &TrustedKeys,
    checkpoint: &Checkpoint,
    seen: &mut Checkpoints,
    audit: &mut Audit,
) -> Result<(), Error> {
    let store = folders.records();
    let mut records = Records::new(folders, keys, checkpoint, seen)?;
    // One file further than the log goes: what a rolled back checkpoint forgot.
    for file in 0..=checkpoint.size / TILE_WIDTH + 1 {
        let first = file * TILE_WIDTH;
        let lines = store.lines(first)?;
        let due = checkpoint.size.saturating_sub(first).min(TILE_WIDTH);
        let logged = if due > 0 {
            files.read_entries(file, due).unwrap_or_default()
        } else {
            vec![]
        };
        for number in first + lines.len() as u64..first + due {
            audit.finding(format!("record {number} is missing"));
        }
        for (position, line) in lines {
            let entry = logged.get((position.entry - first) as usize);
            match records.hold(position, &line, entry.map(Vec::as_slice))? {
                Ok(record) => {
                    audit.good += 1;
                    if let Some(what) = records.revocation(position.entry, record)? {
                        audit.finding(what);
                    }
                }
                Err(what) => audit.finding(what),
            }
        }
    }
    Ok(())
}

/// What records are held against, with what those before said.
struct Records<'a> {
    keys: &'a TrustedKeys,
    /// Entries that the checkpoint says there are.
    size: u64,
    folders: &'a Folders,
    index: Index,
    signed: SignedCheckpoints,
    seen: &'a mut Checkpoints,
    /// Keys that were revoked, by which entry and why.
    revoked: BTreeMap<Sha256Digest, (u64, String)>,
}

impl<'a> Records<'a> {
    fn new(
        folders: &'a Folders,
        keys: &'a TrustedKeys,
        checkpoint: &Checkpoint,
        seen: &'a mut Checkpoints,
    ) -> Result<Self, Error> {
        let mut index = Index::new(&folders.index());
        index.refresh()?;
        Ok(Self {
            keys,
            size: checkpoint.size,
            folders,
            index,
            signed: SignedCheckpoints::default(),
            seen,
            revoked: BTreeMap::new(),
        })
    }

    /// The record in this line, which is `entry` of the log and is found through the index; or
    /// what is wrong with it.
    fn hold(
        &mut self,
        position: Position,
        line: &[u8],
        entry: Option<&[u8]>,
    ) -> Result<Result<VerifiedRecord, String>, Error> {
        let number = position.entry;
        let verified = Record::parse(line).and_then(|record| {
            verify_one_of(record, self.keys, &mut self.signed).map_err(|error| error.to_string())
        });
        let record = match verified {
            Ok(record) => record,
            Err(what) => return Ok(Err(format!("record {number}: {what}"))),
        };
        self.seen
            .add(&record.checkpoint, &format!("record {number}"));
        if number >= self.size {
            return Ok(Err(format!(
                "record {number} is in a tree of {}, and the checkpoint says {}: it was rolled back",
                record.checkpoint.size, self.size
            )));
        }
        if record.entry != number {
            return Ok(Err(format!(
                "record {number} is in the place of record {}",
                record.entry
            )));
        }
        let body = record.record.bundle.entries()[0].proof()?.body;
        if entry != Some(&body) {
            return Ok(Err(format!(
                "record {number} is not what entry {number} is about"
            )));
        }
        if !self.is_indexed(&record, position) {
            return Ok(Err(format!(
                "record {number} is not found through the index; remove {} to have it made again",
                self.folders.index().display()
            )));
        }
        Ok(Ok(record))
    }

    fn is_indexed(&self, record: &VerifiedRecord, position: Position) -> bool {
        let document = record.record.document.as_deref();
        keys_of(&record.statement, &record.signed, document)
            .iter()
            .all(|key| self.index.find(*key).contains(&position))
    }

    /// What says that the key of a record had been revoked before it; what revokes one is
    /// remembered.
    fn revocation(&mut self, number: u64, record: VerifiedRecord) -> Result<Option<String>, Error> {
        if let Some(event) = KeyEvent::read(&record.statement)?
            && event.event == KeyEventKind::Revoked
        {
            self.revoked.insert(event.key_id, (number, event.reason));
            return Ok(None);
        }
        // Only the place in the log counts here: a time is what the signer says.
        let revoked = self.revoked.get(&record.key_id);
        Ok(revoked.map(|(entry, reason)| {
            format!(
                "record {number} is signed by the key {}, which entry {entry} revokes ({reason})",
                record.key_id
            )
        }))
    }
}

/// Every checkpoint that was met, by size.
#[derive(Default)]
struct Checkpoints(BTreeMap<u64, Vec<(Sha256Digest, String)>>);

impl Checkpoints {
    fn add(&mut self, checkpoint: &Checkpoint, whose: &str) {
        let roots = self.0.entry(checkpoint.size).or_default();
        if !roots.iter().any(|(root, _)| *root == checkpoint.root) {
            roots.push((checkpoint.root, whose.to_owned()));
        }
    }

    /// Each must be a prefix of the log as it is: its root is that of as many leaves.
    fn hold(&self, files: &LogFiles, checkpoint: &Checkpoint, audit: &mut Audit) {
        for (size, roots) in &self.0 {
            for (root, whose) in roots {
                if *size > checkpoint.size {
                    audit.finding(format!(
                        "{whose} is of a tree of {size}, and the checkpoint says {}: it was rolled back",
                        checkpoint.size
                    ));
                } else if !Tree::new(files, *size).root().is_ok_and(|now| now == *root) {
                    audit.finding(format!(
                        "{whose} is of a tree of {size} with the root {root}, and the log's first {size} entries have another"
                    ));
                }
            }
        }
    }
}
