//! Bounded reading of named members out of archives that outsiders made: enough
//! for inference, never the comparison. Nothing is unpacked to disk.

mod times;
mod years;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use sha1::Digest as _;
use zip::HasZipMetadata as _;

use crate::model::{ArtifactKind, BlobId};
pub use years::Years;

/// All that may come out of one archive, in bytes: more than any package that
/// registries accept, less than what a bomb makes.
const MAX_INFLATED: u64 = 2 << 30;
/// The largest member that is read whole, in bytes: manifests and lock files are
/// far smaller.
const MAX_MEMBER: u64 = 8 << 20;
/// Members in one archive: the largest packages have some tens of thousands.
const MAX_MEMBERS: usize = 200_000;
/// The largest header about a member that is read, in bytes: an extended header that changes
/// a few values has some hundreds.
pub const MAX_HEADER: u64 = 1 << 20;
/// The most headers that a member has: its own, and those of a long name, of a long link and of
/// other values before it.
pub const HEADERS_OF_A_MEMBER: usize = 4;
/// The longest name of a member, in bytes (Linux, `PATH_MAX`).
pub const MAX_PATH: usize = 4096;

/// When a member was changed, and its mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStamp {
    /// The member's name as [`read_members`] gives it.
    pub name: String,
    /// Seconds since the Unix epoch; a zip's local time is read as if it were UTC.
    pub mtime: i64,
    /// Permission bits.
    pub mode: u32,
}

/// How the lines of a text end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// All with LF.
    Lf,
    /// All with CRLF.
    Crlf,
    /// Both occur, or there is no line, or it is no text (it holds a NUL, as git tells
    /// them apart: gitattributes(5), "text").
    Other,
}

impl LineEnds {
    /// The line ends of a whole text.
    pub fn of(text: &[u8]) -> Self {
        let mut counted = Counted::default();
        counted.add(text);
        counted.ends()
    }
}

/// Line ends that were seen so far.
#[derive(Default)]
struct Counted {
    lf: u64,
    crlf: u64,
    binary: bool,
    before: u8,
}

impl Counted {
    fn add(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            match byte {
                b'\n' if self.before == b'\r' => self.crlf += 1,
                b'\n' => self.lf += 1,
                0 => self.binary = true,
                _ => {}
            }
            self.before = byte;
        }
    }

    const fn ends(&self) -> LineEnds {
        match (self.lf, self.crlf) {
            _ if self.binary => LineEnds::Other,
            (1.., 0) => LineEnds::Lf,
            (0, 1..) => LineEnds::Crlf,
            _ => LineEnds::Other,
        }
    }
}

/// What is told of a member's content without keeping it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberContent {
    /// How its lines end.
    pub ends: LineEnds,
    /// What git calls it.
    pub blob: BlobId,
    /// Years that it names.
    pub years: Years,
    /// The first time, in seconds since the Unix epoch, that it names where it begins.
    pub time: Option<i64>,
}

/// The first time that a text names where it begins, in seconds since the Unix epoch.
pub fn first_time(text: &[u8]) -> Option<i64> {
    times::first(&text[..text.len().min(times::HEAD)])
}

/// Why an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be opened.
    #[error("cannot open it: {0}")]
    Open(std::io::Error),
    /// Not the archive that its name says, truncated, or corrupt.
    #[error("it is not a whole {expected}: {reason}")]
    Malformed {
        /// What its name says.
        expected: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// More than the limits allow.
    #[error("it exceeds the limit of {limit} {what}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// Two members of one name, one of which was asked for: which one a tool
    /// would take is not for us to guess.
    #[error("it holds the member `{0}` more than once")]
    Duplicate(String),
}

