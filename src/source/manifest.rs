//! Finding a package's folder at a commit, by the manifest that names it.
//!
//! Reads a repository and writes nothing. A folder that the artifact names is
//! held to its word; otherwise the folder that the registry names, the root,
//! and then every manifest of the tree are asked for the name and the version.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use git2::{ObjectType, Repository, Tree};

use super::Error;
use super::ecosystem::{Declared, DeclaredName, DeclaredVersion, Packaging, packaging};
use super::tree::{self, EntryKind};
use crate::model::{CommitId, Purl, printable};

/// The largest manifest that is read; the largest known are some 100 KiB.
const MAX_MANIFEST: usize = 1 << 20;

/// The most folders with a manifest that are searched.
const MAX_FOLDERS: usize = 5_000;

/// The most files of a folder that are asked by what the repository is published.
const MAX_RELEASE_FILES: usize = 100;

/// A folder that holds other packages' copies and is never the package's own.
const FOREIGN: &str = "node_modules";

/// Where the package is, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The folder below the root; empty for the root.
    pub(crate) directory: String,
    /// For a person: what the manifest declares.
    pub(crate) detail: String,
    /// Whether it declares the version too.
    pub(crate) has_version: bool,
}

/// Where to look first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Folders<'a> {
    /// The folder that the artifact itself names; nowhere else is looked.
    pub(crate) certain: Option<&'a str>,
    /// The folder that came with the repository's address.
    pub(crate) likely: Option<&'a str>,
}

/// What one folder's manifests say of the package.
enum Answer {
    /// They name it, with this remark.
    Match(String),
    /// They name it, and what version only running code could tell.
    Unchecked(String),
    /// They name it at another version.
    OtherVersion { path: String, found: String },
    /// They name another package.
    OtherName { path: String, found: String },
    /// They cannot be read.
    Unreadable { path: String, found: String },
    /// There are none.
    Nothing,
}

impl Answer {
    /// The package in this folder; or what else the manifests say.
    fn found(self, directory: &str) -> Result<Found, Self> {
        let (detail, has_version) = match self {
            Self::Match(detail) => (detail, true),
            Self::Unchecked(detail) => (detail, false),
            other => return Err(other),
        };
        Ok(Found {
            directory: directory.to_owned(),
            detail,
            has_version,
        })
    }
}

/// One commit's tree, asked for one package.
pub(crate) struct Manifests<'r> {
    repository: &'r Repository,
    tree: Tree<'r>,
    purl: &'r Purl,
    rules: &'static dyn Packaging,
    shown: &'r str,
    commit: CommitId,
    /// What says that publishing writes versions in, where that is asked for.
    writer: Option<String>,
}

impl<'r> Manifests<'r> {
    /// Opens the tree of `commit`; `shown` is how errors name the repository.
    ///
    /// # Errors
    /// [`Error::CannotRead`] where the copy lacks the commit's tree.
    pub(crate) fn at(
        repository: &'r Repository,
        commit: &git2::Commit<'r>,
        shown: &'r str,
        purl: &'r Purl,
    ) -> Result<Self, Error> {
        Ok(Self {
            repository,
            tree: commit.tree().map_err(Error::incomplete(shown))?,
            purl,
            rules: packaging(purl.ecosystem()),
            shown,
            commit: super::commit_id(commit.id()),
            writer: None,
        })
    }

