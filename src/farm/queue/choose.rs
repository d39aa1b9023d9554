//! Which lane the next lease is taken from. Pure: what is queued and what runs in,
//! one lane out; so fairness and limits are tested without a database.

use std::collections::BTreeMap;

use crate::farm::Reservation;
use crate::model::FarmLimits;

/// A lane that has work, or from which something runs.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    pub(super) id: i64,
    pub(super) batch: String,
    pub(super) ecosystem: String,
    pub(super) host: String,
    pub(super) reservation: Reservation,
    /// Urgency of the batch: a person's request goes before the night's bulk.
    pub(super) urgency: i64,
    /// The batch's share beside others of the same urgency.
    pub(super) weight: i64,
    /// Leases that the batch was given, in proportion to its weight.
    pub(super) served: i64,
    /// Rank of the first job; none where no job waits.
    pub(super) head: Option<i64>,
    /// Leases on every machine.
    pub(super) running: u32,
    /// Leases on the machine that asks.
    pub(super) running_here: u32,
}

/// How many may run at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AtOnce {
    /// Of each ecosystem; any number where it is not named.
    pub ecosystem: BTreeMap<String, u32>,
    /// From each upstream host.
    pub host: BTreeMap<String, u32>,
}

impl AtOnce {
    /// The limits of a configuration.
    pub fn of(config: &FarmLimits) -> Self {
        let named = config.ecosystem.iter();
        Self {
            ecosystem: named.map(|(e, most)| (e.to_string(), *most)).collect(),
            host: config.host.clone(),
        }
    }

    /// Lowers the limits of ecosystems to these, where these are lower.
    pub fn lower_to(&mut self, others: impl IntoIterator<Item = (String, u32)>) {
        for (ecosystem, most) in others {
            let limit = self.ecosystem.entry(ecosystem).or_insert(most);
            *limit = most.min(*limit);
        }
    }
}

/// One lease's worth of virtual time for a batch of weight 1 (start-time fair
/// queueing: Goyal, Vin and Cheng, SIGCOMM 1996). Divisible by every weight.
pub(super) const TURN: i64 = 720_720;

/// The greatest weight of a batch.
pub(super) const MAX_WEIGHT: i64 = 16;

/// The lane to take from, or none where nothing that waits may run here now.
///
/// Urgency first; then the batch that was served least for its weight; within it
/// the job of the lowest rank. A lane that does not fit is passed over, and the
/// next one has its turn. `largest` is the memory of the largest machine that works.
pub(super) fn choose<'a>(
    lanes: &'a [Lane],
    limits: &AtOnce,
    capacity: Reservation,
    largest: u64,
) -> Option<&'a Lane> {
    let used = lanes.iter().fold(Reservation::default(), |sum, lane| {
        sum.plus(lane.reservation.times(u64::from(lane.running_here)))
    });
    let running = |same: &dyn Fn(&Lane) -> bool| -> u32 {
        lanes
            .iter()
            .filter(|lane| same(lane))
            .map(|lane| lane.running)
            .sum()
    };
    let allowed = |lane: &&Lane| {
        let of_ecosystem = limits.ecosystem.get(&lane.ecosystem);
        let of_host = limits.host.get(&lane.host);
        of_ecosystem.is_none_or(|limit| running(&|l| l.ecosystem == lane.ecosystem) < *limit)
            && of_host.is_none_or(|limit| running(&|l| l.host == lane.host) < *limit)
            && fits(lane.reservation, used, capacity, largest)
    };
    lanes
        .iter()
        .filter(|lane| lane.head.is_some())
        .filter(allowed)
        .min_by_key(|lane| (-lane.urgency, lane.served, &lane.batch, lane.head, lane.id))
}

