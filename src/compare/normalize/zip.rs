//! Normalizers of zip archives. May import `model`; holds headers, never content.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::bufread::DeflateDecoder;

use super::{Model, Normalizer, Refused, place_of, plain_mode};
use crate::compare::budget::Budget;
use crate::compare::zip::directory::{u16_at, u32_at};
use crate::model::Cause;

/// The steps, the least telling first.
pub(super) const NORMALIZERS: &[Normalizer<Zip>] = &[
    Normalizer {
        name: "zip-compression/1",
        causes: &[Cause::Compressor],
        apply: compression,
    },
    Normalizer {
        name: "zip-writer/1",
        causes: &[Cause::ArchiveWriter],
        apply: writer,
    },
    Normalizer {
        name: "zip-mtime/1",
        causes: &[Cause::Timestamp],
        apply: mtime,
    },
    Normalizer {
        name: "zip-mode/1",
        causes: &[Cause::FileMode],
        apply: mode,
    },
    Normalizer {
        name: "zip-order/1",
        causes: &[Cause::Ordering],
        apply: order,
    },
];

/// APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16: headers without their texts.
const LOCAL: usize = 30;
const ENTRY: usize = 46;
const END: usize = 22;

/// General purpose bits (section 4.4.4).
const LEVEL: u16 = 0b110;
const DESCRIPTOR: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// Extra fields (sections 4.5.5, 4.5.7 and Info-ZIP's own) that hold times alone;
/// NTFS's, the longest, has 32 bytes.
const TIMES: [u16; 2] = [0x000a, 0x5455];
const TIMES_LENGTH: usize = 32;

/// What is written as a member's data.
enum Data {
    /// So many bytes of the file, as they are.
    AsIs { length: u64 },
    /// What so many bytes of the file inflate to.
    Inflated { length: u64, size: u64 },
}

struct Member {
    local: [u8; LOCAL],
    name: Vec<u8>,
    local_extra: Vec<u8>,
    /// Where the data begins in the file.
    start: u64,
    data: Data,
    descriptor: Vec<u8>,
    entry: [u8; ENTRY],
    extra: Vec<u8>,
}

/// A zip in parts: members one after the other, in the directory's order, with
/// nothing before, between or after them.
pub(super) struct Zip {
    path: PathBuf,
    budget: Budget,
    members: Vec<Member>,
}

fn exact<const N: usize>(reader: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn some(reader: &mut impl Read, count: u16) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count.into()];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl Model for Zip {
    fn read(path: &Path, budget: &Budget) -> Result<Self, Refused> {
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path)?);
        let length = reader.get_ref().metadata()?.len();
        let end_at = length.checked_sub(END as u64).ok_or(Refused)?;
        reader.seek(SeekFrom::Start(end_at))?;
        let end: [u8; END] = exact(&mut reader)?;
        let count = u16_at(&end, 10);
        // Section 4.4.1.4: all ones stand for zip64, which is not held here.
        if !end.starts_with(b"PK\x05\x06") || count == u16::MAX {
            return Err(Refused);
        }
        let directory = u32_at(&end, 16).into();
        let mut listing = budget.for_walk();
        reader.seek(SeekFrom::Start(directory))?;
        let mut members = Vec::new();
        for _ in 0..count {
            let entry: [u8; ENTRY] = exact(&mut reader)?;
            // A comment can hold anything.
            if !entry.starts_with(b"PK\x01\x02") || u16_at(&entry, 32) != 0 {
                return Err(Refused);
            }
            let name = some(&mut reader, u16_at(&entry, 28))?;
            let extra = some(&mut reader, u16_at(&entry, 30))?;
            listing
                .list(
                    members.len(),
                    size_of::<Member>() + name.len() + 2 * extra.len(),
                )
                .map_err(|_| Refused)?;
            members.push(Member {
                local: [0; LOCAL],
                name,
                local_extra: Vec::new(),
                start: 0,
                data: Data::AsIs {
                    length: u32_at(&entry, 20).into(),
                },
                descriptor: Vec::new(),
                entry,
                extra,
            });
        }
        for index in 0..members.len() {
            // What lies between this member's data and the next header is taken for
            // its descriptor, and looked at there.
            let next = members
                .get(index + 1)
                .map_or(directory, |next| u32_at(&next.entry, 42).into());
            members[index].read_local(&mut reader, next)?;
        }
        Ok(Self {
            path: path.to_owned(),
            budget: budget.clone(),
            members,
        })
    }

    fn write(&self, out: &mut dyn Write) -> Result<(), Refused> {
        let mut file = BufReader::with_capacity(1 << 16, File::open(&self.path)?);
        let mut offset = 0u64;
        let mut directory = Vec::new();
        for member in &self.members {
            let start = u32::try_from(offset).map_err(|_| Refused)?;
            offset += member.write_local(&mut file, &self.budget, out)?;
            member.write_entry(start, &mut directory)?;
        }
        out.write_all(&directory)?;
        let count = u16::try_from(self.members.len()).map_err(|_| Refused)?;
        let mut end = [0; END];
        end[..4].copy_from_slice(b"PK\x05\x06");
        end[8..10].copy_from_slice(&count.to_le_bytes());
        end[10..12].copy_from_slice(&count.to_le_bytes());
        let size = u32::try_from(directory.len()).map_err(|_| Refused)?;
        end[12..16].copy_from_slice(&size.to_le_bytes());
        let offset = u32::try_from(offset).map_err(|_| Refused)?;
        end[16..20].copy_from_slice(&offset.to_le_bytes());
        out.write_all(&end)?;
        Ok(())
    }
}

