//! Where the parts of a store are: below a data folder, or below one that was exported.

use std::path::{Path, PathBuf};

use super::records::Records;

/// Where the store is.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The log's public files.
    pub log: PathBuf,
    /// Records, index and what is under way.
    pub trust: PathBuf,
    /// The keys.
    pub keys: PathBuf,
}

impl Folders {
    /// The folders below a data folder.
    pub fn below(data: &Path) -> Self {
        Self {
            log: data.join("log"),
            trust: data.join("trust"),
            keys: data.join("keys"),
        }
    }

    pub(super) fn records(&self) -> Records {
        Records::new(&self.trust.join("records"))
    }

    pub(super) fn index(&self) -> PathBuf {
        self.trust.join("index")
    }

    pub(super) fn pending(&self) -> PathBuf {
        self.trust.join("pending.json")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.trust.join("lock")
    }
}
