//! A compressed file, hashed and counted as a decoder consumes it. May import `model`;
//! holds one buffer.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use sha2::{Digest as _, Sha256};

use crate::model::Sha256Digest;

/// The file, with what was consumed of it.
pub(super) struct Source {
    inner: BufReader<File>,
    hasher: Sha256,
    count: u64,
}

impl Source {
    pub(super) fn new(file: File) -> Self {
        Self {
            inner: BufReader::with_capacity(1 << 16, file),
            hasher: Sha256::new(),
            count: 0,
        }
    }

    /// The digest and number of the bytes consumed since the last call.
    pub(super) fn cut(&mut self) -> (Sha256Digest, u64) {
        let digest = std::mem::take(&mut self.hasher).finalize();
        (
            Sha256Digest::from_bytes(digest.into()),
            std::mem::take(&mut self.count),
        )
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        self.count += count as u64;
        Ok(count)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        // The buffer holds what the last `fill_buf` gave; it is not read again.
        self.hasher.update(&self.inner.buffer()[..amount]);
        self.count += amount as u64;
        self.inner.consume(amount);
    }
}
