//! One 512-byte tar header (POSIX.1-2017, `pax`, table "ustar Header Block").
//! Pure; every byte belongs to exactly one field.

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

/// A header's size, and the unit to which content is filled up.
pub(in crate::compare) const BLOCK: usize = 512;

/// The fields of a header. The first 345 bytes are laid out alike in ustar and
/// in GNU's older format; GNU uses `prefix` for other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compare) enum Field {
    Name,
    Mode,
    Uid,
    Gid,
    Size,
    Mtime,
    TypeFlag,
    LinkName,
    /// `magic` and `version`, which GNU writes as one.
    Magic,
    Uname,
    Gname,
    DevMajor,
    DevMinor,
    Prefix,
    /// After `prefix`; not assigned.
    Spare,
    Checksum,
}

/// Every field; the checksum last, since it follows all others.
pub(in crate::compare) const FIELDS: [Field; 16] = [
    Field::Name,
    Field::Mode,
    Field::Uid,
    Field::Gid,
    Field::Size,
    Field::Mtime,
    Field::TypeFlag,
    Field::LinkName,
    Field::Magic,
    Field::Uname,
    Field::Gname,
    Field::DevMajor,
    Field::DevMinor,
    Field::Prefix,
    Field::Spare,
    Field::Checksum,
];

impl Field {
    const fn range(self) -> Range<usize> {
        match self {
            Self::Name => 0..100,
            Self::Mode => 100..108,
            Self::Uid => 108..116,
            Self::Gid => 116..124,
            Self::Size => 124..136,
            Self::Mtime => 136..148,
            Self::Checksum => 148..156,
            Self::TypeFlag => 156..157,
            Self::LinkName => 157..257,
            Self::Magic => 257..265,
            Self::Uname => 265..297,
            Self::Gname => 297..329,
            Self::DevMajor => 329..337,
            Self::DevMinor => 337..345,
            Self::Prefix => 345..500,
            Self::Spare => 500..512,
        }
    }

    /// The field's name in the standard.
    pub(in crate::compare) const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Mode => "mode",
            Self::Uid => "uid",
            Self::Gid => "gid",
            Self::Size => "size",
            Self::Mtime => "mtime",
            Self::Checksum => "chksum",
            Self::TypeFlag => "typeflag",
            Self::LinkName => "linkname",
            Self::Magic => "magic and version",
            Self::Uname => "uname",
            Self::Gname => "gname",
            Self::DevMajor => "devmajor",
            Self::DevMinor => "devminor",
            Self::Prefix => "prefix",
            Self::Spare => "spare bytes",
        }
    }
}

/// A header block as it was read.
pub(in crate::compare) struct Header(pub [u8; BLOCK]);

impl Header {
    fn raw(&self, field: Field) -> &[u8] {
        &self.0[field.range()]
    }

    pub(in crate::compare) fn is_zero(&self) -> bool {
        self.0.iter().all(|&byte| byte == 0)
    }

    pub(in crate::compare) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// GNU's format from before POSIX: `ustar`, two spaces, NUL.
    fn is_gnu(&self) -> bool {
        self.raw(Field::Magic) == b"ustar  \0"
    }

    fn is_ustar(&self) -> bool {
        self.raw(Field::Magic).starts_with(b"ustar\0")
    }

