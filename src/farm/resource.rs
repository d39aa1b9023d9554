//! What a job is expected to use, learnt from what the package's earlier jobs used. Pure.
//!
//! A reservation only decides what runs beside what; the plan's own limits hold every
//! build. So a guess that is too low costs a retry at worst, and one that is too high
//! some idle memory.

use super::Reservation;
use crate::model::{BuildFailure, Limits, ResultRecord, Verdict};

/// The smallest class of memory, in MiB: what an idle shell with a compiler's caches
/// takes already.
const SMALLEST_MIB: u64 = 256;

/// What a package's jobs used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Peak of memory in MiB.
    pub memory_mib: u64,
    /// Wall time of a job in seconds.
    pub seconds: u64,
}

impl Usage {
    /// What these records of one job tell; nothing where no build was measured.
    pub fn of(records: &[ResultRecord]) -> Option<Self> {
        let peak = records.iter().filter_map(peak_mib).max()?;
        let millis: u64 = records.iter().map(|record| record.millis).sum();
        Some(Self {
            memory_mib: peak,
            seconds: millis.div_ceil(1000),
        })
    }

    /// What is kept when a job used `newer`: the greater, and what is old fades, so that
    /// one odd night is forgotten after a few.
    #[must_use]
    pub fn after(self, newer: Self) -> Self {
        Self {
            memory_mib: newer.memory_mib.max(self.memory_mib / 4 * 3),
            seconds: newer.seconds.max(self.seconds / 4 * 3),
        }
    }

    /// What the next job reserves, within what its limits allow, or, where its builds ran out of
    /// these, what they are given then. The memory is a class, a power of two above the peak with
    /// a quarter to spare: jobs of one class are chosen among together.
    pub fn reservation(self, limits: Reservation) -> Reservation {
        let wanted = self.memory_mib.saturating_add(self.memory_mib / 4);
        let class = wanted.max(SMALLEST_MIB).next_power_of_two();
        let most = if self.memory_mib <= limits.memory_mib {
            limits.memory_mib
        } else {
            limits.memory_mib.saturating_mul(Limits::LARGER)
        };
        Reservation {
            memory_mib: class.min(most),
            cpu_millis: limits.cpu_millis,
        }
    }
}

/// A build that ran out of memory would have used more than its limit, and is given more.
fn peak_mib(record: &ResultRecord) -> Option<u64> {
    match &record.verdict {
        Verdict::BuildFailed {
            failure: BuildFailure::OutOfMemory { limit_mib },
            ..
        } => Some(limit_mib.saturating_mul(Limits::LARGER)),
        _ => record
            .phases
            .iter()
            .filter_map(|phase| phase.peak_memory_mib)
            .max(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::farm::testing::{record, unsupported};
    use crate::model::{BuildStage, PhaseName, PhaseReport};

    const LIMITS: Reservation = Reservation {
        memory_mib: 4096,
        cpu_millis: 2000,
    };

    fn used(memory_mib: u64) -> Usage {
        Usage {
            memory_mib,
            seconds: 1,
        }
    }

    #[test]
    fn a_job_reserves_a_class_above_its_last_peak_and_never_above_what_it_may_use() {
        for (peak, class) in [
            (0, 256),
            (200, 256),
            (205, 256),
            (206, 512),
            (900, 2048),
            (4095, 4096),
            // Caches fill what there is.
            (4096, 4096),
            (9000, 12288),
        ] {
            assert_eq!(used(peak).reservation(LIMITS).memory_mib, class, "{peak}");
        }
        assert_eq!(used(1).reservation(LIMITS).cpu_millis, 2000);
    }

    #[test]
    fn a_greater_peak_counts_at_once_and_a_lower_one_slowly() {
        assert_eq!(used(100).after(used(400)).memory_mib, 400);
        assert_eq!(used(400).after(used(100)).memory_mib, 300);
    }

    #[test]
    fn what_ran_out_of_memory_is_reserved_whole() {
        let mut measured = record("pkg:npm/a@1.0.0", unsupported());
        assert_eq!(Usage::of(std::slice::from_ref(&measured)), None);
        measured.millis = 1500;
        measured.phases.push(PhaseReport {
            phase: PhaseName::Build,
            exit_code: 0,
            out_of_memory: false,
            peak_memory_mib: Some(300),
            millis: 1000,
        });
        let killed = record(
            "pkg:npm/a@1.0.0",
            Verdict::BuildFailed {
                stage: BuildStage::Build,
                failure: BuildFailure::OutOfMemory { limit_mib: 4096 },
            },
        );
        let usage = Usage::of(&[measured.clone()]).expect("measured");
        assert_eq!((usage.memory_mib, usage.seconds), (300, 2));
        assert_eq!(
            Usage::of(&[measured, killed]).expect("measured").memory_mib,
            4096 * Limits::LARGER
        );
    }
}
