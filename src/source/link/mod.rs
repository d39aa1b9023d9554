//! A source distribution held against the commit that its tag names, file by file: what
//! catches one that holds more than its repository does.
//!
//! `packed` reads the unpacked archive and `committed` the repository; `sort` decides, and
//! is pure, as are `generated` (what packers write) with `python` and `settings`. It runs
//! nothing and writes nothing but the unpacked archive. What it finds is evidence beside a
//! verdict, and never makes one better.

mod committed;
mod generated;
mod packed;
mod python;
mod settings;
mod sort;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use git2::Oid;

use super::deadline::Deadline;
use super::locate::Sources;
use super::pypi::normalized;
use super::{Error, unpack_sdist};
use crate::model::{GitSource, HeldFiles, Purl, Sha256Digest, StrayFile, printable};
use committed::Committed;
use generated::Release;
use packed::Packed;
use sort::Kin;

/// The largest file that is read, of either side: all of it is held in memory.
const MAX_FILE: u64 = 256 << 20;

impl Sources {
    /// Holds the source distribution at `archive` of the release `purl` against a commit.
    /// `members` are those of the release's wheel that say what it asks for and what it
    /// runs; the archive is unpacked below `scratch`, an empty folder.
    ///
    /// # Errors
    /// As [`Sources::checkout`] and [`unpack_sdist`]; nothing is known of the link then.
    pub fn hold(
        &self,
        purl: &Purl,
        git: &GitSource,
        archive: &Path,
        members: &BTreeMap<String, Vec<u8>>,
        scratch: &Path,
    ) -> Result<HeldFiles, Error> {
        let deadline = Deadline::of_checkout();
        let folder = scratch.join("sdist");
        unpack_sdist(archive, &folder)?;
        let files = packed::files(&folder, deadline)?;
        let target = self.target(&git.repository)?;
        let missing = || Error::CommitMissing {
            repository: target.shown.clone(),
            commit: git.commit.clone(),
        };
        let id = Oid::from_str(git.commit.as_str()).map_err(|_| missing())?;
        let opened = self.open_with(&target, id)?;
        let mut commit = Committed::open(self, opened.git, id, target, &git.directory)?;
        let release = Release {
            name: normalized(purl.name().as_str()),
            version: purl.version().map_or("", |v| v.as_str()).to_owned(),
            requires: generated::requirements(member(members, "METADATA")),
            entry_points: generated::entry_points(member(members, "entry_points.txt")),
            manifests: commit.manifests()?,
        };
        let mut held = HeldFiles::against(git);
        let mut seen = BTreeSet::new();
        for path in &files {
            deadline.check()?;
            let file = packed::read(&folder, path)?;
            let theirs = commit.file(path)?;
            let kin = sort::sort(&file, theirs.as_ref(), &release);
            count(&mut held, &file, kin);
            seen.insert(path.clone());
        }
        held.left_out = commit.paths().filter(|path| !seen.contains(path)).count();
        Ok(held)
    }
}

/// A file of the wheel's `.dist-info` (binary distribution format, "The .dist-info
/// directory"); nothing where it has none.
fn member<'a>(members: &'a BTreeMap<String, Vec<u8>>, name: &str) -> &'a [u8] {
    members
        .iter()
        .find(|(path, _)| {
            let folder = path
                .strip_suffix(name)
                .and_then(|path| path.strip_suffix('/'));
            folder.is_some_and(|folder| folder.ends_with(".dist-info") && !folder.contains('/'))
        })
        .map_or(&[], |(_, content)| content.as_slice())
}

fn count(held: &mut HeldFiles, file: &Packed, kin: Kin) {
    let stray = || StrayFile {
        path: printable(&file.path, false),
        sha256: Sha256Digest::of(&file.content),
    };
    held.files += 1;
    match kin {
        Kin::Same => held.same += 1,
        Kin::LineEnds => held.line_ends += 1,
        Kin::Generated(by) => held.add_generated(by),
        Kin::Changed => held.changed.add(stray()),
        Kin::Unknown => held.unknown.add(stray()),
        Kin::MadeExecutable => held.made_executable.add(stray()),
    }
}
