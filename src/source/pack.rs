//! The history that goes into a checkout: what leads to one commit.
//!
//! Packing costs seconds for a long history and is the same every time, so
//! packs are kept below the cache, by the commit and the tags in them. Reads
//! the upstream repository; writes the cache and the new `.git`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use git2::{ObjectType, Oid, Repository};

use super::Error;
use super::deadline::Deadline;
use super::tagged::tag_name;
use crate::model::Sha256Digest;
use crate::store;

/// A history of more commits than this is not packed anew (libgit2 searches
/// every delta again, minutes for such a history) but copied as it is stored.
const LONG_HISTORY: usize = 20_000;

/// The folder of the packs, below the cache.
pub(super) const PACKS: &str = "packs";

/// Packing threads: enough to halve the wait, few enough to leave a batch's
/// other workers theirs.
const PACK_THREADS: u32 = 2;

/// The commits that lead to one commit, and the tags on them.
pub(super) struct History {
    /// How errors name the repository.
    repository: String,
    commit: Oid,
    commits: usize,
    tags: Vec<Tag>,
}

struct Tag {
    name: String,
    /// What the reference points to: an annotated tag, or the commit.
    target: Oid,
    commit: Oid,
}

impl History {
    /// Walks the history of `commit`; `shown` is how errors name the repository.
    ///
    /// # Errors
    /// [`Error::CannotRead`] where the copy lacks objects, [`Error::Limit`] past
    /// the deadline.
    pub(super) fn of(
        repository: &Repository,
        shown: &str,
        commit: Oid,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let mut walk = repository.revwalk().map_err(Error::incomplete(shown))?;
        walk.push(commit).map_err(Error::incomplete(shown))?;
        let mut commits = HashSet::new();
        for commit in walk {
            deadline.check()?;
            commits.insert(commit.map_err(Error::incomplete(shown))?);
        }
        let mut tags = Vec::new();
        for reference in repository
            .references_glob("refs/tags/*")
            .map_err(Error::incomplete(shown))?
            .flatten()
        {
            // A tag of a tree, or of a later commit, is no part of this history.
            if let (Some(name), Some(target)) = (tag_name(&reference), reference.target())
                && let Ok(tagged) = reference.peel_to_commit()
                && commits.contains(&tagged.id())
            {
                tags.push(Tag {
                    name,
                    target,
                    commit: tagged.id(),
                });
            }
        }
        tags.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            repository: shown.to_owned(),
            commit,
            commits: commits.len(),
            tags,
        })
    }

    /// The tags as git stores them (git-pack-refs(1); the header's words are
    /// those of `refs/packed-backend.c`).
    pub(super) fn packed_refs(&self) -> String {
        let mut text = String::from("# pack-refs with: peeled fully-peeled sorted \n");
        for tag in &self.tags {
            text.push_str(&format!("{} refs/tags/{}\n", tag.target, tag.name));
            if tag.target != tag.commit {
                text.push_str(&format!("^{}\n", tag.commit));
            }
        }
        text
    }

    /// Puts the history's objects into the repository at `git_dir`.
    ///
    /// # Errors
    /// [`Error::CannotRead`] and [`Error::Io`]; [`Error::Limit`] past the deadline.
    pub(super) fn install(
        &self,
        upstream: &Repository,
        cache: &Path,
        git_dir: &Path,
        deadline: Deadline,
    ) -> Result<(), Error> {
        let objects = git_dir.join("objects");
        if upstream.is_shallow() {
            let from = upstream.commondir().join("shallow");
            copy_file(&from, &git_dir.join("shallow"))?;
        }
        let stored = upstream.commondir().join("objects");
        let is_all_there = !stored.join("info/alternates").exists();
        if self.commits > LONG_HISTORY && is_all_there {
            return copy_folder(&stored, &objects);
        }
        match self.packed(upstream, cache, deadline) {
            // A copy that lacks some file of an old commit cannot be packed anew, and is
            // of use as it is stored: the commit's own files are looked at one by one.
            Err(Error::CannotRead { .. }) if is_all_there => copy_folder(&stored, &objects),
            packed => copy_folder(&packed?, &objects.join("pack")),
        }
    }

    /// The folder with the history's pack, made where it is not there yet.
    fn packed(
        &self,
        upstream: &Repository,
        cache: &Path,
        deadline: Deadline,
    ) -> Result<std::path::PathBuf, Error> {
        let base = cache.join(PACKS);
        let key = Sha256Digest::of(format!("{}\n{}", self.commit, self.packed_refs()));
        let folder = base.join(key.to_string());
        if store::note_use(&folder) {
            return Ok(folder);
        }
        fs::create_dir_all(&base).map_err(Error::io("creating the folder", &base))?;
        let work = tempfile::tempdir_in(&base).map_err(Error::io("creating a folder in", &base))?;
        let written = self.write_pack(upstream, work.path(), deadline);
        // libgit2 says only that it was told to stop.
        deadline.check()?;
        written.map_err(Error::incomplete(&self.repository))?;
        let made = work.keep();
        if let Err(error) = fs::rename(&made, &folder) {
            // Another worker was quicker, and its pack has the same content.
            fs::remove_dir_all(&made).map_err(Error::io("removing", &made))?;
            if !folder.is_dir() {
                return Err(Error::io("renaming into", &folder)(error));
            }
        }
        Ok(folder)
    }

    fn write_pack(
        &self,
        upstream: &Repository,
        folder: &Path,
        deadline: Deadline,
    ) -> Result<(), git2::Error> {
        let mut walk = upstream.revwalk()?;
        walk.push(self.commit)?;
        let mut builder = upstream.packbuilder()?;
        builder.set_threads(PACK_THREADS);
        builder.set_progress_callback(move |_, _, _| !deadline.has_passed())?;
        builder.insert_walk(&mut walk)?;
        for tag in &self.tags {
            let mut id = tag.target;
            // A tag can be of a tag.
            while let Ok(object) = upstream.find_tag(id) {
                builder.insert_object(id, None)?;
                id = object.target_id();
                if object.target_type() != Some(ObjectType::Tag) {
                    break;
                }
            }
        }
        builder.write(folder, 0o644)
    }
}

