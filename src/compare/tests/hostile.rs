//! Files made to harm: a clear finding, within the limits, and no panic.

use super::archives::{crate_files, gzip, tar, tgz, wheel_files, zip};
use super::*;

fn within(published: &[u8], rebuilt: &[u8], kind: ArtifactKind, limits: &Limits) -> Difference {
    let pair = on_disk(published, rebuilt);
    let request = Request {
        limits: *limits,
        ..Request::new(&pair.published, &pair.rebuilt, kind)
    };
    match compare(&request).expect("readable") {
        Comparison::Differs(differs) => differs.differences[0].clone(),
        Comparison::Identical { .. } => panic!("unequal files are called identical"),
    }
}

#[test]
fn a_bomb_is_stopped_at_the_limit_and_said_so() {
    let limits = Limits {
        inflated: 1 << 20,
        ..Limits::default()
    };
    let bomb = vec![file("x/zeros", vec![0; 8 << 20])];
    let crate_bomb = within(
        &tgz(&bomb),
        &tgz(&crate_files()),
        ArtifactKind::Crate,
        &limits,
    );
    let wheel_bomb = within(
        &zip(&bomb),
        &zip(&wheel_files()),
        ArtifactKind::PureWheel,
        &limits,
    );
    for found in [crate_bomb, wheel_bomb] {
        assert_eq!(found.kind, DifferenceKind::Unreadable, "{found:?}");
        assert_eq!(found.severity, Severity::Payload);
        assert!(
            found.detail.contains("inflate to more than 1048576 bytes"),
            "{found:?}"
        );
    }
}

#[test]
fn too_many_members_are_stopped_at_the_limit() {
    let limits = Limits {
        members: 3,
        ..Limits::default()
    };
    let found = within(
        &tgz(&crate_files()),
        &tgz(&[]),
        ArtifactKind::Crate,
        &limits,
    );
    assert!(found.detail.contains("more than 3 members"), "{found:?}");
    let found = within(
        &zip(&wheel_files()),
        &zip(&[]),
        ArtifactKind::PureWheel,
        &limits,
    );
    assert!(found.detail.contains("more than 3 members"), "{found:?}");
}

#[test]
fn what_is_not_the_archive_that_its_name_says_is_unreadable() {
    for kind in [ArtifactKind::Crate, ArtifactKind::PureWheel] {
        let good = match kind {
            ArtifactKind::Crate => tgz(&crate_files()),
            _ => zip(&wheel_files()),
        };
        for bad in [
            &b""[..],
            b"<html>404</html>",
            &gzip(b"no tar at all", 6),
            &[0x1f, 0x8b, 8],
        ] {
            let found = within(bad, &good, kind, &Limits::default());
            assert_eq!(found.kind, DifferenceKind::Unreadable, "{bad:?}: {found:?}");
            assert!(found.detail.starts_with("the published file"), "{found:?}");
        }
    }
}

#[test]
fn every_truncation_is_a_finding() {
    for (kind, whole) in [
        (ArtifactKind::Crate, tgz(&crate_files())),
        (ArtifactKind::PureWheel, zip(&wheel_files())),
    ] {
        for length in 0..whole.len() {
            let found = within(&whole[..length], &whole, kind, &Limits::default());
            assert_eq!(found.severity, Severity::Payload, "{length}: {found:?}");
            assert_eq!(
                found.kind,
                DifferenceKind::Unreadable,
                "{length}: {found:?}"
            );
        }
    }
}

#[test]
fn a_member_said_to_be_larger_than_the_archive_is_refused() {
    let mut bytes = tar(&crate_files());
    bytes[124..136].copy_from_slice(&[0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let found = within(
        &gzip(&bytes, 6),
        &tgz(&crate_files()),
        ArtifactKind::Crate,
        &Limits::default(),
    );
    assert!(found.detail.contains("truncated"), "{found:?}");
}

#[test]
fn names_that_would_harm_a_terminal_are_escaped_in_paths_and_details() {
    let mut published = crate_files();
    published.push(file("x/\u{1b}]0;owned\u{7}\u{202e}gpj", "x"));
    let found = of_crates(&published, &crate_files());
    assert_eq!(found[0].path, "x/\\u{1b}]0;owned\\u{7}\\u{202e}gpj");
}

#[test]
fn a_member_that_would_be_unpacked_elsewhere_is_said_to_be_one() {
    let mut bytes = tar(&[file("x/__up", "y")]);
    bytes[..6].copy_from_slice(b"../../");
    bytes[148..156].copy_from_slice(b"        ");
    let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let found = differences(&gzip(&bytes, 6), &tgz(&[]), ArtifactKind::Crate);
    assert!(
        found[0]
            .detail
            .ends_with("its name leads out of where the archive is unpacked"),
        "{found:?}"
    );
    let mut published = crate_files();
    published.push(File {
        link: Some("../../../etc/passwd".into()),
        ..file("x-1.0.0/link", "")
    });
    let found = of_crates(&published, &crate_files());
    assert!(
        found[0]
            .detail
            .ends_with("it links out of where the archive is unpacked"),
        "{found:?}"
    );
}

#[test]
fn overlapping_members_of_a_zip_are_refused() {
    let mut bytes = zip(&wheel_files());
    // Section 4.3.12: an entry's offset is at 42; the second entry's is set to
    // the first one's.
    let starts: Vec<usize> = (0..bytes.len() - 4)
        .filter(|&at| bytes[at..].starts_with(b"PK\x01\x02"))
        .collect();
    let first: [u8; 4] = bytes[starts[0] + 42..starts[0] + 46]
        .try_into()
        .expect("4 bytes");
    bytes[starts[1] + 42..starts[1] + 46].copy_from_slice(&first);
    let found = within(
        &bytes,
        &zip(&wheel_files()),
        ArtifactKind::PureWheel,
        &Limits::default(),
    );
    assert!(found.detail.contains("members overlap"), "{found:?}");
}
