//! More memory and disk for a plan that ran out of one of them, where this machine has the memory
//! free: some workspaces need several times what most builds do, and to reserve that for each
//! would let few run at once. Reads how much is free; imports `plan` and `model`.

use std::collections::VecDeque;

use crate::model::{BuildFailure, Limits, Verdict};
use crate::plan::Candidate;

/// The limits with which a plan is tried again that ended so.
pub(super) fn after(verdict: &Verdict, limits: Limits) -> Option<Limits> {
    larger(verdict, limits, free_mib()?)
}

/// A plan that waits, with its place among all.
pub(super) type Waiting = (usize, Candidate);

/// Puts a plan back into its place, and gives all that wait these limits: they are of the same
/// source, and would run out of the same.
pub(super) fn repeat(waiting: &mut VecDeque<Waiting>, ended: Waiting, limits: Limits) {
    let before = waiting.partition_point(|(place, _)| *place < ended.0);
    waiting.insert(before, ended);
    for (_, candidate) in waiting {
        candidate.plan.limits = limits;
        let why = "a build of this source ran out of memory or disk, and this machine has more";
        candidate.reasons.insert("plan.limits".into(), why.into());
    }
}

fn larger(verdict: &Verdict, limits: Limits, free_mib: u64) -> Option<Limits> {
    let Verdict::BuildFailed { failure, .. } = verdict else {
        return None;
    };
    let larger = match failure {
        BuildFailure::OutOfMemory { .. } | BuildFailure::DiskLimit { .. } => limits.larger(),
        BuildFailure::Exit { .. }
        | BuildFailure::TimedOut { .. }
        | BuildFailure::NoOutput { .. }
        | BuildFailure::NoPlan { .. } => return None,
    };
    (larger.memory_mib <= free_mib).then_some(larger)
}

/// The memory in MiB that processes can still be given (proc_meminfo(5), `MemAvailable`).
fn free_mib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::BuildStage;

    fn failed(failure: BuildFailure) -> Verdict {
        Verdict::BuildFailed {
            stage: BuildStage::Build,
            failure,
        }
    }

    #[test]
    fn what_ran_out_of_memory_or_disk_gets_more_of_both_where_the_memory_is_free() {
        let limits = Limits::default();
        let wanted = limits.memory_mib * Limits::LARGER;
        for failure in [
            BuildFailure::OutOfMemory { limit_mib: 1 },
            BuildFailure::DiskLimit { limit_mib: 1 },
        ] {
            let verdict = failed(failure);
            let given = larger(&verdict, limits, wanted).expect("there is room");
            assert_eq!(given.memory_mib, wanted);
            assert_eq!(given.disk_mib, limits.disk_mib * Limits::LARGER);
            assert_eq!((given.seconds, given.pids), (limits.seconds, limits.pids));
            assert_eq!(larger(&verdict, limits, wanted - 1), None);
        }
    }

    #[test]
    fn what_ended_otherwise_gets_no_more() {
        let limits = Limits::default();
        for verdict in [
            failed(BuildFailure::TimedOut { limit_seconds: 1 }),
            failed(BuildFailure::Exit {
                code: 1,
                step: "x".into(),
            }),
            Verdict::Unsupported { reason: "x".into() },
        ] {
            assert_eq!(larger(&verdict, limits, u64::MAX), None);
        }
    }

    #[test]
    fn how_much_memory_is_free_is_read_here() {
        assert!(free_mib().is_some_and(|mib| mib > 0));
    }

    #[test]
    fn plans_that_are_repeated_keep_their_order_whichever_ended_first() {
        let plan: crate::model::Plan = serde_json::from_str(
            r#"{"image":"node","build_network":"none","output":"out","prepare":[],"build":[]}"#,
        )
        .expect("a plan");
        let waits = |place| {
            let plan = plan.clone();
            let reasons = std::collections::BTreeMap::new();
            (place, Candidate { plan, reasons })
        };
        let larger = Limits::default().larger();
        for [first, second] in [[0, 1], [1, 0]] {
            let mut waiting = VecDeque::from([waits(2), waits(3)]);
            repeat(&mut waiting, waits(first), larger);
            repeat(&mut waiting, waits(second), larger);
            let order: Vec<_> = waiting.iter().map(|(place, _)| *place).collect();
            assert_eq!(order, [0, 1, 2, 3]);
            assert!(waiting.iter().all(|(_, one)| one.plan.limits == larger));
        }
    }
}