    /// The same, where another version in the manifest is none where the commit says that
    /// publishing writes it in. For commits that something else ties to the version.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub(crate) fn with_written_versions(mut self) -> Result<Self, Error> {
        for path in self.rules.release_files() {
            for path in self.paths(path) {
                let Some(text) = self.text(&path)? else {
                    continue;
                };
                if let Some(writer) = self.rules.writes_version(&text) {
                    let path = printable(&path, false);
                    self.writer = Some(format!("{writer}, in {path}"));
                    return Ok(self);
                }
            }
        }
        Ok(self)
    }

    /// The same, where another version in the manifest is none, since it was written in and not
    /// committed. For commits that all else ties to the version.
    pub(crate) fn with_any_version(mut self) -> Self {
        self.writer = Some("by what, nothing says".to_owned());
        self
    }

    /// A path below the root, or those of a folder's files where it ends with `*`.
    fn paths(&self, path: &str) -> Vec<String> {
        let Some(folder) = path.strip_suffix("/*") else {
            return vec![path.to_owned()];
        };
        let entry = self.tree.get_path(Path::new(folder)).ok();
        let tree = entry.and_then(|entry| self.repository.find_tree(entry.id()).ok());
        let names = tree
            .iter()
            .flat_map(|tree| tree.iter().take(MAX_RELEASE_FILES));
        names
            .filter_map(|entry| Some(format!("{folder}/{}", entry.name().ok()?)))
            .collect()
    }

    /// Finds the package.
    ///
    /// # Errors
    /// [`Error::ManifestMismatch`] and [`Error::NoManifest`].
    pub(crate) fn find(&self, folders: Folders<'_>) -> Result<Found, Error> {
        if let Some(certain) = folders.certain {
            let Some(folder) = plain_folder(certain) else {
                return Err(self.none(format!("`{}` is no folder", printable(certain, false))));
            };
            let found = self.ask(&folder, true)?.found(&folder);
            let refusal = |answer| self.refusal(vec![answer], format!("in folder `{folder}`"));
            return found.map_err(refusal);
        }
        let mut answers = Vec::new();
        let mut asked = BTreeSet::new();
        let likely = folders.likely.and_then(plain_folder);
        for folder in likely.into_iter().chain([String::new()]) {
            if !asked.insert(folder.clone()) {
                continue;
            }
            match self.ask(&folder, true)?.found(&folder) {
                Ok(found) => return Ok(found),
                Err(answer) => answers.push(answer),
            }
        }
        self.search(&asked, answers)
    }

    /// Whether the manifest in a folder names the package, whatever its version is there.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub(crate) fn names_it(&self, folder: &str) -> Result<bool, Error> {
        Ok(matches!(
            self.ask(folder, false)?,
            Answer::Match(_) | Answer::OtherVersion { .. }
        ))
    }

    /// The shallowest folder whose manifest names the package.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub(crate) fn folder_of_name(&self) -> Result<Option<String>, Error> {
        for folder in self.folders_with_manifests()? {
            if self.names_it(&folder)? {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }

    /// What the manifest in one folder says where it names the package with the version.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub(crate) fn declares(&self, folder: &str) -> Result<Option<Found>, Error> {
        let found = self.ask(folder, false)?.found(folder).ok();
        Ok(found.filter(|found| found.has_version))
    }

    /// The manifest that declares the version of another package, where there is one.
    ///
    /// # Errors
    /// Those of reading the copy.
    pub(crate) fn another_of_the_version(&self) -> Result<Option<String>, Error> {
        let folders = self.folders_with_manifests()?;
        for folder in std::iter::once(String::new()).chain(folders) {
            let Ok(Some(declared)) = self.rules.declared(&self.files(&folder)?) else {
                continue;
            };
            let is_another = match &declared.name {
                DeclaredName::Literal(name) => {
                    !self.rules.is_same_name(name, self.purl.name().as_str())
                }
                DeclaredName::Dynamic(_) => false,
            };
            if let DeclaredVersion::Literal(version) = self.version(&folder, &declared)?
                && is_another
                && self.rules.is_same_version(&version, self.version_text())
            {
                return Ok(Some(join(&folder, declared.file)));
            }
        }
        Ok(None)
    }

    /// Asks every other folder with a manifest, the shallowest first.
    fn search(&self, asked: &BTreeSet<String>, mut answers: Vec<Answer>) -> Result<Found, Error> {
        let mut hits = Vec::new();
        let folders = self.folders_with_manifests()?;
        for folder in folders.iter().filter(|folder| !asked.contains(*folder)) {
            match self.ask(folder, false)?.found(folder) {
                Ok(found) => hits.push(found),
                Err(answer @ Answer::OtherVersion { .. }) => answers.push(answer),
                // Some other package of the repository, or a test's bait.
                Err(_) => {}
            }
        }
        let others = hits
            .iter()
            .skip(1)
            .map(|hit| format!("`{}`", hit.directory));
        let others: Vec<_> = others.collect();
        match hits.into_iter().next() {
            Some(mut found) => {
                if !others.is_empty() {
                    let too = format!("; so do the manifests in {}", others.join(", "));
                    found.detail.push_str(&too);
                }
                Ok(found)
            }
            None => {
                let searched =
                    format!("the root and {} other folders were searched", folders.len());
                Err(self.refusal(answers, searched))
            }
        }
    }

    /// Folders that hold a manifest, the shallowest first.
    fn folders_with_manifests(&self) -> Result<Vec<String>, Error> {
        let mut folders = BTreeSet::new();
        for entry in tree::list(self.repository, self.shown, self.tree.id())? {
            let Some(path) = entry.path.to_str() else {
                continue;
            };
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            if matches!(entry.kind, EntryKind::File { .. })
                && self.rules.manifests().contains(&name)
                && !folder.split('/').any(|part| part == FOREIGN)
            {
                folders.insert(folder.to_owned());
            }
        }
        let mut folders: Vec<_> = folders.into_iter().filter(|f| !f.is_empty()).collect();
        folders.sort_by_key(|folder| folder.matches('/').count());
        if folders.len() > MAX_FOLDERS {
            return Err(Error::Limit {
                what: format!("the number of manifests in {}", self.shown),
                limit: MAX_FOLDERS.to_string(),
            });
        }
        Ok(folders)
    }

    /// Asks one folder. `pointed` says that something points to it, so that a
    /// name which only running code could tell is given the benefit.
    fn ask(&self, folder: &str, pointed: bool) -> Result<Answer, Error> {
        let files = self.files(folder)?;
        let Some(file) = self
            .rules
            .manifests()
            .iter()
            .find(|f| files.contains_key(**f))
        else {
            return Ok(Answer::Nothing);
        };
        let declared = match self.rules.declared(&files) {
            Ok(Some(declared)) => declared,
            Ok(None) => return Ok(Answer::Nothing),
            Err(reason) => {
                return Ok(Answer::Unreadable {
                    path: join(folder, file),
                    found: format!("nothing that can be read ({})", printable(&reason, false)),
                });
            }
        };
        let path = join(folder, declared.file);
        let name = match &declared.name {
            DeclaredName::Literal(name) => {
                if !self.rules.is_same_name(name, self.purl.name().as_str()) {
                    let found = format!("package `{}`", printable(name, false));
                    return Ok(Answer::OtherName { path, found });
                }
                printable(name, false)
            }
            DeclaredName::Dynamic(how) if pointed => format!("a name that was not checked ({how})"),
            DeclaredName::Dynamic(_) => return Ok(Answer::Nothing),
        };
        Ok(match self.version(folder, &declared)? {
            DeclaredVersion::Dynamic(how) => Answer::Unchecked(format!(
                "{path} declares {name}; its version is dynamic ({how}) and was not checked"
            )),
            DeclaredVersion::Literal(version) => {
                let version = printable(&version, false);
                if self.rules.is_same_version(&version, self.version_text()) {
                    Answer::Match(format!("{path} declares {name} {version}"))
                } else if let Some(writer) = &self.writer {
                    Answer::Unchecked(format!(
                        "{path} declares {name} {version}, and the release's version is written in when it is published ({writer})"
                    ))
                } else {
                    let found = format!("{name} {version}");
                    Answer::OtherVersion { path, found }
                }
            }
            DeclaredVersion::Inherited => Answer::Unreadable {
                path,
                found: "a version of a workspace that is not there".into(),
            },
        })
    }

    /// The declared version, with what a workspace's root hands down put in.
    fn version(&self, folder: &str, declared: &Declared) -> Result<DeclaredVersion, Error> {
        if declared.version != DeclaredVersion::Inherited {
            return Ok(declared.version.clone());
        }
        let mut above = Some(folder);
        while let Some(folder) = above {
            if let Some(version) = self.rules.inherited_version(&self.files(folder)?) {
                return Ok(DeclaredVersion::Literal(version));
            }
            above = match folder {
                "" => None,
                folder => Some(folder.rsplit_once('/').map_or("", |(parent, _)| parent)),
            };
        }
        Ok(DeclaredVersion::Inherited)
    }

    /// The manifests in a folder, as text.
    fn files(&self, folder: &str) -> Result<BTreeMap<String, String>, Error> {
        let mut files = BTreeMap::new();
        for name in self.rules.manifests() {
            if let Some(text) = self.text(&join(folder, name))? {
                files.insert((*name).to_owned(), text);
            }
        }
        Ok(files)
    }

    /// A file's text; none where there is none: a link or a submodule of that name is none.
    fn text(&self, path: &str) -> Result<Option<String>, Error> {
        let Ok(entry) = self.tree.get_path(Path::new(path)) else {
            return Ok(None);
        };
        if entry.kind() != Some(ObjectType::Blob) || entry.filemode() & 0o170_000 != 0o100_000 {
            return Ok(None);
        }
        self.blob(entry.id(), path).map(Some)
    }

    fn blob(&self, id: git2::Oid, path: &str) -> Result<String, Error> {
        let (size, _) = self
            .repository
            .odb()
            .and_then(|objects| objects.read_header(id))
            .map_err(Error::incomplete(self.shown))?;
        if size > MAX_MANIFEST {
            return Err(Error::Limit {
                what: format!("the size of {path} in {}", self.shown),
                limit: format!("{} KiB", MAX_MANIFEST >> 10),
            });
        }
        let blob = self
            .repository
            .find_blob(id)
            .map_err(Error::incomplete(self.shown))?;
        Ok(String::from_utf8_lossy(blob.content()).into_owned())
    }

    /// The best reason among refusals: a wrong version before a wrong name
    /// before an unreadable file before none.
    fn refusal(&self, answers: Vec<Answer>, searched: String) -> Error {
        let rank = |answer: &Answer| match answer {
            Answer::OtherVersion { .. } => 0,
            Answer::Unreadable { .. } => 1,
            Answer::OtherName { .. } => 2,
            Answer::Match(_) | Answer::Unchecked(_) | Answer::Nothing => 3,
        };
        match answers.into_iter().min_by_key(rank) {
            Some(
                Answer::OtherVersion { path, found }
                | Answer::OtherName { path, found }
                | Answer::Unreadable { path, found },
            ) => Error::ManifestMismatch {
                repository: self.shown.to_owned(),
                path,
                expected: format!("{} {}", self.purl.name(), self.version_text()),
                found,
                commit: self.commit.clone(),
            },
            Some(Answer::Match(_) | Answer::Unchecked(_) | Answer::Nothing) | None => {
                self.none(searched)
            }
        }
    }

    fn none(&self, searched: String) -> Error {
        Error::NoManifest {
            repository: self.shown.to_owned(),
            package: self.purl.name().to_string(),
            searched,
            commit: self.commit.clone(),
        }
    }

    fn version_text(&self) -> &str {
        self.purl.version().map_or("", |v| v.as_str())
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// A folder as an artifact or a registry wrote it, without `./` and slashes at
/// the ends; `None` where it would leave the root.
pub(super) fn plain_folder(text: &str) -> Option<String> {
    let parts: Vec<_> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    let inside = !text.contains(['\\', '\0']) && !parts.contains(&"..");
    inside.then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_as_written_and_never_leaves_the_root() {
        assert_eq!(plain_folder("./packages/a/").as_deref(), Some("packages/a"));
        assert_eq!(plain_folder(".").as_deref(), Some(""));
        assert_eq!(plain_folder("../x"), None);
        assert_eq!(plain_folder("a/../../x"), None);
        assert_eq!(plain_folder("a\\b"), None);
    }
}
