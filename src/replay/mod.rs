//! Puts harmless metadata of a published archive on a rebuilt one: times, owners,
//! plain permission bits, gzip's fixed header fields, the compressor.
//!
//! May import `model`. It must never take a member's content, name, kind, link, order
//! or executable bits from the published file, and never answer whether two files are
//! the same: what it makes is a file like any other, which `compare` holds against the
//! published one, byte for byte. Whatever is outside its bounds, it leaves alone, and
//! then the files stay different.

mod deflate;
mod pax;
mod tar;
mod tarball;
mod wheel;
mod zlib;

use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::model::{ArtifactKind, Compressor, DeflateFamily, ReplayedFact};
use pax::Moment;
pub use tarball::Uncompressed;

/// The largest file that is replayed, as it is on disk and inflated: all of it is held in
/// memory.
const MAX_SIZE: u64 = 256 << 20;

/// The earliest time that is believed: 1970 for tar, 1980 for zip, which cannot say less.
const EARLIEST: i64 = 0;

/// How long after its publication a member's time may lie: clocks and zones differ.
const LATE: i64 = 24 * 3600;

/// Where the largest time stands if nobody knows when the file was published:
/// 2100-01-01, so that a time stays a time.
const FAR: i64 = 4_102_444_800;

/// A rebuilt archive with replayed metadata.
#[derive(Debug)]
pub struct Replayed {
    /// The archive.
    pub bytes: Vec<u8>,
    /// What was put on it; never empty.
    pub facts: Vec<ReplayedFact>,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// The archive.
    Whole(Replayed),
    /// All of a tarball but its stream: what wrote the published one cannot be run here.
    Uncompressed(Uncompressed),
}

/// The rebuilt file with the published file's metadata put on it; none where nothing was
/// to be put on it, or what there is lies outside the bounds. `likely` is the compressor
/// of an earlier version.
///
/// # Errors
/// The operating system's, where a file cannot be read.
pub fn replay(
    published: &Path,
    rebuilt: &Path,
    kind: ArtifactKind,
    published_at: Option<Timestamp>,
    likely: Option<Compressor>,
) -> io::Result<Option<Outcome>> {
    for path in [published, rebuilt] {
        if std::fs::metadata(path)?.len() > MAX_SIZE {
            return Ok(None);
        }
    }
    let bounds = Bounds {
        latest: published_at.map_or(FAR, |time| time.as_second() + LATE),
        likely,
    };
    let (published, rebuilt) = (std::fs::read(published)?, std::fs::read(rebuilt)?);
    let outcome = match kind {
        ArtifactKind::Crate | ArtifactKind::NpmTarball | ArtifactKind::Sdist => {
            tarball::replay(&published, &rebuilt, &bounds)
        }
        ArtifactKind::PureWheel | ArtifactKind::PlatformWheel => {
            wheel::replay(&published, &rebuilt, &bounds).map(Outcome::Whole)
        }
        ArtifactKind::ZipSdist | ArtifactKind::Other => None,
    };
    Ok(outcome.filter(|outcome| match outcome {
        Outcome::Whole(replayed) => !replayed.facts.is_empty(),
        Outcome::Uncompressed(_) => true,
    }))
}

/// The level at which the reference zlib, as packagers call it, makes the very stream of
/// a gzip file; none where it makes another.
///
/// # Errors
/// The operating system's, where the file cannot be read.
pub fn reference_level(path: &Path) -> io::Result<Option<u8>> {
    if std::fs::metadata(path)?.len() > MAX_SIZE {
        return Ok(None);
    }
    Ok(tarball::reference_level(&std::fs::read(path)?))
}

/// What a gzip file holds, and the stream that holds it.
#[derive(Debug, PartialEq, Eq)]
pub struct Deflated {
    /// The content.
    pub content: Vec<u8>,
    /// The stream, without gzip's header and trailer.
    pub stream: Vec<u8>,
}

/// A gzip file's content and its stream; none where it is no such file, or too large.
///
/// # Errors
/// The operating system's, where the file cannot be read.
pub fn deflated(path: &Path) -> io::Result<Option<Deflated>> {
    if std::fs::metadata(path)?.len() > MAX_SIZE {
        return Ok(None);
    }
    Ok(tarball::deflated(&std::fs::read(path)?))
}

/// Which zlib makes the very stream of a crate at the level that cargo packs with; none
/// where none of them does.
///
/// # Errors
/// The operating system's, where the file cannot be read.
pub fn cargo_zlib(path: &Path) -> io::Result<Option<DeflateFamily>> {
    if std::fs::metadata(path)?.len() > MAX_SIZE {
        return Ok(None);
    }
    Ok(tarball::cargo_zlib(&std::fs::read(path)?))
}

/// What a value must keep to.
struct Bounds {
    latest: i64,
    /// The compressor to try first.
    likely: Option<Compressor>,
}

impl Bounds {
    fn allow(&self, time: i64) -> bool {
        (EARLIEST..=self.latest).contains(&time)
    }
}

/// Times that were put on members.
#[derive(Default)]
struct Times {
    members: usize,
    range: Option<(i64, i64)>,
    /// Those with a fraction of a second: how many, the first and the last.
    fractions: usize,
    window: Option<(f64, f64)>,
}

impl Times {
    fn note(&mut self, time: i64) {
        self.members += 1;
        let (earliest, latest) = self.range.unwrap_or((time, time));
        self.range = Some((earliest.min(time), latest.max(time)));
    }

    /// A time that may have a fraction; none where that is outside the bounds.
    fn note_moment(&mut self, moment: &Moment, bounds: &Bounds) -> Option<()> {
        let second = moment.second();
        if !bounds.allow(second) || second < pax::SINCE {
            return None;
        }
        self.note(second);
        if moment.has_fraction() {
            let at = moment.value();
            let (first, last) = self.window.unwrap_or((at, at));
            let window = (first.min(at), last.max(at));
            if window.1 - window.0 >= pax::WINDOW {
                return None;
            }
            self.window = Some(window);
            self.fractions += 1;
        }
        Some(())
    }

    fn fact(&self) -> Option<ReplayedFact> {
        self.range
            .map(|(earliest, latest)| ReplayedFact::MemberTimes {
                members: self.members,
                earliest,
                latest,
                fractions: self.fractions,
            })
    }
}

/// Permission bits that decide what runs and as whom: never replayed.
const ACTING_BITS: u32 = 0o6111;

/// The file type's bits of `st_mode`, and those of a regular file (POSIX.1-2017,
/// `sys/stat.h`). A mode has the type or leaves it out, and says nothing by it.
const TYPE_BITS: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

#[cfg(test)]
mod tests;
