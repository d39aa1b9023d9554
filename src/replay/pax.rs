//! The time in an extended header of tar (POSIX.1-2017, `pax`, "pax Extended Header"), as
//! Python's tarfile writes it: the shortest digits of a double. Every other record stays the
//! rebuilt archive's own. Pure.
//!
//! A fraction of a second must give no member more to choose from than a whole second since
//! 1970 does. A time since 2^30 (2004-01-10) is a double in steps of 2^-22 seconds (IEEE 754,
//! binary64, until 2^31), so a window of 2^8 seconds holds 2^30 of them; and whole seconds
//! from 2^30 on are as many fewer than those since 1970.

/// The earliest second that an extended header's time may lie in.
pub(super) const SINCE: i64 = 1 << 30;

/// Within how many seconds every time with a fraction lies: those are of one checkout and
/// one build.
pub(super) const WINDOW: f64 = 256.0;

/// The keyword of the modification time ("pax Extended Header Keywords").
const MTIME: &str = "mtime";

/// A time with its fraction of a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment(f64);

impl Moment {
    /// The largest second of which a double tells every neighbour, and more than any time.
    const MOST: f64 = 9e15;

    /// Reads a time that is spelled as Python does, and in no other way.
    fn read(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok()?;
        let is_whole_range = (0.0..Self::MOST).contains(&value);
        (is_whole_range && format!("{value:?}") == text).then_some(Self(value))
    }

    pub(super) const fn value(self) -> f64 {
        self.0
    }

    pub(super) fn has_fraction(self) -> bool {
        self.0.fract() != 0.0
    }

    /// The second that it lies in.
    #[expect(clippy::cast_possible_truncation, reason = "checked when it was read")]
    pub(super) fn second(self) -> i64 {
        self.0.floor() as i64
    }

    /// As Python's `round` has it: of two that are as near, the even one.
    #[expect(clippy::cast_possible_truncation, reason = "checked when it was read")]
    pub(super) fn nearest_second(self) -> i64 {
        self.0.round_ties_even() as i64
    }
}

/// The records of an extended header.
pub(super) struct Extended {
    pub(super) records: Vec<u8>,
    /// The member's time, where one is among them.
    pub(super) moment: Option<Moment>,
    /// Whether that is not the rebuilt archive's.
    pub(super) is_changed: bool,
}

/// The rebuilt records with the published time; none where any other record is not the same,
/// or they are spelled otherwise.
pub(super) fn replay(published: &[u8], rebuilt: &[u8]) -> Option<Extended> {
    let (theirs, mut ours) = (read(published)?, read(rebuilt)?);
    let mut moment = None;
    let mut is_changed = false;
    for ((key, value), (our_key, our_value)) in theirs.iter().zip(&mut ours) {
        if *key == MTIME && *our_key == MTIME {
            // Of two, the last counts, and the first could say anything.
            if moment.replace(Moment::read(value)?).is_some() {
                return None;
            }
            is_changed = value != our_value;
            *our_value = value;
        }
    }
    let records: Vec<u8> = ours
        .iter()
        .flat_map(|(key, value)| record(key, value))
        .collect();
    (records == published).then_some(Extended {
        records,
        moment,
        is_changed,
    })
}

/// Each record is its length, a blank, the keyword, an equals sign, the value and a newline.
fn read(mut bytes: &[u8]) -> Option<Vec<(&str, &str)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let blank = bytes.iter().position(|&byte| byte == b' ')?;
        let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
        let (record, rest) = bytes.split_at_checked(length)?;
        let text = std::str::from_utf8(record.get(blank + 1..)?).ok()?;
        found.push(text.strip_suffix('\n')?.split_once('=')?);
        bytes = rest;
    }
    Some(found)
}

/// A record, whose length counts its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(pairs: &[(&str, &str)]) -> Vec<u8> {
        pairs.iter().flat_map(|(k, v)| record(k, v)).collect()
    }

    #[test]
    fn a_record_counts_its_own_length() {
        assert_eq!(record("mtime", "1700000000.5"), b"22 mtime=1700000000.5\n");
        assert_eq!(record("a", "12"), b"7 a=12\n");
        // Two digits more make it three.
        let long = "x".repeat(94);
        assert!(record("a", &long).starts_with(b"101 a="));
    }

    #[test]
    fn the_published_time_is_put_in_and_nothing_else() {
        let ours = records(&[("path", "p"), ("mtime", "1.0")]);
        let theirs = records(&[("path", "p"), ("mtime", "1700000000.1234567")]);
        let made = replay(&theirs, &ours).expect("the same but for the time");
        assert_eq!(made.records, theirs);
        assert!(made.is_changed);
        assert_eq!(made.moment, Some(Moment(1_700_000_000.123_456_7)));
        for other in [
            records(&[("path", "q"), ("mtime", "2.0")]),
            records(&[("path", "p"), ("atime", "2.0")]),
            records(&[("path", "p")]),
            records(&[("path", "p"), ("mtime", "2.0"), ("mtime", "2.0")]),
            records(&[("path", "p"), ("mtime", "2.0"), ("comment", "evil")]),
            [theirs.clone(), b"evil".to_vec()].concat(),
        ] {
            assert!(replay(&other, &ours).is_none(), "{other:?}");
        }
    }

    #[test]
    fn a_time_that_python_would_write_otherwise_is_none() {
        assert_eq!(Moment::read("1700000000.5"), Some(Moment(1_700_000_000.5)));
        assert!(Moment::read("1700000000.0").is_some());
        for text in [
            "1700000000",
            "1700000000.50",
            "01700000000.5",
            "+1700000000.5",
            "1700000000.12345678901",
            "1e9",
            "-1.5",
            "NaN",
            "inf",
            "1700000000.5 ",
            "",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_nearest_second_is_the_even_one_of_two() {
        assert_eq!(Moment(2.5).nearest_second(), 2);
        assert_eq!(Moment(3.5).nearest_second(), 4);
        assert_eq!(Moment(3.6).nearest_second(), 4);
        assert_eq!(Moment(3.6).second(), 3);
    }
}
