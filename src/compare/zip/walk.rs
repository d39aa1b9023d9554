//! One pass over a zip, member by member in the central directory's order. May
//! import `model`; holds one block and what was asked for.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use sha2::{Digest as _, Sha256};

use super::Around;
use super::directory::{Entry, Layout, u16_at, u32_at, u64_at};
use super::extra;
use super::meta::{DESCRIPTOR, Descriptor, ENCRYPTED, Local, ZipMeta, dos_time, method};
use crate::compare::budget::{Budget, Walk};
use crate::compare::listing::{
    BLOCK, Body, Buffer, Held, Member, Scan, StrayHasher, Trouble, Want, Wanted, fill, quote,
    read_body, show,
};
use crate::model::Sha256Digest;

/// Section 4.3.7: a local header without its two texts.
const LOCAL_SIZE: u64 = 30;

/// Walks the file at `path`.
pub(super) fn walk(
    path: &Path,
    budget: &Budget,
    wanted: &Wanted,
    scan: &mut Scan<ZipMeta, Around>,
) -> Result<(), Trouble> {
    let mut file = File::open(path)?;
    let mut budget = budget.for_walk();
    let mut layout = Layout::read(&mut file)?;
    let (entries, after_entries) = layout.entries(&mut file, &mut budget)?;
    refuse_overlaps(&entries)?;
    let mut reader = MemberReader {
        file,
        budget,
        buffer: Buffer::new(),
        shift: layout.shift,
        directory: layout.directory,
        ranges: Vec::new(),
    };
    for (index, entry) in entries.into_iter().enumerate() {
        let (member, held) = reader.read(index, entry, wanted.get(&index))?;
        scan.take(member, held, wanted);
    }
    scan.wrapping = Some(reader.around(layout, &after_entries)?);
    Ok(())
}

/// Members that lie in each other make a bomb of a few bytes, so they are refused before
/// any is inflated, as far as the directory alone shows it. What local headers add is seen
/// in [`MemberReader::around`].
fn refuse_overlaps(entries: &[Entry]) -> Result<(), Trouble> {
    let mut taken: Vec<(u64, u64)> = entries
        .iter()
        .map(|entry| {
            let size = entry.compressed.saturating_add(LOCAL_SIZE);
            (entry.offset, entry.offset.saturating_add(size))
        })
        .collect();
    taken.sort_unstable();
    if taken.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return Err(overlap());
    }
    Ok(())
}

fn overlap() -> Trouble {
    Trouble("members overlap each other in the file".to_owned())
}

struct MemberReader {
    file: File,
    budget: Walk,
    buffer: Buffer,
    shift: u64,
    directory: u64,
    /// The bytes that members take, with each member's place in the directory.
    ranges: Vec<(Range<u64>, usize)>,
}

/// A local header with what its variable parts say.
struct LocalHeader {
    local: Local,
    name: Vec<u8>,
    sums: [u32; 3],
    /// Where the data begins.
    data: u64,
}

impl MemberReader {
    fn read(
        &mut self,
        index: usize,
        entry: Entry,
        wanted: Option<&Want>,
    ) -> Result<(Member<ZipMeta>, Held), Trouble> {
        let name = || show(&entry.name);
        let start = entry
            .offset
            .checked_add(self.shift)
            .filter(|start| {
                start
                    .checked_add(LOCAL_SIZE)
                    .is_some_and(|end| end <= self.directory)
            })
            .ok_or_else(|| Trouble(format!("member {} lies outside the archive", name())))?;
        let header = self.local_header(start, &entry.name)?;
        let data_end = header
            .data
            .checked_add(entry.compressed)
            .filter(|&end| end <= self.directory)
            .ok_or_else(|| Trouble(format!("member {} runs into the central directory", name())))?;
        if entry.flags & ENCRYPTED != 0 {
            return Err(Trouble(format!("member {} is encrypted", name())));
        }
        let compressed = self.hash(header.data..data_end)?;
        let (body, held, crc, leftover) = self.content(&entry, header.data, wanted)?;
        let descriptor = self.descriptor(&entry, &header.local, data_end)?;
        self.ranges.push((start..data_end + descriptor.1, index));
        let mut contradictions = contradictions(&entry, &header);
        let follows = header.local.flags & DESCRIPTOR != 0;
        if follows && descriptor.0 == Descriptor::None {
            contradictions.push("no data descriptor that agrees with the directory".to_owned());
        }
        if crc != entry.crc {
            contradictions.push(format!("CRC-32 {:08x} said, {crc:08x} found", entry.crc));
        }
        if body.size != entry.size {
            contradictions.push(format!("size {} said, {} found", entry.size, body.size));
        }
        let meta = ZipMeta {
            unused_sizes: follows.then_some(header.sums),
            local: header.local,
            descriptor: descriptor.0,
            compressed,
            leftover,
            contradictions,
            entry,
        };
        let member = Member {
            name: meta.entry.name.clone(),
            body,
            meta,
        };
        Ok((member, held))
    }

