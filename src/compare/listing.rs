//! What a walk over an archive leaves behind: each member's name, the digest of
//! its content and what its format says about it, but not the content itself.
//! May import `model`; never grows beyond the limits that it is given.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Write as _};
use std::ops::Range;

use flate2::Crc;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::sniff::Format;
use crate::model::{Cause, Severity, Sha256Digest, printable};

/// Content is summed in blocks of this size, so that a second walk needs to
/// hold only the first block that differs, however large the member is.
pub(super) const BLOCK: u64 = 64 << 10;

/// Why a walk ended before the archive did, for a person to read.
#[derive(Debug)]
pub(super) struct Trouble(pub String);

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            Self("it ends too early (truncated)".to_owned())
        } else {
            Self(error.to_string())
        }
    }
}

/// Content of one member, by what identifies it.
#[derive(Debug)]
pub(super) struct Body {
    pub size: u64,
    pub sha256: Sha256Digest,
    /// What its first bytes say that it is.
    pub format: Format,
    /// CRC-32 of each [`BLOCK`]: a hint where to look, never a proof of equality.
    blocks: Vec<u32>,
}

impl Body {
    /// The range of the first block in which two contents differ.
    pub(super) fn first_differing_block(&self, other: &Self) -> Range<u64> {
        let shorter = self.blocks.len().min(other.blocks.len());
        let index = (0..shorter)
            .find(|&i| self.blocks[i] != other.blocks[i])
            .unwrap_or(shorter) as u64;
        index * BLOCK..(index + 1) * BLOCK
    }
}

/// One member.
#[derive(Debug)]
pub(super) struct Member<M> {
    pub name: Vec<u8>,
    pub body: Body,
    pub meta: M,
}

/// One field that is not the same, before it is known where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub severity: Severity,
    pub cause: Cause,
    pub detail: String,
}

impl Note {
    pub(super) fn new(severity: Severity, cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            severity,
            cause,
            detail: detail.into(),
        }
    }
}

/// What a format says about a member beside its name and content.
pub(super) trait Meta {
    /// What differs from `rebuilt`, one entry for each field.
    fn differences(&self, rebuilt: &Self, same_content: bool) -> Vec<Note>;

    /// Whether extracting it makes a link, so that order carries meaning.
    fn is_link(&self) -> bool;

    /// Whether it is a link out of where the archive is unpacked, as far as its header tells.
    fn links_out(&self, _name: &[u8]) -> bool {
        false
    }

    /// What kind of member it is, for a person.
    fn describe(&self) -> String;
}

/// What a walk should hand back of a member.
#[derive(Clone, Debug)]
pub(super) enum Want {
    /// These bytes, in memory.
    Range(Range<u64>),
    /// All of it, in a temporary file, with these bytes in memory beside it.
    Spool(Range<u64>),
}

/// Which members a walk should hand back something of.
pub(super) type Wanted = BTreeMap<usize, Want>;

/// What a walk handed back of a member.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The bytes that were asked for, as far as there were any.
    pub bytes: Vec<u8>,
    /// The whole member, where that was asked for. Gone when dropped.
    pub file: Option<NamedTempFile>,
}

/// One walk's outcome.
#[derive(Debug)]
pub(super) struct Scan<M, W> {
    pub members: Vec<Member<M>>,
    /// What is around the members; `None` where the walk ended early.
    pub wrapping: Option<W>,
    /// What was asked for.
    pub captured: BTreeMap<usize, Held>,
    pub trouble: Option<Trouble>,
    /// Members met so far.
    met: usize,
}

impl<M, W> Scan<M, W> {
    pub(super) fn new() -> Self {
        Self {
            members: Vec::new(),
            wrapping: None,
            captured: BTreeMap::new(),
            trouble: None,
            met: 0,
        }
    }

    /// The place of the member that comes next.
    pub(super) const fn next_index(&self) -> usize {
        self.met
    }

    /// Takes a member in. A walk that was asked for something hands that back alone: the
    /// walk before it has listed the members already, and they are still held.
    pub(super) fn take(&mut self, member: Member<M>, held: Held, wanted: &Wanted) {
        if wanted.is_empty() {
            self.members.push(member);
        } else if wanted.contains_key(&self.met) {
            self.captured.insert(self.met, held);
        }
        self.met += 1;
    }
}

/// One [`BLOCK`], made once a walk: an archive may have many small members.
pub(super) struct Buffer(Box<[u8]>);

