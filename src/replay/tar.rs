//! Times, owners and plain permission bits of tar members (POSIX.1-2017, `pax`, table
//! "ustar Header Block"). Values are read and written anew in the rebuilt header's own
//! spelling; no bytes are copied. Pure.

use std::ops::Range;

use super::{ACTING_BITS, Bounds, Times};
use crate::model::ReplayedFact;

const BLOCK: usize = 512;

const MODE: Range<usize> = 100..108;
const UID: Range<usize> = 108..116;
const GID: Range<usize> = 116..124;
const SIZE: Range<usize> = 124..136;
const MTIME: Range<usize> = 136..148;
const CHECKSUM: Range<usize> = 148..156;
const UNAME: Range<usize> = 265..297;
const GNAME: Range<usize> = 297..329;

/// Magic and version: as POSIX has them, and as GNU tar does ("Basic Tar Format" in its
/// manual).
const MAGIC: Range<usize> = 257..265;
const MAGICS: [&[u8]; 2] = [b"ustar\x0000", b"ustar  \0"];

/// What must be the same in both headers as it stands: name, size, type, link, device
/// numbers, prefix.
const FIXED: [Range<usize>; 4] = [0..100, SIZE, 156..257, 329..512];

/// Owners that one archive may have: publishers have one.
const MAX_OWNERS: usize = 4;

/// The longest name of a user or group, as `useradd` allows.
const MAX_NAME: usize = 32;

#[derive(Default)]
struct Seen {
    times: Times,
    owners: Vec<String>,
    modes: usize,
    magics: usize,
}

/// The rebuilt tar with the published one's metadata; none where they are not the same
/// members in the same order, or a value is outside the bounds.
pub(super) fn replay(
    published: &[u8],
    mut rebuilt: Vec<u8>,
    bounds: &Bounds,
    facts: &mut Vec<ReplayedFact>,
) -> Option<Vec<u8>> {
    let mut seen = Seen::default();
    let (mut at, mut members) = (0, 0);
    loop {
        let theirs: &[u8; BLOCK] = published.get(at..at + BLOCK)?.try_into().ok()?;
        let ours: &mut [u8; BLOCK] = rebuilt.get_mut(at..at + BLOCK)?.try_into().ok()?;
        let ends = [theirs.iter().all(|&b| b == 0), ours.iter().all(|&b| b == 0)];
        match ends {
            [true, true] => break,
            [false, false] => {}
            _ => return None,
        }
        if theirs != ours {
            member(theirs, ours, bounds, &mut seen)?;
        }
        let size = usize::try_from(number(&ours[SIZE])?).ok()?;
        members += 1;
        at = at
            .checked_add(BLOCK)?
            .checked_add(size.checked_next_multiple_of(BLOCK)?)?;
    }
    facts.extend(seen.times.fact());
    if !seen.owners.is_empty() {
        facts.push(ReplayedFact::MemberOwners {
            owners: seen.owners,
        });
    }
    // One archive has one format: a choice for each member would be a place to write in.
    if seen.magics > 0 {
        if seen.magics < members {
            return None;
        }
        facts.push(ReplayedFact::HeaderFormat {
            members: seen.magics,
        });
    }
    if seen.modes > 0 {
        facts.push(ReplayedFact::MemberModes {
            members: seen.modes,
        });
    }
    Some(rebuilt)
}

fn member(
    theirs: &[u8; BLOCK],
    ours: &mut [u8; BLOCK],
    bounds: &Bounds,
    seen: &mut Seen,
) -> Option<()> {
    if FIXED
        .iter()
        .any(|field| theirs[field.clone()] != ours[field.clone()])
    {
        return None;
    }
    let time = number(&theirs[MTIME])?;
    if number(&ours[MTIME])? != time {
        if !bounds.allow(time) {
            return None;
        }
        spell(&mut ours[MTIME], time)?;
        seen.times.note(time);
    }
    if theirs[MAGIC] != ours[MAGIC] {
        if ![&theirs[MAGIC], &ours[MAGIC]]
            .iter()
            .all(|magic| MAGICS.contains(magic))
        {
            return None;
        }
        ours[MAGIC].copy_from_slice(&theirs[MAGIC]);
        seen.magics += 1;
    }
    mode(theirs, ours, seen)?;
    owner(theirs, ours, seen)?;
    ours[CHECKSUM].fill(b' ');
    let sum: i64 = ours.iter().map(|&byte| i64::from(byte)).sum();
    ours[CHECKSUM].copy_from_slice(&theirs[CHECKSUM]);
    // The published spelling of the sum says the sum, or nothing is replayed.
    (number(&ours[CHECKSUM])? == sum).then_some(())
}

fn mode(theirs: &[u8], ours: &mut [u8], seen: &mut Seen) -> Option<()> {
    let (a, b) = (number(&theirs[MODE])?, number(&ours[MODE])?);
    if a == b {
        return Some(());
    }
    let bits = |mode: i64| u32::try_from(mode).ok().filter(|mode| *mode <= 0o177_777);
    if (bits(a)? ^ bits(b)?) & ACTING_BITS != 0 {
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
