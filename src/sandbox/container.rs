//! The build container: how it is confined, and what is done to it.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::StartExecResults;
use bollard::models::{
    ContainerCreateBody, ExecConfig, HostConfig, HostConfigLogConfig, Mount, MountType,
    MountVolumeOptions, ResourcesUlimits, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptions, KillContainerOptionsBuilder, StartContainerOptions,
    UploadToContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use tokio_util::io::ReaderStream;

use super::cleanup::{RunId, remove_container};
use super::{Engine, EngineError, Error, Job};
use crate::model::{Limits, Network, WORK_DIR};

/// The user of every step; images make `/build` its own.
const USER: &str = "1000:1000";
/// Open files that a build may hold: what distributions give a login.
const MAX_FILES: i64 = 16_384;
/// What a listing or a check inside a container may print, in bytes.
const MAX_SAID: usize = 16 << 10;
/// How long it may take.
const MAX_ASKING: Duration = Duration::from_secs(10);
/// How many names of a listing are kept.
const MAX_NAMES: usize = 20;

/// The two volumes of a run.
pub(super) struct Volumes {
    pub(super) work: String,
    pub(super) tmp: String,
}

/// Makes the volumes of a run.
pub(super) async fn make_volumes(engine: &Engine, run: &RunId) -> Result<Volumes, Error> {
    let mut names = Vec::new();
    for part in ["work", "tmp"] {
        let name = format!("remint-{}-{part}", run.as_str());
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(run.labels()),
            ..Default::default()
        };
        let docker = engine.docker().clone();
        run.make("create a volume", async move {
            docker.create_volume(request).await
        })
        .await?;
        names.push(name);
    }
    let [work, tmp] = <[String; 2]>::try_from(names).expect("two names were pushed");
    Ok(Volumes { work, tmp })
}

