//! remint rebuilds a published package from its source in a pinned container,
//! compares the result with the published file bit for bit, and signs what it
//! found. `ARCHITECTURE.md` draws the rooms; each imports only those below it.

pub mod attest;
pub mod cli;
pub mod compare;
pub mod farm;
pub mod image;
pub mod lockfile;
pub mod mirror;
pub mod model;
pub mod plan;
pub mod provenance;
pub mod registry;
pub mod replay;
pub mod report;
pub mod sandbox;
pub mod source;
pub mod store;
pub mod toolchain;
pub mod trust;
pub mod verify;
