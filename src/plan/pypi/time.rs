//! How a build gets the times of an archive's members right. Pure.

use std::collections::BTreeSet;

use super::super::Facts;
use super::backend::Backend;
use super::front;
use super::stamps::{Pattern, pattern, zip_time_of};
use super::zone;
use crate::model::Source;
use crate::store::archive::MemberStamp;

/// How a candidate gets the members' times right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Time {
    /// Nothing is set.
    Unset { why: &'static str },
    /// SOURCE_DATE_EPOCH is set.
    Epoch { seconds: i64, why: &'static str },
    /// Every source file has this modification time.
    Checkout { seconds: i64, why: &'static str },
    /// The clock stands still at this time while the build runs, and source files may
    /// have one time of their own.
    Clock {
        clock: Clock,
        checkout: Option<i64>,
        why: &'static str,
    },
}

/// What a build's clock said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// While most of what is made was written.
    pub(super) seconds: i64,
    /// In the phase before, where that was another second.
    pub(super) began: Option<i64>,
    /// At the end, where that was another second.
    pub(super) ended: Option<i64>,
    /// When the build wrote into the source's folder, where that was another second: setuptools'
    /// plugins write a file with the version when it begins.
    pub(super) wrote: Option<i64>,
}

/// The folder of a wheel that the build writes anew (binary distribution format, "The
/// .dist-info directory").
fn is_made(stamp: &MemberStamp) -> bool {
    stamp
        .name
        .split_once('/')
        .is_some_and(|(folder, _)| folder.ends_with(".dist-info"))
}

/// The one time of these members, where they have one.
fn only<'a>(stamps: impl Iterator<Item = &'a MemberStamp>) -> Option<i64> {
    let mut times = stamps.map(|stamp| stamp.mtime);
    let first = times.next()?;
    times.all(|time| time == first).then_some(first)
}

/// How far apart the phases of one build may lie, in seconds: setuptools needs a second
/// or two for each.
const PHASE: i64 = 60;

/// What the clock said while the build wrote these members. Most are written together;
/// setuptools writes some in a phase before (into `.egg-info`), and the wheel's last
/// member, `RECORD`, is stamped when the rest is packed. A file that the source
/// distribution brings along (`zip-safe`, say) may be older.
fn clock(made: &[&MemberStamp], facts: &Facts<'_>) -> Option<Clock> {
    let time_of = |name| {
        let found = made.iter().find(|stamp| base(&stamp.name) == name);
        found.map(|stamp| stamp.mtime)
    };
    let last = time_of("RECORD")?;
    let seconds = time_of("METADATA").unwrap_or(last);
    let brought: BTreeSet<&str> = facts
        .source_stamps
        .iter()
        .map(|stamp| base(&stamp.name))
        .collect();
    let mut began = None;
    for stamp in made {
        let is_last = base(&stamp.name) == "RECORD" && stamp.mtime == last;
        let is_older = front::is_brought_along(stamp, facts);
        if is_last || is_older || stamp.mtime == seconds {
            continue;
        }
        if (seconds - PHASE..seconds).contains(&stamp.mtime) {
            if *began.get_or_insert(stamp.mtime) != stamp.mtime {
                return None;
            }
        } else if stamp.mtime > seconds || !brought.contains(base(&stamp.name)) {
            return None;
        }
    }
    (seconds..=seconds + PHASE)
        .contains(&last)
        .then_some(Clock {
            seconds,
            began,
            ended: (last != seconds).then_some(last),
            wrote: None,
        })
}

