//! Times, owners and plain permission bits of tar members (POSIX.1-2017, `pax`, table
//! "ustar Header Block"). Values are read and written anew in the rebuilt header's own
//! spelling; no bytes are copied. Times in extended headers are those of `pax`. Pure.

use std::ops::Range;

use super::pax::{self, Moment};
use super::{ACTING_BITS, Bounds, REGULAR, TYPE_BITS, Times};
use crate::model::ReplayedFact;

const BLOCK: usize = 512;

const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const TYPE: usize = 156;
const UNAME: Range<usize> = 265..297;
const GNAME: Range<usize> = 297..329;

/// Magic and version: as POSIX has them, and as GNU tar does ("Basic Tar Format" in its
/// manual).
const MAGIC: Range<usize> = 257..265;
const MAGICS: [&[u8]; 2] = [b"ustar\x0000", b"ustar  \0"];

/// Numbers of a device, which only a device has, as Python's tarfile writes them for what
/// is none: zeros up to its 3.8, nothing in later ones (CPython, `Lib/tarfile.py`,
/// `TarInfo._create_header`).
const DEVICE: Range<usize> = 329..345;
const NO_DEVICES: [&[u8]; 2] = [&[0; 16], b"0000000\x000000000\0"];

/// The type of an extended header (the same, "pax Header Block").
const EXTENDED: u8 = b'x';

/// What must be the same in both headers as it stands: name, size, type, link, prefix.
const FIXED: [Range<usize>; 4] = [0..100, SIZE, 156..257, 345..512];

/// Owners that one archive may have: publishers have one.
const MAX_OWNERS: usize = 4;

/// The longest name of a user or group, as `useradd` allows.
const MAX_NAME: usize = 32;

#[derive(Default)]
struct Seen {
    times: Times,
    owners: Vec<String>,
    modes: usize,
    formats: Formats,
}

/// What is one choice of two for a whole archive: a choice for each member would be a place
/// to write in.
#[derive(Default)]
struct Formats {
    /// Headers that got the other spelling of the magic.
    magics: usize,
    /// Headers that got the other spelling of no device.
    devices: usize,
    /// Members whose time is in an extended header.
    extended: usize,
    /// Those of them without a time in the plain header, as Python's tarfile left it up to
    /// its 3.10; and how many of those the rebuilt archive has one in.
    left_out: usize,
    taken_out: usize,
}

impl Formats {
    fn fact(&self, headers: usize) -> Result<Option<ReplayedFact>, Mixed> {
        let changes = [
            (self.magics, self.magics, headers),
            (self.devices, self.devices, headers),
            (self.taken_out, self.left_out, self.extended),
        ];
        if changes
            .iter()
            .any(|(_, chosen, of)| *chosen > 0 && chosen < of)
        {
            return Err(Mixed);
        }
        let members = changes.iter().map(|(changed, ..)| *changed).max();
        Ok(members
            .filter(|members| *members > 0)
            .map(|members| ReplayedFact::HeaderFormat { members }))
    }
}

/// Members of one archive are written in several formats.
struct Mixed;

