//! Situations: two archives that differ in one thing, and what is said of it.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

use super::*;

#[derive(Clone)]
struct Entry {
    name: &'static str,
    content: Vec<u8>,
    mode: u32,
    mtime: u64,
}

fn entry(name: &'static str, content: &str) -> Entry {
    Entry {
        name,
        content: content.into(),
        mode: 0o644,
        mtime: 1,
    }
}

fn demo() -> Vec<Entry> {
    vec![
        entry("demo/Cargo.toml", "[package]\nname = \"demo\"\n"),
        entry("demo/Cargo.lock", "version = 4\n"),
        entry("demo/src/lib.rs", "pub fn one() -> u32 {\n    1\n}\n"),
    ]
}

fn tar_of(entries: &[Entry]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(entry.mtime);
        tar.append_data(&mut header, entry.name, &entry.content[..])
            .expect("append");
    }
    tar.into_inner().expect("tar")
}

fn gzip(tar: &[u8], level: u32) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(level));
    gzip.write_all(tar).expect("write");
    gzip.finish().expect("gzip")
}

fn tarball(entries: &[Entry]) -> Vec<u8> {
    gzip(&tar_of(entries), 9)
}

fn wheel(entries: &[Entry]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for entry in entries {
        let time = zip::DateTime::from_date_and_time(
            2020,
            1,
            1,
            0,
            0,
            u8::try_from(entry.mtime * 2).expect("small"),
        )
        .expect("valid");
        let options = zip::write::SimpleFileOptions::default()
            .last_modified_time(time)
            .unix_permissions(entry.mode);
        zip.start_file(entry.name, options).expect("start");
        zip.write_all(&entry.content).expect("write");
    }
    zip.finish().expect("zip").into_inner()
}