impl Buffer {
    pub(super) fn new() -> Self {
        Self(vec![0; BLOCK as usize].into_boxed_slice())
    }
}

/// Reads one member's content to its end: hashed, summed by block, and held only
/// as `want` says.
pub(super) fn read_body(
    reader: &mut impl Read,
    buffer: &mut Buffer,
    want: Option<&Want>,
    mut count: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<(Body, Held)> {
    let mut hasher = Sha256::new();
    let mut blocks = Vec::new();
    let mut format = None;
    let mut held = Held::default();
    let range = match want {
        None => 0..0,
        Some(Want::Range(range)) => range.clone(),
        Some(Want::Spool(range)) => {
            held.file = Some(NamedTempFile::new()?);
            range.clone()
        }
    };
    let mut size = 0u64;
    loop {
        let filled = fill(reader, &mut buffer.0)?;
        let chunk = &buffer.0[..filled];
        if chunk.is_empty() {
            break;
        }
        count(chunk)?;
        hasher.update(chunk);
        let mut crc = Crc::new();
        crc.update(chunk);
        blocks.push(crc.sum());
        format.get_or_insert_with(|| Format::of(chunk));
        let end = size + filled as u64;
        let from = range.start.clamp(size, end) - size;
        let to = range.end.clamp(size, end) - size;
        held.bytes
            .extend_from_slice(&chunk[from as usize..to.max(from) as usize]);
        if let Some(file) = &mut held.file {
            file.write_all(chunk)?;
        }
        size = end;
    }
    let body = Body {
        size,
        sha256: Sha256Digest::from_bytes(hasher.finalize().into()),
        format: format.unwrap_or(Format::Other),
        blocks,
    };
    Ok((body, held))
}

/// Reads until `buffer` is full or the reader ends.
pub(super) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A run of bytes that belongs to no member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub bytes: u64,
    pub sha256: Sha256Digest,
    /// Whether every byte is zero, so that nothing can hide there.
    pub zeros: bool,
}

impl Stray {
    /// Hashes a reader to its end.
    pub(super) fn read(reader: &mut impl Read) -> std::io::Result<Self> {
        let mut collector = StrayHasher::default();
        // Most runs are the few bytes after a member's content.
        let mut buffer = [0u8; 4096];
        loop {
            let filled = fill(reader, &mut buffer)?;
            if filled == 0 {
                return Ok(collector.finish());
            }
            collector.update(&buffer[..filled]);
        }
    }

    /// How bad it is that two runs differ: nothing is known of bytes outside any
    /// member, except that zeros hold nothing.
    pub(super) fn severity(&self, other: &Self) -> Severity {
        if self.zeros && other.zeros {
            Severity::Metadata
        } else {
            Severity::Payload
        }
    }
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zeros = if self.zeros { " zero" } else { "" };
        match self.bytes {
            0 => f.write_str("none"),
            1 => write!(f, "1{zeros} byte (sha256 {})", short(&self.sha256)),
            n => write!(f, "{n}{zeros} bytes (sha256 {})", short(&self.sha256)),
        }
    }
}

/// Builds a [`Stray`].
#[derive(Default)]
pub(super) struct StrayHasher {
    hasher: Sha256,
    bytes: u64,
    nonzero: bool,
}

impl StrayHasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.nonzero |= bytes.iter().any(|&byte| byte != 0);
    }

    pub(super) fn finish(self) -> Stray {
        Stray {
            bytes: self.bytes,
            sha256: Sha256Digest::from_bytes(self.hasher.finalize().into()),
            zeros: !self.nonzero,
        }
    }
}

/// A digest's first digits, enough to tell two apart in a line of text.
pub(super) fn short(digest: &Sha256Digest) -> String {
    digest.to_string()[..12].to_owned()
}

/// The longest text from an artifact that is repeated in a line.
const QUOTED: usize = 200;

/// Bytes from an artifact as text that is safe to show: what is not UTF-8 is
/// written as `\xNN`, what a terminal would act on as an escape.
pub(super) fn show(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(&printable(chunk.valid(), false));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// [`show`] within a line: cut where it is long, with its length said.
pub(super) fn quote(bytes: &[u8]) -> String {
    if bytes.len() <= QUOTED {
        format!("`{}`", show(bytes))
    } else {
        format!("`{}…` ({} bytes)", show(&bytes[..QUOTED]), bytes.len())
    }
}
