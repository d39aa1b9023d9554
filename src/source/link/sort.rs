//! What one file of a source distribution is beside the commit's. Pure.

use super::committed::CommittedFile;
use super::generated::{self, Release};
use super::packed::{Form, Packed};
use crate::model::Packer;

/// A closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kin {
    /// The commit's bytes at the same path.
    Same,
    /// The commit's lines, ended otherwise.
    LineEnds,
    /// A packer wrote it.
    Generated(Packer),
    /// Other content than the commit's.
    Changed,
    /// The commit has no such file.
    Unknown,
    /// The commit's content, made executable.
    MadeExecutable,
}

/// Sorts one file. A packer's file is one only where it runs nothing by itself: a
/// generated name on an executable or a link is no excuse.
pub(super) fn sort(file: &Packed, commit: Option<&CommittedFile>, release: &Release) -> Kin {
    let generated = || match file.form {
        Form::Plain => generated::packer_of(file, commit, release),
        Form::Executable | Form::Link => None,
    };
    let Some(theirs) = commit else {
        return generated().map_or(Kin::Unknown, Kin::Generated);
    };
    if file.form == Form::Link {
        return if theirs.link.as_ref() == Some(&file.content) {
            Kin::Same
        } else {
            Kin::Changed
        };
    }
    // Where a file system has no links, git writes the target (git-config(1),
    // "core.symlinks").
    let same = file.content == theirs.content || theirs.link.as_ref() == Some(&file.content);
    if !same && !is_same_text(&file.content, &theirs.content) {
        return generated().map_or(Kin::Changed, Kin::Generated);
    }
    match (file.form, theirs.form) {
        (Form::Executable, Form::Plain | Form::Link) if !runs_on_windows(&file.path) => {
            Kin::MadeExecutable
        }
        _ if same => Kin::Same,
        _ => Kin::LineEnds,
    }
}

/// Whether Python says of a file on Windows that it is executable, by its name alone
/// (CPython, `Modules/posixmodule.c`, `win32_xstat_slow_impl`). Elsewhere nothing runs it.
fn runs_on_windows(path: &str) -> bool {
    let name = path.to_ascii_lowercase();
    [".bat", ".cmd", ".exe", ".com"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether two texts differ in how their lines end alone. What holds a NUL is no text, as
/// git tells them apart (gitattributes(5), "text").
fn is_same_text(a: &[u8], b: &[u8]) -> bool {
    let lf = |bytes: &[u8]| -> Option<Vec<u8>> {
        if bytes.contains(&0) {
            return None;
        }
        let mut out = Vec::with_capacity(bytes.len());
        for (at, &byte) in bytes.iter().enumerate() {
            if byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
                out.push(byte);
            }
        }
        Some(out)
    };
    lf(a).is_some_and(|a| lf(b) == Some(a))
}

#[cfg(test)]
mod tests;
