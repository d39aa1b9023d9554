//! What a batch is asked to verify: lists, batch files, lock files and SBOMs, read
//! to package URLs.
//!
//! Reading is pure but for [`read`], which opens the file: text in, package URLs
//! with their lines out. A line that cannot be read is an error that names file,
//! line and reason, before anything is started. What a lock file holds and no
//! registry published (workspace members, git and path dependencies) is no error:
//! it is [`Input::left_out`], with the reason. Imports `lockfile` and
//! `model`.

mod batch_file;
mod list;
mod sbom;

use std::path::{Path, PathBuf};

use crate::lockfile::{self, Entry, Origin, Wrong};
use crate::model::Purl;

pub use batch_file::{Policy, Settings};

/// The largest input that is read, in bytes: far above real lock files and SBOMs.
const MAX_INPUT: u64 = 256 << 20;

/// How deep batch files may name other files.
const MAX_DEPTH: usize = 4;

/// What kind of file an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One package URL a line.
    List,
    /// remint's own batch file (TOML).
    BatchFile,
    /// A lock file of a package client.
    Lock(lockfile::Kind),
    /// CycloneDX or SPDX as JSON.
    Sbom,
}

impl Kind {
    /// The kind that a file's name says, or else its first letters.
    pub fn of(path: &Path, text: &str) -> Self {
        if let Some(kind) = lockfile::Kind::of(path) {
            return Self::Lock(kind);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match name.as_ref() {
            name if name.ends_with(".toml") => Self::BatchFile,
            name if name.ends_with(".json") => Self::of_json(text),
            _ if text.trim_start().starts_with('{') => Self::of_json(text),
            _ => Self::List,
        }
    }

    fn of_json(text: &str) -> Self {
        if text.contains("\"lockfileVersion\"") && !text.contains("\"bomFormat\"") {
            Self::Lock(lockfile::Kind::Npm)
        } else {
            Self::Sbom
        }
    }
}

/// Something that a batch shall verify.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// One release, or without a version the newest stable one.
    Package(Purl),
    /// The newest stable releases of a package.
    Newest {
        /// The package, without a version.
        package: Purl,
        /// How many.
        count: usize,
    },
}

/// Something in a file that no registry published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1.
    pub line: usize,
    /// What it is, and why it is left out.
    pub why: String,
}

/// Everything that was read, from one file or several.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// What to verify: each once, in the order of the files.
    pub wanted: Vec<Wanted>,
    /// What no registry published.
    pub left_out: Vec<LeftOut>,
    /// What batch files say beside packages.
    pub settings: Settings,
}

/// Why an input cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A line is wrong.
    #[error("{}, line {line}: {reason}", .path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// There is nothing in it to verify.
    #[error("{} names no package that a registry published{}", .path.display(), .hint)]
    Nothing {
        /// The file.
        path: PathBuf,
        /// What was left out, if anything.
        hint: String,
    },
}

/// What one parser found.
#[derive(Default)]
struct Found {
    wanted: Vec<Wanted>,
    left_out: Vec<(usize, String)>,
}

impl Found {
    /// What a lock file pins: releases of a registry, and the rest with the reason.
    fn of_lock(entries: Vec<Entry>) -> Self {
        let mut found = Self::default();
        for entry in entries {
            match entry.origin {
                Origin::Registry(purl) => found.wanted.push(Wanted::Package(purl)),
                Origin::Local(why) | Origin::Elsewhere(why) => found.leave_out(entry.line, why),
            }
        }
        found
    }

    fn leave_out(&mut self, line: usize, why: String) {
        self.left_out.push((line, why));
    }
}

/// Reads files, each by its own kind, to one input.
///
/// # Errors
/// [`Error`] for the first file or line that cannot be used.
pub fn read(paths: &[PathBuf]) -> Result<Input, Error> {
    let mut input = Input::default();
    for path in paths {
        read_one(path, 0, &mut input)?;
    }
    let mut seen = std::collections::BTreeSet::new();
    input.wanted.retain(|wanted| seen.insert(wanted.clone()));
    input.settings.policy.filter(&mut input.wanted);
    if input.wanted.is_empty() {
        return Err(Error::Nothing {
            path: paths.first().cloned().unwrap_or_default(),
            hint: match input.left_out.first() {
                Some(first) => format!(" (line {}: {})", first.line, first.why),
                None => "; write one package URL a line, such as pkg:cargo/itoa@1.0.18".into(),
            },
        });
    }
    Ok(input)
}

fn read_one(path: &Path, depth: usize, input: &mut Input) -> Result<(), Error> {
    let text = contents(path)?;
    let at = |wrong: Wrong| Error::Line {
        path: path.to_owned(),
        line: wrong.line,
        reason: wrong.reason,
    };
    let found = match Kind::of(path, &text) {
        Kind::BatchFile => {
            let file = batch_file::parse(&text).map_err(at)?;
            let folder = path.parent().unwrap_or(Path::new(""));
            for (line, name) in &file.files {
                if depth == MAX_DEPTH {
                    return Err(at(Wrong {
                        line: *line,
                        reason: format!("batch files name each other more than {MAX_DEPTH} deep"),
                    }));
                }
                read_one(&folder.join(name), depth + 1, input)?;
            }
            input.settings.take(file.settings);
            file.found
        }
        Kind::List => list::parse(&text).map_err(at)?,
        Kind::Lock(kind) => Found::of_lock(lockfile::read(kind, &text).map_err(at)?),
        Kind::Sbom => sbom::parse(&text).map_err(at)?,
    };
    input.wanted.extend(found.wanted);
    input
        .left_out
        .extend(found.left_out.into_iter().map(|(line, why)| LeftOut {
            file: path.to_owned(),
            line,
            why,
        }));
    Ok(())
}

fn contents(path: &Path) -> Result<String, Error> {
    let unreadable = |reason: String| Error::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let size = std::fs::metadata(path)
        .map_err(|error| unreadable(error.to_string()))?
        .len();
    if size > MAX_INPUT {
        return Err(unreadable(format!(
            "it has {size} bytes, and {MAX_INPUT} is the limit; split it"
        )));
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        Error::Line {
            path: path.to_owned(),
            line,
            reason: "it is not UTF-8 text".into(),
        }
    })?;
    // What editors of Windows put first says nothing.
    Ok(text
        .strip_prefix('\u{feff}')
        .map(str::to_owned)
        .unwrap_or(text))
}

#[cfg(test)]
mod tests;
