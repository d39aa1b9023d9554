//! What follows an outcome: each has a rule of its own. Pure.
//!
//! What a comparison says is final: the same plan gives the same bytes. A build that
//! hit a limit of time or memory gets one more try, since a busy machine can be the
//! reason. The farm's own fault is tried again with exponential back-off and jitter,
//! up to a limit; so is a job whose worker was lost, since the job may be what kills it.

use std::time::Duration;

use crate::model::{BuildFailure, ResultRecord, Verdict};

/// Tries of a job that ends with the farm's fault. With the back-off below they
/// span a quarter to half an hour: longer than a restart, shorter than a night.
pub const MAX_INFRA_TRIES: u32 = 8;

/// Workers that a job may take with it before it is given up.
pub const MAX_LOSSES: u32 = 3;

/// Tries of a build that hits a limit.
pub const MAX_LIMIT_TRIES: u32 = 2;

/// The first pause.
const FIRST_PAUSE: Duration = Duration::from_secs(15);

/// The longest pause.
pub const MAX_PAUSE: Duration = Duration::from_secs(15 * 60);

/// What becomes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its records are final.
    Done,
    /// Once more, after a pause.
    Again(Duration),
    /// No more, though nothing is known of the package.
    GiveUp,
}

/// What follows the records of a job that ended badly `failures` times before.
/// `chance` is between 0 and 1, and spreads those that failed together.
pub fn after(records: &[ResultRecord], failures: u32, chance: f64) -> Next {
    let tries = failures + 1;
    let has = |rule: &dyn Fn(&Verdict) -> bool| records.iter().any(|record| rule(&record.verdict));
    if has(&|verdict| matches!(verdict, Verdict::InfraError { .. })) {
        return if tries < MAX_INFRA_TRIES {
            Next::Again(pause(failures, chance))
        } else {
            Next::GiveUp
        };
    }
    if has(&hit_a_limit) && tries < MAX_LIMIT_TRIES {
        return Next::Again(pause(failures, chance));
    }
    Next::Done
}

fn hit_a_limit(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::BuildFailed {
            failure: BuildFailure::TimedOut { .. } | BuildFailure::OutOfMemory { .. },
            ..
        }
    )
}

/// Doubles each time up to [`MAX_PAUSE`]; between half of that and the whole.
pub fn pause(failures: u32, chance: f64) -> Duration {
    let whole = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    whole
        .min(MAX_PAUSE)
        .mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::testing::record;
    use crate::model::{BuildStage, Sha256Digest};

    fn infra() -> Verdict {
        Verdict::InfraError { reason: "x".into() }
    }

    fn failed(failure: BuildFailure) -> Verdict {
        Verdict::BuildFailed {
            stage: BuildStage::Build,
            failure,
        }
    }

    fn next(verdict: Verdict, failures: u32) -> Next {
        after(&[record("pkg:npm/a@1.0.0", verdict)], failures, 1.0)
    }

    #[test]
    fn only_the_farms_fault_is_tried_again_and_again_and_then_given_up() {
        for failures in 0..MAX_INFRA_TRIES - 1 {
            assert!(
                matches!(next(infra(), failures), Next::Again(_)),
                "{failures}"
            );
        }
        assert_eq!(next(infra(), MAX_INFRA_TRIES - 1), Next::GiveUp);
    }

    #[test]
    fn what_is_known_of_a_package_is_final() {
        let reproduced = Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![],
        };
        let missing = Verdict::SourceNotFound { reason: "x".into() };
        let exit = failed(BuildFailure::Exit {
            code: 1,
            step: "x".into(),
        });
        for verdict in [reproduced, missing, exit] {
            assert_eq!(next(verdict, 0), Next::Done);
        }
    }

    #[test]
    fn a_build_that_hit_a_limit_gets_one_more_try() {
        let slow = || failed(BuildFailure::TimedOut { limit_seconds: 1 });
        assert!(matches!(next(slow(), 0), Next::Again(_)));
        assert_eq!(next(slow(), 1), Next::Done);
    }

    #[test]
    fn pauses_double_are_spread_and_end() {
        assert_eq!(pause(0, 1.0), FIRST_PAUSE);
        assert_eq!(pause(1, 1.0), FIRST_PAUSE * 2);
        assert_eq!(pause(0, 0.0), FIRST_PAUSE / 2);
        assert_eq!(pause(60, 1.0), MAX_PAUSE);
    }
}
