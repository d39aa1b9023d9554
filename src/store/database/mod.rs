//! The database: SQLite in the data folder by default, PostgreSQL by its address.
//!
//! One face for both: a room writes its SQL once, with `$1`-style parameters and
//! the types BIGINT, DOUBLE PRECISION, TEXT and `BYTES` (see [`schema`]), and runs
//! it on either. Each room owns its tables and hands over the migrations for them;
//! this room applies them and knows no table but its own. Imports nothing of this
//! project but its sibling's errors; it never decides what a row means.
//!
//! What the two do not share, a room asks for by [`Database::backend`].

mod schema;

use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{Any, AnyPool, ConnectOptions as _, Connection as _, Executor as _, Transaction};
use tracing::log::LevelFilter;
use url::Url;

pub use schema::{Migration, Schema};

/// The file in the data folder.
const FILE: &str = "remint.db";

/// How long a connection waits for another process's write to SQLite before it
/// gives up, in milliseconds. Writes are short; a bulk insert of a million rows in
/// pieces is the longest.
const BUSY_MILLIS: u32 = 60_000;

/// Connections to SQLite: it has one writer at a time, and readers beside it.
const SQLITE_CONNECTIONS: u32 = 8;

/// Connections to PostgreSQL of one process. Its server takes a hundred by default
/// (PostgreSQL 15 documentation, section 20.3.1), and ten workers must fit.
const POSTGRES_CONNECTIONS: u32 = 8;

/// How long opening or getting a connection may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A statement that takes longer is worth a line in the log.
const SLOW: Duration = Duration::from_secs(5);

/// Which database it is, for the few things that the two do not share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One file, for one machine.
    Sqlite,
    /// A server, for many.
    Postgres,
}

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The address is none that remint can use.
    #[error(
        "the database's address is not `postgres://USER@HOST/NAME` or `sqlite:FILE` ({reason})"
    )]
    Address {
        /// What is wrong with it. Never the address itself: it may hold a password.
        reason: String,
    },
    /// It could not be opened.
    #[error(
        "cannot open the database {place}: {error}; check that it exists, runs and lets this user in"
    )]
    Open {
        /// The file, or host and name.
        place: String,
        /// What the driver says.
        error: sqlx::Error,
    },
    /// A statement failed.
    #[error("the database failed to {action}: {error}")]
    Query {
        /// What was being done.
        action: &'static str,
        /// What the driver says.
        error: sqlx::Error,
    },
    /// Its tables are from another remint.
    #[error("the database's tables of `{room}` {what}")]
    Schema {
        /// The room whose tables they are.
        room: &'static str,
        /// What does not fit, and what to do.
        what: String,
    },
}

impl DatabaseError {
    /// For `map_err` behind a statement: `action` completes "failed to".
    pub fn query(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |error| Self::Query { action, error }
    }

    /// Whether the same again may work: the connection was cut, the server is
    /// starting or stopping, another transaction stood in the way, the disk is full.
    pub fn is_passing(&self) -> bool {
        let error = match self {
            Self::Open { error, .. } | Self::Query { error, .. } => error,
            Self::Address { .. } | Self::Schema { .. } => return false,
        };
        match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => true,
            // PostgreSQL 15 documentation, appendix A: class 08 is the connection,
            // 40 serialization and deadlock, 53 resources, 57P an operator; SQLite's
            // result codes 5, 6 and 13 (and their extensions, low byte) are busy, locked
            // and a full disk.
            sqlx::Error::Database(error) => error.code().is_some_and(|code| {
                ["08", "40", "53", "57P"]
                    .iter()
                    .any(|c| code.starts_with(c))
                    || code
                        .parse::<u32>()
                        .is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 13))
            }),
            _ => false,
        }
    }
}

/// An open database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Database {
    pool: AnyPool,
    backend: Backend,
}

impl Database {
    /// Opens the one at `address`, or else the file in the data folder, which is
    /// made where it is missing.
    ///
    /// # Errors
    /// [`DatabaseError`] where the address is none or nothing answers there.
    pub async fn open(data: &Path, address: Option<&str>) -> Result<Self, DatabaseError> {
        match address {
            Some(address) => Self::at(address).await,
            None => Self::at_file(&data.join(FILE)).await,
        }
    }

