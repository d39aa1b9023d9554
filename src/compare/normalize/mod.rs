//! Normalizers: small, named, versioned steps that take out of an archive what
//! says nothing of its content. Two unequal files are equivalent when the same
//! steps make them the same bytes.
//!
//! May import `model`. It must never touch a member's content, name, kind, link
//! or the bits that decide what runs; never normalize a file that it cannot write
//! back byte for byte; and never answer with anything but equal SHA-256 of two
//! whole normalized files. Whatever it does not know, it refuses.

mod stream;
mod tar;
mod zip;

use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::budget::Budget;
use super::sides;
use super::sniff::Format;
use crate::model::{Cause, Differs, Equivalence, Normalization, Severity, Sha256Digest};

/// Why a file is not normalized. Only that it is so matters to the verdict.
#[derive(Debug)]
pub(super) struct Refused;

impl From<io::Error> for Refused {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// An archive in parts, as it can be written back.
trait Model: Sized + Send + Sync {
    /// Reads an archive, or refuses one with parts that it does not hold.
    fn read(path: &Path, budget: &Budget) -> Result<Self, Refused>;

    /// Writes it. What was read and not changed is written as the same bytes.
    fn write(&self, out: &mut dyn Write) -> Result<(), Refused>;
}

/// One step.
struct Normalizer<M> {
    /// Name and version: another version is another step.
    name: &'static str,
    /// The causes that make it worth trying.
    causes: &'static [Cause],
    /// Changes the archive, or refuses it.
    apply: fn(&mut M) -> Result<(), Refused>,
}

/// The steps that make two unequal files the same, where there are any and
/// nothing but metadata differs.
pub(super) fn equivalence(
    paths: [&Path; 2],
    formats: [Format; 2],
    differs: &Differs,
    budget: &Budget,
) -> Option<Equivalence> {
    let only_metadata = differs.severity() == Severity::Metadata
        && differs
            .causes
            .iter()
            .all(|c| c.severity == Severity::Metadata);
    if !only_metadata {
        return None;
    }
    let mut run = Run {
        weight: sides::weight(paths),
        digests: [differs.published, differs.rebuilt],
        applied: Vec::new(),
        causes: differs.causes.iter().map(|c| c.cause).collect(),
        budget,
    };
    match formats {
        [Format::Zip, Format::Zip] => run.archive(paths, zip::NORMALIZERS),
        [Format::Tar, Format::Tar] => run.archive(paths, tar::NORMALIZERS),
        [a, b] if a == b && a.is_stream() => run.stream(paths),
        _ => return None,
    }
    .ok()?;
    let [published, rebuilt] = run.digests;
    // A step that changed nothing is not listed; equal files without any would
    // mean that they were equal before.
    (published == rebuilt && !run.applied.is_empty()).then_some(Equivalence {
        sha256: published,
        applied: run.applied,
    })
}

/// Two files on their way through the steps.
struct Run<'a> {
    /// How large both are together.
    weight: u64,
    digests: [Sha256Digest; 2],
    applied: Vec<Normalization>,
    causes: Vec<Cause>,
    budget: &'a Budget,
}

impl Run<'_> {
    /// Does the same to both sides; neither knows of the other.
    fn both<T: Send, R: Send>(
        &self,
        each: [T; 2],
        work: impl Fn(T) -> Result<R, Refused> + Sync,
    ) -> Result<[R; 2], Refused> {
        let [published, rebuilt] = sides::both(self.weight, each, work);
        Ok([published?, rebuilt?])
    }

    fn equal(&self) -> bool {
        self.digests[0] == self.digests[1]
    }

    /// Takes the compressor away, then normalizes the tar that it held.
    fn stream(&mut self, paths: [&Path; 2]) -> Result<(), Refused> {
        let files = self.both(paths, |path| stream::decompressed(path, self.budget))?;
        let after = self.both([&files[0], &files[1]], digest_of)?;
        self.note(stream::NAME, after);
        if self.equal() {
            return Ok(());
        }
        self.archive([files[0].path(), files[1].path()], tar::NORMALIZERS)
    }

    /// Applies the steps that the causes ask for, until the files are the same.
    fn archive<M: Model>(
        &mut self,
        paths: [&Path; 2],
        normalizers: &[Normalizer<M>],
    ) -> Result<(), Refused> {
        let mut models = self.both(paths, |path| M::read(path, self.budget))?;
        // What cannot be written back as it was holds something that is not seen.
        if self.both([&models[0], &models[1]], written)? != self.digests {
            return Err(Refused);
        }
        for normalizer in normalizers {
            if !normalizer.causes.iter().any(|c| self.causes.contains(c)) {
                continue;
            }
            for model in &mut models {
                (normalizer.apply)(model)?;
            }
            let after = self.both([&models[0], &models[1]], written)?;
            self.note(normalizer.name, after);
            if self.equal() {
                break;
            }
        }
        Ok(())
    }

    fn note(&mut self, name: &str, after: [Sha256Digest; 2]) {
        let before = std::mem::replace(&mut self.digests, after);
        if before != after {
            self.applied.push(Normalization {
                normalizer: name.to_owned(),
                published_before: before[0],
                published_after: after[0],
                rebuilt_before: before[1],
                rebuilt_after: after[1],
            });
        }
    }
}

fn digest_of(file: &NamedTempFile) -> Result<Sha256Digest, Refused> {
    super::bytes::hash_file(file.path()).map_err(|_| Refused)
}

fn written(model: &impl Model) -> Result<Sha256Digest, Refused> {
    let mut out = Hashing(Sha256::new());
    model.write(&mut out)?;
    Ok(Sha256Digest::from_bytes(out.0.finalize().into()))
}

/// Hashes what is written to it.
struct Hashing(Sha256);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Permission bits with only those left that decide what runs and as whom.
const fn plain_mode(mode: u32, folder: bool) -> u32 {
    if folder {
        mode & 0o6000 | 0o755
    } else {
        mode & 0o6111 | 0o644
    }
}

/// A member's name as it is unpacked, so that two spellings of one place are seen as
/// one; none where it leads upwards.
fn place_of(name: &[u8]) -> Result<Vec<&[u8]>, Refused> {
    let parts: Vec<&[u8]> = name
        .split(|&byte| byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
        .collect();
    if parts.contains(&&b".."[..]) {
        return Err(Refused);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_name_are_one_place() {
        let place = |name| place_of(name).ok();
        assert_eq!(place(b"./a//b/"), place(b"a/b"));
        assert_ne!(place(b"a/b"), place(b"ab"));
        assert_eq!(place(b"a/../b"), None);
    }

    #[test]
    fn every_normalizer_is_described_in_the_documentation() {
        let text = include_str!("../../../docs/compare.md");
        let names = std::iter::once(stream::NAME)
            .chain(tar::NORMALIZERS.iter().map(|n| n.name))
            .chain(zip::NORMALIZERS.iter().map(|n| n.name));
        for name in names {
            assert!(text.contains(&format!("| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn a_plain_mode_keeps_what_decides_what_runs() {
        assert_eq!(plain_mode(0o664, false), 0o644);
        assert_eq!(plain_mode(0o4755, false), 0o4755);
        assert_eq!(plain_mode(0o700, false), 0o744);
        assert_ne!(plain_mode(0o755, false), plain_mode(0o700, false));
        assert_eq!(plain_mode(0o2700, true), 0o2755);
    }
}
