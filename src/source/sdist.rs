//! Unpacking a source distribution safely.
//!
//! Writes below the destination only. Regular files, folders, and links that
//! stay inside; everything is counted while it is written, since the archive's
//! own sizes are only its word.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

mod zip;

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::tree::{MAX_BYTES, MAX_ENTRIES};
use super::{Error, stamp};
use crate::store::archive::{HEADERS_OF_A_MEMBER, MAX_HEADER, MAX_PATH, is_large_header, tar_time};

/// The most that an archive may inflate to: what it may write, and as much again
/// for headers and padding.
const MAX_INFLATED: u64 = MAX_BYTES * 2;

/// The longest name of one file or folder, in bytes (Linux, `NAME_MAX`).
const MAX_NAME: usize = 255;

/// What is put on after everything is written.
#[derive(Default)]
struct Pending {
    /// Links by path, with their targets: written last, so that no file is ever
    /// written through one.
    links: BTreeMap<PathBuf, PathBuf>,
    /// Folders with their modes and times.
    folders: BTreeMap<PathBuf, (u32, i64)>,
    bytes: u64,
}

/// Unpacks the archive at `archive`, a zip by its first bytes or else a `.tar.gz`, into `dest`,
/// without its first folder, with the members' modes (without setuid, setgid and sticky) and
/// times.
///
/// # Errors
/// [`Error::MalformedArchive`], [`Error::UnsafeTree`], [`Error::Limit`],
/// [`Error::Io`].
pub fn unpack_sdist(archive: &Path, dest: &Path) -> Result<(), Error> {
    let name = archive.file_name().map_or_else(
        || "the archive".into(),
        |name| name.to_string_lossy().into_owned(),
    );
    let malformed = |error: io::Error| Error::MalformedArchive {
        archive: name.clone(),
        reason: error.to_string(),
    };
    fs::create_dir_all(dest).map_err(Error::io("creating the folder", dest))?;
    if zip::is_one(archive)? {
        return zip::unpack(archive, dest, &malformed);
    }
    if zip::has_end_of_one(archive)? {
        return Err(malformed(io::Error::other(
            "it is also a zip, and it depends on the reader which of the two is taken",
        )));
    }
    let open = || -> Result<_, Error> {
        let file = File::open(archive).map_err(Error::io("opening", archive))?;
        let inflated = MultiGzDecoder::new(io::BufReader::new(file));
        Ok(tar::Archive::new(inflated.take(MAX_INFLATED)))
    };
    check_headers(open()?, &malformed)?;
    let mut pending = Pending::default();
    let mut tar = open()?;
    for entry in tar.entries().map_err(malformed)? {
        unpack_member(
            &mut entry.map_err(malformed)?,
            dest,
            &mut pending,
            &malformed,
        )?;
    }
    finish(dest, pending)
}

/// Reads the archive through once without keeping anything: it must end as gzip
/// and tar say, hold members, and no header about a member may be large, since
/// those are read into memory.
fn check_headers<R: Read>(
    mut tar: tar::Archive<R>,
    malformed: &dyn Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let mut members = 0;
    for entry in tar.entries().map_err(malformed)?.raw(true) {
        let entry = entry.map_err(malformed)?;
        members += 1;
        if members > MAX_ENTRIES * HEADERS_OF_A_MEMBER {
            return Err(limit("the number of members", MAX_ENTRIES.to_string()));
        }
        if is_large_header(&entry) {
            return Err(limit(
                "a header of the source distribution",
                format!("{} KiB", MAX_HEADER >> 10),
            ));
        }
    }
    if members == 0 {
        return Err(malformed(io::Error::other("it holds no members")));
    }
    // gzip's checksum comes after the last byte (RFC 1952, section 2.3.1).
    io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(malformed)?;
    Ok(())
}

