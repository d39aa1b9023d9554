//! Contents of no known format: a window around the first bytes that differ. May
//! import `model`; pure.

use std::fmt::Write as _;

use super::{Finding, Subject};
use crate::compare::bytes::first_difference_of;
use crate::model::Cause;

/// Bytes of one row, as in a usual hex dump, and rows of one window.
const ROW: usize = 16;
const ROWS: usize = 4;

pub(super) fn findings(subject: &Subject<'_>) -> Vec<Finding> {
    let (a, b) = (subject.published.held, subject.rebuilt.held);
    let Some(first) = first_difference_of(a, b, subject.start) else {
        return vec![Finding::new(
            Cause::CodeChanged,
            format!(
                "content differs: published sha256 {}, rebuilt {}; {}",
                subject.published.sha256,
                subject.rebuilt.sha256,
                subject.sizes()
            ),
        )];
    };
    let from = (first.offset - subject.start) as usize / ROW * ROW;
    let mut diff = String::from("--- rebuilt\n+++ published\n");
    let _ = writeln!(diff, "@@ bytes from {} @@", subject.start + from as u64);
    for row in 0..ROWS {
        let at = from + row * ROW;
        let [ours, theirs] =
            [b, a].map(|bytes| bytes.get(at..).map(|rest| &rest[..rest.len().min(ROW)]));
        let offset = subject.start + at as u64;
        match (
            ours.filter(|r| !r.is_empty()),
            theirs.filter(|r| !r.is_empty()),
        ) {
            (None, None) => break,
            (Some(ours), Some(theirs)) if ours == theirs => {
                let _ = writeln!(diff, " {}", dump(offset, ours));
            }
            (ours, theirs) => {
                for (sign, bytes) in [('-', ours), ('+', theirs)] {
                    if let Some(bytes) = bytes {
                        let _ = writeln!(diff, "{sign}{}", dump(offset, bytes));
                    }
                }
            }
        }
    }
    vec![Finding {
        cause: Cause::CodeChanged,
        detail: format!("{first}; {}", subject.sizes()),
        diff: Some(diff),
    }]
}

/// One row: offset, bytes, and what of them is ASCII.
fn dump(offset: u64, bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x} ");
    }
    let ascii: String = bytes
        .iter()
        .map(|&byte| match byte {
            0x20..=0x7e => char::from(byte),
            _ => '.',
        })
        .collect();
    format!("{offset:08x}  {hex:<48} {ascii}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_where_what_and_how_it_reads() {
        assert_eq!(
            dump(16, b"AB\0\x1b"),
            "00000010  41 42 00 1b                                      AB.."
        );
    }
}
