//! What the targets share: two files out of one input, and what must hold of every
//! comparison and of every report about one.

mod shape;

use std::io::Write as _;
use std::time::Duration;

use remint::compare::{Limits, Request, compare};
use remint::model::{ArtifactKind, Comparison, steers};
use remint::report::comparison::{
    ComparedFile, ComparedFiles, to_html, to_json, to_markdown, to_terminal,
};
use tempfile::NamedTempFile;

pub use shape::{Wrap, pair};

/// Small, so that a bomb costs no time; large enough to reach every branch.
const LIMITS: Limits = Limits {
    inflated: 8 << 20,
    members: 200,
    held: 1 << 16,
    held_together: 1 << 18,
    listing: 1 << 20,
    listed: 20,
    depth: 4,
    time: Duration::from_secs(5),
};

/// A temporary file with these bytes.
pub fn on_disk(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

/// Holds two files against each other: only equal bytes are identical, of unequal ones
/// something is said, and no report lets through what steers its reader.
pub fn check(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) {
    let (a, b) = (on_disk(published), on_disk(rebuilt));
    let request = Request {
        limits: LIMITS,
        ..Request::new(a.path(), b.path(), kind)
    };
    let comparison = compare(&request).expect("both files can be read");
    match &comparison {
        Comparison::Identical { .. } => assert_eq!(published, rebuilt),
        Comparison::Differs(differs) => {
            assert_ne!(published, rebuilt);
            assert!(!differs.differences.is_empty());
            for difference in &differs.differences {
                assert!(!difference.detail.is_empty());
                assert!(!difference.path.chars().any(steers));
                assert!(!difference.detail.chars().any(steers));
            }
        }
    }
    reports(&comparison);
}

fn reports(comparison: &Comparison) {
    let file = |name: &str| ComparedFile {
        name: name.into(),
        size: 0,
    };
    let files = ComparedFiles {
        published: file("published"),
        rebuilt: file("rebuilt"),
    };
    for text in [
        to_terminal(&files, comparison, false),
        to_markdown(&files, comparison),
        to_html(&files, comparison),
        to_json(&files, comparison),
    ] {
        let bad = text
            .chars()
            .find(|&c| !matches!(c, '\n' | '\t') && steers(c));
        assert_eq!(bad, None);
    }
}
