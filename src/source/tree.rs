//! A commit's tree as a flat list that is safe to write to a disk.
//!
//! Reads a repository and writes nothing. Every path in the list stays below
//! the root, names nothing that git keeps for itself, and appears once; the
//! number, the depth and the sizes are bounded before anything is written.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use git2::{ObjectType, Oid, Repository};

use super::Error;

/// The most entries of one checkout: a few times the largest repositories that
/// published packages are made from.
pub(crate) const MAX_ENTRIES: usize = 200_000;

/// The most bytes that one checkout may write, before line endings are converted.
pub(crate) const MAX_BYTES: u64 = 2 << 30;

/// The deepest nesting, well inside what a path may be long.
const MAX_DEPTH: usize = 128;

/// The longest path below the root (Linux, `PATH_MAX` is 4096 with the root).
const MAX_PATH: usize = 2048;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A regular file.
    File {
        /// Mode 0755 instead of 0644.
        executable: bool,
    },
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A commit of another repository.
    Submodule,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The path below the root.
    pub(crate) path: PathBuf,
    /// What it is.
    pub(crate) kind: EntryKind,
    /// Its object.
    pub(crate) id: Oid,
}

/// Lists a tree, folders before what is in them; `shown` is how errors name the
/// repository.
///
/// # Errors
/// [`Error::UnsafeTree`] and [`Error::Limit`]; [`Error::CannotRead`] where the
/// copy lacks objects.
pub(crate) fn list(repository: &Repository, shown: &str, root: Oid) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    let mut folders = vec![(Vec::new(), root, 0usize)];
    while let Some((prefix, id, depth)) = folders.pop() {
        if depth > MAX_DEPTH {
            return Err(limit("the depth of the tree", &MAX_DEPTH.to_string()));
        }
        let tree = repository.find_tree(id).map_err(Error::incomplete(shown))?;
        let mut seen = HashSet::with_capacity(tree.len());
        for entry in tree.iter() {
            let name = entry.name_bytes();
            let path = join(&prefix, name);
            let printed = || crate::model::printable(&String::from_utf8_lossy(&path), false);
            let refuse = |reason: &str| Error::UnsafeTree {
                path: printed(),
                reason: reason.to_owned(),
            };
            if let Some(reason) = forbidden(name) {
                return Err(refuse(reason));
            }
            // One name twice lets a file be written through a link of that name.
            if !seen.insert(name.to_vec()) {
                return Err(refuse("is in its tree twice"));
            }
            if path.len() > MAX_PATH {
                return Err(limit("the length of a path", &format!("{MAX_PATH} bytes")));
            }
            if entries.len() >= MAX_ENTRIES {
                return Err(limit("the number of files", &MAX_ENTRIES.to_string()));
            }
            let kind = kind_of(entry.filemode())
                .ok_or_else(|| refuse("is neither file, link, folder nor submodule"))?;
            // git follows no link here (CVE-2014-9390 and its kin; gitmodules(5)).
            if kind == EntryKind::Link && is_control_file(name) {
                return Err(refuse("is a link where git expects a file"));
            }
            if kind == EntryKind::Folder {
                folders.push((path.clone(), entry.id(), depth + 1));
            }
            entries.push(Entry {
                path: OsString::from_vec(path).into(),
                kind,
                id: entry.id(),
            });
        }
    }
    Ok(entries)
}

/// What a checkout writes, and what it cannot.
pub(crate) struct Sizes {
    /// Bytes, with those before.
    pub(crate) total: u64,
    /// Files that the copy does not hold.
    pub(crate) missing: Vec<PathBuf>,
}

