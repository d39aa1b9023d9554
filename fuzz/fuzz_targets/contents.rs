//! Everything that looks into one member's content: text, JSON, TOML, bytecode, ELF.
#![no_main]

use libfuzzer_sys::fuzz_target;
use remint::model::ArtifactKind;
use remint_fuzz::{Wrap, check, pair};

fuzz_target!(|data: &[u8]| {
    if let Some((published, rebuilt)) = pair(data, Wrap::Raw) {
        check(&published, &rebuilt, ArtifactKind::Other);
    }
});
