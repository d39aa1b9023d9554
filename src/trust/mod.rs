//! The trust store: every attestation in a tamper-evident log, found by digest or
//! package, and what is made of them. Imports `attest`, `store` and `model`. It never
//! rewrites a record, and never answers from one that it has not verified.

mod asker;
mod audit;
mod check;
mod claim;
mod consistency;
mod copies;
mod evidence;
mod export;
mod folders;
mod history;
mod index;
mod ledger;
mod lists;
mod log;
mod policy;
mod public;
mod reader;
mod records;
pub mod serve;
mod summary;
mod texts;
mod verified;
mod witnesses;

use std::path::PathBuf;

use crate::attest;
use crate::store;

pub use asker::{Asker, ReleaseFile};
pub use audit::{Audit, audit};
pub use check::{Answer, Considered, Ground, judge};
pub use claim::Claim;
pub use consistency::consistency;
pub use copies::keep_copies;
pub use evidence::{Deployed, Evidence, EvidenceError};
pub use export::{copy_folder, export};
pub use folders::Folders;
pub use history::{KeyHistory, KeyState};
pub use index::Key;
pub use ledger::{Ledger, Submission};
pub use lists::{List, ListFormat};
pub use log::{
    Checkpoint, LogFiles, Origin, TILE_WIDTH, Tree, proves_consistency, proves_inclusion,
};
pub use policy::{OURSELVES, Policy, PolicyError};
pub use public::public_files;
pub use reader::Reader;
pub use records::{Position, Record};
pub use summary::{objections, summarize};
pub use texts::every_text;
pub use verified::{TrustedKeys, VerifiedRecord, verify_record};
pub use witnesses::witnesses;

/// Why the store cannot do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log's configured name is not that of the log on disk.
    #[error(
        "the log in the data folder is `{found}`, and `{configured}` is configured; set [log] origin to `{found}`, or begin another data folder"
    )]
    OtherOrigin {
        /// The name in the checkpoint.
        found: String,
        /// The name in the configuration.
        configured: String,
    },
    /// The log's configured name is none.
    #[error(
        "[log] origin `{0}` is no bare host name (letters, digits, hyphens and dots, such as `log.example`)"
    )]
    BadOrigin(String),
    /// A file of the store is not there.
    #[error("{path} is missing; restore it from a copy of the data folder")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file of the store is not what it was.
    #[error("{path} is damaged: {what}; restore it from a copy of the data folder")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A folder that is to be filled has something in it.
    #[error("{path} is not empty; name a folder that is not there yet")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// An entry that the log's format has no room for.
    #[error("the log entry of a statement has {length} bytes, and {limit} is the limit")]
    EntryTooLong {
        /// Its length.
        length: usize,
        /// The format's limit.
        limit: usize,
    },
    /// A statement that is signed by a key that is not to be trusted.
    #[error("the key {0} was revoked, so nothing more is signed with it; run `remint key rotate`")]
    Revoked(String),
    /// Signing or verifying.
    #[error(transparent)]
    Attest(#[from] attest::Error),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

#[cfg(test)]
mod tests;
