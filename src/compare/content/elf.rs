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

/// What is known of one ELF file.
struct Elf {
    sections: BTreeMap<String, (u64, [u8; 32])>,
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
    let mut found = Vec::new();
    if a.comment != b.comment {
        let comment = |elf: &Elf| elf.comment.clone().unwrap_or_else(|| "none".to_owned());
        found.push(Finding::new(
            Cause::ToolVersion,
            pair("compiler (.comment)", comment(&a), comment(&b)),
        ));
    }
    let sections = changed_sections(&a, &b);
    let symbols = changed_symbols(&a, &b);
    let build_id = (a.build_id != b.build_id).then(|| {
        let id = |elf: &Elf| elf.build_id.clone().unwrap_or_else(|| "none".to_owned());
        pair("build ID", id(&a), id(&b))
    });
    /// Sections that follow from the others: identities and debug links.
    const FOLLOW: [&str; 4] = [
        ".note.gnu.build-id",
        ".gnu_debuglink",
        ".gnu_debugaltlink",
        ".comment",
    ];
    let own: Vec<&String> = sections
        .keys()
        .filter(|name| !FOLLOW.contains(&name.as_str()))
        .collect();
    if own.is_empty() && symbols.is_none() {
        // A build ID is a digest of what was linked, names of folders in debug data
        // included, which may have been stripped since.
        if let Some(build_id) = build_id {
            found.push(Finding::new(
                Cause::GeneratedMetadata,
                format!("every other section is the same; {build_id}"),
            ));
        }
    } else {
        let mut detail = format!("sections differ: {}", listed(&sections));
        for more in [symbols, build_id].into_iter().flatten() {
            detail.push_str("; ");
            detail.push_str(&more);
        }
        found.push(Finding::new(Cause::CodeChanged, detail));
    }
    Some(found)
}

impl Elf {
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
        for (name, place) in places {
            let (start, size) = place.unwrap_or((0, 0));
            if name == ".comment" && size <= MAX_COMMENT {
                comment = Some(comment_of(file, start, size)?);
            }
            sections.insert(name, (size, digest(file, start, size)?));
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
                (Some(x), Some(y)) if x == y => return None,
                (Some((x, _)), Some((y, _))) if x == y => format!("{name} ({x} bytes each)"),
                (Some((x, _)), Some((y, _))) => {
                    format!("{name} (published {x} bytes, rebuilt {y})")
                }
                (Some((x, _)), None) => format!("{name} (only published, {x} bytes)"),
                (None, Some((y, _))) => format!("{name} (only rebuilt, {y} bytes)"),
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
