//! The queue as it grows: how fast it takes, leases and ends jobs, with how many
//! workers, and how much memory that takes.
//!
//!     cargo bench --bench queue -- [--sizes 10000,100000,1000000] [--workers 1,2,4,8,16]
//!
//! Jobs are simulated: they wait as long as they are told. Queue, workers and
//! databases are real; workers are processes, and PostgreSQL is a server of its own
//! on a socket, which waits for the disk at each commit that must last.

#[path = "../../tests/support/farm.rs"]
mod farm;
#[path = "../../tests/support/postgres.rs"]
mod postgres;

mod child;
mod crowd;
mod growth;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

/// How long a lease of the benchmark may stand still; nobody is lost here.
const DEADLINE: Duration = Duration::from_secs(600);

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Rates by the number of queued jobs, on SQLite
    Sqlite,
    /// Rates by the number of queued jobs, on PostgreSQL
    Postgres,
    /// Rates by the number of workers, on PostgreSQL
    Workers,
}

#[derive(Parser)]
struct Options {
    /// What to measure; everything without it
    #[arg(long, value_enum, value_delimiter = ',')]
    parts: Vec<Part>,
    /// Sizes, in queued jobs
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000")]
    sizes: Vec<usize>,
    /// Numbers of workers
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16")]
    workers: Vec<usize>,
    /// Queued jobs where the number of workers is varied
    #[arg(long, default_value_t = 1_000_000)]
    jobs: usize,
    /// Seconds that workers work, a measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where databases are made; a temporary folder without it
    #[arg(long)]
    folder: Option<PathBuf>,
    /// What a process of this benchmark's own is to be
    #[arg(long, hide = true)]
    child: Option<child::Role>,
    /// The database of a process of its own
    #[arg(long, hide = true)]
    address: Option<String>,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    if let Some(role) = options.child {
        let folder = options.folder.expect("a process of its own has a folder");
        return child::run(role, &folder, options.address.as_deref()).await;
    }
    let wanted = |part| options.parts.is_empty() || options.parts.contains(&part);
    if wanted(Part::Sqlite) {
        growth::measure("SQLite", None, &options).await;
    }
    if !wanted(Part::Postgres) && !wanted(Part::Workers) {
        return;
    }
    let server = postgres::Server::start_durable();
    if wanted(Part::Postgres) {
        growth::measure("PostgreSQL", Some(&server), &options).await;
    }
    if wanted(Part::Workers) {
        crowd::measure(&server, &options).await;
    }
}

fn rate(count: usize, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
