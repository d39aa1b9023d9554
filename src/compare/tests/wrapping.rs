//! Members agree and bytes do not: the field that differs is named.

use ::zip::CompressionMethod;
use ::zip::write::SimpleFileOptions;
use flate2::GzBuilder;

use super::archives::{
    crate_files, gzip, gzip_with, on_disk, tar, tgz, wheel_files, zip, zip_with,
};
use super::*;

/// The only difference between two crates, as a line.
fn only(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> String {
    let found = lines(&differences(published, rebuilt, kind));
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].clone()
}

#[test]
fn every_field_of_the_gzip_header_is_named() {
    let tar = tar(&crate_files());
    let plain = gzip(&tar, 6);
    let gz = |builder| gzip_with(&tar, 6, builder);
    let mut xfl = plain.clone();
    xfl[8] = 2;
    for (published, expected) in [
        (
            gz(GzBuilder::new().mtime(1_150_000_000)),
            "gzip header, MTIME: published 2006-06-11T04:26:40Z, rebuilt none",
        ),
        (
            gz(GzBuilder::new().operating_system(3)),
            "gzip header, OS: published 3 (Unix), rebuilt 255 (unknown)",
        ),
        (
            gz(GzBuilder::new().filename("x.tar")),
            "gzip header, FNAME: published `x.tar`, rebuilt none",
        ),
        (
            gz(GzBuilder::new().comment("hi\u{1b}[0m")),
            "gzip header, FCOMMENT: published `hi\\u{1b}[0m`, rebuilt none",
        ),
        (
            gz(GzBuilder::new().extra(*b"AB\0\0")),
            "gzip header, FEXTRA: published `AB\\u{0}\\u{0}`, rebuilt none",
        ),
        (xfl, "gzip header, XFL: published 2, rebuilt 0"),
    ] {
        let line = only(&published, &plain, ArtifactKind::Crate);
        assert_eq!(line, format!("Metadata Container  | {expected}"));
    }
}

#[test]
fn another_compressor_of_the_same_content_is_said_so() {
    let tar = tar(&crate_files());
    let found = lines(&differences(
        &gzip(&tar, 9),
        &gzip(&tar, 0),
        ArtifactKind::Crate,
    ));
    assert!(
        found[0].starts_with(
            "Metadata Container  | same content, other compressor or level: published "
        ),
        "{found:#?}"
    );
    // The level shows in XFL too (RFC 1952, section 2.3.1).
    assert_eq!(found.len(), 2, "{found:#?}");
    let stored = |options: SimpleFileOptions| options.compression_method(CompressionMethod::Stored);
    let found = differences(
        &zip_with(&wheel_files(), stored, ""),
        &zip(&wheel_files()),
        ArtifactKind::PureWheel,
    );
    assert!(
        found.iter().all(|d| d.severity == Severity::Metadata),
        "{found:?}"
    );
    assert!(
        found.iter().any(|d| d.cause == Cause::Compressor
            && d.detail == "compression method: published stored, rebuilt deflate"),
        "{found:?}"
    );
}

#[test]
fn the_same_content_in_several_gzip_members_is_payload() {
    let tar = tar(&crate_files());
    let (head, rest) = tar.split_at(1024);
    let split = [gzip(head, 6), gzip(rest, 6)].concat();
    let line = only(&split, &gzip(&tar, 6), ArtifactKind::Crate);
    assert!(
        line.starts_with("Payload Container  | number of gzip members"),
        "{line}"
    );
}

