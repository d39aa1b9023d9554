//! Real artifacts in parts that can be changed one by one and written again. Reads and
//! writes formats with code of its own, so that the comparator's readers are not held
//! against themselves.

use std::io::{Read as _, Write as _};
use std::sync::LazyLock;

use super::super::archives::{gzip, tar, zip};
use super::super::file;
use crate::model::ArtifactKind;

/// Around the members of a tar.
#[derive(Clone, Debug)]
pub(super) enum Wrap {
    /// The ten bytes of the header.
    Gzip {
        header: [u8; 10],
        name: Vec<u8>,
        level: u32,
    },
    Xz(u32),
    Zstd(i32),
    Bzip2(u32),
}

/// A tar's member: its extension headers as they are, its header, its content.
#[derive(Clone, Debug)]
pub(super) struct TarMember {
    pub extension: Vec<u8>,
    pub header: Vec<u8>,
    pub content: Vec<u8>,
    pub padding: Vec<u8>,
}

/// A zip's member (APPNOTE 6.3.10, sections 4.3.7 and 4.3.12).
#[derive(Clone, Debug)]
pub(super) struct ZipMember {
    pub local: Vec<u8>,
    pub local_extra: Vec<u8>,
    data: Vec<u8>,
    descriptor: Vec<u8>,
    pub entry: Vec<u8>,
    pub name: Vec<u8>,
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) enum Members {
    Tar {
        members: Vec<TarMember>,
        tail: Vec<u8>,
    },
    Zip {
        prefix: Vec<u8>,
        members: Vec<ZipMember>,
        comment: Vec<u8>,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Artifact {
    pub kind: ArtifactKind,
    /// The file as its tool made it.
    pub bytes: Vec<u8>,
    /// A `.deb` up to the content of its last member, `data.tar.xz`.
    pub deb: Vec<u8>,
    pub wrap: Option<Wrap>,
    pub members: Members,
}

/// What `artifacts/make` made.
pub(super) static ARTIFACTS: LazyLock<Vec<Artifact>> = LazyLock::new(|| {
    use ArtifactKind::{Crate, NpmTarball, Other, PureWheel, Sdist};
    macro_rules! real {
        ($name:literal) => {
            &include_bytes!(concat!("../artifacts/", $name))[..]
        };
    }
    [
        (Crate, real!("demo-1.0.0.crate")),
        (PureWheel, real!("demo-1.0-py3-none-any.whl")),
        (Sdist, real!("demo-1.0.tar.gz")),
        (NpmTarball, real!("demo-1.0.0.tgz")),
        (Other, real!("demo_1.0_all.deb")),
        (Other, real!("demo.tar.zst")),
        (Other, real!("demo.tar.bz2")),
        (Other, real!("demo.zip")),
    ]
    .into_iter()
    .map(|(kind, bytes)| Artifact::read(kind, bytes))
    .collect()
});

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    let digits = &bytes[at..at + length];
    digits
        .iter()
        .rev()
        .fold(0, |sum, &b| sum << 8 | usize::from(b))
}

pub(super) fn put(bytes: &mut [u8], at: usize, length: usize, value: usize) {
    bytes[at..at + length].copy_from_slice(&value.to_le_bytes()[..length]);
}

/// A `.deb` up to its last member's content, and that content; any other file whole.
pub(super) fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = bytes.windows(11).position(|w| w == b"data.tar.xz") else {
        return (&[], bytes);
    };
    let Some((before, data)) = bytes.split_at_checked(at + 60) else {
        return (&[], bytes);
    };
    let size = String::from_utf8_lossy(&before[at + 48..at + 58])
        .trim()
        .parse();
    let size = size.unwrap_or(data.len()).min(data.len());
    (before, &data[..size])
}

