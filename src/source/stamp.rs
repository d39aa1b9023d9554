//! Times and modes that do not depend on this machine.
//!
//! Writes metadata below one folder and follows no link.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Error;

/// Mode of a regular file.
pub(super) const FILE_MODE: u32 = 0o644;
/// Mode of an executable file and of a folder.
pub(super) const EXECUTABLE_MODE: u32 = 0o755;

/// Sets the modification and access time of `path` itself, in whole seconds.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn set_time(path: &Path, seconds: i64) -> Result<(), Error> {
    let doing = "setting the time of";
    let name =
        CString::new(path.as_os_str().as_bytes()).map_err(|e| Error::io(doing, path)(e.into()))?;
    let time = libc::timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = [time, time];
    // SAFETY: `name` ends in NUL and `times` holds two entries, as utimensat(2)
    // asks; both outlive the call.
    let status = unsafe {
        libc::utimensat(
            libc::AT_FDCWD,
            name.as_ptr(),
            times.as_ptr(),
            libc::AT_SYMLINK_NOFOLLOW,
        )
    };
    if status == 0 {
        Ok(())
    } else {
        Err(Error::io(doing, path)(std::io::Error::last_os_error()))
    }
}

/// Sets the mode of a file or folder, whatever the umask is.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::io("setting the mode of", path))
}

/// Sets the modes of everything below a folder that this process made, and of
/// the folder: 0755 for folders, 0644 for files.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn set_plain_modes(folder: &Path) -> Result<(), Error> {
    set_mode(folder, EXECUTABLE_MODE)?;
    let reading = || Error::io("reading the folder", folder);
    for entry in fs::read_dir(folder).map_err(reading())? {
        let entry = entry.map_err(reading())?;
        let kind = entry.file_type().map_err(reading())?;
        if kind.is_dir() {
            set_plain_modes(&entry.path())?;
        } else if kind.is_file() {
            set_mode(&entry.path(), FILE_MODE)?;
        }
    }
    Ok(())
}
