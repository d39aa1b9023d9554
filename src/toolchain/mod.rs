//! Cargos of releases that no image holds: built from the `cargo` crate in the
//! sandbox, through the mirror, and kept by digest like those of a rustup.
//! Imports `sandbox`, `image`, `plan`, `source`, `mirror`, `registry`,
//! `store` and `model`. It never builds on the host, never keeps a program that is not what
//! its lock file pins, and never changes the lock file unless asked to.

mod lock;
mod recipe;

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::image::{self, Images};
use crate::mirror::{self, Mirror, View};
use crate::model::{DatedBy, Digest, FetchedArtifact, Sha256Digest};
use crate::plan::{CargoHome, CargoToolchain};
use crate::registry::{self, Registries};
use crate::sandbox::{self, Engine, EngineError, Job, Scratch};
use crate::source;
use crate::store::{self, Blobs};

use lock::{Lock, Pin};
pub use recipe::{NotPrecise, Precise, PreciseVersion};

/// The image of the container that relays to the mirror and watches the disk.
const RELAY_IMAGE: &str = "relay";

/// Why a toolchain cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No image is known to build it.
    #[error("there is no image that builds cargo {0}; 1.37 to 1.96 can be built")]
    NoBuilder(semver::Version),
    /// Nothing pins it.
    #[error("cargo {0} is not pinned in toolchains.lock; run `remint toolchains lock {0}`")]
    NotLocked(semver::Version),
    /// What is pinned is not what came out.
    #[error(
        "cargo {version} was not kept: {what} is not the pinned one; `remint toolchains lock {version}{precise}` pins it anew"
    )]
    NotTheSame {
        /// The release.
        version: semver::Version,
        /// What differs first.
        what: &'static str,
        /// What was built with other versions than its crate locks.
        precise: Precise,
    },
    /// The lock file is not one.
    #[error("{path}: {reason}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// What is wrong, with its place.
        reason: String,
    },
    /// The build failed.
    #[error("cargo {version} could not be built: {reason}; the log is {log}")]
    Build {
        /// The release.
        version: semver::Version,
        /// How it ended.
        reason: String,
        /// What the steps printed.
        log: PathBuf,
    },
    /// The registry has no such crate, or could not be asked.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The crate could not be unpacked.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// An image.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The mirror.
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
    /// The container run.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// Whether the person's request or files are at fault, rather than the farm.
    pub fn is_configuration(&self) -> bool {
        match self {
            Self::NoBuilder(_) | Self::NotLocked(_) | Self::Lock { .. } => true,
            Self::Image(error) => error.is_configuration(),
            Self::Registry(error) => !error.is_upstream_fault(),
            _ => false,
        }
    }
}

/// The cargos that the lock file pins, kept already or not.
///
/// # Errors
/// [`Error::Lock`] where the lock file is none.
pub fn pinned(images: &Images) -> Result<Vec<CargoToolchain>, Error> {
    let lock = Lock::load(&images.toolchains_lock())?;
    let pins = lock.cargo.into_iter();
    Ok(pins
        .map(|(version, pin)| CargoToolchain {
            version,
            home: CargoHome::Kept(Digest::Sha256(pin.program)),
        })
        .collect())
}

/// Where toolchains are built, and where they are kept.
pub struct Workshop<'a> {
    /// The registries, for the crates.
    pub registries: &'a Registries,
    /// The mirror that builds see.
    pub mirror: &'a Mirror,
    /// The images of the builders and of the relay.
    pub images: &'a Images,
    /// Where the programs are kept.
    pub blobs: &'a Blobs,
    /// The data folder.
    pub data: &'a Path,
    /// Where the log of a failed build is left.
    pub logs: &'a Path,
    /// What stops a build.
    pub cancel: CancellationToken,
}

/// A program that was built and is not kept yet.
struct Built {
    pin: Pin,
    program: PathBuf,
    _scratch: Scratch,
}