/// The rebuilt tar with the published one's metadata; none where they are not the same
/// members in the same order, or a value is outside the bounds.
pub(super) fn replay(
    published: &[u8],
    rebuilt: &[u8],
    bounds: &Bounds,
    facts: &mut Vec<ReplayedFact>,
) -> Option<Vec<u8>> {
    let mut seen = Seen::default();
    let mut made = Vec::with_capacity(rebuilt.len());
    let (mut theirs_at, mut ours_at, mut headers) = (0, 0, 0);
    // The time that the extended header before a member gives it.
    let mut moment = None;
    loop {
        let theirs = header(published, theirs_at)?;
        let mut ours = *header(rebuilt, ours_at)?;
        let ends = [theirs, &ours].map(|header| header.iter().all(|&b| b == 0));
        match ends {
            [true, true] => break,
            [false, false] => {}
            _ => return None,
        }
        headers += 1;
        let (theirs_next, ours_next) = (next(theirs, theirs_at)?, next(&ours, ours_at)?);
        let content = rebuilt.get(ours_at + BLOCK..ours_next)?;
        if [theirs[TYPE], ours[TYPE]] == [EXTENDED; 2] {
            let of = |archive, header: &[u8; BLOCK], at: usize| -> Option<&[u8]> {
                <[u8]>::get(archive, at + BLOCK..at + BLOCK + size(header)?)
            };
            let records = of(published, theirs, theirs_at)?;
            let extended = pax::replay(records, of(rebuilt, &ours, ours_at)?)?;
            // A member's time is replayed once: its extended header has none of its own then.
            if extended.moment.is_some() && theirs[MTIME] != ours[MTIME] {
                return None;
            }
            if let Some(given) = &extended.moment
                && extended.is_changed
            {
                seen.times.note_moment(given, bounds)?;
            }
            spell(&mut ours[SIZE], i64::try_from(extended.records.len()).ok()?)?;
            if *theirs != ours {
                member(theirs, &mut ours, None, bounds, &mut seen)?;
            }
            made.extend_from_slice(&ours);
            made.extend_from_slice(&extended.records);
            made.resize(made.len().checked_next_multiple_of(BLOCK)?, 0);
            moment = extended.moment;
        } else {
            if *theirs != ours || moment.is_some() {
                member(theirs, &mut ours, moment.take(), bounds, &mut seen)?;
            }
            made.extend_from_slice(&ours);
            made.extend_from_slice(content);
        }
        (theirs_at, ours_at) = (theirs_next, ours_next);
    }
    made.extend_from_slice(&rebuilt[ours_at..]);
    facts.extend(seen.times.fact());
    if !seen.owners.is_empty() {
        facts.push(ReplayedFact::MemberOwners {
            owners: seen.owners,
        });
    }
    facts.extend(seen.formats.fact(headers).ok()?);
    if seen.modes > 0 {
        facts.push(ReplayedFact::MemberModes {
            members: seen.modes,
        });
    }
    Some(made)
}

fn header(archive: &[u8], at: usize) -> Option<&[u8; BLOCK]> {
    archive.get(at..at.checked_add(BLOCK)?)?.first_chunk()
}

fn size(header: &[u8; BLOCK]) -> Option<usize> {
    usize::try_from(number(&header[SIZE])?).ok()
}

/// Where the header after this one's content is.
fn next(header: &[u8; BLOCK], at: usize) -> Option<usize> {
    let size = size(header)?.checked_next_multiple_of(BLOCK)?;
    at.checked_add(BLOCK)?.checked_add(size)
}

/// A header with the published one's values. `moment` is the time in the extended header
/// before it, from which that of the plain one follows.
fn member(
    theirs: &[u8; BLOCK],
    ours: &mut [u8; BLOCK],
    moment: Option<Moment>,
    bounds: &Bounds,
    seen: &mut Seen,
) -> Option<()> {
    if FIXED
        .iter()
        .any(|field| theirs[field.clone()] != ours[field.clone()])
    {
        return None;
    }
    match moment {
        None => time(theirs, ours, bounds, seen)?,
        Some(moment) => plain_time(theirs, ours, &moment, seen)?,
    }
    if theirs[MAGIC] != ours[MAGIC] {
        copy_one_of(&MAGICS, &theirs[MAGIC], &mut ours[MAGIC])?;
        seen.formats.magics += 1;
    }
    if theirs[DEVICE] != ours[DEVICE] {
        copy_one_of(&NO_DEVICES, &theirs[DEVICE], &mut ours[DEVICE])?;
        seen.formats.devices += 1;
    }
    mode(theirs, ours, seen)?;
    owner(theirs, ours, seen)?;
    ours[CHECKSUM].fill(b' ');
    let sum: i64 = ours.iter().map(|&byte| i64::from(byte)).sum();
    ours[CHECKSUM].copy_from_slice(&theirs[CHECKSUM]);
    // The published spelling of the sum says the sum, or nothing is replayed.
    (number(&ours[CHECKSUM])? == sum).then_some(())
}

/// Puts one of the spellings that mean the same in the place of another one.
fn copy_one_of(spellings: &[&[u8]], theirs: &[u8], ours: &mut [u8]) -> Option<()> {
    let is_known = |field: &[u8]| spellings.contains(&field);
    (is_known(theirs) && is_known(ours)).then(|| ours.copy_from_slice(theirs))
}

fn time(theirs: &[u8], ours: &mut [u8], bounds: &Bounds, seen: &mut Seen) -> Option<()> {
    let time = number(&theirs[MTIME])?;
    if number(&ours[MTIME])? != time {
        if !bounds.allow(time) {
            return None;
        }
        spell(&mut ours[MTIME], time)?;
        seen.times.note(time);
    }
    Some(())
}

