//! Text: its encoding, its line endings, a bounded unified diff, and the cause that its
//! changed lines prove. May import `model`; pure but for the clock that bounds it.

use std::borrow::Cow;

use similar::{ChangeTag, DiffOp, TextDiff};

use super::{Clock, Finding, Side, Subject, cause, document};
use crate::compare::bytes::first_difference_of;
use crate::model::{Cause, Severity, printable};

/// Lines of one diff: what a person reads before opening the files.
const MAX_LINES: usize = 200;
/// Characters of one line; minified code is one line of megabytes.
const MAX_LINE: usize = 400;
/// Bytes of one diff, so that a full list stays below 4 MiB.
const MAX_DIFF: usize = 16 << 10;
/// Lines of context.
const CONTEXT: usize = 3;
/// Changed lines that a cause is told from; what goes beyond has none.
const MAX_CHANGES: usize = 2_000;

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16Le,
    Utf16Be,
    /// Not UTF-8, and without control characters when read as Latin-1.
    Latin1,
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8WithMark => "UTF-8 with a byte order mark",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Latin1 => "Latin-1 or alike",
        }
    }
}

/// Bytes that were read as text.
pub(super) struct Decoded<'a> {
    text: Cow<'a, str>,
    encoding: Encoding,
}

impl Decoded<'_> {
    /// The text, where it is what the bytes are without any mark or conversion.
    pub(super) fn plain(&self) -> Option<&str> {
        (self.encoding == Encoding::Utf8).then_some(self.text.as_ref())
    }
}

/// Both sides as text, where both are held whole and are text.
pub(super) fn decoded<'a>(subject: &'a Subject<'_>) -> Option<(Decoded<'a>, Decoded<'a>)> {
    if !subject.is_whole() {
        return None;
    }
    let decoded = |side: &'a Side<'_>| decode(side.held);
    Some((decoded(&subject.published)?, decoded(&subject.rebuilt)?))
}

fn decode(bytes: &[u8]) -> Option<Decoded<'_>> {
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return Some(Decoded {
            text: Cow::Borrowed(std::str::from_utf8(rest).ok()?),
            encoding: Encoding::Utf8WithMark,
        });
    }
    for (mark, encoding) in [
        (b"\xff\xfe", Encoding::Utf16Le),
        (b"\xfe\xff", Encoding::Utf16Be),
    ] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            return utf16(rest, encoding);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (!text.contains('\0')).then_some(Decoded {
            text: Cow::Borrowed(text),
            encoding: Encoding::Utf8,
        });
    }
    let is_text = |&byte: &u8| matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | 0x20..=0x7e | 0xa0..);
    bytes.iter().all(is_text).then(|| Decoded {
        text: bytes.iter().map(|&byte| char::from(byte)).collect(),
        encoding: Encoding::Latin1,
    })
}

fn utf16(bytes: &[u8], encoding: Encoding) -> Option<Decoded<'_>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let units = pairs.iter().map(|pair| match encoding {
        Encoding::Utf16Be => u16::from_be_bytes(*pair),
        _ => u16::from_le_bytes(*pair),
    });
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    (!text.contains('\0')).then_some(Decoded {
        text: Cow::Owned(text),
        encoding,
    })
}

/// What differs between two texts.
pub(super) fn findings(
    subject: &Subject<'_>,
    published: &Decoded<'_>,
    rebuilt: &Decoded<'_>,
    severity: Severity,
    clock: &Clock,
) -> Vec<Finding> {
    let mut found = Vec::new();
    if published.encoding != rebuilt.encoding {
        found.push(Finding::new(
            Cause::TextEncoding,
            format!(
                "encoding: published {}, rebuilt {}",
                published.encoding.name(),
                rebuilt.encoding.name()
            ),
        ));
    }
    let (a, b) = (published.text.as_ref(), rebuilt.text.as_ref());
    if a != b {
        found.push(unequal(subject, a, b, severity, clock));
    }
    found
}

fn unequal(subject: &Subject<'_>, a: &str, b: &str, severity: Severity, clock: &Clock) -> Finding {
    let place = place(a, b);
    let sizes = subject.sizes();
    if same_but_for_line_endings(a, b) {
        return Finding {
            cause: Cause::LineEndings,
            detail: format!(
                "text differs in line endings only (published {}, rebuilt {}), {place}; {sizes}",
                endings(a),
                endings(b)
            ),
            diff: clock.left().map(|time| unified(b, a, time).0),
        };
    }
    let (diff, changes) = match clock.left() {
        Some(time) => {
            let (diff, changes) = unified(b, a, time);
            (Some(diff), changes)
        }
        None => (None, None),
    };
    let (cause, evidence) = document::dependencies(subject.path, a, b)
        .or_else(|| {
            let of_dependencies = document::only_dependencies(subject.path, a, b);
            cause::of_changes(subject.path, &changes?, of_dependencies)
        })
        .map_or((default_cause(severity), None), |(cause, evidence)| {
            (cause, Some(evidence))
        });
    let mut detail = format!("text differs, {place}; {sizes}");
    if let Some(evidence) = evidence {
        detail = format!("{}; {detail}", printable(&evidence, false));
    }
    if let Some(structure) = document::structure(subject.path, a, b) {
        detail = format!("{detail}; {}", printable(&structure, false));
    }
    Finding {
        cause,
        detail,
        diff,
    }
}

