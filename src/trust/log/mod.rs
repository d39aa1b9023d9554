//! The log: a Merkle tree of every attestation in plain files (C2SP tlog-tiles), with
//! a signed checkpoint. It knows bytes and hashes; what an entry means is for the
//! rooms around it.

mod checkpoint;
mod files;
mod merkle;
mod writer;

pub use checkpoint::{Checkpoint, Origin};
pub use files::{LONGEST_ENTRY, LogFiles, path_of};
pub use merkle::{
    TILE_WIDTH, Tile, Tiles, Tree, complete_root, leaf_hash, proves_consistency, proves_inclusion,
};
pub use writer::LogWriter;
