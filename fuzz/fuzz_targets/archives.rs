//! Every reader of archives and streams, the normalizers and the reports behind them
//! included. The first byte says what the file is taken for and how it is wrapped; the
//! rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remint::model::ArtifactKind;
use remint_fuzz::{Wrap, check, pair};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let kind = match first % 4 {
        0 => ArtifactKind::Other,
        1 => ArtifactKind::Crate,
        2 => ArtifactKind::PureWheel,
        _ => ArtifactKind::Sdist,
    };
    if let Some((published, rebuilt)) = pair(rest, Wrap::of(first >> 2)) {
        check(&published, &rebuilt, kind);
    }
});
