//! tar, plain or below a compressor (`.crate`, npm's `.tgz`, sdists, the members of
//! a `.deb`): POSIX.1-2017, `pax`, "ustar Interchange Format" and "pax Extended
//! Header", with GNU's long names. May import `model`; never trusts a size.

pub(super) mod header;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::budget::Budget;
use super::findings::Findings;
use super::listing::{Meta, Note, Scan, Stray, Trouble, Wanted, quote};
use super::metadata::{TYPE_BITS, leads_out, mode_severity, pair, time};
use super::pair::Archive;
use super::stream::{self, Envelope};
use crate::model::{Cause, Severity};
pub(super) use header::is_header;
use header::{FIELDS, Field, is_folder, type_name};

/// The format `tar`, below any compressor or none.
pub(super) struct Tar;

/// What is around a tar's members.
#[derive(Debug)]
pub(super) struct Around {
    envelope: Envelope,
    /// From the end-of-archive marker on.
    tail: Stray,
    /// The records of global extended headers, in order.
    globals: Vec<Records>,
    /// Extension headers after the last member.
    dangling: Stray,
}

/// A keyword and its value.
pub(super) type Record = (Vec<u8>, Vec<u8>);
/// Those of one extended header, in order.
pub(super) type Records = Vec<Record>;

/// What tar says of a member beside its name and content.
#[derive(Debug)]
pub(super) struct TarMeta {
    kind: u8,
    mode: Option<i64>,
    uid: Option<i64>,
    gid: Option<i64>,
    mtime: Option<i64>,
    link: Vec<u8>,
    uname: Vec<u8>,
    gname: Vec<u8>,
    /// Extended header records with no meaning above.
    pax: Records,
    /// The raw extension headers before the member, if any.
    extension: Option<Stray>,
    /// A sum of each raw header field, in the order of [`FIELDS`].
    fields: [u64; FIELDS.len()],
    /// Whether bytes that no reader shows (after a text's end, in spare fields or
    /// padding) are other than zero.
    hidden: bool,
    /// What fills the last block of the content.
    padding: Stray,
}

impl Archive for Tar {
    type Meta = TarMeta;
    type Around = Around;

    fn walk(
        path: &Path,
        budget: &Budget,
        wanted: &Wanted,
        scan: &mut Scan<TarMeta, Around>,
    ) -> Result<(), Trouble> {
        walk::walk(path, budget, wanted, scan)
    }

    fn around(published: &Around, rebuilt: &Around, _same_members: bool, findings: &mut Findings) {
        for (index, (a, b)) in longest(&published.globals, &rebuilt.globals).enumerate() {
            for mut note in record_differences(a, b) {
                note.detail = format!("global extended header {}, {}", index + 1, note.detail);
                findings.container(note);
            }
        }
        if published.dangling != rebuilt.dangling {
            findings.container(Note::new(
                Severity::Payload,
                Cause::StrayBytes,
                pair(
                    "extension headers that no member follows",
                    &published.dangling,
                    &rebuilt.dangling,
                ),
            ));
        }
        if published.tail != rebuilt.tail {
            let severity = published.tail.severity(&rebuilt.tail);
            let cause = match severity {
                // Zeros alone: archivers fill up to blocks of their own size.
                Severity::Metadata => Cause::ArchiveWriter,
                Severity::Payload | Severity::Generated => Cause::StrayBytes,
            };
            findings.container(Note::new(
                severity,
                cause,
                pair(
                    "from the end-of-archive marker on",
                    &published.tail,
                    &rebuilt.tail,
                ),
            ));
        }
        stream::compare(&published.envelope, &rebuilt.envelope, findings);
    }
}

/// Both lists side by side, the shorter one filled up with empty records.
fn longest<'a>(
    a: &'a [Records],
    b: &'a [Records],
) -> impl Iterator<Item = (&'a [Record], &'a [Record])> {
    (0..a.len().max(b.len())).map(|i| {
        (
            a.get(i).map_or(&[][..], Vec::as_slice),
            b.get(i).map_or(&[][..], Vec::as_slice),
        )
    })
}

impl Meta for TarMeta {
    fn differences(&self, rebuilt: &Self, same_content: bool) -> Vec<Note> {
        let mut found = Vec::new();
        self.kind_and_link(rebuilt, &mut found);
        self.values(rebuilt, &mut found);
        found.extend(record_differences(&self.pax, &rebuilt.pax));
        self.devices(rebuilt, &mut found);
        self.spelling(rebuilt, same_content, &mut found);
        // Zeros that fill up another content's last block follow from its length.
        let follows = !same_content && self.padding.zeros && rebuilt.padding.zeros;
        if self.padding != rebuilt.padding && !follows {
            found.push(Note::new(
                self.padding.severity(&rebuilt.padding),
                Cause::StrayBytes,
                pair("padding after the content", &self.padding, &rebuilt.padding),
            ));
        }
        if (self.hidden || rebuilt.hidden) && self.raw_differs(rebuilt) {
            found.push(Note::new(Severity::Payload, Cause::StrayBytes, "bytes that no reader shows (after a text's end, or in spare fields) are not the same"
                    .to_owned()));
        }
        found
    }

