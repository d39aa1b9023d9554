//! Python's marshal format as a run of values, for holding two code objects against each
//! other. The format is CPython's own (documented only by its `Python/marshal.c`); what is
//! read here is versions 3 and 4, which every Python since 3.4 writes. Pure; bounded in
//! depth and number; never builds an object.

use std::ops::Range;

/// Values of one file; a large module has some hundred thousand.
const MAX_VALUES: usize = 2_000_000;
/// Nesting of code in code and tuples in tuples.
const MAX_DEPTH: usize = 200;

/// Set in a type byte where later values refer to this one. CPython sets it by how often
/// an object happens to be shared.
const FLAG_REF: u8 = 0x80;

/// What a value is, to those who ask why two are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// `co_filename` of a code object.
    FileName,
    /// Anything else.
    Other,
}

/// One value: its type without the flag, whether it had the flag, and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: u8,
    pub(super) flagged: bool,
    pub(super) bytes: Range<usize>,
    pub(super) role: Role,
}

/// How a Python lays out a code object: so many 32-bit numbers, then objects, with the
/// first line's number somewhere among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    numbers: usize,
    /// `n` for a 32-bit number, `f` for `co_filename`, `o` for any other object.
    rest: &'static str,
}

/// Python 3.7 and before; 3.8 to 3.10, with positional-only arguments; 3.11 and later.
pub(super) const BEFORE_3_8: Layout = Layout {
    numbers: 5,
    rest: "oooooofono",
};
pub(super) const BEFORE_3_11: Layout = Layout {
    numbers: 6,
    rest: "oooooofono",
};
pub(super) const SINCE_3_11: Layout = Layout {
    numbers: 5,
    rest: "ooooofoonoo",
};

/// The values of a marshalled object; none where it is not read to its end.
pub(super) fn tokens(bytes: &[u8], layout: Layout) -> Option<Vec<Token>> {
    let mut reader = Reader {
        bytes,
        at: 0,
        layout,
        tokens: Vec::new(),
    };
    reader.object(Role::Other, 0)?;
    (reader.at == bytes.len()).then_some(reader.tokens)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    layout: Layout,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(count)?;
        if end > self.bytes.len() {
            return None;
        }
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn byte(&mut self) -> Option<u8> {
        let range = self.take(1)?;
        Some(self.bytes[range.start])
    }

    fn length(&mut self) -> Option<usize> {
        let range = self.take(4)?;
        let number = i32::from_le_bytes(self.bytes[range].try_into().ok()?);
        usize::try_from(number).ok()
    }

    fn push(&mut self, kind: u8, flagged: bool, bytes: Range<usize>, role: Role) -> Option<()> {
        if self.tokens.len() >= MAX_VALUES {
            return None;
        }
        self.tokens.push(Token {
            kind,
            flagged,
            bytes,
            role,
        });
        Some(())
    }

    /// Reads one object; the type byte it had.
    fn object(&mut self, role: Role, depth: usize) -> Option<u8> {
        if depth > MAX_DEPTH {
            return None;
        }
        let raw = self.byte()?;
        let (kind, flagged) = (raw & !FLAG_REF, raw & FLAG_REF != 0);
        let plain = |reader: &mut Self, count: usize| {
            let bytes = reader.take(count)?;
            reader.push(kind, flagged, bytes, role)
        };
        match kind {
            b'0' | b'N' | b'F' | b'T' | b'S' | b'.' => plain(self, 0)?,
            b'i' | b'r' => plain(self, 4)?,
            b'I' | b'g' => plain(self, 8)?,
            b'y' => plain(self, 16)?,
            b'z' | b'Z' => {
                let count = self.byte()?;
                plain(self, count.into())?;
            }
            b's' | b'a' | b'A' | b'u' | b't' => {
                let count = self.length()?;
                plain(self, count)?;
            }
            b'l' => {
                let range = self.take(4)?;
                let digits = i32::from_le_bytes(self.bytes[range].try_into().ok()?);
                plain(
                    self,
                    usize::try_from(digits.unsigned_abs())
                        .ok()?
                        .checked_mul(2)?,
                )?;
            }
            b')' | b'(' | b'[' | b'<' | b'>' => {
                let count = if kind == b')' {
                    self.byte()?.into()
                } else {
                    self.length()?
                };
                let at = self.at;
                self.push(kind, flagged, at..at, role)?;
                for _ in 0..count {
                    self.object(Role::Other, depth + 1)?;
                }
            }
            b'{' => {
                let at = self.at;
                self.push(kind, flagged, at..at, role)?;
                while self.object(Role::Other, depth + 1)? != b'0' {
                    self.object(Role::Other, depth + 1)?;
                }
            }
            b':' => {
                let at = self.at;
                self.push(kind, flagged, at..at, role)?;
                for _ in 0..3 {
                    self.object(Role::Other, depth + 1)?;
                }
            }
            b'c' => self.code(flagged, depth)?,
            _ => return None,
        }
        Some(kind)
    }

    fn code(&mut self, flagged: bool, depth: usize) -> Option<()> {
        let layout = self.layout;
        let numbers = self.take(layout.numbers * 4)?;
        self.push(b'c', flagged, numbers, Role::Other)?;
        for field in layout.rest.bytes() {
            match field {
                b'n' => {
                    let number = self.take(4)?;
                    self.push(b'n', false, number, Role::Other)?;
                }
                b'f' => {
                    self.object(Role::FileName, depth + 1)?;
                }
                _ => {
                    self.object(Role::Other, depth + 1)?;
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_to_the_end_or_not_at_all() {
        // (None, "ab", 5)
        let tuple = b")\x03Nz\x02abi\x05\0\0\0";
        let kinds: Vec<u8> = tokens(tuple, SINCE_3_11)
            .expect("well-formed")
            .iter()
            .map(|t| t.kind)
            .collect();
        assert_eq!(kinds, *b")Nzi");
        assert!(tokens(&tuple[..tuple.len() - 1], SINCE_3_11).is_none());
        assert!(tokens(&[tuple, &b"N"[..]].concat(), SINCE_3_11).is_none());
    }

    #[test]
    fn nesting_and_lengths_are_bounded() {
        let deep = [b")\x01".repeat(100_000), b"N".to_vec()].concat();
        assert!(tokens(&deep, SINCE_3_11).is_none());
        assert!(tokens(b"(\xff\xff\xff\x7f", SINCE_3_11).is_none());
        assert!(tokens(b"s\xff\xff\xff\xff", SINCE_3_11).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_can_be_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for layout in [BEFORE_3_8, BEFORE_3_11, SINCE_3_11] {
                let _ = tokens(&bytes, layout);
            }
        }
    }
}
