//! What is kept of images, for whoever must free some of it: archives in the data folder,
//! and the engine's copies of those that remint loaded.
//!
//! Beside the archives lies an empty file for each image that remint loaded into the
//! engine. Its time is the last use of the engine's copy, and without it a copy is not
//! remint's to remove: a person, or another farm, loaded it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::lock::Lock;
use super::{Engine, Error, ImageId, Images};
use crate::store::{self, Thing};

/// The extension of an archive's file.
const ARCHIVE: &str = "tar";

/// The extension of the file that says that remint loaded an image.
const LOADED: &str = "loaded";

/// Where something of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its archive in the data folder.
    Archive,
    /// The engine's copy.
    Engine,
    /// What a killed build left.
    Leftover,
}

/// Something that is kept of an image.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The image; none for a leftover.
    pub id: Option<ImageId>,
    /// Where it is.
    pub place: Place,
    /// Its file, what it takes, and when it was last used. Of an engine's copy, the file
    /// that says that remint loaded it.
    pub thing: Thing,
}

impl Images {
    /// The images that the lock file names.
    ///
    /// # Errors
    /// [`Error`] where it cannot be read.
    pub fn locked_ids(&self) -> Result<BTreeSet<ImageId>, Error> {
        let lock = Lock::load(&self.lock_path)?;
        Ok(lock.image.into_values().map(|locked| locked.id).collect())
    }

    /// The lock files, whose text names what must stay.
    pub fn lock_files(&self) -> [PathBuf; 2] {
        [self.lock_path.clone(), self.toolchains_lock()]
    }

    /// Everything that is kept; without an engine, the archives alone.
    ///
    /// # Errors
    /// [`Error`] where folder or engine cannot be read.
    pub async fn kept(&self, engine: Option<&Engine>) -> Result<Vec<Kept>, Error> {
        let mut found = Vec::new();
        for mut thing in store::things_in(&self.archives)? {
            let named = |extension: &str| -> Option<ImageId> {
                let is_it = thing.path.extension().is_some_and(|e| e == extension);
                thing
                    .path
                    .file_stem()
                    .filter(|_| is_it)?
                    .to_str()?
                    .parse()
                    .ok()
            };
            let (id, place) = match (named(ARCHIVE), named(LOADED)) {
                (Some(id), _) => (Some(id), Place::Archive),
                (None, Some(id)) => {
                    let Some(engine) = engine else {
                        continue;
                    };
                    // Nothing is left of one that somebody else removed but the file.
                    thing.size = engine.image_size(&id).await?.unwrap_or(0);
                    (Some(id), Place::Engine)
                }
                (None, None) => (None, Place::Leftover),
            };
            found.push(Kept { id, place, thing });
        }
        Ok(found)
    }

    /// Removes something that is kept, unless it was used since it was listed. Returns whether
    /// it is gone. A copy that the engine needs for a container stays.
    ///
    /// # Errors
    /// [`Error`] where it cannot be removed.
    pub async fn remove(&self, engine: Option<&Engine>, kept: &Kept) -> Result<bool, Error> {
        if let (Place::Engine, Some(engine), Some(id)) = (kept.place, engine, &kept.id) {
            let used = std::fs::metadata(&kept.thing.path).and_then(|file| file.modified());
            // The copy goes before the file, so that a crash in between forgets none. A job that
            // begins just now loads the image again, or is tried again.
            if used.ok() != Some(kept.thing.used) || !engine.remove_image(id).await? {
                return Ok(false);
            }
        }
        Ok(store::remove_unused(&kept.thing)?)
    }

    /// Notes that an image is used, its archive and the engine's copy.
    pub(super) fn note_use(&self, id: &ImageId) {
        store::note_use(&self.archive_of(id));
        store::note_use(&self.loaded_of(id));
    }

    /// Notes that remint loads an image. Before it does, so that no copy is ever forgotten.
    pub(super) fn mark_loaded(&self, id: &ImageId) -> Result<(), Error> {
        Ok(store::write_durably(&self.loaded_of(id), b"")?)
    }

    fn loaded_of(&self, id: &ImageId) -> PathBuf {
        self.archive_of(id).with_extension(LOADED)
    }
}
