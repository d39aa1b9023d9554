//! Normalizers of tar archives. May import `model`; holds headers, never content.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Model, Normalizer, Refused, place_of, plain_mode};
use crate::compare::budget::Budget;
use crate::compare::listing::fill;
use crate::compare::tar::header::{BLOCK, Field, Header};
use crate::model::Cause;

/// The steps, the least telling first.
pub(super) const NORMALIZERS: &[Normalizer<Tar>] = &[
    Normalizer {
        name: "tar-padding/1",
        causes: &[Cause::ArchiveWriter],
        apply: padding,
    },
    Normalizer {
        name: "tar-mtime/1",
        causes: &[Cause::Timestamp],
        apply: mtime,
    },
    Normalizer {
        name: "tar-owner/1",
        causes: &[Cause::Owner],
        apply: owner,
    },
    Normalizer {
        name: "tar-mode/1",
        causes: &[Cause::FileMode],
        apply: mode,
    },
    Normalizer {
        name: "tar-order/1",
        causes: &[Cause::Ordering],
        apply: order,
    },
];

/// The largest extension header that is held, as in the reader of the comparison.
const MAX_EXTENSION: u64 = 1 << 20;

/// The longest record that is taken out: times and names of users are shorter, and
/// in a longer one anything could hide.
const MAX_RECORD: usize = 64;

/// A header with the little content that extension headers have.
struct Extension {
    header: Header,
    content: Vec<u8>,
}

struct Member {
    extensions: Vec<Extension>,
    header: Header,
    /// Where the content begins in the file.
    start: u64,
    size: u64,
}

/// A tar in parts.
pub(super) struct Tar {
    path: PathBuf,
    members: Vec<Member>,
    /// Zeros from the end-of-archive marker on.
    tail: u64,
}

const fn padding_of(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

impl Model for Tar {
    fn read(path: &Path, budget: &Budget) -> Result<Self, Refused> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let length = reader.get_ref().metadata()?.len();
        let mut listing = budget.for_walk();
        let mut members: Vec<Member> = Vec::new();
        let mut extensions = Vec::new();
        let mut at = 0u64;
        loop {
            let mut block = [0; BLOCK];
            if fill(&mut reader, &mut block)? < BLOCK {
                break;
            }
            let header = Header(block);
            if header.is_zero() {
                break;
            }
            at += BLOCK as u64;
            let size = header
                .number(Field::Size)
                .and_then(|size| u64::try_from(size).ok())
                .filter(|size| header.checksum_holds() && *size <= length)
                .ok_or(Refused)?;
            let space = size + padding_of(size);
            listing
                .list(members.len(), size_of::<Member>() + BLOCK)
                .map_err(|_| Refused)?;
            if matches!(header.kind(), b'x' | b'g' | b'L' | b'K') {
                if size > MAX_EXTENSION {
                    return Err(Refused);
                }
                listing
                    .list(members.len(), BLOCK + size as usize)
                    .map_err(|_| Refused)?;
                let mut content = vec![0; size as usize];
                reader.read_exact(&mut content)?;
                reader.seek_relative(padding_of(size) as i64)?;
                extensions.push(Extension { header, content });
            } else {
                reader.seek_relative(i64::try_from(space).map_err(|_| Refused)?)?;
                members.push(Member {
                    extensions: std::mem::take(&mut extensions),
                    header,
                    start: at,
                    size,
                });
            }
            at += space;
        }
        let tail = length.checked_sub(at).ok_or(Refused)?;
        if !extensions.is_empty() {
            return Err(Refused);
        }
        Ok(Self {
            path: path.to_owned(),
            members,
            tail,
        })
    }

    fn write(&self, out: &mut dyn Write) -> Result<(), Refused> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(&self.path)?);
        for member in &self.members {
            for extension in &member.extensions {
                out.write_all(&extension.header.0)?;
                out.write_all(&extension.content)?;
                zeros(padding_of(extension.content.len() as u64), out)?;
            }
            out.write_all(&member.header.0)?;
            file.seek(SeekFrom::Start(member.start))?;
            if io::copy(&mut (&mut file).take(member.size), out)? != member.size {
                return Err(Refused);
            }
            zeros(padding_of(member.size), out)?;
        }
        zeros(self.tail, out)
    }
}

fn zeros(count: u64, out: &mut dyn Write) -> Result<(), Refused> {
    io::copy(&mut io::repeat(0).take(count), out)?;
    Ok(())
}

/// The end-of-archive marker (POSIX.1-2017, "ustar Interchange Format": at least
/// two blocks of zeros) as short as it may be.
fn padding(tar: &mut Tar) -> Result<(), Refused> {
    tar.tail = 2 * BLOCK as u64;
    Ok(())
}

/// Every time of a member.
fn mtime(tar: &mut Tar) -> Result<(), Refused> {
    each(tar, &[b"mtime", b"atime", b"ctime"], |header| {
        header.set_number(Field::Mtime, 0);
        header.clear_gnu_times();
    })
}

/// Every owner, by number and by name.
fn owner(tar: &mut Tar) -> Result<(), Refused> {
    each(tar, &[b"uid", b"gid", b"uname", b"gname"], |header| {
        header.set_number(Field::Uid, 0);
        header.set_number(Field::Gid, 0);
        header.clear(Field::Uname);
        header.clear(Field::Gname);
    })
}

