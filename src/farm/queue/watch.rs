//! Whose lease is lost: told by heartbeats that stop, never by a clock that others
//! set. A lease counts its beats. Whoever watches notes, on its own monotonic clock,
//! when it first saw a beat; when the same beat still stands after the deadline, the
//! holder is lost. Wall clocks may jump, on any machine, and nothing happens.

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
}

impl Watch {
    /// Takes in every lease of now and returns those that are lost.
    pub(super) fn observe(
        &mut self,
        leases: Vec<Standing>,
        deadline: Duration,
        now: Instant,
    ) -> Vec<Standing> {
        let mut next = HashMap::with_capacity(leases.len());
        let mut lost = Vec::new();
        for lease in leases {
            let since = match self.seen.get(&lease.token) {
                Some((beat, since)) if *beat == lease.beat => *since,
                _ => now,
            };
            next.insert(lease.token.clone(), (lease.beat, since));
            if now.duration_since(since) >= deadline {
                lost.push(lease);
            }
        }
        self.seen = next;
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

    #[test]
    fn a_lease_that_beats_is_never_lost_and_one_that_stopped_is_after_the_deadline() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        for beat in 0..10 {
            let now = start + Duration::from_secs(20 * u64::try_from(beat).expect("small"));
            assert!(watch.observe(lease(beat), DEADLINE, now).is_empty());
        }
        let last = start + Duration::from_secs(180);
        assert!(
            watch
                .observe(lease(9), DEADLINE, last + Duration::from_secs(29))
                .is_empty()
        );
        assert_eq!(watch.observe(lease(9), DEADLINE, last + DEADLINE).len(), 1);
    }

    #[test]
    fn who_begins_to_watch_waits_a_whole_deadline_first() {
        let mut watch = Watch::default();
        assert!(watch.observe(lease(7), DEADLINE, Instant::now()).is_empty());
    }
}
