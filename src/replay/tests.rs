//! What replay makes equal, and that no payload comes through with it.

use std::io::Write as _;
use std::path::PathBuf;

use flate2::{Compression, GzBuilder};

use super::*;
use crate::compare::{Request, compare};
use crate::model::{Comparison, Compressor, DeflateFamily};

#[derive(Clone)]
struct File {
    name: &'static str,
    content: Vec<u8>,
    mode: u32,
    mtime: u64,
    user: &'static str,
}

fn files() -> Vec<File> {
    // Enough of it that a memory level shows.
    let long: String = (0..40_000u32)
        .map(|i| format!("{} ", i.wrapping_mul(2_654_435_761) >> 12))
        .collect();
    [("x/a", "one\n"), ("x/b", "two\n"), ("x/c", &long)]
        .map(|(name, content)| File {
            name,
            content: content.as_bytes().to_vec(),
            mode: 0o644,
            mtime: 1_500_000_000,
            user: "me",
        })
        .to_vec()
}

fn tar_of(files: &[File]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for file in files {
        let mut header = ::tar::Header::new_ustar();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_mtime(file.mtime);
        header.set_uid(1000);
        header.set_gid(1000);
        header.set_username(file.user).expect("short");
        builder
            .append_data(&mut header, file.name, file.content.as_slice())
            .expect("memory");
    }
    builder.into_inner().expect("memory")
}

/// A gzip file as the reference zlib writes it.
fn tgz(files: &[File], level: u8, mem_level: u8, os: u8) -> Vec<u8> {
    let content = tar_of(files);
    let compressor = Compressor {
        family: DeflateFamily::Zlib,
        level,
        mem_level,
    };
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, os];
    bytes.extend(deflate::compress(compressor, &content).expect("compresses"));
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    bytes.extend_from_slice(&crc.sum().to_le_bytes());
    bytes.extend_from_slice(&crc.amount().to_le_bytes());
    bytes
}

fn wheel(files: &[File], level: i64) -> Vec<u8> {
    let mut zip = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for file in files {
        let second = u8::try_from(file.mtime % 30 * 2).expect("below 60");
        let time = ::zip::DateTime::from_date_and_time(2020, 2, 2, 0, 0, second).expect("a time");
        let options = ::zip::write::SimpleFileOptions::default()
            .last_modified_time(time)
            .unix_permissions(file.mode)
            .compression_level(Some(level));
        zip.start_file(file.name, options).expect("a name");
        zip.write_all(&file.content).expect("memory");
    }
    zip.finish().expect("memory").into_inner()
}

/// The facts with which `rebuilt` became the same bytes as `published`; none where it
/// did not.
fn made_equal(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Option<Vec<ReplayedFact>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let (a, b) = (at("a", published), at("b", rebuilt));
    let released = "2021-01-01T00:00:00Z".parse().ok();
    let Outcome::Whole(replayed) = replay(&a, &b, kind, released, None).expect("readable")? else {
        return None;
    };
    let c = at("c", &replayed.bytes);
    match compare(&Request::new(&a, &c, kind)).expect("readable") {
        Comparison::Identical { .. } => Some(replayed.facts),
        Comparison::Differs(_) => None,
    }
}

fn crates(published: &[u8], rebuilt: &[u8]) -> Option<Vec<ReplayedFact>> {
    made_equal(published, rebuilt, ArtifactKind::Crate)
}

fn wheels(published: &[u8], rebuilt: &[u8]) -> Option<Vec<ReplayedFact>> {
    made_equal(published, rebuilt, ArtifactKind::PureWheel)
}