/// Whether a job fits beside what runs. One that is larger than the whole machine is
/// left to a larger one; where there is none it runs alone rather than never: its own
/// limits still hold it.
fn fits(wanted: Reservation, used: Reservation, capacity: Reservation, largest: u64) -> bool {
    let is_left_to_others =
        wanted.memory_mib > capacity.memory_mib && largest > capacity.memory_mib;
    let is_alone = used == Reservation::default() && !is_left_to_others;
    is_alone || used.plus(wanted).within(capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(id: i64, batch: &str) -> Lane {
        Lane {
            id,
            batch: batch.into(),
            ecosystem: "cargo".into(),
            host: String::new(),
            reservation: Reservation {
                memory_mib: 1000,
                cpu_millis: 1000,
            },
            urgency: 0,
            weight: 1,
            served: 0,
            head: Some(0),
            running: 0,
            running_here: 0,
        }
    }

    const MACHINE: Reservation = Reservation {
        memory_mib: 4000,
        cpu_millis: 4000,
    };

    fn chosen(lanes: &[Lane], limits: &AtOnce) -> Option<i64> {
        choose(lanes, limits, MACHINE, MACHINE.memory_mib).map(|lane| lane.id)
    }

    #[test]
    fn a_persons_request_goes_before_the_nights_bulk() {
        let person = Lane {
            urgency: 1,
            served: 99,
            ..lane(2, "person")
        };
        assert_eq!(
            chosen(&[lane(1, "night"), person], &AtOnce::default()),
            Some(2)
        );
    }

    #[test]
    fn two_batches_share_by_weight_over_time() {
        let mut lanes = vec![
            lane(1, "one"),
            Lane {
                weight: 3,
                ..lane(2, "three")
            },
        ];
        let mut turns = [0, 0];
        for _ in 0..400 {
            let id = chosen(&lanes, &AtOnce::default()).expect("one waits");
            let at = usize::try_from(id - 1).expect("small");
            turns[at] += 1;
            lanes[at].served += TURN / lanes[at].weight;
        }
        assert_eq!(turns, [100, 300]);
    }

    #[test]
    fn within_a_batch_the_lowest_rank_goes_first() {
        let old = Lane {
            head: Some(5),
            ..lane(1, "a")
        };
        let new = Lane {
            head: Some(1),
            ..lane(2, "a")
        };
        assert_eq!(chosen(&[old, new], &AtOnce::default()), Some(2));
    }

    #[test]
    fn a_full_ecosystem_or_host_is_passed_over_and_not_waited_for() {
        let full = Lane {
            running: 2,
            ..lane(1, "a")
        };
        let pypi = Lane {
            ecosystem: "pypi".into(),
            served: 9,
            ..lane(2, "b")
        };
        let two_crates = AtOnce {
            ecosystem: [("cargo".into(), 2)].into(),
            ..AtOnce::default()
        };
        assert_eq!(chosen(&[full.clone(), pypi.clone()], &two_crates), Some(2));
        assert_eq!(chosen(&[full], &two_crates), None);
        let busy = Lane {
            host: "git.example".into(),
            running: 1,
            ..lane(1, "a")
        };
        let one = AtOnce {
            host: [("git.example".into(), 1)].into(),
            ..AtOnce::default()
        };
        assert_eq!(chosen(&[busy, pypi], &one), Some(2));
    }

    #[test]
    fn what_does_not_fit_beside_what_runs_waits_and_a_smaller_one_goes() {
        let running = Lane {
            head: None,
            running: 3,
            running_here: 3,
            ..lane(1, "a")
        };
        let large = Lane {
            reservation: Reservation {
                memory_mib: 2000,
                cpu_millis: 1000,
            },
            ..lane(2, "a")
        };
        let small = Lane {
            served: 5,
            ..lane(3, "b")
        };
        let lanes = [running, large.clone(), small];
        assert_eq!(chosen(&lanes, &AtOnce::default()), Some(3));
        assert_eq!(chosen(&lanes[..2], &AtOnce::default()), None);
    }

    #[test]
    fn what_is_larger_than_the_machine_runs_alone() {
        let huge = Lane {
            reservation: Reservation {
                memory_mib: 9000,
                cpu_millis: 1000,
            },
            ..lane(1, "a")
        };
        let busy = Lane {
            head: None,
            running_here: 1,
            running: 1,
            ..lane(2, "a")
        };
        assert_eq!(
            chosen(std::slice::from_ref(&huge), &AtOnce::default()),
            Some(1)
        );
        assert_eq!(chosen(&[huge, busy], &AtOnce::default()), None);
    }

    #[test]
    fn what_is_larger_than_the_machine_is_left_to_a_larger_one_that_works() {
        let huge = [Lane {
            reservation: Reservation {
                memory_mib: 9000,
                cpu_millis: 1000,
            },
            ..lane(1, "a")
        }];
        assert!(choose(&huge, &AtOnce::default(), MACHINE, 8000).is_none());
        let larger = Reservation {
            memory_mib: 8000,
            ..MACHINE
        };
        assert!(choose(&huge, &AtOnce::default(), larger, 8000).is_some());
    }

    #[test]
    fn every_weight_divides_a_turn() {
        for weight in 1..=MAX_WEIGHT {
            assert_eq!(TURN % weight, 0, "{weight}");
        }
    }
}
