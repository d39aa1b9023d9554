//! That one checkpoint's tree is the beginning of another's: a proof that whoever kept
//! both can follow, without the log (RFC 9162, section 2.1.4).

use super::Error;
use super::log::{Checkpoint, LogFiles, Tree, proves_consistency};
use crate::model::Sha256Digest;

/// The hashes of a proof that `old` is a prefix of `new`, from the log's tiles; what is
/// wrong, where one of both is not of this log.
///
/// # Errors
/// [`Error`] where the tiles cannot be read.
pub fn consistency(
    files: &LogFiles,
    old: &Checkpoint,
    new: &Checkpoint,
) -> Result<Result<Vec<Sha256Digest>, String>, Error> {
    if old.origin != new.origin {
        return Ok(Err(format!(
            "they are of two logs, {} and {}",
            old.origin.as_str(),
            new.origin.as_str()
        )));
    }
    if old.size > new.size {
        return Ok(Err(format!(
            "the first has {} entries and the second {}: name the older one first",
            old.size, new.size
        )));
    }
    for checkpoint in [old, new] {
        if Tree::new(files, checkpoint.size).root()? != checkpoint.root {
            return Ok(Err(format!(
                "the log's first {} entries are not those that a checkpoint was signed for: \
                 one of both was changed",
                checkpoint.size
            )));
        }
    }
    let path = Tree::new(files, new.size).consistency(old.size)?;
    let holds = proves_consistency((old.size, &old.root), (new.size, &new.root), &path);
    Ok(if holds {
        Ok(path)
    } else {
        Err("the first is no beginning of the second".into())
    })
}
