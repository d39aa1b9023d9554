//! xz, zstd and bzip2: decoded by their libraries, with the settings that their
//! headers tell read beside. May import `model`; holds the decoder's window only.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::source::Source;
use super::{xz, zstd};
use crate::compare::budget::Budget;
use crate::compare::findings::Findings;
use crate::compare::listing::{Note, Stray};
use crate::compare::metadata::pair;
use crate::compare::sniff::Format;
use crate::model::{Cause, Severity, Sha256Digest};

enum Decoder {
    Xz(Box<liblzma::bufread::XzDecoder<Source>>),
    Zstd(Box<::zstd::stream::read::Decoder<'static, Source>>),
    Bzip2(Box<bzip2::bufread::MultiBzDecoder<Source>>),
}

/// One setting that a header tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub label: &'static str,
    pub value: String,
}

impl Setting {
    pub(super) fn new(label: &'static str, value: impl ToString) -> Self {
        Self {
            label,
            value: value.to_string(),
        }
    }
}

/// What the headers of a stream tell.
#[derive(Debug)]
pub(super) struct Settings {
    pub settings: Vec<Setting>,
    /// Bytes that decoders skip.
    pub skipped: Stray,
}

/// A stream that was read to its end.
#[derive(Debug)]
pub(in crate::compare) struct Envelope {
    pub format: Format,
    /// What it inflates to.
    pub content: Sha256Digest,
    compressed: Sha256Digest,
    compressed_size: u64,
    /// Bytes after the stream's end.
    left_over: u64,
    settings: Settings,
}

impl Envelope {
    pub(in crate::compare) fn holds_bytes_of_its_own(&self) -> bool {
        self.settings.skipped.bytes > 0 || self.left_over > 0
    }
}

/// Inflates a stream and keeps what it saw.
pub(in crate::compare) struct FramedReader {
    format: Format,
    decoder: Decoder,
    content: Sha256,
    settings: Settings,
    budget: Budget,
    ended: bool,
}

/// Memory that a decoder may take for its window: the largest that `xz -9` and
/// `zstd --ultra -22` need (64 MiB and 128 MiB), so that a header cannot ask for
/// gigabytes.
const MAX_WINDOW: u64 = 192 << 20;
/// The same as a power of two, as zstd wants it.
const MAX_WINDOW_LOG: u32 = 27;

impl FramedReader {
    pub(in crate::compare) fn new(
        path: &Path,
        file: File,
        format: Format,
        budget: &Budget,
    ) -> io::Result<Self> {
        let source = Source::new(file);
        let (decoder, settings) = match format {
            Format::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(
                    MAX_WINDOW,
                    liblzma::stream::CONCATENATED,
                )?;
                let decoder = liblzma::bufread::XzDecoder::new_stream(source, stream);
                (Decoder::Xz(Box::new(decoder)), xz::settings(path)?)
            }
            Format::Zstd => {
                let mut decoder = ::zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(MAX_WINDOW_LOG)?;
                (Decoder::Zstd(Box::new(decoder)), zstd::settings(path)?)
            }
            _ => {
                let decoder = bzip2::bufread::MultiBzDecoder::new(source);
                (Decoder::Bzip2(Box::new(decoder)), bzip2_settings(path)?)
            }
        };
        Ok(Self {
            format,
            decoder,
            content: Sha256::new(),
            settings,
            budget: budget.clone(),
            ended: false,
        })
    }

    /// What was seen, once the stream was read to its end.
    pub(in crate::compare) fn finish(self) -> Option<Envelope> {
        if !self.ended {
            return None;
        }
        let mut source = match self.decoder {
            Decoder::Xz(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.finish(),
            Decoder::Bzip2(decoder) => decoder.into_inner(),
        };
        // What a decoder leaves is hashed too, so that it cannot differ unseen.
        let left_over = io::copy(&mut source, &mut io::sink()).ok()?;
        let (compressed, compressed_size) = source.cut();
        Some(Envelope {
            format: self.format,
            content: Sha256Digest::from_bytes(self.content.finalize().into()),
            compressed,
            compressed_size,
            left_over,
            settings: self.settings,
        })
    }
}

impl Read for FramedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.decoder {
            Decoder::Xz(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
            Decoder::Bzip2(decoder) => decoder.read(buffer),
        }
        .map_err(|error| {
            io::Error::new(
                error.kind(),
                format!(
                    "the {} stream is damaged, or asks for a window of more than {} MiB: {error}",
                    self.format.name(),
                    MAX_WINDOW >> 20
                ),
            )
        })?;
        self.ended |= count == 0;
        self.budget.inflate(count)?;
        self.content.update(&buffer[..count]);
        Ok(count)
    }
}

/// bzip2's header: the digit after "BZh" is the block size in units of 100 kB.
fn bzip2_settings(path: &Path) -> io::Result<Settings> {
    let head = crate::compare::bytes::head_of(path, 4)?;
    Ok(Settings {
        settings: vec![Setting::new(
            "bzip2 level",
            head.get(3).map_or('?', |&digit| char::from(digit)),
        )],
        skipped: Stray::read(&mut io::empty())?,
    })
}

/// Adds what differs between two streams of one format.
pub(super) fn compare(published: &Envelope, rebuilt: &Envelope, findings: &mut Findings) {
    let (a, b) = (&published.settings, &rebuilt.settings);
    for ours in &a.settings {
        let theirs = b.settings.iter().find(|s| s.label == ours.label);
        let other = theirs.map_or("none", |s| s.value.as_str());
        if ours.value != other {
            findings.container(Note::new(
                Severity::Metadata,
                Cause::Compressor,
                pair(ours.label, &ours.value, other),
            ));
        }
    }
    if a.skipped != b.skipped {
        findings.container(Note::new(
            a.skipped.severity(&b.skipped),
            Cause::StrayBytes,
            pair("bytes that decoders skip", &a.skipped, &b.skipped),
        ));
    }
    if published.content == rebuilt.content && published.compressed != rebuilt.compressed {
        findings.container(Note::new(
            Severity::Metadata,
            Cause::Compressor,
            format!(
                "same content, other compressor, version or level: published {} bytes of {}, rebuilt {}",
                published.compressed_size,
                published.format.name(),
                rebuilt.compressed_size
            ),
        ));
    }
}