    fn is_link(&self) -> bool {
        matches!(self.kind, b'1' | b'2')
    }

    fn links_out(&self, name: &[u8]) -> bool {
        // A symbolic link starts where it lies, a hard link where the archive does.
        let folder = match (self.kind, name.iter().rposition(|&byte| byte == b'/')) {
            (b'2', Some(end)) => &name[..end],
            _ => &[],
        };
        self.is_link() && leads_out(folder, &self.link)
    }

    fn describe(&self) -> String {
        let mode = self.mode.map_or(String::new(), |mode| {
            format!(", mode {:04o}", mode & 0o7777)
        });
        let link = if self.is_link() {
            format!(" to {}", quote(&self.link))
        } else {
            String::new()
        };
        format!("{}{link}{mode}", type_name(self.kind))
    }
}

impl TarMeta {
    fn kind_and_link(&self, rebuilt: &Self, found: &mut Vec<Note>) {
        if self.kind != rebuilt.kind {
            // Old archives write a regular file as NUL, which is the same thing.
            let regular = |kind| matches!(kind, 0 | b'0');
            let (severity, cause) = if regular(self.kind) && regular(rebuilt.kind) {
                (Severity::Metadata, Cause::ArchiveWriter)
            } else {
                (Severity::Payload, Cause::CodeChanged)
            };
            found.push(Note::new(
                severity,
                cause,
                pair("type", type_name(self.kind), type_name(rebuilt.kind)),
            ));
        }
        if self.link != rebuilt.link {
            found.push(Note::new(
                Severity::Payload,
                Cause::CodeChanged,
                pair("link target", quote(&self.link), quote(&rebuilt.link)),
            ));
        }
    }

    fn values(&self, rebuilt: &Self, found: &mut Vec<Note>) {
        if self.mode != rebuilt.mode {
            // A mode that is no number is read by each tool in its own way.
            let severity = match (bits(self.mode), bits(rebuilt.mode)) {
                (Some(a), Some(b)) => {
                    mode_severity(a, b, is_folder(self.kind) && is_folder(rebuilt.kind))
                }
                _ => Severity::Payload,
            };
            let mode = |mode: Option<i64>| {
                mode.map_or("unreadable".to_owned(), |mode| format!("{mode:04o}"))
            };
            found.push(Note::new(
                severity,
                Cause::FileMode,
                pair("mode", mode(self.mode), mode(rebuilt.mode)),
            ));
        }
        let mut plain = |differ: bool, cause: Cause, detail: String| {
            if differ {
                found.push(Note::new(Severity::Metadata, cause, detail));
            }
        };
        let when = |mtime: Option<i64>| mtime.map_or("unreadable".to_owned(), time);
        let number = |n: Option<i64>| n.map_or("unreadable".to_owned(), |n| n.to_string());
        plain(
            self.mtime != rebuilt.mtime,
            Cause::Timestamp,
            pair("mtime", when(self.mtime), when(rebuilt.mtime)),
        );
        for (label, a, b) in [
            ("uid", self.uid, rebuilt.uid),
            ("gid", self.gid, rebuilt.gid),
        ] {
            plain(a != b, Cause::Owner, pair(label, number(a), number(b)));
        }
        for (label, a, b) in [
            ("uname", &self.uname, &rebuilt.uname),
            ("gname", &self.gname, &rebuilt.gname),
        ] {
            plain(a != b, Cause::Owner, pair(label, quote(a), quote(b)));
        }
    }

    /// Device numbers decide what a device member is; elsewhere they say nothing.
    fn devices(&self, rebuilt: &Self, found: &mut Vec<Note>) {
        let is_device = |kind| matches!(kind, b'3' | b'4');
        let differ = [Field::DevMajor, Field::DevMinor]
            .iter()
            .any(|&field| self.field(field) != rebuilt.field(field));
        if differ && (is_device(self.kind) || is_device(rebuilt.kind)) {
            found.push(Note::new(
                Severity::Payload,
                Cause::CodeChanged,
                "device numbers differ".to_owned(),
            ));
        }
    }

