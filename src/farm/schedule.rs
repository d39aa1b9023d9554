//! Schedules: a cron expression in a time zone, and when it is due. Pure.
//!
//! A firing that was missed (the service was down, the machine asleep) is made up for
//! once, however many were missed: a night's batch at noon is of use, seven of them are
//! not. A clock that is set back fires nothing twice, since the last firing is kept.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::ScheduleConfig;

/// The longest name: it ends the name of a folder.
const MAX_NAME: usize = 40;

/// Why a schedule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name.
    #[error(
        "the schedule's name `{0}` is not 1 to {MAX_NAME} of a-z, 0-9 and `-`; it becomes part of a folder's name"
    )]
    Name(String),
    /// The expression.
    #[error(
        "the schedule `{name}` has the cron expression `{cron}`, which cannot be read ({reason}); \
         write minute, hour, day of month, month and day of week, such as `30 2 * * *`"
    )]
    Cron {
        /// The schedule.
        name: String,
        /// Its expression.
        cron: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The expression has no time.
    #[error("the schedule `{name}` never comes: `{cron}` names a day that no year has")]
    Never {
        /// The schedule.
        name: String,
        /// Its expression.
        cron: String,
    },
    /// The time zone.
    #[error(
        "the schedule `{name}` has the time zone `{zone}`, which the IANA database does not name; \
         write one such as `Europe/Berlin` or `UTC`"
    )]
    Zone {
        /// The schedule.
        name: String,
        /// Its zone.
        zone: String,
    },
    /// The weight.
    #[error("the schedule `{0}` has a weight outside of 1 to 16")]
    Weight(String),
}

/// A schedule that can be used.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    cron: Cron,
    zone: TimeZone,
}

impl Schedule {
    /// Reads one.
    ///
    /// # Errors
    /// [`Error`] with what to write instead.
    pub fn parse(config: &ScheduleConfig) -> Result<Self, Error> {
        let name = || config.name.clone();
        let is_plain = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '-');
        if !(1..=MAX_NAME).contains(&config.name.len()) || !config.name.chars().all(is_plain) {
            return Err(Error::Name(name()));
        }
        if !(1..=16).contains(&config.weight) {
            return Err(Error::Weight(name()));
        }
        let cron = CronParser::builder()
            .seconds(Seconds::Disallowed)
            .year(Year::Disallowed)
            .build()
            .parse(&config.cron)
            .map_err(|error| Error::Cron {
                name: name(),
                cron: config.cron.clone(),
                reason: error.to_string(),
            })?;
        let zone = TimeZone::get(&config.time_zone).map_err(|_| Error::Zone {
            name: name(),
            zone: config.time_zone.clone(),
        })?;
        let schedule = Self {
            config: config.clone(),
            cron,
            zone,
        };
        match schedule.next(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(Error::Never {
                name: name(),
                cron: config.cron.clone(),
            }),
        }
    }

    /// What it was made of.
    pub fn config(&self) -> &ScheduleConfig {
        &self.config
    }

    /// The first time after `time`.
    pub fn next(&self, time: Timestamp) -> Option<Timestamp> {
        let from = time.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&from, false).ok()?;
        Some(next.timestamp())
    }

    /// The newest time that came since the last firing and has not been fired.
    pub fn due(&self, fired: Timestamp, now: Timestamp) -> Option<Timestamp> {
        let from = now.to_zoned(self.zone.clone());
        let newest = self.cron.find_previous_occurrence(&from, true).ok()?;
        Some(newest.timestamp()).filter(|newest| *newest > fired)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(cron: &str, zone: &str) -> ScheduleConfig {
        ScheduleConfig {
            name: "night".into(),
            cron: cron.into(),
            time_zone: zone.into(),
            files: vec![],
            weight: 1,
            again: false,
        }
    }

    fn schedule(cron: &str, zone: &str) -> Schedule {
        Schedule::parse(&config(cron, zone)).expect("a schedule")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_schedule_comes_at_its_time_in_its_zone() {
        let night = schedule("30 2 * * *", "Europe/Berlin");
        assert_eq!(
            night.next(at("2026-01-10T12:00:00Z")),
            Some(at("2026-01-11T01:30:00Z"))
        );
        assert_eq!(
            night.next(at("2026-07-10T12:00:00Z")),
            Some(at("2026-07-11T00:30:00Z"))
        );
    }

    #[test]
    fn a_night_comes_once_when_clocks_change() {
        let night = schedule("30 2 * * *", "Europe/Berlin");
        // 02:30 is skipped on 29 March 2026 and comes twice on 25 October.
        for (from, to) in [
            ("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
            ("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        ] {
            let (mut time, mut count) = (at(from), 0);
            while let Some(next) = night.next(time).filter(|next| *next < at(to)) {
                (time, count) = (next, count + 1);
            }
            assert_eq!(count, 1, "between {from} and {to}");
        }
    }

    #[test]
    fn what_was_fired_is_not_due_and_what_was_missed_is_due_once() {
        let night = schedule("0 2 * * *", "UTC");
        let last = at("2026-01-10T02:00:00Z");
        assert_eq!(night.due(last, at("2026-01-11T01:59:59Z")), None);
        let today = Some(at("2026-01-11T02:00:00Z"));
        assert_eq!(night.due(last, at("2026-01-11T02:00:00Z")), today);
        assert_eq!(night.due(last, at("2026-01-11T23:00:00Z")), today);
        let week = night.due(last, at("2026-01-17T12:00:00Z"));
        assert_eq!(week, Some(at("2026-01-17T02:00:00Z")), "the newest alone");
    }

    #[test]
    fn a_clock_that_is_set_back_fires_nothing_again() {
        let night = schedule("0 2 * * *", "UTC");
        let last = at("2026-01-11T02:00:00Z");
        assert_eq!(night.due(last, at("2026-01-10T02:00:01Z")), None);
        assert_eq!(night.due(last, at("2026-01-11T02:30:00Z")), None);
    }

    #[test]
    fn what_cannot_be_used_is_named_with_what_to_write() {
        let wrong = |change: &dyn Fn(&mut ScheduleConfig)| {
            let mut config = config("0 2 * * *", "UTC");
            change(&mut config);
            Schedule::parse(&config).expect_err("wrong").to_string()
        };
        assert!(wrong(&|c| c.cron = "every night".into()).contains("30 2 * * *"));
        assert!(wrong(&|c| c.cron = "0 0 2 * * *".into()).contains("minute, hour"));
        assert!(wrong(&|c| c.cron = "0 0 31 2 *".into()).contains("no year has"));
        assert!(wrong(&|c| c.time_zone = "Europe/Atlantis".into()).contains("Europe/Berlin"));
        assert!(wrong(&|c| c.name = "../x".into()).contains("folder"));
        assert!(wrong(&|c| c.weight = 17).contains("1 to 16"));
    }
}
