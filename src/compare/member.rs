//! What is compared of an archive, whatever its format: its members, and the
//! fields of its wrapping. Pure but for reading the stream that it is handed.

use std::io::{self, Read};

use sha2::Digest as _;

use crate::model::Sha256Digest;

/// The largest member that is held for a text diff, in bytes.
const MAX_TEXT: u64 = 1 << 20;
/// All text that is held of one archive, in bytes.
const MAX_TEXTS: u64 = 64 << 20;
/// All that is read out of one archive, in bytes.
pub(super) const MAX_INFLATED: u64 = 2 << 30;
/// Members of one archive.
pub(super) const MAX_MEMBERS: usize = 200_000;

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A link and where it points.
    Link(String),
    /// Anything else, by its name in the format.
    Special(String),
}

/// One member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Fields that wrap the content: times, owners, compression; each with its
    /// value as a person reads it.
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) size: u64,
    pub(super) sha256: Sha256Digest,
    /// The content, where it is small.
    pub(super) content: Option<Vec<u8>>,
}

/// An archive.
#[derive(Clone, Debug, Default)]
pub(super) struct Archive {
    pub(super) members: Vec<Member>,
    /// Fields of the wrapping of the whole.
    pub(super) fields: Vec<Field>,
}

/// A field of an archive's wrapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Whether it can hide content: bytes that belong to no member, say.
    pub(super) can_hide: bool,
}

impl Field {
    pub(super) fn harmless(name: &'static str, value: impl ToString) -> Self {
        Self {
            name,
            value: value.to_string(),
            can_hide: false,
        }
    }

    pub(super) fn hiding(name: &'static str, value: impl ToString) -> Self {
        Self {
            name,
            value: value.to_string(),
            can_hide: true,
        }
    }
}

/// What may still be read and held of one archive.
pub(super) struct Budget {
    inflated: u64,
    texts: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self {
            inflated: MAX_INFLATED,
            texts: MAX_TEXTS,
        }
    }

    /// Reads a member's content: its size, its digest, and itself if it is small.
    pub(super) fn read(
        &mut self,
        content: &mut dyn Read,
    ) -> io::Result<(u64, Sha256Digest, Option<Vec<u8>>)> {
        let mut hasher = sha2::Sha256::new();
        let mut held = Some(Vec::new());
        let mut size = 0u64;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = content.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            size += count as u64;
            self.inflated = self.inflated.checked_sub(count as u64).ok_or_else(|| {
                io::Error::other(format!("it holds more than {MAX_INFLATED} bytes"))
            })?;
            hasher.update(&buffer[..count]);
            if size > MAX_TEXT.min(self.texts) {
                held = None;
            } else if let Some(held) = &mut held {
                held.extend_from_slice(&buffer[..count]);
            }
        }
        if held.is_some() {
            self.texts -= size;
        }
        Ok((
            size,
            Sha256Digest::from_bytes(hasher.finalize().into()),
            held,
        ))
    }
}

/// Refuses an archive of more members than any package has.
pub(super) fn check_count(count: usize) -> io::Result<()> {
    if count > MAX_MEMBERS {
        return Err(io::Error::other(format!(
            "it has more than {MAX_MEMBERS} members"
        )));
    }
    Ok(())
}