    /// "chksum": the sum of all bytes with the field itself taken as spaces.
    /// Some old writers summed signed bytes, which readers accept too.
    pub(in crate::compare) fn checksum_holds(&self) -> bool {
        let field = Field::Checksum.range();
        let bytes = || {
            self.0
                .iter()
                .enumerate()
                .map(|(i, &byte)| if field.contains(&i) { b' ' } else { byte })
        };
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte as i8)).sum();
        self.number(Field::Checksum)
            .is_some_and(|said| said == unsigned || said == signed)
    }

    /// A number: octal digits with blanks around them, or, with the first bit
    /// set, GNU's base-256 with a sign.
    pub(in crate::compare) fn number(&self, field: Field) -> Option<i64> {
        let raw = self.raw(field);
        if raw[0] & 0x80 != 0 {
            let first = i128::from((raw[0] << 1) as i8 >> 1);
            let wide = raw[1..].iter().try_fold(first, |n, &byte| {
                n.checked_mul(256)?.checked_add(byte.into())
            })?;
            return i64::try_from(wide).ok();
        }
        let text = std::str::from_utf8(raw).ok()?;
        let digits = text.trim_matches(['\0', ' ']);
        if digits.is_empty() {
            return Some(0);
        }
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|b| matches!(b, b'0'..=b'7')) {
            return None;
        }
        i64::from_str_radix(digits, 8).ok()
    }

    /// A text up to its NUL or the field's end.
    pub(in crate::compare) fn text(&self, field: Field) -> &[u8] {
        let raw = self.raw(field);
        let end = raw.iter().position(|&byte| byte == 0);
        &raw[..end.unwrap_or(raw.len())]
    }

    /// "prefix": where it is not empty, it comes before the name with a slash.
    pub(in crate::compare) fn name(&self) -> Vec<u8> {
        let name = self.text(Field::Name);
        let prefix = self.text(Field::Prefix);
        if !self.is_ustar() || prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    fn raw_mut(&mut self, field: Field) -> &mut [u8] {
        &mut self.0[field.range()]
    }

    /// Writes a number as digits up to a NUL, as most writers do.
    pub(in crate::compare) fn set_number(&mut self, field: Field, value: u32) {
        let raw = self.raw_mut(field);
        let digits = format!("{value:0width$o}", width = raw.len() - 1);
        raw.fill(0);
        // The widest 32-bit number has 11 digits, the narrowest such field room
        // for 7: the lowest digits, which a mode, an owner of 0 and a time of 0 fit.
        let from = digits.len().saturating_sub(raw.len() - 1);
        raw[..digits.len() - from].copy_from_slice(&digits.as_bytes()[from..]);
    }

    /// Fills a field with NULs.
    pub(in crate::compare) fn clear(&mut self, field: Field) {
        self.raw_mut(field).fill(0);
    }

    /// GNU's access and change times, in the first 24 bytes of what is the prefix
    /// elsewhere.
    pub(in crate::compare) fn clear_gnu_times(&mut self) {
        if self.is_gnu() {
            self.raw_mut(Field::Prefix)[..24].fill(0);
        }
    }

    /// Writes the checksum that the other fields ask for.
    pub(in crate::compare) fn set_checksum(&mut self) {
        self.raw_mut(Field::Checksum).fill(b' ');
        let sum: u32 = self.0.iter().map(|&byte| u32::from(byte)).sum();
        self.raw_mut(Field::Checksum)[..7].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }

    /// Whether bytes that no reader shows are other than zero.
    pub(in crate::compare) fn hides_bytes(&self) -> bool {
        let nonzero = |bytes: &[u8]| bytes.iter().any(|&byte| byte != 0);
        let after_text = |field| nonzero(&self.raw(field)[self.text(field).len()..]);
        let prefix = if self.is_gnu() {
            // GNU keeps access and change times in the first 24 bytes.
            nonzero(&self.raw(Field::Prefix)[24..])
        } else if self.is_ustar() {
            after_text(Field::Prefix)
        } else {
            nonzero(self.raw(Field::Prefix))
        };
        let texts = [Field::Name, Field::LinkName, Field::Uname, Field::Gname];
        prefix || nonzero(self.raw(Field::Spare)) || texts.into_iter().any(after_text)
    }

    /// A sum of each field, in the order of [`Field`]: equal for equal fields, and good for
    /// this process alone.
    pub(in crate::compare) fn sums(&self) -> [u64; FIELDS.len()] {
        // Keyed by chance: fields that are long enough to hide something in could be
        // made to have the same CRC.
        static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        FIELDS.map(|field| KEYS.hash_one(self.raw(field)))
    }
}

/// Whether bytes begin with a header of a tar member.
pub(in crate::compare) fn is_header(head: &[u8]) -> bool {
    head.first_chunk()
        .is_some_and(|block| !Header(*block).is_zero() && Header(*block).checksum_holds())
}

/// Whether a type is a folder.
pub(in crate::compare) fn is_folder(kind: u8) -> bool {
    kind == b'5'
}

/// A type for a person ("typeflag").
pub(in crate::compare) fn type_name(kind: u8) -> String {
    match kind {
        b'0' => "file".to_owned(),
        0 => "file (old style)".to_owned(),
        b'1' => "hard link".to_owned(),
        b'2' => "symbolic link".to_owned(),
        b'3' => "character device".to_owned(),
        b'4' => "block device".to_owned(),
        b'5' => "folder".to_owned(),
        b'6' => "FIFO".to_owned(),
        b'7' => "contiguous file".to_owned(),
        other => format!("type {:#04x}", other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(field: Field, bytes: &[u8]) -> Header {
        let mut raw = [0; BLOCK];
        raw[field.range().start..][..bytes.len()].copy_from_slice(bytes);
        Header(raw)
    }

    #[test]
    fn every_byte_of_a_header_belongs_to_one_field() {
        let mut owners = [0; BLOCK];
        for (index, field) in FIELDS.into_iter().enumerate() {
            assert_eq!(field as usize, index, "sums are indexed by field");
            for byte in field.range() {
                owners[byte] += 1;
            }
        }
        assert_eq!(owners, [1; BLOCK]);
    }

    #[test]
    fn numbers_are_octal_or_base_256_and_nothing_else() {
        let size = |bytes: &[u8]| with(Field::Size, bytes).number(Field::Size);
        assert_eq!(size(b"00000000012\0"), Some(10));
        assert_eq!(size(b"      12 \0\0\0"), Some(10));
        assert_eq!(size(b""), Some(0));
        assert_eq!(size(b"+12"), None);
        assert_eq!(size(b"19"), None);
        assert_eq!(size(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Some(256));
        assert_eq!(size(&[0xff; 12]), Some(-1));
        assert_eq!(size(&[0xbf; 12]), None);
    }

    #[test]
    fn bytes_after_a_texts_end_are_noticed() {
        assert!(!with(Field::Uname, b"root\0").hides_bytes());
        assert!(with(Field::Uname, b"root\0evil").hides_bytes());
        assert!(with(Field::Spare, b"x").hides_bytes());
    }
}