impl Member {
    fn read_local(&mut self, reader: &mut BufReader<File>, next: u64) -> Result<(), Refused> {
        let at = u64::from(u32_at(&self.entry, 42));
        reader.seek(SeekFrom::Start(at))?;
        self.local = exact(reader)?;
        let name = some(reader, u16_at(&self.local, 26))?;
        if !self.local.starts_with(b"PK\x03\x04") || name != self.name {
            return Err(Refused);
        }
        self.local_extra = some(reader, u16_at(&self.local, 28))?;
        self.start = at + (LOCAL + self.name.len() + self.local_extra.len()) as u64;
        let Data::AsIs { length } = self.data else {
            return Err(Refused);
        };
        let descriptor_at = self.start + length;
        // Section 4.3.9: 12 or 16 bytes, and only where the flag says so.
        let room = next.checked_sub(descriptor_at).ok_or(Refused)?;
        let expected: &[u64] = if self.flags() & DESCRIPTOR == 0 {
            &[0]
        } else {
            &[12, 16]
        };
        if !expected.contains(&room) {
            return Err(Refused);
        }
        reader.seek(SeekFrom::Start(descriptor_at))?;
        self.descriptor = some(reader, room as u16)?;
        Ok(())
    }

    fn flags(&self) -> u16 {
        u16_at(&self.entry, 8)
    }

    fn write_local(
        &self,
        file: &mut BufReader<File>,
        budget: &Budget,
        out: &mut dyn Write,
    ) -> Result<u64, Refused> {
        let mut local = self.local;
        let extra = u16::try_from(self.local_extra.len()).map_err(|_| Refused)?;
        local[28..30].copy_from_slice(&extra.to_le_bytes());
        out.write_all(&local)?;
        out.write_all(&self.name)?;
        out.write_all(&self.local_extra)?;
        file.seek(SeekFrom::Start(self.start))?;
        let written = match self.data {
            Data::AsIs { length } => {
                let copied = io::copy(&mut Read::take(&mut *file, length), out)?;
                if copied != length {
                    return Err(Refused);
                }
                length
            }
            Data::Inflated { length, size } => {
                inflate(file, length, size, budget, out)?;
                size
            }
        };
        out.write_all(&self.descriptor)?;
        Ok(written
            + (LOCAL + self.name.len() + self.local_extra.len() + self.descriptor.len()) as u64)
    }

    fn write_entry(&self, start: u32, directory: &mut Vec<u8>) -> Result<(), Refused> {
        let mut entry = self.entry;
        let extra = u16::try_from(self.extra.len()).map_err(|_| Refused)?;
        entry[30..32].copy_from_slice(&extra.to_le_bytes());
        entry[42..46].copy_from_slice(&start.to_le_bytes());
        directory.extend_from_slice(&entry);
        directory.extend_from_slice(&self.name);
        directory.extend_from_slice(&self.extra);
        Ok(())
    }

    fn change_flags(&mut self, change: impl Fn(u16) -> u16) {
        let local = change(u16_at(&self.local, 6));
        self.local[6..8].copy_from_slice(&local.to_le_bytes());
        let entry = change(self.flags());
        self.entry[8..10].copy_from_slice(&entry.to_le_bytes());
    }
}

/// Writes what `length` bytes of deflate hold; bytes after the stream's end could
/// hide anything, and a wrong size too.
fn inflate(
    file: &mut BufReader<File>,
    length: u64,
    size: u64,
    budget: &Budget,
    out: &mut dyn Write,
) -> Result<(), Refused> {
    let mut decoder = DeflateDecoder::new(Read::take(&mut *file, length));
    let mut buffer = vec![0; 1 << 16];
    let mut total = 0u64;
    loop {
        let count = decoder.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        budget.inflate(count)?;
        out.write_all(&buffer[..count])?;
        total += count as u64;
    }
    if total != size || decoder.total_in() != length {
        return Err(Refused);
    }
    Ok(())
}