/// A mount of one volume.
pub(super) fn volume_mount(volume: &str, target: &str, read_only: bool, no_copy: bool) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        source: Some(volume.to_owned()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        volume_options: no_copy.then(|| MountVolumeOptions {
            no_copy: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What every container of a run shares: no capabilities, no new privileges, a
/// read-only root, limits, and no log of the engine's own (the steps' output is
/// read and bounded here).
pub(super) fn confined(limits: &Limits, network: String) -> HostConfig {
    let mebibytes = |count: u64| i64::try_from(count.saturating_mul(1 << 20)).unwrap_or(i64::MAX);
    let ulimit = |name: &str, value: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(value),
        hard: Some(value),
    };
    HostConfig {
        network_mode: Some(network),
        cap_drop: Some(vec!["ALL".into()]),
        security_opt: Some(vec!["no-new-privileges:true".into()]),
        readonly_rootfs: Some(true),
        privileged: Some(false),
        init: Some(true),
        memory: Some(mebibytes(limits.memory_mib)),
        memory_swap: Some(mebibytes(limits.memory_mib)),
        nano_cpus: Some(
            i64::try_from(limits.cpu_millis.saturating_mul(1_000_000)).unwrap_or(i64::MAX),
        ),
        pids_limit: Some(i64::try_from(limits.pids).unwrap_or(i64::MAX)),
        ulimits: Some(vec![
            ulimit("core", 0),
            ulimit("fsize", mebibytes(limits.disk_mib)),
            ulimit("nofile", MAX_FILES),
        ]),
        log_config: Some(HostConfigLogConfig {
            typ: Some("none".into()),
            config: None,
        }),
        ..Default::default()
    }
}

/// A build container.
pub(super) struct Container {
    engine: Engine,
    id: String,
}

impl Container {
    /// Creates the container of one phase; it does not run yet.
    pub(super) async fn create(
        engine: &Engine,
        run: &RunId,
        job: &Job<'_>,
        volumes: &Volumes,
        network: Network,
        keeper: &str,
    ) -> Result<Self, Error> {
        let network = match network {
            Network::None => "none".to_owned(),
            Network::Mirror if job.mirror_socket.is_some() => format!("container:{keeper}"),
            Network::Mirror => return Err(Error::NoMirror),
        };
        // A container in another's network takes that one's host name.
        let hostname = (network == "none").then(|| "remint".to_owned());
        let mut host = confined(&job.plan.limits, network);
        host.mounts = Some(vec![
            volume_mount(&volumes.work, WORK_DIR, false, false),
            volume_mount(&volumes.tmp, "/tmp", false, false),
        ]);
        let body = ContainerCreateBody {
            hostname,
            user: Some(USER.into()),
            image: Some(job.image.to_string()),
            cmd: Some(vec!["sleep".into(), "infinity".into()]),
            entrypoint: Some(vec![]),
            working_dir: Some(WORK_DIR.into()),
            env: Some(environment(&job.plan.env)),
            labels: Some(if job.keep {
                run.kept_labels()
            } else {
                run.labels()
            }),
            host_config: Some(host),
            ..Default::default()
        };
        Self::from_body(engine, run, body).await
    }

    /// Creates a container from what the engine asks for.
    pub(super) async fn from_body(
        engine: &Engine,
        run: &RunId,
        body: ContainerCreateBody,
    ) -> Result<Self, Error> {
        let docker = engine.docker().clone();
        let created = run
            .make("create a container", async move {
                docker
                    .create_container(None::<CreateContainerOptions>, body)
                    .await
            })
            .await?;
        Ok(Self {
            engine: engine.clone(),
            id: created.id,
        })
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) async fn start(&self) -> Result<(), Error> {
        self.engine
            .docker()
            .start_container(&self.id, None::<StartContainerOptions>)
            .await
            .map_err(EngineError::api("start a container"))?;
        Ok(())
    }

    /// Ends everything in it, at once.
    pub(super) async fn kill(&self) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        // What does not run any more is as dead as it should be.
        if let Err(error) = self
            .engine
            .docker()
            .kill_container(&self.id, Some(options))
            .await
        {
            tracing::debug!(%error, "killing a container");
        }
        Ok(())
    }

    pub(super) async fn remove(&self) -> Result<(), Error> {
        remove_container(&self.engine, &self.id).await
    }

    /// Unpacks a tar archive below `folder`.
    pub(super) async fn upload(&self, archive: &Path, folder: &str) -> Result<(), Error> {
        let file = tokio::fs::File::open(archive)
            .await
            .map_err(|error| crate::store::Error::io("read", archive, error))?;
        let body = bollard::body_try_stream(ReaderStream::with_capacity(file, 1 << 18));
        let options = UploadToContainerOptionsBuilder::new().path(folder).build();
        self.engine
            .docker()
            .upload_to_container(&self.id, Some(options), body)
            .await
            .map_err(EngineError::api("copy the source into a container"))?;
        Ok(())
    }

    /// Starts a command and hands its output to `each` as it comes; the exit
    /// status, where the command ended by itself.
    pub(super) async fn exec(
        &self,
        run: &[String],
        cwd: &str,
        mut each: impl FnMut(&[u8]) + Send,
    ) -> Result<i64, Error> {
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(run.to_vec()),
            working_dir: Some(cwd.to_owned()),
            ..Default::default()
        };
        let docker = self.engine.docker();
        let failed = EngineError::api("run a step");
        let exec = docker
            .create_exec(&self.id, config)
            .await
            .map_err(&failed)?;
        if let StartExecResults::Attached { mut output, .. } =
            docker.start_exec(&exec.id, None).await.map_err(&failed)?
        {
            while let Some(chunk) = output.next().await {
                let chunk: LogOutput = chunk.map_err(&failed)?;
                each(&chunk.into_bytes());
            }
        }
        let ended = docker.inspect_exec(&exec.id).await.map_err(&failed)?;
        Ok(ended.exit_code.unwrap_or(-1))
    }

    /// What a short command prints, bounded in size and time: what a step left
    /// running can stop every process of its user.
    pub(super) async fn ask(&self, run: &[&str]) -> Result<String, Error> {
        let run: Vec<String> = run.iter().map(|word| (*word).to_owned()).collect();
        let mut said = Vec::new();
        let asking = self.exec(&run, "/", |chunk| {
            let room = MAX_SAID - said.len();
            said.extend_from_slice(&chunk[..chunk.len().min(room)]);
        });
        tokio::time::timeout(MAX_ASKING, asking)
            .await
            .map_err(|_| EngineError::Api {
                action: "look into a container",
                reason: format!("no answer within {} s", MAX_ASKING.as_secs()),
            })??;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    /// The names beside a path below the work folder, for a person.
    pub(super) async fn list_folder_of(&self, path: &str) -> Vec<String> {
        let folder = match path.rsplit_once('/') {
            Some((folder, _)) => format!("{WORK_DIR}/{folder}"),
            None => WORK_DIR.to_owned(),
        };
        // Only for a message: a folder that is not there has nothing in it.
        let listed = self
            .ask(&["ls", "-1A", "--", &folder])
            .await
            .unwrap_or_default();
        listed
            .lines()
            .filter(|line| !line.starts_with("ls: "))
            .take(MAX_NAMES)
            .map(|line| crate::model::printable(line, false))
            .collect()
    }
}

/// The environment of every step: fixed, but for what the plan sets.
fn environment(plan: &std::collections::BTreeMap<String, String>) -> Vec<String> {
    let mut all: HashMap<&str, String> = HashMap::from([
        ("HOME", format!("{WORK_DIR}/home")),
        ("LANG", "C.UTF-8".into()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
        ("TMPDIR", "/tmp".into()),
        ("TZ", "UTC".into()),
    ]);
    for (name, value) in plan {
        all.insert(name, value.clone());
    }
    let mut list: Vec<_> = all
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    list.sort();
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_container_is_confined() {
        let host = confined(&Limits::default(), "none".into());
        assert_eq!(host.cap_drop.as_deref(), Some(&["ALL".to_owned()][..]));
        assert_eq!(
            host.security_opt.as_deref(),
            Some(&["no-new-privileges:true".to_owned()][..])
        );
        assert_eq!(
            (host.readonly_rootfs, host.privileged),
            (Some(true), Some(false))
        );
        assert_eq!(host.memory, host.memory_swap);
        assert!(host.binds.is_none() && host.cap_add.is_none() && host.mounts.is_none());
    }

    #[test]
    fn the_plans_environment_wins_over_the_fixed_one() {
        let plan = std::collections::BTreeMap::from([("TZ".to_owned(), "Asia/Tokyo".to_owned())]);
        let list = environment(&plan);
        assert!(list.contains(&"TZ=Asia/Tokyo".to_owned()));
        assert_eq!(list.iter().filter(|e| e.starts_with("TZ=")).count(), 1);
        assert!(list.contains(&"HOME=/build/home".to_owned()));
    }
}
