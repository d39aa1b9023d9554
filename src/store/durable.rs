//! Writes that must last: temporary file, fsync, rename, fsync of the folder.
//! The one helper for all of them.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use super::Error;

/// Writes `bytes` to `path` so that after a crash the file is either absent, as
/// it was, or whole. Makes the folder if it is missing.
///
/// # Errors
/// [`Error`] with the path and what to do.
pub fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = folder_of(path);
    make_folder(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".remint-")
        .tempfile_in(folder)
        .map_err(|error| Error::io("create a file in", folder, error))?;
    file.write_all(bytes)
        .map_err(|error| Error::io("write", path, error))?;
    readable(file.as_file(), 0o644).map_err(|error| Error::io("set the mode of", path, error))?;
    persist(file, path)
}

/// Puts `bytes` at `offset` of a file that only ever grows, and cuts off whatever was
/// behind: what an interrupted write left there was never told to anyone. Makes the
/// file and its folder if they are missing.
///
/// # Errors
/// [`Error`] with the path and what to do.
pub fn append_durably(path: &Path, offset: u64, bytes: &[u8]) -> Result<(), Error> {
    use std::os::unix::fs::FileExt as _;
    let folder = folder_of(path);
    let is_new = !path.exists();
    if is_new {
        make_folder(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| Error::io("open", path, error))?;
    file.set_len(offset)
        .and_then(|()| file.write_all_at(bytes, offset))
        .and_then(|()| file.sync_data())
        .map_err(|error| Error::io("write", path, error))?;
    if is_new { sync_folder(folder) } else { Ok(()) }
}

/// Removes a file so that it stays removed; one that is not there is no error.
///
/// # Errors
/// [`Error`] with the path and what to do.
pub fn remove_durably(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Ok(()) => sync_folder(folder_of(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("remove", path, error)),
    }
}

/// Holds a lock on a file, made if it is missing, until the value is dropped. Other
/// processes wait.
///
/// # Errors
/// [`Error`] with the path and what to do.
pub fn lock(path: &Path) -> Result<File, Error> {
    use std::os::fd::AsRawFd as _;
    make_folder(folder_of(path))?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| Error::io("open", path, error))?;
    loop {
        // SAFETY: the descriptor is open for as long as `file` lives; flock(2) touches
        // no memory.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } == 0 {
            return Ok(file);
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(Error::io("lock", path, error));
        }
    }
}

/// The second half of every durable write. The order matters: the bytes must be
/// on the disk before the name points to them, and the name is on the disk only
/// when its folder is.
pub(super) fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<(), Error> {
    file.as_file()
        .sync_all()
        .map_err(|error| Error::io("write", path, error))?;
    file.persist(path)
        .map_err(|error| Error::io("rename a file to", path, error.error))?;
    sync_folder(folder_of(path))
}

pub(super) fn readable(file: &File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    OpenOptions::new()
        .read(true)
        .open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::io("write", folder, error))
}

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error`] with the path and what to do.
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, error))
}

/// Bytes that an ordinary user can still write below `path`.
///
/// # Errors
/// [`Error::Io`] where the file system does not tell.
pub fn free_bytes(path: &Path) -> Result<u64, Error> {
    use std::os::unix::ffi::OsStrExt as _;
    let refused = |error| Error::io("ask the free space of", path, error);
    let name = std::ffi::CString::new(path.as_os_str().as_bytes())
        .map_err(|_| refused(std::io::ErrorKind::InvalidInput.into()))?;
    let mut stat = std::mem::MaybeUninit::<libc::statvfs>::uninit();
    // SAFETY: `name` is a NUL-terminated string and `stat` is large enough for
    // what statvfs(3) writes; it is read only after the call succeeded.
    let stat = unsafe {
        if libc::statvfs(name.as_ptr(), stat.as_mut_ptr()) != 0 {
            return Err(refused(std::io::Error::last_os_error()));
        }
        stat.assume_init()
    };
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_write_replaces_the_whole_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("deep/er/file");
        write_durably(&path, b"first, and longer").expect("write");
        write_durably(&path, b"second").expect("write");
        assert_eq!(std::fs::read(&path).expect("read"), b"second");
        let beside = std::fs::read_dir(path.parent().expect("folder"))
            .expect("list")
            .count();
        assert_eq!(beside, 1);
    }

    #[test]
    fn an_append_cuts_off_what_an_interrupted_one_left() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("deep/file");
        append_durably(&path, 0, b"first").expect("write");
        append_durably(&path, 5, b"torn tail").expect("write");
        append_durably(&path, 5, b"+").expect("write");
        assert_eq!(std::fs::read(&path).expect("read"), b"first+");
        remove_durably(&path).expect("removed");
        remove_durably(&path).expect("nothing to remove");
        assert!(!path.exists());
    }

    #[test]
    fn a_full_disk_is_told_from_other_trouble() {
        let full = Error::io(
            "write",
            Path::new("/data/x"),
            std::io::ErrorKind::StorageFull.into(),
        );
        assert!(full.to_string().contains("no space"), "{full}");
        let folder = tempfile::tempdir().expect("temp");
        let file = folder.path().join("file");
        std::fs::write(&file, "x").expect("write");
        let error = write_durably(&file.join("below"), b"x").expect_err("no folder");
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
}