    /// Fields that mean the same and are written in another way: other padding of
    /// a number, another flavour of tar, a name split at another place.
    fn spelling(&self, rebuilt: &Self, same_content: bool, found: &mut Vec<Note>) {
        let mut names = Vec::new();
        for field in FIELDS {
            let explained = match field {
                Field::Mode => self.mode != rebuilt.mode,
                Field::Uid => self.uid != rebuilt.uid,
                Field::Gid => self.gid != rebuilt.gid,
                Field::Mtime => self.mtime != rebuilt.mtime,
                Field::TypeFlag => self.kind != rebuilt.kind,
                Field::LinkName => self.link != rebuilt.link,
                Field::Uname => self.uname != rebuilt.uname,
                Field::Gname => self.gname != rebuilt.gname,
                Field::Size => !same_content,
                // The sum follows every other field.
                Field::Checksum => !found.is_empty() || !names.is_empty() || !same_content,
                Field::Name
                | Field::Magic
                | Field::DevMajor
                | Field::DevMinor
                | Field::Prefix
                | Field::Spare => false,
            };
            if !explained && self.field(field) != rebuilt.field(field) {
                names.push(field.name());
            }
        }
        if self.extension != rebuilt.extension && self.pax == rebuilt.pax && found.is_empty() {
            names.push("extended header");
        }
        if !names.is_empty() {
            found.push(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                format!(
                    "header written differently, same meaning: {}",
                    names.join(", ")
                ),
            ));
        }
    }

    fn field(&self, field: Field) -> u64 {
        self.fields[field as usize]
    }

    fn raw_differs(&self, rebuilt: &Self) -> bool {
        self.fields != rebuilt.fields || self.extension != rebuilt.extension
    }
}

/// A mode's permission bits; a number that fits no mode has none. Some writers
/// leave the file type's bits of `st_mode` in it, which readers ignore: the type
/// has a field of its own.
fn bits(mode: Option<i64>) -> Option<u32> {
    mode.and_then(|mode| u32::try_from(mode).ok())
        .map(|mode| mode & !TYPE_BITS)
}

/// Extended header keywords that say nothing about what a member does
/// (POSIX.1-2017, "pax Extended Header Keywords"; the names with a capital
/// vendor prefix are the ones that libarchive and star write).
const HARMLESS_KEYWORDS: [&[u8]; 8] = [
    b"atime",
    b"ctime",
    b"mtime",
    b"comment",
    b"LIBARCHIVE.creationtime",
    b"SCHILY.dev",
    b"SCHILY.ino",
    b"SCHILY.nlink",
];

/// What differs between two extended headers, beside what is a value of the
/// member itself. A keyword that is not known as harmless may carry anything:
/// extended attributes hold capabilities.
fn record_differences<'a>(published: &'a [Record], rebuilt: &'a [Record]) -> Vec<Note> {
    // Of equal keywords the last one counts.
    let last = |records: &'a [Record]| -> BTreeMap<&'a [u8], &'a [u8]> {
        let pairs = records.iter();
        pairs.map(|(k, v)| (k.as_slice(), v.as_slice())).collect()
    };
    let (a, b) = (last(published), last(rebuilt));
    let keys: BTreeSet<&[u8]> = a.keys().chain(b.keys()).copied().collect();
    let mut found: Vec<Note> = keys
        .into_iter()
        .filter_map(|key| {
            let (a, b) = (a.get(key), b.get(key));
            (a != b).then(|| {
                let shown = |v: Option<&&[u8]>| v.map_or("none".to_owned(), |v| quote(v));
                let severity = if HARMLESS_KEYWORDS.contains(&key) {
                    Severity::Metadata
                } else {
                    Severity::Payload
                };
                let cause = if key.ends_with(b"time") {
                    Cause::Timestamp
                } else {
                    Cause::ArchiveWriter
                };
                let label = format!("extended header keyword {}", quote(key));
                Note::new(severity, cause, pair(&label, shown(a), shown(b)))
            })
        })
        .collect();
    if found.is_empty() && published != rebuilt {
        found.push(Note::new(
            Severity::Metadata,
            Cause::ArchiveWriter,
            "extended header keywords are in another order or repeated".to_owned(),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(pairs: &[(&str, &str)]) -> Records {
        pairs
            .iter()
            .map(|(k, v)| (k.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn an_unknown_extended_header_keyword_is_payload() {
        let known =
            record_differences(&records(&[("mtime", "1.5")]), &records(&[("mtime", "2.5")]));
        assert_eq!(known[0].severity, Severity::Metadata);
        let capability = record_differences(
            &records(&[("SCHILY.xattr.security.capability", "x")]),
            &records(&[]),
        );
        assert_eq!(capability[0].severity, Severity::Payload);
        assert!(
            capability[0].detail.contains("rebuilt none"),
            "{capability:?}"
        );
    }
}
