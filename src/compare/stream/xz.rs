//! The settings that an xz stream tells (The .xz file format 1.2.1). Reads the
//! first headers and the first stream's footer alone; the decoder checks the rest.

use std::io;
use std::path::Path;

use super::framed::{Setting, Settings};
use crate::compare::bytes::head_of;
use crate::compare::listing::Stray;

/// Section 2.1.1: stream header; 3.1: the largest block header.
const HEADERS: usize = 12 + 1024;

/// What the headers of the file at `path` tell.
pub(super) fn settings(path: &Path) -> io::Result<Settings> {
    let head = head_of(path, HEADERS)?;
    let mut settings = Vec::new();
    if let Some(flags) = head.get(7) {
        settings.push(Setting::new("xz integrity check", check_name(flags & 15)));
    }
    if let Some(block) = head
        .get(12..)
        .filter(|block| block.len() > 2 && block[0] != 0)
    {
        block_settings(block, &mut settings);
    }
    Ok(Settings {
        settings,
        // Padding between and after streams must be zeros, which the decoder checks.
        skipped: Stray::read(&mut io::empty())?,
    })
}

/// Section 2.1.1.2: stream flags.
fn check_name(id: u8) -> String {
    match id {
        0 => "none".to_owned(),
        1 => "CRC32".to_owned(),
        4 => "CRC64".to_owned(),
        10 => "SHA-256".to_owned(),
        other => format!("number {other}"),
    }
}

/// Section 3.1: block header. Sizes that are written in the header tell a
/// multi-threaded encoder.
fn block_settings(block: &[u8], settings: &mut Vec<Setting>) {
    let flags = block[1];
    let sizes = match (flags & 0x40 != 0, flags & 0x80 != 0) {
        (false, false) => "none (one thread)",
        _ => "written (several threads)",
    };
    settings.push(Setting::new("xz sizes in the block header", sizes));
    let mut rest = &block[2..];
    for _ in 0..(u8::from(flags & 0x40 != 0) + u8::from(flags & 0x80 != 0)) {
        let Some((_, after)) = variable(rest) else {
            return;
        };
        rest = after;
    }
    let mut filters = Vec::new();
    for _ in 0..=flags & 3 {
        let Some((id, after)) = variable(rest) else {
            return;
        };
        let Some((length, after)) = variable(after) else {
            return;
        };
        let Some(properties) = usize::try_from(length).ok().and_then(|n| after.get(..n)) else {
            return;
        };
        filters.push(filter_name(id, properties));
        rest = &after[properties.len()..];
    }
    settings.push(Setting::new("xz filters", filters.join(", ")));
}

/// Section 5.3: filters. LZMA2 has one byte: its dictionary's size.
fn filter_name(id: u64, properties: &[u8]) -> String {
    match (id, properties) {
        (0x21, [bits]) if *bits < 40 => {
            let size = (2 | u64::from(bits & 1)) << (bits / 2 + 11);
            format!("LZMA2 with a dictionary of {} KiB", size >> 10)
        }
        (0x03, _) => "delta".to_owned(),
        (0x04, _) => "x86".to_owned(),
        (id, _) => format!("filter {id:#04x}"),
    }
}

/// Section 1.2: multibyte integers, of nine bytes at most.
fn variable(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(9).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
