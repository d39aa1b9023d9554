//! Source distributions that are zips. What is written is bounded as for the others, which
//! lies one module up; links are none that Python's `zipfile` makes, and are refused.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use zip::HasZipMetadata as _;

use super::{
    Error, MAX_ENTRIES, Pending, below_first_folder, finish, is_too_long, limit, make_folder,
    stamp, write_file,
};
use crate::store::archive::zip_seconds;

/// How a zip begins (APPNOTE 6.3.10, section 4.3.7).
const MAGIC: &[u8] = b"PK\x03\x04";

/// How the record begins with which a zip ends, its length without a comment, and the length of
/// the longest comment (section 4.3.16). Readers look for it from the end.
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
const MAX_COMMENT: usize = 0xffff;

/// The type of a file in the upper half of its external attributes (`sys/stat.h`, `S_IFMT`),
/// where Python puts the mode; 0 where the system has none.
const TYPE: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;

/// The mode of a file that has none in the archive.
const PLAIN: u32 = 0o644;

/// Whether a file begins as a zip does.
pub(super) fn is_one(archive: &Path) -> Result<bool, Error> {
    let mut head = Vec::new();
    let file = File::open(archive).map_err(Error::io("opening", archive))?;
    file.take(MAGIC.len() as u64)
        .read_to_end(&mut head)
        .map_err(Error::io("reading", archive))?;
    Ok(head == MAGIC)
}

/// Whether readers that look for the end of a zip find one in a file, whatever it begins with:
/// installers take it for a zip then (CPython, `Lib/zipfile`, `is_zipfile`).
pub(super) fn has_end_of_one(archive: &Path) -> Result<bool, Error> {
    let tail = tail(archive)?;
    Ok(tail.windows(END.len()).any(|bytes| bytes == END))
}

/// Whether a zip ends with its record and nothing else, so that all readers find the same.
fn ends_plainly(archive: &Path) -> Result<bool, Error> {
    let tail = tail(archive)?;
    let record = tail.len().checked_sub(END_LENGTH).map(|at| &tail[at..]);
    Ok(record.is_some_and(|record| record.starts_with(END) && record.ends_with(&[0, 0])))
}

fn tail(archive: &Path) -> Result<Vec<u8>, Error> {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(archive)?;
        let length = file.metadata()?.len();
        let longest = (END_LENGTH + MAX_COMMENT) as u64;
        file.seek(SeekFrom::Start(length.saturating_sub(longest)))?;
        let mut tail = Vec::new();
        file.take(longest).read_to_end(&mut tail)?;
        Ok(tail)
    };
    read().map_err(Error::io("reading", archive))
}

/// Unpacks a zip as [`super::unpack_sdist`] says. Its times are local ones without a zone, and
/// are taken as they are written: a wheel of the same build has them so too.
pub(super) fn unpack(
    archive: &Path,
    dest: &Path,
    malformed: &dyn Fn(io::Error) -> Error,
) -> Result<(), Error> {
    let broken = |error: zip::result::ZipError| malformed(error.into());
    let file = File::open(archive).map_err(Error::io("opening", archive))?;
    if !ends_plainly(archive)? {
        return Err(malformed(io::Error::other(
            "it does not end as a zip without a comment does",
        )));
    }
    let mut zip = zip::ZipArchive::new(io::BufReader::new(file)).map_err(broken)?;
    if zip.is_empty() {
        return Err(malformed(io::Error::other("it holds no members")));
    }
    if zip.len() > MAX_ENTRIES {
        return Err(limit("the number of members", MAX_ENTRIES.to_string()));
    }
    let mut pending = Pending::default();
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(broken)?;
        let name = member.name().map_err(broken)?.into_owned();
        let path = place_of(&name)?;
        if member.is_dir() {
            make_folder(&dest.join(path))?;
            continue;
        }
        let attributes = member.get_metadata().external_attributes >> 16;
        if ![0, REGULAR].contains(&(attributes & TYPE)) {
            return Err(refused(&name, "is neither file nor folder"));
        }
        if path.as_os_str().is_empty() {
            return Err(refused(&name, "is not below the archive's folder"));
        }
        let time = member.last_modified().map_or(0, zip_seconds);
        let mode = match attributes & 0o777 {
            0 => PLAIN,
            mode => mode | 0o600,
        };
        let place = dest.join(path);
        write_file(&mut member, &place, &mut pending, malformed)?;
        stamp::set_mode(&place, mode)?;
        stamp::set_time(&place, time)?;
    }
    finish(dest, pending)
}

