//! Labels on everything that a run starts, and its removal: by the run itself,
//! and by the next run where a killed one left something behind.

use std::collections::HashMap;

use bollard::errors::Error as ApiError;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};

use super::{Engine, EngineError, Error};

/// Which run something belongs to.
const RUN_LABEL: &str = "remint.run";
/// Which process started it, as [`Owner`] writes it.
const OWNER_LABEL: &str = "remint.owner";

/// One run's name.
pub(super) struct RunId(String);

impl RunId {
    pub(super) fn new() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let time = jiff::Timestamp::now().as_nanosecond();
        Self(format!("{}-{number}-{time:x}", std::process::id()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The labels of everything that this run starts.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN_LABEL.to_owned(), self.0.clone()),
            (OWNER_LABEL.to_owned(), Owner::this().to_string()),
        ])
    }
}

/// A process, told apart from later ones of the same number: by the boot and by
/// its start time (proc_pid_stat(5), field 22).
#[derive(Debug, PartialEq, Eq)]
struct Owner {
    boot: String,
    pid: u32,
    started: u64,
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.boot, self.pid, self.started)
    }
}

impl Owner {
    fn this() -> Self {
        let pid = std::process::id();
        Self {
            boot: boot_id(),
            pid,
            started: start_time(pid).unwrap_or(0),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let owner = Self {
            boot: parts.next()?.to_owned(),
            pid: parts.next()?.parse().ok()?,
            started: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// Whether it surely runs no more. An owner on another machine that shares
    /// the engine has another boot; whether it lives cannot be seen from here,
    /// so it counts as alive.
    fn is_gone(&self) -> bool {
        self.boot == boot_id() && start_time(self.pid) != Some(self.started)
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".into(), |text| text.trim().to_owned())
}

fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold spaces.
    let after_name = &stat[stat.rfind(')')? + 1..];
    after_name.split_whitespace().nth(19)?.parse().ok()
}

/// The label of a container that was kept for a look: neither the run nor a later
/// one removes it.
pub(super) fn kept_labels() -> HashMap<String, String> {
    HashMap::from([("remint.kept".to_owned(), "1".to_owned())])
}

/// Removes everything of one run.
pub(super) async fn remove_run(engine: &Engine, run: &RunId) -> Result<(), Error> {
    remove(engine, &format!("{RUN_LABEL}={}", run.as_str()), &|_| true).await?;
    Ok(())
}

/// Removes what runs of processes that are gone left behind. Kept containers
/// carry no label of a run any more, so they stay.
///
/// # Errors
/// [`Error::Engine`] where the engine does not answer.
pub async fn sweep(engine: &Engine) -> Result<usize, Error> {
    remove(engine, OWNER_LABEL, &|labels| {
        labels
            .get(OWNER_LABEL)
            .and_then(|text| Owner::parse(text))
            .is_some_and(|owner| owner.is_gone())
    })
    .await
}

type Labels = HashMap<String, String>;

async fn remove(
    engine: &Engine,
    label: &str,
    chosen: &(dyn Fn(&Labels) -> bool + Sync),
) -> Result<usize, Error> {
    let docker = engine.docker();
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filters)
        .build();
    let containers = docker
        .list_containers(Some(options))
        .await
        .map_err(EngineError::api("list containers"))?;
    let mut removed = 0;
    for container in containers {
        let (Some(id), Some(labels)) = (container.id, container.labels) else {
            continue;
        };
        if chosen(&labels) {
            remove_container(engine, &id).await?;
            removed += 1;
        }
    }
    let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
    let volumes = docker
        .list_volumes(Some(options))
        .await
        .map_err(EngineError::api("list volumes"))?;
    for volume in volumes.volumes.unwrap_or_default() {
        if chosen(&volume.labels) {
            let options = RemoveVolumeOptionsBuilder::new().force(true).build();
            match docker.remove_volume(&volume.name, Some(options)).await {
                Err(error) if !is_gone_or_used(&error) => {
                    return Err(EngineError::api("remove a volume")(error).into());
                }
                _ => removed += 1,
            }
        }
    }
    Ok(removed)
}

pub(super) async fn remove_container(engine: &Engine, id: &str) -> Result<(), Error> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    match engine.docker().remove_container(id, Some(options)).await {
        Err(error) if !is_gone_or_used(&error) => {
            Err(EngineError::api("remove a container")(error).into())
        }
        _ => Ok(()),
    }
}

/// Somebody else removed it, is removing it, or a kept container still uses it.
fn is_gone_or_used(error: &ApiError) -> bool {
    matches!(
        error,
        ApiError::DockerResponseServerError {
            status_code: 404 | 409,
            ..
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_is_not_gone_and_a_reused_number_is() {
        let this = Owner::this();
        assert!(!this.is_gone());
        assert_eq!(Owner::parse(&this.to_string()), Some(Owner::this()));
        let reused = Owner {
            started: this.started + 1,
            ..Owner::this()
        };
        assert!(reused.is_gone());
        let elsewhere = Owner {
            boot: "another".into(),
            started: 0,
            ..Owner::this()
        };
        assert!(!elsewhere.is_gone());
        assert_eq!(Owner::parse("nonsense"), None);
    }
}
