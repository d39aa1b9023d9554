//! What one comparison may use: bytes inflated, members, memory for listings, time.
//! May import nothing of the project. Every loop over outside data asks here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::listing::Trouble;

/// How much of two artifacts is read. What goes beyond is reported as unreadable,
/// never passed over.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that are inflated in one comparison: both sides, all levels of nesting,
    /// and the second pass over what differs.
    pub inflated: u64,
    /// Members of one archive.
    pub members: usize,
    /// A member held whole in memory for a text diff, in bytes.
    pub held: u64,
    /// All members held at one time, in bytes.
    pub held_together: u64,
    /// Names, headers and comments kept in memory of one side, all nesting together, in bytes.
    pub listing: u64,
    /// Differences that are listed; the rest is counted.
    pub listed: usize,
    /// Archives within archives that are looked into.
    pub depth: usize,
    /// How long one comparison may take.
    pub time: Duration,
}

impl Default for Limits {
    /// Larger than any artifact that the public registries accept today, small
    /// enough for a machine with 1 GiB.
    fn default() -> Self {
        Self {
            inflated: 16 << 30,
            members: 200_000,
            held: 1 << 20,
            held_together: 64 << 20,
            listing: 128 << 20,
            listed: 200,
            depth: 8,
            time: Duration::from_secs(600),
        }
    }
}

/// What is left for one comparison; clones share it.
#[derive(Clone, Debug)]
pub(super) struct Budget {
    limits: Limits,
    inflated: Arc<AtomicU64>,
    /// The most that one walk of this level has listed.
    listed: Arc<AtomicU64>,
    deadline: Instant,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            limits: *limits,
            inflated: Arc::default(),
            listed: Arc::default(),
            deadline: Instant::now() + limits.time,
        }
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The budget of one walk over one archive.
    pub(super) fn for_walk(&self) -> Walk {
        Walk {
            listing: self.limits.listing,
            budget: self.clone(),
        }
    }

    /// The budget of an archive within the one that was walked, whose listing is still held:
    /// so all levels together hold no more than one may.
    pub(super) fn inside(&self) -> Self {
        let listed = self.listed.load(Ordering::Relaxed);
        Self {
            limits: Limits {
                listing: self.limits.listing.saturating_sub(listed),
                ..self.limits
            },
            listed: Arc::default(),
            ..self.clone()
        }
    }

    /// How much time is left; none once it is over.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.deadline
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }

    /// Takes note of `count` inflated bytes.
    pub(super) fn inflate(&self, count: usize) -> std::io::Result<()> {
        let count = count as u64;
        let before = self.inflated.fetch_add(count, Ordering::Relaxed);
        if before.saturating_add(count) > self.limits.inflated {
            return Err(std::io::Error::other(format!(
                "the two files inflate to more than {} bytes, where reading stops",
                self.limits.inflated
            )));
        }
        if self.time_left().is_none() {
            return Err(std::io::Error::other(format!(
                "the comparison took more than {} s, where reading stops",
                self.limits.time.as_secs()
            )));
        }
        Ok(())
    }
}

/// The budget of one walk over one archive.
#[derive(Debug)]
pub(super) struct Walk {
    budget: Budget,
    listing: u64,
}

impl Walk {
    /// See [`Budget::inflate`].
    pub(super) fn inflate(&self, count: usize) -> std::io::Result<()> {
        self.budget.inflate(count)
    }

    /// Takes note of one more member whose description needs `bytes`.
    pub(super) fn list(&mut self, members_so_far: usize, bytes: usize) -> Result<(), Trouble> {
        let limits = &self.budget.limits;
        if members_so_far >= limits.members {
            return Err(Trouble(format!(
                "it has more than {} members, where reading stops",
                limits.members
            )));
        }
        self.listing = self.listing.checked_sub(bytes as u64).ok_or_else(|| {
            Trouble(format!(
                "its names and headers need more than {} bytes, where reading stops",
                limits.listing
            ))
        })?;
        let listed = limits.listing - self.listing;
        self.budget.listed.fetch_max(listed, Ordering::Relaxed);
        Ok(())
    }
}
