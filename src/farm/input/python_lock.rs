//! `uv.lock` and `poetry.lock`: both have `[[package]]` tables with a name and a
//! version, and say a source where it is not the index (uv's documentation,
//! "Locking"; poetry's, "The poetry.lock file"). uv always says one.

use serde::Deserialize;
use toml::Spanned;

use super::{Found, Wrong, line_of, of_toml};
use crate::model::Ecosystem;

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: Spanned<String>,
    version: Option<String>,
    #[serde(default)]
    source: Source,
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

impl Source {
    fn not_the_index(&self) -> Option<String> {
        match &self.kind {
            Some(kind) if kind == "legacy" => None,
            Some(kind) => Some(kind.clone()),
            None if self.registry.is_some() || self.other.is_empty() => None,
            None => self.other.keys().next().cloned(),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Found, Wrong> {
    let lock: Lock = toml::from_str(text).map_err(|error| of_toml(text, &error))?;
    let mut found = Found::default();
    for package in lock.package {
        let line = line_of(text, package.name.span().start);
        let name = package.name.into_inner();
        match (package.source.not_the_index(), package.version) {
            (Some(kind), _) => {
                found.leave_out(
                    line,
                    format!("{name} comes from no index but from `{kind}`"),
                );
            }
            (None, Some(version)) => found.package(line, Ecosystem::Pypi, &name, &version)?,
            (None, None) => {
                return Err(Wrong {
                    line,
                    reason: format!("{name} has no version; lock the project again"),
                });
            }
        }
    }
    Ok(found)
}
