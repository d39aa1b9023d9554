//! The log's files (C2SP tlog-tiles, "APIs"): where each is, and reading them within
//! bounds. What is read here is not verified; whoever asks holds it against a root.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::merkle::{TILE_WIDTH, Tile, Tiles};
use crate::model::Sha256Digest;
use crate::store;
use crate::trust::Error;

/// The greatest entry: its length is written in two bytes (C2SP tlog-tiles, "Log
/// entries").
pub const LONGEST_ENTRY: usize = 65_535;
/// Bytes of a hash in a tile.
const HASH: usize = 32;
/// Tiles that are kept in memory at once: 8 KiB each, so a megabyte or two; proofs
/// of neighbours need the same few.
const CACHED: usize = 256;

/// The log's folder.
pub struct LogFiles {
    folder: PathBuf,
    cache: Mutex<HashMap<(u8, u64), Tile>>,
}

/// A number as a path (C2SP tlog-tiles, "Merkle Tree": `x001/x234/067`).
pub fn path_of(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

impl LogFiles {
    /// The log in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            cache: Mutex::default(),
        }
    }

    /// The checkpoint's file.
    pub fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint")
    }

    /// A tile's file; a partial one where `width` is below the full width.
    pub fn tile_path(&self, level: u8, index: u64, width: u64) -> PathBuf {
        self.named(&level.to_string(), index, width)
    }

    /// An entry bundle's file.
    pub fn entries_path(&self, index: u64, width: u64) -> PathBuf {
        self.named("entries", index, width)
    }

    fn named(&self, kind: &str, index: u64, width: u64) -> PathBuf {
        let mut path = format!("tile/{kind}/{}", path_of(index));
        if width < TILE_WIDTH {
            path.push_str(&format!(".p/{width}"));
        }
        self.folder.join(path)
    }

    /// The note of the newest checkpoint; none where there is no log yet.
    pub fn read_checkpoint(&self) -> Result<Option<String>, Error> {
        let path = self.checkpoint();
        match std::fs::read_to_string(&path) {
            Ok(note) => Ok(Some(note)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(store::Error::io("read", &path, error).into()),
        }
    }

    /// Reads a tile, or where a partial one is gone, the full one that took its place.
    fn read_tile(&self, level: u8, index: u64, width: u64) -> Result<Tile, Error> {
        let partial = self.tile_path(level, index, width);
        let full = self.tile_path(level, index, TILE_WIDTH);
        let (path, bytes) = match std::fs::read(&partial) {
            Ok(bytes) => (partial, bytes),
            Err(_) if width < TILE_WIDTH && full.exists() => {
                let bytes =
                    std::fs::read(&full).map_err(|error| store::Error::io("read", &full, error))?;
                (full, bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Missing { path: partial });
            }
            Err(error) => return Err(store::Error::io("read", &partial, error).into()),
        };
        if bytes.len() < width as usize * HASH || bytes.len() % HASH != 0 {
            return Err(Error::Damaged {
                path,
                what: format!(
                    "it has {} bytes where {} are due",
                    bytes.len(),
                    width as usize * HASH
                ),
            });
        }
        Ok(bytes
            .chunks_exact(HASH)
            .map(|hash| {
                let mut raw = [0; HASH];
                raw.copy_from_slice(hash);
                Sha256Digest::from_bytes(raw)
            })
            .collect())
    }

    /// The entries of a bundle, of which there are at least `width`.
    pub fn read_entries(&self, index: u64, width: u64) -> Result<Vec<Vec<u8>>, Error> {
        let partial = self.entries_path(index, width);
        let full = self.entries_path(index, TILE_WIDTH);
        let path = if width < TILE_WIDTH && !partial.exists() && full.exists() {
            full
        } else {
            partial
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::Missing { path });
            }
            Err(error) => return Err(store::Error::io("read", &path, error).into()),
        };
        let entries = split_entries(&bytes).ok_or_else(|| Error::Damaged {
            path: path.clone(),
            what: "an entry's length points past its end".into(),
        })?;
        if (entries.len() as u64) < width {
            return Err(Error::Damaged {
                path,
                what: format!("it has {} entries where {width} are due", entries.len()),
            });
        }
        Ok(entries)
    }

    /// One of the log's files by what is behind `tile/` in its address. None where the
    /// address is none of the specification's, or there is no such file.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub fn read_static(&self, address: &str) -> Result<Option<Vec<u8>>, Error> {
        if !is_address(address) {
            return Ok(None);
        }
        let path = self.folder.join("tile").join(address);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound
                        | std::io::ErrorKind::NotADirectory
                        | std::io::ErrorKind::IsADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(store::Error::io("read", &path, error).into()),
        }
    }

    /// Forgets what was read, after the files changed.
    pub fn forget(&self) {
        self.cache
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl Tiles for LogFiles {
    type Error = Error;

    fn tile(&self, level: u8, index: u64, width: u64) -> Result<Tile, Error> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tile) = cache.get(&(level, index))
            && tile.len() as u64 >= width
        {
            return Ok(Arc::clone(tile));
        }
        // Which widths have a file depends on past checkpoints; the widest that is
        // there serves all below it.
        let tile = match self.read_tile(level, index, width) {
            Err(Error::Missing { .. }) => self.read_wider(level, index, width)?,
            other => other?,
        };
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert((level, index), Arc::clone(&tile));
        Ok(tile)
    }
}

