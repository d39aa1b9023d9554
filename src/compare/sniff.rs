//! What a file is, by its first bytes and never by its name. Pure.

/// A format that remint looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Tar,
    Zip,
    Ar,
    Elf,
    /// Anything else: text, or bytes that are shown as they are.
    Other,
}

/// How many first bytes decide: a tar header is the longest of all signatures.
pub(super) const HEAD: usize = 512;

impl Format {
    /// The format that `head`, the file's first [`HEAD`] bytes or fewer, begins.
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            // RFC 1952, section 2.3.1: ID1, ID2; CM is deflate.
            [0x1f, 0x8b, 8, ..] => Self::Gzip,
            // The .xz file format 1.2.1, section 2.1.1.1: header magic bytes.
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            // RFC 8878, section 3.1.1: magic number; 3.1.2: a skippable frame's.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            // bzip2's "BZh", the level, and a block's or the end's 48-bit magic.
            [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x31,
                0x41,
                0x59,
                0x26,
                0x53,
                0x59,
                ..,
            ]
            | [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                0x17,
                0x72,
                0x45,
                0x38,
                0x50,
                0x90,
                ..,
            ] => Self::Bzip2,
            // APPNOTE 6.3.10, sections 4.3.7 (local header) and 4.3.16 (end record of
            // an archive without members).
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Self::Zip,
            // deb(5), ar(5).
            [b'!', b'<', b'a', b'r', b'c', b'h', b'>', b'\n', ..] => Self::Ar,
            // System V ABI, chapter 4, "ELF Identification".
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf,
            _ if super::tar::is_header(head) => Self::Tar,
            _ => Self::Other,
        }
    }

    /// Whether it is one stream that may hold a tar or anything else.
    pub(super) const fn is_stream(self) -> bool {
        matches!(
            self,
            Self::Gzip | Self::Xz | Self::Zstd | Self::Bzip2 | Self::Tar
        )
    }

    /// Whether it has members, or one content, of its own.
    pub(super) const fn is_container(self) -> bool {
        self.is_stream() || matches!(self, Self::Zip | Self::Ar)
    }

    /// The name for a person.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::Ar => "ar",
            Self::Elf => "ELF",
            Self::Other => "no archive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_content_and_not_by_a_few_letters() {
        assert_eq!(Format::of(b"\x1f\x8b\x08\x00"), Format::Gzip);
        assert_eq!(Format::of(b"BZh9\x31\x41\x59\x26\x53\x59"), Format::Bzip2);
        assert_eq!(Format::of(b"BZh9 is a name"), Format::Other);
        assert_eq!(Format::of(b"!<arch>\ndebian-binary"), Format::Ar);
        assert_eq!(Format::of(b"PK\x03\x04"), Format::Zip);
        assert_eq!(Format::of(b""), Format::Other);
        assert_eq!(Format::of(&[0; HEAD]), Format::Other);
    }
}
