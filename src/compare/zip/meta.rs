//! What zip says of a member beside its name and content, in the central
//! directory and in the local header. May import `model`; pure.

use super::directory::Entry;
use super::extra;
use crate::compare::listing::{Meta, Note, quote};
use crate::compare::metadata::{TYPE_BITS, mode_severity, pair};
use crate::model::{Cause, Severity, Sha256Digest};

/// APPNOTE 6.3.10, section 4.4.4: general purpose bits.
pub(super) const ENCRYPTED: u16 = 1;
pub(super) const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;
/// How hard the compressor tried; says nothing of the content.
const DEFLATE_LEVEL: u16 = 0b110;

/// A local header (section 4.3.7) without the sizes, which are checked against
/// the central directory.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::compare) struct Local {
    pub needed: u16,
    pub flags: u16,
    pub method: u16,
    pub time: u16,
    pub date: u16,
    pub extra: Vec<u8>,
}

/// What follows a member's data (section 4.3.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compare) enum Descriptor {
    None,
    /// Without or with the signature, with 32-bit or 64-bit sizes.
    Present {
        signed: bool,
        wide: bool,
    },
}

/// A member's metadata.
#[derive(Debug)]
pub(in crate::compare) struct ZipMeta {
    pub entry: Entry,
    pub local: Local,
    /// Sizes and sum in the local header where a descriptor follows: usually
    /// zero, and read by nobody.
    pub unused_sizes: Option<[u32; 3]>,
    pub descriptor: Descriptor,
    /// Digest of the compressed data.
    pub compressed: Sha256Digest,
    /// Compressed bytes after the end of the deflate stream.
    pub leftover: u64,
    /// Where local header, descriptor and content contradict the directory.
    pub contradictions: Vec<String>,
}

type Found = Vec<Note>;

impl Meta for ZipMeta {
    fn differences(&self, rebuilt: &Self, same_content: bool) -> Found {
        let mut found = Found::new();
        self.attributes(rebuilt, &mut found);
        self.writer(rebuilt, &mut found);
        self.texts(rebuilt, &mut found);
        self.local_header(rebuilt, &mut found);
        self.data(rebuilt, same_content, &mut found);
        if self.contradictions != rebuilt.contradictions {
            let shown = |list: &[String]| match list {
                [] => "none".to_owned(),
                list => list.join(", "),
            };
            found.push(Note::new(
                Severity::Payload,
                Cause::Malformed,
                pair(
                    "contradictions between local header and central directory",
                    shown(&self.contradictions),
                    shown(&rebuilt.contradictions),
                ),
            ));
        }
        found
    }

    fn is_link(&self) -> bool {
        /// `S_IFLNK` of `st_mode`.
        const SYMBOLIC_LINK: u32 = 0o120000;
        self.mode() & TYPE_BITS == SYMBOLIC_LINK
    }

    fn describe(&self) -> String {
        let what = if self.is_link() {
            "symbolic link"
        } else if self.entry.name.ends_with(b"/") {
            "folder"
        } else {
            "file"
        };
        match self.mode() & 0o7777 {
            0 => what.to_owned(),
            mode => format!("{what}, mode {mode:04o}"),
        }
    }
}

impl ZipMeta {
    /// `st_mode` in the upper half of the external attributes (section 4.4.15).
    /// Installers read it whatever system the entry says that it was made on.
    fn mode(&self) -> u32 {
        self.entry.external >> 16
    }

