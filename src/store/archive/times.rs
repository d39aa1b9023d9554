//! Which time of day a text names where it begins, as a build writes it into a banner. Pure.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How far into a text a banner may be, in bytes.
pub(super) const HEAD: usize = 4096;

/// How JavaScript writes a time of the zone UTC to the second, and how it is written to the
/// minute: how long it is in bytes, how it ends, and its format (ECMA-262,
/// `Date.prototype.toUTCString`, `toString` and, without its milliseconds, `toISOString`).
const FORMATS: [(usize, &str, &str); 4] = [
    (29, " GMT", "%a, %d %b %Y %H:%M:%S GMT"),
    (33, " GMT+0000", "%a %b %d %Y %H:%M:%S GMT+0000"),
    (20, "Z", "%Y-%m-%dT%H:%M:%SZ"),
    (17, "Z", "%Y-%m-%dT%H:%MZ"),
];

/// The first such time, in seconds since the Unix epoch.
pub(super) fn first(head: &[u8]) -> Option<i64> {
    (0..head.len()).find_map(|start| {
        FORMATS
            .iter()
            .find_map(|format| at(&head[start..], *format))
    })
}

fn at(text: &[u8], (length, end, format): (usize, &str, &str)) -> Option<i64> {
    let word = text.get(..length).filter(|w| w.ends_with(end.as_bytes()))?;
    let time = DateTime::strptime(format, word).ok()?;
    let zoned = time.to_zoned(TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_javascript_writes_it() {
        for text in [
            "/*\n\tThu, 04 Jun 2026 05:21:21 GMT - commit",
            "// Thu Jun 04 2026 05:21:21 GMT+0000 (Coordinated Universal Time)",
            " * built: 2026-06-04T05:21:21Z",
        ] {
            assert_eq!(first(text.as_bytes()), Some(1_780_550_481), "{text}");
        }
        assert_eq!(first(b" * Date: 2026-06-04T05:21Z"), Some(1_780_550_460));
    }

    #[test]
    fn a_time_of_another_zone_or_finer_than_a_second_is_none() {
        for text in [
            "Thu Jun 04 2026 05:21:21 GMT+0200 (CEST)",
            "2026-06-04T05:21:21.123Z",
            "2026-06-04T05:21:21+02:00",
            "Thu, 34 Jun 2026 05:21:21 GMT",
            "2026-06-04",
            "",
        ] {
            assert_eq!(first(text.as_bytes()), None, "{text}");
        }
    }
}
