//! What differs inside one member: text, documents, bytecode, ELF, or bytes; and why, as
//! far as what differs proves it.
//!
//! May import `model`. A format is a file here, which answers for contents of its own
//! and leaves others to the next. It must never lower a severity because a cause was
//! found, hold more of a member than it was given, or show a byte unescaped.

mod cause;
mod document;
mod elf;
mod hex;
mod marshal;
mod python;
mod requirement;
mod severity;
mod text;
mod token;

use std::fs::File;
use std::time::{Duration, Instant};

use super::sniff::Format;
use crate::model::{ArtifactKind, Cause, Severity, Sha256Digest};

/// Time for one diff; what is not aligned by then is shown as replaced.
const TIME_FOR_ONE: Duration = Duration::from_millis(500);
/// Time for all diffs of one comparison.
const TIME_FOR_ALL: Duration = Duration::from_secs(10);

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
    pub format: Format,
    /// The bytes that are held, from [`Subject::start`] on.
    pub held: &'a [u8],
    /// The whole content, where its format is one that is looked into.
    pub file: Option<&'a File>,
}

impl Side<'_> {
    fn is_whole(&self) -> bool {
        self.held.len() as u64 == self.size
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

impl Subject<'_> {
    fn sizes(&self) -> String {
        let (a, b) = (self.published.size, self.rebuilt.size);
        if a == b {
            format!("{a} bytes each")
        } else {
            format!("published {a} bytes, rebuilt {b}")
        }
    }

    fn is_whole(&self) -> bool {
        self.published.is_whole() && self.rebuilt.is_whole()
    }
}

/// One thing that differs in a content.
pub(super) struct Found {
    pub cause: Cause,
    pub severity: Severity,
    /// The evidence, safe to show.
    pub detail: String,
    pub diff: Option<String>,
}

/// One thing that differs, before it is known how much it matters.
struct Finding {
    cause: Cause,
    detail: String,
    diff: Option<String>,
}

impl Finding {
    fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            diff: None,
        }
    }
}

/// What differs in a content; never empty.
pub(super) fn describe(subject: &Subject<'_>, clock: &mut Clock) -> Vec<Found> {
    let texts = text::decoded(subject);
    let utf8 = texts
        .as_ref()
        .and_then(|(a, b)| Some((a.plain()?, b.plain()?)));
    let severity = severity::of(subject.path, subject.kind, utf8);
    let findings = elf::findings(subject)
        .or_else(|| python::findings(subject))
        .or_else(|| texts.map(|(a, b)| text::findings(subject, &a, &b, severity, clock)))
        .filter(|findings| !findings.is_empty())
        .unwrap_or_else(|| hex::findings(subject));
    findings
        .into_iter()
        .map(|finding| Found {
            cause: finding.cause,
            severity,
            detail: finding.detail,
            diff: finding.diff,
        })
        .collect()
}