    fn attributes(&self, rebuilt: &Self, found: &mut Found) {
        let (a, b) = (&self.entry, &rebuilt.entry);
        if self.mode() != rebuilt.mode() {
            found.push(Note::new(
                mode_severity(self.mode(), rebuilt.mode(), a.name.ends_with(b"/")),
                Cause::FileMode,
                pair(
                    "mode",
                    format!("{:06o}", self.mode()),
                    format!("{:06o}", rebuilt.mode()),
                ),
            ));
        }
        if a.external as u16 != b.external as u16 {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair(
                    "DOS attributes",
                    format!("{:#06x}", a.external as u16),
                    format!("{:#06x}", b.external as u16),
                ),
            ));
        }
        if a.internal != b.internal {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("internal attributes", a.internal, b.internal),
            ));
        }
        if (a.date, a.time) != (b.date, b.time) {
            found.push(Note::new(
                Severity::Metadata,
                Cause::Timestamp,
                pair("mtime", dos_time(a.date, a.time), dos_time(b.date, b.time)),
            ));
        }
    }

    fn writer(&self, rebuilt: &Self, found: &mut Found) {
        let (a, b) = (&self.entry, &rebuilt.entry);
        if a.made_by != b.made_by {
            let made = |by: u16| format!("{}.{} on system {}", (by & 0xff) / 10, by % 10, by >> 8);
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("version made by", made(a.made_by), made(b.made_by)),
            ));
        }
        if a.needed != b.needed {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("version needed", a.needed, b.needed),
            ));
        }
        if a.flags != b.flags {
            found.push(Note::new(
                flag_severity(a.flags, b.flags, &a.name),
                Cause::ArchiveWriter,
                pair(
                    "flags",
                    format!("{:#06x}", a.flags),
                    format!("{:#06x}", b.flags),
                ),
            ));
        }
        if a.method != b.method {
            found.push(Note::new(
                Severity::Metadata,
                Cause::Compressor,
                pair("compression method", method(a.method), method(b.method)),
            ));
        }
    }

    fn texts(&self, rebuilt: &Self, found: &mut Found) {
        let (a, b) = (&self.entry, &rebuilt.entry);
        if a.comment != b.comment {
            found.push(Note::new(
                Severity::Metadata,
                Cause::StrayBytes,
                pair("comment", quote(&a.comment), quote(&b.comment)),
            ));
        }
        extra_difference("extra fields", &a.extra, &b.extra, found);
        extra_difference(
            "extra fields of the local header",
            &self.local.extra,
            &rebuilt.local.extra,
            found,
        );
    }

    /// Fields of the local header whose twins in the directory agree.
    fn local_header(&self, rebuilt: &Self, found: &mut Found) {
        let (a, b) = (&self.local, &rebuilt.local);
        let (ca, cb) = (&self.entry, &rebuilt.entry);
        if a.needed != b.needed && ca.needed == cb.needed {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("local header, version needed", a.needed, b.needed),
            ));
        }
        if (a.date, a.time) != (b.date, b.time) && (ca.date, ca.time) == (cb.date, cb.time) {
            found.push(Note::new(
                Severity::Metadata,
                Cause::Timestamp,
                pair(
                    "local header, mtime",
                    dos_time(a.date, a.time),
                    dos_time(b.date, b.time),
                ),
            ));
        }
        if a.flags != b.flags && ca.flags == cb.flags {
            found.push(Note::new(
                flag_severity(a.flags, b.flags, &ca.name),
                Cause::ArchiveWriter,
                pair(
                    "local header, flags",
                    format!("{:#06x}", a.flags),
                    format!("{:#06x}", b.flags),
                ),
            ));
        }
        if self.unused_sizes != rebuilt.unused_sizes
            && self.unused_sizes.is_some() == rebuilt.unused_sizes.is_some()
        {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                "local header, sizes and CRC-32 that a data descriptor replaces".to_owned(),
            ));
        }
        if self.descriptor != rebuilt.descriptor {
            let shown = |d: Descriptor| match d {
                Descriptor::None => "none".to_owned(),
                Descriptor::Present { signed, wide } => format!(
                    "{} bits, {} signature",
                    if wide { 64 } else { 32 },
                    if signed { "with" } else { "without" }
                ),
            };
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair(
                    "data descriptor",
                    shown(self.descriptor),
                    shown(rebuilt.descriptor),
                ),
            ));
        }
    }

    fn data(&self, rebuilt: &Self, same_content: bool, found: &mut Found) {
        if self.leftover != rebuilt.leftover {
            found.push(Note::new(
                Severity::Payload,
                Cause::StrayBytes,
                pair(
                    "bytes after the end of the compressed data",
                    self.leftover,
                    rebuilt.leftover,
                ),
            ));
        }
        let stream_differs = same_content
            && self.entry.method == rebuilt.entry.method
            && self.compressed != rebuilt.compressed;
        if stream_differs && self.leftover == 0 && rebuilt.leftover == 0 {
            found.push(Note::new(
                Severity::Metadata,
                Cause::Compressor,
                format!(
                    "same content, other compressor or level: published {} bytes, rebuilt {}",
                    self.entry.compressed, rebuilt.entry.compressed
                ),
            ));
        } else if stream_differs {
            found.push(Note::new(
                Severity::Payload,
                Cause::StrayBytes,
                "the compressed data differs, and bytes after its end are not read".to_owned(),
            ));
        }
    }
}

/// Encryption hides content, and the UTF-8 flag decides how a name outside ASCII
/// is read; a flag that is not known may mean anything.
fn flag_severity(published: u16, rebuilt: u16, name: &[u8]) -> Severity {
    let changed = published ^ rebuilt;
    let mut harmless = DESCRIPTOR | DEFLATE_LEVEL;
    if name.is_ascii() {
        harmless |= UTF8;
    }
    if changed & !harmless == 0 {
        Severity::Metadata
    } else {
        Severity::Payload
    }
}

fn extra_difference(label: &str, published: &[u8], rebuilt: &[u8], found: &mut Found) {
    if published == rebuilt {
        return;
    }
    let (severity, cause) = match extra::what_differs(published, rebuilt) {
        extra::Kind::Times => (Severity::Metadata, Cause::Timestamp),
        extra::Kind::Owners => (Severity::Metadata, Cause::Owner),
        extra::Kind::Sizes => (Severity::Metadata, Cause::ArchiveWriter),
        extra::Kind::Unknown => (Severity::Payload, Cause::ArchiveWriter),
    };
    found.push(Note::new(
        severity,
        cause,
        pair(label, extra::describe(published), extra::describe(rebuilt)),
    ));
}

/// Section 4.4.5, the methods that packers use.
pub(super) fn method(method: u16) -> String {
    match method {
        0 => "stored".to_owned(),
        8 => "deflate".to_owned(),
        12 => "bzip2".to_owned(),
        14 => "LZMA".to_owned(),
        93 => "zstd".to_owned(),
        other => format!("method {other}"),
    }
}

/// Section 4.4.6: MS-DOS date and time, of no time zone.
pub(super) fn dos_time(date: u16, time: u16) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        1980 + (date >> 9),
        date >> 5 & 15,
        date & 31,
        time >> 11,
        time >> 5 & 63,
        (time & 31) * 2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dos_time_is_shown_as_a_date() {
        assert_eq!(dos_time(0x0021, 0), "1980-01-01T00:00:00");
        assert_eq!(dos_time(0x5a8e, 0x6b3d), "2025-04-14T13:25:58");
    }

    #[test]
    fn flags_that_hide_or_rename_are_payload() {
        assert_eq!(flag_severity(0, DESCRIPTOR, b"a"), Severity::Metadata);
        assert_eq!(flag_severity(0, UTF8, b"a"), Severity::Metadata);
        assert_eq!(flag_severity(0, UTF8, "é".as_bytes()), Severity::Payload);
        assert_eq!(flag_severity(0, ENCRYPTED, b"a"), Severity::Payload);
    }
}
