//! `package-lock.json` (npm's documentation, "package-lock.json"), versions 2 and 3:
//! `packages` by the place where each is installed. Version 1 has `dependencies`,
//! nested, and is read too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Found, Wrong, json};
use crate::model::Ecosystem;

#[derive(Deserialize)]
struct Lock<'a> {
    #[serde(borrow, default)]
    packages: BTreeMap<String, &'a RawValue>,
    #[serde(borrow, default)]
    dependencies: BTreeMap<String, &'a RawValue>,
}

#[derive(Deserialize)]
struct Package {
    /// Where it differs from the folder's: an alias.
    name: Option<String>,
    version: Option<String>,
    resolved: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default, rename = "inBundle")]
    in_bundle: bool,
}

#[derive(Deserialize)]
struct Dependency {
    version: String,
    #[serde(default)]
    dependencies: BTreeMap<String, Box<RawValue>>,
}

/// How deep version 1 nests: npm itself stops far above.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Found, Wrong> {
    let lock: Lock<'_> = json::document(text)?;
    let mut found = Found::default();
    if lock.packages.is_empty() {
        for (name, raw) in &lock.dependencies {
            let (line, dependency) = json::part(text, raw)?;
            nested(&mut found, line, name, &dependency, 0)?;
        }
        return Ok(found);
    }
    for (place, raw) in &lock.packages {
        let (line, package): (usize, Package) = json::part(text, raw)?;
        let Some((_, folder)) = place.rsplit_once("node_modules/") else {
            // The project itself, and its workspaces.
            if !place.is_empty() {
                found.leave_out(line, format!("`{place}` is of the workspace itself"));
            }
            continue;
        };
        let name = package.name.as_deref().unwrap_or(folder);
        if package.link {
            found.leave_out(line, format!("{name} is a link to the workspace"));
            continue;
        }
        if package.in_bundle {
            found.leave_out(line, format!("{name} is bundled in another package"));
            continue;
        }
        if let Some(resolved) = &package.resolved
            && !resolved.starts_with("http")
        {
            found.leave_out(line, format!("{name} comes from `{resolved}`"));
            continue;
        }
        let version = package.version.as_deref().ok_or_else(|| Wrong {
            line,
            reason: format!("{name} has no version; make the lock file again with `npm install`"),
        })?;
        found.package(line, Ecosystem::Npm, name, version)?;
    }
    Ok(found)
}

fn nested(
    found: &mut Found,
    line: usize,
    name: &str,
    dependency: &Dependency,
    depth: usize,
) -> Result<(), Wrong> {
    if depth > MAX_DEPTH {
        return Err(Wrong {
            line,
            reason: format!("{name} is nested more than {MAX_DEPTH} deep"),
        });
    }
    // An alias is written as `npm:NAME@VERSION`.
    let (name, version) = match dependency.version.strip_prefix("npm:") {
        Some(alias) => alias.rsplit_once('@').unwrap_or((name, alias)),
        None => (name, dependency.version.as_str()),
    };
    if version.contains([':', '/']) {
        found.leave_out(line, format!("{name} comes from `{version}`"));
    } else {
        found.package(line, Ecosystem::Npm, name, version)?;
    }
    for (name, raw) in &dependency.dependencies {
        let inner: Dependency = serde_json::from_str(raw.get()).map_err(|error| Wrong {
            line,
            reason: format!("{name}: {error}"),
        })?;
        nested(found, line, name, &inner, depth + 1)?;
    }
    Ok(())
}
