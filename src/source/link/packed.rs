//! The files of an unpacked source distribution. Reads below its folder and follows no
//! link.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::MAX_FILE;
use crate::source::Error;
use crate::source::deadline::Deadline;

/// A file of one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packed {
    /// Below the archive's folder, with `/` between folders.
    pub(super) path: String,
    /// Its bytes, or a link's target.
    pub(super) content: Vec<u8>,
    /// What it is.
    pub(super) form: Form,
}

/// What a file is, as far as it matters to what runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Executable,
    Link,
}

/// The paths of all files and links, sorted.
pub(super) fn files(folder: &Path, deadline: Deadline) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(below) = folders.pop() {
        deadline.check()?;
        let place = folder.join(&below);
        for entry in fs::read_dir(&place).map_err(Error::io("reading the folder", &place))? {
            let entry = entry.map_err(Error::io("reading the folder", &place))?;
            let kind = entry
                .file_type()
                .map_err(Error::io("reading the folder", &place))?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| Error::UnsafeTree {
                path: crate::model::printable(&name.to_string_lossy(), false),
                reason: "has a name that is no text".into(),
            })?;
            let path = if below.is_empty() {
                name.to_owned()
            } else {
                format!("{below}/{name}")
            };
            if kind.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// One of them.
pub(super) fn read(folder: &Path, path: &str) -> Result<Packed, Error> {
    let place = folder.join(path);
    let meta = fs::symlink_metadata(&place).map_err(Error::io("reading", &place))?;
    let (content, form) = if meta.is_symlink() {
        let target = fs::read_link(&place).map_err(Error::io("reading", &place))?;
        (target.as_os_str().as_bytes().to_vec(), Form::Link)
    } else {
        if meta.len() > MAX_FILE {
            return Err(Error::Limit {
                what: "the size of a file that is held against the commit".into(),
                limit: format!("{} MiB", MAX_FILE >> 20),
            });
        }
        let form = if meta.mode() & 0o111 == 0 {
            Form::Plain
        } else {
            Form::Executable
        };
        let content = fs::read(&place).map_err(Error::io("reading", &place))?;
        (content, form)
    };
    Ok(Packed {
        path: path.to_owned(),
        content,
        form,
    })
}
