//! The files of a commit below a package's folder, with those of its submodules. Reads
//! repositories through `repository`; lays nothing out.

use std::collections::BTreeMap;

use git2::{Oid, Repository};

use super::MAX_FILE;
use super::packed::Form;
use crate::source::Error;
use crate::source::checkout::{MAX_SUBMODULE_DEPTH, read_gitmodules};
use crate::source::locate::Sources;
use crate::source::place::{Target, target_of};
use crate::source::submodule;
use crate::source::tree::{self, EntryKind};

/// How many links are followed for one file: more is a circle (Linux, path_resolution(7)
/// has 40).
const MAX_LINKS: usize = 40;

/// A file of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CommittedFile {
    /// Its bytes, those of what it leads to where it is a link inside the tree.
    pub(super) content: Vec<u8>,
    /// What that is.
    pub(super) form: Form,
    /// The target, where it is a link.
    pub(super) link: Option<Vec<u8>>,
}

/// Where an object is.
#[derive(Clone, Copy)]
struct Object {
    repository: usize,
    id: Oid,
    kind: EntryKind,
}

/// A commit that is open.
pub(super) struct Committed<'a> {
    sources: &'a Sources,
    /// The repository and those of submodules, each with where it was read from.
    repositories: Vec<(Repository, Target)>,
    /// Every entry by its path below the repository's root.
    entries: BTreeMap<String, Object>,
    /// Addresses of submodules by their paths.
    addresses: BTreeMap<String, String>,
    /// The package's folder with `/` after it; empty for the root.
    folder: String,
}

impl<'a> Committed<'a> {
    pub(super) fn open(
        sources: &'a Sources,
        git: Repository,
        commit: Oid,
        target: Target,
        directory: &str,
    ) -> Result<Self, Error> {
        let mut opened = Self {
            sources,
            repositories: Vec::new(),
            entries: BTreeMap::new(),
            addresses: BTreeMap::new(),
            folder: match directory {
                "" => String::new(),
                directory => format!("{directory}/"),
            },
        };
        opened.add(git, commit, target, "")?;
        Ok(opened)
    }

    /// Lists a commit's tree below `prefix`. A name that is no text is in no archive that
    /// is held against it, and left out.
    fn add(
        &mut self,
        git: Repository,
        commit: Oid,
        target: Target,
        prefix: &str,
    ) -> Result<(), Error> {
        let root = git
            .find_commit(commit)
            .map_err(Error::incomplete(&target.shown))?
            .tree_id();
        let entries = tree::list(&git, &target.shown, root)?;
        if self.entries.len() + entries.len() > tree::MAX_ENTRIES {
            return Err(Error::Limit {
                what: "the number of files with submodules".into(),
                limit: tree::MAX_ENTRIES.to_string(),
            });
        }
        for (path, url) in read_gitmodules(&git, &entries)? {
            self.addresses.insert(format!("{prefix}{path}"), url);
        }
        let repository = self.repositories.len();
        for entry in &entries {
            if let Some(path) = entry.path.to_str() {
                self.entries.insert(
                    format!("{prefix}{path}"),
                    Object {
                        repository,
                        id: entry.id,
                        kind: entry.kind,
                    },
                );
            }
        }
        self.repositories.push((git, target));
        Ok(())
    }

    /// The paths of the package's files below its folder, without those of submodules that
    /// no file asked for.
    pub(super) fn paths(&self) -> impl Iterator<Item = String> {
        self.entries
            .iter()
            .filter(|(_, object)| matches!(object.kind, EntryKind::File { .. } | EntryKind::Link))
            .filter_map(|(path, _)| path.strip_prefix(&self.folder))
            .map(str::to_owned)
    }

