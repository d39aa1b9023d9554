//! The queue: jobs that wait, leases on those that run, records of those that ended.
//!
//! What always holds, whatever dies in between:
//! - a job is leased to one holder at a time, who has the lease's token; only the
//!   token's holder can report, once, and records and end are one transaction;
//! - a job whose holder is lost is queued again (*at least once*); its records
//!   replace what an earlier run of it left, so that twice is like once;
//! - one release is one live job, however many batches want it.
//!
//! Imports `store` and `model`, and the farm's pure rules beside it. It runs nothing
//! and knows no wall clock but for back-off and for what is shown.

mod add;
mod batches;
mod choose;
mod every;
mod lease;
mod report;
mod roster;
mod schema;
mod settle;
mod tend;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use crate::model::{Purl, ResultRecord, Sha256Digest};
use crate::store::{Database, DatabaseError};

pub use add::{Firing, NewBatch, NewJob, Urgency};
pub use batches::{BatchRow, BatchState, Ended, Progress, Running};
pub use choose::AtOnce;
pub use lease::{Heard, NotLeased};
pub use report::Delivery;
pub use roster::WorkerRow;
pub use settle::{Refused, Unsettled};
pub use tend::Tended;

use super::Reservation;
use super::credential::{Believed, Credential};

/// How long a holder may be silent before its lease is lost. Ten beats: a machine
/// under load skips some.
pub const LEASE_DEADLINE: Duration = Duration::from_secs(30);

/// Why the queue could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A row holds what this remint cannot read.
    #[error("the queue's {what} cannot be read ({reason}); it was written by another remint")]
    Row {
        /// Which row.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such batch.
    #[error("there is no batch `{id}`; `remint batch list` names them")]
    NoBatch {
        /// What was asked for.
        id: String,
    },
    /// There is no such worker.
    #[error("no worker of the name `{name}` lives; `remint farm workers` names them")]
    NoWorker {
        /// What was asked for.
        name: String,
    },
    /// The service would throw away what this process reports.
    #[error(
        "the farm's service does not believe {who}: name its key in a [[farm.worker]] of the service's configuration \
         and start that again, or queue with --detach"
    )]
    NotBelieved {
        /// Who it is.
        who: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers for a lease's token: {0}")]
    Random(String),
}

impl Error {
    /// Whether the same again may work.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => error.is_passing(),
            Self::Row { .. }
            | Self::NoBatch { .. }
            | Self::NoWorker { .. }
            | Self::NotBelieved { .. }
            | Self::Random(_) => false,
        }
    }
}

/// A job's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub(super) i64);

/// What a holder must show: 128 random bits, so that nobody holds it by chance.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Token(String);

impl Token {
    fn new() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The token's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A token that was written down.
    pub(super) fn from_spool(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The token as a file's name: its digest, so that a folder's listing gives
    /// nobody the right to report.
    pub(super) fn file_stem(&self) -> String {
        Sha256Digest::of(&self.0).to_string()
    }
}

/// A job that a worker holds.
#[derive(Clone, Debug)]
pub struct Leased {
    /// Which job.
    pub job: JobId,
    /// The release.
    pub purl: Purl,
    /// The batch on whose turn it was leased.
    pub batch: String,
    /// What it may use.
    pub reservation: Reservation,
    /// The right to report.
    pub token: Token,
}

/// Who asks for leases.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Which worker: unique, also over restarts.
    pub worker: String,
    /// What people call it; several may share a name.
    pub name: String,
    /// The machine, whose memory and processors its workers share.
    pub machine: String,
    /// The process, where this machine can tell whether it lives.
    pub process: String,
    /// What the machine has to give.
    pub capacity: Reservation,
    /// How many jobs it runs at once.
    pub slots: usize,
}

/// The queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    database: Database,
    deadline: Duration,
    watch: Arc<Mutex<watch::Watch>>,
    roster_watch: Arc<Mutex<watch::Watch>>,
    credential: Option<Arc<Credential>>,
    believed: Arc<Believed>,
    defers: bool,
}

impl Queue {
    /// Opens the queue in a database and brings its tables up to date.
    ///
    /// # Errors
    /// [`Error::Database`] where that fails.
    pub async fn open(database: Database, deadline: Duration) -> Result<Self, Error> {
        database.migrate(&schema::SCHEMA).await?;
        Ok(Self {
            database,
            deadline,
            watch: Arc::default(),
            roster_watch: Arc::default(),
            credential: None,
            believed: Arc::default(),
            defers: false,
        })
    }

    /// Signs what it takes and reports.
    #[must_use]
    pub fn with_credential(mut self, credential: Arc<Credential>) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Ends the leases that none of these workers signed for, where there are any.
    #[must_use]
    pub fn believing(mut self, believed: Arc<Believed>) -> Self {
        self.believed = believed;
        self
    }

    /// Leaves it to the farm to attest what this process reports.
    #[must_use]
    pub fn deferring(mut self) -> Self {
        self.defers = true;
        self
    }

    /// How often a holder should show that it lives.
    pub fn beat_interval(&self) -> Duration {
        self.deadline / 10
    }
}

/// For `map_err` behind a statement.
fn failed(action: &'static str) -> impl FnOnce(sqlx::Error) -> Error {
    move |error| Error::Database(DatabaseError::query(action)(error))
}

/// A column of a row.
fn column<T>(row: &AnyRow, index: usize) -> Result<T, Error>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Any> + sqlx::Type<sqlx::Any>,
{
    use sqlx::Row as _;
    row.try_get(index).map_err(failed("read a row"))
}

fn purl_of(text: &str) -> Result<Purl, Error> {
    text.parse()
        .map_err(|error: crate::model::PurlError| Error::Row {
            what: "package URL".into(),
            reason: error.to_string(),
        })
}

/// Whether a text is a batch's name: it becomes a folder's, and whoever may write rows
/// may write this one.
fn is_batch_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A record as the tables keep it.
fn record_of(body: &str) -> Result<ResultRecord, Error> {
    serde_json::from_str(body).map_err(|error| Error::Row {
        what: "record".into(),
        reason: error.to_string(),
    })
}

fn time_of(millis: i64, what: &str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(millis).map_err(|error| Error::Row {
        what: what.into(),
        reason: error.to_string(),
    })
}

/// Now, in the tables' unit.
fn now_millis() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Numbers that are small by their nature (a limit, a count), as the tables hold them.
fn small(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// `($1, ...), ($4, ...)`: a statement's rows, as many as wanted.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    let rows: Vec<_> = (0..count).map(row).collect();
    rows.join(", ")
}
