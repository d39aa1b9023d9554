//! The same work on both sides, which know nothing of each other. Imports nothing.

use std::path::Path;

/// Two files that are together no larger are worked on one after the other: to start a
/// thread takes as long as to hash some hundred kilobytes.
const SMALL: u64 = 64 << 10;

/// Does the same to both sides; at once, where the work of `weight` bytes is worth a thread.
pub(super) fn both<T: Send, R: Send>(
    weight: u64,
    [a, b]: [T; 2],
    work: impl Fn(T) -> R + Sync,
) -> [R; 2] {
    if weight <= SMALL {
        return [work(a), work(b)];
    }
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(b));
        let one = work(a);
        let other = other
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        [one, other]
    })
}

/// How large two files are together, in bytes; as much as can be where that is not known.
pub(super) fn weight(paths: [&Path; 2]) -> u64 {
    let size = |path: &Path| std::fs::metadata(path).map_or(u64::MAX, |found| found.len());
    size(paths[0]).saturating_add(size(paths[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_gets_its_own_answer_whether_at_once_or_in_turn() {
        for weight in [0, SMALL, SMALL + 1, u64::MAX] {
            assert_eq!(both(weight, [1, 2], |side| side * 10), [10, 20]);
        }
    }

    #[test]
    fn what_cannot_be_weighed_is_heavy() {
        let none = Path::new("/nonexistent/file");
        assert_eq!(weight([none, none]), u64::MAX);
    }
}
