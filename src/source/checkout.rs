//! Laying a commit out as a work tree that builds can use.
//!
//! The tree is checked whole before the first byte is written. The `.git` is
//! made new: the history that leads to the commit, its tags, a fixed
//! configuration, no remotes, no hooks. libgit2 applies `.gitattributes` (line
//! endings and `ident`) and runs no other filter. Every file has the commit's
//! time and mode 0644 or 0755, so that a build does not see this machine's
//! clock or umask. Links are written as they are and never followed; whoever
//! reads the tree on the host must not follow them either.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{IndexTime, Oid, Repository, RepositoryInitOptions};

use super::address::Upstream;
use super::deadline::Deadline;
use super::locate::Sources;
use super::pack::History;
use super::place::{Target, target_of};
use super::repository::{Freshness, Opened, open};
use super::submodule;
use super::tree::{self, Entry, EntryKind};
use super::{Error, commit_id, stamp};
use crate::model::{CrlfCheckout, Source};

/// How deep submodules may hold submodules.
pub(super) const MAX_SUBMODULE_DEPTH: usize = 8;

/// The configuration of every checkout. The last two lines make git compare the
/// size and the whole second of a file's time only, so that a copy of the tree
/// (into a volume, with other inodes) is still seen as unchanged.
const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tfilemode = {filemode}
\tbare = false
\tlogallrefupdates = false
\tsymlinks = true
\tautocrlf = {autocrlf}
\ttrustctime = false
\tcheckStat = minimal
";

/// What a checkout and its submodules share.
struct Budget<'a> {
    bytes: u64,
    entries: usize,
    /// The time of every file: the commit's.
    time: i64,
    deadline: Deadline,
    style: Style<'a>,
    lacks: Lacks,
}

/// What of a commit is not in its checkout. What is built without it may only count where
/// it is exact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacks {
    /// Files that the copy which was read lacks (a partial clone), and submodules that could
    /// not be read: the farm's own fault.
    pub unread: Vec<String>,
    /// Submodules that upstream has no more.
    pub gone: Vec<String>,
}

/// How a checkout differs from the commit where git still calls it unchanged.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style<'a> {
    /// Text files have CRLF at the ends of lines, but for those that are excepted
    /// (`core.autocrlf`).
    pub crlf: Option<&'a CrlfCheckout>,
    /// No file has its executable bit (`core.fileMode=false`).
    pub plain_modes: bool,
}

impl Sources {
    /// Lays a located commit out at `dest`, a folder that is empty or not there, and says
    /// what is not in it. The folder of a submodule that cannot be had is empty.
    ///
    /// # Errors
    /// [`Error::UnsafeTree`], [`Error::Limit`] and [`Error::Submodule`] are facts
    /// about the commit; the others are the farm's.
    pub fn checkout(&self, source: &Source, dest: &Path) -> Result<Lacks, Error> {
        self.checkout_with(source, dest, Style::default())
    }

    /// The same in the style of another system's checkout. To git the tree is unchanged.
    ///
    /// # Errors
    /// As [`Sources::checkout`].
    pub fn checkout_with(
        &self,
        source: &Source,
        dest: &Path,
        style: Style<'_>,
    ) -> Result<Lacks, Error> {
        let git = match source {
            Source::Git { git, .. } => git,
            Source::Sdist { sdist, .. } => {
                return Err(Error::NotGit {
                    name: sdist.name.clone(),
                });
            }
        };
        let target = self.target(&git.repository)?;
        let missing = || Error::CommitMissing {
            repository: target.shown.clone(),
            commit: git.commit.clone(),
        };
        let id = Oid::from_str(git.commit.as_str()).map_err(|_| missing())?;
        let upstream = self.open_with(&target, id)?;
        let time = upstream
            .git
            .find_commit(id)
            .map_err(|_| missing())?
            .time()
            .seconds();
        let mut budget = Budget {
            bytes: 0,
            entries: 0,
            time,
            deadline: Deadline::of_checkout(),
            style,
            lacks: Lacks::default(),
        };
        self.lay_out(&upstream.git, id, &target, dest, &mut budget, 0)?;
        Ok(budget.lacks)
    }

    /// Opens a repository that should hold a commit; asks upstream where it does not.
    pub(super) fn open_with(&self, target: &Target, commit: Oid) -> Result<Opened, Error> {
        let opened = open(&self.cache, target, Freshness::Any)?;
        if opened.fresh || opened.git.find_commit(commit).is_ok() {
            return Ok(opened);
        }
        open(&self.cache, target, Freshness::Refetched)
    }