/// The one other time of copied files that have not the source distribution's, where the build
/// wrote those in the minute before.
fn wrote(copied: &[&MemberStamp], seconds: i64, facts: &Facts<'_>) -> Option<i64> {
    // A checkout does not say what times its files had.
    let Source::Sdist { .. } = facts.source else {
        return None;
    };
    let posix = zone::of(facts.stamps, facts.source_stamps);
    let is_as_it_came = |stamp: &MemberStamp| {
        facts.source_stamps.iter().any(|source| {
            let name = source.name.strip_prefix("src/").unwrap_or(&source.name);
            name == stamp.name && zip_time_of(source.mtime, zone::instant(posix, stamp.mtime))
        })
    };
    let anew = copied.iter().copied();
    let anew = anew.filter(|stamp| stamp.mtime != seconds && !is_as_it_came(stamp));
    only(anew).filter(|time| (seconds - PHASE..seconds).contains(time))
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// A backend that stamps what it wrote with the time at which it ran: that one time, and
/// how the copied members come to theirs.
fn clocks(facts: &Facts<'_>) -> Vec<Time> {
    let (made, copied): (Vec<_>, Vec<_>) = facts.stamps.iter().partition(|s| is_made(s));
    let Some(clock) = clock(&made, facts) else {
        return vec![];
    };
    let clock = Clock {
        wrote: wrote(&copied, clock.seconds, facts),
        ..clock
    };
    // The build may write some of those that it copies, such as one with the version.
    let is_written = |time| time == clock.seconds || Some(time) == clock.wrote;
    let from_source = copied.into_iter().filter(|s| !is_written(s.mtime));
    let with_checkout = only(from_source).map(|checkout| Time::Clock {
        clock,
        checkout: Some(checkout),
        why: "what the build wrote has one time, and what it copied has another",
    });
    let as_they_are = Time::Clock {
        clock,
        checkout: None,
        why: "what the build wrote has one time; copied members have those of the source",
    };
    match facts.source {
        Source::Git { .. } => with_checkout.into_iter().collect(),
        Source::Sdist { .. } => std::iter::once(as_they_are).chain(with_checkout).collect(),
    }
}

pub(super) fn times(facts: &Facts<'_>, backend: Backend) -> Vec<Time> {
    let commit_time = match facts.source {
        Source::Git { git, .. } => Some(git.commit_time),
        Source::Sdist { .. } => None,
    };
    let epoch = |stamp| match commit_time {
        Some(time) if zip_time_of(time, stamp) => Time::Epoch {
            seconds: time,
            why: "every member has the commit's time",
        },
        _ => Time::Epoch {
            seconds: stamp,
            why: "every member has this time",
        },
    };
    let unset = |why| Time::Unset { why };
    match pattern(facts.stamps, backend.default_time()) {
        Pattern::One(stamp) if Some(stamp) == backend.default_time() => {
            vec![unset("every member has the backend's own default time")]
        }
        Pattern::One(stamp) => vec![epoch(stamp), unset("the times may come with the source")],
        Pattern::CopiedAndDefault { copied } if backend.copies_times() => {
            let touched = Time::Checkout {
                seconds: copied,
                why: "copied members have one time, which was the publisher's checkout time",
            };
            match facts.source {
                Source::Git { .. } => vec![touched],
                Source::Sdist { .. } => vec![
                    unset("copied members have the times of the source distribution"),
                    touched,
                ],
            }
        }
        Pattern::Mixed if backend.stamps_by_clock() => {
            let mut found = clocks(facts);
            if found.is_empty() {
                found.push(unset("the members have several times"));
            }
            found
        }
        Pattern::WrittenToo { copied, written } if backend.copies_times() => {
            let clock = Clock {
                seconds: written,
                began: None,
                ended: None,
                wrote: None,
            };
            let by_clock = Time::Clock {
                clock,
                checkout: Some(copied),
                why: "copied members have one time, and what the build wrote among them a later one",
            };
            let as_they_are = unset("the members have several times");
            match facts.source {
                Source::Git { .. } => vec![by_clock, as_they_are],
                Source::Sdist { .. } => vec![as_they_are, by_clock],
            }
        }
        Pattern::CopiedAndDefault { .. }
        | Pattern::WrittenToo { .. }
        | Pattern::Mixed
        | Pattern::Empty => {
            vec![unset("the members have several times")]
        }
    }
}

/// Of a source distribution. A member without a file of its own may have no time at all,
/// which tar says as 0 (CPython, `Lib/tarfile.py`, `TarInfo`).
pub(super) fn times_of_sdist(facts: &Facts<'_>, backend: Option<Backend>) -> Vec<Time> {
    let unset = |why| vec![Time::Unset { why }];
    let Some(seconds) = only(facts.stamps.iter().filter(|stamp| stamp.mtime != 0)) else {
        return unset("the members have several times, or none");
    };
    let is_default = |backend: Backend| backend.default_time() == Some(seconds);
    if backend == Some(Backend::Hatchling) && is_default(Backend::Hatchling) {
        return unset("every member has the backend's own default time");
    }
    if backend.is_some_and(|backend| !backend.dates_sdists()) {
        return unset("the backend takes the files' times, or one of its own");
    }
    let epoch = Time::Epoch {
        seconds,
        why: "every member has this time",
    };
    let gzip = facts.gzip.map(|marks| i64::from(marks.mtime));
    if backend.is_some_and(Backend::stamps_gzip) && gzip != Some(seconds) {
        return unset("the members have one time and the gzip header another");
    }
    std::iter::once(epoch)
        .chain(unset("the times may come with the source"))
        .collect()
}

/// A source whose files are older than a zip can say (APPNOTE 6.3.10, section 4.4.6) is
/// given a time that the wheel has.
pub(super) fn since_1980(facts: &Facts<'_>, time: Time) -> Time {
    /// 1980-01-01T00:00:00Z, and a day for zones.
    const FIRST: i64 = 315_532_800 + 86_400;
    let too_old = facts.source_stamps.iter().any(|stamp| stamp.mtime < FIRST);
    match (time, facts.stamps.iter().map(|stamp| stamp.mtime).max()) {
        (Time::Unset { .. }, Some(seconds)) if too_old => Time::Checkout {
            seconds,
            why: "the source distribution's times are from before 1980, which a zip cannot say",
        },
        (time, _) => time,
    }
}