#[test]
fn bytes_after_the_archive_are_payload_unless_zero() {
    let plain = tgz(&crate_files());
    let line = only(&[&plain[..], b"evil"].concat(), &plain, ArtifactKind::Crate);
    assert!(
        line.starts_with("Payload Container  | bytes after the gzip stream: published 4 bytes"),
        "{line}"
    );
    let line = only(&[&plain[..], &[0; 9]].concat(), &plain, ArtifactKind::Crate);
    assert!(line.starts_with("Metadata"), "{line}");

    let members = tar(&crate_files());
    let tail = |extra: &[u8]| gzip(&[&members[..], extra].concat(), 6);
    let found = lines(&differences(
        &tail(b"evil"),
        &tail(b""),
        ArtifactKind::Crate,
    ));
    assert!(
        found[0].starts_with("Payload Container  | from the end-of-archive marker on"),
        "{found:?}"
    );
    let found = lines(&differences(
        &tail(&[0; 8192]),
        &tail(b""),
        ArtifactKind::Crate,
    ));
    assert!(
        found[0].starts_with("Metadata Container  | from the end-of-archive marker on"),
        "{found:?}"
    );
}

#[test]
fn bytes_hidden_in_a_tar_header_or_padding_are_payload() {
    let plain = tar(&crate_files());
    // The first member has 78 bytes of content: what fills its block follows.
    for (at, what) in [
        (505, "bytes that no reader shows"),
        (512 + 400, "padding after the content"),
    ] {
        let mut hidden = plain.clone();
        hidden[at] = b'!';
        fix_checksum(&mut hidden);
        let found = lines(&differences(
            &gzip(&hidden, 6),
            &gzip(&plain, 6),
            ArtifactKind::Crate,
        ));
        assert!(
            found
                .iter()
                .any(|l| l.starts_with("Payload") && l.contains(what)),
            "{found:#?}"
        );
    }
}

