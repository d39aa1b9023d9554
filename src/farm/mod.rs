//! Batches: what is asked for, the queue that it waits in, and the workers that
//! carry it out.
//!
//! Choosing, retrying and losing a lease are pure functions (`queue::choose`,
//! `retry`, `queue::watch`); the queue puts them into transactions, the worker runs
//! what it was leased. It may import every room below it. It prints nothing, and it
//! never says anything of a package: records come from `verify` alone.

pub mod credential;
pub mod disk;
pub mod input;
mod line;
mod outputs;
mod plan;
pub mod process;
pub mod queue;
pub mod reports;
pub mod resource;
mod retry;
pub mod schedule;
pub mod service;
mod spool;
#[cfg(test)]
mod testing;
mod worker;

pub use line::LineExecutor;
pub use outputs::Outputs;
pub use plan::{Error as SelectError, Request, Selection, select, superseded};
pub use queue::Queue;
pub use retry::Next;
pub use worker::{Executed, Executor, Interrupted, Until, Watcher, Worker, WorkerEvent};

use crate::model::Limits;

/// What a job may use of a machine, and what a machine has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Reservation {
    /// Memory in MiB.
    pub memory_mib: u64,
    /// Processors, in thousandths.
    pub cpu_millis: u64,
}

impl Reservation {
    /// What a build within these limits can use at most.
    pub fn of_limits(limits: &Limits) -> Self {
        Self {
            memory_mib: limits.memory_mib,
            cpu_millis: limits.cpu_millis,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            memory_mib: self.memory_mib.saturating_add(other.memory_mib),
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
        }
    }

    fn times(self, count: u64) -> Self {
        Self {
            memory_mib: self.memory_mib.saturating_mul(count),
            cpu_millis: self.cpu_millis.saturating_mul(count),
        }
    }

    fn within(self, other: Self) -> bool {
        self.memory_mib <= other.memory_mib && self.cpu_millis <= other.cpu_millis
    }
}
