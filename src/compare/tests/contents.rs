//! What is said of one member's content, format by format.

use super::*;

/// A seed of the fuzz corpus, without the four bytes that steer the fuzzer.
fn seed(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - 4].to_vec()
}

fn pyc() -> Vec<u8> {
    seed(include_bytes!("../../../fuzz/corpus/contents/pyc"))
}

fn elf() -> Vec<u8> {
    seed(include_bytes!("../../../fuzz/corpus/contents/elf"))
}

/// `bytes` with every `from` replaced, which has the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            out[at..at + to.len()].copy_from_slice(to);
        }
    }
    assert_ne!(out, bytes, "there is something to replace");
    out
}

fn only(published: &[u8], rebuilt: &[u8]) -> Difference {
    let found = differences(published, rebuilt, ArtifactKind::Other);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].severity, Severity::Payload);
    found[0].clone()
}

#[test]
fn bytecode_that_differs_in_a_time_or_a_folder_says_so() {
    let mut later = pyc();
    later[8] ^= 1;
    let found = only(&later, &pyc());
    assert_eq!(found.cause, Cause::Timestamp);
    assert!(
        found.detail.starts_with("time of the bytecode's source: "),
        "{found:?}"
    );
    let moved = replaced(&pyc(), b"/build/x.py", b"/other/x.py");
    let found = only(&moved, &pyc());
    assert_eq!(found.cause, Cause::BuildPath, "{found:?}");
    assert_eq!(
        found.detail,
        "code: only the name of the source file (co_filename): published `/other/x.py`, rebuilt `/build/x.py`"
    );
}

#[test]
fn bytecode_whose_names_or_constants_differ_is_changed_code() {
    for (from, to) in [
        (&b"os"[..], &b"pt"[..]),
        (b"/build/x.py", b"/build/\x1b.py"),
    ] {
        let found = only(&replaced(&pyc(), from, to), &pyc());
        assert!(!found.detail.contains('\u{1b}'));
        if from == b"os" {
            assert_eq!(found.cause, Cause::CodeChanged, "{found:?}");
            assert!(
                found
                    .detail
                    .contains("values differ, the first: published `pt`"),
                "{found:?}"
            );
        }
    }
}

#[test]
fn bytecode_that_refers_to_another_value_is_changed_code() {
    // PEP 552's header, then ('evil', 'good', one of them again).
    let refers = |number: u8| {
        let head = &pyc()[..16];
        [head, b")\x03\xda\x04evil\xda\x04goodr", &[number, 0, 0, 0]].concat()
    };
    let found = only(&refers(0), &refers(1));
    assert_eq!(found.cause, Cause::CodeChanged, "{found:?}");
}

#[test]
fn an_elf_file_names_its_sections_and_its_compiler() {
    let found = only(&replaced(&elf(), b"12.2.0", b"13.1.0"), &elf());
    assert_eq!(found.cause, Cause::ToolVersion);
    assert_eq!(
        found.detail,
        "nothing differs but identities; compiler (.comment): published GCC: (x) 13.1.0, rebuilt GCC: (x) 12.2.0"
    );
    // A header field that no section holds is no identity, beside one that is or alone.
    for compiler in [&b"12.2.0"[..], b"13.1.0"] {
        let mut other = elf();
        other[48] ^= 1;
        if compiler != b"12.2.0" {
            other = replaced(&other, b"12.2.0", compiler);
        }
        let found = only(&other, &elf());
        assert_eq!(found.cause, Cause::CodeChanged, "{found:?}");
        assert!(found.detail.starts_with("sections differ: "), "{found:?}");
    }
}

#[test]
fn an_elf_file_inside_an_archive_is_looked_into() {
    let with = |content: Vec<u8>| zip(&[file("lib/x.so", content)]);
    let found = differences(
        &with(replaced(&elf(), b"12.2.0", b"13.1.0")),
        &with(elf()),
        ArtifactKind::Other,
    );
    assert_eq!(found[0].cause, Cause::ToolVersion, "{found:?}");
    assert_eq!(found[0].path, "lib/x.so");
}

#[test]
fn text_in_another_encoding_says_so_and_what_else_differs() {
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain("one\n".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let found = only(&utf16, b"one\n");
    assert_eq!(found.cause, Cause::TextEncoding);
    assert_eq!(found.detail, "encoding: published UTF-16LE, rebuilt UTF-8");
    let found = differences(&utf16, b"two\n", ArtifactKind::Other);
    assert_eq!(found.len(), 2, "{found:#?}");
}

#[test]
fn a_proven_cause_never_makes_a_payload_less_severe() {
    let found = only(b"at = '2024-05-06'\n", b"at = '2024-05-07'\n");
    assert_eq!(found.cause, Cause::Timestamp);
    assert!(
        found
            .detail
            .starts_with("published `2024-05-06`, rebuilt `2024-05-07`"),
        "{found:?}"
    );
}

#[test]
fn a_lock_file_names_the_packages_that_changed() {
    let lock = |version: &str| {
        format!("version = 4\n\n[[package]]\nname = \"a\"\nversion = \"{version}\"\n")
    };
    let files = |version: &str| {
        let mut files = crate_files();
        files[1].content = lock(version).into_bytes();
        files
    };
    let found = of_crates(&files("1.0.1"), &files("1.0.2"));
    assert_eq!(found[0].cause, Cause::DependencyVersion);
    assert_eq!(found[0].severity, Severity::Generated);
    assert!(
        found[0]
            .detail
            .starts_with("a published 1.0.1, rebuilt 1.0.2;"),
        "{found:?}"
    );
}

#[test]
fn bytes_of_no_known_kind_are_shown_in_rows() {
    let found = only(b"\0\x01\x02abc\xff", b"\0\x01\x02abd\xff");
    assert_eq!(
        found.diff.as_deref(),
        Some(
            "--- rebuilt\n+++ published\n@@ bytes from 0 @@\n\
             -00000000  00 01 02 61 62 64 ff                             ...abd.\n\
             +00000000  00 01 02 61 62 63 ff                             ...abc.\n"
        )
    );
}

proptest::proptest! {
    /// Bytes of known formats with any few of them changed: something is said, and
    /// nothing panics.
    #[test]
    fn damaged_bytecode_and_elf_are_always_described(
        is_elf: bool,
        changes in proptest::collection::vec((proptest::prelude::any::<u16>(), proptest::prelude::any::<u8>()), 1..6),
    ) {
        let whole = if is_elf { elf() } else { pyc() };
        let mut other = whole.clone();
        for (at, byte) in changes {
            let at = usize::from(at) % other.len();
            other[at] = byte;
        }
        if other != whole {
            let found = differences(&other, &whole, ArtifactKind::Other);
            proptest::prop_assert!(found.iter().all(|d| !d.detail.is_empty()));
        }
    }
}
