//! `remint gc`: brings what is kept down to its limits, and says what was there.

use bytesize::ByteSize;
use clap::Args;

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::farm::disk::{self, Amount, Places};
use crate::farm::queue::{LEASE_DEADLINE, Queue};
use crate::sandbox::Engine;
use crate::store::Database;

/// Options of `remint gc`.
#[derive(Args, Debug)]
pub struct Options {
    /// Say what would go, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

/// Collects what is above the limits of `[disk]`.
///
/// # Errors
/// [`Error`] where it cannot be told what must stay, or something cannot be removed.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    let config = open::config(global, &data)?;
    let database = Database::open(&data, config.database.url.as_deref())
        .await
        .map_err(|e| Error::farm(&e))?;
    let engine = Engine::connect().await;
    if let Err(error) = &engine {
        eprintln!("the engine's copies of images are left out: {error}");
    }
    let places = Places {
        blobs: open::blobs(&config, &data)?,
        images: open::images(global, &data)?,
        queue: Queue::open(database, LEASE_DEADLINE)
            .await
            .map_err(|e| Error::farm(&e))?,
        engine: engine.ok(),
        results: global.results_dir.clone(),
        data,
    };
    let outcomes = disk::collect(&places, &config.disk, options.dry_run)
        .await
        .map_err(|error| match error {
            disk::Error::NoResults { .. } => Error::usage(&error),
            error => Error::farm(&error),
        })?;
    let freed = if options.dry_run {
        "would free"
    } else {
        "freed"
    };
    say!(
        "{:8} {:>22} {:>22} {:>22} {:>10} {freed:>22}",
        "",
        "there",
        "live",
        "in use",
        "limit"
    );
    for outcome in &outcomes {
        say!(
            "{:8} {:>22} {:>22} {:>22} {:>10} {:>22}",
            outcome.kind.name(),
            shown(outcome.there),
            shown(outcome.live),
            shown(outcome.in_use),
            outcome.limit.map_or_else(|| "none".into(), size),
            shown(outcome.freed),
        );
    }
    for line in outcomes.iter().filter_map(disk::Outcome::above_line) {
        say!("{line}");
    }
    Ok(Outcome::Good)
}

fn shown(amount: Amount) -> String {
    format!("{} in {}", size(amount.bytes), amount.count)
}

fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().si().to_string()
}