/// Reads the members that `wanted` asks for. A tarball's names are given without
/// their first component (the package's folder), as those of a source distribution that is a
/// zip, a wheel's whole.
///
/// # Errors
/// [`Error`] for anything but a whole archive within the limits.
pub fn read_members(
    path: &Path,
    kind: ArtifactKind,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut found = BTreeMap::new();
    visit(path, kind, &mut |stamp, size, content| {
        if !wanted(&stamp.name) {
            return Ok(());
        }
        if size > MAX_MEMBER {
            return Err(Error::Limit {
                what: "bytes in a member that must be read whole",
                limit: MAX_MEMBER,
            });
        }
        let mut bytes = Vec::new();
        content
            .take(MAX_MEMBER + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| malformed(kind, &error))?;
        match found.insert(stamp.name.clone(), bytes) {
            Some(_) => Err(Error::Duplicate(stamp.name.clone())),
            None => Ok(()),
        }
    })?;
    Ok(found)
}

/// Times and modes of every regular member, in the archive's order.
///
/// # Errors
/// [`Error`] for anything but a whole archive within the limits.
pub fn member_times(path: &Path, kind: ArtifactKind) -> Result<Vec<MemberStamp>, Error> {
    let mut stamps = Vec::new();
    visit(path, kind, &mut |stamp, _, _| {
        stamps.push(stamp.clone());
        Ok(())
    })?;
    Ok(stamps)
}

/// What is told of every regular member's content. Of two members of one name, the last
/// counts.
///
/// # Errors
/// [`Error`] for anything but a whole archive within the limits.
pub fn member_contents(
    path: &Path,
    kind: ArtifactKind,
) -> Result<BTreeMap<String, MemberContent>, Error> {
    let mut found = BTreeMap::new();
    visit(path, kind, &mut |stamp, size, content| {
        let (mut counted, mut hasher) = (Counted::default(), sha1::Sha1::new());
        let (mut seen, mut head) = (years::Seen::default(), Vec::new());
        hasher.update(format!("blob {size}\0"));
        let mut buffer = [0; 8192];
        loop {
            let count = content
                .read(&mut buffer)
                .map_err(|error| malformed(kind, &error))?;
            if count == 0 {
                break;
            }
            counted.add(&buffer[..count]);
            seen.add(&buffer[..count]);
            let wanted = times::HEAD.saturating_sub(head.len()).min(count);
            head.extend_from_slice(&buffer[..wanted]);
            hasher.update(&buffer[..count]);
        }
        let content = MemberContent {
            ends: counted.ends(),
            blob: BlobId::from_bytes(hasher.finalize().into()),
            years: seen.years(),
            time: first_time(&head),
        };
        found.insert(stamp.name.clone(), content);
        Ok(())
    })?;
    Ok(found)
}

/// The number of the system that every member of a zip says it was made on (APPNOTE
/// 6.3.10, section 4.4.2.2); none where they disagree, or it is no zip.
///
/// # Errors
/// [`Error`] for anything but a whole archive within the limits.
pub fn zip_system(path: &Path, kind: ArtifactKind) -> Result<Option<u8>, Error> {
    match kind {
        ArtifactKind::PureWheel | ArtifactKind::PlatformWheel => {}
        ArtifactKind::Crate
        | ArtifactKind::NpmTarball
        | ArtifactKind::Sdist
        | ArtifactKind::ZipSdist
        | ArtifactKind::Other => return Ok(None),
    }
    let file = File::open(path).map_err(Error::Open)?;
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|error| malformed(kind, &error))?;
    check_count(archive.len())?;
    let mut only = None;
    for index in 0..archive.len() {
        let member = archive
            .by_index_raw(index)
            .map_err(|error| malformed(kind, &error))?;
        let system = member.get_metadata().system as u8;
        if *only.get_or_insert(system) != system {
            return Ok(None);
        }
    }
    Ok(only)
}

type Visitor<'a> = dyn FnMut(&MemberStamp, u64, &mut dyn Read) -> Result<(), Error> + 'a;

