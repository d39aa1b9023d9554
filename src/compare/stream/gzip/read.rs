//! Inflating a gzip stream (RFC 1952) while noting all that is around the
//! content. May import `model`; holds one buffer and the headers.

use std::fs::File;
use std::io::{self, BufRead, Read};

use flate2::{Crc, bufread::DeflateDecoder};
use sha2::{Digest as _, Sha256};

use super::{Envelope, Header, Part};
use crate::compare::budget::Budget;
use crate::compare::listing::Stray;
use crate::compare::stream::source::Source;
use crate::model::Sha256Digest;

/// Gzip members of one file. Packers write one; block compressors write one for
/// each 64 KiB, so this covers 256 MiB of theirs.
const MAX_PARTS: usize = 4096;

/// The longest FNAME or FCOMMENT: RFC 1952 sets none, and FEXTRA's is 65,535.
const MAX_TEXT: usize = 1 << 16;

/// Header bytes kept of a whole file, so that many parts cannot fill memory.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// RFC 1952, section 2.3.1: FLG.
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;

enum State {
    Between(Source),
    Inside {
        decoder: Box<DeflateDecoder<Source>>,
        crc: Crc,
        header: Header,
    },
    Ended,
}

/// Inflates a gzip stream and keeps what it saw.
pub(in crate::compare) struct GzipReader {
    state: State,
    parts: Vec<Part>,
    header_bytes: usize,
    content: Sha256,
    trailing: Option<Stray>,
    budget: Budget,
}

impl GzipReader {
    pub(in crate::compare) fn new(file: File, budget: Budget) -> Self {
        Self {
            state: State::Between(Source::new(file)),
            parts: Vec::new(),
            header_bytes: 0,
            content: Sha256::new(),
            trailing: None,
            budget,
        }
    }

    /// What was seen, once the stream was read to its end.
    pub(in crate::compare) fn finish(self) -> Option<Envelope> {
        Some(Envelope {
            parts: self.parts,
            content: Sha256Digest::from_bytes(self.content.finalize().into()),
            trailing: self.trailing?,
        })
    }

    /// At a place where a member may begin: its header, or the stream's end.
    fn begin(&mut self, mut source: Source) -> io::Result<()> {
        let first = self.parts.is_empty();
        let more = source.fill_buf()?.starts_with(&[0x1f]);
        if !first && !more {
            self.trailing = Some(Stray::read(&mut source)?);
            return Ok(());
        }
        if self.parts.len() >= MAX_PARTS {
            return Err(malformed(format!(
                "it has more than {MAX_PARTS} gzip members"
            )));
        }
        let header = self.read_header(&mut source)?;
        source.cut();
        self.state = State::Inside {
            decoder: Box::new(DeflateDecoder::new(source)),
            crc: Crc::new(),
            header,
        };
        Ok(())
    }

    fn read_header(&mut self, source: &mut Source) -> io::Result<Header> {
        let mut fixed = [0u8; 10];
        source.read_exact(&mut fixed)?;
        let [id1, id2, method, flags, m0, m1, m2, m3, xfl, os] = fixed;
        if [id1, id2] != [0x1f, 0x8b] {
            return Err(malformed(format!(
                "it is not gzip (a member begins with {id1:02x} {id2:02x} instead of 1f 8b)"
            )));
        }
        if method != 8 {
            return Err(malformed(format!(
                "gzip compression method {method} is not deflate"
            )));
        }
        if flags & 0xe0 != 0 {
            return Err(malformed(format!(
                "reserved gzip flags are set ({flags:#04x})"
            )));
        }
        let extra = if flags & FEXTRA != 0 {
            let mut length = [0u8; 2];
            source.read_exact(&mut length)?;
            let mut extra = vec![0u8; u16::from_le_bytes(length).into()];
            source.read_exact(&mut extra)?;
            Some(extra)
        } else {
            None
        };
        let name = read_text(source, flags & FNAME != 0)?;
        let comment = read_text(source, flags & FCOMMENT != 0)?;
        let header_crc = if flags & FHCRC != 0 {
            let mut crc = [0u8; 2];
            source.read_exact(&mut crc)?;
            Some(u16::from_le_bytes(crc))
        } else {
            None
        };
        self.header_bytes += [&extra, &name, &comment]
            .iter()
            .map(|field| field.as_ref().map_or(0, Vec::len))
            .sum::<usize>();
        if self.header_bytes > MAX_HEADER_BYTES {
            return Err(malformed(format!(
                "its gzip headers hold more than {MAX_HEADER_BYTES} bytes"
            )));
        }
        Ok(Header {
            flags,
            mtime: u32::from_le_bytes([m0, m1, m2, m3]),
            xfl,
            os,
            extra,
            name,
            comment,
            header_crc,
        })
    }

    /// RFC 1952, section 2.3.1: CRC32 and ISIZE must agree with what was inflated.
    fn end(
        &mut self,
        mut source: Source,
        crc: &Crc,
        header: Header,
        inflated: u64,
    ) -> io::Result<()> {
        let (compressed, compressed_size) = source.cut();
        let mut trailer = [0u8; 8];
        source.read_exact(&mut trailer)?;
        let [c0, c1, c2, c3, s0, s1, s2, s3] = trailer;
        let said_crc = u32::from_le_bytes([c0, c1, c2, c3]);
        let said_size = u32::from_le_bytes([s0, s1, s2, s3]);
        if said_crc != crc.sum() {
            return Err(malformed(format!(
                "the gzip trailer's CRC32 is {said_crc:08x}, the content's is {:08x}",
                crc.sum()
            )));
        }
        if said_size != crc.amount() {
            return Err(malformed(format!(
                "the gzip trailer's ISIZE is {said_size}, the content has {} bytes",
                crc.amount()
            )));
        }
        self.parts.push(Part {
            header,
            compressed_size,
            compressed,
            inflated,
        });
        self.state = State::Between(source);
        Ok(())
    }
}

impl Read for GzipReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Between(source) => {
                    self.begin(source)?;
                    if self.trailing.is_some() {
                        return Ok(0);
                    }
                }
                State::Inside {
                    mut decoder,
                    mut crc,
                    header,
                } => {
                    let count = decoder.read(buffer)?;
                    if count == 0 {
                        let inflated = decoder.total_out();
                        self.end(decoder.into_inner(), &crc, header, inflated)?;
                        continue;
                    }
                    self.budget.inflate(count)?;
                    crc.update(&buffer[..count]);
                    self.content.update(&buffer[..count]);
                    self.state = State::Inside {
                        decoder,
                        crc,
                        header,
                    };
                    return Ok(count);
                }
                State::Ended => return Ok(0),
            }
        }
    }
}

fn malformed(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A zero-terminated text, where its flag says that there is one.
fn read_text(source: &mut Source, present: bool) -> io::Result<Option<Vec<u8>>> {
    if !present {
        return Ok(None);
    }
    let mut text = Vec::new();
    // One byte more than the limit, to tell "at the limit" from "beyond it".
    source.take(MAX_TEXT as u64 + 1).read_until(0, &mut text)?;
    if text.pop() != Some(0) {
        return Err(malformed(
            "a name or comment in the gzip header does not end".to_owned(),
        ));
    }
    Ok(Some(text))
}
