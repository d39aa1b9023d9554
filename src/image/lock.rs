//! The lock file: `images/images.lock`, what a machine pins.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, ImageId};
use crate::model::Sha256Digest;

/// What the head of the file says.
const HEAD: &str = "# Written by `remint images lock`. Builds use images by these IDs alone.\n\n";

/// The lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// One entry an image, by name.
    #[serde(default)]
    pub(super) image: BTreeMap<String, Locked>,
}

/// What is pinned of one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Locked {
    /// The image's ID.
    pub(super) id: ImageId,
    /// SHA-256 of its one layer, uncompressed.
    pub(super) layer: Sha256Digest,
    /// Every installed package as `name=version`, sorted.
    pub(super) packages: Vec<String>,
}

impl Lock {
    /// Reads the lock file; an absent one is empty.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        let shape = |reason: String| Error::Shape {
            path: path.to_owned(),
            reason,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => toml::from_str(&text).map_err(|error| shape(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(shape(error.to_string())),
        }
    }

    pub(super) fn to_toml(&self) -> String {
        let text = toml::to_string_pretty(self).expect("a lock file is plain data and serialises");
        format!("{HEAD}{text}")
    }
}

/// What changed between two sorted lists of `name=version`.
pub(super) fn changes(locked: &[String], built: &[String]) -> Vec<String> {
    let table = |list: &[String]| -> BTreeMap<String, String> {
        list.iter()
            .filter_map(|entry| entry.split_once('='))
            .map(|(name, version)| (name.to_owned(), version.to_owned()))
            .collect()
    };
    let (before, after) = (table(locked), table(built));
    let mut found = Vec::new();
    for (name, version) in &before {
        match after.get(name) {
            Some(other) if other == version => {}
            Some(other) => found.push(format!("{name} {version} is now {other}")),
            None => found.push(format!("{name} {version} is gone")),
        }
    }
    for (name, version) in &after {
        if !before.contains_key(name) {
            found.push(format!("{name} {version} is new"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_survives_printing() {
        let mut lock = Lock::default();
        lock.image.insert(
            "relay".into(),
            Locked {
                id: ImageId(Sha256Digest::of("id")),
                layer: Sha256Digest::of("layer"),
                packages: vec!["socat=1".into()],
            },
        );
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("images.lock");
        std::fs::write(&path, lock.to_toml()).expect("write");
        assert_eq!(Lock::load(&path).expect("reads"), lock);
        std::fs::write(&path, "nonsense").expect("write");
        assert!(matches!(Lock::load(&path), Err(Error::Shape { .. })));
    }

    #[test]
    fn changed_gone_and_new_packages_are_each_named() {
        let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            changes(&list(&["a=1", "b=1", "c=1"]), &list(&["a=1", "b=2", "d=1"])),
            ["b 1 is now 2", "c 1 is gone", "d 1 is new"]
        );
        assert!(changes(&list(&["a=1"]), &list(&["a=1"])).is_empty());
    }
}
