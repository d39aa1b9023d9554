//! What every target asserts of a comparison.

use std::io::Write as _;
use std::time::Duration;

use remint::compare::{Limits, Request, compare};
use remint::model::{ArtifactKind, Comparison};
use tempfile::NamedTempFile;

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

fn on_disk(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}

/// Holds two files against each other: only equal bytes are identical, and of
/// unequal ones something is said.
pub fn check(published: &[u8], rebuilt: &[u8], kind: ArtifactKind) {
    let (a, b) = (on_disk(published), on_disk(rebuilt));
    let request = Request {
        limits: LIMITS,
        ..Request::new(a.path(), b.path(), kind)
    };
    match compare(&request).expect("both files can be read") {
        Comparison::Identical { .. } => assert_eq!(published, rebuilt),
        Comparison::Differs(differs) => {
            assert_ne!(published, rebuilt);
            assert!(!differs.differences.is_empty());
            for difference in &differs.differences {
                assert!(!difference.detail.is_empty());
                assert!(!difference.path.chars().any(char::is_control));
                assert!(!difference.detail.chars().any(char::is_control));
            }
        }
    }
}

/// Two files out of one input: the input, and the input with some bytes of it changed
/// as its last four bytes say. So both are nearly the same archive.
pub fn pair(data: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, [a, b, change, run]) = data.split_last_chunk::<4>()?;
    if body.is_empty() {
        return None;
    }
    let at = (usize::from(*a) << 8 | usize::from(*b)) % body.len();
    let mut other = body.to_vec();
    for byte in other.iter_mut().skip(at).take(usize::from(run % 8) + 1) {
        *byte ^= change | 1;
    }
    Some((body.to_vec(), other))
}
