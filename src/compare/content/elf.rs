//! ELF files (System V ABI, chapters 4 and 5): which sections and dynamic symbols
//! differ, with build ID, compiler and run path named. Reads headers through a cache and
//! sections as streams, so that nothing large is held. May import `model`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use object::read::{Object, ObjectSection, ObjectSymbol, ReadCache};
use sha2::{Digest as _, Sha256};

use super::{Finding, Subject};
use crate::compare::listing::show;
use crate::compare::metadata::pair;
use crate::compare::sniff::Format;
use crate::model::{Cause, printable};

/// Sections and symbols that are looked at; files made by compilers have fewer.
const MAX_SECTIONS: usize = 10_000;
const MAX_SYMBOLS: usize = 50_000;
/// Names that are listed; the others are counted.
const NAMED: usize = 8;
/// The largest `.comment` that is read.
const MAX_COMMENT: u64 = 4096;

/// One section: where it is, and what it holds.
struct Section {
    start: u64,
    size: u64,
    sha256: [u8; 32],
}

impl Section {
    fn is_like(&self, other: &Self) -> bool {
        self.size == other.size && self.sha256 == other.sha256
    }
}

/// What is known of one ELF file.
struct Elf {
    sections: BTreeMap<String, Section>,
    symbols: BTreeSet<String>,
    build_id: Option<String>,
    comment: Option<String>,
}

pub(super) fn findings(subject: &Subject<'_>) -> Option<Vec<Finding>> {
    if [subject.published.format, subject.rebuilt.format] != [Format::Elf, Format::Elf] {
        return None;
    }
    let a = Elf::read(subject.published.file?)?;
    let b = Elf::read(subject.rebuilt.file?)?;
    let follows = [&a, &b].map(|elf| elf.places_of(&FOLLOW));
    let files = [subject.published.file?, subject.rebuilt.file?];
    // Where every byte outside those sections is the same, they are all that differs.
    if follows[0] == follows[1] && same_outside(files, &follows[0])? {
        return Some(only_identities(&a, &b));
    }
    let mut detail = format!("sections differ: {}", listed(&changed_sections(&a, &b)));
    for more in [
        changed_symbols(&a, &b),
        changed_id(&a, &b),
        changed_comment(&a, &b),
    ]
    .into_iter()
    .flatten()
    {
        detail.push_str("; ");
        detail.push_str(&more);
    }
    Some(vec![Finding::new(Cause::CodeChanged, detail)])
}

/// Sections that say who made a file, and nothing that runs.
const FOLLOW: [&str; 4] = [
    ".note.gnu.build-id",
    ".gnu_debuglink",
    ".gnu_debugaltlink",
    ".comment",
];

fn only_identities(a: &Elf, b: &Elf) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(comment) = changed_comment(a, b) {
        found.push(Finding::new(
            Cause::ToolVersion,
            format!("nothing differs but identities; {comment}"),
        ));
    }
    let sections = changed_sections(a, b);
    if sections.keys().any(|name| name != ".comment") {
        let id = changed_id(a, b).map_or(String::new(), |id| format!("; {id}"));
        found.push(Finding::new(
            Cause::GeneratedMetadata,
            format!("nothing differs but identities: {}{id}", listed(&sections)),
        ));
    }
    found
}

fn changed_comment(a: &Elf, b: &Elf) -> Option<String> {
    let said = |elf: &Elf| elf.comment.clone().unwrap_or_else(|| "none".to_owned());
    (a.comment != b.comment).then(|| pair("compiler (.comment)", said(a), said(b)))
}

fn changed_id(a: &Elf, b: &Elf) -> Option<String> {
    let said = |elf: &Elf| elf.build_id.clone().unwrap_or_else(|| "none".to_owned());
    (a.build_id != b.build_id).then(|| pair("build ID", said(a), said(b)))
}

/// Whether two files are the same bytes outside `places`.
fn same_outside(files: [&File; 2], places: &[(u64, u64)]) -> Option<bool> {
    let length = |file: &File| file.metadata().ok().map(|m| m.len());
    let total = length(files[0])?;
    if length(files[1])? != total {
        return Some(false);
    }
    let mut at = 0;
    for &(start, size) in places.iter().chain([&(total, 0)]) {
        // Sections that overlap are no usual file's.
        if start < at {
            return Some(false);
        }
        if digest(files[0], at, start - at)? != digest(files[1], at, start - at)? {
            return Some(false);
        }
        at = start.checked_add(size)?;
    }
    Some(true)
}

