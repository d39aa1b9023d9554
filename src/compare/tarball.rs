//! Gzipped tarballs: gzip header fields (RFC 1952, section 2.3), the compressed
//! stream, and tar members (POSIX.1-2017, pax, "ustar Interchange Format").

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use sha2::Digest as _;

use super::member::{Archive, Budget, Field, Kind, MAX_INFLATED, Member, check_count};
use crate::model::Sha256Digest;

/// Reads a gzipped tarball whole; the error says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Archive, String> {
    read_tarball(path).map_err(|error| error.to_string())
}

fn read_tarball(path: &Path) -> io::Result<Archive> {
    let mut fields = gzip_fields(path)?;
    let source = Hashing::new(GzDecoder::new(BufReader::new(File::open(path)?)));
    let mut archive = tar::Archive::new(source.take(MAX_INFLATED + 1));
    let mut members = Vec::new();
    let mut budget = Budget::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        check_count(members.len())?;
        members.push(member(&mut entry, &mut budget)?);
    }
    let mut rest = archive.into_inner();
    // What stands after the last member: padding, or bytes that no reader shows.
    let padding = count_padding(&mut rest)?;
    if rest.limit() == 0 {
        return Err(io::Error::other(format!(
            "it inflates to more than {MAX_INFLATED} bytes"
        )));
    }
    fields.push(Field::hiding(
        "bytes after the last member",
        padding.described(),
    ));
    let (inflated, gzip) = rest.into_inner().finish();
    fields.push(Field::harmless("tar stream", format!("SHA-256 {inflated}")));
    fields.push(Field::hiding(
        "bytes after the gzip stream",
        trailing(gzip)?,
    ));
    Ok(Archive { members, fields })
}

fn member(entry: &mut tar::Entry<'_, impl Read>, budget: &mut Budget) -> io::Result<Member> {
    let header = entry.header().clone();
    let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    let link = || -> String {
        entry.link_name_bytes().map_or_else(String::new, |name| {
            String::from_utf8_lossy(&name).into_owned()
        })
    };
    let kind = match header.entry_type() {
        tar::EntryType::Regular | tar::EntryType::Continuous => Kind::File,
        tar::EntryType::Directory => Kind::Folder,
        tar::EntryType::Symlink | tar::EntryType::Link => Kind::Link(link()),
        other => Kind::Special(format!("type {:#04x}", other.as_byte())),
    };
    let name =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    let format = if header.as_ustar().is_some() {
        "ustar"
    } else if header.as_gnu().is_some() {
        "GNU"
    } else {
        "old"
    };
    let fields = vec![
        ("mtime", number(header.mtime())),
        ("uid", number(header.uid())),
        ("gid", number(header.gid())),
        ("user", name(header.username_bytes())),
        ("group", name(header.groupname_bytes())),
        ("header format", format.to_owned()),
        ("file type bits", format!("{:o}", header.mode()? & !0o7777)),
    ];
    let mode = header.mode()? & 0o7777;
    let (size, sha256, content) = budget.read(entry)?;
    Ok(Member {
        path,
        kind,
        mode,
        fields,
        size,
        sha256,
        content,
    })
}

/// A numeric field as a person reads it; archives leave some blank.
fn number(field: io::Result<u64>) -> String {
    field.map_or_else(|_| "blank".to_owned(), |value| value.to_string())
}

/// The fixed header and what it announces.
fn gzip_fields(path: &Path) -> io::Result<Vec<Field>> {
    let mut decoder = GzDecoder::new(BufReader::new(File::open(path)?));
    let mut first = [0; 1];
    let _ = decoder.read(&mut first)?;
    let header = decoder
        .header()
        .ok_or_else(|| io::Error::other("it is no gzip file"))?;
    let text = |bytes: Option<&[u8]>| {
        bytes.map_or("none".to_owned(), |b| {
            String::from_utf8_lossy(b).into_owned()
        })
    };
    let mut fixed = [0; 10];
    File::open(path)?.read_exact(&mut fixed)?;
    Ok(vec![
        Field::harmless("gzip mtime", header.mtime()),
        Field::harmless("gzip operating system", header.operating_system()),
        Field::harmless("gzip extra flags", fixed[8]),
        Field::harmless("gzip flags", fixed[3]),
        Field::harmless("gzip file name", text(header.filename())),
        Field::hiding("gzip comment", text(header.comment())),
        Field::hiding(
            "gzip extra field",
            header.extra().map_or("none".into(), hex::encode),
        ),
    ])
}

/// Passes bytes on and hashes them.
struct Hashing<R> {
    inner: R,
    hasher: sha2::Sha256,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: sha2::Sha256::new(),
        }
    }

    fn finish(self) -> (Sha256Digest, R) {
        (
            Sha256Digest::from_bytes(self.hasher.finalize().into()),
            self.inner,
        )
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

struct Padding {
    size: u64,
    only_zeros: bool,
}

impl Padding {
    fn described(&self) -> String {
        if self.only_zeros {
            format!("{} zeros", self.size)
        } else {
            format!("{} bytes that are not all zero", self.size)
        }
    }
}

fn count_padding(rest: &mut impl Read) -> io::Result<Padding> {
    let mut padding = Padding {
        size: 0,
        only_zeros: true,
    };
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = rest.read(&mut buffer)?;
        if count == 0 {
            return Ok(padding);
        }
        padding.size += count as u64;
        padding.only_zeros &= buffer[..count].iter().all(|byte| *byte == 0);
    }
}

/// What follows the first gzip stream: another one, or anything else.
fn trailing(decoder: GzDecoder<BufReader<File>>) -> io::Result<String> {
    let mut rest = decoder.into_inner();
    let mut hasher = sha2::Sha256::new();
    let mut size = 0u64;
    loop {
        let chunk = rest.fill_buf()?;
        if chunk.is_empty() {
            break;
        }
        hasher.update(chunk);
        size += chunk.len() as u64;
        let count = chunk.len();
        rest.consume(count);
    }
    Ok(if size == 0 {
        "none".into()
    } else {
        format!(
            "{size} bytes, SHA-256 {}",
            Sha256Digest::from_bytes(hasher.finalize().into())
        )
    })
}
