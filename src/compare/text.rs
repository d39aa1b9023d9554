//! How the content of one member differs: a unified diff where both sides are
//! text and small, else the first byte. Pure.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

use super::member::Member;
use crate::model::printable;

/// Lines of a diff that are kept; a person reads no more at once.
const MAX_LINES: usize = 400;
/// How long a diff may take; past it, it is coarser but still right.
const MAX_TIME: Duration = Duration::from_secs(2);
/// The longest line that is shown, in characters.
const MAX_LINE: usize = 500;

/// One line on how two contents differ, and the diff from rebuilt to published.
pub(super) fn content(published: &Member, rebuilt: &Member) -> (String, Option<String>) {
    let sizes = format!(
        "content differs: published {} bytes, rebuilt {}",
        published.size, rebuilt.size
    );
    let (Some(theirs), Some(ours)) = (&published.content, &rebuilt.content) else {
        return (format!("{sizes}; too large for a diff"), None);
    };
    if let (Some(theirs), Some(ours)) = (as_text(theirs), as_text(ours)) {
        if theirs.replace("\r\n", "\n") == ours.replace("\r\n", "\n") {
            return (format!("{sizes}; only the line endings differ"), None);
        }
        return (sizes, Some(unified(ours, theirs)));
    }
    let common = theirs.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let window = |bytes: &[u8]| {
        let part = &bytes[common..bytes.len().min(common + super::WINDOW)];
        if part.is_empty() {
            "its end".to_owned()
        } else {
            hex::encode(part)
        }
    };
    (
        format!(
            "{sizes}; from byte {common} on published {}, rebuilt {}",
            window(theirs),
            window(ours)
        ),
        None,
    )
}

/// Text is UTF-8 without a NUL.
fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

fn unified(from: &str, to: &str) -> String {
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(MAX_TIME)
        .diff_lines(from, to);
    let text = diff
        .unified_diff()
        .context_radius(3)
        .header("rebuilt", "published")
        .to_string();
    let mut shown = String::new();
    for (number, line) in text.lines().enumerate() {
        if number == MAX_LINES {
            shown.push_str("[the rest of the diff is left out]\n");
            break;
        }
        let cut: String = line.chars().take(MAX_LINE).collect();
        shown.push_str(&printable(&cut, false).replace("\\u{9}", "\t"));
        shown.push('\n');
    }
    shown
}
