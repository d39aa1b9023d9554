//! The publisher's time zone and umask, told from what a wheel says of members that
//! a source distribution holds too. Pure; imports the shape of a stamp from `store`.
//!
//! A zip has local times (APPNOTE 6.3.10, section 4.4.6), a tar has seconds since the
//! epoch: of a file that was copied from one to the other, the difference is the
//! offset of the zone at that instant.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::stamps::wheel_mode;
use crate::store::archive::MemberStamp;

/// Zones that packages are published from, as POSIX writes them (POSIX.1-2017, "TZ"),
/// so that no zone files are needed; those with rules first, since one of them explains
/// summer and winter.
const ZONES: [&str; 20] = [
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "GMT0BST,M3.5.0/1,M10.5.0",
    "EET-2EEST,M3.5.0/3,M10.5.0/4",
    "EST5EDT,M3.2.0,M11.1.0",
    "CST6CDT,M3.2.0,M11.1.0",
    "MST7MDT,M3.2.0,M11.1.0",
    "PST8PDT,M3.2.0,M11.1.0",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "IST-2IDT,M3.4.4/26,M10.5.0",
    "<-03>3",
    "<+03>-3",
    "<+04>-4",
    "<+05>-5",
    "IST-5:30",
    "<+07>-7",
    "CST-8",
    "JST-9",
    "AEST-10",
    "AWST-8",
];

/// Offsets are whole quarters of an hour, within 14 hours.
const QUARTER: i64 = 900;
const WIDEST: i64 = 14 * 3600;

/// The least number of members that a zone is told from: of one alone, a file that
/// was changed by chance at the right distance would do.
const ENOUGH: usize = 2;

/// A zone in which every member that both have was written, other than UTC.
pub(super) fn of(wheel: &[MemberStamp], sdist: &[MemberStamp]) -> Option<&'static str> {
    let offsets = offsets(wheel, sdist);
    let whole = offsets
        .iter()
        .all(|(_, offset)| offset.rem_euclid(QUARTER) == 0 && offset.abs() <= WIDEST);
    if offsets.len() < ENOUGH || !whole || offsets.iter().all(|(_, offset)| *offset == 0) {
        return None;
    }
    ZONES.into_iter().find(|zone| explains(zone, &offsets))
}

/// The instant at which a clock in this zone shows a local time, which is given as if it
/// were UTC; the time itself without a zone.
pub(super) fn instant(zone: Option<&str>, local: i64) -> i64 {
    let at = || {
        let shown = TimeZone::UTC.to_datetime(Timestamp::from_second(local).ok()?);
        let zone = TimeZone::posix(zone?).ok()?;
        Some(zone.to_timestamp(shown).ok()?.as_second())
    };
    at().unwrap_or(local)
}

fn explains(zone: &str, offsets: &[(i64, i64)]) -> bool {
    let Ok(zone) = TimeZone::posix(zone) else {
        return false;
    };
    offsets.iter().all(|&(instant, offset)| {
        Timestamp::from_second(instant)
            .is_ok_and(|time| i64::from(zone.to_offset(time).seconds()) == offset)
    })
}

/// For each member that both have: its time in the source distribution, and how far
/// the wheel's local time is from it.
fn offsets(wheel: &[MemberStamp], sdist: &[MemberStamp]) -> Vec<(i64, i64)> {
    let known: BTreeMap<&str, &MemberStamp> = sdist
        .iter()
        .flat_map(|stamp| {
            let in_src = stamp.name.strip_prefix("src/");
            [Some(stamp.name.as_str()), in_src]
                .into_iter()
                .flatten()
                .map(move |name| (name, stamp))
        })
        .collect();
    wheel
        .iter()
        .filter_map(|stamp| {
            let source = known.get(stamp.name.as_str())?;
            // A zip counts in steps of two seconds.
            let even = source.mtime - source.mtime.rem_euclid(2);
            Some((source.mtime, stamp.mtime - even))
        })
        .collect()
}

/// Umasks that publishers have, other than the usual 022, with what each leaves of
/// `rw-rw-rw-`, and what `chmod` makes of a checkout with the usual one. Not 077: what it
/// leaves is what Python's zipfile gives to every member that has no file (documentation,
/// "ZipFile.writestr").
const UMASKS: [(u32, u32, &str); 4] = [
    // Windows has none, and neither have some containers.
    (0o000, 0o666, "a+w"),
    (0o002, 0o664, "g+w"),
    (0o007, 0o660, "g+w,o-rwx"),
    (0o027, 0o640, "o-rwx"),
];

