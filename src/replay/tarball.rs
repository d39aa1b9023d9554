//! Gzipped tars (crates, npm's tarballs): the tar below, then gzip's header and
//! compressor. Pure.

use std::io::Read as _;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::{Bounds, Deflated, MAX_SIZE, Outcome, Replayed, deflate, tar};
use crate::model::{Compressor, DeflateFamily, ReplayedFact};

/// RFC 1952, section 2.3: the fixed header, and the trailer.
const HEADER: usize = 10;
const TRAILER: usize = 8;

/// The flag of the one optional field that is read (RFC 1952, section 2.3.1): cargo
/// writes the crate's file name there.
const FNAME: u8 = 8;

/// A gzip file of one member without optional fields but a name.
struct Gzip<'a> {
    header: &'a [u8],
    /// The name with the NUL that ends it; nothing where there is none.
    name: &'a [u8],
    stream: &'a [u8],
    content: Vec<u8>,
}

impl<'a> Gzip<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        // ID1, ID2, deflate, and flags: other optional fields could hold anything.
        let length = match header[..4] {
            [0x1f, 0x8b, 8, 0] => 0,
            [0x1f, 0x8b, 8, FNAME] => rest.iter().position(|&byte| byte == 0)? + 1,
            _ => return None,
        };
        let (name, rest) = rest.split_at(length);
        let stream = &rest[..rest.len().checked_sub(TRAILER)?];
        Some(Self {
            header,
            name,
            stream,
            content: inflated(stream)?,
        })
    }
}

/// What a stream holds, where it ends with that and is within bounds.
fn inflated(stream: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = DeflateDecoder::new(stream);
    let mut content = Vec::new();
    (&mut decoder)
        .take(MAX_SIZE + 1)
        .read_to_end(&mut content)
        .ok()?;
    let whole = decoder.total_in() == stream.len() as u64;
    (whole && content.len() as u64 <= MAX_SIZE).then_some(content)
}

/// Levels that npm and yarn have packed with.
const PACKING_LEVELS: [u8; 2] = [9, 6];

pub(super) fn reference_level(bytes: &[u8]) -> Option<u8> {
    let file = Gzip::read(bytes)?;
    PACKING_LEVELS
        .into_iter()
        .find(|&level| deflate::is_reference(level, &file.content, file.stream))
}

pub(super) fn deflated(bytes: &[u8]) -> Option<Deflated> {
    let file = Gzip::read(bytes)?;
    Some(Deflated {
        stream: file.stream.to_vec(),
        content: file.content,
    })
}

/// What cargo asks of zlib: the best compression (cargo, `tar` in `ops/cargo_package.rs`).
const CARGO_LEVEL: u8 = 9;

pub(super) fn cargo_zlib(bytes: &[u8]) -> Option<DeflateFamily> {
    let file = Gzip::read(bytes)?;
    [
        DeflateFamily::Zlib,
        DeflateFamily::ZlibRs06,
        DeflateFamily::ZlibRs05,
    ]
    .into_iter()
    .find(|&family| {
        let compressor = Compressor {
            family,
            level: CARGO_LEVEL,
            mem_level: 8,
        };
        deflate::makes(compressor, &file.content, file.stream)
    })
}

pub(super) fn replay(published: &[u8], rebuilt: &[u8], bounds: &Bounds) -> Option<Outcome> {
    let (theirs, ours) = (Gzip::read(published)?, Gzip::read(rebuilt)?);
    // A name is content: the build's own must be the published one already.
    if (theirs.name, theirs.header[3]) != (ours.name, ours.header[3]) {
        return None;
    }
    let mut facts = Vec::new();
    let stream = if theirs.stream == ours.stream {
        Stream::Same
    } else {
        deflate::identify(&theirs.content, theirs.stream, bounds.likely, |_| true)
            .map_or(Stream::OfAnother, Stream::Of)
    };
    // The build's own compressor may have been the right one, over other metadata.
    if let Stream::Of(compressor) = stream
        && deflate::compress(compressor, &ours.content)? != ours.stream
    {
        facts.push(ReplayedFact::Compressor(compressor));
    }
    let content = tar::replay(&theirs.content, &ours.content, bounds, &mut facts)?;
    let mut before = header(theirs.header, ours.header, bounds, &mut facts)?;
    before.extend_from_slice(ours.name);
    let tar = Uncompressed {
        before,
        level: level_of(ours.header),
        content,
        facts,
    };
    match stream {
        Stream::Same => Some(Outcome::Whole(tar.archive(ours.stream))),
        Stream::Of(compressor) => {
            let stream = deflate::compress(compressor, &tar.content)?;
            Some(Outcome::Whole(tar.archive(&stream)))
        }
        // What compressed the rebuilt file would make the same of the same again.
        Stream::OfAnother if tar.content == ours.content => None,
        Stream::OfAnother => Some(Outcome::Uncompressed(tar)),
    }
}

/// What is known of the published stream.
#[derive(Clone, Copy)]
enum Stream {
    /// The rebuilt file has the same.
    Same,
    /// What made it.
    Of(Compressor),
    /// Nothing that can be run here made it.
    OfAnother,
}

/// A rebuilt tar with replayed metadata that nothing here can compress as it was published.
#[derive(Debug)]
pub struct Uncompressed {
    /// What comes before the stream.
    before: Vec<u8>,
    level: u8,
    content: Vec<u8>,
    facts: Vec<ReplayedFact>,
}

impl Uncompressed {
    /// The tar.
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    /// The level at which the rebuilt file was compressed.
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// The archive with the tar as `stream`, where that holds the tar and nothing else: who
    /// compressed it is not believed.
    pub fn with(self, stream: &[u8]) -> Option<Replayed> {
        (inflated(stream)? == self.content).then(|| self.archive(stream))
    }

    fn archive(self, stream: &[u8]) -> Replayed {
        let mut bytes = self.before;
        bytes.extend_from_slice(stream);
        let mut crc = Crc::new();
        crc.update(&self.content);
        bytes.extend_from_slice(&crc.sum().to_le_bytes());
        bytes.extend_from_slice(&crc.amount().to_le_bytes());
        Replayed {
            bytes,
            facts: self.facts,
        }
    }
}

/// The level that a header tells: XFL is 2 for the slowest (RFC 1952, section 2.3.1), which
/// zlib writes at level 9 alone, and packers take that or what zlib does unasked.
fn level_of(header: &[u8]) -> u8 {
    if header[8] == 2 { 9 } else { 6 }
}

/// The fixed header, with the published time, flags of effort and system.
fn header(
    theirs: &[u8],
    ours: &[u8],
    bounds: &Bounds,
    facts: &mut Vec<ReplayedFact>,
) -> Option<Vec<u8>> {
    if theirs != ours {
        let mtime = u32::from_le_bytes(theirs[4..8].try_into().ok()?);
        if !bounds.allow(mtime.into()) {
            return None;
        }
        facts.push(ReplayedFact::GzipHeader {
            mtime,
            xfl: theirs[8],
            os: theirs[9],
        });
    }
    Some(theirs.to_vec())
}