fn held(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Comparison {
    let folder = tempfile::tempdir().expect("temp");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::write(&a, published).expect("write");
    std::fs::write(&b, rebuilt).expect("write");
    compare(&a, &b, kind).expect("both can be read")
}

fn differences(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Vec<Difference> {
    match held(published, rebuilt, kind) {
        Comparison::Identical { .. } => panic!("unequal files were called identical"),
        Comparison::Differs { differences, .. } => differences,
    }
}

fn crates(published: &[Entry], rebuilt: &[Entry]) -> Vec<Difference> {
    differences(&tarball(published), &tarball(rebuilt), ArtifactKind::Crate)
}

#[test]
fn equal_bytes_are_identical() {
    let bytes = tarball(&demo());
    let comparison = held(&bytes, &bytes, ArtifactKind::Crate);
    assert_eq!(
        comparison,
        Comparison::Identical {
            sha256: Sha256Digest::of(&bytes)
        }
    );
}

#[test]
fn a_member_that_only_the_published_file_has_comes_first_as_payload() {
    let mut published = demo();
    published[1].content = b"version = 3\n".to_vec();
    published.push(entry("demo/build.rs", "fn main() {}\n"));
    let found = crates(&published, &demo());
    assert_eq!(found[0].kind, DifferenceKind::ExtraMember);
    assert_eq!(
        (found[0].path.as_str(), found[0].severity),
        ("demo/build.rs", Severity::Payload)
    );
}

#[test]
fn changed_text_is_shown_as_a_diff_towards_the_published_file() {
    let mut published = demo();
    published[2].content = b"pub fn one() -> u32 {\n    2\n}\n".to_vec();
    let found = crates(&published, &demo());
    let diff = found[0].diff.as_deref().expect("text");
    assert!(
        diff.contains("-    1\n") && diff.contains("+    2\n"),
        "{diff}"
    );
    assert_eq!(
        (found[0].kind, found[0].severity),
        (DifferenceKind::Content, Severity::Payload)
    );
}

#[test]
fn a_generated_member_is_told_from_payload() {
    let mut published = demo();
    published[1].content = b"version = 3\n".to_vec();
    assert_eq!(crates(&published, &demo())[0].severity, Severity::Generated);
}

#[test]
fn an_exec_bit_is_payload_and_a_group_bit_is_metadata() {
    for (mode, severity) in [
        (0o755, Severity::Payload),
        (0o4644, Severity::Payload),
        (0o664, Severity::Metadata),
    ] {
        let mut published = demo();
        published[2].mode = mode;
        let found = crates(&published, &demo());
        assert_eq!(found[0].severity, severity, "{mode:o}");
        assert!(found[0].detail.contains("mode"), "{}", found[0].detail);
    }
}

#[test]
fn a_time_an_order_and_line_endings_are_named() {
    let mut published = demo();
    published[0].mtime = 9;
    let found = crates(&published, &demo());
    assert!(
        found[0].detail.starts_with("mtime published 9, rebuilt 1"),
        "{}",
        found[0].detail
    );

    let mut published = demo();
    published.swap(0, 2);
    let found = crates(&published, &demo());
    assert_eq!(found[0].kind, DifferenceKind::Order);

    let mut published = demo();
    published[0].content = b"[package]\r\nname = \"demo\"\r\n".to_vec();
    assert!(
        crates(&published, &demo())[0]
            .detail
            .contains("line endings")
    );
}

#[test]
fn the_wrapping_alone_is_named_by_its_field() {
    let tar = tar_of(&demo());
    let plain = gzip(&tar, 9);
    let case = |published: &[u8]| differences(published, &plain, ArtifactKind::Crate)[0].clone();

    let level = case(&gzip(&tar, 1));
    assert!(
        level.detail.contains("gzip extra flags") || level.detail.contains("compressor"),
        "{}",
        level.detail
    );
    let mut builder = GzBuilder::new()
        .mtime(5)
        .write(Vec::new(), Compression::new(9));
    builder.write_all(&tar).expect("write");
    let stamped = case(&builder.finish().expect("gzip"));
    assert_eq!(
        (stamped.kind, stamped.severity),
        (DifferenceKind::Container, Severity::Metadata)
    );
    assert!(
        stamped.detail.contains("gzip mtime published 5"),
        "{}",
        stamped.detail
    );
    let mut longer = plain.clone();
    longer.extend_from_slice(b"smuggled");
    let trailing = case(&longer);
    assert_eq!(trailing.severity, Severity::Payload);
    assert!(
        trailing.detail.contains("after the gzip stream"),
        "{}",
        trailing.detail
    );
}

#[test]
fn a_member_twice_is_payload() {
    let mut published = demo();
    published.push(published[2].clone());
    let found = crates(&published, &demo());
    assert_eq!(
        (found[0].kind, found[0].severity),
        (DifferenceKind::Order, Severity::Payload)
    );
}

#[test]
fn wheels_are_compared_member_by_member() {
    let mut published = demo();
    published[2].content = b"pub fn two() {}\n".to_vec();
    published[0].mtime = 2;
    let found = differences(&wheel(&published), &wheel(&demo()), ArtifactKind::PureWheel);
    assert_eq!(found[0].path, "demo/src/lib.rs");
    assert!(
        found
            .iter()
            .any(|d| d.path == "demo/Cargo.toml" && d.detail.starts_with("time "))
    );
}

#[test]
fn what_is_no_archive_is_said_to_be_unreadable() {
    let found = differences(b"no archive", &tarball(&demo()), ArtifactKind::Crate);
    assert_eq!(
        (found[0].kind, found[0].severity),
        (DifferenceKind::Unreadable, Severity::Payload)
    );
    let cut = tarball(&demo());
    let found = differences(&cut[..cut.len() / 2], &cut, ArtifactKind::Crate);
    assert_eq!(found[0].kind, DifferenceKind::Unreadable);
}

#[test]
fn names_and_diffs_cannot_steer_a_terminal() {
    let mut published = demo();
    published[2].content = b"\x1b[2Jgone\n".to_vec();
    published.push(entry("demo/\u{1b}[31mred", "x"));
    for difference in crates(&published, &demo()) {
        let text = format!(
            "{}{}{}",
            difference.path,
            difference.detail,
            difference.diff.unwrap_or_default()
        );
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is done to an archive's bytes: never identical, never silent,
    /// never a panic.
    #[test]
    fn a_mutated_archive_is_never_called_identical(
        as_wheel in any::<bool>(),
        at in any::<prop::sample::Index>(),
        bit in 0u8..8,
        action in 0u8..4,
    ) {
        let (original, kind) = if as_wheel {
            (wheel(&demo()), ArtifactKind::PureWheel)
        } else {
            (tarball(&demo()), ArtifactKind::Crate)
        };
        let mut mutant = original.clone();
        let at = at.index(original.len());
        match action {
            0 => mutant[at] ^= 1 << bit,
            1 => mutant.truncate(at),
            2 => mutant.insert(at, bit),
            _ => mutant.push(bit),
        }
        prop_assume!(mutant != original);
        let found = differences(&mutant, &original, kind);
        prop_assert!(!found.is_empty());
    }
}
