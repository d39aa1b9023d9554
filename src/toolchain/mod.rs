//! Cargos of releases that no image holds, and the zlib that some are linked to: built from
//! their crates in the sandbox, through the mirror, and kept by digest like those of a rustup.
//! Imports `sandbox`, `image`, `plan`, `source`, `mirror`, `registry`,
//! `store` and `model`. It never builds on the host, never keeps a program that is not what
//! its lock file pins, and never changes the lock file unless asked to.

mod lock;
mod recipe;

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::image::{self, Images};
use crate::mirror::{self, Mirror, View};
use crate::model::{Digest, FetchedArtifact, Sha256Digest, Tool, Toolchain};
use crate::plan::{CargoHome, CargoToolchain, ZlibToolchain};
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
    #[error("there is no image that builds {0}; of cargo, 1.37 to 1.96 can be built")]
    NoBuilder(Toolchain),
    /// Nothing pins it.
    #[error(
        "{toolchain} is not pinned in toolchains.lock; run `remint toolchains lock {argument}`",
        toolchain = .0,
        argument = .0.argument()
    )]
    NotLocked(Toolchain),
    /// What is pinned is not what came out.
    #[error(
        "{toolchain} was not kept: {what} is not the pinned one; `remint toolchains lock {}{precise}` pins it anew",
        toolchain.argument()
    )]
    NotTheSame {
        /// Which.
        toolchain: Toolchain,
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
    #[error("{toolchain} could not be built: {reason}; the log is {log}")]
    Build {
        /// Which.
        toolchain: Toolchain,
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
    let pins = pins(images, Tool::Cargo)?.into_iter();
    Ok(pins
        .map(|(version, program)| CargoToolchain {
            version,
            home: CargoHome::Kept(program),
        })
        .collect())
}

/// The zlibs that the lock file pins, kept already or not.
///
/// # Errors
/// [`Error::Lock`] where the lock file is none.
pub fn pinned_zlibs(images: &Images) -> Result<Vec<ZlibToolchain>, Error> {
    let pins = pins(images, Tool::ZlibRs)?.into_iter();
    Ok(pins
        .map(|(version, program)| ZlibToolchain { version, program })
        .collect())
}

fn pins(images: &Images, tool: Tool) -> Result<Vec<(semver::Version, Digest)>, Error> {
    let lock = Lock::load(&images.toolchains_lock())?;
    let pins = lock.of(tool).iter();
    Ok(pins
        .map(|(version, pin)| (version.clone(), Digest::Sha256(pin.program)))
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
    pub async fn add(&self, engine: &Engine, toolchain: &Toolchain) -> Result<Sha256Digest, Error> {
        let lock = Lock::load(&self.images.toolchains_lock())?;
        let pinned = lock
            .of(toolchain.tool)
            .get(&toolchain.version)
            .ok_or_else(|| Error::NotLocked(toolchain.clone()))?;
        let built = self.build(engine, toolchain, &pinned.precise).await?;
        if let Err(what) = built.pin.held_against(pinned) {
            return Err(Error::NotTheSame {
                toolchain: toolchain.clone(),
                what,
                precise: pinned.precise.clone(),
            });
        }
        Ok(image::keep(self.blobs, self.data, toolchain, &built.program).await?)
    }

    /// Builds a release, pins what came out in the lock file, and keeps it. Its crate's
    /// own lock file holds but for what is named `precise`.
    ///
    /// # Errors
    /// [`Error`] where it cannot be built or the lock file cannot be written.
    pub async fn lock(
        &self,
        engine: &Engine,
        toolchain: &Toolchain,
        precise: &Precise,
    ) -> Result<Sha256Digest, Error> {
        let built = self.build(engine, toolchain, precise).await?;
        let kept = image::keep(self.blobs, self.data, toolchain, &built.program).await?;
        let path = self.images.toolchains_lock();
        // Read just before writing: another release may have been pinned since.
        let mut lock = Lock::load(&path)?;
        lock.insert(toolchain, built.pin);
        lock.save(&path)?;
        Ok(kept)
    }

    async fn build(
        &self,
        engine: &Engine,
        toolchain: &Toolchain,
        precise: &Precise,
    ) -> Result<Built, Error> {
        let version = &toolchain.version;
        let builder = recipe::builder_of(toolchain)
            .filter(|_| version.pre.is_empty() && version.build.is_empty())
            .ok_or_else(|| Error::NoBuilder(toolchain.clone()))?;
        let plan = recipe::plan(toolchain.tool, builder, precise);
        let published = self.crate_of(toolchain).await?;
        let image = self.images.ensure(engine, builder).await?;
        let relay = self.images.ensure(engine, RELAY_IMAGE).await?;
        let scratch = Scratch::make()?;
        let tree = scratch.path().join("tree");
        source::unpack_sdist(&published.path, &tree)?;
        let session = self
            .mirror
            .serve(View::default(), &scratch.path().join("mirror.sock"))
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
                    toolchain: toolchain.clone(),
                    reason: failure.to_string(),
                    log: self.keep_log(toolchain, &log)?,
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
    async fn crate_of(&self, toolchain: &Toolchain) -> Result<FetchedArtifact, Error> {
        let purl = recipe::crate_of(toolchain);
        let release = self.registries.of(purl.ecosystem()).release(&purl).await?;
        let artifact = release
            .artifacts
            .first()
            .ok_or_else(|| registry::Error::no_files(&purl))?;
        Ok(self.registries.fetch(artifact).await?)
    }

    fn keep_log(&self, toolchain: &Toolchain, log: &Path) -> Result<PathBuf, Error> {
        let Toolchain { tool, version } = toolchain;
        let kept = self.logs.join(format!("{}-{version}.log", tool.name()));
        let bytes = std::fs::read(log).map_err(|e| store::Error::io("read", log, e))?;
        store::make_folder(self.logs)?;
        store::write_durably(&kept, &bytes)?;
        Ok(kept)
    }
}
