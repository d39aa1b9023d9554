//! Whole files as bytes: hashing them and finding where they part. May import
//! `model`; never holds more than a buffer of a file.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::{Error, sides};
use crate::model::Sha256Digest;

/// One read's size; large enough that the system call's cost does not show.
const BUFFER: usize = 128 << 10;

/// Bytes of each side that a window shows: one row of a usual hex dump.
const WINDOW: usize = 16;

fn read_error(path: &Path) -> impl Fn(std::io::Error) -> Error {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

/// SHA-256 of a whole file.
pub(super) fn hash_file(path: &Path) -> Result<Sha256Digest, Error> {
    let failed = read_error(path);
    let mut file = File::open(path).map_err(&failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(Sha256Digest::from_bytes(hasher.finalize().into())),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}

/// SHA-256 of two files.
pub(super) fn hash_files(paths: [&Path; 2]) -> Result<[Sha256Digest; 2], Error> {
    let [published, rebuilt] = sides::both(sides::weight(paths), paths, hash_file);
    Ok([published?, rebuilt?])
}

/// A file's first bytes, `count` of them or fewer.
pub(super) fn head_of(path: &Path, count: usize) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?
        .take(count as u64)
        .read_to_end(&mut head)?;
    Ok(head)
}

/// [`head_of`], with an error that names the file.
pub(super) fn head(path: &Path, count: usize) -> Result<Vec<u8>, Error> {
    head_of(path, count).map_err(read_error(path))
}

/// Where two runs of bytes part, with a few bytes of each side from there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirstDifference {
    /// The offset of the first byte that is not the same.
    pub offset: u64,
    published: Vec<u8>,
    rebuilt: Vec<u8>,
}

impl fmt::Display for FirstDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bytes differ at offset {}: published {}, rebuilt {}",
            self.offset,
            hex_window(&self.published),
            hex_window(&self.rebuilt)
        )
    }
}

fn hex_window(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "ends".to_owned();
    }
    let row: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    row.join(" ")
}

/// Where two slices part; `base` is the offset of their first byte.
pub(super) fn first_difference_of(
    published: &[u8],
    rebuilt: &[u8],
    base: u64,
) -> Option<FirstDifference> {
    let shorter = published.len().min(rebuilt.len());
    let at = (0..shorter)
        .find(|&i| published[i] != rebuilt[i])
        .or_else(|| (published.len() != rebuilt.len()).then_some(shorter))?;
    let window = |bytes: &[u8]| bytes[at..bytes.len().min(at + WINDOW)].to_vec();
    Some(FirstDifference {
        offset: base + at as u64,
        published: window(published),
        rebuilt: window(rebuilt),
    })
}

/// Where two files part; `None` where they do not.
pub(super) fn first_difference(
    published: &Path,
    rebuilt: &Path,
) -> Result<Option<FirstDifference>, Error> {
    let (failed_published, failed_rebuilt) = (read_error(published), read_error(rebuilt));
    let open = |path: &Path| File::open(path).map(|file| BufReader::with_capacity(BUFFER, file));
    let mut left = open(published).map_err(&failed_published)?;
    let mut right = open(rebuilt).map_err(&failed_rebuilt)?;
    let mut offset = 0u64;
    loop {
        let a = left.fill_buf().map_err(&failed_published)?;
        let b = right.fill_buf().map_err(&failed_rebuilt)?;
        let common = a.len().min(b.len());
        if common == 0 {
            return Ok(first_difference_of(a, b, offset));
        }
        if a[..common] != b[..common] {
            return Ok(first_difference_of(&a[..common], &b[..common], offset));
        }
        left.consume(common);
        right.consume(common);
        offset += common as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_found_and_shown() {
        let first = first_difference_of(b"abcdef", b"abXdef", 100).expect("differs");
        assert_eq!(first.offset, 102);
        assert_eq!(
            first.to_string(),
            "bytes differ at offset 102: published 63 64 65 66, rebuilt 58 64 65 66"
        );
    }

    #[test]
    fn a_file_that_goes_on_where_the_other_ends_differs_there() {
        let first = first_difference_of(b"ab", b"abc", 0).expect("differs");
        assert_eq!(
            first.to_string(),
            "bytes differ at offset 2: published ends, rebuilt 63"
        );
        assert_eq!(first_difference_of(b"ab", b"ab", 0), None);
    }
}
