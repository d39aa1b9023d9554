//! Which years a text names, told while it streams by: what a build put into a banner, or a
//! person wrote. Pure.

/// The first year of the set, and how many follow: the registries are younger than the first,
/// and a set fits into one number.
const FIRST: u16 = 2000;
const COUNT: u16 = 64;

/// A set of years, from 2000 to 2063.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Years(u64);

impl Years {
    /// Those that a whole text names.
    pub fn of(text: &[u8]) -> Self {
        let mut seen = Seen::default();
        seen.add(text);
        seen.years()
    }

    /// Whether it has this one.
    pub fn has(self, year: i16) -> bool {
        u16::try_from(year)
            .ok()
            .and_then(Self::bit)
            .is_some_and(|bit| self.0 & bit != 0)
    }

    fn bit(year: u16) -> Option<u64> {
        let at = year.checked_sub(FIRST)?;
        (at < COUNT).then(|| 1 << at)
    }
}

/// What was seen of a text so far. A year is four digits that no letter, digit, point or `_`
/// stands beside, so that neither `es2020` nor a part of a version or of a longer number is one.
#[derive(Default)]
pub(super) struct Seen {
    years: Years,
    /// The word that has not ended yet, as long as it is a number of at most four digits.
    word: Word,
}

/// A run of letters, digits, points and `_`.
#[derive(Clone, Copy, Default)]
enum Word {
    #[default]
    None,
    /// So many digits, and their value.
    Number(u8, u16),
    /// Anything else; a number that a point follows may still be a year at a sentence's end.
    Other,
    /// Four digits with one point after them.
    Ended(u16),
}

impl Seen {
    pub(super) fn add(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            let digit = u16::from(byte.wrapping_sub(b'0'));
            self.word = match (self.word, byte) {
                (Word::None, b'0'..=b'9') => Word::Number(1, digit),
                (Word::Number(count @ 1..=3, value), b'0'..=b'9') => {
                    Word::Number(count + 1, value * 10 + digit)
                }
                (Word::Number(4, value), b'.') => Word::Ended(value),
                (_, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'.') => Word::Other,
                _ => {
                    self.end();
                    Word::None
                }
            };
        }
    }

    fn end(&mut self) {
        if let Word::Number(4, value) | Word::Ended(value) = self.word {
            self.years.0 |= Years::bit(value).unwrap_or_default();
        }
    }

    /// The years of the whole text.
    pub(super) fn years(mut self) -> Years {
        self.end();
        self.years
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<i16> {
        // Byte by byte, since a text comes in chunks.
        let mut seen = Seen::default();
        for byte in text.bytes() {
            seen.add(&[byte]);
        }
        let years = seen.years();
        (1990..2100).filter(|&year| years.has(year)).collect()
    }

    #[test]
    fn a_year_stands_alone() {
        assert_eq!(
            named("/*! (c) 2011-2024, A */ 'Fri 2025'"),
            [2011, 2024, 2025]
        );
        assert_eq!(named("in 2023. Since\n2022"), [2022, 2023]);
        for none in [
            "es2020", "2020a", "12020", "20200", "1.2020", "2020.1", "_2020", "202",
        ] {
            assert!(named(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn the_set_ends_at_its_bounds() {
        assert_eq!(named("1999 2000 2063 2064"), [2000, 2063]);
        assert!(!Years::default().has(-1));
    }
}