impl Workshop<'_> {
    /// Builds a release that the lock file pins, and keeps it.
    ///
    /// # Errors
    /// [`Error::NotTheSame`] where something else came out, and all the others.
    pub async fn add(
        &self,
        engine: &Engine,
        version: &semver::Version,
    ) -> Result<Sha256Digest, Error> {
        let mut lock = Lock::load(&self.images.toolchains_lock())?;
        let pinned = lock
            .cargo
            .remove(version)
            .ok_or_else(|| Error::NotLocked(version.clone()))?;
        let built = self.build(engine, version, &pinned.precise).await?;
        if let Err(what) = built.pin.held_against(&pinned) {
            return Err(Error::NotTheSame {
                version: version.clone(),
                what,
                precise: pinned.precise,
            });
        }
        Ok(image::keep_cargo(self.blobs, self.data, version, &built.program).await?)
    }

    /// Builds a release, pins what came out in the lock file, and keeps it. Its crate's
    /// own lock file holds but for what is named `precise`.
    ///
    /// # Errors
    /// [`Error`] where it cannot be built or the lock file cannot be written.
    pub async fn lock(
        &self,
        engine: &Engine,
        version: &semver::Version,
        precise: &Precise,
    ) -> Result<Sha256Digest, Error> {
        let built = self.build(engine, version, precise).await?;
        let kept = image::keep_cargo(self.blobs, self.data, version, &built.program).await?;
        let path = self.images.toolchains_lock();
        // Read just before writing: another release may have been pinned since.
        let mut lock = Lock::load(&path)?;
        lock.cargo.insert(version.clone(), built.pin);
        lock.save(&path)?;
        Ok(kept)
    }

    async fn build(
        &self,
        engine: &Engine,
        version: &semver::Version,
        precise: &Precise,
    ) -> Result<Built, Error> {
        let builder = recipe::builder_of(version)
            .filter(|_| version.pre.is_empty() && version.build.is_empty())
            .ok_or_else(|| Error::NoBuilder(version.clone()))?;
        let plan = recipe::plan(builder, precise);
        let published = self.crate_of(version).await?;
        let image = self.images.ensure(engine, builder).await?;
        let relay = self.images.ensure(engine, RELAY_IMAGE).await?;
        let scratch = Scratch::make()?;
        let tree = scratch.path().join("tree");
        source::unpack_sdist(&published.path, &tree)?;
        let view = View {
            cutoff: None,
            dated_by: DatedBy::Registry,
            refuse: vec![],
            held: vec![],
        };
        let session = self
            .mirror
            .serve(view, &scratch.path().join("mirror.sock"))
            .await?;
        let outcome = sandbox::run(
            engine,
            Job {
                image,
                relay,
                plan: &plan,
                tree: &tree,
                inputs: vec![],
                mirror_socket: Some(session.socket()),
                scratch: scratch.path(),
                keep: false,
                cancel: self.cancel.clone(),
                on_phase: &|_| {},
                on_keep: &|_| {},
            },
        )
        .await;
        session.stop().await;
        let rebuild = match outcome {
            Err(sandbox::Error::Build { failure, log, .. }) => {
                return Err(Error::Build {
                    version: version.clone(),
                    reason: failure.to_string(),
                    log: self.keep_log(version, &log)?,
                });
            }
            other => other?,
        };
        Ok(Built {
            pin: Pin {
                source: published.sha256,
                precise: precise.clone(),
                builder: image,
                plan: plan.hash(),
                program: rebuild.file.sha256,
            },
            program: rebuild.file.path,
            _scratch: scratch,
        })
    }

    /// The crate of a release, checked against the index.
    async fn crate_of(&self, version: &semver::Version) -> Result<FetchedArtifact, Error> {
        let purl = recipe::crate_of(version);
        let release = self.registries.of(purl.ecosystem()).release(&purl).await?;
        let artifact = release
            .artifacts
            .first()
            .ok_or_else(|| registry::Error::no_files(&purl))?;
        Ok(self.registries.fetch(artifact).await?)
    }

    fn keep_log(&self, version: &semver::Version, log: &Path) -> Result<PathBuf, Error> {
        let kept = self.logs.join(format!("cargo-{version}.log"));
        let bytes = std::fs::read(log).map_err(|e| store::Error::io("read", log, e))?;
        store::make_folder(self.logs)?;
        store::write_durably(&kept, &bytes)?;
        Ok(kept)
    }
}
