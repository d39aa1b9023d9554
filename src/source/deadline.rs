//! When work on one checkout must be over. Pure but for the clock.
//!
//! What a repository can make long is counted and bounded elsewhere (entries,
//! bytes, depth); this bounds what those leave: packing a history, many
//! submodules, a slow disk.

use std::time::{Duration, Instant};

use super::Error;

/// The longest that one checkout with its submodules may take, fetches apart
/// (each has its own limit): some ten times what the largest repositories that
/// packages are made from need.
const MAX_CHECKOUT_TIME: Duration = Duration::from_secs(900);

/// The end of a checkout's time.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// The deadline of a checkout that begins now.
    pub(super) fn of_checkout() -> Self {
        Self::after(MAX_CHECKOUT_TIME)
    }

    fn after(limit: Duration) -> Self {
        Self {
            at: Instant::now() + limit,
            limit,
        }
    }

    /// Whether the time is over.
    pub(super) fn has_passed(self) -> bool {
        Instant::now() >= self.at
    }

    /// Goes on only while there is time.
    ///
    /// # Errors
    /// [`Error::Limit`] afterwards.
    pub(super) fn check(self) -> Result<(), Error> {
        if self.has_passed() {
            return Err(Error::Limit {
                what: "the time of the checkout".into(),
                limit: format!("{} s", self.limit.as_secs()),
            });
        }
        Ok(())
    }

    /// Time out of which something that has a limit of its own is taken.
    pub(super) fn without<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.at += began.elapsed();
        done
    }

    /// One that has passed, for tests of who obeys it.
    #[cfg(test)]
    pub(super) fn passed() -> Self {
        Self::after(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_goes_on_until_the_time_is_over_and_no_longer() {
        assert!(Deadline::after(Duration::from_secs(60)).check().is_ok());
        let said = Deadline::passed().check().expect_err("it is over");
        assert!(
            said.to_string().contains("the time of the checkout"),
            "{said}"
        );
    }

    #[test]
    fn what_has_a_limit_of_its_own_takes_nothing_away() {
        let mut deadline = Deadline::after(Duration::from_secs(60));
        let before = deadline.at;
        deadline.without(|| std::thread::sleep(Duration::from_millis(5)));
        assert!(deadline.at >= before + Duration::from_millis(5));
    }
}