impl LogFiles {
    fn read_wider(&self, level: u8, index: u64, width: u64) -> Result<Tile, Error> {
        let wanted = self.tile_path(level, index, width);
        let folder = wanted.parent().unwrap_or(&self.folder);
        let widest = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok())
            .filter(|found| *found > width && *found < TILE_WIDTH)
            .max();
        match widest {
            Some(found) if width < TILE_WIDTH => self.read_tile(level, index, found),
            _ => Err(Error::Missing { path: wanted }),
        }
    }
}

/// Whether a text is `<L>/<N>[.p/<W>]` or `entries/<N>[.p/<W>]` (C2SP tlog-tiles,
/// "Merkle Tree").
fn is_address(address: &str) -> bool {
    let Some((kind, rest)) = address.split_once('/') else {
        return false;
    };
    let is_plain = |text: &str, most: u32| {
        text.parse::<u32>()
            .is_ok_and(|number| number <= most && number.to_string() == text)
    };
    let (place, width) = match rest.split_once(".p/") {
        Some((place, width)) => (place, Some(width)),
        None => (rest, None),
    };
    let is_three = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
    let (above, last) = match place.rsplit_once('/') {
        Some((above, last)) => (Some(above), last),
        None => (None, place),
    };
    (kind == "entries" || is_plain(kind, 63))
        && width.is_none_or(|width| is_plain(width, 255) && width != "0")
        && is_three(last)
        && above.is_none_or(|above| {
            above
                .split('/')
                .all(|part| part.strip_prefix('x').is_some_and(is_three))
        })
}

/// Entries one after the other, each after its length in two bytes, big-endian (C2SP
/// tlog-tiles, "Log entries"). None where a length does not fit.
fn split_entries(mut bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while let [high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (entry, after) = rest.split_at_checked(length)?;
        entries.push(entry.to_vec());
        bytes = after;
    }
    bytes.is_empty().then_some(entries)
}

/// Puts one more entry at the end of a bundle. It must be no longer than
/// [`LONGEST_ENTRY`].
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) {
    debug_assert!(entry.len() <= LONGEST_ENTRY);
    bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
    bundle.extend_from_slice(entry);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_paths_as_the_specification_writes_them() {
        assert_eq!(path_of(0), "000");
        assert_eq!(path_of(999), "999");
        assert_eq!(path_of(1000), "x001/000");
        // C2SP tlog-tiles, "Merkle Tree".
        assert_eq!(path_of(1_234_067), "x001/x234/067");
    }

    #[test]
    fn entries_come_back_and_a_cut_one_is_noticed() {
        let mut bundle = Vec::new();
        push_entry(&mut bundle, b"one");
        push_entry(&mut bundle, b"");
        assert_eq!(
            split_entries(&bundle),
            Some(vec![b"one".to_vec(), b"".to_vec()])
        );
        assert_eq!(split_entries(&bundle[..4]), None);
        assert_eq!(split_entries(&bundle[..bundle.len() - 1]), None);
    }
}
