//! Zip archives (ZIP application note, APPNOTE.TXT), wheels among them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::Digest as _;

use super::member::{Archive, Budget, Field, Kind, MAX_INFLATED, Member, check_count};
use crate::model::Sha256Digest;

/// Reads a zip archive whole; the error says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<Archive, String> {
    read_zip(path).map_err(|error| error.to_string())
}

fn read_zip(path: &Path) -> io::Result<Archive> {
    let mut zip = zip::ZipArchive::new(BufReader::new(File::open(path)?))?;
    check_count(zip.len())?;
    let fields = vec![
        Field::hiding("archive comment", String::from_utf8_lossy(zip.comment())),
        Field::hiding("bytes before the first member", zip.offset()),
    ];
    let mut budget = Budget::new();
    let mut members = Vec::with_capacity(zip.len());
    for index in 0..zip.len() {
        let compressed = compressed_digest(&mut zip, index)?;
        let mut member = zip.by_index(index)?;
        let name = member.name().map_err(io::Error::other)?.into_owned();
        let mode = member.unix_mode();
        let mut fields = vec![
            (
                "time",
                member
                    .last_modified()
                    .map_or("none".into(), |t| t.to_string()),
            ),
            ("compression", format!("{:?}", member.compression())),
            ("compressed stream", format!("SHA-256 {compressed}")),
            ("comment", member.comment().to_owned()),
            (
                "extra field",
                member.extra_data().map_or("none".into(), hex::encode),
            ),
            (
                "file type bits",
                format!("{:o}", mode.unwrap_or(0) & !0o7777),
            ),
        ];
        if mode.is_none() {
            fields.push(("mode", "none".into()));
        }
        let is_folder = member.is_dir();
        let is_link = member.is_symlink();
        let (size, sha256, content) = budget.read(&mut member)?;
        let kind = if is_folder {
            Kind::Folder
        } else if is_link {
            let target = content.as_deref().unwrap_or_default();
            Kind::Link(String::from_utf8_lossy(target).into_owned())
        } else {
            Kind::File
        };
        members.push(Member {
            path: name,
            kind,
            mode: mode.unwrap_or(0) & 0o7777,
            fields,
            size,
            sha256,
            content,
        });
    }
    Ok(Archive { members, fields })
}

/// SHA-256 of a member as it is compressed.
fn compressed_digest(
    zip: &mut zip::ZipArchive<BufReader<File>>,
    index: usize,
) -> io::Result<Sha256Digest> {
    let mut raw = zip.by_index_raw(index)?.take(MAX_INFLATED);
    let mut hasher = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match raw.read(&mut buffer)? {
            0 => return Ok(Sha256Digest::from_bytes(hasher.finalize().into())),
            count => hasher.update(&buffer[..count]),
        }
    }
}
