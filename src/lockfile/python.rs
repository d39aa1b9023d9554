//! `uv.lock` and `poetry.lock`: both have `[[package]]` tables with a name and a
//! version, and say a source where it is not the index (uv's documentation,
//! "Locking"; poetry's, "The poetry.lock file"). uv always says one.

use serde::Deserialize;
use toml::Spanned;

use super::{Entry, Origin, Wrong, line_of, packages, prefixed};
use crate::model::Ecosystem;

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    source: Source,
    /// uv's.
    sdist: Option<File>,
    /// uv's.
    #[serde(default)]
    wheels: Vec<File>,
    /// poetry's.
    #[serde(default)]
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    hash: Option<String>,
}

/// uv names the kind by the key; poetry by `type`, where an index that the project
/// names is `legacy`.
#[derive(Default, Deserialize)]
struct Source {
    registry: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    other: std::collections::BTreeMap<String, toml::Value>,
}

/// Kinds of source that are the person's own folders.
const FOLDERS: [&str; 3] = ["editable", "virtual", "directory"];

impl Source {
    fn not_the_index(&self) -> Option<&str> {
        match self.kind.as_deref() {
            Some("legacy") => None,
            Some(kind) => Some(kind),
            None if self.registry.is_some() || self.other.is_empty() => None,
            None => self.other.keys().next().map(String::as_str),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Wrong> {
    packages(text, entry)
}

fn entry(text: &str, package: Package) -> Result<Entry, Wrong> {
    let line = line_of(text, package.name.span().start);
    let name = package.name.into_inner();
    let digests = package
        .sdist
        .iter()
        .chain(&package.wheels)
        .chain(&package.files)
        .filter_map(|file| file.hash.as_deref())
        .map(|hash| prefixed(line, hash))
        .collect::<Result<Vec<_>, _>>()?;
    let Some(kind) = package.source.not_the_index() else {
        let version = package.version.as_deref().ok_or_else(|| Wrong {
            line,
            reason: format!("{name} has no version; lock the project again"),
        })?;
        return Entry::of_registry(line, Ecosystem::Pypi, &name, version, digests);
    };
    let why = format!("{name} comes from no index but from `{kind}`");
    Ok(Entry {
        line,
        origin: if FOLDERS.contains(&kind) {
            Origin::Local(why)
        } else {
            Origin::Elsewhere(why)
        },
        name: match package.version {
            Some(version) => format!("{name} {version}"),
            None => name,
        },
        digests,
    })
}
