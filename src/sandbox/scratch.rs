//! A run's folder on this machine: removed with its value, and by a later run where the
//! process that had it was killed. Imports `store` alone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::store;

/// How the folders' names begin.
const PREFIX: &str = "remint-run-";

/// The file in each folder whose lock says that it is in use (flock(2)): the kernel lets
/// go of it when its process ends, however it does.
const HELD: &str = ".held";

/// A folder that is in use for as long as the value is there. In the system's temporary
/// folder: a unix socket's path is limited to 107 bytes (unix(7)), and data folders may
/// be deep.
pub struct Scratch {
    // In this order: the folder goes while it is still held.
    folder: tempfile::TempDir,
    _held: File,
}

impl Scratch {
    /// Makes an empty one.
    ///
    /// # Errors
    /// [`store::Error`] where the temporary folder takes none.
    pub fn make() -> Result<Self, store::Error> {
        let place = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(&place)
            .map_err(|error| store::Error::io("create a folder in", &place, error))?;
        // It gets its name only when it is locked, so that nobody finds it free before.
        let (new, held) = (folder.path().join(".new"), folder.path().join(HELD));
        let hold = || -> std::io::Result<File> {
            let file = File::create_new(&new)?;
            file.lock()?;
            fs::rename(&new, &held)?;
            Ok(file)
        };
        let file = hold().map_err(|error| store::Error::io("lock", &held, error))?;
        Ok(Self {
            folder,
            _held: file,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders that nobody holds any more, and says how many there were. What
/// cannot be removed is left for another time: it is only in the way of disk space.
pub(super) fn sweep() -> usize {
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten();
    let ours = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(PREFIX))
    };
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(ours)
        .filter(|folder| remove_unless_held(folder))
        .count()
}

fn remove_unless_held(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(HELD)) else {
        return false;
    };
    file.try_lock().is_ok() && fs::remove_dir_all(folder).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swept_only_when_nobody_holds_it() {
        let scratch = Scratch::make().expect("made");
        let path = scratch.path().to_owned();
        fs::write(path.join("build.log"), "x").expect("write");
        assert!(!remove_unless_held(&path));
        assert!(path.exists());
        let Scratch { folder, _held } = scratch;
        // As a kill leaves it: the folder stays, and the kernel lets go of the lock.
        let path = folder.keep();
        drop(_held);
        assert!(remove_unless_held(&path));
        assert!(!path.exists());
    }
}