fn visit(path: &Path, kind: ArtifactKind, visitor: &mut Visitor<'_>) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::Open)?;
    match kind {
        ArtifactKind::Crate | ArtifactKind::NpmTarball | ArtifactKind::Sdist => {
            visit_tar(file, kind, visitor)
        }
        ArtifactKind::PureWheel | ArtifactKind::PlatformWheel => visit_zip(file, kind, visitor),
        ArtifactKind::ZipSdist => visit_zip(file, kind, &mut |stamp, size, content| {
            let name = below_folder(&stamp.name).to_owned();
            let stamp = MemberStamp { name, ..*stamp };
            visitor(&stamp, size, content)
        }),
        ArtifactKind::Other => Err(Error::Malformed {
            expected: format_of(kind),
            reason: "remint reads no archives of this kind".into(),
        }),
    }
}

type Inflated<'a> = std::io::Take<MultiGzDecoder<BufReader<&'a File>>>;

/// One byte more than the limit: reading it is how the limit is noticed.
fn inflated(file: &File) -> tar::Archive<Inflated<'_>> {
    tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)).take(MAX_INFLATED + 1))
}

/// That this much was not more than may be inflated.
fn check_inflated(archive: tar::Archive<Inflated<'_>>) -> Result<(), Error> {
    if archive.into_inner().limit() == 0 {
        return Err(Error::Limit {
            what: "bytes when inflated",
            limit: MAX_INFLATED,
        });
    }
    Ok(())
}

/// Reads a tarball through once without keeping anything: no header about a member may be
/// large, since those are read into memory.
fn check_headers(file: &File, kind: ArtifactKind) -> Result<(), Error> {
    let mut archive = inflated(file);
    let mut count = 0;
    let entries = archive.entries().map_err(|error| malformed(kind, &error))?;
    for entry in entries.raw(true) {
        let entry = entry.map_err(|error| malformed(kind, &error))?;
        count += 1;
        check_count(count / HEADERS_OF_A_MEMBER)?;
        if is_large_header(&entry) {
            return Err(Error::Limit {
                what: "bytes in a header about a member",
                limit: MAX_HEADER,
            });
        }
    }
    check_inflated(archive)
}

/// Whether this is a header about a member (pax, POSIX.1-2017; GNU tar, "Basic Tar Format")
/// that is larger than any honest one.
pub fn is_large_header<R: Read>(entry: &tar::Entry<'_, R>) -> bool {
    let is_about_a_member = matches!(
        entry.header().entry_type(),
        tar::EntryType::XHeader
            | tar::EntryType::XGlobalHeader
            | tar::EntryType::GNULongName
            | tar::EntryType::GNULongLink
    );
    is_about_a_member && entry.size() > MAX_HEADER
}

fn visit_tar(mut file: File, kind: ArtifactKind, visitor: &mut Visitor<'_>) -> Result<(), Error> {
    check_headers(&file, kind)?;
    file.rewind().map_err(Error::Open)?;
    let mut archive = inflated(&file);
    let mut count = 0;
    for entry in archive.entries().map_err(|error| malformed(kind, &error))? {
        let mut entry = entry.map_err(|error| malformed(kind, &error))?;
        count += 1;
        check_count(count)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path_bytes();
        if path.len() > MAX_PATH {
            return Err(Error::Limit {
                what: "bytes in a member's name",
                limit: MAX_PATH as u64,
            });
        }
        let name = String::from_utf8_lossy(&path).into_owned();
        let stamp = MemberStamp {
            name: below_folder(&name).to_owned(),
            mtime: tar_time(&mut entry).unwrap_or(0),
            mode: entry.header().mode().unwrap_or(0),
        };
        let size = entry.size();
        visitor(&stamp, size, &mut entry)?;
    }
    check_inflated(archive)?;
    if count == 0 {
        return Err(Error::Malformed {
            expected: format_of(kind),
            reason: "it has no members".into(),
        });
    }
    Ok(())
}

