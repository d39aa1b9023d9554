//! From a release to the tree that it was made from, with what ties the two.
//!
//! Finds the repository and the commit, proves that upstream vouches for it and
//! that the manifest there is this package's, and lays the tree out. Imports
//! `store` and the vocabulary. It never runs anything that a repository holds: no
//! hook, no filter, no helper; it contacts https hosts and what the operator
//! configured; it never writes outside the cache and the destination.

mod address;
mod cached;
mod cargo;
mod checkout;
mod deadline;
mod ecosystem;
mod error;
mod hints;
mod history;
mod ladder;
mod link;
mod locate;
mod manifest;
mod npm;
mod pack;
mod place;
mod pypi;
mod pyproject;
mod ranges;
mod reach;
mod repository;
mod sdist;
mod stamp;
mod submodule;
mod tagged;
mod tags;
mod transport;
mod tree;

pub use cached::{forget, things};
pub use checkout::{Lacks, Style};
pub use error::Error;
pub use hints::{hints_from, names_repository, wanted_member};
pub use locate::Sources;
pub use sdist::unpack_sdist;

use crate::model::CommitId;

/// libgit2's object names are hexadecimal and whole, as a [`CommitId`] is.
fn commit_id(id: git2::Oid) -> CommitId {
    id.to_string()
        .parse()
        .expect("an object name is 40 or 64 hexadecimal digits")
}
