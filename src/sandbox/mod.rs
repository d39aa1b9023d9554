//! The container run: a plan goes in, a rebuilt file comes out, and nothing else
//! crosses. Imports `image`, `store` and `model`. It never mounts a folder of the
//! host into a build, never gives a build a network but the relay's loopback, and
//! never leaves a container behind unless it was asked to keep one.

mod cleanup;
mod container;
mod error;
mod keeper;
mod scratch;
mod steps;
mod transfer;

use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::image::ImageId;
use crate::model::{
    BuildFailure, BuildStage, Network, PhaseName, PhaseReport, Plan, Rebuild, RebuiltFile, WORK_DIR,
};
use crate::store;

pub use crate::image::{Engine, EngineError};
pub use cleanup::sweep;
pub use error::Error;
pub use scratch::Scratch;

use cleanup::RunId;
use container::Container;
use keeper::Keeper;
use steps::{Ended, Log};

/// One run.
pub struct Job<'a> {
    /// The image that the build runs in.
    pub image: ImageId,
    /// The image of the relay.
    pub relay: ImageId,
    /// The plan.
    pub plan: &'a Plan,
    /// The source tree; it becomes `/build/src`.
    pub tree: &'a Path,
    /// Tarballs, and the folder below `/build` that each is unpacked to.
    pub inputs: Vec<(PathBuf, String)>,
    /// The mirror's socket, where the plan reaches the mirror.
    pub mirror_socket: Option<&'a Path>,
    /// A folder of this run's own for the log and the output.
    pub scratch: &'a Path,
    /// Whether the build container is left for a look.
    pub keep: bool,
    /// What stops the run.
    pub cancel: CancellationToken,
    /// Told when a phase begins.
    pub on_phase: &'a (dyn Fn(PhaseName) + Sync),
    /// Told which container was kept.
    pub on_keep: &'a (dyn Fn(&str) + Sync),
}

/// Runs a plan. Whatever happens, everything that the run started is removed,
/// but for a container that is to be kept.
///
/// # Errors
/// [`Error::Build`] for what is a fact about the package; the others are the
/// farm's trouble.
pub async fn run(engine: &Engine, job: Job<'_>) -> Result<Rebuild, Error> {
    let id = RunId::new();
    let run = Run {
        engine,
        job: &job,
        id: &id,
    };
    let outcome = tokio::select! {
        outcome = run.go() => outcome,
        () = job.cancel.cancelled() => Err(Error::Cancelled),
    };
    // A run that was stopped, or that the farm failed, has nothing to look at.
    let ended = matches!(outcome, Ok(_) | Err(Error::Build { .. }));
    cleanup::remove_run(engine, &id, job.keep && ended).await?;
    outcome
}

struct Run<'a> {
    engine: &'a Engine,
    job: &'a Job<'a>,
    id: &'a RunId,
}

impl Run<'_> {
    async fn go(&self) -> Result<Rebuild, Error> {
        let volumes = container::make_volumes(self.engine, self.id).await?;
        let keeper = Keeper::make(self.engine, self.id, self.job, &volumes).await?;
        let mut log = Log::create(
            &self.job.scratch.join("build.log"),
            self.job.plan.limits.log_kib,
        )?;
        let plan = self.job.plan;
        let mut phases = Vec::new();
        let mut passed_over = Vec::new();
        let mut network = plan.build_network;
        if !plan.prepare.is_empty() {
            network = Network::Mirror;
        }
        let mut container = self.container(&volumes, network, &keeper).await?;
        // Neither needs the other, and the engine takes a while for both.
        let (started, uploaded) = tokio::join!(keeper.start(), self.upload(&container));
        started?;
        uploaded?;
        for (phase, steps) in [
            (PhaseName::Prepare, &plan.prepare),
            (PhaseName::Build, &plan.build),
        ] {
            if steps.is_empty() {
                continue;
            }
            if !phases.is_empty() {
                // What prepare left running ends here, and with it the network.
                container.remove().await?;
                container = self
                    .container(&volumes, plan.build_network, &keeper)
                    .await?;
            }
            (self.job.on_phase)(phase);
            container.start().await?;
            let started = Instant::now();
            let (ended, peak_memory_mib) =
                steps::run(&container, &keeper, plan, steps, &mut log, &mut passed_over).await?;
            phases.push(PhaseReport {
                phase,
                exit_code: ended.exit_code(),
                out_of_memory: matches!(ended, Ended::OutOfMemory),
                peak_memory_mib,
                millis: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
            if let Some(failure) = ended.failure(plan) {
                container.kill().await?;
                self.say_kept(&container);
                return Err(failed(stage_of(phase), failure, log));
            }
        }
        let mut rebuild = self.finish(&container, phases, log).await?;
        rebuild.passed_over = passed_over;
        Ok(rebuild)
    }

    async fn container(
        &self,
        volumes: &container::Volumes,
        network: Network,
        keeper: &Keeper,
    ) -> Result<Container, Error> {
        Container::create(
            self.engine,
            self.id,
            self.job,
            volumes,
            network,
            keeper.id(),
        )
        .await
    }

    /// The output, out of the container once nothing runs in it any more.
    async fn finish(
        &self,
        container: &Container,
        phases: Vec<PhaseReport>,
        log: Log,
    ) -> Result<Rebuild, Error> {
        let output = &self.job.plan.output;
        let beside = container.list_folder_of(output).await;
        container.kill().await?;
        let fetched = transfer::download(container, output, self.job.scratch).await?;
        self.say_kept(container);
        let Some(path) = fetched else {
            let failure = BuildFailure::NoOutput {
                path: output.clone(),
                found: beside,
            };
            return Err(failed(BuildStage::Output, failure, log));
        };
        let (sha256, size) = store::digest_file(&path)?;
        Ok(Rebuild {
            file: RebuiltFile {
                name: output.rsplit('/').next().unwrap_or(output).to_owned(),
                path,
                sha256,
                size,
            },
            phases,
            served: vec![],
            passed_over: vec![],
            log: log.close()?,
        })
    }

    async fn upload(&self, container: &Container) -> Result<(), Error> {
        let archive = self.job.scratch.join("upload.tar");
        transfer::pack(self.job, &archive)?;
        container.upload(&archive, WORK_DIR).await?;
        // The archive has done its work; the disk is better used by the build.
        let _ = std::fs::remove_file(&archive);
        Ok(())
    }

    fn say_kept(&self, container: &Container) {
        if self.job.keep {
            (self.job.on_keep)(container.id());
        }
    }
}

fn failed(stage: BuildStage, failure: BuildFailure, log: Log) -> Error {
    match log.close() {
        Ok(log) => Error::Build {
            stage,
            failure,
            log,
        },
        Err(error) => error,
    }
}

const fn stage_of(phase: PhaseName) -> BuildStage {
    match phase {
        PhaseName::Prepare => BuildStage::Prepare,
        PhaseName::Build => BuildStage::Build,
    }
}