impl Artifact {
    fn read(kind: ArtifactKind, bytes: &[u8]) -> Self {
        let (deb, stream) = split(bytes);
        let wrap = match stream {
            [0x1f, 0x8b, ..] => {
                // RFC 1952, section 2.3.1: a name, where there is one, ends with a NUL.
                let named = stream[3] & 8 != 0;
                let name = stream[10..].split(|&b| b == 0).next().unwrap_or_default();
                Some(Wrap::Gzip {
                    header: stream[..10].try_into().expect("10 bytes"),
                    name: if named { name.to_vec() } else { Vec::new() },
                    level: 6,
                })
            }
            [0xfd, ..] => Some(Wrap::Xz(6)),
            [0x28, 0xb5, ..] => Some(Wrap::Zstd(3)),
            [b'B', b'Z', ..] => Some(Wrap::Bzip2(9)),
            _ => None,
        };
        let members = match unwrapped(stream) {
            Some(tar) => read_tar(&tar),
            None => read_zip(bytes),
        };
        Self {
            kind,
            bytes: bytes.to_vec(),
            deb: deb.to_vec(),
            wrap,
            members,
        }
    }

    pub(super) fn len(&self) -> usize {
        match &self.members {
            Members::Tar { members, .. } => members.len(),
            Members::Zip { members, .. } => members.len(),
        }
    }

    pub(super) fn name(&self, index: usize) -> String {
        let bytes = match &self.members {
            Members::Tar { members, .. } => members[index].name(),
            Members::Zip { members, .. } => members[index].name.clone(),
        };
        String::from_utf8(bytes).expect("names in ASCII")
    }

    /// A member's content; none of one that is no plain file.
    pub(super) fn content(&self, index: usize) -> Option<Vec<u8>> {
        match &self.members {
            Members::Tar { members, .. } => {
                (members[index].header[156] == b'0').then(|| members[index].content.clone())
            }
            Members::Zip { members, .. } => members[index].content(),
        }
    }

    /// The file again: as its tool made it but for what was changed, and for the
    /// compressor, which is always ours.
    pub(super) fn write(&self) -> Vec<u8> {
        self.write_with(|_| {})
    }

    /// [`Self::write`], with `change` made to the tar below its compressor.
    pub(super) fn write_with(&self, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut plain = match &self.members {
            Members::Tar { members, tail } => write_tar(members, tail),
            Members::Zip {
                prefix,
                members,
                comment,
            } => write_zip(prefix, members, comment),
        };
        change(&mut plain);
        let stream = match &self.wrap {
            None => plain,
            Some(wrap) => wrap.apply(&plain),
        };
        if self.deb.is_empty() {
            return stream;
        }
        let mut bytes = self.deb.clone();
        let size = bytes.len() - 12;
        bytes[size..size + 10].copy_from_slice(format!("{:<10}", stream.len()).as_bytes());
        bytes.extend_from_slice(&stream);
        bytes.extend(std::iter::repeat_n(b'\n', stream.len() % 2));
        bytes
    }
}

impl Wrap {
    fn apply(&self, plain: &[u8]) -> Vec<u8> {
        let fine = "memory";
        match self {
            Self::Gzip {
                header,
                name,
                level,
            } => {
                let stream = gzip(plain, *level);
                let mut header = *header;
                header[3] = if name.is_empty() { 0 } else { 8 };
                let end: &[u8] = if name.is_empty() { &[] } else { &[0] };
                [&header[..], name, end, &stream[10..]].concat()
            }
            Self::Xz(level) => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), *level);
                encoder.write_all(plain).expect(fine);
                encoder.finish().expect(fine)
            }
            Self::Zstd(level) => {
                let mut encoder = ::zstd::Encoder::new(Vec::new(), *level).expect(fine);
                encoder.include_checksum(true).expect(fine);
                encoder.write_all(plain).expect(fine);
                encoder.finish().expect(fine)
            }
            Self::Bzip2(level) => {
                let level = bzip2::Compression::new(*level);
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
                encoder.write_all(plain).expect(fine);
                encoder.finish().expect(fine)
            }
        }
    }
}

