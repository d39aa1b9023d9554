//! `requirements.txt` (pip's documentation, "Requirements File Format"), as `pip
//! freeze`, `pip-compile` and `uv export` write it: every version pinned by `==`, and
//! in the hash-checking mode each with `--hash=sha256:...`.

use super::{Entry, Origin, Wrong, prefixed};
use crate::model::{Digest, Ecosystem};

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Wrong> {
    let mut entries = Vec::new();
    for (line, text) in logical_lines(text) {
        if let Some(entry) = entry(line, &text)? {
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// What a line pins; nothing where it is an option that names no package.
fn entry(line: usize, text: &str) -> Result<Option<Entry>, Wrong> {
    let wrong = |reason: String| Wrong { line, reason };
    if text.starts_with("-r") || text.starts_with("--requirement") {
        return Err(wrong(
            "it includes another file; name that file beside this one instead".into(),
        ));
    }
    let elsewhere = |why: String| {
        Ok(Some(Entry {
            line,
            name: text.to_owned(),
            origin: Origin::Elsewhere(why),
            digests: digests(line, text)?,
        }))
    };
    if text.starts_with("-e") || text.starts_with("--editable") {
        return elsewhere(format!("`{text}` is a checkout, not a release"));
    }
    // Constraints and options (an index's address) name no package.
    if text.starts_with('-') {
        return Ok(None);
    }
    // PEP 508: the environment marker follows a semicolon.
    let requirement = text.split(';').next().unwrap_or_default();
    let requirement = requirement.split(" --").next().unwrap_or_default().trim();
    if requirement.contains(" @ ") || requirement.contains("://") || is_path(requirement) {
        return elsewhere(format!("`{requirement}` comes from no index"));
    }
    let pinned = requirement
        .split_once("===")
        .or_else(|| requirement.split_once("=="));
    let Some((name, version)) = pinned else {
        return Err(wrong(format!(
            "`{requirement}` is not pinned; write `NAME==VERSION` (pip freeze and pip-compile do)"
        )));
    };
    let (name, version) = (
        name.split('[').next().unwrap_or_default().trim(),
        version.trim(),
    );
    if version.contains([',', '*', ' ']) {
        return Err(wrong(format!(
            "`{requirement}` names no single version; write `NAME==VERSION`"
        )));
    }
    Entry::of_registry(line, Ecosystem::Pypi, name, version, digests(line, text)?).map(Some)
}

/// Every `--hash` of a line, behind the marker too.
fn digests(line: usize, text: &str) -> Result<Vec<Digest>, Wrong> {
    let mut words = text.split_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let hash = match word.strip_prefix("--hash") {
            // pip takes the value behind a space as well.
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('='),
            None => None,
        };
        if let Some(hash) = hash {
            found.push(prefixed(line, hash)?);
        }
    }
    Ok(found)
}

fn is_path(text: &str) -> bool {
    text.starts_with(['.', '/']) || text.ends_with(".whl") || text.ends_with(".tar.gz")
}

/// Lines with those that a backslash continues joined, without remarks, each with
/// the number of its first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let line = match line.split_once(" #") {
            Some((before, _)) => before,
            None if line.trim_start().starts_with('#') => "",
            None => line,
        };
        let (part, continues) = match line.trim_end().strip_suffix('\\') {
            Some(part) => (part, true),
            None => (line, false),
        };
        let (number, mut whole) = open.take().unwrap_or((index + 1, String::new()));
        whole.push(' ');
        whole.push_str(part.trim());
        if continues {
            open = Some((number, whole));
        } else if !whole.trim().is_empty() {
            lines.push((number, whole.trim().to_owned()));
        }
    }
    lines.extend(
        open.filter(|(_, whole)| !whole.trim().is_empty())
            .map(|(n, w)| (n, w.trim().to_owned())),
    );
    lines
}