#[test]
fn a_compressor_a_gzip_header_times_owners_and_modes_are_put_on_a_tarball() {
    let plain = tgz(&files(), 9, 8, 255);
    assert_eq!(
        crates(&tgz(&files(), 9, 9, 255), &plain).expect("equal"),
        [ReplayedFact::Compressor(Compressor {
            family: DeflateFamily::Zlib,
            level: 9,
            mem_level: 9
        })]
    );
    assert_eq!(
        crates(&tgz(&files(), 9, 8, 19), &plain).expect("equal"),
        [ReplayedFact::GzipHeader {
            mtime: 0,
            xfl: 2,
            os: 19
        }]
    );
    let mut published = files();
    published[0].mtime = 1_600_000_000;
    published[1].user = "runner";
    published[2].mode = 0o664;
    let facts = crates(&tgz(&published, 9, 8, 255), &plain).expect("equal");
    assert_eq!(
        facts,
        [
            ReplayedFact::MemberTimes {
                members: 1,
                earliest: 1_600_000_000,
                latest: 1_600_000_000,
                fractions: 0
            },
            ReplayedFact::MemberOwners {
                owners: vec!["1000:1000 runner:".into()]
            },
            ReplayedFact::MemberModes { members: 1 },
        ]
    );
}

#[test]
fn a_mode_in_a_tarball_has_the_type_of_a_file_or_none() {
    let plain = tgz(&files(), 9, 8, 255);
    let of_type = |bits: u32| {
        let mut published = files();
        published[2].mode |= bits;
        crates(&tgz(&published, 9, 8, 255), &plain)
    };
    assert!(of_type(0o100_000).is_some());
    for bits in [0o040_000, 0o120_000, 0o010_000, 0o170_000] {
        assert!(of_type(bits).is_none(), "{bits:o}");
    }
}

#[test]
fn the_other_spelling_of_the_magic_is_put_on_every_header_or_on_none() {
    let gnu = |which: &[usize], magic: &[u8; 8]| {
        let mut content = tar_of(&files());
        let offsets = [0, 1024, 2048];
        for &nth in which {
            let header = &mut content[offsets[nth]..offsets[nth] + 512];
            header[257..265].copy_from_slice(magic);
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
            header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::new(9));
        gzip.write_all(&content).expect("memory");
        gzip.finish().expect("memory")
    };
    let plain = gnu(&[], b"ustar  \0");
    let facts = crates(&gnu(&[0, 1, 2], b"ustar  \0"), &plain).expect("equal");
    assert_eq!(facts, [ReplayedFact::HeaderFormat { members: 3 }]);
    assert_eq!(crates(&gnu(&[0, 2], b"ustar  \0"), &plain), None);
    assert_eq!(crates(&gnu(&[0, 1, 2], b"payload\0"), &plain), None);
}

