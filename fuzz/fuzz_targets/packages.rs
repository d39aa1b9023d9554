//! Published artifacts as the line reads them: members for inference, a source
//! distribution that is unpacked, metadata that is replayed. Nothing is written outside
//! its folder, and what is replayed changes no content.
#![no_main]

use std::io::Write as _;

use libfuzzer_sys::fuzz_target;
use remint::model::ArtifactKind;
use remint::replay::{Outcome, reference_level, replay};
use remint::source::unpack_sdist;
use remint::store::archive::{member_contents, member_times, read_members};
use remint_fuzz::{Wrap, on_disk, pair};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let kind = match first % 4 {
        0 => ArtifactKind::Crate,
        1 => ArtifactKind::NpmTarball,
        2 => ArtifactKind::PureWheel,
        _ => ArtifactKind::Sdist,
    };
    let wrap = match kind {
        ArtifactKind::PureWheel => Wrap::Repaired,
        _ if first & 0x80 != 0 => Wrap::Raw,
        _ => Wrap::Gzip,
    };
    let Some((published, rebuilt)) = pair(rest, wrap) else {
        return;
    };
    if kind == ArtifactKind::Sdist {
        unpacked(&published);
    }
    replayed(&published, &rebuilt, kind);
});

/// Only the folder itself may be made, and links in it stay in it.
fn unpacked(archive: &[u8]) {
    let outer = tempfile::tempdir().expect("a temporary folder");
    let dest = outer.path().join("dest");
    drop(unpack_sdist(on_disk(archive).path(), &dest));
    for entry in std::fs::read_dir(outer.path()).expect("readable") {
        assert_eq!(entry.expect("readable").path(), dest);
    }
}

fn replayed(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) {
    let (a, b) = (on_disk(published), on_disk(rebuilt));
    drop(read_members(a.path(), kind, &|name| name.len() % 2 == 0));
    drop(member_times(a.path(), kind));
    drop(reference_level(a.path()));
    let outcome = replay(a.path(), b.path(), kind, None, None);
    let bytes = match outcome.expect("both files can be read") {
        None => return,
        Some(Outcome::Whole(replayed)) => {
            assert!(!replayed.facts.is_empty());
            replayed.bytes
        }
        Some(Outcome::Uncompressed(tar)) => gzipped(tar.content()),
    };
    let before = member_contents(b.path(), kind).expect("what was replayed is a whole archive");
    let after = member_contents(on_disk(&bytes).path(), kind).expect("so is the result");
    assert_eq!(before, after);
}

fn gzipped(tar: &[u8]) -> Vec<u8> {
    let mut stream = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    stream.write_all(tar).expect("memory");
    stream.finish().expect("memory")
}
