//! The publisher's `Cargo.lock`: whether a plan may use it, and what it names.
//! Pure; imports `model` alone. What it names is for the caller to check against
//! the registry's index: a lock file that leaves the index is never used.

use serde::Deserialize;

use super::super::Facts;
use crate::model::Sha256Digest;

/// Packages that an artifact's lock file may name before it is left alone.
const MAX_LOCK_ENTRIES: usize = 5_000;

/// A lock file read out of the published artifact.
pub(super) struct PublishedLock {
    pub(super) text: String,
    pub(super) entries: usize,
    /// Where cargo looks for it, below the work folder.
    pub(super) path: String,
}

/// What a plan does with the lock file of the artifact.
pub(super) enum LockUse {
    /// The artifact has one that the source does not track.
    Needed(PublishedLock),
    /// The source tracks its own.
    Tracked,
    /// The artifact has none, or one that must not be used.
    Absent,
}

/// What becomes of the lock file that the artifact holds.
pub(super) fn published_lock(facts: &Facts<'_>) -> LockUse {
    if facts.tree.contains_key("/Cargo.lock") || facts.tree.contains_key("Cargo.lock") {
        return LockUse::Tracked;
    }
    let text = facts
        .members
        .get("Cargo.lock")
        .and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let Some(text) = text else {
        return LockUse::Absent;
    };
    let Ok(entries) = registry_entries(&text) else {
        return LockUse::Absent;
    };
    LockUse::Needed(PublishedLock {
        entries: entries.len(),
        path: format!("{}/Cargo.lock", lock_folder(facts)),
        text,
    })
}

/// The workspace's root folder, where cargo keeps the lock file: the
/// repository's root where that is a workspace, else the package's own folder.
fn lock_folder(facts: &Facts<'_>) -> String {
    let root_is_workspace = facts
        .tree
        .get("/Cargo.toml")
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.parse::<toml::Table>().ok())
        .is_some_and(|manifest| manifest.contains_key("workspace"));
    if root_is_workspace {
        "src".into()
    } else {
        facts.package_dir()
    }
}

/// One package of the registry that a lock file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockEntry {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The checksum that the lock file claims.
    pub checksum: Sha256Digest,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LockError {
    /// Not a lock file.
    #[error("the published Cargo.lock does not parse: {0}")]
    Syntax(String),
    /// A package from somewhere else than the registry.
    #[error("the published Cargo.lock takes {name} {version} from elsewhere than the registry")]
    ForeignSource {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
    },
    /// A registry package without a checksum.
    #[error("the published Cargo.lock has no checksum for {name} {version}")]
    NoChecksum {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
    },
    /// More entries than any real project has.
    #[error("the published Cargo.lock names more than {MAX_LOCK_ENTRIES} packages")]
    TooMany,
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<LockPackage>,
}

#[derive(Deserialize)]
struct LockPackage {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<Sha256Digest>,
}

/// Names and versions of the packages that a `Cargo.lock` takes from a registry. What
/// does not parse names none: cargo itself will say what is wrong with it.
pub(super) fn registry_packages(text: &str) -> Vec<(String, String)> {
    let lock: LockFile = toml::from_str(text).unwrap_or(LockFile { package: vec![] });
    lock.package
        .into_iter()
        .take(MAX_LOCK_ENTRIES)
        .filter(|package| {
            let source = package.source.as_deref().unwrap_or_default();
            source.starts_with("registry+") || source.starts_with("sparse+")
        })
        .map(|package| (package.name, package.version))
        .collect()
}

/// The registry packages that a `Cargo.lock` names (cargo book, "Cargo.toml vs
/// Cargo.lock"; format versions 2 to 4 keep a checksum with each package).
///
/// # Errors
/// [`LockError`] where it names anything that the registry's index cannot vouch for.
pub fn registry_entries(text: &str) -> Result<Vec<LockEntry>, LockError> {
    let lock: LockFile =
        toml::from_str(text).map_err(|error| LockError::Syntax(error.message().to_owned()))?;
    if lock.package.len() > MAX_LOCK_ENTRIES {
        return Err(LockError::TooMany);
    }
    lock.package
        .into_iter()
        .filter_map(|package| package.source.clone().map(|source| (package, source)))
        .map(|(package, source)| {
            let LockPackage { name, version, .. } = package;
            if !source.starts_with("registry+") && !source.starts_with("sparse+") {
                return Err(LockError::ForeignSource { name, version });
            }
            match package.checksum {
                Some(checksum) => Ok(LockEntry {
                    name,
                    version,
                    checksum,
                }),
                None => Err(LockError::NoChecksum { name, version }),
            }
        })
        .collect()
}
