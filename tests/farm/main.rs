//! The farm under faults, with real processes: workers and whole batches that are
//! killed at any moment, engines, databases and registries that fail, disks that are
//! full, clocks that jump.
//!
//! What must hold in the end: every job has its end and its records, no record is
//! without its job, nothing is held, nothing waits for a process that is gone, and
//! nothing is left in the engine. Each process both works and tends to the queue, so a
//! kill is one of a worker and of a scheduler at once.
//!
//! What takes minutes is run by hand: `cargo test --test farm -- --ignored`.

#[path = "../support/crates.rs"]
mod crates;
#[path = "../support/engine.rs"]
mod engine;
#[path = "../support/farm.rs"]
mod farm;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/project.rs"]
mod project;
#[path = "../support/s3.rs"]
mod s3;

mod batches;
mod clocks;
mod connections;
mod disks;
mod engines;
mod kills;
mod registries;
mod service;
mod side_by_side;
mod small;
mod stops;