/// What a compressed stream holds; none where it cannot be read, or is none.
pub(super) fn unwrapped(stream: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match stream {
        [0x1f, 0x8b, ..] => flate2::read::MultiGzDecoder::new(stream)
            .read_to_end(&mut out)
            .ok()?,
        [0xfd, ..] => liblzma::read::XzDecoder::new_multi_decoder(stream)
            .read_to_end(&mut out)
            .ok()?,
        [0x28, 0xb5, ..] => {
            out = ::zstd::stream::decode_all(stream).ok()?;
            out.len()
        }
        [b'B', b'Z', ..] => bzip2::read::MultiBzDecoder::new(stream)
            .read_to_end(&mut out)
            .ok()?,
        _ => return None,
    };
    Some(out)
}

impl TarMember {
    fn name(&self) -> Vec<u8> {
        let end = self.header[..100].iter().position(|&b| b == 0);
        self.header[..end.unwrap_or(100)].to_vec()
    }

    /// Writes a field of the header, filled up with NULs, and the sum that then holds.
    pub(super) fn set(&mut self, at: usize, length: usize, value: &[u8]) {
        self.header[at..at + length].fill(0);
        self.header[at..at + value.len()].copy_from_slice(value);
        self.header[148..156].fill(b' ');
        let sum: u32 = self.header.iter().map(|&byte| u32::from(byte)).sum();
        self.header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }

    pub(super) fn set_content(&mut self, content: Vec<u8>) {
        self.set(124, 12, format!("{:011o}", content.len()).as_bytes());
        self.padding = vec![0; content.len().next_multiple_of(512) - content.len()];
        self.content = content;
    }

    pub(super) fn mode(&self) -> u32 {
        let digits = String::from_utf8_lossy(&self.header[100..107]).into_owned();
        u32::from_str_radix(digits.trim_matches(['\0', ' ']), 8).expect("octal digits")
    }
}

fn read_tar(mut bytes: &[u8]) -> Members {
    let mut members = Vec::new();
    let mut extension = Vec::new();
    while bytes[0] != 0 {
        let digits = std::str::from_utf8(&bytes[124..135]).expect("digits");
        let size = usize::from_str_radix(digits.trim(), 8).expect("octal");
        let next = 512 + size.next_multiple_of(512);
        if matches!(bytes[156], b'x' | b'g' | b'L' | b'K') {
            extension.extend_from_slice(&bytes[..next]);
        } else {
            members.push(TarMember {
                extension: std::mem::take(&mut extension),
                header: bytes[..512].to_vec(),
                content: bytes[512..512 + size].to_vec(),
                padding: bytes[512 + size..next].to_vec(),
            });
        }
        bytes = &bytes[next..];
    }
    Members::Tar {
        members,
        tail: bytes.to_vec(),
    }
}

fn write_tar(members: &[TarMember], tail: &[u8]) -> Vec<u8> {
    let parts = members
        .iter()
        .flat_map(|m| [&m.extension, &m.header, &m.content, &m.padding].map(Vec::as_slice));
    parts.chain([tail]).collect::<Vec<_>>().concat()
}

impl ZipMember {
    pub(super) fn content(&self) -> Option<Vec<u8>> {
        if self.name.ends_with(b"/") || self.mode() >> 12 == 0o12 {
            return None;
        }
        match number(&self.entry, 10, 2) {
            0 => Some(self.data.clone()),
            _ => {
                let mut out = Vec::new();
                let mut decoder = flate2::read::DeflateDecoder::new(self.data.as_slice());
                decoder.read_to_end(&mut out).ok()?;
                Some(out)
            }
        }
    }