/// Makes the first header's checksum hold again.
fn fix_checksum(tar: &mut [u8]) {
    tar[148..156].copy_from_slice(b"        ");
    let sum: u32 = tar[..512].iter().map(|&byte| u32::from(byte)).sum();
    tar[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[test]
fn owners_and_spelling_of_a_tar_header_are_named() {
    let plain = tar(&crate_files());
    let mut owner = plain.clone();
    owner[265..269].copy_from_slice(b"root");
    owner[108..116].copy_from_slice(b"0001750\0");
    fix_checksum(&mut owner);
    let found = differences(&gzip(&owner, 6), &gzip(&plain, 6), ArtifactKind::Crate);
    // The compressed stream follows the content, so it is not named.
    let details: Vec<&str> = found.iter().map(|d| d.detail.as_str()).collect();
    assert_eq!(
        details,
        [
            "uid: published 1000, rebuilt 0",
            "uname: published `root`, rebuilt ``"
        ]
    );
    assert!(found.iter().all(|d| d.cause == Cause::Owner), "{found:?}");
    let mut spelt = plain.clone();
    spelt[100..108].copy_from_slice(b"   644 \0");
    fix_checksum(&mut spelt);
    let line = only(&gzip(&spelt, 6), &gzip(&plain, 6), ArtifactKind::Crate);
    assert!(
        line.ends_with("header written differently, same meaning: mode"),
        "{line}"
    );
}

#[test]
fn bytes_around_a_zip_are_payload_and_placed() {
    let plain = zip(&wheel_files());
    let before = [b"#!/bin/sh\n", &plain[..]].concat();
    let line = only(&before, &plain, ArtifactKind::PureWheel);
    assert!(
        line.starts_with("Payload Container  | bytes before the first member: published 10 bytes"),
        "{line}"
    );
    let after = [&plain[..], b"evil"].concat();
    let line = only(&after, &plain, ArtifactKind::PureWheel);
    assert!(
        line.starts_with("Payload Container  | bytes after the last member: published 4 bytes"),
        "{line}"
    );
}

#[test]
fn a_zip_comment_is_named() {
    let line = only(
        &zip_with(&wheel_files(), |o| o, "hello"),
        &zip(&wheel_files()),
        ArtifactKind::PureWheel,
    );
    assert_eq!(
        line,
        "Metadata Container  | archive comment: published `hello`, rebuilt ``"
    );
}

#[test]
fn a_local_header_that_contradicts_the_directory_is_payload() {
    let plain = zip(&wheel_files());
    let mut other_name = plain.clone();
    // Section 4.3.7: the name begins at offset 30 of the first local header.
    other_name[30] = b'y';
    let line = only(&other_name, &plain, ArtifactKind::PureWheel);
    assert!(
        line.starts_with("Payload MemberMetadata x/__init__.py"),
        "{line}"
    );
    assert!(
        line.contains("the local header names it `y/__init__.py`"),
        "{line}"
    );
}

#[test]
fn bytes_between_the_members_of_a_zip_are_payload() {
    // A stored member whose directory entry is taken away stays in the file.
    let files = wheel_files();
    let (all, fewer) = (zip(&files), zip(&files[1..]));
    let gap = gap_before_directory(&all, &zip(&files[..3]));
    let found = lines(&differences(
        &gap,
        &zip(&files[..3]),
        ArtifactKind::PureWheel,
    ));
    assert!(
        found[0].starts_with("Payload Container  | bytes between members"),
        "{found:#?}"
    );
    assert_ne!(all, fewer);
}

/// `smaller` with bytes of `larger` between its members and its directory.
fn gap_before_directory(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let end = smaller.len() - 22;
    let word = |at: usize| u32::from_le_bytes(smaller[at..at + 4].try_into().expect("4 bytes"));
    let directory = word(end + 16) as usize;
    let hidden = &larger[directory..directory + 50];
    let mut bytes = [&smaller[..directory], hidden, &smaller[directory..]].concat();
    let moved = (directory as u32 + 50).to_le_bytes();
    let end = bytes.len() - 22;
    bytes[end + 16..end + 20].copy_from_slice(&moved);
    bytes
}

#[test]
fn a_pair_on_disk_is_left_as_it_was() {
    let pair = on_disk(&tgz(&crate_files()), b"x");
    compare(&Request::new(
        &pair.published,
        &pair.rebuilt,
        ArtifactKind::Crate,
    ))
    .expect("read");
    assert_eq!(
        std::fs::read(&pair.published).expect("there"),
        tgz(&crate_files())
    );
}

/// A tar whose first member comes after an extended header.
fn with_extended_header(records: &str) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_entry_type(::tar::EntryType::XHeader);
    header.set_path("PaxHeader/x").expect("short");
    header.set_size(records.len() as u64);
    header.set_cksum();
    builder.append(&header, records.as_bytes()).expect("memory");
    let mut header = ::tar::Header::new_ustar();
    header.set_path("x").expect("short");
    header.set_mode(0o644);
    header.set_size(1);
    header.set_cksum();
    builder.append(&header, &b"x"[..]).expect("memory");
    gzip(&builder.into_inner().expect("memory"), 6)
}

#[test]
fn an_extended_header_gives_times_to_the_last_digit_and_names() {
    let line = only(
        &with_extended_header("20 mtime=1620224296\n"),
        &with_extended_header("20 mtime=1620224297\n"),
        ArtifactKind::Sdist,
    );
    assert!(
        line.starts_with("Metadata MemberMetadata x | mtime: published 2021-05-05T14:18:16Z"),
        "{line}"
    );
    let line = only(
        &with_extended_header("22 mtime=1620224296.1\n"),
        &with_extended_header("22 mtime=1620224296.2\n"),
        ArtifactKind::Sdist,
    );
    assert!(line.contains("`mtime`: published `1620224296.1`"), "{line}");
    let found = lines(&differences(
        &with_extended_header("10 path=y\n"),
        &with_extended_header("10 path=z\n"),
        ArtifactKind::Sdist,
    ));
    assert!(found[0].starts_with("Payload ExtraMember y"), "{found:#?}");
}

#[test]
fn the_file_type_written_into_a_tar_mode_says_nothing() {
    let mode = |mode: u32| {
        let mut files = crate_files();
        files[1].mode = mode;
        tgz(&files)
    };
    let line = only(&mode(0o100_644), &mode(0o644), ArtifactKind::Crate);
    assert!(
        line.starts_with("Metadata MemberMetadata x-1.0.0/Cargo.lock | mode"),
        "{line}"
    );
}
