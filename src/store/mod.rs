//! What lasts: blobs by digest, the database, durable writes, and the bounded
//! reading of archives that outsiders made. Imports `model` alone; it never decides
//! what a file or a row means.

pub mod archive;
mod blobs;
mod bucket;
mod database;
mod durable;
#[cfg(test)]
#[path = "../../tests/support/postgres.rs"]
pub(crate) mod postgres;
mod shelf;

use std::path::{Path, PathBuf};

pub use blobs::{Blob, BlobWriter, Blobs, digest_file};
pub use bucket::Bucket;
#[cfg(test)]
pub(crate) use bucket::in_memory as bucket_in_memory;
pub use database::{Backend, Database, DatabaseError, Migration, Schema};
pub use durable::{append_durably, free_bytes, lock, make_folder, remove_durably, write_durably};
pub use shelf::{NOTED_EVERY, Thing, files_below, note_use, remove_unused, things_in};

/// Why something could not be stored or read back.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is full.
    #[error(
        "cannot {action} {path}: no space is left; free some space or name another data folder with --data-dir"
    )]
    Full {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {path}: {error}; check the folder and its permissions")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The fleet's bucket.
    #[error(
        "cannot {action} {what} in the bucket {bucket}: {reason}; check [store], that its server answers, and that the AWS_* variables let remint read and write"
    )]
    Bucket {
        /// What was being done.
        action: &'static str,
        /// To which object.
        what: String,
        /// The bucket.
        bucket: String,
        /// What the server or the client says.
        reason: String,
    },
    /// An object that is not what its name says.
    #[error(
        "the object {key} of the bucket {bucket} has {found}; nothing was kept of it. Find out who changed it, and remove it there, so that it is stored again"
    )]
    Lies {
        /// The object.
        key: String,
        /// The bucket.
        bucket: String,
        /// What it has instead.
        found: String,
    },
    /// More bytes than the writer was told to take.
    #[error("{what} has more than {limit} bytes, the limit for it")]
    TooLarge {
        /// What was being stored.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Error {
    /// Wraps what the system says, telling a full disk from the rest.
    pub fn io(action: &'static str, path: &Path, error: std::io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full { action, path }
            }
            _ => Self::Io {
                action,
                path,
                error,
            },
        }
    }
}