/// Permission bits but those that decide what runs.
fn mode(tar: &mut Tar) -> Result<(), Refused> {
    for member in &mut tar.members {
        let header = &mut member.header;
        let folder = header.kind() == b'5';
        let bits = header
            .number(Field::Mode)
            .and_then(|mode| u32::try_from(mode).ok())
            .ok_or(Refused)?;
        header.set_number(Field::Mode, plain_mode(bits, folder));
        header.set_checksum();
    }
    Ok(())
}

/// The order of members, where it cannot matter: plain files and folders, each
/// name once.
fn order(tar: &mut Tar) -> Result<(), Refused> {
    let mut names = BTreeSet::new();
    for member in &tar.members {
        let plain = matches!(member.header.kind(), 0 | b'0' | b'5');
        let global = member.extensions.iter().any(|e| e.header.kind() == b'g');
        let name = name_of(member);
        let place = place_of(&name)?.join(&b'/');
        if !plain || global || !names.insert(place) {
            return Err(Refused);
        }
    }
    tar.members.sort_by_cached_key(name_of);
    Ok(())
}

/// Everything that can say a member's name, the long forms first.
fn name_of(member: &Member) -> Vec<u8> {
    let extension = |kind: u8| member.extensions.iter().find(|e| e.header.kind() == kind);
    if let Some(path) = extension(b'x').and_then(|e| value_of(&e.content, b"path")) {
        return path;
    }
    match extension(b'L') {
        Some(long) => {
            let end = long.content.iter().position(|&b| b == 0);
            long.content[..end.unwrap_or(long.content.len())].to_vec()
        }
        None => member.header.name(),
    }
}

fn value_of(content: &[u8], key: &[u8]) -> Option<Vec<u8>> {
    records(content).ok()?.into_iter().find_map(|record| {
        let rest = record.strip_prefix(key)?.strip_prefix(b"=")?;
        Some(rest.to_vec())
    })
}

/// Changes every header, and takes `keywords` out of the extended headers before
/// members; one that is left empty goes.
fn each(tar: &mut Tar, keywords: &[&[u8]], change: impl Fn(&mut Header)) -> Result<(), Refused> {
    for member in &mut tar.members {
        for extension in &mut member.extensions {
            change(&mut extension.header);
            if extension.header.kind() == b'x' {
                extension.content = without(&extension.content, keywords)?;
                extension
                    .header
                    .set_number(Field::Size, extension.content.len() as u32);
            }
            extension.header.set_checksum();
        }
        member
            .extensions
            .retain(|e| e.header.kind() != b'x' || !e.content.is_empty());
        change(&mut member.header);
        member.header.set_checksum();
    }
    Ok(())
}

/// The records of an extended header that have none of `keywords`.
fn without(content: &[u8], keywords: &[&[u8]]) -> Result<Vec<u8>, Refused> {
    let mut kept = Vec::new();
    for record in records(content)? {
        let end = record.iter().position(|&b| b == b'=').ok_or(Refused)?;
        if keywords.contains(&&record[..end]) {
            if record.len() > MAX_RECORD {
                return Err(Refused);
            }
            continue;
        }
        // The length counts its own digits ("pax Extended Header").
        let body = record.len() + 2;
        let mut length = body + 1;
        while length != body + length.to_string().len() {
            length = body + length.to_string().len();
        }
        kept.extend_from_slice(format!("{length} ").as_bytes());
        kept.extend_from_slice(record);
        kept.push(b'\n');
    }
    Ok(kept)
}

/// The records of an extended header, each as `keyword=value`.
fn records(mut content: &[u8]) -> Result<Vec<&[u8]>, Refused> {
    let mut found = Vec::new();
    while !content.is_empty() {
        let space = content
            .iter()
            .take(20)
            .position(|&b| b == b' ')
            .ok_or(Refused)?;
        let length: usize = std::str::from_utf8(&content[..space])
            .ok()
            .and_then(|digits| digits.parse().ok())
            .filter(|&length| length > space + 1 && length <= content.len())
            .ok_or(Refused)?;
        let record = content[space + 1..length]
            .strip_suffix(b"\n")
            .ok_or(Refused)?;
        found.push(record);
        content = &content[length..];
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_taken_out_and_lengths_written_anew() {
        let content = b"20 mtime=1620224296\n11 path=ab\n12 uname=me\n";
        let kept = without(content, &[b"mtime"]).expect("well-formed");
        assert_eq!(kept, b"11 path=ab\n12 uname=me\n");
        assert!(without(b"9 path=ab\n", &[b"mtime"]).is_err());
        assert_eq!(value_of(content, b"path"), Some(b"ab".to_vec()));
    }

    #[test]
    fn a_length_that_counts_its_own_digits_is_found() {
        for size in [1, 5, 6, 7, 88, 90, 95, 96, 97, 990, 993, 2000] {
            let record = [b"k=", vec![b'v'; size].as_slice()].concat();
            let body = record.len() + 2;
            let length = (body..).find(|l| *l == body + l.to_string().len());
            let content = [
                format!("{} ", length.expect("there is one")).as_bytes(),
                &record,
                b"\n",
            ]
            .concat();
            assert_eq!(without(&content, &[]).ok(), Some(content.clone()), "{size}");
        }
    }
}
