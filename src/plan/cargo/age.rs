//! Which cargo packed a crate: the releases that its marks admit, and among them
//! those nearest to the one that was stable when it was published. Pure; imports
//! `model` alone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::super::{CargoHome, CargoToolchain, Facts};
use super::marks::{
    Mark, arrays_say, lock_says, manifest_says, order_says, resolver_says, times_say, vcs_info_says,
};
use crate::model::{Learnt, RecoveredFact};

/// When Rust 1.0 would have come out had it kept to the train's day of the week
/// (2015-05-14T00:00:00Z, a Thursday; it came a day later).
const TRAIN_START: i64 = 1_431_561_600;

/// Six weeks: a stable release leaves every so often (Rust RFC 507, "Release
/// channels"), so minor release `n` came out `n` trains after 1.0.
const TRAIN: i64 = 42 * 24 * 60 * 60;

/// How many cargos of one crate's age are tried: what the fourth cannot do, the
/// fifth has not been seen to do.
const MOST_TRIED: usize = 4;

/// Minor releases of cargo 1 that may have packed a crate, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Age {
    first: u64,
    last: u64,
    /// The stable minor release when the crate was published, where that is known.
    stable: Option<u64>,
    /// How far ahead of stable the publisher's cargo was the last time.
    ahead: Option<i64>,
    marks: Vec<&'static str>,
}

impl Age {
    /// Reads the marks that each release of cargo leaves.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut age = Self {
            first: 0,
            last: u64::MAX,
            stable: facts.published().map(stable_at),
            ahead: facts.learnt.and_then(ahead_of_stable),
            marks: Vec::new(),
        };
        age.narrow(times_say(facts.stamps));
        // Marks that a publisher could have written by hand, or that other tools
        // leave, may not contradict the times that cargo alone sets.
        for mark in [
            order_says(facts.stamps),
            vcs_info_says(facts),
            manifest_says(facts),
            arrays_say(facts),
            resolver_says(facts),
            lock_says(facts),
        ] {
            age.narrow(mark);
        }
        age
    }

    fn narrow(&mut self, mark: Option<Mark>) {
        let Some(Mark { first, last, says }) = mark else {
            return;
        };
        let narrowed = (self.first.max(first), self.last.min(last));
        if narrowed.0 <= narrowed.1 {
            (self.first, self.last) = narrowed;
            self.marks.push(says);
        }
    }

    /// The first and the last release that the marks admit.
    #[cfg(test)]
    pub(super) const fn bounds(&self) -> (u64, u64) {
        (self.first, self.last)
    }

    /// Whether this release may have packed the crate.
    pub(super) const fn admits(&self, version: &semver::Version) -> bool {
        version.major == 1 && self.first <= version.minor && version.minor <= self.last
    }

    /// The releases that are worth a try, in this order. Publishers run stable, some
    /// the next one or two ahead of it, fewer the one or two before. Where the farm
    /// has few that could have packed the crate, the nearest on either side follow: what
    /// sets them apart may be metadata alone, and else their difference says what is
    /// missing.
    pub(super) fn ranked<'a>(&self, cargos: &'a [CargoToolchain]) -> Vec<&'a CargoToolchain> {
        let mut ranked: Vec<_> = cargos.iter().collect();
        ranked.sort_by_key(|cargo| {
            let minor = cargo.version.minor;
            (
                self.distance_outside(minor),
                self.distance_from_stable(minor),
                std::cmp::Reverse(cargo.version.clone()),
                matches!(cargo.home, CargoHome::Image(_)),
            )
        });
        let mut minors = BTreeSet::new();
        ranked.retain(|cargo| minors.insert(cargo.version.minor));
        let (mut older, mut newer) = (false, false);
        ranked.retain(|cargo| {
            let minor = cargo.version.minor;
            let seen = if minor < self.first {
                &mut older
            } else if minor > self.last {
                &mut newer
            } else {
                return true;
            };
            !std::mem::replace(seen, true)
        });
        // One of an image need not be built first. Where it is not among the likeliest it is
        // the nearest of those that may have packed the crate.
        let is_there = |cargo: &CargoToolchain| matches!(cargo.home, CargoHome::Image(_));
        let at = ranked.len().min(MOST_TRIED);
        let (likeliest, others) = ranked.split_at(at);
        let is_wanted = |cargo: &&CargoToolchain| is_there(cargo) && self.admits(&cargo.version);
        let stands_in = if likeliest.iter().any(|cargo| is_there(cargo)) {
            None
        } else {
            others.iter().copied().find(is_wanted)
        };
        ranked.truncate(MOST_TRIED);
        ranked.extend(stands_in);
        ranked
    }

    const fn distance_outside(&self, minor: u64) -> u64 {
        if minor < self.first {
            self.first - minor
        } else {
            minor.saturating_sub(self.last)
        }
    }

    /// Two releases ahead of stable weigh less than one behind it.
    fn distance_from_stable(&self, minor: u64) -> u64 {
        let Some(stable) = self.stable else {
            return u64::MAX - minor;
        };
        let likely = stable.saturating_add_signed(self.ahead.unwrap_or(0));
        let likely = likely.clamp(self.first, self.last);
        minor
            .checked_sub(likely)
            .unwrap_or_else(|| likely - minor + 2)
    }
}

/// What is said of a crate's age, as a reason of a plan.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mark in &self.marks {
            write!(f, "{mark}; ")?;
        }
        match self.stable {
            Some(stable) => write!(f, "1.{stable} was stable when the crate was published")?,
            None => f.write_str("nothing says when the crate was published")?,
        }
        match self.ahead {
            None | Some(0) => Ok(()),
            Some(ahead @ 1..) => write!(f, "; its publisher was {ahead} ahead of stable before"),
            Some(behind) => write!(f, "; its publisher was {} behind stable before", -behind),
        }
    }
}