    fn local_header(&mut self, start: u64, name: &[u8]) -> Result<LocalHeader, Trouble> {
        let mut fixed = [0u8; LOCAL_SIZE as usize];
        self.file.seek(SeekFrom::Start(start))?;
        self.file.read_exact(&mut fixed)?;
        if !fixed.starts_with(b"PK\x03\x04") {
            return Err(Trouble(format!(
                "member {} has no local header",
                show(name)
            )));
        }
        let mut local_name = vec![0; u16_at(&fixed, 26).into()];
        self.file.read_exact(&mut local_name)?;
        let mut extra = vec![0; u16_at(&fixed, 28).into()];
        self.file.read_exact(&mut extra)?;
        // The extra block stays in memory; the directory's was counted before.
        self.budget.list(0, extra.len())?;
        let data = start + LOCAL_SIZE + local_name.len() as u64 + extra.len() as u64;
        Ok(LocalHeader {
            local: Local {
                needed: u16_at(&fixed, 4),
                flags: u16_at(&fixed, 6),
                method: u16_at(&fixed, 8),
                time: u16_at(&fixed, 10),
                date: u16_at(&fixed, 12),
                extra,
            },
            name: local_name,
            sums: [u32_at(&fixed, 14), u32_at(&fixed, 18), u32_at(&fixed, 22)],
            data,
        })
    }

