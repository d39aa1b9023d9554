//! `package-lock.json` (npm's documentation, "package-lock.json"), versions 2 and 3:
//! `packages` by the place where each is installed. Version 1 has `dependencies`,
//! nested, and is read too.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Entry, Origin, Wrong, json};
use crate::model::{Digest, Ecosystem};

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
    integrity: Option<String>,
    #[serde(default)]
    link: bool,
    #[serde(default, rename = "inBundle")]
    in_bundle: bool,
}

#[derive(Deserialize)]
struct Dependency {
    version: String,
    integrity: Option<String>,
    #[serde(default)]
    bundled: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Box<RawValue>>,
}

/// How deep version 1 nests: npm itself stops far above.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Vec<Entry>, Wrong> {
    let lock: Lock<'_> = json::document(text)?;
    let mut entries = Vec::new();
    if lock.packages.is_empty() {
        for (name, raw) in &lock.dependencies {
            let (line, dependency) = json::part(text, raw)?;
            nested(&mut entries, line, name, &dependency, 0)?;
        }
        return Ok(entries);
    }
    for (place, raw) in &lock.packages {
        let (line, package) = json::part(text, raw)?;
        // The project itself.
        if !place.is_empty() {
            entries.push(placed(line, place, &package)?);
        }
    }
    Ok(entries)
}

/// An entry of `packages`.
fn placed(line: usize, place: &str, package: &Package) -> Result<Entry, Wrong> {
    let digests = strongest(line, package.integrity.as_deref())?;
    let in_modules = place.rsplit_once("node_modules/").map(|(_, folder)| folder);
    let name = package.name.as_deref().or(in_modules).unwrap_or(place);
    let resolved = package.resolved.as_deref();
    let origin = if package.link {
        Origin::Local(format!("{name} is a link to the workspace"))
    } else if in_modules.is_none() && resolved.is_none() && digests.is_empty() {
        Origin::Local(format!("`{place}` is of the workspace itself"))
    } else if package.in_bundle {
        Origin::Elsewhere(format!("{name} is bundled in another package"))
    } else if let Some(resolved) = resolved.filter(|address| !address.starts_with("http")) {
        Origin::Elsewhere(format!("{name} comes from `{resolved}`"))
    } else {
        let version = package.version.as_deref().ok_or_else(|| Wrong {
            line,
            reason: format!("{name} has no version; make the lock file again with `npm install`"),
        })?;
        return Entry::of_registry(line, Ecosystem::Npm, name, version, digests);
    };
    Ok(Entry {
        line,
        name: match &package.version {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        },
        origin,
        digests,
    })
}

/// The digest of an entry; of several hashes of one file the strongest is asked for
/// (W3C SRI, section 3.3.4).
fn strongest(line: usize, integrity: Option<&str>) -> Result<Vec<Digest>, Wrong> {
    let Some(integrity) = integrity else {
        return Ok(vec![]);
    };
    let hash = |name: &str| {
        integrity
            .split_whitespace()
            .find(|hash| hash.starts_with(name))
    };
    let Some(found) = hash("sha512-").or_else(|| hash("sha256-")) else {
        // What npm of 2017 wrote: it names no file that could be asked for.
        return Ok(vec![]);
    };
    // Options after a question mark say nothing of the bytes (W3C SRI, section 3.1).
    let found = found.split('?').next().unwrap_or(found);
    let digest = Digest::from_integrity(found).map_err(|error| Wrong {
        line,
        reason: error.to_string(),
    })?;
    Ok(vec![digest])
}

/// An entry of `dependencies`, and those within it.
fn nested(
    entries: &mut Vec<Entry>,
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
    let digests = strongest(line, dependency.integrity.as_deref())?;
    // An alias is written as `npm:NAME@VERSION`.
    let (real, version) = match dependency.version.strip_prefix("npm:") {
        Some(alias) => alias.rsplit_once('@').unwrap_or((name, alias)),
        None => (name, dependency.version.as_str()),
    };
    let why = if dependency.bundled {
        Some(format!("{real} is bundled in another package"))
    } else if version.contains([':', '/']) {
        Some(format!("{real} comes from `{version}`"))
    } else {
        None
    };
    entries.push(match why {
        Some(why) => Entry {
            line,
            name: format!("{real} {version}"),
            origin: Origin::Elsewhere(why),
            digests,
        },
        None => Entry::of_registry(line, Ecosystem::Npm, real, version, digests)?,
    });
    for (name, raw) in &dependency.dependencies {
        let inner: Dependency = serde_json::from_str(raw.get()).map_err(|error| Wrong {
            line,
            reason: format!("{name}: {error}"),
        })?;
        nested(entries, line, name, &inner, depth + 1)?;
    }
    Ok(())
}
