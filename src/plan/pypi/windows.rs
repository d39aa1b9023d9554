//! Wheels that were packed on Windows, told from what a zip says of the system that it was
//! made on: how the same build leaves the same bytes elsewhere. Pure.

use super::super::Facts;
use crate::model::PackingSystem;

/// Lets Python write as it does on Windows, for the build steps alone.
pub(super) const HOOK: &str = include_str!("windows.py");

/// Lets Python read and write texts in the code page, for the build steps alone.
pub(super) const CODE_PAGE_HOOK: &str = include_str!("code_page.py");

/// Lets METADATA be written as a text, for the build steps alone.
pub(super) const TEXT_METADATA_HOOK: &str = include_str!("text_metadata.py");

/// What code page 1252 has at 0x80 to 0x9f; all else that it has is at the place that Unicode gives
/// it (Unicode, "CP1252.TXT"). Nothing is at 0x81, 0x8d, 0x8f, 0x90 and 0x9d.
const CODE_PAGE: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039,
    0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc,
    0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

/// Whether `METADATA` has UTF-8 in it that was read in the code page.
pub(super) fn reads_in_code_page(facts: &Facts<'_>) -> bool {
    let text = metadata(facts).and_then(|bytes| str::from_utf8(bytes).ok());
    text.is_some_and(has_misread)
}

fn metadata<'f>(facts: &Facts<'f>) -> Option<&'f [u8]> {
    let is_metadata = |name: &str| name.ends_with(".dist-info/METADATA");
    let mut members = facts.members.iter();
    let found = members.find(|(name, _)| is_metadata(name))?;
    Some(found.1)
}

/// Whether `METADATA` was written as a text, as its first line says, which is a header's; those of
/// the description may come so from its file.
pub(super) fn writes_metadata_as_text(facts: &Facts<'_>) -> bool {
    let first = metadata(facts).and_then(|bytes| bytes.split(|byte| *byte == b'\n').next());
    first.is_some_and(|line| line.ends_with(b"\r"))
}

/// Whether characters of more than one byte stand next to each other that are UTF-8 together, once
/// each is the byte that the code page has it at.
fn has_misread(text: &str) -> bool {
    let runs = text.split(|c: char| c.is_ascii());
    runs.filter(|run| !run.is_empty()).any(|run| {
        let bytes: Option<Vec<u8>> = run.chars().map(in_code_page).collect();
        bytes.is_some_and(|bytes| str::from_utf8(&bytes).is_ok())
    })
}

/// The byte that the code page has this character at.
fn in_code_page(c: char) -> Option<u8> {
    let named = CODE_PAGE
        .iter()
        .position(|named| *named != 0 && u32::from(*named) == u32::from(c));
    match (named, u8::try_from(u32::from(c))) {
        (Some(at), _) => u8::try_from(0x80 + at).ok(),
        (None, Ok(byte)) if !(0x80..0xa0).contains(&byte) => Some(byte),
        (None, _) => None,
    }
}

/// Whether the wheel was packed on Windows.
pub(super) fn packed_there(facts: &Facts<'_>) -> bool {
    facts.packed_on == Some(PackingSystem::Windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_that_was_read_in_the_code_page_is_told_from_what_is_written_so() {
        for misread in ["print(\"âœ…\")", "Ã©", "a donâ€™t b"] {
            assert!(has_misread(misread), "{misread}");
        }
        // As written; not in the code page at all, or not UTF-8 from it.
        for text in ["", "plain", "é", "naïve – “so”", "✅", "Ã"] {
            assert!(!has_misread(text), "{text}");
        }
    }
}