    /// Opens a file of SQLite, which is made where it is missing.
    ///
    /// # Errors
    /// [`DatabaseError::Open`] where it cannot be.
    pub async fn at_file(path: &Path) -> Result<Self, DatabaseError> {
        let failed = |error| DatabaseError::Open {
            place: path.display().to_string(),
            error: sqlx::Error::Io(error),
        };
        let path = std::path::absolute(path).map_err(failed)?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let url = Url::from_file_path(&path).map_err(|()| DatabaseError::Address {
            reason: "the file's path is not absolute".into(),
        })?;
        // A file's address percent-encodes what the driver decodes.
        let rest = url.as_str().trim_start_matches("file:");
        Self::at(&format!("sqlite:{rest}?mode=rwc")).await
    }

    async fn at(address: &str) -> Result<Self, DatabaseError> {
        sqlx::any::install_default_drivers();
        let options = AnyConnectOptions::from_str(address)
            .map_err(|error| DatabaseError::Address {
                reason: error.to_string(),
            })?
            .log_statements(LevelFilter::Trace)
            .log_slow_statements(LevelFilter::Warn, SLOW);
        let backend = match options.database_url.scheme() {
            "sqlite" => Backend::Sqlite,
            "postgres" | "postgresql" => Backend::Postgres,
            other => {
                return Err(DatabaseError::Address {
                    reason: format!("it begins with `{other}:`"),
                });
            }
        };
        let place = place(&options.database_url);
        let pool = AnyPoolOptions::new()
            .max_connections(match backend {
                Backend::Sqlite => SQLITE_CONNECTIONS,
                Backend::Postgres => POSTGRES_CONNECTIONS,
            })
            .acquire_timeout(PATIENCE)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    match backend {
                        // https://sqlite.org/pragma.html: readers beside one writer,
                        // a commit that is on the disk when it returns, references
                        // that are held.
                        Backend::Sqlite => {
                            let pragmas = format!(
                                "PRAGMA busy_timeout = {BUSY_MILLIS}; PRAGMA journal_mode = WAL; \
                                 PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                            );
                            connection
                                .execute(sqlx::raw_sql(sqlx::AssertSqlSafe(pragmas)))
                                .await?;
                        }
                        Backend::Postgres => {}
                    }
                    Ok(())
                })
            })
            .after_release(move |connection, _| {
                // SQLite itself ends the transaction of a statement that finds the disk
                // full (<https://sqlite.org/lang_transaction.html>, section 3); the driver
                // counts it as open from then on, and could begin no other.
                let is_usable = backend != Backend::Sqlite || !connection.is_in_transaction();
                Box::pin(async move { Ok(is_usable) })
            })
            .connect_with(options)
            .await
            .map_err(|error| DatabaseError::Open { place, error })?;
        Ok(Self { pool, backend })
    }

    /// Which database it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The connections, for statements that stand alone.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Begins a transaction that writes. SQLite's takes the write lock at once:
    /// one that begins by reading fails when another wrote meanwhile, however
    /// long it would wait (<https://sqlite.org/lang_transaction.html>, section 2.2).
    ///
    /// # Errors
    /// [`DatabaseError::Query`] where it cannot begin.
    pub async fn write(&self) -> Result<Transaction<'static, Any>, DatabaseError> {
        let begun = match self.backend {
            Backend::Sqlite => self.pool.begin_with("BEGIN IMMEDIATE").await,
            Backend::Postgres => self.pool.begin().await,
        };
        begun.map_err(DatabaseError::query("begin a transaction"))
    }

    /// Brings a room's tables up to date. Safe to call from several processes at once.
    ///
    /// # Errors
    /// [`DatabaseError::Schema`] where the tables are from a newer remint or were
    /// changed by hand.
    pub async fn migrate(&self, schema: &Schema) -> Result<(), DatabaseError> {
        schema::migrate(self, schema).await
    }

    /// Ends every connection; those who still use it get errors.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Where a database is, without the password.
fn place(url: &Url) -> String {
    match url.host_str() {
        Some(host) if !host.is_empty() => {
            format!("{} on {host}", url.path().trim_start_matches('/'))
        }
        _ => url.path().to_owned(),
    }
}

#[cfg(test)]
mod tests;