    /// Takes a content in, stored where `level` is none.
    pub(super) fn set_content(&mut self, content: &[u8], level: Option<u32>) {
        self.data = match level {
            None => content.to_vec(),
            Some(level) => {
                let level = flate2::Compression::new(level);
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(content).expect("memory");
                encoder.finish().expect("memory")
            }
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let method = if level.is_some() { 8 } else { 0 };
        // No descriptor, so the sizes stand in the local header too.
        self.descriptor.clear();
        let flags = number(&self.entry, 8, 2) & !8;
        for (header, base) in [(&mut self.local, 4), (&mut self.entry, 6)] {
            put(header, base + 2, 2, flags);
            put(header, base + 4, 2, method);
            put(header, base + 10, 4, crc.sum() as usize);
            put(header, base + 14, 4, self.data.len());
            put(header, base + 18, 4, content.len());
        }
    }

    pub(super) fn mode(&self) -> u32 {
        number(&self.entry, 40, 2) as u32
    }

    pub(super) fn is_deflated(&self) -> bool {
        number(&self.entry, 10, 2) == 8
    }
}

fn read_zip(bytes: &[u8]) -> Members {
    let end = bytes.len() - 22;
    let mut at = number(bytes, end + 16, 4);
    let mut members = Vec::new();
    for _ in 0..number(bytes, end + 10, 2) {
        let lengths = [28, 30, 32].map(|field| number(bytes, at + field, 2));
        let texts = &bytes[at + 46..];
        let local = number(bytes, at + 42, 4);
        let [local_name, local_extra] = [26, 28].map(|field| number(bytes, local + field, 2));
        let data = local + 30 + local_name + local_extra;
        let size = number(bytes, at + 20, 4);
        let flags = number(bytes, at + 8, 2);
        members.push(ZipMember {
            local: bytes[local..local + 30].to_vec(),
            local_extra: bytes[data - local_extra..data].to_vec(),
            data: bytes[data..data + size].to_vec(),
            descriptor: if flags & 8 == 0 {
                Vec::new()
            } else {
                bytes[data + size..data + size + 16].to_vec()
            },
            entry: bytes[at..at + 46].to_vec(),
            name: texts[..lengths[0]].to_vec(),
            extra: texts[lengths[0]..lengths[0] + lengths[1]].to_vec(),
            comment: Vec::new(),
        });
        at += 46 + lengths.iter().sum::<usize>();
    }
    Members::Zip {
        prefix: Vec::new(),
        members,
        comment: Vec::new(),
    }
}

fn write_zip(prefix: &[u8], members: &[ZipMember], comment: &[u8]) -> Vec<u8> {
    let mut out = prefix.to_vec();
    let mut directory = Vec::new();
    for member in members {
        let mut entry = member.entry.clone();
        put(&mut entry, 28, 2, member.name.len());
        put(&mut entry, 30, 2, member.extra.len());
        put(&mut entry, 32, 2, member.comment.len());
        put(&mut entry, 42, 4, out.len());
        directory.extend(
            [
                entry,
                member.name.clone(),
                member.extra.clone(),
                member.comment.clone(),
            ]
            .concat(),
        );
        let mut local = member.local.clone();
        put(&mut local, 26, 2, member.name.len());
        put(&mut local, 28, 2, member.local_extra.len());
        for part in [
            &local,
            &member.name,
            &member.local_extra,
            &member.data,
            &member.descriptor,
        ] {
            out.extend_from_slice(part);
        }
    }
    let mut end = b"PK\x05\x06".to_vec();
    end.resize(22, 0);
    put(&mut end, 8, 2, members.len());
    put(&mut end, 10, 2, members.len());
    put(&mut end, 12, 4, directory.len());
    put(&mut end, 16, 4, out.len());
    put(&mut end, 20, 2, comment.len());
    [&out[..], &directory, &end, comment].concat()
}

/// What an artifact lies in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Nest {
    Nothing,
    Tar,
    Zip,
}

impl Nest {
    pub(super) fn around(self, bytes: Vec<u8>) -> Vec<u8> {
        let inner = [file("pool/inner", bytes)];
        match self {
            Self::Nothing => {
                let [inner] = inner;
                inner.content
            }
            Self::Tar => tar(&inner),
            Self::Zip => zip(&inner),
        }
    }
}

#[test]
fn what_is_read_and_not_changed_is_written_as_it_was() {
    for artifact in ARTIFACTS.iter() {
        let again = artifact.write();
        if artifact.wrap.is_none() {
            assert_eq!(again, artifact.bytes);
            continue;
        }
        let plain = |bytes| unwrapped(split(bytes).1).expect("a whole stream");
        assert_eq!(plain(&again), plain(&artifact.bytes));
    }
}
