//! Whose lease is lost: told by heartbeats that stop, never by a clock that others
//! set. A lease counts its beats. Whoever watches notes, on its own monotonic clock,
//! when it first saw a beat; when the same beat still stands after the deadline, the
//! holder is lost. Wall clocks may jump, on any machine, and nothing happens.
//!
//! A watcher that could not look for a while (the database was gone) does not know
//! whether the holders could beat; all of them have a whole deadline again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A lease as it stands in the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Standing {
    pub(super) job: i64,
    pub(super) token: String,
    pub(super) beat: i64,
}

/// What one process saw of every lease.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: HashMap<String, (i64, Instant)>,
    looked: Option<Instant>,
}

impl Watch {
    /// Takes in every lease of now and returns those that are lost.
    pub(super) fn observe(
        &mut self,
        leases: Vec<Standing>,
        deadline: Duration,
        now: Instant,
    ) -> Vec<Standing> {
        let was_blind = self
            .looked
            .is_some_and(|looked| now.duration_since(looked) >= deadline / 2);
        let mut next = HashMap::with_capacity(leases.len());
        let mut lost = Vec::new();
        for lease in leases {
            let since = match self.seen.get(&lease.token) {
                Some((beat, since)) if *beat == lease.beat && !was_blind => *since,
                _ => now,
            };
            next.insert(lease.token.clone(), (lease.beat, since));
            if now.duration_since(since) >= deadline {
                lost.push(lease);
            }
        }
        self.seen = next;
        self.looked = Some(now);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn lease(beat: i64) -> Vec<Standing> {
        vec![Standing {
            job: 1,
            token: "t".into(),
            beat,
        }]
    }

    /// Looks every second, and says after how many the lease is lost.
    fn lost_after(watch: &mut Watch, beat: i64, start: Instant, most: u64) -> Option<u64> {
        (0..=most).find(|second| {
            let now = start + Duration::from_secs(*second);
            !watch.observe(lease(beat), DEADLINE, now).is_empty()
        })
    }

    #[test]
    fn a_lease_that_beats_is_never_lost_and_one_that_stopped_is_after_the_deadline() {
        let (mut watch, mut now) = (Watch::default(), Instant::now());
        for beat in 0..10 {
            assert_eq!(lost_after(&mut watch, beat, now, 29), None);
            now += Duration::from_secs(30);
        }
        assert_eq!(lost_after(&mut watch, 10, now, 60), Some(30));
    }

    #[test]
    fn who_could_not_look_for_a_while_waits_a_whole_deadline_again() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        assert_eq!(lost_after(&mut watch, 7, now, 20), None);
        let back = now + Duration::from_secs(20) + DEADLINE / 2;
        assert_eq!(lost_after(&mut watch, 7, back, 60), Some(30));
    }

    #[test]
    fn who_begins_to_watch_waits_a_whole_deadline_first() {
        let mut watch = Watch::default();
        assert!(watch.observe(lease(7), DEADLINE, Instant::now()).is_empty());
    }
}