    fn lay_out(
        &self,
        upstream: &Repository,
        id: Oid,
        target: &Target,
        dest: &Path,
        budget: &mut Budget<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        let root = upstream
            .find_commit(id)
            .map_err(|_| Error::CommitMissing {
                repository: target.shown.clone(),
                commit: commit_id(id),
            })?
            .tree_id();
        let mut entries = tree::list(upstream, &target.shown, root)?;
        budget.entries += entries.len();
        if budget.entries > tree::MAX_ENTRIES {
            return Err(Error::Limit {
                what: "the number of files with submodules".into(),
                limit: tree::MAX_ENTRIES.to_string(),
            });
        }
        let sizes = tree::total_bytes(upstream, &target.shown, &entries, budget.bytes)?;
        budget.bytes = sizes.total;
        let missing = sizes.missing;
        entries.retain(|entry| !missing.contains(&entry.path));
        budget.lacks.unread.extend(
            missing
                .iter()
                .map(|path| crate::model::printable(&path.to_string_lossy(), false)),
        );

        budget.deadline.check()?;
        let made = self.make_repository(upstream, id, target, dest, budget)?;
        budget.deadline.check()?;
        write_files(&made, root, &missing)?;
        // A path names a file of the repository itself; its submodules have their own.
        if let (Some(crlf), 0) = (budget.style.crlf, depth) {
            write_as_committed(&made, dest, &entries, &crlf.except)?;
        }
        budget.deadline.check()?;
        self.lay_out_submodules(&made, &entries, target, dest, budget, depth)?;
        set_stamps(dest, &entries, budget)?;
        refresh_index(&made, dest)?;
        stamp::set_plain_modes(&dest.join(".git"))?;
        // Last, since writing inside moved it.
        stamp::set_time(dest, budget.time)
    }

    /// A new `.git` with the history of `id` and nothing of upstream's own.
    fn make_repository(
        &self,
        upstream: &Repository,
        id: Oid,
        target: &Target,
        dest: &Path,
        budget: &Budget<'_>,
    ) -> Result<Repository, Error> {
        let opening = "making the checkout's repository";
        fs::create_dir_all(dest).map_err(Error::io("creating the folder", dest))?;
        let mut inside = fs::read_dir(dest).map_err(Error::io("reading the folder", dest))?;
        if inside.next().is_some() {
            let full = std::io::Error::from(std::io::ErrorKind::DirectoryNotEmpty);
            return Err(Error::io("checking out into", dest)(full));
        }
        let mut options = RepositoryInitOptions::new();
        options.external_template(false).no_reinit(true);
        Repository::init_opts(dest, &options).map_err(Error::git(opening))?;

        let git_dir = dest.join(".git");
        // libgit2 leaves an empty folder for hooks.
        let hooks = git_dir.join("hooks");
        if hooks.exists() {
            fs::remove_dir_all(&hooks).map_err(Error::io("removing", &hooks))?;
        }
        let history = History::of(upstream, &target.shown, id, budget.deadline)?;
        history.install(upstream, &self.cache, &git_dir, budget.deadline)?;
        for (name, text) in [
            (
                "config",
                CONFIG
                    .replace("{autocrlf}", &budget.style.crlf.is_some().to_string())
                    .replace("{filemode}", &(!budget.style.plain_modes).to_string()),
            ),
            ("HEAD", format!("{id}\n")),
            ("packed-refs", history.packed_refs()),
        ] {
            let path = git_dir.join(name);
            fs::write(&path, text).map_err(Error::io("writing", &path))?;
        }
        Repository::open(dest).map_err(Error::git(opening))
    }

    fn lay_out_submodules(
        &self,
        made: &Repository,
        entries: &[Entry],
        target: &Target,
        dest: &Path,
        budget: &mut Budget<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        let submodules: Vec<_> = entries
            .iter()
            .filter(|entry| entry.kind == EntryKind::Submodule)
            .collect();
        if submodules.is_empty() {
            return Ok(());
        }
        let addresses = read_gitmodules(made, entries)?;
        for entry in submodules {
            let folder = dest.join(&entry.path);
            fs::create_dir_all(&folder).map_err(Error::io("creating the folder", &folder))?;
            let path = entry.path.display().to_string();
            // git leaves a commit that `.gitmodules` does not name an empty folder.
            let Some(url) = addresses.get(&path) else {
                tracing::debug!(path, "a submodule without an address stays empty");
                continue;
            };
            let laid = self.lay_out_submodule(
                entry,
                url,
                target.upstream.as_ref(),
                &folder,
                budget,
                depth,
            );
            let path = crate::model::printable(&path, false);
            match laid {
                Ok(()) => {}
                // Many packages hold nothing of it: tests of others, benchmarks, libraries
                // that a sister package brings.
                Err(cause @ Error::CannotRead { .. }) => {
                    let lacks = format!("the submodule `{path}`: {cause}");
                    budget.lacks.unread.push(lacks);
                }
                Err(cause @ (Error::NotReadable { .. } | Error::CommitMissing { .. })) => {
                    let lacks = format!("submodule `{path}`: {cause}");
                    budget.lacks.gone.push(lacks);
                }
                Err(cause) => {
                    return Err(Error::Submodule {
                        path,
                        cause: Box::new(cause),
                    });
                }
            }
        }
        Ok(())
    }