    /// The texts of the manifests that name what build backends write.
    pub(super) fn manifests(&mut self) -> Result<BTreeMap<&'static str, String>, Error> {
        let mut found = BTreeMap::new();
        for name in ["pyproject.toml", "setup.cfg", "setup.py"] {
            if let Some(file) = self.file(name)? {
                found.insert(name, String::from_utf8_lossy(&file.content).into_owned());
            }
        }
        Ok(found)
    }

    /// The package's file of this path, through links and submodules; none where the
    /// commit has no such file.
    pub(super) fn file(&mut self, path: &str) -> Result<Option<CommittedFile>, Error> {
        let mut path = format!("{}{path}", self.folder);
        let mut link = None;
        for _ in 0..MAX_LINKS {
            if let Some(object) = self.entries.get(&path).copied() {
                match object.kind {
                    EntryKind::File { executable } => {
                        return Ok(Some(CommittedFile {
                            content: self.content(object)?,
                            form: if executable {
                                Form::Executable
                            } else {
                                Form::Plain
                            },
                            link,
                        }));
                    }
                    EntryKind::Link => {
                        let target = self.content(object)?;
                        let next = followed(&path, &target);
                        link.get_or_insert(target.clone());
                        match next {
                            Some(next) => path = next,
                            // One that leads out of the tree is a link and nothing else.
                            None => return Ok(Some(only_link(target))),
                        }
                    }
                    EntryKind::Folder | EntryKind::Submodule => return Ok(link.map(only_link)),
                }
                continue;
            }
            match self.holder(&path) {
                Some((holder, object)) if object.kind == EntryKind::Link => {
                    let target = self.content(object)?;
                    match followed(&holder, &target) {
                        Some(next) => path = format!("{next}{}", &path[holder.len()..]),
                        None => return Ok(None),
                    }
                }
                Some((holder, object)) => {
                    if !self.add_submodule(&holder, object)? {
                        return Ok(None);
                    }
                }
                None => return Ok(link.map(only_link)),
            }
        }
        Ok(None)
    }

    /// The nearest link or submodule above a path that is not there itself.
    fn holder(&self, path: &str) -> Option<(String, Object)> {
        let mut above = path;
        while let Some((folder, _)) = above.rsplit_once('/') {
            if let Some(object) = self.entries.get(folder) {
                let leads_on = matches!(object.kind, EntryKind::Link | EntryKind::Submodule);
                return leads_on.then(|| (folder.to_owned(), *object));
            }
            above = folder;
        }
        None
    }

    /// Lists a submodule's files; false where it has no address, and git leaves it empty.
    fn add_submodule(&mut self, path: &str, object: Object) -> Result<bool, Error> {
        // Taken away, so that each is listed once.
        let Some(url) = self.addresses.remove(path) else {
            return Ok(false);
        };
        let inside = |cause| Error::Submodule {
            path: crate::model::printable(path, false),
            cause: Box::new(cause),
        };
        if self.repositories.len() > MAX_SUBMODULE_DEPTH * MAX_LINKS {
            return Err(inside(Error::Limit {
                what: "the number of submodules".into(),
                limit: (MAX_SUBMODULE_DEPTH * MAX_LINKS).to_string(),
            }));
        }
        let holder = self.repositories[object.repository].1.upstream.clone();
        let target = submodule::resolve(&url, holder.as_ref())
            .and_then(|upstream| target_of(&self.sources.mirror, &upstream))
            .map_err(inside)?;
        let opened = self.sources.open_with(&target, object.id).map_err(inside)?;
        self.add(opened.git, object.id, target, &format!("{path}/"))
            .map_err(inside)?;
        Ok(true)
    }

    fn content(&self, object: Object) -> Result<Vec<u8>, Error> {
        let (git, target) = &self.repositories[object.repository];
        let incomplete = Error::incomplete(&target.shown);
        let size = match git.odb().and_then(|objects| objects.read_header(object.id)) {
            Ok((size, _)) => size as u64,
            Err(error) => return Err(incomplete(error)),
        };
        if size > MAX_FILE {
            return Err(Error::Limit {
                what: "the size of a file of the commit".into(),
                limit: format!("{} MiB", MAX_FILE >> 20),
            });
        }
        let blob = git.find_blob(object.id);
        Ok(blob
            .map_err(Error::incomplete(&target.shown))?
            .content()
            .to_vec())
    }
}

fn only_link(target: Vec<u8>) -> CommittedFile {
    CommittedFile {
        content: target.clone(),
        form: Form::Link,
        link: Some(target),
    }
}

/// The path in the tree that a link at `path` leads to; none where it leaves the tree.
fn followed(path: &str, target: &[u8]) -> Option<String> {
    let target = std::str::from_utf8(target).ok()?;
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_inside_the_tree_alone() {
        assert_eq!(
            followed("a/b/c", b"../d").as_deref(),
            Some("a/d"),
            "a link is relative to its folder"
        );
        assert_eq!(followed("c", b"./d//e").as_deref(), Some("d/e"));
        for out in [&b"../d"[..], b"/etc/passwd", b"", b"\xff"] {
            assert_eq!(followed("c", out), None);
        }
    }
}
