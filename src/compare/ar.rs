//! ar (`.deb`, static libraries): ar(5) and deb(5); the layout is the common one of
//! System V and GNU, whose long names stand in a member `//`. May import `model`;
//! never trusts a size.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::budget::Budget;
use super::findings::Findings;
use super::listing::{
    Buffer, Member, Meta, Note, Scan, Stray, Trouble, Wanted, fill, quote, read_body, show,
};
use super::metadata::{mode_severity, pair, time};
use super::pair::Archive;
use crate::model::{Cause, Severity};

/// The format `ar`.
pub(super) struct Ar;

/// "!<arch>\n".
const MAGIC: usize = 8;
/// A member's header.
const HEADER: usize = 60;

/// What ar says of a member beside its name and content, as it stands there: each
/// field is digits filled up with spaces.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ArMeta {
    mtime: Vec<u8>,
    uid: Vec<u8>,
    gid: Vec<u8>,
    mode: Vec<u8>,
    /// The raw name field, whose spelling differs between writers.
    raw_name: Vec<u8>,
    /// The byte after a content of odd length.
    padding: Option<u8>,
}

impl Archive for Ar {
    type Meta = ArMeta;
    type Around = Stray;

    fn walk(
        path: &Path,
        budget: &Budget,
        wanted: &Wanted,
        scan: &mut Scan<ArMeta, Stray>,
    ) -> Result<(), Trouble> {
        walk(path, budget, wanted, scan)
    }

    /// deb(5): `control.tar` and `data.tar`, each with its compressor's ending or none.
    fn base_name(name: &[u8]) -> Option<&[u8]> {
        [&b"control.tar"[..], b"data.tar"].into_iter().find(|base| {
            let ending = name.strip_prefix(*base);
            ending
                .is_some_and(|e| matches!(e, b"" | b".gz" | b".xz" | b".zst" | b".bz2" | b".lzma"))
        })
    }

    fn around(published: &Stray, rebuilt: &Stray, _same: bool, findings: &mut Findings) {
        if published != rebuilt {
            findings.container(Note::new(
                published.severity(rebuilt),
                Cause::StrayBytes,
                pair("bytes after the last member", published, rebuilt),
            ));
        }
    }
}

impl Meta for ArMeta {
    fn differences(&self, rebuilt: &Self, _same_content: bool) -> Vec<Note> {
        let mut found = Vec::new();
        let mut add = |differ: bool, severity, cause, detail: String| {
            if differ {
                found.push(Note::new(severity, cause, detail));
            }
        };
        let when = |raw: &[u8]| digits(raw, 10).map_or_else(|| quote(raw), time);
        add(
            self.mtime != rebuilt.mtime,
            Severity::Metadata,
            Cause::Timestamp,
            pair("mtime", when(&self.mtime), when(&rebuilt.mtime)),
        );
        for (label, a, b) in [
            ("uid", &self.uid, &rebuilt.uid),
            ("gid", &self.gid, &rebuilt.gid),
        ] {
            let plain = digits(a, 10).is_some() && digits(b, 10).is_some();
            add(
                a != b,
                if plain {
                    Severity::Metadata
                } else {
                    Severity::Payload
                },
                Cause::Owner,
                pair(label, quote(a), quote(b)),
            );
        }
        let mode = |raw: &[u8]| digits(raw, 8).and_then(|mode| u32::try_from(mode).ok());
        let severity = match (mode(&self.mode), mode(&rebuilt.mode)) {
            (Some(a), Some(b)) => mode_severity(a, b, false),
            _ => Severity::Payload,
        };
        add(
            self.mode != rebuilt.mode,
            severity,
            Cause::FileMode,
            pair("mode", quote(&self.mode), quote(&rebuilt.mode)),
        );
        // Two names are two spellings of one, or those of two compressors, which whoever
        // paired the members tells.
        let [ours, theirs] = [self, rebuilt].map(|meta| resolved(trimmed(&meta.raw_name), b""));
        let renamed = ours != theirs && Ar::base_name(&ours).is_some();
        add(
            self.raw_name != rebuilt.raw_name && !renamed,
            Severity::Metadata,
            Cause::ArchiveWriter,
            pair(
                "name as written",
                quote(&self.raw_name),
                quote(&rebuilt.raw_name),
            ),
        );
        let byte = |b: Option<u8>| b.map_or("none".to_owned(), |b| format!("{b:#04x}"));
        add(
            self.padding.is_some() == rebuilt.padding.is_some() && self.padding != rebuilt.padding,
            Severity::Payload,
            Cause::StrayBytes,
            pair("padding byte", byte(self.padding), byte(rebuilt.padding)),
        );
        found
    }