/// A member's name without the archive's own folder.
fn below_folder(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

/// A tar member's modification time in whole seconds: that of its extended header, where
/// it has one, else the plain header's (POSIX.1-2017, pax, "pax Extended Header", mtime).
/// Source distributions made by Python 3.8 to 3.10 have their times in extended headers
/// alone, and 0 in the plain ones.
///
/// # Errors
/// What the headers have wrong.
pub fn tar_time<R: Read>(entry: &mut tar::Entry<'_, R>) -> std::io::Result<i64> {
    if let Some(records) = entry.pax_extensions()? {
        for record in records {
            let record = record?;
            if record.key_bytes() == b"mtime" {
                return in_range(whole_seconds(record.value_bytes())?);
            }
        }
    }
    in_range(i64::try_from(entry.header().mtime()?).unwrap_or(i64::MAX))
}

/// A time that a calendar has, so that whoever reckons with it need not fear for the number.
fn in_range(seconds: i64) -> std::io::Result<i64> {
    jiff::Timestamp::from_second(seconds)
        .map(jiff::Timestamp::as_second)
        .map_err(std::io::Error::other)
}

/// The second in which a decimal number of seconds lies.
fn whole_seconds(text: &[u8]) -> std::io::Result<i64> {
    let invalid = || std::io::Error::other("an extended header's mtime is no number of seconds");
    let text = std::str::from_utf8(text).map_err(|_| invalid())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let seconds: i64 = whole.parse().map_err(|_| invalid())?;
    let below = whole.starts_with('-') && fraction.bytes().any(|byte| byte != b'0');
    Ok(if below {
        seconds.saturating_sub(1)
    } else {
        seconds
    })
}

fn visit_zip(file: File, kind: ArtifactKind, visitor: &mut Visitor<'_>) -> Result<(), Error> {
    let mut archive =
        zip::ZipArchive::new(BufReader::new(file)).map_err(|error| malformed(kind, &error))?;
    check_count(archive.len())?;
    let mut inflated: u64 = 0;
    for index in 0..archive.len() {
        let mut member = archive
            .by_index(index)
            .map_err(|error| malformed(kind, &error))?;
        inflated = inflated.saturating_add(member.size());
        if inflated > MAX_INFLATED {
            return Err(Error::Limit {
                what: "bytes when inflated",
                limit: MAX_INFLATED,
            });
        }
        if member.is_dir() {
            continue;
        }
        let stamp = MemberStamp {
            name: member
                .name()
                .map_err(|error| malformed(kind, &error))?
                .into_owned(),
            mtime: member.last_modified().map_or(0, zip_seconds),
            // Python writes the mode whatever system it says that it is on.
            mode: member.get_metadata().external_attributes >> 16 & 0o777,
        };
        let size = member.size();
        visitor(&stamp, size, &mut member)?;
    }
    Ok(())
}

/// A zip's local date and time as seconds since the epoch, read as if it were UTC.
pub fn zip_seconds(time: zip::DateTime) -> i64 {
    let date = jiff::civil::DateTime::new(
        i16::try_from(time.year()).unwrap_or(1980),
        i8::try_from(time.month()).unwrap_or(1),
        i8::try_from(time.day()).unwrap_or(1),
        i8::try_from(time.hour()).unwrap_or(0),
        i8::try_from(time.minute()).unwrap_or(0),
        i8::try_from(time.second()).unwrap_or(0),
        0,
    );
    date.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
        .map_or(0, |zoned| zoned.timestamp().as_second())
}

fn check_count(count: usize) -> Result<(), Error> {
    if count > MAX_MEMBERS {
        return Err(Error::Limit {
            what: "members",
            limit: MAX_MEMBERS as u64,
        });
    }
    Ok(())
}

const fn format_of(kind: ArtifactKind) -> &'static str {
    match kind {
        ArtifactKind::Crate | ArtifactKind::NpmTarball | ArtifactKind::Sdist => "gzipped tarball",
        ArtifactKind::PureWheel | ArtifactKind::PlatformWheel | ArtifactKind::ZipSdist => {
            "zip archive"
        }
        ArtifactKind::Other => "archive",
    }
}

