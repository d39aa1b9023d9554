//! Plans for `.crate` files: `cargo package` of the right release, on the index
//! as it was when the crate was published.

mod age;
mod command;
mod draft;
mod lock;
mod marks;
mod names;
mod permissions;
mod zlib;

use age::Age;
use draft::{Draft, FIRST_SPARSE};
use lock::{LockUse, PublishedLock, published_lock};

use super::{Candidate, CargoToolchain, Error, Facts};
use crate::model::{Purl, Source};

pub use lock::{LockEntry, LockError, locked, registry_entries};

pub(super) fn wanted_member(name: &str) -> bool {
    matches!(
        name,
        ".cargo_vcs_info.json" | "Cargo.lock" | "Cargo.toml" | "Cargo.toml.orig"
    )
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let Source::Git { .. } = facts.source else {
        return Err(Error::Incomplete(format!(
            "{}: a crate is rebuilt from git, and its source is not a git commit",
            facts.artifact.name
        )));
    };
    let age = Age::of(facts);
    let mut tried = age.ranked(facts.cargos);
    if tried.is_empty() {
        return Err(Error::Incomplete(
            "the farm has no cargo; build the image `rust` (`remint images build rust`) or install a Rust toolchain".into(),
        ));
    }
    zlib::first(facts, &mut tried);
    let lock = published_lock(facts);
    let mut found = Vec::new();
    for (nth, cargo) in tried.into_iter().enumerate() {
        match &lock {
            LockUse::Needed(lock) => {
                found.push(candidate(facts, cargo, &age, Resolved::Locked(lock)));
                // What one cargo resolves without it, the others do too.
                if nth == 0 {
                    found.push(candidate(facts, cargo, &age, Resolved::Anew));
                }
            }
            LockUse::Tracked | LockUse::Absent if !facts.members.contains_key("Cargo.lock") => {
                found.push(candidate(facts, cargo, &age, Resolved::Unseen));
            }
            LockUse::Tracked | LockUse::Absent => {
                found.push(candidate(facts, cargo, &age, Resolved::Anew));
            }
        }
    }
    Ok(found)
}

/// How the versions of dependencies come about.
#[derive(Clone, Copy)]
enum Resolved<'a> {
    /// The publisher's lock file names those that the crate shows.
    Locked(&'a PublishedLock),
    /// Cargo takes them from the index, and the crate shows none of them.
    Unseen,
    /// Cargo takes them from the index, or from the lock file of the source.
    Anew,
}

fn candidate(
    facts: &Facts<'_>,
    cargo: &CargoToolchain,
    age: &Age,
    resolved: Resolved<'_>,
) -> Candidate {
    let mut draft = Draft::new(facts, cargo, age);
    match resolved {
        Resolved::Locked(lock) => {
            draft.lock(lock);
            draft.restore_yanked();
        }
        Resolved::Unseen => draft.restore_yanked(),
        Resolved::Anew => {}
    }
    draft.names();
    draft.permissions();
    draft.zlib();
    draft.package();
    draft.finish()
}

/// What the lock files of the artifact and of the source name, where a cargo that reads
/// no sparse index may be tried.
pub(super) fn wanted_index(facts: &Facts<'_>) -> Vec<Purl> {
    let old = Age::of(facts)
        .ranked(facts.cargos)
        .iter()
        .any(|cargo| cargo.version.minor < FIRST_SPARSE);
    if !old {
        return Vec::new();
    }
    let locks = [
        facts.members.get("Cargo.lock"),
        facts.tree.get("/Cargo.lock"),
        facts.tree.get("Cargo.lock"),
    ];
    let mut wanted: Vec<Purl> = locks
        .into_iter()
        .flatten()
        .filter_map(|bytes| std::str::from_utf8(bytes).ok())
        .flat_map(locked)
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

#[cfg(test)]
mod tests;
