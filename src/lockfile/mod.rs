//! Lock files of package clients: what each entry pins, where it comes from, by which
//! digests, and on which line it stands.
//!
//! Pure: text in, entries out. Imports `model` alone. A line that cannot be read is an
//! error that names it; nothing is guessed and nothing is passed over, since batches
//! verify and gates let through what stands here.

mod cargo;
mod json;
mod npm;
mod python;
mod requirements;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::model::{Digest, Ecosystem, Purl};

pub use json::{document, part};

/// What is wrong on a line, before the file's name is put to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct Wrong {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub reason: String,
}

/// A kind of lock file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `Cargo.lock`.
    Cargo,
    /// `package-lock.json` or `npm-shrinkwrap.json`.
    Npm,
    /// `requirements.txt` with every version pinned.
    Requirements,
    /// `uv.lock`.
    Uv,
    /// `poetry.lock`.
    Poetry,
}

impl Kind {
    /// The kind that a file's name says; none where it says none.
    pub fn of(path: &Path) -> Option<Self> {
        Some(match path.file_name()?.to_str()? {
            "Cargo.lock" => Self::Cargo,
            "package-lock.json" | "npm-shrinkwrap.json" => Self::Npm,
            "uv.lock" => Self::Uv,
            "poetry.lock" => Self::Poetry,
            name if name.contains("requirements") && name.ends_with(".txt") => Self::Requirements,
            _ => return None,
        })
    }
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A registry, as this release.
    Registry(Purl),
    /// The person's own folder or workspace, which no registry publishes.
    Local(String),
    /// Elsewhere: git, an address, another package.
    Elsewhere(String),
}

/// One package that a lock file pins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line on which it begins, counted from 1.
    pub line: usize,
    /// Its name and version, as a person knows it.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The digest of every file that a client may take for it.
    pub digests: Vec<Digest>,
}

impl Entry {
    fn of_registry(
        line: usize,
        ecosystem: Ecosystem,
        name: &str,
        version: &str,
        digests: Vec<Digest>,
    ) -> Result<Self, Wrong> {
        let purl = Purl::new(ecosystem, name, Some(version)).map_err(|error| Wrong {
            line,
            reason: error.to_string(),
        })?;
        Ok(Self {
            line,
            name: format!("{name} {version}"),
            origin: Origin::Registry(purl),
            digests,
        })
    }
}

/// Reads a lock file.
///
/// # Errors
/// [`Wrong`] for the first line that cannot be used.
pub fn read(kind: Kind, text: &str) -> Result<Vec<Entry>, Wrong> {
    match kind {
        Kind::Cargo => cargo::parse(text),
        Kind::Npm => npm::parse(text),
        Kind::Requirements => requirements::parse(text),
        Kind::Uv | Kind::Poetry => python::parse(text),
    }
}

/// `sha256:` or `sha512:` and hexadecimal digits, as Python's clients write them.
fn prefixed(line: usize, text: &str) -> Result<Digest, Wrong> {
    let wrong = |reason: String| Wrong { line, reason };
    match text.split_once(':') {
        Some(("sha256", hex)) => hex.parse().map(Digest::Sha256),
        Some(("sha512", hex)) => hex.parse().map(Digest::Sha512),
        _ => return Err(wrong(format!("`{text}` is no SHA-256 or SHA-512 digest"))),
    }
    .map_err(|error| wrong(error.to_string()))
}

/// What the `[[package]]` tables of a lock file in TOML say, in their order.
fn packages<P: DeserializeOwned>(
    text: &str,
    entry: impl Fn(&str, P) -> Result<Entry, Wrong>,
) -> Result<Vec<Entry>, Wrong> {
    #[derive(Deserialize)]
    struct Lock<P> {
        #[serde(default = "Vec::new")]
        package: Vec<P>,
    }
    let lock: Lock<P> = toml::from_str(text).map_err(|error| of_toml(text, &error))?;
    lock.package
        .into_iter()
        .map(|package| entry(text, package))
        .collect()
}

/// The line of a byte of a text, counted from 1.
pub fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// What TOML's parser says, with the line.
pub fn of_toml(text: &str, error: &toml::de::Error) -> Wrong {
    Wrong {
        line: error.span().map_or(1, |span| line_of(text, span.start)),
        reason: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests;
