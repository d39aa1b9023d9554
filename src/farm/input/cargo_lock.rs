//! `Cargo.lock` (cargo book, "Cargo.toml vs Cargo.lock"; versions 1 to 4 have the
//! same `[[package]]` tables).

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
    version: String,
    source: Option<String>,
}

pub(super) fn parse(text: &str) -> Result<Found, Wrong> {
    let lock: Lock = toml::from_str(text).map_err(|error| of_toml(text, &error))?;
    let mut found = Found::default();
    for package in lock.package {
        let line = line_of(text, package.name.span().start);
        let (name, version) = (package.name.into_inner(), package.version);
        match package.source.as_deref() {
            // Both forms of a registry's address: a git index and a sparse one.
            Some(source) if source.starts_with("registry+") || source.starts_with("sparse+") => {
                found.package(line, Ecosystem::Cargo, &name, &version)?;
            }
            Some(_) => found.leave_out(
                line,
                format!("{name} {version} comes from a git repository"),
            ),
            None => found.leave_out(line, format!("{name} {version} is of the workspace itself")),
        }
    }
    Ok(found)
}