fn unpack_member<R: Read>(
    entry: &mut tar::Entry<'_, R>,
    dest: &Path,
    pending: &mut Pending,
    malformed: &dyn Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let kind = entry.header().entry_type();
    // Headers about the archive (pax, POSIX.1-2001) are no members.
    if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
        return Ok(());
    }
    let written = entry.path().map_err(malformed)?.into_owned();
    let refuse = |reason: &str| Error::UnsafeTree {
        path: crate::model::printable(&written.to_string_lossy(), false),
        reason: reason.to_owned(),
    };
    if is_too_long(&written) {
        return Err(refuse("has a name that is too long for a disk"));
    }
    let path = below_first_folder(&written).ok_or_else(|| refuse("leaves its folder"))?;
    if path.as_os_str().is_empty() {
        return match kind {
            EntryType::Directory => Ok(()),
            _ => Err(refuse("is not below the archive's folder")),
        };
    }
    let mode = entry.header().mode().map_err(malformed)? & 0o777;
    let time = tar_time(entry).map_err(malformed)?;
    let place = dest.join(&path);
    match kind {
        EntryType::Directory => {
            // Its owner must be able to write into it and remove it again.
            pending.folders.insert(path, (mode | 0o700, time));
            make_folder(&place)
        }
        EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
            pending.links.remove(&path);
            write_file(entry, &place, pending, malformed)?;
            stamp::set_mode(&place, mode | 0o600)?;
            stamp::set_time(&place, time)
        }
        EntryType::Symlink => {
            let target = entry
                .link_name()
                .map_err(malformed)?
                .ok_or_else(|| refuse("is a link to nothing"))?
                .into_owned();
            if is_too_long(&target) {
                return Err(refuse("is a link to a name that is too long for a disk"));
            }
            if !stays_inside(&path, &target) {
                return Err(refuse("is a link that leaves the source"));
            }
            pending.links.insert(path, target);
            Ok(())
        }
        _ => Err(refuse("is neither file, folder nor symbolic link")),
    }
}

fn write_file(
    content: &mut dyn Read,
    place: &Path,
    pending: &mut Pending,
    malformed: &dyn Fn(io::Error) -> Error,
) -> Result<(), Error> {
    if let Some(folder) = place.parent() {
        make_folder(folder)?;
    }
    // As tar does: of two members with one name the later one stays.
    let mut file = File::create(place).map_err(|e| conflict("writing", place, e))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = content.read(&mut buffer).map_err(malformed)?;
        if count == 0 {
            return Ok(());
        }
        pending.bytes += count as u64;
        if pending.bytes > MAX_BYTES {
            let limit_text = format!("{} GiB", MAX_BYTES >> 30);
            return Err(limit("the size of the source distribution", limit_text));
        }
        io::Write::write_all(&mut file, &buffer[..count]).map_err(Error::io("writing", place))?;
    }
}

fn make_folder(place: &Path) -> Result<(), Error> {
    fs::create_dir_all(place).map_err(|e| conflict("creating the folder", place, e))
}

/// One name as file and as folder is the archive's fault and not the disk's.
fn conflict(doing: &'static str, place: &Path, error: io::Error) -> Error {
    use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    match error.kind() {
        AlreadyExists | IsADirectory | NotADirectory => {
            unsafe_link(place, "is in the archive as two different kinds")
        }
        _ => Error::io(doing, place)(error),
    }
}

fn unsafe_link(place: &Path, reason: &str) -> Error {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    Error::UnsafeTree {
        path: crate::model::printable(&name, false),
        reason: reason.to_owned(),
    }
}

/// Links, then the folders' modes and times, the deepest first. No link is made
/// through another one, and a chain of links that leaves the source after all
/// is taken away again.
fn finish(dest: &Path, pending: Pending) -> Result<(), Error> {
    let root = fs::canonicalize(dest).map_err(Error::io("reading the folder", dest))?;
    for path in pending.links.keys() {
        if path
            .ancestors()
            .skip(1)
            .any(|a| pending.links.contains_key(a))
        {
            return Err(unsafe_link(path, "is a link below a link"));
        }
    }
    for (path, target) in &pending.links {
        let place = dest.join(path);
        if let Some(folder) = place.parent() {
            make_folder(folder)?;
        }
        symlink(target, &place).map_err(|e| conflict("linking", &place, e))?;
    }
    for path in pending.links.keys() {
        let place = dest.join(path);
        if fs::canonicalize(&place).is_ok_and(|real| !real.starts_with(&root)) {
            fs::remove_file(&place).map_err(Error::io("removing", &place))?;
            return Err(unsafe_link(path, "is a link that leaves the source"));
        }
    }
    for (path, (mode, time)) in pending.folders.iter().rev() {
        let place = dest.join(path);
        stamp::set_mode(&place, *mode)?;
        stamp::set_time(&place, *time)?;
    }
    Ok(())
}

