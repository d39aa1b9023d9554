//! The files of a source, by their digests. May import `model`; reads a folder
//! and nothing outside it.

use std::collections::HashSet;
use std::path::Path;

use super::{Error, bytes};
use crate::model::Sha256Digest;

/// Every file of a source, by its content: a name can be taken by anything.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceFiles(HashSet<Sha256Digest>);

impl SourceFiles {
    /// Hashes every regular file below `folder`; links are not followed, and a
    /// `.git` folder is passed over.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let mut files = HashSet::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |source| Error::Read {
                path: folder.clone(),
                source,
            };
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() && entry.file_name() != ".git" {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.insert(bytes::hash_file(&entry.path())?);
                }
            }
        }
        Ok(Self(files))
    }

    /// Whether a file of the source has these bytes.
    pub(super) fn contains(&self, sha256: &Sha256Digest) -> bool {
        self.0.contains(sha256)
    }
}
