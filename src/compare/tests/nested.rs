//! Archives within archives, and compressors other than gzip.

use std::io::Write as _;

use super::archives::file;
use super::*;

fn xz(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8], level: i32) -> Vec<u8> {
    ::zstd::stream::encode_all(bytes, level).expect("memory")
}

fn bzip2(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::new(level));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// deb(5): three members of an ar archive.
fn deb(data: &[u8], mtime: u64) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let control = tgz(&[file("./control", "Package: x\n")]);
    for (name, content) in [
        ("debian-binary", &b"2.0\n"[..]),
        ("control.tar.gz", &control),
        ("data.tar.xz", data),
    ] {
        let size = content.len();
        writeln!(out, "{name:<16}{mtime:<12}0     0     100644  {size:<10}`").expect("memory");
        out.extend_from_slice(content);
        if size % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn of_files(published: &[u8], rebuilt: &[u8]) -> Vec<Difference> {
    differences(published, rebuilt, ArtifactKind::Other)
}

fn tar_with(text: &str) -> Vec<u8> {
    tar(&[file("usr/share/x", text), file("usr/share/y", "same")])
}

#[test]
fn a_file_inside_a_package_inside_an_archive_is_named_by_its_whole_path() {
    let published = deb(&xz(&tar_with("one\n"), 6), 7);
    let rebuilt = deb(&xz(&tar_with("two\n"), 6), 7);
    let found = of_files(&published, &rebuilt);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].path, "data.tar.xz!/usr/share/x");
    assert_eq!(found[0].kind, DifferenceKind::Content);
    assert!(found[0].diff.as_deref().is_some_and(|d| d.contains("+one")));
    // And once more around it.
    let wrapped = |deb: &[u8]| zip(&[file("pool/x.deb", deb)]);
    let found = of_files(&wrapped(&published), &wrapped(&rebuilt));
    assert_eq!(found[0].path, "pool/x.deb!/data.tar.xz!/usr/share/x");
}

#[test]
fn a_package_that_differs_in_a_time_alone_says_so() {
    let data = xz(&tar_with("one\n"), 6);
    let found = of_files(&deb(&data, 7), &deb(&data, 8));
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().all(|d| d.cause == Cause::Timestamp
        && d.severity == Severity::Metadata
        && d.detail == "mtime: published 1970-01-01T00:00:07Z, rebuilt 1970-01-01T00:00:08Z"));
}

#[test]
fn a_package_whose_data_is_compressed_otherwise_is_held_against_it_all_the_same() {
    let tar = tar_with("one\n");
    let renamed = |data: &[u8]| {
        let bytes = deb(data, 7);
        let at = bytes.windows(12).position(|w| w == b"data.tar.xz ");
        let at = at.expect("a member of this name");
        [&bytes[..at], b"data.tar.zst", &bytes[at + 12..]].concat()
    };
    let found = of_files(&deb(&xz(&tar, 6), 7), &renamed(&zstd(&tar, 3)));
    assert_eq!(
        lines(&found),
        [
            "Metadata MemberMetadata data.tar.xz | name: published data.tar.xz, rebuilt data.tar.zst",
            "Metadata Container data.tar.xz | compression: published xz, rebuilt zstd; the content is the same",
        ]
    );
    let other = renamed(&zstd(&tar_with("two\n"), 3));
    let found = of_files(&deb(&xz(&tar, 6), 7), &other);
    assert_eq!(found[0].path, "data.tar.xz!/usr/share/x");
    assert_eq!(found[0].severity, Severity::Payload);
}

#[test]
fn each_compressor_is_looked_into_and_its_settings_are_named() {
    let tar = tar_with(&"text ".repeat(4000));
    let cases = [
        (
            xz(&tar, 0),
            xz(&tar, 9),
            "xz filters: published LZMA2 with a dictionary of 256 KiB",
        ),
        (
            zstd(&tar, 1),
            zstd(&tar, 19),
            "same content, other compressor, version or level",
        ),
        (
            bzip2(&tar, 1),
            bzip2(&tar, 9),
            "bzip2 level: published 1, rebuilt 9",
        ),
    ];
    for (published, rebuilt, detail) in cases {
        let found = of_files(&published, &rebuilt);
        assert!(
            found.iter().all(|d| d.cause == Cause::Compressor
                && d.severity == Severity::Metadata
                && d.kind == DifferenceKind::Container),
            "{found:#?}"
        );
        assert!(
            found.iter().any(|d| d.detail.starts_with(detail)),
            "{found:#?}"
        );
    }
}

#[test]
fn another_compressor_does_not_hide_what_else_differs() {
    let found = of_files(&xz(&tar_with("one\n"), 6), &zstd(&tar_with("two\n"), 3));
    assert_eq!(found[0].path, "usr/share/x");
    assert!(
        found
            .iter()
            .any(|d| d.detail == "compression: published xz, rebuilt zstd"),
        "{found:#?}"
    );
    let found = of_files(&xz(&tar_with("one\n"), 6), &tar_with("one\n"));
    assert_eq!(
        lines(&found),
        [
            "Metadata Container  | compression: published xz, rebuilt no compression; the content is the same"
        ]
    );
    // RFC 8878, section 3.1.2: a skippable frame of four bytes.
    let plain = tar_with("one\n");
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0], &b"evil"[..]].concat();
    let smuggled = [zstd(&plain, 3), skipped].concat();
    let found = of_files(&smuggled, &xz(&plain, 6));
    assert_eq!(found[0].severity, Severity::Payload, "{found:#?}");
}

