//! Every text of the store as it lies there, for whoever must know what records refer
//! to. Nothing is verified: a text that is too much keeps a file too many, and that is
//! all. A text that is not there, or cannot be read, is an error.

use super::Error;
use super::folders::Folders;
use super::ledger::Pending;
use super::log::{Checkpoint, LogFiles, TILE_WIDTH};
use super::records::Record;
use super::verified::TrustedKeys;
use crate::store;

/// Hands over every record's line, and what a crash left under way; the bundles within
/// hold what was signed in base64.
///
/// # Errors
/// [`Error`] where one is missing or damaged.
pub fn every_text(folders: &Folders, visit: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
    let log = LogFiles::new(&folders.log);
    let written = state_of(folders, &log, visit)?;
    let records = folders.records();
    let mut seen: u64 = 0;
    loop {
        let lines = records.lines(seen)?;
        for (position, line) in &lines {
            Record::parse(line).map_err(|what| Error::Damaged {
                path: records.path(position.entry),
                what: format!("record {}: {what}", position.entry),
            })?;
            visit(line);
        }
        seen += lines.len() as u64;
        if (lines.len() as u64) < TILE_WIDTH {
            break;
        }
    }
    if seen < written {
        return Err(Error::Missing {
            path: records.path(seen),
        });
    }
    Ok(())
}

/// How many records there must be. Hands over what a crash left under way: its records
/// may not be there yet. Under the lock, since a writer that lives has them not in step.
fn state_of(folders: &Folders, log: &LogFiles, visit: &mut dyn FnMut(&[u8])) -> Result<u64, Error> {
    if !folders.trust.exists() && !folders.log.exists() {
        return Ok(0);
    }
    let _lock = store::lock(&folders.lock())?;
    let size = match log.read_checkpoint()? {
        None => 0,
        Some(note) => {
            let keys = TrustedKeys::of_folder(&folders.keys)?;
            Checkpoint::verify(&note, &keys.log)
                .map_err(|what| Error::Damaged {
                    path: log.checkpoint(),
                    what,
                })?
                .size
        }
    };
    let path = folders.pending();
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(size),
        Err(error) => return Err(store::Error::io("read", &path, error).into()),
    };
    let pending: Pending = serde_json::from_slice(&text).map_err(|error| Error::Damaged {
        path,
        what: error.to_string(),
    })?;
    visit(&text);
    Ok(size.min(pending.first))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{batch, keys, ledger};
    use super::*;

    fn texts(folders: &Folders) -> Result<usize, Error> {
        let mut count = 0;
        every_text(folders, &mut |_| count += 1).map(|()| count)
    }

    #[test]
    fn every_record_is_handed_over_and_one_that_is_missing_or_damaged_is_an_error() {
        let folder = tempfile::tempdir().expect("temp");
        let folders = Folders::below(folder.path());
        assert_eq!(texts(&folders).expect("an empty store"), 0);
        let keys = keys();
        let ledger = ledger(folder.path(), &keys);
        ledger.append(batch(0..300, &keys)).expect("stored");
        // The keys' own records come first.
        assert_eq!(texts(&folders).expect("reads"), 303);
        let last = folders.records().path(TILE_WIDTH);
        let whole = std::fs::read(&last).expect("read");
        std::fs::write(&last, &whole[..whole.len() - 1]).expect("write");
        assert!(matches!(texts(&folders), Err(Error::Missing { .. })));
        std::fs::write(&last, [b"{}\n", &whole[..]].concat()).expect("write");
        assert!(matches!(texts(&folders), Err(Error::Damaged { .. })));
        std::fs::remove_file(&last).expect("remove");
        assert!(matches!(texts(&folders), Err(Error::Missing { .. })));
    }
}