/// Where a member goes, below the folder for all.
fn place_of(name: &str) -> Result<PathBuf, Error> {
    let path = Path::new(name);
    if name.contains(['\\', '\0']) || is_too_long(path) {
        return Err(refused(name, "has a name that no disk here has"));
    }
    below_first_folder(path).ok_or_else(|| refused(name, "leaves its folder"))
}

fn refused(name: &str, reason: &str) -> Error {
    Error::UnsafeTree {
        path: crate::model::printable(name, false),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::MetadataExt as _;

    use zip::write::SimpleFileOptions;

    use super::super::unpack_sdist;
    use super::*;

    /// Unpacks a zip of these members, each with its mode.
    fn unpacked(members: &[(&str, u32)]) -> (tempfile::TempDir, Result<(), Error>) {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("demo-1.0.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).expect("a file"));
        let time = zip::DateTime::from_date_and_time(2020, 1, 2, 3, 4, 6).expect("a time");
        for (name, mode) in members {
            let options = SimpleFileOptions::default()
                .last_modified_time(time)
                .unix_permissions(*mode);
            zip.start_file(*name, options).expect("a member");
            zip.write_all(b"text").expect("written");
        }
        zip.finish().expect("a zip");
        let result = unpack_sdist(&path, &dir.path().join("out"));
        (dir, result)
    }

    #[test]
    fn files_come_out_below_the_folder_with_their_modes_and_times() {
        let (dir, result) = unpacked(&[("demo-1.0/demo/a.py", 0o644), ("demo-1.0/run", 0o755)]);
        result.expect("unpacked");
        let stat = |name: &str| std::fs::metadata(dir.path().join("out").join(name));
        let (module, run) = (stat("demo/a.py").expect("a"), stat("run").expect("b"));
        assert_eq!((module.mode() & 0o777, run.mode() & 0o777), (0o644, 0o755));
        // 2020-01-02T03:04:06, whatever the zone.
        assert_eq!(module.mtime(), 1_577_934_246);
        assert_eq!(module.len(), 4);
    }

    #[test]
    fn what_would_be_written_elsewhere_is_refused() {
        for name in [
            "../x",
            "demo-1.0/../../x",
            "/etc/x",
            "demo-1.0\\..\\x",
            "setup.py",
        ] {
            let (dir, result) = unpacked(&[("demo-1.0/a", 0o644), (name, 0o644)]);
            let error = result.expect_err(name);
            assert!(matches!(error, Error::UnsafeTree { .. }), "{name}: {error}");
            assert!(!dir.path().join("x").exists());
        }
    }

    #[test]
    fn a_zip_that_readers_could_take_for_another_archive_is_refused() {
        let (dir, result) = unpacked(&[("demo-1.0/a", 0o644)]);
        result.expect("unpacked");
        let plain = std::fs::read(dir.path().join("demo-1.0.zip")).expect("read");
        let mut tarball = flate2::GzBuilder::new()
            .extra(plain.clone())
            .write(Vec::new(), flate2::Compression::none());
        tarball.write_all(&[0; 1024]).expect("written");
        let commented = [&plain[..plain.len() - 2], b"\x03\x00abc"].concat();
        for bytes in [commented, tarball.finish().expect("gzip")] {
            let path = dir.path().join("other");
            std::fs::write(&path, bytes).expect("written");
            let error = unpack_sdist(&path, &dir.path().join("again")).expect_err("refused");
            assert!(matches!(error, Error::MalformedArchive { .. }), "{error}");
        }
        assert!(!dir.path().join("again/a").exists());
    }

    #[test]
    fn what_is_no_whole_zip_is_malformed() {
        let dir = tempfile::tempdir().expect("tempdir");
        let path = dir.path().join("demo-1.0.zip");
        for bytes in [&b"PK\x03\x04 and no more"[..], b"no archive at all"] {
            std::fs::write(&path, bytes).expect("written");
            let error = unpack_sdist(&path, &dir.path().join("out")).expect_err("malformed");
            assert!(matches!(error, Error::MalformedArchive { .. }), "{error}");
        }
    }
}
