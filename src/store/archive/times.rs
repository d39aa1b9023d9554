//! Which time of day a text names where it begins, as a build writes it into a banner. Pure.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// How far into a text a banner may be, in bytes.
pub(super) const HEAD: usize = 4096;

/// How JavaScript writes a time of the zone UTC to the second, and how it is written to the
/// minute: its shape, where `0` is any digit and `a` any letter, and its format (ECMA-262,
/// `Date.prototype.toUTCString`, `toString` and, without its milliseconds, `toISOString`).
const FORMATS: [(&str, &str); 4] = [
    ("aaa, 00 aaa 0000 00:00:00 GMT", "%a, %d %b %Y %H:%M:%S GMT"),
    (
        "aaa aaa 00 0000 00:00:00 GMT+0000",
        "%a %b %d %Y %H:%M:%S GMT+0000",
    ),
    ("0000-00-00T00:00:00Z", "%Y-%m-%dT%H:%M:%SZ"),
    ("0000-00-00T00:00Z", "%Y-%m-%dT%H:%MZ"),
];

/// The first such time, in seconds since the Unix epoch.
pub(super) fn first(head: &[u8]) -> Option<i64> {
    (0..head.len()).find_map(|start| {
        FORMATS
            .iter()
            .find_map(|format| at(&head[start..], *format))
    })
}

fn at(text: &[u8], (shape, format): (&str, &str)) -> Option<i64> {
    let word = text.get(..shape.len())?;
    let is_such = |(byte, like): (&u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        b'a' => byte.is_ascii_alphabetic(),
        other => *byte == other,
    };
    if !word.iter().zip(shape.bytes()).all(is_such) {
        return None;
    }
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