fn limit(what: &str, limit: String) -> Error {
    Error::Limit {
        what: what.to_owned(),
        limit,
    }
}

fn is_too_long(path: &Path) -> bool {
    let has_long_name = || path.iter().any(|name| name.len() > MAX_NAME);
    path.as_os_str().len() > MAX_PATH || has_long_name()
}

/// The path without its first folder; `None` for absolute paths and `..`.
fn below_first_folder(path: &Path) -> Option<PathBuf> {
    let mut plain = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => plain.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain.into_iter().skip(1).collect())
}

/// Whether a link at `path` with `target` names something below the root,
/// taken step by step.
fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count() - 1;
    for component in target.components() {
        match component {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    !target.as_os_str().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    enum Member<'a> {
        File(&'a str, &'a [u8], u32),
        Folder(&'a str, u32),
        Link(&'a str, &'a str),
        HardLink(&'a str, &'a str),
    }
    use Member::{File as F, Folder as D, HardLink as H, Link as L};

    const TIME: u64 = 1_600_000_001;

    /// Writes an archive by hand, since no tool writes hostile ones.
    fn archive(dir: &Path, members: &[Member<'_>]) -> PathBuf {
        let path = dir.join("x-1.tar.gz");
        let mut tar = builder(&path);
        for member in members {
            let mut header = tar::Header::new_ustar();
            let (name, data, mode, kind, link): (_, &[u8], _, _, _) = match member {
                F(name, data, mode) => (*name, *data, *mode, EntryType::Regular, None),
                D(name, mode) => (*name, &[], *mode, EntryType::Directory, None),
                L(name, to) => (*name, &[], 0o777, EntryType::Symlink, Some(*to)),
                H(name, to) => (*name, &[], 0o644, EntryType::Link, Some(*to)),
            };
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            if let Some(to) = link {
                header.as_old_mut().linkname[..to.len()].copy_from_slice(to.as_bytes());
            }
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_mtime(TIME);
            header.set_size(data.len() as u64);
            header.set_cksum();
            tar.append(&header, data).expect("append");
        }
        tar.into_inner().expect("tar").finish().expect("gzip");
        path
    }

    fn unpack(members: &[Member<'_>]) -> (tempfile::TempDir, Result<(), Error>) {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = archive(dir.path(), members);
        let result = unpack_sdist(&path, &dir.path().join("out"));
        (dir, result)
    }

    #[test]
    fn members_keep_content_mode_and_time() {
        let (dir, result) = unpack(&[
            D("x-1/", 0o755),
            D("x-1/src/", 0o750),
            F("x-1/src/a.py", b"a = 1\n", 0o4755),
            F("x-1/PKG-INFO", b"Name: x\n", 0o600),
            L("x-1/link.py", "src/a.py"),
        ]);
        result.expect("unpacks");
        let out = dir.path().join("out");
        let meta = fs::metadata(out.join("src/a.py")).expect("there");
        assert_eq!(meta.mode() & 0o7777, 0o755, "setuid is dropped");
        assert_eq!(meta.mtime(), TIME as i64);
        let folder = fs::metadata(out.join("src")).expect("there");
        assert_eq!(
            (folder.mode() & 0o777, folder.mtime()),
            (0o750, TIME as i64)
        );
        assert_eq!(fs::read(out.join("link.py")).expect("there"), b"a = 1\n");
        assert_eq!(fs::read(out.join("PKG-INFO")).expect("there"), b"Name: x\n");
    }

    #[test]
    fn nothing_is_written_outside_the_destination() {
        let hostile: &[&[Member<'_>]] = &[
            &[F("x-1/../../evil", b"x", 0o644)],
            &[F("/evil", b"x", 0o644), L("/x-1", "/")],
            &[L("x-1/l", "/etc"), F("x-1/l/evil", b"x", 0o644)],
            &[L("x-1/l", "../.."), F("x-1/l/evil", b"x", 0o644)],
            &[L("x-1/l", "sub"), L("x-1/l/m", "x")],
            // Each link alone looks as if it stayed inside.
            &[
                D("x-1/a/b/c", 0o755),
                D("x-1/top", 0o755),
                L("x-1/a/b/c/l", "../../../top"),
                L("x-1/m", "a/b/c/l/../.."),
            ],
            &[H("x-1/h", "../../etc/passwd")],
            &[F("x-1", b"x", 0o644)],
        ];
        for (index, members) in hostile.iter().enumerate() {
            let (dir, result) = unpack(members);
            if let Ok(()) = result {
                // What is not refused must have stayed inside.
                assert_eq!(index, 1, "archive {index} was accepted");
            } else {
                assert!(
                    matches!(result, Err(Error::UnsafeTree { .. })),
                    "archive {index}: {result:?}"
                );
            }
            let outside: Vec<_> = fs::read_dir(dir.path())
                .expect("read")
                .map(|e| e.expect("entry").file_name())
                .filter(|n| n != "out" && n != "x-1.tar.gz")
                .collect();
            assert_eq!(outside, [""; 0], "archive {index}");
        }
    }

    #[test]
    fn one_name_as_file_and_folder_is_the_archives_fault() {
        for members in [
            [F("x-1/a", b"x", 0o644), F("x-1/a/b", b"x", 0o644)],
            [D("x-1/a", 0o755), F("x-1/a", b"x", 0o644)],
            [F("x-1/a", b"x", 0o644), L("x-1/a", "b")],
        ] {
            let (_dir, result) = unpack(&members);
            let error = result.expect_err("a conflict");
            assert!(!error.is_farm_fault(), "{error}");
        }
    }

    #[test]
    fn a_truncated_or_foreign_archive_is_told() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = archive(dir.path(), &[F("x-1/a", &[7; 100_000], 0o644)]);
        let whole = fs::read(&path).expect("read");
        let mut damaged = whole.clone();
        // The checksum at the end.
        let at = damaged.len() - 6;
        damaged[at] ^= 1;
        for bytes in [
            &whole[..whole.len() - 4],
            &whole[..40],
            &damaged,
            b"PK\x03\x04zip",
            b"",
        ] {
            fs::write(&path, bytes).expect("write");
            let result = unpack_sdist(&path, &dir.path().join("out"));
            assert!(
                matches!(result, Err(Error::MalformedArchive { .. })),
                "{} bytes: {result:?}",
                bytes.len()
            );
        }
    }

    fn builder(path: &Path) -> tar::Builder<flate2::write::GzEncoder<File>> {
        let file = File::create(path).expect("create");
        let gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        tar::Builder::new(gzip)
    }

    #[test]
    fn a_header_that_would_fill_the_memory_is_refused() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("x-1.tar.gz");
        let mut tar = builder(&path);
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(EntryType::XHeader);
        header.set_size(MAX_HEADER + 1);
        header.set_cksum();
        tar.append(&header, io::repeat(b'a').take(MAX_HEADER + 1))
            .expect("append");
        tar.into_inner().expect("tar").finish().expect("gzip");
        let result = unpack_sdist(&path, &dir.path().join("out"));
        assert!(matches!(result, Err(Error::Limit { .. })), "{result:?}");
    }

    #[test]
    fn a_name_that_no_disk_takes_is_the_archives_fault() {
        let unpacked = |name: &str, target: Option<&str>| {
            let dir = tempfile::tempdir().expect("tempdir");
            let path = dir.path().join("x-1.tar.gz");
            let mut tar = builder(&path);
            let mut header = tar::Header::new_gnu();
            header.set_size(0);
            header.set_mode(0o644);
            match target {
                Some(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    tar.append_link(&mut header, name, target).expect("append");
                }
                None => tar
                    .append_data(&mut header, name, io::empty())
                    .expect("append"),
            }
            tar.into_inner().expect("tar").finish().expect("gzip");
            unpack_sdist(&path, &dir.path().join("out"))
        };
        let refused = |result| matches!(result, Err(Error::UnsafeTree { .. }));
        let name = |length: usize| format!("x-1/{}", "n".repeat(length));
        assert!(unpacked(&name(MAX_NAME), None).is_ok());
        assert!(refused(unpacked(&name(MAX_NAME + 1), None)));
        assert!(refused(unpacked(
            &format!("x-1/{}n", "d/".repeat(MAX_PATH / 2)),
            None
        )));
        assert!(refused(unpacked(
            "x-1/link",
            Some(&"n".repeat(MAX_NAME + 1))
        )));
    }
}
