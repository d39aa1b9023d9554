//! Situations: two files, and what is said of them.

mod archives;
mod contents;
mod equivalent;
mod hostile;
mod mutants;
mod nested;
mod wrapping;

use super::*;
use archives::{File, crate_files, file, gzip, on_disk, tar, tgz, wheel_files, zip};

fn held_against(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Comparison {
    let pair = on_disk(published, rebuilt);
    compare(&Request::new(&pair.published, &pair.rebuilt, kind)).expect("both files can be read")
}

/// The differences of two unequal files.
fn differences(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) -> Vec<Difference> {
    match held_against(published, rebuilt, kind) {
        Comparison::Differs(differs) => {
            let differences = differs.differences;
            assert!(!differences.is_empty());
            differences
        }
        Comparison::Identical { .. } => panic!("unequal files are called identical"),
    }
}

fn of_crates(published: &[File], rebuilt: &[File]) -> Vec<Difference> {
    differences(&tgz(published), &tgz(rebuilt), ArtifactKind::Crate)
}

fn of_wheels(published: &[File], rebuilt: &[File]) -> Vec<Difference> {
    differences(&zip(published), &zip(rebuilt), ArtifactKind::PureWheel)
}

/// One line for each difference: what a test looks at.
fn lines(differences: &[Difference]) -> Vec<String> {
    differences
        .iter()
        .map(|d| format!("{:?} {:?} {} | {}", d.severity, d.kind, d.path, d.detail))
        .collect()
}

#[test]
fn equal_files_are_identical_whatever_they_hold() {
    for bytes in [&b""[..], b"not an archive", &tgz(&crate_files())] {
        let comparison = held_against(bytes, bytes, ArtifactKind::Crate);
        assert_eq!(
            comparison,
            Comparison::Identical {
                sha256: Sha256Digest::of(bytes)
            }
        );
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let pair = on_disk(b"a", b"b");
    let missing = pair.rebuilt.with_file_name("missing");
    let error = compare(&Request::new(
        &pair.published,
        &missing,
        ArtifactKind::Other,
    ))
    .expect_err("not there");
    assert!(error.to_string().contains("missing"), "{error}");
}

#[test]
fn a_member_that_only_the_published_file_has_comes_first() {
    let mut published = crate_files();
    published[2].content.push(b'\n');
    published.push(file("x-1.0.0/zz-build.rs", "fn main() {}\n"));
    let found = of_crates(&published, &crate_files());
    assert_eq!(found[0].kind, DifferenceKind::ExtraMember, "{found:?}");
    assert_eq!(found[0].path, "x-1.0.0/zz-build.rs");
    assert_eq!(found[0].severity, Severity::Payload);
    assert!(
        found[0].detail.contains("file, mode 0644, 13 bytes"),
        "{found:?}"
    );
    let found = of_crates(&crate_files(), &published);
    assert_eq!(found[0].kind, DifferenceKind::MissingMember, "{found:?}");
}

#[test]
fn a_changed_text_is_shown_as_a_diff_from_rebuilt_to_published() {
    let mut published = crate_files();
    published[3].content = b"//! x\n\npub fn x() -> u8 {\n    2\n}\n".to_vec();
    let found = of_crates(&published, &crate_files());
    assert_eq!(
        lines(&found),
        [
            "Payload Content x-1.0.0/src/lib.rs | text differs, first in line 4 (offset 30); 34 bytes each"
        ]
    );
    insta::assert_snapshot!(found[0].diff.as_deref().expect("a diff"), @r"
    --- rebuilt
    +++ published
    @@ -1,5 +1,5 @@
     //! x
     
     pub fn x() -> u8 {
    -    1
    +    2
     }
    ");
}

#[test]
fn a_changed_binary_is_shown_by_its_first_bytes_that_differ() {
    let mut published = crate_files();
    published[4].content[300] ^= 0xff;
    let found = of_crates(&published, &crate_files());
    assert_eq!(
        lines(&found),
        [
            "Payload Content x-1.0.0/data.bin | bytes differ at offset 300: published \
             ff 01 02 03 ff fe 00 01 02 03 ff fe 00 01 02 03, rebuilt \
             00 01 02 03 ff fe 00 01 02 03 ff fe 00 01 02 03; 600 bytes each"
        ]
    );
}

#[test]
fn the_place_is_found_in_a_member_too_large_to_hold() {
    let large = |at: usize| {
        let mut content = vec![7u8; 3 << 20];
        content[at] = 8;
        vec![file("x/large", content)]
    };
    let found = of_crates(&large(2_500_001), &large(2_900_000));
    assert!(
        found[0]
            .detail
            .starts_with("bytes differ at offset 2500001: published 08"),
        "{found:?}"
    );
    // Rows around the place, and not the member.
    assert!(
        found[0]
            .diff
            .as_ref()
            .is_some_and(|diff| diff.len() < 1_000)
    );
}

#[test]
fn line_endings_alone_are_named() {
    let mut published = crate_files();
    published[2].content = b"[package]\r\nname = \"x\"\r\n".to_vec();
    let found = of_crates(&published, &crate_files());
    assert!(found[0].detail.contains("line endings only"), "{found:?}");
    assert_eq!(found[0].severity, Severity::Payload);
}

#[test]
fn generated_files_are_told_from_payload() {
    let mut published = crate_files();
    published[0].content =
        br#"{"git":{"sha1":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},"path_in_vcs":""}"#.to_vec();
    published[1].content = b"version = 3\n".to_vec();
    let found = of_crates(&published, &crate_files());
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|d| d.severity == Severity::Generated),
        "{found:?}"
    );
    let mut wheel = wheel_files();
    wheel[3].content = b"x/__init__.py,sha256=,7\n".to_vec();
    assert_eq!(
        of_wheels(&wheel, &wheel_files())[0].severity,
        Severity::Generated
    );
}

#[test]
fn exec_bits_and_links_are_payload_and_times_are_not() {
    for build in [of_crates, of_wheels] {
        let mut executable = wheel_files();
        executable[0].mode = 0o755;
        let found = build(&executable, &wheel_files());
        assert_eq!(found[0].severity, Severity::Payload, "{found:?}");
        assert!(found[0].detail.contains("755"), "{found:?}");

        let mut later = wheel_files();
        later[0].mtime += 86_400;
        let found = build(&later, &wheel_files());
        assert_eq!(found[0].severity, Severity::Metadata, "{found:?}");
        assert_eq!(found[0].kind, DifferenceKind::MemberMetadata, "{found:?}");
        assert!(found[0].detail.contains("mtime"), "{found:?}");

        let mut link = wheel_files();
        link[0].link = Some("/etc/passwd".into());
        let found = build(&link, &wheel_files());
        assert!(
            found.iter().any(
                |d| d.kind == DifferenceKind::MemberMetadata && d.severity == Severity::Payload
            ),
            "{found:?}"
        );
    }
}

#[test]
fn a_link_that_points_elsewhere_is_payload() {
    let link = |to: &str| {
        let mut files = crate_files();
        files[4].link = Some(to.to_owned());
        files
    };
    let found = of_crates(&link("a"), &link("../../b"));
    assert_eq!(
        lines(&found),
        ["Payload MemberMetadata x-1.0.0/data.bin | link target: published `a`, rebuilt `../../b`"]
    );
}

#[test]
fn another_order_is_metadata_unless_a_link_is_among_the_members() {
    let mut swapped = crate_files();
    swapped.swap(1, 2);
    let found = of_crates(&swapped, &crate_files());
    assert_eq!(found[0].kind, DifferenceKind::Order);
    assert_eq!(found[0].severity, Severity::Metadata);
    assert!(
        found[0]
            .detail
            .contains("published `x-1.0.0/Cargo.toml`, rebuilt `x-1.0.0/Cargo.lock`"),
        "{found:?}"
    );
    let with_link = |mut files: Vec<File>| {
        files[4].link = Some("src".into());
        files
    };
    let found = of_crates(&with_link(swapped), &with_link(crate_files()));
    assert_eq!(found[0].severity, Severity::Payload, "{found:?}");
}

#[test]
fn a_member_that_is_there_twice_is_extra() {
    let mut twice = crate_files();
    twice.push(file("x-1.0.0/src/lib.rs", "evil"));
    let found = of_crates(&twice, &crate_files());
    assert_eq!(found[0].kind, DifferenceKind::ExtraMember);
    assert!(
        found[0]
            .detail
            .starts_with("more often in the published file"),
        "{found:?}"
    );
}

#[test]
fn many_differences_are_bounded_and_counted() {
    let files = |mtime| -> Vec<File> {
        (0..300)
            .map(|i| File {
                mtime,
                ..file(&format!("x/{i:03}"), "same")
            })
            .collect()
    };
    let comparison = held_against(&tgz(&files(1)), &tgz(&files(2)), ArtifactKind::Crate);
    let Comparison::Differs(differs) = comparison else {
        panic!("they differ")
    };
    assert_eq!((differs.differences.len(), differs.omitted), (200, 100));
}

#[test]
fn files_of_no_known_format_differ_at_an_offset() {
    let found = differences(b"MZ\0abc", b"MZ\0abd", ArtifactKind::Other);
    assert_eq!(
        lines(&found),
        ["Payload Content  | bytes differ at offset 5: published 63, rebuilt 64; 6 bytes each"]
    );
}
