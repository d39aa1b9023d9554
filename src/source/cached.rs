//! What the cache of sources holds, for whoever must free some of it: copies of upstream
//! repositories and packed histories. All of it can be had again as long as upstream is
//! there. Imports `store`; it never looks into a repository.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use super::pack::PACKS;
use super::repository::{COPIES, Copy};
use crate::store::{self, Thing};

/// Every copy and every pack below the cache.
///
/// # Errors
/// [`store::Error`] where a folder cannot be read.
pub fn things(cache: &Path) -> Result<Vec<Thing>, store::Error> {
    let mut found = store::things_in(&cache.join(COPIES))?;
    found.extend(store::things_in(&cache.join(PACKS))?);
    // Beside each copy lie its stamp, which goes with it, and its lock, which stays: whoever
    // waits for it holds the file and not the name.
    found.retain(|thing| thing.path.is_dir());
    Ok(found)
}

/// Removes a copy or a pack, unless it was used since it was listed. Returns whether it is
/// gone.
///
/// # Errors
/// [`store::Error`] where it cannot be removed.
pub fn forget(thing: &Thing) -> Result<bool, store::Error> {
    let copy = Copy::in_folder(thing.path.clone());
    let _lock = match File::open(&copy.lock) {
        // A pack, or a copy that was never fetched.
        Err(_) => return store::remove_unused(thing),
        Ok(lock) => match lock.try_lock() {
            Ok(()) => lock,
            // Somebody fetches into it.
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => {
                return Err(store::Error::io("lock", &copy.lock, error));
            }
        },
    };
    // The stamp first: a copy without one is fetched again, whatever is left of it.
    match fs::remove_file(&copy.stamp) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(store::Error::io("remove", &copy.stamp, error));
        }
        _ => {}
    }
    store::remove_unused(thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_goes_with_its_stamp_and_one_that_is_fetched_into_stays() {
        let cache = tempfile::tempdir().expect("temp");
        let at = |name: &str| cache.path().join(COPIES).join(name);
        fs::create_dir_all(at("a/objects")).expect("folder");
        fs::create_dir_all(cache.path().join(PACKS).join("p")).expect("folder");
        fs::write(at("a.fetched"), "x").expect("write");
        fs::write(at("a.lock"), "").expect("write");
        let listed = things(cache.path()).expect("lists");
        assert_eq!(listed.len(), 2);
        let fetching = File::open(at("a.lock")).expect("open");
        fetching.lock().expect("lock");
        assert!(!forget(&listed[0]).expect("looks"));
        assert!(at("a.fetched").exists());
        drop(fetching);
        for thing in &listed {
            assert!(forget(thing).expect("removes"));
        }
        assert!(things(cache.path()).expect("lists").is_empty());
        assert!(at("a.lock").exists() && !at("a.fetched").exists());
    }
}