impl Elf {
    /// Where these sections are, in the file's order.
    fn places_of(&self, names: &[&str]) -> Vec<(u64, u64)> {
        let mut places: Vec<(u64, u64)> = names
            .iter()
            .filter_map(|name| self.sections.get(*name))
            .map(|section| (section.start, section.size))
            .filter(|(_, size)| *size > 0)
            .collect();
        places.sort_unstable();
        places
    }

    fn read(file: &File) -> Option<Self> {
        let cache = ReadCache::new(file);
        let object = object::File::parse(&cache).ok()?;
        let build_id = object.build_id().ok()?.map(hex::encode);
        let mut places = BTreeMap::new();
        for (number, section) in object.sections().enumerate().take(MAX_SECTIONS) {
            let name = show(section.name_bytes().ok()?);
            // Two sections may have one name.
            let name = if places.contains_key(&name) {
                format!("{name} (number {number})")
            } else {
                name
            };
            places.insert(name, section.file_range());
        }
        let symbols = object
            .dynamic_symbols()
            .take(MAX_SYMBOLS)
            .filter_map(|symbol| Some(show(symbol.name_bytes().ok()?)))
            .collect();
        let mut sections = BTreeMap::new();
        let mut comment = None;
        // Sections do not overlap in what linkers write; those of a file made to cost time
        // may all be the whole file.
        let mut left = file.metadata().ok()?.len().saturating_mul(2);
        for (name, place) in places {
            let (start, size) = place.unwrap_or((0, 0));
            left = left.checked_sub(size)?;
            if name == ".comment" && size <= MAX_COMMENT {
                comment = Some(comment_of(file, start, size)?);
            }
            let sha256 = digest(file, start, size)?;
            sections.insert(
                name,
                Section {
                    start,
                    size,
                    sha256,
                },
            );
        }
        Some(Self {
            sections,
            symbols,
            build_id,
            comment,
        })
    }
}

fn part(mut file: &File, start: u64, size: u64) -> Option<impl Read> {
    file.seek(SeekFrom::Start(start)).ok()?;
    Some(file.take(size))
}

fn digest(file: &File, start: u64, size: u64) -> Option<[u8; 32]> {
    let mut reader = part(file, start, size)?;
    let mut hasher = Sha256::new();
    let mut buffer = [0; 16 << 10];
    loop {
        match reader.read(&mut buffer).ok()? {
            0 => return Some(hasher.finalize().into()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// `.comment`: texts that end with a NUL, one for each compiler.
fn comment_of(file: &File, start: u64, size: u64) -> Option<String> {
    let mut bytes = Vec::new();
    part(file, start, size)?.read_to_end(&mut bytes).ok()?;
    let texts: Vec<String> = bytes
        .split(|&byte| byte == 0)
        .filter(|text| !text.is_empty())
        .map(show)
        .collect();
    Some(texts.join(", "))
}

/// Each section that is not the same in both, with what is said of it.
fn changed_sections(a: &Elf, b: &Elf) -> BTreeMap<String, String> {
    let names: BTreeSet<&String> = a.sections.keys().chain(b.sections.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let said = match (a.sections.get(name), b.sections.get(name)) {
                (Some(x), Some(y)) if x.is_like(y) => return None,
                (Some(x), Some(y)) if x.size == y.size => {
                    format!("{name} ({} bytes each)", x.size)
                }
                (Some(x), Some(y)) => {
                    format!("{name} (published {} bytes, rebuilt {})", x.size, y.size)
                }
                (Some(x), None) => format!("{name} (only published, {} bytes)", x.size),
                (None, Some(y)) => format!("{name} (only rebuilt, {} bytes)", y.size),
                (None, None) => return None,
            };
            Some((name.clone(), said))
        })
        .collect()
}

fn listed(sections: &BTreeMap<String, String>) -> String {
    if sections.is_empty() {
        return "none, but headers or the bytes between them".to_owned();
    }
    some(sections.values())
}

fn changed_symbols(a: &Elf, b: &Elf) -> Option<String> {
    let only = |x: &Elf, y: &Elf, side: &str| {
        let names: Vec<&String> = x.symbols.difference(&y.symbols).collect();
        (!names.is_empty())
            .then(|| format!("dynamic symbols only {side}: {}", some(names.into_iter())))
    };
    let parts: Vec<String> = [only(a, b, "published"), only(b, a, "rebuilt")]
        .into_iter()
        .flatten()
        .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn some<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<&String> = names.collect();
    let mut text = all
        .iter()
        .take(NAMED)
        .map(|name| printable(name, false))
        .collect::<Vec<_>>()
        .join(", ");
    if all.len() > NAMED {
        text.push_str(&format!(", and {} more", all.len() - NAMED));
    }
    text
}
