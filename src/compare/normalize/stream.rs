//! `decompress/1`: in the place of a compressed stream, its content. Takes out the
//! compressor, its level and the plain fields of its header. Refuses a stream that
//! holds bytes of its own: more members than one, comments, extra fields, bytes
//! after its end. May import `model`.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

use super::Refused;
use crate::compare::budget::Budget;
use crate::compare::stream::Stream;

/// Name and version.
pub(super) const NAME: &str = "decompress/1";

/// The content of the stream at `path`.
pub(super) fn decompressed(path: &Path, budget: &Budget) -> Result<NamedTempFile, Refused> {
    let mut stream = Stream::open(path, budget)?;
    let mut file = NamedTempFile::new()?;
    io::copy(&mut stream, &mut file)?;
    let envelope = stream.finish().ok_or(Refused)?;
    if envelope.holds_bytes_of_its_own() {
        return Err(Refused);
    }
    Ok(file)
}
