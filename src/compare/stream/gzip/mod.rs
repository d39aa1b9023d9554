//! A gzip stream (RFC 1952), read so that nothing in it goes unseen: every
//! header field, every member of the stream, the trailers, and what comes after.
//! May import `model`; never buffers the stream.

mod read;

use crate::compare::findings::Findings;
use crate::compare::listing::{Note, Stray, quote};
use crate::compare::metadata::{pair, time};
use crate::model::{Cause, Severity, Sha256Digest};

pub(in crate::compare) use read::GzipReader;

/// RFC 1952, section 2.3: a member's header.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    flags: u8,
    mtime: u32,
    xfl: u8,
    os: u8,
    extra: Option<Vec<u8>>,
    name: Option<Vec<u8>>,
    comment: Option<Vec<u8>>,
    header_crc: Option<u16>,
}

/// One member of a gzip stream.
#[derive(Debug)]
struct Part {
    header: Header,
    compressed_size: u64,
    compressed: Sha256Digest,
    inflated: u64,
}

/// A gzip stream that was read to its end.
#[derive(Debug)]
pub(in crate::compare) struct Envelope {
    parts: Vec<Part>,
    /// What it inflates to.
    pub content: Sha256Digest,
    trailing: Stray,
}

/// What common systems allow for one file's name (`NAME_MAX`).
const MAX_FILE_NAME: usize = 255;

impl Envelope {
    pub(in crate::compare) fn holds_bytes_of_its_own(&self) -> bool {
        let is_file_name = |name: &Vec<u8>| {
            name.len() <= MAX_FILE_NAME
                && name
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(b))
        };
        let plain = |header: &Header| {
            header.extra.is_none()
                && header.comment.is_none()
                && header.name.as_ref().is_none_or(is_file_name)
        };
        self.trailing.bytes > 0 || !matches!(&self.parts[..], [part] if plain(&part.header))
    }
}

/// Adds what differs between two gzip streams.
pub(in crate::compare) fn compare(
    published: &Envelope,
    rebuilt: &Envelope,
    findings: &mut Findings,
) {
    let sizes = |envelope: &Envelope| -> Vec<u64> {
        envelope.parts.iter().map(|part| part.inflated).collect()
    };
    let same_content = published.content == rebuilt.content;
    if published.parts.len() != rebuilt.parts.len() {
        // Some readers stop after the first member, others read all.
        findings.container(Note::new(
            Severity::Payload,
            Cause::ArchiveWriter,
            pair(
                "number of gzip members (some readers stop after the first)",
                published.parts.len(),
                rebuilt.parts.len(),
            ),
        ));
    } else if same_content && sizes(published) != sizes(rebuilt) {
        findings.container(Note::new(
            Severity::Payload,
            Cause::ArchiveWriter,
            "the content is split elsewhere between gzip members".to_owned(),
        ));
    } else if same_content {
        compressed_differs(published, rebuilt, findings);
    }
    for (index, (a, b)) in published.parts.iter().zip(&rebuilt.parts).enumerate() {
        let of = match (index, published.parts.len()) {
            (_, 1) => String::new(),
            (index, _) => format!(" of member {}", index + 1),
        };
        for (cause, detail) in header_differences(&a.header, &b.header) {
            findings.container(Note::new(
                Severity::Metadata,
                cause,
                format!("gzip header{of}, {detail}"),
            ));
        }
    }
    if published.trailing != rebuilt.trailing {
        findings.container(Note::new(
            published.trailing.severity(&rebuilt.trailing),
            Cause::StrayBytes,
            pair(
                "bytes after the gzip stream",
                &published.trailing,
                &rebuilt.trailing,
            ),
        ));
    }
}

fn compressed_differs(published: &Envelope, rebuilt: &Envelope, findings: &mut Findings) {
    let differ = |(a, b): &(&Part, &Part)| a.compressed != b.compressed;
    if published
        .parts
        .iter()
        .zip(&rebuilt.parts)
        .any(|p| differ(&p))
    {
        let total = |envelope: &Envelope| {
            envelope
                .parts
                .iter()
                .map(|p| p.compressed_size)
                .sum::<u64>()
        };
        findings.container(Note::new(Severity::Metadata, Cause::Compressor, format!(
                "same content, other compressor or level: published {} bytes of deflate, rebuilt {}",
                total(published),
                total(rebuilt)
            )));
    }
}

fn header_differences(published: &Header, rebuilt: &Header) -> Vec<(Cause, String)> {
    let mut found = Vec::new();
    if published.mtime != rebuilt.mtime {
        let mtime = |header: &Header| match header.mtime {
            0 => "none".to_owned(),
            seconds => time(seconds.into()),
        };
        found.push((
            Cause::Timestamp,
            pair("MTIME", mtime(published), mtime(rebuilt)),
        ));
    }
    if published.xfl != rebuilt.xfl {
        found.push((Cause::Compressor, pair("XFL", published.xfl, rebuilt.xfl)));
    }
    if published.os != rebuilt.os {
        found.push((
            Cause::ArchiveWriter,
            pair("OS", os_name(published.os), os_name(rebuilt.os)),
        ));
    }
    let text = |field: &Option<Vec<u8>>| field.as_ref().map_or("none".to_owned(), |f| quote(f));
    for (label, a, b) in [
        ("FNAME", &published.name, &rebuilt.name),
        ("FCOMMENT", &published.comment, &rebuilt.comment),
        ("FEXTRA", &published.extra, &rebuilt.extra),
    ] {
        if a != b {
            found.push((Cause::ArchiveWriter, pair(label, text(a), text(b))));
        }
    }
    if published.header_crc != rebuilt.header_crc {
        let crc = |crc: Option<u16>| crc.map_or("none".to_owned(), |crc| format!("{crc:04x}"));
        found.push((
            Cause::ArchiveWriter,
            pair("FHCRC", crc(published.header_crc), crc(rebuilt.header_crc)),
        ));
    }
    // The other flags say which of the fields above are there.
    if (published.flags ^ rebuilt.flags) & 1 != 0 {
        found.push((
            Cause::ArchiveWriter,
            pair("FTEXT", published.flags & 1, rebuilt.flags & 1),
        ));
    }
    found
}

/// RFC 1952, section 2.3.1: OS.
fn os_name(os: u8) -> String {
    match os {
        0 => "0 (FAT)".to_owned(),
        3 => "3 (Unix)".to_owned(),
        7 => "7 (Macintosh)".to_owned(),
        10 | 11 => format!("{os} (Windows)"),
        255 => "255 (unknown)".to_owned(),
        other => other.to_string(),
    }
}