    fn lay_out_submodule(
        &self,
        entry: &Entry,
        url: &str,
        holder: Option<&Upstream>,
        folder: &Path,
        budget: &mut Budget<'_>,
        depth: usize,
    ) -> Result<(), Error> {
        if depth >= MAX_SUBMODULE_DEPTH {
            return Err(Error::Limit {
                what: "the nesting of submodules".into(),
                limit: MAX_SUBMODULE_DEPTH.to_string(),
            });
        }
        let target = target_of(&self.mirror, &submodule::resolve(url, holder)?)?;
        let opened = budget
            .deadline
            .without(|| self.open_with(&target, entry.id))?;
        self.lay_out(&opened.git, entry.id, &target, folder, budget, depth + 1)
    }
}

/// Writes the work tree. The index comes first: libgit2 then knows every
/// `.gitattributes` of the tree before it writes the first file.
fn write_files(made: &Repository, root: Oid, missing: &[PathBuf]) -> Result<(), Error> {
    let doing = "writing the work tree";
    let tree = made.find_tree(root).map_err(Error::git(doing))?;
    let mut index = made.index().map_err(Error::git(doing))?;
    index.read_tree(&tree).map_err(Error::git(doing))?;
    for path in missing {
        index.remove(path, 0).map_err(Error::git(doing))?;
    }
    index.write().map_err(Error::git(doing))?;
    let mut options = CheckoutBuilder::new();
    options
        .force()
        .update_index(false)
        .disable_pathspec_match(true);
    made.checkout_index(Some(&mut index), Some(&mut options))
        .map_err(Error::git(doing))
}

/// Writes the files of these paths anew, byte for byte as they are in the commit.
fn write_as_committed(
    made: &Repository,
    dest: &Path,
    entries: &[Entry],
    paths: &BTreeSet<String>,
) -> Result<(), Error> {
    for entry in entries {
        let listed = entry.path.to_str().is_some_and(|path| paths.contains(path));
        if listed && matches!(entry.kind, EntryKind::File { .. }) {
            let blob = made
                .find_blob(entry.id)
                .map_err(Error::git("writing the work tree"))?;
            let path = dest.join(&entry.path);
            fs::write(&path, blob.content()).map_err(Error::io("writing", &path))?;
        }
    }
    Ok(())
}

/// The addresses of the submodules, from the object and not from the disk.
pub(super) fn read_gitmodules(
    made: &Repository,
    entries: &[Entry],
) -> Result<std::collections::BTreeMap<String, String>, Error> {
    let doing = "reading .gitmodules";
    let Some(entry) = entries
        .iter()
        .find(|e| e.path.as_os_str() == ".gitmodules" && matches!(e.kind, EntryKind::File { .. }))
    else {
        return Ok(Default::default());
    };
    let (size, _) = made
        .odb()
        .and_then(|objects| objects.read_header(entry.id))
        .map_err(Error::git(doing))?;
    if size > submodule::MAX_GITMODULES {
        return Err(Error::Limit {
            what: "the size of .gitmodules".into(),
            limit: format!("{} KiB", submodule::MAX_GITMODULES >> 10),
        });
    }
    let blob = made.find_blob(entry.id).map_err(Error::git(doing))?;
    Ok(submodule::parse(&String::from_utf8_lossy(blob.content())))
}

/// Modes and times of everything in the tree; folders last and the deepest
/// first, since writing into one moves its time.
fn set_stamps(dest: &Path, entries: &[Entry], budget: &Budget<'_>) -> Result<(), Error> {
    let time = budget.time;
    let mut folders = Vec::new();
    for entry in entries {
        let path = dest.join(&entry.path);
        match entry.kind {
            EntryKind::File { executable } => {
                let mode = if executable && !budget.style.plain_modes {
                    stamp::EXECUTABLE_MODE
                } else {
                    stamp::FILE_MODE
                };
                stamp::set_mode(&path, mode)?;
                stamp::set_time(&path, time)?;
            }
            EntryKind::Link => stamp::set_time(&path, time)?,
            // A folder of nothing but files that the copy lacks is not there.
            EntryKind::Folder | EntryKind::Submodule if !path.exists() => {}
            EntryKind::Folder | EntryKind::Submodule => folders.push(path),
        }
    }
    folders.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    for path in &folders {
        stamp::set_mode(path, stamp::EXECUTABLE_MODE)?;
        stamp::set_time(path, time)?;
    }
    stamp::set_mode(dest, stamp::EXECUTABLE_MODE)
}

/// Writes each file's size and time into the index, so that git sees the tree
/// as unchanged without reading it. Nothing of this machine's inodes goes in.
fn refresh_index(made: &Repository, dest: &Path) -> Result<(), Error> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::MetadataExt;
    let doing = "writing the checkout's index";
    let mut index = made.index().map_err(Error::git(doing))?;
    let entries: Vec<_> = index.iter().collect();
    for mut entry in entries {
        let path = dest.join(std::ffi::OsStr::from_bytes(&entry.path));
        let meta = fs::symlink_metadata(&path).map_err(Error::io("reading", &path))?;
        if meta.is_dir() {
            continue;
        }
        // The index holds 32 bits of both (gitformat-index(5)).
        entry.file_size = meta.size() as u32;
        entry.mtime = IndexTime::new(meta.mtime() as i32, 0);
        index.add(&entry).map_err(Error::git(doing))?;
    }
    index.write().map_err(Error::git(doing))
}