    fn is_link(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        "file".to_owned()
    }
}

fn walk(
    path: &Path,
    budget: &Budget,
    wanted: &Wanted,
    scan: &mut Scan<ArMeta, Stray>,
) -> Result<(), Trouble> {
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut listing = budget.for_walk();
    let mut buffer = Buffer::new();
    let mut magic = [0; MAGIC];
    if fill(&mut reader, &mut magic)? < MAGIC || &magic != b"!<arch>\n" {
        return Err(Trouble("it does not begin as an ar archive does".into()));
    }
    // GNU's table of long names, as far as it was met.
    let mut long_names: Vec<u8> = Vec::new();
    loop {
        let mut header = [0; HEADER];
        let filled = fill(&mut reader, &mut header)?;
        if filled < HEADER || !header.ends_with(b"`\n") {
            scan.wrapping = Some(Stray::read(&mut (&header[..filled]).chain(&mut reader))?);
            return Ok(());
        }
        let index = scan.next_index();
        listing.list(index, size_of::<Member<ArMeta>>() + HEADER)?;
        let raw_name = trimmed(&header[..16]);
        let size = digits(&header[48..58], 10)
            .and_then(|size| u64::try_from(size).ok())
            .ok_or_else(|| Trouble(format!("member {} has no readable size", show(raw_name))))?;
        let mut limited = Read::take(&mut reader, size);
        let is_table = raw_name == b"//";
        // The table is short; it is read whole, within what a listing may hold.
        let (body, held) = if is_table {
            listing.list(index, usize::try_from(size).unwrap_or(usize::MAX))?;
            limited.read_to_end(&mut long_names)?;
            read_body(
                &mut long_names.as_slice(),
                &mut buffer,
                wanted.get(&index),
                |c| budget.inflate(c.len()),
            )?
        } else {
            read_body(&mut limited, &mut buffer, wanted.get(&index), |c| {
                budget.inflate(c.len())
            })?
        };
        if body.size != size {
            return Err(Trouble(format!(
                "it ends within member {} (truncated)",
                show(raw_name)
            )));
        }
        let mut padding = [0; 1];
        let padded = size % 2 == 1 && fill(&mut reader, &mut padding)? == 1;
        let member = Member {
            name: resolved(raw_name, &long_names),
            body,
            meta: ArMeta {
                mtime: header[16..28].to_vec(),
                uid: header[28..34].to_vec(),
                gid: header[34..40].to_vec(),
                mode: header[40..48].to_vec(),
                raw_name: header[..16].to_vec(),
                padding: padded.then_some(padding[0]),
            },
        };
        scan.take(member, held, wanted);
    }
}

/// A member's name: GNU ends it with a slash, or writes a slash and the offset of a
/// longer one in the table.
fn resolved(raw: &[u8], long_names: &[u8]) -> Vec<u8> {
    if let Some(offset) = raw.strip_prefix(b"/").and_then(|d| digits(d, 10)) {
        let long = usize::try_from(offset)
            .ok()
            .and_then(|at| long_names.get(at..));
        if let Some(long) = long.filter(|long| !long.is_empty()) {
            let end = long.iter().position(|&b| b == b'\n').unwrap_or(long.len());
            return long[..end]
                .strip_suffix(b"/")
                .unwrap_or(&long[..end])
                .to_vec();
        }
    }
    match raw {
        b"/" | b"//" => raw.to_vec(),
        _ => raw.strip_suffix(b"/").unwrap_or(raw).to_vec(),
    }
}

fn trimmed(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .rposition(|&byte| byte != b' ')
        .map_or(0, |at| at + 1);
    &field[..end]
}

/// A number filled up with spaces.
fn digits(field: &[u8], radix: u32) -> Option<i64> {
    let text = std::str::from_utf8(trimmed(field)).ok()?;
    // `from_str_radix` would take a sign.
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    i64::from_str_radix(text, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_debian_and_gnu_write_them() {
        assert_eq!(resolved(b"debian-binary", b""), b"debian-binary");
        assert_eq!(resolved(b"short.o/", b""), b"short.o");
        assert_eq!(resolved(b"/2", b"x\nlong-name.o/\n"), b"long-name.o");
        assert_eq!(resolved(b"/99", b"x"), b"/99");
        assert_eq!(resolved(b"//", b""), b"//");
    }

    #[test]
    fn a_number_has_digits_and_nothing_else() {
        assert_eq!(digits(b"100644  ", 8), Some(0o100_644));
        assert_eq!(digits(b"        ", 10), None);
        assert_eq!(digits(b"+1      ", 10), None);
        assert_eq!(digits(b"19      ", 8), None);
    }
}
