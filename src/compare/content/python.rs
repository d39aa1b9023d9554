//! Python bytecode (`.pyc`): the header (PEP 552) field by field, then the code objects
//! value by value. Told by content, never by name. May import `model`; pure.

use super::marshal::{self, Layout, Role, Token};
use super::{Finding, Subject, hex};
use crate::compare::listing::show;
use crate::compare::metadata::{pair, time};
use crate::model::Cause;

/// The header: magic number, flags, and two fields that the flags give a meaning.
const HEADER: usize = 16;

/// PEP 552: the file names its source by a hash.
const HASHED: u32 = 1;

/// The first magic number of each Python (CPython's `Lib/importlib/_bootstrap_external.py`
/// and, since 3.14, `Include/internal/pycore_magic_number.h` list them all).
const FIRST: [(u16, &str); 9] = [
    (3390, "3.7"),
    (3400, "3.8"),
    (3420, "3.9"),
    (3430, "3.10"),
    (3450, "3.11"),
    (3500, "3.12"),
    (3550, "3.13"),
    (3600, "3.14"),
    (3650, "3.15 or later"),
];
/// Beyond it, nothing is known.
const LAST: u16 = 3700;

struct Pyc<'a> {
    magic: u16,
    flags: u32,
    first: u32,
    second: u32,
    code: &'a [u8],
}

impl<'a> Pyc<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (header, code) = bytes.split_at_checked(HEADER)?;
        let word = |at: usize| {
            u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let magic = u16::from_le_bytes([header[0], header[1]]);
        let known = (FIRST[0].0..LAST).contains(&magic) && header[2..4] == *b"\r\n";
        known.then_some(Self {
            magic,
            flags: word(4),
            first: word(8),
            second: word(12),
            code,
        })
    }

    fn version(&self) -> &'static str {
        FIRST
            .iter()
            .rev()
            .find(|(first, _)| self.magic >= *first)
            .map_or("unknown", |(_, version)| version)
    }

    const fn layout(&self) -> Layout {
        match self.magic {
            ..3400 => marshal::BEFORE_3_8,
            3400..3450 => marshal::BEFORE_3_11,
            _ => marshal::SINCE_3_11,
        }
    }

    fn validation(&self) -> &'static str {
        if self.flags & HASHED != 0 {
            "by the source's hash"
        } else {
            "by the source's time and size"
        }
    }
}

pub(super) fn findings(subject: &Subject<'_>) -> Option<Vec<Finding>> {
    if !subject.is_whole() {
        return None;
    }
    let a = Pyc::read(subject.published.held)?;
    let b = Pyc::read(subject.rebuilt.held)?;
    let mut found = header(&a, &b);
    if a.code != b.code {
        let what = (a.layout() == b.layout()).then(|| code(&a, &b)).flatten();
        match what {
            Some(finding) => found.push(finding),
            None => found.extend(hex::findings(subject)),
        }
    }
    Some(found)
}

fn header(a: &Pyc<'_>, b: &Pyc<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    if a.magic != b.magic {
        let python = |pyc: &Pyc<'_>| format!("{} (Python {})", pyc.magic, pyc.version());
        found.push(Finding::new(
            Cause::ToolVersion,
            pair("bytecode's magic number", python(a), python(b)),
        ));
    }
    if a.flags != b.flags {
        let flags = |pyc: &Pyc<'_>| format!("{:#x}, {}", pyc.flags, pyc.validation());
        found.push(Finding::new(
            Cause::GeneratedMetadata,
            pair("bytecode's flags", flags(a), flags(b)),
        ));
    } else if a.flags & HASHED != 0 {
        if (a.first, a.second) != (b.first, b.second) {
            let hash = |pyc: &Pyc<'_>| format!("{:08x}{:08x}", pyc.first, pyc.second);
            found.push(Finding::new(
                Cause::CodeChanged,
                pair("hash of the bytecode's source", hash(a), hash(b)),
            ));
        }
    } else {
        if a.first != b.first {
            found.push(Finding::new(
                Cause::Timestamp,
                pair(
                    "time of the bytecode's source",
                    time(a.first.into()),
                    time(b.first.into()),
                ),
            ));
        }
        if a.second != b.second {
            found.push(Finding::new(
                Cause::CodeChanged,
                pair("size of the bytecode's source", a.second, b.second),
            ));
        }
    }
    found
}

/// The places of the values that later ones may refer to, by their number.
fn shared(tokens: &[Token]) -> Vec<usize> {
    let flagged = tokens.iter().enumerate().filter(|(_, token)| token.flagged);
    flagged.map(|(place, _)| place).collect()
}

/// The place of the value that a reference's number names.
fn target(shared: &[usize], number: &[u8]) -> Option<usize> {
    let number = u32::from_le_bytes(number.try_into().ok()?);
    shared.get(usize::try_from(number).ok()?).copied()
}

/// How two code objects differ, where both can be read.
fn code(a: &Pyc<'_>, b: &Pyc<'_>) -> Option<Finding> {
    let (left, right) = (
        marshal::tokens(a.code, a.layout())?,
        marshal::tokens(b.code, b.layout())?,
    );
    if left.len() != right.len() {
        return Some(Finding::new(
            Cause::CodeChanged,
            pair("code: number of values", left.len(), right.len()),
        ));
    }
    let value = |pyc: &Pyc<'_>, token: &Token| show(&pyc.code[token.bytes.clone()]);
    let (shared_a, shared_b) = (shared(&left), shared(&right));
    let same = |x: &Token, y: &Token| {
        let (raw_x, raw_y) = (&a.code[x.bytes.clone()], &b.code[y.bytes.clone()]);
        match (x.kind, y.kind) {
            // A reference is what it refers to, whatever number that has.
            (b'r', b'r') => {
                let theirs = target(&shared_a, raw_x);
                theirs.is_some() && theirs == target(&shared_b, raw_y)
            }
            (p, q) => p == q && raw_x == raw_y,
        }
    };
    let unequal: Vec<(&Token, &Token)> = left
        .iter()
        .zip(&right)
        .filter(|(x, y)| !same(x, y))
        .collect();
    let Some((x, y)) = unequal.first() else {
        // The values agree, so what differs is how they are shared.
        let flags = left
            .iter()
            .zip(&right)
            .filter(|(x, y)| x.flagged != y.flagged)
            .count();
        return Some(Finding::new(
            Cause::Randomness,
            format!("code: the same values, {flags} of them marked as shared in one file only"),
        ));
    };
    let (first_a, first_b) = (value(a, x), value(b, y));
    if unequal
        .iter()
        .all(|(x, y)| x.role == Role::FileName && y.role == Role::FileName)
    {
        return Some(Finding::new(
            Cause::BuildPath,
            pair(
                "code: only the name of the source file (co_filename)",
                quoted(&first_a),
                quoted(&first_b),
            ),
        ));
    }
    Some(Finding::new(
        Cause::CodeChanged,
        format!(
            "code: {} of {} values differ, {}",
            unequal.len(),
            left.len(),
            pair("the first", quoted(&first_a), quoted(&first_b))
        ),
    ))
}

/// The longest value that is shown, in characters.
const SHOWN: usize = 80;

fn quoted(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
