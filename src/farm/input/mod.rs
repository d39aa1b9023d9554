//! What a batch is asked to verify: lists, batch files, lock files and SBOMs, read
//! to package URLs.
//!
//! Reading is pure but for [`read`], which opens the file: text in, package URLs
//! with their lines out. A line that cannot be read is an error that names file,
//! line and reason, before anything is started. What a lock file holds and no
//! registry published (workspace members, git and path dependencies) is no error:
//! it is [`Input::left_out`], with the reason. Imports `model` alone.

mod batch_file;
mod cargo_lock;
mod json;
mod list;
mod npm_lock;
mod python_lock;
mod requirements;
mod sbom;

use std::path::{Path, PathBuf};

use crate::model::{Ecosystem, Purl};

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
    /// `Cargo.lock`.
    CargoLock,
    /// `package-lock.json` or `npm-shrinkwrap.json`.
    NpmLock,
    /// `requirements.txt` with every version pinned.
    Requirements,
    /// `uv.lock`.
    UvLock,
    /// `poetry.lock`.
    PoetryLock,
    /// CycloneDX or SPDX as JSON.
    Sbom,
}

impl Kind {
    /// The kind that a file's name says, or else its first letters.
    pub fn of(path: &Path, text: &str) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match name.as_ref() {
            "Cargo.lock" => Self::CargoLock,
            "package-lock.json" | "npm-shrinkwrap.json" => Self::NpmLock,
            "uv.lock" => Self::UvLock,
            "poetry.lock" => Self::PoetryLock,
            name if name.contains("requirements") && name.ends_with(".txt") => Self::Requirements,
            name if name.ends_with(".toml") => Self::BatchFile,
            name if name.ends_with(".json") => Self::of_json(text),
            _ if text.trim_start().starts_with('{') => Self::of_json(text),
            _ => Self::List,
        }
    }

    fn of_json(text: &str) -> Self {
        if text.contains("\"lockfileVersion\"") && !text.contains("\"bomFormat\"") {
            Self::NpmLock
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

/// What is wrong on a line, before the file's name is put to it.
struct Wrong {
    line: usize,
    reason: String,
}

/// What one parser found.
#[derive(Default)]
struct Found {
    wanted: Vec<Wanted>,
    left_out: Vec<(usize, String)>,
}

impl Found {
    fn package(
        &mut self,
        line: usize,
        ecosystem: Ecosystem,
        name: &str,
        version: &str,
    ) -> Result<(), Wrong> {
        let purl = Purl::new(ecosystem, name, Some(version)).map_err(|error| Wrong {
            line,
            reason: error.to_string(),
        })?;
        self.wanted.push(Wanted::Package(purl));
        Ok(())
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
        Kind::CargoLock => cargo_lock::parse(&text).map_err(at)?,
        Kind::NpmLock => npm_lock::parse(&text).map_err(at)?,
        Kind::Requirements => requirements::parse(&text).map_err(at)?,
        Kind::UvLock | Kind::PoetryLock => python_lock::parse(&text).map_err(at)?,
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

/// The line of a byte of a text, counted from 1.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// What TOML's parser says, with the line.
fn of_toml(text: &str, error: &toml::de::Error) -> Wrong {
    Wrong {
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        reason: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests;