fn malformed(kind: ArtifactKind, error: &dyn std::error::Error) -> Error {
    Error::Malformed {
        expected: format_of(kind),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn tarball(members: &[(&str, &[u8])]) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(7);
            header.as_ustar_mut().expect("ustar").name[..name.len()]
                .copy_from_slice(name.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).expect("append");
        }
        tar.into_inner().expect("tar").finish().expect("gzip")
    }

    fn on_disk(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("temp");
        file.write_all(bytes).expect("write");
        file
    }

    fn read(bytes: &[u8], kind: ArtifactKind) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        read_members(on_disk(bytes).path(), kind, &|_| true)
    }

    #[test]
    fn a_time_in_an_extended_header_goes_before_the_plain_one() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("a-1.tar.gz");
        let gz = flate2::write::GzEncoder::new(
            File::create(&path).expect("create"),
            flate2::Compression::fast(),
        );
        let mut tar = tar::Builder::new(gz);
        for (name, time) in [("a-1/a", "1633732316.75"), ("a-1/b", "-0.5")] {
            tar.append_pax_extensions([("mtime", time.as_bytes())])
                .expect("append");
            let mut header = tar::Header::new_ustar();
            header.set_mtime(0);
            header.set_size(1);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, &b"x"[..])
                .expect("append");
        }
        tar.into_inner().expect("tar").finish().expect("gzip");
        let stamps = member_times(&path, ArtifactKind::Sdist).expect("reads");
        let times: Vec<i64> = stamps.iter().map(|stamp| stamp.mtime).collect();
        assert_eq!(times, [1_633_732_316, -1]);
    }

    #[test]
    fn a_time_that_no_calendar_has_is_none() {
        for text in ["-9223372036854775808", "9223372036854775807", "1e9", ""] {
            let read = whole_seconds(text.as_bytes()).and_then(in_range);
            assert!(read.is_err(), "{text}");
        }
        assert_eq!(in_range(1_633_732_316).expect("a time"), 1_633_732_316);
    }

    /// A tarball whose one member has a name of so many bytes, in a header of its own.
    fn with_long_name(length: u64) -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::GNULongName);
        header.set_size(length);
        header.set_cksum();
        tar.append(&header, std::io::repeat(0xff).take(length))
            .expect("append");
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.set_cksum();
        tar.append(&header, &b"x"[..]).expect("append");
        tar.into_inner().expect("tar").finish().expect("gzip")
    }

    #[test]
    fn a_header_that_would_fill_the_memory_is_refused_before_it_is_read() {
        let limit = |length| match read(&with_long_name(length), ArtifactKind::Crate) {
            Err(Error::Limit { limit, .. }) => Some(limit),
            Ok(_) | Err(_) => None,
        };
        assert_eq!(limit(MAX_HEADER + 1), Some(MAX_HEADER));
        assert_eq!(limit(MAX_PATH as u64 + 1), Some(MAX_PATH as u64));
        assert_eq!(limit(MAX_PATH as u64), None);
    }

    #[test]
    fn a_zip_says_which_system_it_was_made_on_and_has_modes_whichever_that_is() {
        let packed_on = |systems: &[zip::System]| {
            let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            for (number, system) in systems.iter().enumerate() {
                let options = zip::write::SimpleFileOptions::default()
                    .system(*system)
                    .unix_permissions(0o666);
                zip.start_file(number.to_string(), options).expect("start");
            }
            let file = on_disk(&zip.finish().expect("zip").into_inner());
            let kind = ArtifactKind::PureWheel;
            let stamps = member_times(file.path(), kind).expect("reads");
            assert!(stamps.iter().all(|stamp| stamp.mode == 0o666), "{stamps:?}");
            zip_system(file.path(), kind).expect("reads")
        };
        use zip::System::{Dos, Unix};
        assert_eq!(packed_on(&[Dos, Dos]), Some(0));
        assert_eq!(packed_on(&[Unix]), Some(3));
        assert_eq!(packed_on(&[Dos, Unix]), None);
        let tar = on_disk(&tarball(&[("a/b", b"x")]));
        assert_eq!(
            zip_system(tar.path(), ArtifactKind::Crate).expect("none"),
            None
        );
    }

    #[test]
    fn line_ends_are_told_and_a_file_with_a_nul_has_none() {
        for (text, ends) in [
            (&b"a\nb\n"[..], LineEnds::Lf),
            (b"a\r\nb\r\n", LineEnds::Crlf),
            (b"a\r\nb\n", LineEnds::Other),
            (b"a\r\n\0", LineEnds::Other),
            (b"a\rb", LineEnds::Other),
            (b"", LineEnds::Other),
        ] {
            assert_eq!(LineEnds::of(text), ends, "{text:?}");
        }
        // A line end that two chunks share.
        let mut counted = Counted::default();
        counted.add(b"a\r");
        counted.add(b"\n");
        assert_eq!(counted.ends(), LineEnds::Crlf);
    }

    #[test]
    fn members_of_a_tarball_are_named_below_its_folder() {
        let bytes = tarball(&[("demo-1.0/Cargo.toml", b"x")]);
        let found = read(&bytes, ArtifactKind::Crate).expect("reads");
        assert_eq!(found["Cargo.toml"], b"x");
        let stamps = member_times(on_disk(&bytes).path(), ArtifactKind::Crate).expect("reads");
        assert_eq!((stamps[0].mtime, stamps[0].mode), (7, 0o644));
    }

    #[test]
    fn members_of_a_wheel_keep_their_names_and_times() {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let time = zip::DateTime::from_date_and_time(2020, 2, 2, 0, 0, 0).expect("valid");
        let options = zip::write::SimpleFileOptions::default()
            .last_modified_time(time)
            .unix_permissions(0o664);
        zip.start_file("demo-1.dist-info/WHEEL", options)
            .expect("start");
        zip.write_all(b"w").expect("write");
        let bytes = zip.finish().expect("zip").into_inner();
        let found = read(&bytes, ArtifactKind::PureWheel).expect("reads");
        assert_eq!(found["demo-1.dist-info/WHEEL"], b"w");
        let stamps = member_times(on_disk(&bytes).path(), ArtifactKind::PureWheel).expect("reads");
        assert_eq!((stamps[0].mtime, stamps[0].mode), (1_580_601_600, 0o664));
    }

    #[test]
    fn what_is_no_archive_or_cut_short_is_said_to_be() {
        for kind in [ArtifactKind::Crate, ArtifactKind::PureWheel] {
            assert!(matches!(
                read(b"no archive", kind),
                Err(Error::Malformed { .. })
            ));
        }
        let whole = tarball(&[("demo/a", &[9; 4000]), ("demo/b", &[8; 4000])]);
        let cut = &whole[..whole.len() / 2];
        assert!(matches!(
            read(cut, ArtifactKind::Crate),
            Err(Error::Malformed { .. })
        ));
        assert!(matches!(
            read(&tarball(&[]), ArtifactKind::Crate),
            Err(Error::Malformed { .. })
        ));
    }

    #[test]
    fn a_member_that_is_there_twice_is_refused() {
        let bytes = tarball(&[("demo/a", b"1"), ("demo/a", b"2")]);
        assert!(matches!(
            read(&bytes, ArtifactKind::Crate),
            Err(Error::Duplicate(_))
        ));
    }

    #[test]
    fn a_member_past_the_limit_is_not_held_in_memory() {
        let large = vec![0; usize::try_from(MAX_MEMBER).expect("fits") + 1];
        let bytes = tarball(&[("demo/a", &large)]);
        assert!(matches!(
            read(&bytes, ArtifactKind::Crate),
            Err(Error::Limit { .. })
        ));
        assert!(read_members(on_disk(&bytes).path(), ArtifactKind::Crate, &|_| false).is_ok());
    }
}