/// Copies files and folders; nothing else lies in an object store.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).map_err(Error::io("creating the folder", to))?;
    for entry in fs::read_dir(from).map_err(Error::io("reading the folder", from))? {
        let entry = entry.map_err(Error::io("reading the folder", from))?;
        let kind = entry
            .file_type()
            .map_err(Error::io("reading the folder", from))?;
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to)
        .map(drop)
        .map_err(Error::io("copying into the checkout", from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Refused by the walk as by the packing, and nothing half made is kept.
    #[test]
    fn a_history_is_not_packed_beyond_the_deadline() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(folder.path().join("r")).expect("init");
        let who = git2::Signature::new("Test", "test@git.example", &git2::Time::new(0, 0))
            .expect("signature");
        let blob = repository.blob(b"text").expect("blob");
        let mut builder = repository.treebuilder(None).expect("builder");
        builder.insert("a", blob, 0o100_644).expect("insert");
        let tree = repository
            .find_tree(builder.write().expect("tree"))
            .expect("tree");
        let commit = repository
            .commit(None, &who, &who, "one", &tree, &[])
            .expect("commit");
        assert!(matches!(
            History::of(&repository, "r", commit, Deadline::passed()),
            Err(Error::Limit { .. })
        ));
        let history =
            History::of(&repository, "r", commit, Deadline::of_checkout()).expect("in time");
        let cache = folder.path().join("cache");
        assert!(matches!(
            history.packed(&repository, &cache, Deadline::passed()),
            Err(Error::Limit { .. })
        ));
        let kept = fs::read_dir(cache.join("packs"))
            .expect("the folder")
            .count();
        assert_eq!(kept, 0, "a pack that was not finished is left behind");
        assert!(
            history
                .packed(&repository, &cache, Deadline::of_checkout())
                .is_ok()
        );
    }
}