/// The plain header's time beside that of an extended one: the nearest second, or none.
fn plain_time(theirs: &[u8], ours: &mut [u8], moment: &Moment, seen: &mut Seen) -> Option<()> {
    let formats = &mut seen.formats;
    formats.extended += 1;
    let time = number(&theirs[MTIME])?;
    let is_changed = number(&ours[MTIME])? != time;
    if time != moment.nearest_second() {
        if time != 0 {
            return None;
        }
        formats.left_out += 1;
        formats.taken_out += usize::from(is_changed);
    }
    if is_changed {
        spell(&mut ours[MTIME], time)?;
    }
    Some(())
}

fn mode(theirs: &[u8], ours: &mut [u8], seen: &mut Seen) -> Option<()> {
    let (a, b) = (number(&theirs[MODE])?, number(&ours[MODE])?);
    if a == b {
        return Some(());
    }
    let bits = |mode: i64| u32::try_from(mode).ok().filter(|mode| *mode <= 0o177_777);
    let (a_bits, b_bits) = (bits(a)?, bits(b)?);
    let is_of_a_file = [0, REGULAR].contains(&(a_bits & TYPE_BITS));
    if (a_bits ^ b_bits) & ACTING_BITS != 0 || !is_of_a_file {
        return None;
    }
    spell(&mut ours[MODE], a)?;
    seen.modes += 1;
    Some(())
}

fn owner(theirs: &[u8], ours: &mut [u8], seen: &mut Seen) -> Option<()> {
    let same = [UID, GID, UNAME, GNAME]
        .iter()
        .all(|field| theirs[field.clone()] == ours[field.clone()]);
    if same {
        return Some(());
    }
    let (uid, gid) = (number(&theirs[UID])?, number(&theirs[GID])?);
    let (user, group) = (name(&theirs[UNAME])?, name(&theirs[GNAME])?);
    spell(&mut ours[UID], uid)?;
    spell(&mut ours[GID], gid)?;
    write_name(&mut ours[UNAME], user);
    write_name(&mut ours[GNAME], group);
    let owner = format!("{uid}:{gid} {user}:{group}");
    if !seen.owners.contains(&owner) {
        seen.owners.push(owner);
    }
    (seen.owners.len() <= MAX_OWNERS).then_some(())
}

/// Octal digits with blanks or NULs around them. Nothing else: larger forms are rare, and
/// left alone.
fn number(field: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_matches(['\0', ' ']);
    if digits.is_empty() {
        return Some(0);
    }
    // `from_str_radix` would take a sign.
    if !digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    i64::from_str_radix(digits, 8).ok()
}

/// Writes a number where the field's digits are, so that its spelling stays.
fn spell(field: &mut [u8], value: i64) -> Option<()> {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let start = field.iter().position(is_digit)?;
    let end = field.iter().rposition(is_digit)? + 1;
    let digits = format!("{value:0width$o}", width = end - start);
    if digits.len() != end - start {
        return None;
    }
    field[start..end].copy_from_slice(digits.as_bytes());
    Some(())
}

/// A user's or group's name with nothing after its end: small letters, digits, `-`, `_`
/// and `.`, or none.
fn name(field: &[u8]) -> Option<&str> {
    let end = field.iter().position(|&byte| byte == 0)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let (text, rest) = field.split_at(end);
    let fits = end <= MAX_NAME && text.iter().all(plain) && rest.iter().all(|&byte| byte == 0);
    fits.then_some(std::str::from_utf8(text).ok()?)
}

fn write_name(field: &mut [u8], name: &str) {
    field.fill(0);
    field[..name.len()].copy_from_slice(name.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_the_fields_own_spelling() {
        let mut field = *b"000644 \0";
        assert_eq!(spell(&mut field, 0o755), Some(()));
        assert_eq!(&field, b"000755 \0");
        assert_eq!(spell(&mut field, 0o7_777_777), None);
        let mut empty = [0u8; 8];
        assert_eq!(spell(&mut empty, 1), None);
    }

    #[test]
    fn a_name_has_plain_letters_and_hides_nothing() {
        assert_eq!(name(b"runner\0\0\0"), Some("runner"));
        assert_eq!(name(b"\0\0\0"), Some(""));
        assert_eq!(name(b"a b\0"), None);
        assert_eq!(name(b"a\0evil\0"), None);
        assert_eq!(name(b"\xff\0"), None);
    }
}
