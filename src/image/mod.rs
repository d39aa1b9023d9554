//! Images that builds run in: definitions that a person writes, a lock file that
//! a machine pins, building and loading. Imports `plan` (for toolchains),
//! `store` and `model`. It never uses an image by anything but its ID, and never
//! changes the lock file unless asked to.

mod archive;
mod build;
mod definition;
mod engine;
mod error;
mod kept;
mod lock;
mod toolchain;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::Sha256Digest;
use crate::store;

pub use engine::{Engine, EngineError};
pub use error::Error;
pub use kept::{Kept, Place};
pub use toolchain::{cargos_of_images, keep, kept_cargos, kept_zlibs, toolchain_file};

use definition::Definition;
use lock::{Lock, Locked};

/// An image's identity: SHA-256 of its configuration (OCI image specification,
/// "ImageID").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId(Sha256Digest);

impl ImageId {
    /// The digest alone.
    pub const fn digest(&self) -> Sha256Digest {
        self.0
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for ImageId {
    type Err = crate::model::DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix("sha256:")
            .unwrap_or(text)
            .parse()
            .map(Self)
    }
}

impl TryFrom<String> for ImageId {
    type Error = crate::model::DigestError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> String {
        id.to_string()
    }
}

/// One line of `remint images list`.
#[derive(Clone, Debug)]
pub struct Row {
    /// The definition's name.
    pub name: String,
    /// The locked ID.
    pub locked: Option<ImageId>,
    /// Whether the archive is in the data folder.
    pub built: bool,
    /// Whether the engine has it; nothing where no engine was asked.
    pub loaded: Option<bool>,
    /// Whether it is left out unless named.
    pub optional: bool,
}

/// The definitions, their lock file and the archives built from them.
#[derive(Clone)]
pub struct Images {
    definitions: BTreeMap<String, Definition>,
    lock_path: PathBuf,
    archives: PathBuf,
}

impl Images {
    /// Opens the definitions in `folder`; archives are kept in `archives`.
    ///
    /// # Errors
    /// [`Error`] where the folder holds no definitions, or one that cannot be used.
    pub fn open(folder: &Path, archives: &Path) -> Result<Self, Error> {
        let images = Self {
            definitions: definition::load_all(folder)?,
            lock_path: folder.join("images.lock"),
            archives: archives.to_owned(),
        };
        Lock::load(&images.lock_path)?;
        Ok(images)
    }

