//! Times, plain permission bits and the compressor of wheels (APPNOTE 6.3.10). The
//! rebuilt archive is written anew with values from the published one; content comes
//! from the rebuilt one alone. Pure.

use std::io::Read as _;

use flate2::bufread::DeflateDecoder;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::{ACTING_BITS, Bounds, MAX_SIZE, REGULAR, Replayed, TYPE_BITS, Times, deflate};
use crate::model::{Compressor, ReplayedFact};

/// Sections 4.3.7, 4.3.12 and 4.3.16: headers without their texts.
const LOCAL: usize = 30;
const ENTRY: usize = 46;
const END: usize = 22;

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// One member: its local header and central entry with their texts, and its data.
struct Member<'a> {
    local: &'a [u8],
    entry: &'a [u8],
    data: &'a [u8],
    /// What follows the data, where the flags say so (section 4.3.9).
    descriptor: &'a [u8],
}

impl Member<'_> {
    /// Section 4.4.5.
    fn method(&self) -> u16 {
        u16_at(self.entry, 10)
    }

    fn content(&self) -> Option<Vec<u8>> {
        match self.method() {
            0 => Some(self.data.to_vec()),
            8 => {
                let mut decoder = DeflateDecoder::new(self.data);
                let mut content = Vec::new();
                (&mut decoder)
                    .take(MAX_SIZE + 1)
                    .read_to_end(&mut content)
                    .ok()?;
                let whole = decoder.total_in() == self.data.len() as u64;
                (whole && content.len() as u64 <= MAX_SIZE).then_some(content)
            }
            _ => None,
        }
    }

    /// `st_mode` in the upper half of the external attributes (section 4.4.15).
    fn mode(&self) -> u16 {
        u16_at(self.entry, 40)
    }

    /// Date and time as one number, and as seconds.
    fn time(&self) -> Option<([u8; 4], i64)> {
        let raw: [u8; 4] = self.entry[12..16].try_into().ok()?;
        let (time, date) = (u16_at(&raw, 0), u16_at(&raw, 2));
        // Section 4.4.6: MS-DOS date and time.
        let part = |value: u16| i8::try_from(value).ok();
        let civil = DateTime::new(
            i16::try_from(1980 + (date >> 9)).ok()?,
            part(date >> 5 & 15)?,
            part(date & 31)?,
            part(time >> 11)?,
            part(time >> 5 & 63)?,
            part((time & 31) * 2)?,
            0,
        )
        .ok()?;
        let seconds = civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        Some((raw, seconds))
    }
}

/// Reads a plain archive: no comment, no zip64, members one after the other in the
/// directory's order with nothing between them.
fn members(bytes: &[u8]) -> Option<Vec<Member<'_>>> {
    let end = bytes.get(bytes.len().checked_sub(END)?..)?;
    let count = usize::from(u16_at(end, 10));
    let directory = u32_at(end, 16) as usize;
    if !end.starts_with(b"PK\x05\x06") || count == usize::from(u16::MAX) {
        return None;
    }
    let mut entry_at = directory;
    let mut data_at = 0;
    let mut found = Vec::with_capacity(count);
    for number in 0..count {
        let entry = bytes.get(entry_at..)?;
        if entry.len() < ENTRY || !entry.starts_with(b"PK\x01\x02") {
            return None;
        }
        let length = ENTRY
            + usize::from(u16_at(entry, 28))
            + usize::from(u16_at(entry, 30))
            + usize::from(u16_at(entry, 32));
        let entry = entry.get(..length)?;
        entry_at += length;
        let start = u32_at(entry, 42) as usize;
        let local = bytes.get(start..)?;
        if start != data_at || local.len() < LOCAL || !local.starts_with(b"PK\x03\x04") {
            return None;
        }
        let head = LOCAL + usize::from(u16_at(local, 26)) + usize::from(u16_at(local, 28));
        let size = u32_at(entry, 20) as usize;
        let next = if number + 1 == count {
            directory
        } else {
            u32_at(bytes.get(entry_at..entry_at + ENTRY)?, 42) as usize
        };
        let after = start.checked_add(head)?.checked_add(size)?;
        found.push(Member {
            local: local.get(..head)?,
            entry,
            data: local.get(head..head.checked_add(size)?)?,
            descriptor: bytes.get(after..next)?,
        });
        data_at = next;
    }
    (entry_at == bytes.len() - END).then_some(found)
}

/// A mode whose type is not said, as that of the regular file that installers make of
/// it; a folder's name ends with a slash.
fn regular(mode: u16, entry: &[u8]) -> u32 {
    let name = &entry[ENTRY..][..usize::from(u16_at(entry, 28))];
    let mode = u32::from(mode);
    if mode & TYPE_BITS == 0 && !name.ends_with(b"/") {
        mode | REGULAR
    } else {
        mode
    }
}

