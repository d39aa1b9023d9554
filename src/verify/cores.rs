//! How many builds this machine has room for, shared by every job of a process. A job
//! never waits here: what it may start was decided where it was leased. A second build
//! beside it is started only where there is room at once, so a machine that is busy
//! with jobs is never asked for more. Imports nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// From how many builds at once a machine has cores for two that use several each: a workspace's
/// installers and compilers keep about three busy.
const MANY: usize = 6;

/// A budget of builds. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Cores {
    most: usize,
    used: Arc<AtomicUsize>,
}

/// Room that is taken until the value is gone.
#[derive(Debug)]
pub(super) struct Taken(Arc<AtomicUsize>);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cores {
    /// A budget of so many builds at once.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            used: Arc::default(),
        }
    }

    /// Whether a build that uses every core would hold up one beside it.
    pub(super) const fn are_few(&self) -> bool {
        self.most < MANY
    }

    /// A job's own share; where a second build of another job holds it still, there is
    /// one too many until that ends.
    pub(super) fn own(&self) -> Taken {
        self.used.fetch_add(1, Ordering::Relaxed);
        Taken(self.used.clone())
    }

    /// Room for one more, where there is any now.
    pub(super) fn spare(&self) -> Option<Taken> {
        let more = |used| (used < self.most).then_some(used + 1);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()
            .map(|_| Taken(self.used.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workspaces_are_built_at_once_where_there_is_room_for_six() {
        assert!(Cores::new(MANY - 1).are_few());
        assert!(!Cores::new(MANY).are_few());
    }

    #[test]
    fn a_job_never_waits_and_a_second_build_takes_only_what_nobody_uses() {
        let cores = Cores::new(2);
        let one = cores.own();
        let spare = cores.spare().expect("room for one more");
        assert!(cores.spare().is_none());
        let two = cores.own();
        drop(one);
        assert!(cores.spare().is_none(), "a job and a second build use both");
        drop(spare);
        assert!(cores.clone().spare().is_some());
        drop(two);
    }
}
