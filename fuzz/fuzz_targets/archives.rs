//! Every reader of archives and streams, the normalizers behind them included. The
//! first byte says what the file is taken for; the rest is the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remint::model::ArtifactKind;
use remint_fuzz::{check, pair};

fuzz_target!(|data: &[u8]| {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let kind = match kind % 4 {
        0 => ArtifactKind::Other,
        1 => ArtifactKind::Crate,
        2 => ArtifactKind::PureWheel,
        _ => ArtifactKind::Sdist,
    };
    if let Some((published, rebuilt)) = pair(rest) {
        check(&published, &rebuilt, kind);
    }
});
