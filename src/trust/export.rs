//! A folder that stands for itself: log, records, index and public keys in the places
//! that a data folder has them in, and nothing secret. Whoever has it needs no network
//! and no other folder to verify all of it.

use std::path::Path;

use super::Error;
use super::folders::Folders;
use super::log::LogFiles;
use crate::store;

/// Copies the store in `folders` to the empty folder `to`. Writers wait meanwhile.
///
/// # Errors
/// [`Error`] where `to` is not empty, or something cannot be read or written.
pub fn export(folders: &Folders, to: &Path) -> Result<(), Error> {
    let is_empty = match std::fs::read_dir(to) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    if !is_empty {
        return Err(Error::NotEmpty {
            path: to.to_owned(),
        });
    }
    let _lock = store::lock(&folders.lock())?;
    if LogFiles::new(&folders.log).read_checkpoint()?.is_none() {
        return Err(Error::Missing {
            path: LogFiles::new(&folders.log).checkpoint(),
        });
    }
    let target = Folders::below(to);
    copy(&folders.log, &target.log, &|_| true)?;
    copy(
        &folders.trust.join("records"),
        &target.trust.join("records"),
        &|_| true,
    )?;
    copy_file(&folders.index(), &target.index())?;
    let is_public = |path: &Path| path.extension().is_some_and(|kind| kind == "pub");
    copy(&folders.keys, &target.keys, &is_public)
}

/// Copies a folder of reports as it is.
///
/// # Errors
/// [`Error`] where something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    copy(from, to, &|_| true)
}

/// Copies a folder's files that `wanted` picks. Links are not followed: nothing of the
/// store is one.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
    let failed = |error| store::Error::io("list", from, error);
    for entry in std::fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            copy(&path, &target, wanted)?;
        } else if kind.is_file() && wanted(&path) {
            copy_file(&path, &target)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(folder) = to.parent() {
        store::make_folder(folder)?;
    }
    std::fs::copy(from, to).map_err(|error| store::Error::io("copy", from, error))?;
    Ok(())
}
