//! From the outcomes of all tries to one verdict. Pure; imports `model` alone.

use crate::model::{Differs, Severity, Verdict};

/// The verdict that stands for all tries of an artifact: the first exact one, or
/// else the nearest, so that a person reads the differences that matter.
pub(super) fn nearest(verdicts: Vec<Verdict>) -> Option<usize> {
    verdicts
        .iter()
        .enumerate()
        .min_by_key(|(index, verdict)| (distance(verdict), *index))
        .map(|(index, _)| index)
}

/// How far a verdict is from exact; smaller is nearer.
fn distance(verdict: &Verdict) -> (u8, usize) {
    match verdict {
        Verdict::Reproduced { replayed, .. } => (0, usize::from(!replayed.is_empty())),
        Verdict::Equivalent { .. } => (1, 0),
        Verdict::Different { comparison } => different_distance(comparison),
        Verdict::BuildFailed { .. } => (10, 0),
        Verdict::SourceNotFound { .. } => (11, 0),
        Verdict::Unsupported { .. } => (12, 0),
        // The farm's fault on one try says nothing; a statement about the
        // package from another try comes first.
        Verdict::InfraError { .. } => (13, 0),
    }
}

fn different_distance(comparison: &Differs) -> (u8, usize) {
    let rank = match comparison.severity() {
        Severity::Metadata => 2,
        Severity::Generated => 3,
        Severity::Payload => 4,
    };
    (rank, comparison.total())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Cause, Difference, DifferenceKind, Sha256Digest};

    fn reproduced() -> Verdict {
        Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![],
        }
    }

    fn different(severity: Severity) -> Verdict {
        Verdict::Different {
            comparison: Box::new(Differs {
                published: Sha256Digest::of(b"a"),
                rebuilt: Sha256Digest::of(b"b"),
                differences: vec![Difference {
                    path: String::new(),
                    kind: DifferenceKind::Content,
                    cause: Cause::Unknown,
                    severity,
                    detail: String::new(),
                    diff: None,
                }],
                omitted: 0,
                causes: vec![],
                equivalence: None,
            }),
        }
    }

    fn infra() -> Verdict {
        Verdict::InfraError { reason: "x".into() }
    }

    #[test]
    fn the_exact_try_wins_wherever_it_stands() {
        let tries = vec![different(Severity::Metadata), reproduced()];
        assert_eq!(nearest(tries), Some(1));
    }

    #[test]
    fn among_differences_the_mildest_is_shown_and_the_first_of_equals() {
        let tries = vec![
            different(Severity::Payload),
            different(Severity::Metadata),
            different(Severity::Metadata),
        ];
        assert_eq!(nearest(tries), Some(1));
    }

    #[test]
    fn the_farms_fault_never_hides_what_is_known_of_the_package() {
        assert_eq!(
            nearest(vec![infra(), different(Severity::Payload)]),
            Some(1)
        );
        assert_eq!(nearest(vec![infra()]), Some(0));
        assert_eq!(nearest(vec![]), None);
    }
}
