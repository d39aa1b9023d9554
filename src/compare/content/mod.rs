//! What differs inside one member: a bounded diff of text, else the first bytes
//! that differ; and whether a tool writes that member about the package. May
//! import `model`; pure but for the clock that bounds it.

use std::fs::File;
use std::time::{Duration, Instant};

use serde_json::Value;
use similar::TextDiff;

use super::bytes::first_difference_of;
use super::sniff::Format;
use crate::model::{ArtifactKind, Cause, Severity, Sha256Digest, printable};

/// Lines of one diff: what a person reads before opening the files.
const MAX_LINES: usize = 200;
/// Characters of one line; minified code is one line of megabytes.
const MAX_LINE: usize = 400;
/// Bytes of one diff, so that a full list stays below 4 MiB.
const MAX_DIFF: usize = 16 << 10;
/// Time for one diff; what is not aligned by then is shown as replaced.
const TIME_FOR_ONE: Duration = Duration::from_millis(500);
/// Time for all diffs of one comparison.
const TIME_FOR_ALL: Duration = Duration::from_secs(10);
/// Lines of context.
const CONTEXT: usize = 3;

/// Bounds the time that a comparison spends on diffs.
#[derive(Clone)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    fn left(&self) -> Option<Duration> {
        TIME_FOR_ALL
            .checked_sub(self.0.elapsed())
            .map(|left| left.min(TIME_FOR_ONE))
    }
}

/// One side's content, or the part of it that is held.
pub(super) struct Side<'a> {
    pub size: u64,
    pub sha256: Sha256Digest,
    /// What its first bytes say that it is.
    #[expect(dead_code, reason = "read by what looks into ELF")]
    pub format: Format,
    /// The bytes that are held, from [`Subject::start`] on.
    pub held: &'a [u8],
    /// The whole content, where its format is one that is looked into.
    #[expect(dead_code, reason = "read by what looks into ELF")]
    pub file: Option<&'a File>,
}

impl Side<'_> {
    fn is_whole(&self) -> bool {
        self.held.len() as u64 == self.size
    }

    /// Text that a person would call text: UTF-8 without NUL.
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.held)
            .ok()
            .filter(|text| self.is_whole() && !text.contains('\0'))
    }
}

/// Two contents of one member that are not the same.
pub(super) struct Subject<'a> {
    /// The member's path inside the artifact.
    pub path: &'a str,
    /// What kind of artifact it is a member of; [`ArtifactKind::Other`] further in.
    pub kind: ArtifactKind,
    pub published: Side<'a>,
    pub rebuilt: Side<'a>,
    /// The offset of the held parts; 0 where all is held.
    pub start: u64,
}

/// One thing that differs in a content.
pub(super) struct Found {
    pub cause: Cause,
    pub severity: Severity,
    /// The evidence, safe to show.
    pub detail: String,
    pub diff: Option<String>,
}

/// What differs in a content; never empty.
pub(super) fn describe(subject: &Subject<'_>, clock: &mut Clock) -> Vec<Found> {
    let (published, rebuilt) = (&subject.published, &subject.rebuilt);
    let texts = published.text().zip(rebuilt.text());
    let first = first_difference_of(published.held, rebuilt.held, subject.start);
    let sizes = if published.size == rebuilt.size {
        format!("{} bytes each", published.size)
    } else {
        format!(
            "published {} bytes, rebuilt {}",
            published.size, rebuilt.size
        )
    };
    let mut cause = Cause::CodeChanged;
    let detail = match (texts, first) {
        (Some((a, b)), Some(first)) => {
            let line = a.as_bytes()[..first.offset as usize]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count()
                + 1;
            let what = if same_but_for_line_endings(a, b) {
                cause = Cause::LineEndings;
                "text differs in line endings only"
            } else {
                "text differs"
            };
            format!(
                "{what}, first in line {line} (offset {}); {sizes}",
                first.offset
            )
        }
        (None, Some(first)) => format!("{first}; {sizes}"),
        (_, None) => format!(
            "content differs: published sha256 {}, rebuilt {}; {sizes}",
            published.sha256, rebuilt.sha256
        ),
    };
    let diff = match (texts, clock.left()) {
        (Some((a, b)), Some(time)) => Some(unified(b, a, time)),
        _ => None,
    };
    vec![Found {
        cause,
        severity: severity(subject.path, subject.kind, texts),
        detail,
        diff,
    }]
}

fn same_but_for_line_endings(a: &str, b: &str) -> bool {
    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
    }
    lines(a).eq(lines(b))
}

/// A unified diff from rebuilt to published, cut where it is long.
fn unified(rebuilt: &str, published: &str, time: Duration) -> String {
    let diff = TextDiff::configure()
        .timeout(time)
        .diff_lines(rebuilt, published);
    let mut out = String::from("--- rebuilt\n+++ published\n");
    let mut lines = 0;
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        out.push_str(&format!("{}\n", hunk.header()));
        for change in hunk.iter_changes() {
            if lines == MAX_LINES || out.len() > MAX_DIFF {
                out.push_str("… the diff goes on and is cut here\n");
                return out;
            }
            lines += 1;
            let text: &str = change.value();
            let (text, newline) = match text.strip_suffix('\n') {
                Some(text) => (text, "\n"),
                None => (text, "\n\\ No newline at end of file\n"),
            };
            out.push_str(&format!("{}{}{newline}", change.tag(), line(text)));
        }
    }
    out
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

