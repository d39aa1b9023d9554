//! The line: the one place where the stations are put in order.
//!
//! `Purl -> Release -> Source -> Plan -> Rebuild -> Comparison -> Verdict ->
//! Attestation -> Record`. It may import every room below it; it prints nothing
//! (it emits events) and it decides nothing that a station can decide. A verdict
//! of `reproduced` comes from [`Verdict::of`] alone, on a comparison of the bytes
//! that the registry room checked with the bytes that the sandbox handed out.

mod artifact;
mod cores;
mod deflate;
mod failure;
mod inputs;
mod judge;
mod larger;
mod link;
mod lock;
mod made;
mod memory;
mod newest;
mod one_try;
mod prepare;
mod select;
mod settle;
mod toolchains;
mod tree;
mod tries;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::image::{self, Images};
use crate::mirror::Mirror;
use crate::model::{
    Artifact, Event, EventSink, Limits, Purl, Recipe, Release, ResultRecord, Station, TryLimits,
    Verdict,
};
use crate::plan::{self, CargoToolchain, ZlibToolchain};
use crate::provenance::Attestations;
use crate::registry::{self, Registries};
use crate::sandbox::{self, Engine};
use crate::source::Sources;
use crate::store::{self, Blobs};
use crate::trust::{self, Ledger};

pub use cores::Cores;
pub use toolchains::Toolchains;

/// What a person asks of the line for one package.
#[derive(Clone, Debug)]
pub struct Request {
    /// The package; without a version, the newest stable release is taken.
    pub purl: Purl,
    /// One artifact's file name; without it, every artifact that users install.
    pub artifact: Option<String>,
    /// A git folder or address to use in place of what the metadata names.
    pub source: Option<String>,
    /// A recipe to use in place of inference.
    pub recipe: Option<PathBuf>,
    /// Whether the build container is left for a look.
    pub keep: bool,
    /// Whether published metadata may be replayed on a rebuilt archive.
    pub replay: bool,
    /// Whether facts of the published artifact may steer the build.
    pub recover: bool,
}

/// The folders that the line works in.
#[derive(Clone, Debug)]
pub struct Folders {
    /// The data folder.
    pub data: PathBuf,
    /// Recipes that are looked up before anything is inferred.
    pub recipes: PathBuf,
    /// Where the logs of this batch go.
    pub logs: PathBuf,
}

impl Request {
    /// A request for a package with nothing else said.
    pub fn of(purl: Purl) -> Self {
        Self {
            purl,
            artifact: None,
            source: None,
            recipe: None,
            keep: false,
            replay: true,
            recover: true,
        }
    }
}

/// Everything that the line needs, opened once. Cheap to clone beside a build.
#[derive(Clone)]
pub struct Line {
    /// The registries.
    pub registries: Arc<Registries>,
    /// What verifies the registries' provenance attestations.
    pub attestations: Arc<Attestations>,
    /// The mirror that builds see.
    pub mirror: Mirror,
    /// The sources.
    pub sources: Arc<Sources>,
    /// The images.
    pub images: Images,
    /// The blob store.
    pub blobs: Blobs,
    /// The cargos that the farm can run.
    pub cargos: Vec<CargoToolchain>,
    /// The zlibs that a cargo of an image can be given.
    pub zlibs: Vec<ZlibToolchain>,
    /// Whether those that are pinned and not kept yet are built when they are needed.
    pub toolchains: Toolchains,
    /// Where attestations are signed and stored; nowhere on a worker whose reports the
    /// farm attests.
    pub ledger: Option<Arc<Ledger>>,
    /// Where things are.
    pub folders: Folders,
    /// What inferred plans may use; a recipe says so itself.
    pub limits: Limits,
    /// When no further plan is tried for an artifact.
    pub tries: TryLimits,
    /// How many builds this machine has room for.
    pub cores: Cores,
    /// Who is told.
    pub events: EventSink,
    /// What stops everything.
    pub cancel: CancellationToken,
}

