//! Two files held against each other: equality of the whole bytes first, and only
//! then where and why not. Imports `model` alone. It never calls unequal bytes
//! identical, never ends without a finding about unequal bytes, and never trusts
//! an archive: both sides are read as hostile, within limits.

mod diff;
mod member;
mod tarball;
mod text;
mod zipfile;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sha2::Digest as _;

use crate::model::{ArtifactKind, Comparison, Difference, DifferenceKind, Severity, Sha256Digest};

/// How many differences are listed; the rest is counted.
const MAX_LISTED: usize = 200;
/// Bytes shown on each side of the first that differs.
const WINDOW: usize = 16;

/// Why two files could not be compared: the farm's trouble, never the package's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path} to compare it: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Compares the published file with the rebuilt one.
///
/// # Errors
/// [`Error::Read`] where one of them cannot be read.
pub fn compare(published: &Path, rebuilt: &Path, kind: ArtifactKind) -> Result<Comparison, Error> {
    let ours = digest(rebuilt)?;
    let theirs = digest(published)?;
    if ours == theirs {
        return Ok(Comparison::Identical { sha256: theirs });
    }
    let mut differences = explain(published, rebuilt, kind)?;
    differences.sort_by(|a, b| (a.severity, a.kind, &a.path).cmp(&(b.severity, b.kind, &b.path)));
    let omitted = differences.len().saturating_sub(MAX_LISTED);
    differences.truncate(MAX_LISTED);
    Ok(Comparison::Differs {
        published: theirs,
        rebuilt: ours,
        differences,
        omitted,
    })
}

/// Where two unequal files differ; never empty.
fn explain(published: &Path, rebuilt: &Path, kind: ArtifactKind) -> Result<Vec<Difference>, Error> {
    let read = |path: &Path| -> Result<_, String> {
        match kind {
            ArtifactKind::Crate | ArtifactKind::NpmTarball | ArtifactKind::Sdist => {
                tarball::read(path)
            }
            ArtifactKind::PureWheel | ArtifactKind::PlatformWheel => zipfile::read(path),
            ArtifactKind::Other => Err("remint does not look into this kind of file".into()),
        }
    };
    let mut found = match (read(published), read(rebuilt)) {
        (Ok(theirs), Ok(ours)) => diff::archives(&theirs, &ours),
        (theirs, ours) => [("published", theirs.err()), ("rebuilt", ours.err())]
            .into_iter()
            .filter_map(|(side, reason)| Some(unreadable(side, &reason?)))
            .collect(),
    };
    if found.is_empty() {
        found.push(first_byte(published, rebuilt)?);
    }
    Ok(found)
}

fn unreadable(side: &str, reason: &str) -> Difference {
    Difference {
        path: String::new(),
        kind: DifferenceKind::Unreadable,
        severity: Severity::Payload,
        detail: format!("the {side} file cannot be read whole: {reason}"),
        diff: None,
    }
}

/// The last resort: the first byte that differs. What differs where no reader
/// looks is not known to be harmless.
fn first_byte(published: &Path, rebuilt: &Path) -> Result<Difference, Error> {
    let (mut theirs, mut ours) = (Chunks::open(published)?, Chunks::open(rebuilt)?);
    let mut offset = 0u64;
    loop {
        let (a, b) = (theirs.next()?, ours.next()?);
        let common = a.len().min(b.len());
        if let Some(at) = (0..common).find(|&i| a[i] != b[i]) {
            offset += at as u64;
            break;
        }
        offset += common as u64;
        if a.len() != b.len() || a.is_empty() {
            break;
        }
    }
    let detail = format!(
        "the members agree and the files differ from byte {offset} on: published {}, rebuilt {}",
        theirs.window(offset)?,
        ours.window(offset)?
    );
    Ok(Difference {
        path: String::new(),
        kind: DifferenceKind::Container,
        severity: Severity::Payload,
        detail,
        diff: None,
    })
}

/// A file read in equal pieces.
struct Chunks {
    path: PathBuf,
    file: File,
}

impl Chunks {
    const SIZE: usize = 1 << 16;

    fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path).map_err(|error| read_error(path, error))?,
        })
    }

    fn next(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(Self::SIZE);
        (&mut self.file)
            .take(Self::SIZE as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| read_error(&self.path, error))?;
        Ok(bytes)
    }

    /// A few bytes in hexadecimal.
    fn window(&mut self, offset: u64) -> Result<String, Error> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| (&mut self.file).take(WINDOW as u64).read_to_end(&mut bytes))
            .map_err(|error| read_error(&self.path, error))?;
        Ok(if bytes.is_empty() {
            "ends there".into()
        } else {
            hex::encode(bytes)
        })
    }
}

fn read_error(path: &Path, error: io::Error) -> Error {
    Error::Read {
        path: path.to_owned(),
        error,
    }
}

/// SHA-256 of a file, in constant memory.
fn digest(path: &Path) -> Result<Sha256Digest, Error> {
    let mut chunks = Chunks::open(path)?;
    let mut hasher = sha2::Sha256::new();
    loop {
        let chunk = chunks.next()?;
        if chunk.is_empty() {
            return Ok(Sha256Digest::from_bytes(hasher.finalize().into()));
        }
        hasher.update(&chunk);
    }
}

#[cfg(test)]
mod tests;