/// Adds up what a checkout of `entries` writes.
///
/// # Errors
/// [`Error::Limit`] above [`MAX_BYTES`], with `already` written before;
/// [`Error::CannotRead`] where the copy's objects cannot be read.
pub(crate) fn total_bytes(
    repository: &Repository,
    shown: &str,
    entries: &[Entry],
    already: u64,
) -> Result<Sizes, Error> {
    let objects = repository.odb().map_err(Error::incomplete(shown))?;
    let mut sizes = Sizes {
        total: already,
        missing: Vec::new(),
    };
    for entry in entries {
        if matches!(entry.kind, EntryKind::File { .. } | EntryKind::Link) {
            let (size, kind) = match objects.read_header(entry.id) {
                Ok(header) => header,
                Err(error) if error.code() == git2::ErrorCode::NotFound => {
                    sizes.missing.push(entry.path.clone());
                    continue;
                }
                Err(error) => return Err(Error::incomplete(shown)(error)),
            };
            if kind != ObjectType::Blob {
                return Err(Error::UnsafeTree {
                    path: entry.path.display().to_string(),
                    reason: "is listed as a file and is none".into(),
                });
            }
            sizes.total = sizes.total.saturating_add(size as u64);
            if sizes.total > MAX_BYTES {
                return Err(limit(
                    "the size of the checkout",
                    &format!("{} GiB", MAX_BYTES >> 30),
                ));
            }
        }
    }
    Ok(sizes)
}

fn limit(what: &str, limit: &str) -> Error {
    Error::Limit {
        what: what.to_owned(),
        limit: limit.to_owned(),
    }
}

fn join(prefix: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = prefix.to_vec();
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Why git would not check out a name (git, `read-cache.c`, `verify_path`, with
/// the protections for other file systems always on).
fn forbidden(name: &[u8]) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let stem = lower
        .split(|b| *b == b':')
        .next()
        .map(|s| s.trim_ascii_end())
        .unwrap_or_default();
    let stem = stem
        .iter()
        .rposition(|b| !matches!(b, b'.' | b' '))
        .map_or(&stem[..0], |last| &stem[..=last]);
    if matches!(name, b"" | b"." | b"..") {
        Some("leaves its folder")
    } else if name.contains(&b'/') || name.contains(&0) {
        Some("holds a separator in its name")
    } else if matches!(stem, b".git" | b"git~1") {
        Some("is a name that git keeps for itself")
    } else {
        None
    }
}

fn is_control_file(name: &[u8]) -> bool {
    [&b".gitmodules"[..], b".gitattributes"]
        .iter()
        .any(|control| name.eq_ignore_ascii_case(control))
}

/// Git's modes (git, `Documentation/gitformat-index`, "mode").
fn kind_of(mode: i32) -> Option<EntryKind> {
    match mode & 0o170_000 {
        0o100_000 => Some(EntryKind::File {
            executable: mode & 0o100 != 0,
        }),
        0o120_000 => Some(EntryKind::Link),
        0o040_000 => Some(EntryKind::Folder),
        0o160_000 => Some(EntryKind::Submodule),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_keeps_for_itself_are_refused_in_every_spelling() {
        for name in [
            ".git",
            ".GIT",
            ".git.",
            ".git ",
            ".git::$INDEX_ALLOCATION",
            "git~1",
            "GIT~1",
            ".",
            "..",
            "",
        ] {
            assert!(forbidden(name.as_bytes()).is_some(), "{name}");
        }
        for name in [
            ".gitignore",
            ".github",
            "git",
            ".git2",
            "...",
            "a:b",
            "git~2",
        ] {
            assert!(forbidden(name.as_bytes()).is_none(), "{name}");
        }
    }

    #[test]
    fn modes_are_told_apart() {
        assert_eq!(
            kind_of(0o100_644),
            Some(EntryKind::File { executable: false })
        );
        assert_eq!(
            kind_of(0o100_755),
            Some(EntryKind::File { executable: true })
        );
        assert_eq!(
            kind_of(0o100_664),
            Some(EntryKind::File { executable: false })
        );
        assert_eq!(kind_of(0o120_000), Some(EntryKind::Link));
        assert_eq!(kind_of(0o160_000), Some(EntryKind::Submodule));
        assert_eq!(kind_of(0), None);
    }
}