/// Files that a tool writes about the package: their place decides, so that a
/// file of the same name elsewhere stays payload.
fn severity(path: &str, kind: ArtifactKind, texts: Option<(&str, &str)>) -> Severity {
    let parts: Vec<&str> = path.split('/').collect();
    let generated = match (kind, parts.as_slice()) {
        (ArtifactKind::Crate, [_, "Cargo.lock"]) => true,
        (ArtifactKind::Crate, [_, ".cargo_vcs_info.json"]) => {
            texts.is_some_and(|(a, b)| only_vcs_state_differs(a, b))
        }
        // The wheel specification (PEP 427), "File contents".
        (
            ArtifactKind::PureWheel | ArtifactKind::PlatformWheel,
            [folder, "RECORD" | "WHEEL" | "METADATA"],
        ) => folder.ends_with(".dist-info"),
        (ArtifactKind::Sdist, [_, "PKG-INFO"]) => true,
        (ArtifactKind::Sdist, [_, .., folder, "PKG-INFO"]) => folder.ends_with(".egg-info"),
        _ => false,
    };
    if generated {
        Severity::Generated
    } else {
        Severity::Payload
    }
}

/// Whether two `.cargo_vcs_info.json` differ in nothing but the commit, whether
/// the tree was clean, and the package's folder: the fields that cargo writes.
fn only_vcs_state_differs(a: &str, b: &str) -> bool {
    let rest = |text: &str| -> Option<Value> {
        let mut value: Value = serde_json::from_str(text).ok()?;
        let top = value.as_object_mut()?;
        if top
            .remove("path_in_vcs")
            .is_some_and(|path| !path.is_string())
        {
            return None;
        }
        let git = top.get_mut("git")?.as_object_mut()?;
        let commit = git.remove("sha1")?;
        if !commit
            .as_str()?
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
        {
            return None;
        }
        if git.remove("dirty").is_some_and(|dirty| !dirty.is_boolean()) {
            return None;
        }
        Some(value)
    };
    matches!((rest(a), rest(b)), (Some(a), Some(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_bounded_and_safe_to_show() {
        let old: String = (0..5_000).map(|i| format!("old {i}\n")).collect();
        let new: String = (0..5_000).map(|i| format!("new {i}\n")).collect();
        let diff = unified(&old, &new, TIME_FOR_ONE);
        assert!(
            diff.lines().count() < MAX_LINES + 10,
            "{}",
            diff.lines().count()
        );
        assert!(diff.ends_with("cut here\n"));
        let diff = unified("a\n", "\u{1b}[31m\u{202e}\tb\r\n", TIME_FOR_ONE);
        assert!(diff.contains("+\\u{1b}[31m\\u{202e}\tb\\u{d}\n"), "{diff}");
        let long = unified("a", &"x".repeat(1 << 20), TIME_FOR_ONE);
        assert!(long.len() < 2_000, "{}", long.len());
    }

    #[test]
    fn generated_files_are_known_by_their_place_too() {
        let of = |path, kind| severity(path, kind, None);
        let (wheel, krate) = (ArtifactKind::PureWheel, ArtifactKind::Crate);
        assert_eq!(of("x-1.dist-info/RECORD", wheel), Severity::Generated);
        assert_eq!(of("x/RECORD", wheel), Severity::Payload);
        assert_eq!(
            of("x-1.dist-info/entry_points.txt", wheel),
            Severity::Payload
        );
        assert_eq!(of("x-1/Cargo.lock", krate), Severity::Generated);
        assert_eq!(of("x-1/fixtures/Cargo.lock", krate), Severity::Payload);
        assert_eq!(of("x-1/Cargo.toml", krate), Severity::Payload);
        let sdist = ArtifactKind::Sdist;
        assert_eq!(of("x-1/PKG-INFO", sdist), Severity::Generated);
        assert_eq!(
            of("x-1/src/x.egg-info/PKG-INFO", sdist),
            Severity::Generated
        );
        assert_eq!(of("x-1/src/PKG-INFO", sdist), Severity::Payload);
    }

    #[test]
    fn vcs_info_is_generated_only_where_nothing_but_the_state_differs() {
        let of = |a: &str, b: &str| {
            severity(
                "x-1/.cargo_vcs_info.json",
                ArtifactKind::Crate,
                Some((a, b)),
            )
        };
        let commit = |c: &str| format!(r#"{{"git":{{"sha1":"{c}"}},"path_in_vcs":""}}"#);
        assert_eq!(of(&commit("aa"), &commit("bb")), Severity::Generated);
        assert_eq!(of(&commit("aa"), &commit("; rm")), Severity::Payload);
        let more = r#"{"git":{"sha1":"aa"},"path_in_vcs":"","x":"payload"}"#;
        assert_eq!(of(more, &commit("aa")), Severity::Payload);
    }
}
