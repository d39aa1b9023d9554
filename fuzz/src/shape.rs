//! From a fuzzer's input to two files that a reader does not turn away at their first
//! checksum: sums that stand in headers are put right after every change, and a tar can
//! be wrapped. Without that most inputs would end where the first header is checked.

use std::io::Write as _;

use flate2::{Compression, Crc, GzBuilder};

/// What is done to a file before it is read.
#[derive(Clone, Copy, Debug)]
pub enum Wrap {
    /// Nothing.
    Raw,
    /// The checksums of tar headers and of a zip's stored members are put right.
    Repaired,
    /// The same, within gzip.
    Gzip,
    /// The same, as a member of a tar within gzip: an archive in an archive.
    Nested,
}

impl Wrap {
    /// By the two bits of an input that choose it.
    pub fn of(choice: u8) -> Self {
        match choice % 4 {
            0 => Self::Raw,
            1 => Self::Repaired,
            2 => Self::Gzip,
            _ => Self::Nested,
        }
    }

    fn apply(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if matches!(self, Self::Raw) {
            return bytes;
        }
        repair_tar(&mut bytes);
        repair_zip(&mut bytes);
        match self {
            Self::Raw | Self::Repaired => bytes,
            Self::Gzip => gzip(&bytes),
            Self::Nested => gzip(&tar_of(&bytes)),
        }
    }
}

/// Two files out of one input: the input, and the input with some bytes of it changed
/// as its last four bytes say. So both are nearly the same archive.
pub fn pair(data: &[u8], wrap: Wrap) -> Option<(Vec<u8>, Vec<u8>)> {
    let (body, [a, b, change, run]) = data.split_last_chunk::<4>()?;
    if body.is_empty() {
        return None;
    }
    let at = (usize::from(*a) << 8 | usize::from(*b)) % body.len();
    let mut other = body.to_vec();
    for byte in other.iter_mut().skip(at).take(usize::from(run % 8) + 1) {
        *byte ^= change | 1;
    }
    Some((wrap.apply(body.to_vec()), wrap.apply(other)))
}

/// A tar's block, and where the checksum and the magic stand in a header (POSIX.1-2017,
/// pax, "ustar Interchange Format").
const BLOCK: usize = 512;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const MAGIC: std::ops::Range<usize> = 257..262;

fn repair_tar(bytes: &mut [u8]) {
    for block in bytes.as_chunks_mut::<BLOCK>().0 {
        if &block[MAGIC] == b"ustar" {
            block[CHECKSUM].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
}

/// APPNOTE 6.3.10, sections 4.3.7 and 4.3.12: both headers of a stored member get the
/// sum of what stands there.
fn repair_zip(bytes: &mut [u8]) {
    let number = |bytes: &[u8], at: usize, length: usize| -> Option<usize> {
        let digits = bytes.get(at..at + length)?;
        Some(
            digits
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        )
    };
    for entry in 0..bytes.len().saturating_sub(46) {
        if !bytes[entry..].starts_with(b"PK\x01\x02") || number(bytes, entry + 10, 2) != Some(0) {
            continue;
        }
        let place = || {
            let local = number(bytes, entry + 42, 4)?;
            let texts = number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
            let start = local + 30 + texts;
            let content = bytes.get(start..start + number(bytes, entry + 20, 4)?)?;
            let mut crc = Crc::new();
            crc.update(content);
            Some((local, crc.sum().to_le_bytes()))
        };
        if let Some((local, sum)) = place() {
            bytes[local + 14..local + 18].copy_from_slice(&sum);
            bytes[entry + 16..entry + 20].copy_from_slice(&sum);
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// A tar with one member of these bytes.
fn tar_of(bytes: &[u8]) -> Vec<u8> {
    let mut header = [0; BLOCK];
    header[..1].copy_from_slice(b"m");
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    header[156] = b'0';
    header[MAGIC.start..MAGIC.start + 8].copy_from_slice(b"ustar\x0000");
    repair_tar(&mut header);
    let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
    [&header[..], bytes, &vec![0; padding + 2 * BLOCK]].concat()
}