/// Why the line could not even begin, or had to stop. What is a fact about the
/// package is a verdict, never an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The registry's answer, where it is no verdict: no such package, say.
    #[error(transparent)]
    Registry(#[from] registry::Error),
    /// The recipe cannot be used.
    #[error(transparent)]
    Recipe(#[from] plan::RecipeFileError),
    /// The release has no artifact of that name.
    #[error("{purl} has no artifact `{wanted}`; it has {}", .found.join(", "))]
    NoSuchArtifact {
        /// The release.
        purl: Purl,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: Vec<String>,
    },
    /// The release has nothing that could be verified.
    #[error("{purl} has published no file")]
    NoArtifacts {
        /// The release.
        purl: Purl,
    },
    /// An option that fits one artifact only was given for several.
    #[error("a recipe fits one artifact, and {purl} has several: {}; pick one with --artifact", .found.join(", "))]
    RecipeForSeveral {
        /// The release.
        purl: Purl,
        /// What there is.
        found: Vec<String>,
    },
    /// The data folder.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The attestation could not be made.
    #[error(transparent)]
    Trust(#[from] trust::Error),
    /// An image that `plan` needs.
    #[error(transparent)]
    Image(#[from] image::Error),
    /// The container run, where it is no verdict.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// No plan can be made (`remint plan`).
    #[error("{0}")]
    NoPlan(String),
    /// Ctrl-C or SIGTERM.
    #[error("stopped on request; everything that this run started was removed")]
    Cancelled,
}

impl Error {
    /// Whether it is the farm's trouble, and not what was asked for.
    pub fn is_farm_fault(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_upstream_fault(),
            Self::Recipe(_)
            | Self::NoSuchArtifact { .. }
            | Self::NoArtifacts { .. }
            | Self::RecipeForSeveral { .. }
            | Self::Cancelled => false,
            Self::Store(_)
            | Self::Trust(_)
            | Self::Image(_)
            | Self::Sandbox(_)
            | Self::NoPlan(_) => true,
        }
    }
}

/// The record of a package that could not be looked at, for lists that go on.
pub fn undecided(purl: &Purl, started: Timestamp, error: &Error) -> ResultRecord {
    failure::before_artifact(purl, started, error)
}

/// Signs and stores what another machine's record says, and notes where.
///
/// # Errors
/// [`Error::Trust`] or [`Error::Store`]; the same again does no harm.
pub fn attest(record: &mut ResultRecord, ledger: &Ledger, data: &Path) -> Result<(), Error> {
    artifact::attest(record, ledger, data)
}

/// The record of a package that the farm gave up on, with its own reason.
pub fn given_up(purl: &Purl, reason: &str) -> ResultRecord {
    let verdict = Verdict::InfraError {
        reason: reason.to_owned(),
    };
    ResultRecord::new(purl.clone(), verdict, Timestamp::now())
}

impl Line {
    /// Verifies one package: every artifact that users install, or the one named.
    /// Infra errors become verdicts of their own, so that a list goes on.
    ///
    /// # Errors
    /// [`Error`] where the request itself cannot be met, or on cancellation.
    pub async fn verify(&self, request: &Request) -> Result<Vec<ResultRecord>, Error> {
        let started = Timestamp::now();
        let _room = self.cores.own();
        self.enter(&request.purl.to_string(), Station::Registry);
        let release = match self
            .registries
            .of(request.purl.ecosystem())
            .release(&request.purl)
            .await
        {
            Ok(release) => release,
            Err(error) if error.is_upstream_fault() => {
                return Ok(vec![failure::before_artifact(
                    &request.purl,
                    started,
                    &error,
                )]);
            }
            Err(error) => return Err(error.into()),
        };
        let chosen = select::artifacts(&release, request)?;
        let engine = Engine::connect().await;
        if let Ok(engine) = &engine {
            let removed = sandbox::sweep(engine).await?;
            if removed > 0 {
                self.events.emit(Event::Notice(format!(
                    "removed {removed} containers, volumes and folders that a killed run had left"
                )));
            }
        }
        let mut records = Vec::with_capacity(chosen.len());
        for artifact in chosen {
            let record = self
                .verify_artifact(&engine, &release, artifact, request)
                .await?;
            self.events.emit(Event::Finished {
                subject: artifact.name.clone(),
                verdict: record.verdict.kind(),
            });
            records.push(record);
        }
        Ok(records)
    }

    /// The recipes that [`verify`](Self::verify) would try first, without
    /// running anything.
    ///
    /// # Errors
    /// [`Error`] where no plan can be made.
    pub async fn plan(&self, request: &Request) -> Result<Vec<Recipe>, Error> {
        let release = self
            .registries
            .of(request.purl.ecosystem())
            .release(&request.purl)
            .await?;
        let mut recipes = Vec::new();
        for artifact in select::artifacts(&release, request)? {
            recipes.push(self.first_recipe(&release, artifact, request).await?);
        }
        Ok(recipes)
    }

    fn enter(&self, subject: &str, station: Station) {
        self.events.emit(Event::Entered {
            subject: subject.to_owned(),
            station,
        });
    }

    fn recipe_for(
        &self,
        release: &Release,
        artifact: &Artifact,
        request: &Request,
    ) -> Result<Option<Recipe>, Error> {
        let named: Option<&Path> = request.recipe.as_deref();
        Ok(match named {
            Some(path) => Some(plan::load_recipe(path, &release.purl, &artifact.name)?),
            None => plan::lookup_recipe(&self.folders.recipes, &release.purl, &artifact.name)?,
        })
    }
}

/// Runs blocking work (git, unpacking, hashing) off the async threads.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        // Only a panic in `work` gets here; it is passed on, not hidden.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
