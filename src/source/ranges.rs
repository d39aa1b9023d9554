//! Since when a manifest has asked for what it asks for: a publisher's folder may still hold
//! what was newest when a range was written.
//!
//! Reads an open repository, the commit's own first parents alone, within bounds. It fetches
//! nothing but the repository, and what it finds is a date and never a source.

use std::collections::BTreeMap;

use git2::{Commit, Oid, Repository};
use serde_json::{Map, Value};

use super::deadline::Deadline;
use super::{Error, Sources};
use crate::model::Source;

/// The most commits that are looked at: years of a busy project.
const MAX_COMMITS: usize = 20_000;

/// The largest manifest that is read.
const MAX_MANIFEST: usize = 8 << 20;

/// What `package.json` calls what is installed to build (npm documentation, "package.json").
const MAPS: [&str; 2] = ["dependencies", "devDependencies"];

type Ranges = BTreeMap<String, String>;

impl Sources {
    /// For each package that the `package.json` in `folder` asks for, when the range that it
    /// has at the source's commit came in: a committer's time, in seconds since the Unix epoch.
    /// Empty for a source that is no commit, or where the manifest cannot be read.
    ///
    /// # Errors
    /// Those of opening the repository and of reading its history.
    pub fn ranges_since(
        &self,
        source: &Source,
        folder: &str,
    ) -> Result<BTreeMap<String, i64>, Error> {
        let Source::Git { git, .. } = source else {
            return Ok(BTreeMap::new());
        };
        let Ok(id) = Oid::from_str(git.commit.as_str()) else {
            return Ok(BTreeMap::new());
        };
        let target = self.target(&git.repository)?;
        let opened = self.open_with(&target, id)?;
        let path = if folder.is_empty() {
            "package.json".to_owned()
        } else {
            format!("{folder}/package.json")
        };
        since(&opened.git, id, &path).map_err(Error::incomplete(&target.shown))
    }
}

fn since(git: &Repository, id: Oid, path: &str) -> Result<BTreeMap<String, i64>, git2::Error> {
    let mut commit = git.find_commit(id)?;
    let mut blob = blob_at(&commit, path);
    let mut open = blob.map(|blob| ranges(git, blob)).unwrap_or_default();
    let mut found = BTreeMap::new();
    let deadline = Deadline::of_checkout();
    for _ in 0..MAX_COMMITS {
        let time = commit.time().seconds();
        // A copy may end before the history does.
        let before = commit.parent(0).ok();
        let blob_before = before.as_ref().and_then(|before| blob_at(before, path));
        if blob_before != blob || before.is_none() {
            let earlier = blob_before
                .map(|blob| ranges(git, blob))
                .unwrap_or_default();
            open.retain(|name, range| {
                let stays = earlier.get(name) == Some(range);
                if !stays {
                    found.insert(name.clone(), time);
                }
                stays
            });
            blob = blob_before;
        }
        match before {
            Some(before) if !open.is_empty() && !deadline.has_passed() => commit = before,
            _ => break,
        }
    }
    let last = commit.time().seconds();
    found.extend(open.into_keys().map(|name| (name, last)));
    Ok(found)
}

fn blob_at(commit: &Commit<'_>, path: &str) -> Option<Oid> {
    let tree = commit.tree().ok()?;
    let entry = tree.get_path(path.as_ref()).ok()?;
    (entry.kind() == Some(git2::ObjectType::Blob)).then(|| entry.id())
}

/// What a manifest asks for; nothing of one that cannot be read.
fn ranges(git: &Repository, blob: Oid) -> Ranges {
    let read = || {
        // Before it is read into memory.
        let (size, _) = git.odb().ok()?.read_header(blob).ok()?;
        let blob = (size <= MAX_MANIFEST).then(|| git.find_blob(blob))?.ok()?;
        serde_json::from_slice::<Map<String, Value>>(blob.content()).ok()
    };
    let manifest = read().unwrap_or_default();
    MAPS.iter()
        .filter_map(|map| manifest.get(*map)?.as_object())
        .flatten()
        .filter_map(|(name, range)| Some((name.clone(), range.as_str()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use git2::{Signature, Time};

    use super::*;

    fn commit(git: &Repository, seconds: i64, manifest: Option<&str>) -> Oid {
        let signature = Signature::new("a", "a@example.org", &Time::new(seconds, 0)).expect("one");
        let mut tree = git.treebuilder(None).expect("a tree");
        if let Some(text) = manifest {
            let blob = git.blob(text.as_bytes()).expect("a blob");
            tree.insert("package.json", blob, 0o100_644).expect("put");
        }
        let tree = git
            .find_tree(tree.write().expect("written"))
            .expect("there");
        let head = git.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<&Commit<'_>> = head.iter().collect();
        git.commit(Some("HEAD"), &signature, &signature, "x", &tree, &parents)
            .expect("a commit")
    }

    fn asks(a: &str, b: &str) -> String {
        format!(r#"{{"dependencies":{{"a":"{a}"}},"devDependencies":{{"b":"{b}"}}}}"#)
    }

    #[test]
    fn a_range_is_as_old_as_the_commit_that_brought_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = Repository::init(folder.path()).expect("a repository");
        commit(&git, 100, None);
        commit(&git, 200, Some(&asks("^1.0.0", "^1.0.0")));
        commit(&git, 300, Some(&asks("^1.0.0", "^2.0.0")));
        commit(&git, 400, Some("no manifest of any kind"));
        commit(&git, 500, Some(&asks("^1.0.0", "^2.0.0")));
        let tip = commit(&git, 600, Some(&asks("^1.0.0", "^2.1.0")));
        let found = since(&git, tip, "package.json").expect("read");
        assert_eq!(found["b"], 600);
        assert_eq!(
            found["a"], 500,
            "what lies before a gap is not the same range"
        );
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_was_there_from_the_first_commit_on_is_as_old_as_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = Repository::init(folder.path()).expect("a repository");
        commit(&git, 100, Some(&asks("^1.0.0", "^1.0.0")));
        let tip = commit(&git, 200, Some(&asks("^1.0.0", "^2.0.0")));
        let found = since(&git, tip, "package.json").expect("read");
        assert_eq!((found["a"], found["b"]), (100, 200));
        assert!(
            since(&git, tip, "other/package.json")
                .expect("read")
                .is_empty()
        );
    }
}