/// What is left to say where nothing is proven.
pub(super) const fn default_cause(severity: Severity) -> Cause {
    match severity {
        Severity::Generated => Cause::GeneratedMetadata,
        Severity::Payload | Severity::Metadata => Cause::CodeChanged,
    }
}

fn place(a: &str, b: &str) -> String {
    let offset = first_difference_of(a.as_bytes(), b.as_bytes(), 0).map_or(0, |first| first.offset);
    let line = a.as_bytes()[..offset as usize]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
        + 1;
    format!("first in line {line} (offset {offset})")
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
}

fn same_but_for_line_endings(a: &str, b: &str) -> bool {
    lines(a).eq(lines(b))
}

fn endings(text: &str) -> &'static str {
    let all = text.matches('\n').count();
    match text.matches("\r\n").count() {
        0 => "LF",
        count if count == all => "CRLF",
        _ => "both CRLF and LF",
    }
}

/// A unified diff from rebuilt to published, cut where it is long, and the lines that
/// changed, where they are not too many.
fn unified(
    rebuilt: &str,
    published: &str,
    time: std::time::Duration,
) -> (String, Option<cause::Changes>) {
    let diff = TextDiff::configure()
        .timeout(time)
        .diff_lines(rebuilt, published);
    let changes = changes(&diff);
    let mut out = String::from("--- rebuilt\n+++ published\n");
    let mut count = 0;
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        out.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            if count == MAX_LINES || out.len() > MAX_DIFF {
                out.push_str("… the diff goes on and is cut here\n");
                return (out, changes);
            }
            count += 1;
            let text: &str = change.value();
            let (text, newline) = match text.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (text, "\n\\ No newline at end of file\n"),
            };
            out.push_str(&format!("{}{}{newline}", change.tag(), line(text)));
        }
    }
    (out, changes)
}

/// The lines that changed: those that stand in each other's place, and those that stand
/// in nothing's.
fn changes<'a>(diff: &TextDiff<'a, 'a, str>) -> Option<cause::Changes> {
    let mut changes = cause::Changes::default();
    for op in diff.ops() {
        let take = |tag| -> Vec<String> {
            diff.iter_changes(op)
                .filter(|change| change.tag() == tag)
                .map(|change| change.value().trim_end_matches('\n').to_owned())
                .collect()
        };
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (ours, theirs) = (take(ChangeTag::Delete), take(ChangeTag::Insert));
        if changes.len() + ours.len() + theirs.len() > MAX_CHANGES {
            return None;
        }
        changes.add(theirs, ours);
    }
    Some(changes)
}

/// One line, safe to show and bounded.
fn line(text: &str) -> String {
    match text.char_indices().nth(MAX_LINE) {
        None => printable_line(text),
        Some((end, _)) => format!("{}… ({} bytes)", printable_line(&text[..end]), text.len()),
    }
}

/// [`printable`], with tabs left as they are.
fn printable_line(text: &str) -> String {
    let parts: Vec<String> = text
        .split('\t')
        .map(|part| printable(part, false))
        .collect();
    parts.join("\t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::content::TIME_FOR_ONE;

    #[test]
    fn a_diff_is_bounded_and_safe_to_show() {
        let old: String = (0..5_000).map(|i| format!("old {i}\n")).collect();
        let new: String = (0..5_000).map(|i| format!("new {i}\n")).collect();
        let (diff, changes) = unified(&old, &new, TIME_FOR_ONE);
        assert!(
            diff.lines().count() < MAX_LINES + 10,
            "{}",
            diff.lines().count()
        );
        assert!(diff.ends_with("cut here\n"));
        assert!(changes.is_none());
        let (diff, _) = unified("a\n", "\u{1b}[31m\u{202e}\tb\r\n", TIME_FOR_ONE);
        assert!(diff.contains("+\\u{1b}[31m\\u{202e}\tb\\u{d}\n"), "{diff}");
        let (long, _) = unified("a", &"x".repeat(1 << 20), TIME_FOR_ONE);
        assert!(long.len() < 2_000, "{}", long.len());
    }

    #[test]
    fn encodings_are_told_by_their_marks_and_their_bytes() {
        let of = |bytes: &[u8]| decode(bytes).map(|d| (d.encoding, d.text.into_owned()));
        let text = |encoding, text: &str| Some((encoding, text.to_owned()));
        assert_eq!(of("é".as_bytes()), text(Encoding::Utf8, "é"));
        assert_eq!(of(b"\xef\xbb\xbfa"), text(Encoding::Utf8WithMark, "a"));
        assert_eq!(of(b"\xff\xfea\0"), text(Encoding::Utf16Le, "a"));
        assert_eq!(of(b"\xfe\xff\0a"), text(Encoding::Utf16Be, "a"));
        assert_eq!(of(b"caf\xe9"), text(Encoding::Latin1, "café"));
        assert_eq!(of(b"\xff\xfea"), None);
        assert_eq!(of(b"a\0b"), None);
        assert_eq!(of(b"\x80\x81"), None);
    }

    #[test]
    fn endings_are_named() {
        assert_eq!(endings("a\nb\n"), "LF");
        assert_eq!(endings("a\r\nb\r\n"), "CRLF");
        assert_eq!(endings("a\r\nb\n"), "both CRLF and LF");
    }
}