/// The compressor and its traces: members are stored, sizes stand in the headers.
fn compression(zip: &mut Zip) -> Result<(), Refused> {
    for member in &mut zip.members {
        let size = u32_at(&member.entry, 24);
        if let Data::AsIs { length } = member.data {
            match u16_at(&member.entry, 10) {
                0 => {}
                8 => {
                    member.data = Data::Inflated {
                        length,
                        size: size.into(),
                    };
                }
                _ => return Err(Refused),
            }
        }
        let crc: [u8; 4] = u32_at(&member.entry, 16).to_le_bytes();
        let size = size.to_le_bytes();
        member.entry[6..8].copy_from_slice(&NEEDED);
        member.entry[10..12].copy_from_slice(&[0, 0]);
        member.entry[20..24].copy_from_slice(&size);
        member.local[4..6].copy_from_slice(&NEEDED);
        member.local[8..10].copy_from_slice(&[0, 0]);
        member.local[14..18].copy_from_slice(&crc);
        member.local[18..22].copy_from_slice(&size);
        member.local[22..26].copy_from_slice(&size);
        member.descriptor.clear();
        member.change_flags(|flags| flags & !(LEVEL | DESCRIPTOR));
    }
    Ok(())
}

/// Section 4.4.3: "version needed" 2.0, which deflate and folders ask for.
const NEEDED: [u8; 2] = [20, 0];

/// The version of the writer and the attributes of systems that have no modes. The
/// system that an entry says it was made on stays: it decides how modes are read.
fn writer(zip: &mut Zip) -> Result<(), Refused> {
    for member in &mut zip.members {
        member.entry[4] = NEEDED[0];
        member.entry[6..8].copy_from_slice(&NEEDED);
        member.local[4..6].copy_from_slice(&NEEDED);
        // Internal attributes: whether the writer took the content for text.
        member.entry[36..38].copy_from_slice(&[0, 0]);
        // DOS attributes but "directory" (section 4.4.15).
        member.entry[38] &= 0x10;
        member.entry[39] = 0;
        if member.name.is_ascii() {
            member.change_flags(|flags| flags & !UTF8);
        }
        member.change_flags(|flags| flags & !LEVEL);
    }
    Ok(())
}

/// Every time of a member: 1980-01-01, the first that section 4.4.6 can say.
fn mtime(zip: &mut Zip) -> Result<(), Refused> {
    const FIRST: [u8; 4] = [0, 0, 0x21, 0];
    for member in &mut zip.members {
        member.local[10..14].copy_from_slice(&FIRST);
        member.entry[12..16].copy_from_slice(&FIRST);
        member.local_extra = without_times(&member.local_extra)?;
        member.extra = without_times(&member.extra)?;
    }
    Ok(())
}

fn without_times(mut extra: &[u8]) -> Result<Vec<u8>, Refused> {
    let mut kept = Vec::new();
    while !extra.is_empty() {
        if extra.len() < 4 {
            return Err(Refused);
        }
        let length = 4 + usize::from(u16_at(extra, 2));
        let (field, rest) = extra.split_at_checked(length).ok_or(Refused)?;
        if !TIMES.contains(&u16_at(field, 0)) || length - 4 > TIMES_LENGTH {
            kept.extend_from_slice(field);
        }
        extra = rest;
    }
    Ok(kept)
}

/// Permission bits but those that decide what runs.
fn mode(zip: &mut Zip) -> Result<(), Refused> {
    /// File type bits of `st_mode`: none, regular file, folder.
    const PLAIN: [u32; 3] = [0, 0o100_000, 0o040_000];
    for member in &mut zip.members {
        let mode = u32::from(u16_at(&member.entry, 40));
        let kind = mode & 0o170_000;
        if !PLAIN.contains(&kind) {
            continue;
        }
        let folder = member.name.ends_with(b"/");
        let plain = (kind | plain_mode(mode & 0o7777, folder)) as u16;
        member.entry[40..42].copy_from_slice(&plain.to_le_bytes());
    }
    Ok(())
}

/// The order of members, where it cannot matter: no links, each name once.
fn order(zip: &mut Zip) -> Result<(), Refused> {
    let mut names = BTreeSet::new();
    for member in &zip.members {
        let link = u32::from(u16_at(&member.entry, 40)) & 0o170_000 == 0o120_000;
        if link || !names.insert(place_of(&member.name)?) {
            return Err(Refused);
        }
    }
    zip.members.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(())
}
