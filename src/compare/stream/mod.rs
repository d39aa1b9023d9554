//! One compressed stream, or none: gzip, xz, zstd, bzip2 or plain bytes, read so
//! that nothing in it goes unseen. May import `model`; never buffers a stream.

mod framed;
mod gzip;
mod source;
mod xz;
mod zstd;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::budget::Budget;
use super::findings::Findings;
use super::listing::Note;
use super::metadata::pair;
use super::sniff::{Format, HEAD};
use crate::model::{Cause, Severity, Sha256Digest};
use framed::FramedReader;
use gzip::GzipReader;

/// A file, read below its compressor.
pub(super) struct Stream(Inner);

enum Inner {
    Plain(Box<PlainReader>),
    Gzip(Box<GzipReader>),
    Framed(Box<FramedReader>),
}

/// Plain bytes, hashed as they are read.
struct PlainReader {
    reader: BufReader<File>,
    content: Sha256,
    budget: Budget,
}

/// What was around the content of a stream that was read to its end.
#[derive(Debug)]
pub(super) enum Envelope {
    Plain { content: Sha256Digest },
    Gzip(gzip::Envelope),
    Framed(framed::Envelope),
}

impl Stream {
    /// Opens the file at `path` by what its first bytes say.
    pub(super) fn open(path: &Path, budget: &Budget) -> io::Result<Self> {
        let format = Format::of(&super::bytes::head_of(path, HEAD)?);
        Self::open_as(path, format, budget)
    }

    fn open_as(path: &Path, format: Format, budget: &Budget) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(Self(match format {
            Format::Gzip => Inner::Gzip(Box::new(GzipReader::new(file, budget.clone()))),
            Format::Xz | Format::Zstd | Format::Bzip2 => {
                Inner::Framed(Box::new(FramedReader::new(path, file, format, budget)?))
            }
            Format::Tar | Format::Zip | Format::Ar | Format::Elf | Format::Other => {
                Inner::Plain(Box::new(PlainReader {
                    reader: BufReader::with_capacity(1 << 16, file),
                    content: Sha256::new(),
                    budget: budget.clone(),
                }))
            }
        }))
    }

    /// What was seen, once the stream was read to its end.
    pub(super) fn finish(self) -> Option<Envelope> {
        Some(match self.0 {
            Inner::Plain(plain) => Envelope::Plain {
                content: Sha256Digest::from_bytes(plain.content.finalize().into()),
            },
            Inner::Gzip(reader) => Envelope::Gzip(reader.finish()?),
            Inner::Framed(reader) => Envelope::Framed(reader.finish()?),
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Plain(plain) => {
                let count = plain.reader.read(buffer)?;
                plain.budget.inflate(count)?;
                plain.content.update(&buffer[..count]);
                Ok(count)
            }
            Inner::Gzip(reader) => reader.read(buffer),
            Inner::Framed(reader) => reader.read(buffer),
        }
    }
}

/// The format of what a file's compressor holds, by its first bytes.
pub(super) fn format_inside(path: &Path, budget: &Budget) -> io::Result<Format> {
    let mut head = [0; HEAD];
    let filled = super::listing::fill(&mut Stream::open(path, budget)?, &mut head)?;
    Ok(Format::of(&head[..filled]))
}

impl Envelope {
    /// Whether it holds bytes that its content does not: a comment, an extra field,
    /// a second member, a frame that decoders skip, anything after its end.
    pub(super) fn holds_bytes_of_its_own(&self) -> bool {
        match self {
            Self::Plain { .. } => false,
            Self::Gzip(envelope) => envelope.holds_bytes_of_its_own(),
            Self::Framed(envelope) => envelope.holds_bytes_of_its_own(),
        }
    }

    fn format_name(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "no compression",
            Self::Gzip(_) => Format::Gzip.name(),
            Self::Framed(envelope) => envelope.format.name(),
        }
    }

    const fn content(&self) -> Sha256Digest {
        match self {
            Self::Plain { content } => *content,
            Self::Gzip(envelope) => envelope.content,
            Self::Framed(envelope) => envelope.content,
        }
    }
}

/// Adds what differs between the wrappings of two streams.
pub(super) fn compare(published: &Envelope, rebuilt: &Envelope, findings: &mut Findings) {
    match (published, rebuilt) {
        (Envelope::Plain { .. }, Envelope::Plain { .. }) => {}
        (Envelope::Gzip(a), Envelope::Gzip(b)) => gzip::compare(a, b, findings),
        (Envelope::Framed(a), Envelope::Framed(b)) if a.format == b.format => {
            framed::compare(a, b, findings);
        }
        (a, b) => {
            let what = pair("compression", a.format_name(), b.format_name());
            // Header fields of two formats are not held against each other. Where one
            // holds bytes of its own, nobody has looked at them.
            let hides = a.holds_bytes_of_its_own() || b.holds_bytes_of_its_own();
            let severity = if hides {
                Severity::Payload
            } else {
                Severity::Metadata
            };
            let detail = match (a.content() == b.content(), hides) {
                (true, false) => format!("{what}; the content is the same"),
                (true, true) => format!(
                    "{what}; the content is the same, and there are bytes beside it that decoders skip"
                ),
                (false, _) => what,
            };
            findings.container(Note::new(severity, Cause::Compressor, detail));
        }
    }
}