    fn hash(&mut self, range: Range<u64>) -> Result<Sha256Digest, Trouble> {
        self.file.seek(SeekFrom::Start(range.start))?;
        let mut limited = (&mut self.file).take(range.end - range.start);
        let mut hasher = Sha256::new();
        let mut buffer = [0u8; 16 << 10];
        loop {
            match fill(&mut limited, &mut buffer)? {
                0 => return Ok(Sha256Digest::from_bytes(hasher.finalize().into())),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    /// Inflates a member: its content, what was asked for, its CRC-32, and how
    /// many compressed bytes were left over.
    fn content(
        &mut self,
        entry: &Entry,
        data: u64,
        wanted: Option<&Want>,
    ) -> Result<(Body, Held, u32, u64), Trouble> {
        self.file.seek(SeekFrom::Start(data))?;
        let mut crc = Crc::new();
        let budget = &mut self.budget;
        let count = |chunk: &[u8]| {
            crc.update(chunk);
            budget.inflate(chunk.len())
        };
        let buffer_size = entry.compressed.clamp(1, BLOCK) as usize;
        let mut limited = BufReader::with_capacity(buffer_size, &self.file).take(entry.compressed);
        let in_member = |error: std::io::Error| {
            let trouble = Trouble::from(error);
            Trouble(format!("member {}: {}", show(&entry.name), trouble.0))
        };
        let (body, held, leftover) = match entry.method {
            0 => {
                let (body, held) =
                    read_body(&mut limited, &mut self.buffer, wanted, count).map_err(in_member)?;
                (body, held, 0)
            }
            8 => {
                let mut decoder = DeflateDecoder::new(&mut limited);
                let (body, held) =
                    read_body(&mut decoder, &mut self.buffer, wanted, count).map_err(in_member)?;
                let leftover = entry.compressed - decoder.total_in();
                (body, held, leftover)
            }
            other => {
                return Err(Trouble(format!(
                    "member {} is compressed with {}, which is not read",
                    show(&entry.name),
                    method(other)
                )));
            }
        };
        Ok((body, held, crc.sum(), leftover))
    }

    /// Section 4.3.9: what the flags promise after the data, and its length. The
    /// signature is optional, and the sizes are wide where zip64 is used.
    fn descriptor(
        &mut self,
        entry: &Entry,
        local: &Local,
        data_end: u64,
    ) -> Result<(Descriptor, u64), Trouble> {
        if local.flags & DESCRIPTOR == 0 {
            return Ok((Descriptor::None, 0));
        }
        self.file.seek(SeekFrom::Start(data_end))?;
        let mut bytes = [0u8; 24];
        let room = (self.directory - data_end).min(24) as usize;
        self.file.read_exact(&mut bytes[..room])?;
        for (signed, wide) in [(true, true), (true, false), (false, true), (false, false)] {
            let at = if signed { 4 } else { 0 };
            let (compressed, size, end) = if wide {
                (u64_at(&bytes, at + 4), u64_at(&bytes, at + 12), at + 20)
            } else {
                let (compressed, size) = (u32_at(&bytes, at + 4), u32_at(&bytes, at + 8));
                (compressed.into(), size.into(), at + 12)
            };
            if end <= room
                && (!signed || bytes.starts_with(b"PK\x07\x08"))
                && u32_at(&bytes, at) == entry.crc
                && (compressed, size) == (entry.compressed, entry.size)
            {
                return Ok((Descriptor::Present { signed, wide }, end as u64));
            }
        }
        // Whatever is there instead is counted among the bytes between members.
        Ok((Descriptor::None, 0))
    }

    /// Everything that no member takes.
    fn around(mut self, layout: Layout, after_entries: &[u8]) -> Result<Around, Trouble> {
        self.ranges.sort_by_key(|(range, _)| range.start);
        let (mut prefix, mut between) = (StrayHasher::default(), StrayHasher::default());
        let (mut order, mut gaps) = (Sha256::new(), Sha256::new());
        let mut cursor = 0;
        let directory = (layout.directory..layout.directory, usize::MAX);
        for (position, (range, index)) in self.ranges.iter().chain([&directory]).enumerate() {
            order.update((*index as u64).to_le_bytes());
            if range.start < cursor {
                return Err(overlap());
            }
            if position == 0 {
                stray(&mut self.file, cursor..range.start, &mut prefix)?;
            } else if range.start > cursor {
                stray(&mut self.file, cursor..range.start, &mut between)?;
                gaps.update((position as u64).to_le_bytes());
                gaps.update((range.start - cursor).to_le_bytes());
            }
            cursor = range.end;
        }
        let mut suffix = StrayHasher::default();
        suffix.update(after_entries);
        stray(&mut self.file, layout.extensible, &mut suffix)?;
        let length = self.file.seek(SeekFrom::End(0))?;
        stray(&mut self.file, layout.end_stop..length, &mut suffix)?;
        Ok(Around {
            prefix: prefix.finish(),
            between: between.finish(),
            suffix: suffix.finish(),
            end: layout.end,
            gaps: Sha256Digest::from_bytes(gaps.finalize().into()),
            physical_order: Sha256Digest::from_bytes(order.finalize().into()),
        })
    }
}

fn stray(file: &mut File, range: Range<u64>, into: &mut StrayHasher) -> Result<(), Trouble> {
    file.seek(SeekFrom::Start(range.start))?;
    let mut limited = file.take(range.end.saturating_sub(range.start));
    let mut buffer = [0u8; 4096];
    loop {
        match fill(&mut limited, &mut buffer)? {
            0 => return Ok(()),
            count => into.update(&buffer[..count]),
        }
    }
}

/// Where a local header says something else than the central directory. Readers
/// differ in whom they believe.
fn contradictions(entry: &Entry, header: &LocalHeader) -> Vec<String> {
    let local = &header.local;
    let mut found = Vec::new();
    if header.name != entry.name {
        found.push(format!("the local header names it {}", quote(&header.name)));
    }
    if local.method != entry.method {
        found.push(format!("the local header says {}", method(local.method)));
    }
    if (local.date, local.time) != (entry.date, entry.time) {
        found.push(format!(
            "the local header says {}",
            dos_time(local.date, local.time)
        ));
    }
    if (local.flags ^ entry.flags) & (ENCRYPTED | DESCRIPTOR) != 0 {
        found.push(format!(
            "the local header has the flags {:#06x}",
            local.flags
        ));
    }
    let [crc, compressed, size] = header.sums;
    let mut wide = extra::Zip64::of(&local.extra);
    // Section 4.5.3: in the local header, the size comes first.
    let size = wide.widen(size);
    let compressed = wide.widen(compressed);
    let said = (crc, compressed, size);
    let unused = local.flags & DESCRIPTOR != 0;
    if !unused && said != (entry.crc, entry.compressed, entry.size) {
        found.push(format!(
            "the local header says CRC-32 {crc:08x}, {compressed} bytes compressed, {size} bytes"
        ));
    }
    found
}