#[test]
fn a_compressed_file_that_is_no_archive_is_compared_by_its_content() {
    let found = of_files(&gzip(b"one\n", 6), &gzip(b"two\n", 6));
    assert_eq!(found[0].path, "content");
    assert_eq!(found[0].kind, DifferenceKind::Content);
}

#[test]
fn bytes_that_a_zstd_decoder_skips_are_payload() {
    let plain = zstd(b"the same\n", 3);
    // RFC 8878, section 3.1.2: a skippable frame of four bytes.
    let smuggled = [&plain[..], &[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0], b"evil"].concat();
    let found = of_files(&smuggled, &plain);
    assert_eq!(found[0].severity, Severity::Payload, "{found:#?}");
    assert_eq!(found[0].cause, Cause::StrayBytes);
    assert!(
        found[0]
            .detail
            .starts_with("bytes that decoders skip: published 12 bytes")
    );
}

#[test]
fn bytes_after_a_stream_or_an_ar_are_never_passed_over() {
    let plain = xz(b"the same\n", 6);
    let found = of_files(&[&plain[..], b"evil"].concat(), &plain);
    assert_eq!(found[0].severity, Severity::Payload, "{found:#?}");
    let plain = bzip2(b"the same\n", 6);
    let found = of_files(&[&plain[..], b"evil"].concat(), &plain);
    assert_eq!(found[0].severity, Severity::Payload, "{found:#?}");
    let plain = deb(&xz(&tar_with("one\n"), 6), 7);
    let found = of_files(&[&plain[..], b"evil"].concat(), &plain);
    assert_eq!(found[0].cause, Cause::StrayBytes, "{found:#?}");
    assert_eq!(found[0].severity, Severity::Payload, "{found:#?}");
}

#[test]
fn nesting_is_followed_to_its_limit_and_bytes_are_compared_below() {
    let nested = |text: &str| (0..20).fold(text.as_bytes().to_vec(), |inner, _| gzip(&inner, 1));
    let found = of_files(&nested("one"), &nested("two"));
    assert_eq!(found[0].path.matches("content").count(), 8, "{found:#?}");
    assert_eq!(found[0].severity, Severity::Payload);
}

#[test]
fn a_bomb_within_an_archive_counts_against_the_same_limit() {
    let bomb = gzip(&vec![0; 32 << 20], 9);
    let other = gzip(&vec![1; 32 << 20], 9);
    let pair = on_disk(&zip(&[file("a", bomb)]), &zip(&[file("a", other)]));
    let request = Request {
        limits: Limits {
            inflated: 1 << 20,
            ..Limits::default()
        },
        ..Request::new(&pair.published, &pair.rebuilt, ArtifactKind::Other)
    };
    let comparison = compare(&request).expect("readable");
    let found = &comparison.differs().expect("they differ").differences;
    assert_eq!(found[0].path, "a");
    assert_eq!(found[0].kind, DifferenceKind::Unreadable);
    assert!(
        found[0]
            .detail
            .contains("inflate to more than 1048576 bytes"),
        "{found:#?}"
    );
}

#[test]
fn a_comparison_ends_when_its_time_is_over() {
    let pair = on_disk(&gzip(&vec![0; 32 << 20], 9), &gzip(&vec![1; 32 << 20], 9));
    let request = Request {
        limits: Limits {
            time: std::time::Duration::ZERO,
            ..Limits::default()
        },
        ..Request::new(&pair.published, &pair.rebuilt, ArtifactKind::Other)
    };
    let comparison = compare(&request).expect("readable");
    let found = &comparison.differs().expect("they differ").differences;
    assert!(found[0].detail.contains("took more than 0 s"), "{found:#?}");
}

#[test]
fn an_extra_member_is_looked_up_in_the_source_by_its_content() {
    let source = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(source.path().join("deep")).expect("made");
    std::fs::write(source.path().join("deep/known"), "known\n").expect("written");
    let mut published = crate_files();
    published.push(file("x-1.0.0/a-known", "known\n"));
    published.push(file("x-1.0.0/z-unknown", "unknown\n"));
    let pair = on_disk(&tgz(&published), &tgz(&crate_files()));
    let request = Request {
        source: Some(source.path()),
        ..Request::new(&pair.published, &pair.rebuilt, ArtifactKind::Crate)
    };
    let comparison = compare(&request).expect("readable");
    let found = &comparison.differs().expect("they differ").differences;
    assert_eq!(found[0].path, "x-1.0.0/z-unknown");
    assert!(
        found[0].detail.ends_with("; not in the source either"),
        "{found:#?}"
    );
    assert_eq!(found[1].path, "x-1.0.0/a-known");
    assert!(
        found[1].detail.ends_with("; the source has these bytes"),
        "{found:#?}"
    );
    assert!(found.iter().all(|d| d.severity == Severity::Payload));
}