/// The stable minor release of a time.
fn stable_at(time: Timestamp) -> u64 {
    u64::try_from((time.as_second() - TRAIN_START) / TRAIN).unwrap_or(0)
}

/// How far ahead of stable a publisher's cargo can be: nightly is two trains (Rust RFC 507). One
/// that is further stood in for it.
const MOST_AHEAD: i64 = 2;

/// How far ahead of stable the cargo was that packed an earlier version.
fn ahead_of_stable(learnt: &Learnt) -> Option<i64> {
    let stable = i64::try_from(stable_at(learnt.published_at?)).ok()?;
    learnt.recovered.iter().find_map(|fact| match fact {
        RecoveredFact::Toolchain { name, version } if name == "cargo" => {
            let version: semver::Version = version.parse().ok()?;
            let ahead = i64::try_from(version.minor).ok()? - stable;
            (ahead <= MOST_AHEAD).then_some(ahead)
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::marks::testing::unmarked;
    use super::*;

    fn cargos(minors: &[u64]) -> Vec<CargoToolchain> {
        minors
            .iter()
            .map(|&minor| CargoToolchain {
                version: semver::Version::new(1, minor, 0),
                home: CargoHome::Image(format!("rust-{minor}")),
            })
            .collect()
    }

    #[test]
    fn the_stable_release_of_a_day_is_known_on_both_sides_of_a_release() {
        let at = |text: &str| stable_at(text.parse().expect("valid"));
        assert_eq!(at("2023-05-31T23:59:59Z"), 69);
        assert_eq!(at("2023-06-01T00:00:00Z"), 70);
        assert_eq!(at("2025-02-20T12:00:00Z"), 85);
        assert_eq!(at("2015-05-13T00:00:00Z"), 0);
    }

    #[test]
    fn stable_comes_first_then_the_next_then_the_ones_before() {
        let situation = unmarked();
        let age = situation.with_facts(Age::of);
        let all = cargos(&[66, 67, 68, 69, 70, 71, 72, 73]);
        let minors: Vec<_> = age.ranked(&all).iter().map(|c| c.version.minor).collect();
        assert_eq!(minors, [70, 71, 72, 73]);
        let few = cargos(&[60, 69, 71, 95]);
        let minors: Vec<_> = age.ranked(&few).iter().map(|c| c.version.minor).collect();
        assert_eq!(minors, [71, 69, 60, 95]);
    }

    #[test]
    fn a_publisher_who_was_ahead_of_stable_is_taken_to_be_so_again() {
        let mut situation = unmarked();
        let all = cargos(&[66, 67, 68, 69, 70, 71, 72, 73]);
        let mut first_after = |version: &str| {
            situation.learnt = Some(Learnt {
                purl: "pkg:cargo/demo@0.9.0".parse().expect("valid"),
                // 1.68 was stable then.
                published_at: "2023-03-10T00:00:00Z".parse().ok(),
                recovered: vec![RecoveredFact::Toolchain {
                    name: "cargo".into(),
                    version: version.into(),
                }],
                replayed: vec![],
            });
            let age = situation.with_facts(Age::of);
            age.ranked(&all)[0].version.minor
        };
        assert_eq!(first_after("1.68.0"), 70);
        assert_eq!(first_after("1.70.0"), 72);
        assert_eq!(first_after("1.66.1"), 68);
        assert_eq!(first_after("no version"), 70);
        // No publisher is three ahead: it stood in for another.
        assert_eq!(first_after("1.71.0"), 70);
    }

    #[test]
    fn without_a_cargo_of_that_age_the_nearest_on_either_side_are_tried() {
        let situation = unmarked();
        let age = situation.with_facts(Age::of);
        let others = cargos(&[49, 96, 93, 46]);
        let minors: Vec<_> = age
            .ranked(&others)
            .iter()
            .map(|c| c.version.minor)
            .collect();
        assert_eq!(minors, [93, 49]);
    }

    fn kept(minor: u64) -> CargoToolchain {
        CargoToolchain {
            version: semver::Version::new(1, minor, 0),
            home: CargoHome::Kept(crate::model::Digest::Sha256(
                crate::model::Sha256Digest::of("x"),
            )),
        }
    }

    #[test]
    fn one_of_an_image_that_may_have_packed_the_crate_is_among_those_that_are_tried() {
        let age = unmarked().with_facts(Age::of);
        let minors = |in_images: &[u64]| -> Vec<u64> {
            let mut all = cargos(in_images);
            all.extend([68, 69, 70, 71, 72].map(kept));
            age.ranked(&all).iter().map(|c| c.version.minor).collect()
        };
        assert_eq!(minors(&[60, 65]), [70, 71, 72, 69, 65]);
        // One is there already, or could not have.
        assert_eq!(minors(&[60, 73]), [70, 71, 72, 73]);
        assert_eq!(minors(&[49]), [70, 71, 72, 69]);
    }

    #[test]
    fn of_two_with_one_number_the_one_with_its_own_libraries_is_taken() {
        let mut both = cargos(&[70]);
        both.push(kept(70));
        let age = unmarked().with_facts(Age::of);
        let ranked = age.ranked(&both);
        assert_eq!(ranked.len(), 1);
        assert!(matches!(ranked[0].home, CargoHome::Kept(_)));
    }
}
