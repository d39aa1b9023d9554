//! The disk is a budget: what lies in the data folder and the results folder has limits,
//! and what was unused the longest goes first.
//!
//! What a record refers to never goes: each text of the trust store, of the queue, of the
//! spool and of every `results.json` is read whole, and what it names is *live* (`live`).
//! A text that cannot be read ends the collection before anything is removed. What was
//! used a short while ago stays too, so that a job in progress keeps what no record names
//! yet. What goes is a pure function's choice (`choose`); each room lists and removes
//! what is its own.
//!
//! Safe beside workers: a thing that is used while it is taken away stays, or is had again
//! (`store::remove_unused`). Two collections of one data folder wait for each other. A
//! crash leaves at most one thing set aside, which the next collection puts back.
//!
//! It never removes a record, an attestation, a key, the log, or what was learnt.

mod choose;
mod inventory;
mod live;
#[cfg(test)]
mod tests;
mod texts;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use tokio_util::sync::CancellationToken;

use super::queue::{self, Queue};
use crate::image::{self, Engine, Images};
use crate::model::DiskConfig;
use crate::store::{self, Blobs};
use crate::trust;

use choose::{Judged, choose};

/// What is collected, each with a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Artifacts and upstream responses.
    Blobs,
    /// What registries said, for asking again.
    Metadata,
    /// Clones of upstream repositories, and packed histories.
    Git,
    /// Image archives, and the engine's copies of images that are not locked any more.
    Images,
    /// Logs of builds.
    Logs,
}

impl Kind {
    /// Every kind, in the order in which they are collected.
    pub const ALL: [Self; 5] = [
        Self::Blobs,
        Self::Metadata,
        Self::Git,
        Self::Images,
        Self::Logs,
    ];

    /// The name in the configuration and in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blobs => "blobs",
            Self::Metadata => "metadata",
            Self::Git => "git",
            Self::Images => "images",
            Self::Logs => "logs",
        }
    }

    fn limit(self, config: &DiskConfig) -> Option<u64> {
        let limit = match self {
            Self::Blobs => config.blobs,
            Self::Metadata => config.metadata,
            Self::Git => config.git,
            Self::Images => config.images,
            Self::Logs => config.logs,
        };
        limit.map(|size| size.as_u64())
    }
}

/// Why nothing could be collected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A text that names what must stay.
    #[error(
        "cannot tell what {path} refers to ({reason}), so nothing was removed; put the file right or move it away"
    )]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no results folder.
    #[error(
        "there is no results folder {path}, whose results must stay, so nothing was removed; name it with --results-dir"
    )]
    NoResults {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The folders.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The trust store.
    #[error("{0}; nothing was removed")]
    Trust(#[from] trust::Error),
    /// The queue.
    #[error("{0}; nothing was removed")]
    Queue(#[from] queue::Error),
    /// The images.
    #[error(transparent)]
    Image(#[from] image::Error),
}

/// Where everything is.
#[derive(Clone)]
pub struct Places {
    /// The data folder.
    pub data: PathBuf,
    /// The results folder.
    pub results: PathBuf,
    /// The blob store, in the data folder.
    pub blobs: Blobs,
    /// The image room.
    pub images: Images,
    /// The queue, whose records must be kept.
    pub queue: Queue,
    /// The engine; without it, only archives of images are looked at.
    pub engine: Option<Engine>,
}

/// A number of things, and what they take of the disk in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl Amount {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a collection found of one kind and freed of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The kind.
    pub kind: Kind,
    /// What was there.
    pub there: Amount,
    /// What of it must stay whatever the limit.
    pub live: Amount,
    /// What else stays for now: it was used a short while ago.
    pub in_use: Amount,
    /// The limit in bytes, if there is one.
    pub limit: Option<u64>,
    /// What was removed; in a dry run, what would be.
    pub freed: Amount,
}

impl Outcome {
    /// How many bytes above the limit stay.
    pub fn above_limit(&self) -> u64 {
        let stays = self.there.bytes.saturating_sub(self.freed.bytes);
        self.limit.map_or(0, |limit| stays.saturating_sub(limit))
    }

    /// What was freed, in a line; none where nothing was.
    pub fn freed_line(&self) -> Option<String> {
        let freed = ByteSize(self.freed.bytes).display().si();
        let line = || format!("{}: freed {freed}, unused the longest", self.kind.name());
        (self.freed.count > 0).then(line)
    }

    /// What stays above the limit and why, in a line; none where nothing does.
    pub fn above_line(&self) -> Option<String> {
        let size = |bytes| ByteSize(bytes).display().si();
        let above = self.above_limit();
        let line = || {
            format!(
                "{}: {} above the limit stay: records refer to {}, and {} were used a short while ago",
                self.kind.name(),
                size(above),
                size(self.live.bytes),
                size(self.in_use.bytes)
            )
        };
        (above > 0).then(line)
    }
}

/// Collects now and then until it is `over`, for a process that runs for long; `tell`
/// takes what came of each time.
pub async fn keep_within(
    places: &Places,
    config: &DiskConfig,
    every: Duration,
    over: &CancellationToken,
    tell: impl Fn(Result<Vec<Outcome>, Error>),
) {
    loop {
        tokio::select! {
            () = over.cancelled() => return,
            () = tokio::time::sleep(every) => tell(collect(places, config, false).await),
        }
    }
}

/// Brings every kind down to its limit, the longest unused first; in a `dry_run`, only says
/// what would go.
///
/// # Errors
/// [`Error`]; where it is a text that cannot be read, nothing was removed.
pub async fn collect(
    places: &Places,
    config: &DiskConfig,
    dry_run: bool,
) -> Result<Vec<Outcome>, Error> {
    let lock_file = places.data.join("gc.lock");
    let _lock = on_a_thread(move || store::lock(&lock_file)).await?;
    let unused = config.unused.unsigned_abs();
    let since = SystemTime::now()
        .checked_sub(unused)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let shelves = inventory::list(places).await?;
    let live = texts::read_all(places, &shelves).await?;
    let locked = places.images.locked_ids()?;
    let mut outcomes = Vec::new();
    for shelf in shelves {
        let mut things = Vec::new();
        for item in &shelf.items {
            things.push(Judged {
                size: item.thing().size,
                used: item.thing().used,
                live: item.is_live(&live, &locked, &shelf.items),
            });
        }
        let limit = shelf.kind.limit(config);
        let going = limit.map_or(vec![], |limit| choose(&things, limit, since));
        let mut outcome = Outcome {
            kind: shelf.kind,
            there: Amount::default(),
            live: Amount::default(),
            in_use: Amount::default(),
            limit,
            freed: Amount::default(),
        };
        for thing in &things {
            outcome.there.add(thing.size);
            if thing.live {
                outcome.live.add(thing.size);
            } else if thing.used >= since {
                outcome.in_use.add(thing.size);
            }
        }
        for at in going {
            if dry_run || shelf.items[at].remove(places).await? {
                outcome.freed.add(things[at].size);
            }
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// Runs work on the disk off the async threads.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // Only a panic in `work` gets here; it is passed on, not hidden.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