/// What was put on members.
#[derive(Default)]
struct Seen {
    times: Times,
    modes: usize,
    compressor: Option<Compressor>,
}

pub(super) fn replay(published: &[u8], rebuilt: &[u8], bounds: &Bounds) -> Option<Replayed> {
    let (theirs, ours) = (members(published)?, members(rebuilt)?);
    if theirs.len() != ours.len() {
        return None;
    }
    let mut seen = Seen {
        compressor: compressor(&theirs, &ours, bounds.likely)?,
        ..Seen::default()
    };
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (a, b) in theirs.iter().zip(&ours) {
        member(a, b, bounds, &mut seen, &mut bytes, &mut directory)?;
    }
    let start = u32::try_from(bytes.len()).ok()?;
    let size = u32::try_from(directory.len()).ok()?;
    bytes.extend_from_slice(&directory);
    let mut end: [u8; END] = rebuilt[rebuilt.len() - END..].try_into().ok()?;
    end[12..16].copy_from_slice(&size.to_le_bytes());
    end[16..20].copy_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&end);
    let mut facts: Vec<ReplayedFact> = seen.times.fact().into_iter().collect();
    if seen.modes > 0 {
        facts.push(ReplayedFact::MemberModes {
            members: seen.modes,
        });
    }
    facts.extend(seen.compressor.map(ReplayedFact::Compressor));
    Some(Replayed { bytes, facts })
}

fn member(
    theirs: &Member<'_>,
    ours: &Member<'_>,
    bounds: &Bounds,
    seen: &mut Seen,
    bytes: &mut Vec<u8>,
    directory: &mut Vec<u8>,
) -> Option<()> {
    let mut local = ours.local.to_vec();
    let mut entry = ours.entry.to_vec();
    let (raw, time) = theirs.time()?;
    if ours.entry[12..16] != raw {
        if !bounds.allow(time) {
            return None;
        }
        local[10..14].copy_from_slice(&raw);
        entry[12..16].copy_from_slice(&raw);
        seen.times.note(time);
    }
    if theirs.mode() != ours.mode() {
        let [a, b] = [theirs.mode(), ours.mode()].map(|mode| regular(mode, ours.entry));
        if (a ^ b) & (ACTING_BITS | TYPE_BITS) != 0 {
            return None;
        }
        entry[40..42].copy_from_slice(&theirs.mode().to_le_bytes());
        seen.modes += 1;
    }
    let data = data(theirs, ours, seen)?;
    let size = u32::try_from(data.len()).ok()?.to_le_bytes();
    if ours.descriptor.is_empty() {
        local[18..22].copy_from_slice(&size);
    } else if data.len() != ours.data.len() {
        // The size stands in a descriptor too; packers of wheels write none.
        return None;
    }
    entry[20..24].copy_from_slice(&size);
    let start = u32::try_from(bytes.len()).ok()?;
    entry[42..46].copy_from_slice(&start.to_le_bytes());
    bytes.extend_from_slice(&local);
    bytes.extend_from_slice(&data);
    bytes.extend_from_slice(ours.descriptor);
    directory.extend_from_slice(&entry);
    Some(())
}

/// The published archive's one compressor, where members are compressed otherwise: tried on
/// the largest of them, since small ones come out alike, and then on all. The outer `None`
/// where it is none that can be run.
fn compressor(
    theirs: &[Member<'_>],
    ours: &[Member<'_>],
    likely: Option<Compressor>,
) -> Option<Option<Compressor>> {
    let otherwise: Vec<&Member<'_>> = theirs
        .iter()
        .zip(ours)
        .filter(|(a, b)| is_compressed_otherwise(a, b))
        .map(|(member, _)| member)
        .collect();
    let Some(largest) = otherwise.iter().max_by_key(|member| member.data.len()) else {
        return Some(None);
    };
    let makes_all = |compressor| {
        otherwise.iter().all(|member| {
            member
                .content()
                .is_some_and(|content| deflate::makes(compressor, &content, member.data))
        })
    };
    deflate::identify(&largest.content()?, largest.data, likely, makes_all).map(Some)
}

fn is_compressed_otherwise(theirs: &Member<'_>, ours: &Member<'_>) -> bool {
    theirs.data != ours.data && theirs.method() == 8 && ours.method() == 8
}

/// The rebuilt content as the published compressor writes it.
fn data(theirs: &Member<'_>, ours: &Member<'_>, seen: &Seen) -> Option<Vec<u8>> {
    match seen.compressor {
        Some(compressor) if is_compressed_otherwise(theirs, ours) => {
            deflate::compress(compressor, &ours.content()?)
        }
        _ => Some(ours.data.to_vec()),
    }
}