/// The publisher's umask, where it was not the usual one, with what `chmod` needs.
pub(super) fn umask(wheel: &[MemberStamp]) -> Option<(u32, &'static str)> {
    // Copied members may have modes of their own, and setuptools has set METADATA to 0644
    // whatever the umask is.
    let mode = wheel_mode(wheel)?;
    UMASKS
        .into_iter()
        .find(|(_, left, _)| *left == mode)
        .map(|(mask, _, chmod)| (mask, chmod))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(name: &str, time: &str, mode: u32) -> MemberStamp {
        let time: Timestamp = time.parse().expect("a time");
        MemberStamp {
            name: name.into(),
            mtime: time.as_second(),
            mode,
        }
    }

    fn at(times: [&str; 2]) -> Vec<MemberStamp> {
        vec![
            stamp("x/a.py", times[0], 0o644),
            stamp("x/b.py", times[1], 0o644),
        ]
    }

    #[test]
    fn a_zone_explains_summer_and_winter() {
        let sdist = at(["2024-03-06T07:24:35Z", "2023-04-03T16:31:30Z"]);
        let chicago = at(["2024-03-06T01:24:34Z", "2023-04-03T11:31:30Z"]);
        assert_eq!(of(&chicago, &sdist), Some("CST6CDT,M3.2.0,M11.1.0"));
        // An hour more in winter is no such zone, and no other.
        let odd = at(["2024-03-06T02:24:34Z", "2023-04-03T10:31:30Z"]);
        assert_eq!(of(&odd, &sdist), None);
    }

    #[test]
    fn utc_needs_no_zone_and_one_member_or_an_odd_distance_tells_none() {
        let sdist = at(["2024-03-06T07:24:35Z", "2023-04-03T16:31:30Z"]);
        let utc = at(["2024-03-06T07:24:34Z", "2023-04-03T16:31:30Z"]);
        assert_eq!(of(&utc, &sdist), None);
        let berlin = at(["2024-03-06T08:24:34Z", "2023-04-03T18:31:30Z"]);
        assert!(of(&berlin, &sdist).is_some());
        assert_eq!(of(&berlin[..1], &sdist), None);
        let odd = at(["2024-03-06T08:24:36Z", "2023-04-03T18:31:30Z"]);
        assert_eq!(of(&odd, &sdist), None);
    }

    #[test]
    fn a_local_time_is_an_instant_of_its_zone_in_summer_and_winter() {
        let seconds = |text: &str| text.parse::<Timestamp>().expect("a time").as_second();
        for (local, at) in [
            ("2024-07-01T12:00:00Z", "2024-07-01T10:00:00Z"),
            ("2024-01-01T12:00:00Z", "2024-01-01T11:00:00Z"),
        ] {
            assert_eq!(instant(Some(ZONES[0]), seconds(local)), seconds(at));
            assert_eq!(instant(None, seconds(local)), seconds(local));
        }
    }

    #[test]
    fn members_below_src_are_found() {
        let mut sdist = at(["2024-03-06T07:24:34Z", "2023-04-03T16:31:30Z"]);
        for stamp in &mut sdist {
            stamp.name = format!("src/{}", stamp.name);
        }
        let berlin = at(["2024-03-06T08:24:34Z", "2023-04-03T18:31:30Z"]);
        assert_eq!(of(&berlin, &sdist), Some(ZONES[0]));
    }

    #[test]
    fn every_zone_can_be_read() {
        for zone in ZONES {
            assert!(TimeZone::posix(zone).is_ok(), "{zone}");
        }
    }

    #[test]
    fn a_umask_is_told_from_what_the_backend_wrote() {
        let metadata = |mode| vec![stamp("x-1.dist-info/WHEEL", "2024-03-06T07:24:34Z", mode)];
        let mask = |mode| umask(&metadata(mode)).map(|(mask, _)| mask);
        assert_eq!(mask(0o100_664), Some(0o002));
        assert_eq!(mask(0o100_640), Some(0o027));
        assert_eq!(mask(0o600), None);
        assert_eq!(mask(0o100_644), None);
        assert_eq!(mask(0o100_666), Some(0));
        assert_eq!(
            umask(&[
                stamp("x/a.py", "2024-03-06T07:24:34Z", 0o664),
                stamp("x-1.dist-info/METADATA", "2024-03-06T07:24:34Z", 0o664),
            ]),
            None
        );
    }
}