/// A source distribution as Python's tarfile writes it: the time of each file in an
/// extended header, and the nearest second in the plain one.
struct Packed {
    times: [&'static str; 3],
    plain: fn(&str) -> u64,
    device: &'static [u8; 16],
    comment: Option<&'static str>,
}

impl Packed {
    const fn at(times: [&'static str; 3]) -> Self {
        Self {
            times,
            plain: nearest,
            device: &[0; 16],
            comment: None,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut content = Vec::new();
        for (file, time) in files().iter().zip(self.times) {
            let mut records = record("mtime", time);
            records.extend(self.comment.iter().flat_map(|text| record("comment", text)));
            self.member(&mut content, b'x', "././@PaxHeader", 0, &records);
            self.member(
                &mut content,
                b'0',
                file.name,
                (self.plain)(time),
                &file.content,
            );
        }
        content.resize(content.len() + 1024, 0);
        let mut gzip = GzBuilder::new().write(Vec::new(), Compression::new(9));
        gzip.write_all(&content).expect("memory");
        gzip.finish().expect("memory")
    }

    fn member(&self, out: &mut Vec<u8>, kind: u8, name: &str, mtime: u64, content: &[u8]) {
        let mut header = ::tar::Header::new_ustar();
        header.set_path(name).expect("short");
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(mtime);
        header.as_mut_bytes()[156] = kind;
        header.as_mut_bytes()[329..345].copy_from_slice(self.device);
        header.set_cksum();
        out.extend_from_slice(header.as_bytes());
        out.extend_from_slice(content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
}

fn nearest(time: &str) -> u64 {
    time.parse::<f64>().expect("a number").round() as u64
}

fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    // Of the lengths of these tests, all have two digits.
    format!("{}{rest}", rest.len() + 2).into_bytes()
}

fn sdists(published: &Packed, rebuilt: &Packed) -> Option<Vec<ReplayedFact>> {
    made_equal(&published.bytes(), &rebuilt.bytes(), ArtifactKind::Sdist)
}

const REBUILT: Packed = Packed::at(["1700000000.0"; 3]);

#[test]
fn times_with_a_fraction_are_put_on_within_a_few_minutes_and_counted() {
    let close = ["1600000000.1234567", "1600000255.5", "1500000000.0"];
    assert_eq!(
        sdists(&Packed::at(close), &REBUILT).expect("equal"),
        [ReplayedFact::MemberTimes {
            members: 3,
            earliest: 1_500_000_000,
            latest: 1_600_000_255,
            fractions: 2
        }]
    );
    for outside in [
        // Together they would say more than whole seconds do.
        ["1600000000.1234567", "1600000256.5", "1600000000.5"],
        // There are more fractions before 2004, and more whole seconds.
        ["1073741823.5", "1073741823.5", "1073741823.5"],
        ["1073741823.0", "1600000000.5", "1600000000.5"],
        // A day after the release.
        ["1609545601.0", "1600000000.5", "1600000000.5"],
        // In no spelling of Python's.
        ["1600000000.50", "1600000000.5", "1600000000.5"],
    ] {
        assert_eq!(sdists(&Packed::at(outside), &REBUILT), None, "{outside:?}");
    }
}

#[test]
fn what_else_an_extended_header_says_is_never_taken_from_the_published_file() {
    let payload = Packed {
        comment: Some("payload-payload"),
        ..Packed::at(["1600000000.5"; 3])
    };
    assert_eq!(sdists(&payload, &REBUILT), None);
    // The plain time follows from the other one, or is left out everywhere.
    let own: fn(&str) -> u64 = |_| 1_234_567_890;
    let shifted: fn(&str) -> u64 = |time| nearest(time) + 1;
    let sometimes: fn(&str) -> u64 = |time| {
        if time.ends_with(".5") {
            0
        } else {
            nearest(time)
        }
    };
    for plain in [own, shifted, sometimes] {
        let times = ["1600000000.5", "1600000000.0", "1600000000.0"];
        let published = Packed {
            plain,
            ..Packed::at(times)
        };
        assert_eq!(sdists(&published, &REBUILT), None);
    }
}

#[test]
fn how_older_pythons_write_headers_is_put_on_a_whole_archive() {
    let old = Packed {
        plain: |_| 0,
        device: b"0000000\x000000000\0",
        ..Packed::at(["1600000000.5"; 3])
    };
    let facts = sdists(&old, &REBUILT).expect("equal");
    assert!(matches!(
        facts[..],
        [
            ReplayedFact::MemberTimes {
                members: 3,
                fractions: 3,
                ..
            },
            ReplayedFact::HeaderFormat { members: 6 }
        ]
    ));
    let payload = Packed {
        device: b"0000007\x000000007\0",
        ..Packed::at(["1600000000.5"; 3])
    };
    assert_eq!(sdists(&payload, &REBUILT), None);
}

#[test]
fn a_compressor_times_and_modes_are_put_on_a_wheel() {
    let plain = wheel(&files(), 6);
    let mut published = files();
    published[0].mtime += 1;
    published[2].mode = 0o664;
    let facts = wheels(&wheel(&published, 6), &plain).expect("equal");
    assert!(matches!(
        facts[..],
        [
            ReplayedFact::MemberTimes { members: 1, .. },
            ReplayedFact::MemberModes { members: 1 }
        ]
    ));
}

#[test]
fn the_compressor_of_a_wheel_is_the_one_that_makes_every_member() {
    // Nothing in it repeats, so that most levels make the same of it.
    let mut state = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 25) as u8
    })
    .take(20_000)
    .collect();
    let text = (0..3_000u32)
        .flat_map(|i| format!("{} {}\n", i % 977, i % 31).into_bytes())
        .collect();
    let mut members = files();
    members.truncate(2);
    members[0].content = noise.clone();
    members[1].content = text;
    let compressor = |level| Compressor {
        family: DeflateFamily::ZlibRs06,
        level,
        mem_level: 8,
    };
    let stream = deflate::compress(compressor(8), &noise).expect("compresses");
    let of_one = deflate::identify(&noise, &stream, None, |_| true).expect("some");
    assert_ne!(of_one.level, 8, "it tells the level by itself");
    assert_eq!(
        wheels(&wheel(&members, 8), &wheel(&members, 1)).expect("equal"),
        [ReplayedFact::Compressor(compressor(8))]
    );
}

#[test]
fn content_names_order_count_and_exec_bits_are_never_taken_from_the_published_file() {
    let changes: [fn(&mut Vec<File>); 6] = [
        |files| files[0].content = b"evi\n".to_vec(),
        |files| files[1].name = "x/e",
        |files| files.swap(0, 1),
        |files| {
            files.pop();
        },
        |files| files[1].mode = 0o755,
        |files| files.push(files[0].clone()),
    ];
    for change in changes {
        let mut published = files();
        // Beside it, what would be replayed by itself.
        published[0].mtime += 10;
        change(&mut published);
        let plain = tgz(&files(), 9, 8, 255);
        assert_eq!(crates(&tgz(&published, 9, 8, 255), &plain), None);
        assert_eq!(crates(&tgz(&published, 9, 9, 3), &plain), None);
        if published.len() < 4 {
            assert_eq!(wheels(&wheel(&published, 6), &wheel(&files(), 6)), None);
        }
    }
}

#[test]
fn a_time_after_the_release_and_a_name_that_is_none_are_left_alone() {
    let plain = tgz(&files(), 9, 8, 255);
    let with = |change: fn(&mut File)| {
        let mut published = files();
        change(&mut published[0]);
        crates(&tgz(&published, 9, 8, 255), &plain)
    };
    // 2021-01-02T00:00:00Z is a day after the release.
    assert!(with(|file| file.mtime = 1_609_545_600).is_some());
    assert!(with(|file| file.mtime = 1_609_545_601).is_none());
    assert!(with(|file| file.user = "rm -rf").is_none());
}

#[test]
fn what_can_hide_bytes_in_a_gzip_file_is_left_alone() {
    let plain = tgz(&files(), 9, 8, 255);
    let mut commented = GzBuilder::new()
        .comment("payload")
        .write(Vec::new(), Compression::new(9));
    commented.write_all(&tar_of(&files())).expect("memory");
    assert_eq!(crates(&commented.finish().expect("memory"), &plain), None);
    let trailing = [&tgz(&files(), 9, 9, 255)[..], b"payload"].concat();
    assert_eq!(crates(&trailing, &plain), None);
}

#[test]
fn a_gzip_file_with_a_name_is_replayed_only_where_the_build_wrote_that_name_itself() {
    let named = |name: &str, mtime: u64| {
        let mut files = files();
        files[0].mtime = mtime;
        let mut gzip = GzBuilder::new()
            .filename(name)
            .write(Vec::new(), Compression::new(9));
        gzip.write_all(&tar_of(&files)).expect("memory");
        gzip.finish().expect("memory")
    };
    let ours = named("x.crate", 1_500_000_000);
    assert!(crates(&named("x.crate", 1_600_000_000), &ours).is_some());
    assert_eq!(crates(&named("payload", 1_600_000_000), &ours), None);
    assert_eq!(
        crates(&named("x.crate", 1_600_000_000), &tgz(&files(), 9, 8, 255)),
        None
    );
    // The name ends the header: what is said to be one and is not is no header.
    let mut endless = tgz(&files(), 9, 8, 255)[..10].to_vec();
    endless[3] = 8;
    endless.extend([b'x'; 64]);
    assert_eq!(crates(&endless, &ours), None);
}

#[test]
fn nothing_is_replayed_on_what_is_the_same_or_no_archive() {
    let plain = tgz(&files(), 9, 8, 255);
    assert_eq!(crates(&plain, &plain), None);
    for bad in [&b""[..], b"no archive", &plain[..40], &[0x1f, 0x8b, 8, 0]] {
        assert_eq!(crates(bad, &plain), None);
        assert_eq!(crates(&plain, bad), None);
        assert_eq!(wheels(bad, &wheel(&files(), 6)), None);
    }
}

#[test]
fn which_zlib_a_cargo_packed_with_is_told_from_the_stream() {
    use DeflateFamily::{Zlib, ZlibRs06};
    let content: Vec<u8> = (0..40_000u32)
        .flat_map(|i| format!("{} {}\n", i % 977, i % 31).into_bytes())
        .collect();
    let packed = |family, level| {
        let compressor = Compressor {
            family,
            level,
            mem_level: 8,
        };
        let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255];
        file.extend(deflate::compress(compressor, &content).expect("compresses"));
        let mut sum = flate2::Crc::new();
        sum.update(&content);
        file.extend(sum.sum().to_le_bytes());
        file.extend(sum.amount().to_le_bytes());
        file
    };
    for family in [Zlib, ZlibRs06] {
        assert_eq!(tarball::cargo_zlib(&packed(family, 9)), Some(family));
        assert_eq!(tarball::cargo_zlib(&packed(family, 6)), None, "{family:?}");
    }
    assert_eq!(tarball::cargo_zlib(b"no gzip file"), None);
}