    /// The names of all definitions that are not optional.
    pub fn default_names(&self) -> Vec<String> {
        self.definitions
            .iter()
            .filter(|(_, definition)| !definition.optional)
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// For each locked image that holds the Debian package, the image's name and
    /// the package's version.
    pub fn locked_packages(&self, package: &str) -> Vec<(String, String)> {
        let prefix = format!("{package}=");
        let lock = Lock::load(&self.lock_path).unwrap_or_default();
        lock.image
            .iter()
            .filter_map(|(name, locked)| {
                let found = locked
                    .packages
                    .iter()
                    .find_map(|p| p.strip_prefix(&prefix))?;
                Some((name.clone(), found.to_owned()))
            })
            .collect()
    }

    /// The lock file of built toolchains, beside the images' own.
    pub fn toolchains_lock(&self) -> PathBuf {
        self.lock_path.with_file_name("toolchains.lock")
    }

    /// Whether a locked image can be used without a long build first: it is built
    /// by default, or its archive is kept.
    pub fn is_at_hand(&self, name: &str) -> bool {
        self.definitions
            .get(name)
            .is_some_and(|definition| !definition.optional)
            || self
                .locked(name)
                .is_ok_and(|locked| self.archive_of(&locked.id).is_file())
    }

    /// Makes sure that the engine has the locked image and returns its ID:
    /// already there, loaded from the kept archive, or built.
    ///
    /// # Errors
    /// [`Error`] with what to do.
    pub async fn ensure(&self, engine: &Engine, name: &str) -> Result<ImageId, Error> {
        let locked = self.locked(name)?;
        self.note_use(&locked.id);
        if engine.has_image(&locked.id).await? {
            return Ok(locked.id);
        }
        self.build(engine, name, &|text| tracing::info!("{text}"))
            .await
    }

    /// Builds what the lock file pins, unless the archive is kept already, and
    /// loads it.
    ///
    /// # Errors
    /// [`Error::Moved`] where the archive no longer has a locked version,
    /// [`Error::NotTheSame`] where equal versions give another image.
    pub async fn build(
        &self,
        engine: &Engine,
        name: &str,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<ImageId, Error> {
        let locked = self.locked(name)?;
        let kept = self.archive_of(&locked.id);
        if !kept.is_file() {
            say(&format!("building the image {name}"));
            let built = build::build(name, self.definition(name)?, &self.archives).await?;
            held_against(name, &built.locked, &locked)?;
            built.keep(&kept)?;
        }
        self.load(engine, &locked.id, &kept, say).await
    }

    /// Builds from today's archive, pins the result in the lock file and loads it.
    ///
    /// # Errors
    /// [`Error`] where it cannot be built or the lock file cannot be written.
    pub async fn lock(
        &self,
        engine: &Engine,
        name: &str,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<ImageId, Error> {
        say(&format!("building the image {name} from today's archive"));
        let built = build::build(name, self.definition(name)?, &self.archives).await?;
        let id = built.locked.id;
        let kept = self.archive_of(&id);
        let locked = built.locked.clone();
        built.keep(&kept)?;
        // Read again just before writing: another image may have been locked since.
        let mut lock = Lock::load(&self.lock_path)?;
        lock.image.insert(name.to_owned(), locked);
        store::write_durably(&self.lock_path, lock.to_toml().as_bytes())?;
        self.load(engine, &id, &kept, say).await
    }

    /// Builds again, whatever is kept, and holds the result against the lock file.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn verify(
        &self,
        engine: &Engine,
        name: &str,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<ImageId, Error> {
        let locked = self.locked(name)?;
        say(&format!("building the image {name} again"));
        let built = build::build(name, self.definition(name)?, &self.archives).await?;
        held_against(name, &built.locked, &locked)?;
        if !engine.has_image(&locked.id).await? {
            say(&format!(
                "{name} is not loaded; `remint images build {name}` loads it"
            ));
        }
        Ok(locked.id)
    }

    /// What there is of each image.
    ///
    /// # Errors
    /// [`Error`] where the lock file or the engine cannot be read.
    pub async fn list(&self, engine: Option<&Engine>) -> Result<Vec<Row>, Error> {
        let lock = Lock::load(&self.lock_path)?;
        let mut rows = Vec::new();
        for (name, definition) in &self.definitions {
            let locked = lock.image.get(name).map(|locked| locked.id);
            let loaded = match (engine, &locked) {
                (Some(engine), Some(id)) => Some(engine.has_image(id).await?),
                _ => None,
            };
            rows.push(Row {
                name: name.clone(),
                built: locked.is_some_and(|id| self.archive_of(&id).is_file()),
                locked,
                loaded,
                optional: definition.optional,
            });
        }
        Ok(rows)
    }

    fn definition(&self, name: &str) -> Result<&Definition, Error> {
        self.definitions.get(name).ok_or_else(|| Error::Unknown {
            name: name.to_owned(),
            known: self.definitions.keys().cloned().collect(),
        })
    }

    fn locked(&self, name: &str) -> Result<Locked, Error> {
        self.definition(name)?;
        Lock::load(&self.lock_path)?
            .image
            .remove(name)
            .ok_or_else(|| Error::NotLocked {
                name: name.to_owned(),
            })
    }

    fn archive_of(&self, id: &ImageId) -> PathBuf {
        self.archives.join(format!("{}.tar", id.0))
    }

    async fn load(
        &self,
        engine: &Engine,
        id: &ImageId,
        archive: &Path,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<ImageId, Error> {
        if !engine.has_image(id).await? {
            say(&format!("loading {id}"));
            self.mark_loaded(id)?;
            engine.load(archive).await?;
            if !engine.has_image(id).await? {
                return Err(Error::Corrupt {
                    path: archive.to_owned(),
                });
            }
        }
        Ok(*id)
    }
}

/// Holds what was built against what is locked: versions first, since they
/// explain everything else.
fn held_against(name: &str, built: &Locked, locked: &Locked) -> Result<(), Error> {
    let changes = lock::changes(&locked.packages, &built.packages);
    if !changes.is_empty() {
        return Err(Error::Moved {
            name: name.to_owned(),
            changes,
        });
    }
    if built.id != locked.id {
        return Err(Error::NotTheSame {
            name: name.to_owned(),
            locked: Box::new(locked.layer),
            built: Box::new(built.layer),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(packages: &[&str], seed: &str) -> Locked {
        Locked {
            id: ImageId(Sha256Digest::of(seed)),
            layer: Sha256Digest::of(seed),
            packages: packages.iter().map(|p| (*p).to_owned()).collect(),
        }
    }

    #[test]
    fn a_moved_archive_is_told_from_a_build_that_is_not_reproducible() {
        let pinned = locked(&["a=1", "b=1"], "x");
        assert!(held_against("demo", &pinned, &pinned).is_ok());
        let moved = held_against("demo", &locked(&["a=2", "b=1"], "y"), &pinned)
            .expect_err("versions differ");
        assert!(
            moved.to_string().contains("remint images lock demo"),
            "{moved}"
        );
        let other = held_against("demo", &locked(&["a=1", "b=1"], "y"), &pinned);
        assert!(matches!(other, Err(Error::NotTheSame { .. })));
    }
}