/// A tarball with a stream that no compressor here writes: stored blocks (RFC 1951, section
/// 3.2.4) of an odd length.
fn stored(files: &[File], xfl: u8) -> Vec<u8> {
    let content = tar_of(files);
    let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, xfl, 255];
    bytes.extend(stored_stream(&content));
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    bytes.extend_from_slice(&crc.sum().to_le_bytes());
    bytes.extend_from_slice(&crc.amount().to_le_bytes());
    bytes
}

fn stored_stream(content: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut blocks = content.chunks(1001).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("short");
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    stream
}

/// The tar that is left to be compressed elsewhere.
fn left_to_compress(published: &[u8], rebuilt: &[u8]) -> Option<Uncompressed> {
    let bounds = Bounds {
        latest: FAR,
        likely: None,
    };
    match tarball::replay(published, rebuilt, &bounds)? {
        Outcome::Whole(_) => None,
        Outcome::Uncompressed(tar) => Some(tar),
    }
}

#[test]
fn a_tar_whose_published_stream_nothing_here_writes_is_left_to_what_packs() {
    let mut published = files();
    published[0].mtime = 1_400_000_000;
    let (theirs, ours) = (stored(&published, 2), stored(&files(), 2));
    let tar = left_to_compress(&theirs, &ours).expect("a tar");
    assert_eq!(tar.content(), tar_of(&published));
    // What comes of it is the published file where it is compressed alike, and not else.
    let stream = stored_stream(tar.content());
    let made = tar.with(&stream).expect("the tar's stream");
    assert_eq!(made.bytes, theirs);
    assert!(matches!(
        made.facts[..],
        [ReplayedFact::MemberTimes { members: 1, .. }]
    ));
    // A stream of anything else, or of more than the tar, is none.
    let other = stored_stream(&tar_of(&files()));
    let longer = [&stream[..], b"x"].concat();
    for stream in [&other[..], &longer, &stream[..stream.len() - 1], b""] {
        let again = left_to_compress(&theirs, &ours).expect("a tar");
        assert!(again.with(stream).is_none());
    }
    // One that is written here needs nothing.
    let plain = tgz(&published, 9, 8, 255);
    assert!(left_to_compress(&plain, &ours).is_none());
}

#[test]
fn what_is_left_to_compress_has_the_rebuilt_files_content_and_level_alone() {
    let mut published = files();
    published[0].mtime = 1_400_000_000;
    let level = |xfl| {
        let tar = left_to_compress(&stored(&published, 2), &stored(&files(), xfl));
        tar.expect("a tar").level()
    };
    assert_eq!([level(2), level(0), level(4)], [9, 6, 6]);
    // The same tar compressed by the same comes to the same, so nothing is left to do.
    let other = tgz(&files(), 9, 8, 255);
    assert!(left_to_compress(&stored(&files(), 2), &other).is_none());
    // Other content of the published file's never comes along.
    let mut content = published.clone();
    content[0].content = b"evi\n".to_vec();
    let tar = left_to_compress(&stored(&content, 2), &stored(&files(), 2)).expect("a tar");
    assert_eq!(tar.content(), tar_of(&published));
    let mut acting = published;
    acting[0].mode = 0o755;
    assert!(left_to_compress(&stored(&acting, 2), &stored(&files(), 2)).is_none());
}
