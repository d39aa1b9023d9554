//! Labels on everything that a run starts, and its removal: by the run itself,
//! and by the next run where one left something behind: it was killed, or the engine
//! did not answer when it was to be removed.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::errors::Error as ApiError;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListVolumesOptionsBuilder, RemoveContainerOptionsBuilder,
    RemoveVolumeOptionsBuilder,
};
use futures_util::future::join_all;

use super::{Engine, EngineError, Error, scratch};

/// Which run something belongs to.
const RUN_LABEL: &str = "remint.run";
/// Which process started it, as [`Owner`] writes it.
const OWNER_LABEL: &str = "remint.owner";
/// That something was kept for a look.
const KEPT_LABEL: &str = "remint.kept";

/// How often what the engine is busy with is tried again, and after which pause.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The runs of this process that are under way.
static UNDER_WAY: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn under_way() -> MutexGuard<'static, BTreeSet<String>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One run's name, and what it is having made. The run is over when this is gone.
pub(super) struct RunId {
    name: String,
    making: Arc<tokio::sync::RwLock<()>>,
}

impl RunId {
    pub(super) fn new() -> Self {
        use std::sync::atomic::{AtomicU64, Ordering};
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let time = jiff::Timestamp::now().as_nanosecond();
        let name = format!("{}-{number}-{time:x}", std::process::id());
        under_way().insert(name.clone());
        Self {
            name,
            making: Arc::default(),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    /// Has the engine make something. A request that is dropped half way may be
    /// carried out after the run was cleared away, so it is seen through also
    /// where nobody waits for it any more, and [`remove_run`] waits for it.
    pub(super) async fn make<T: Send + 'static>(
        &self,
        action: &'static str,
        request: impl Future<Output = Result<T, ApiError>> + Send + 'static,
    ) -> Result<T, EngineError> {
        let making = self.making.clone().read_owned().await;
        let task = tokio::spawn(async move {
            let made = request.await;
            drop(making);
            made
        });
        match task.await {
            Ok(made) => made.map_err(EngineError::api(action)),
            Err(error) => Err(EngineError::Api {
                action,
                reason: error.to_string(),
            }),
        }
    }

    /// The labels of everything that this run starts.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN_LABEL.to_owned(), self.name.clone()),
            (OWNER_LABEL.to_owned(), Owner::this().to_string()),
        ])
    }

    /// The labels of a container that is kept for a look: without an owner, so
    /// that no later run removes it.
    pub(super) fn kept_labels(&self) -> HashMap<String, String> {
        HashMap::from([
            (RUN_LABEL.to_owned(), self.name.clone()),
            (KEPT_LABEL.to_owned(), "1".to_owned()),
        ])
    }
}

impl Drop for RunId {
    fn drop(&mut self) {
        under_way().remove(&self.name);
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

/// Removes everything of one run, but for what is kept where `keep` says so.
pub(super) async fn remove_run(engine: &Engine, run: &RunId, keep: bool) -> Result<(), Error> {
    let _made = run.making.write().await;
    let label = format!("{RUN_LABEL}={}", run.as_str());
    for _ in 0..TRIES {
        let spared = |labels: &Labels| keep && labels.contains_key(KEPT_LABEL);
        let removal = remove(engine, &label, &|labels| !spared(labels)).await?;
        // A kept container goes on using its volumes.
        if removal.busy == 0 || keep {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Removes what runs left behind that are over, and says how much that was: those of
/// processes that are gone, and those of this one that are not under way any more; and
/// folders on this machine that nobody holds.
/// Kept containers name no owner, so they stay, and so do their volumes.
///
/// # Errors
/// [`Error::Engine`] where the engine does not answer.
pub async fn sweep(engine: &Engine) -> Result<usize, Error> {
    let removal = remove(engine, OWNER_LABEL, &is_left_over).await?;
    Ok(removal.removed + scratch::sweep())
}

fn is_left_over(labels: &Labels) -> bool {
    let owner = labels.get(OWNER_LABEL).and_then(|text| Owner::parse(text));
    let Some(owner) = owner else {
        return false;
    };
    let is_over = || {
        labels
            .get(RUN_LABEL)
            .is_some_and(|run| !under_way().contains(run))
    };
    owner.is_gone() || (owner == Owner::this() && is_over())
}

/// What came of a removal.
#[derive(Default)]
struct Removal {
    removed: usize,
    /// What is in use, or in the middle of something.
    busy: usize,
}

impl Removal {
    fn count(&mut self, result: Result<(), ApiError>, action: &'static str) -> Result<(), Error> {
        match result {
            Ok(()) => self.removed += 1,
            Err(error) if has_status(&error, 404) => {}
            Err(error) if has_status(&error, 409) => self.busy += 1,
            Err(error) => return Err(EngineError::api(action)(error).into()),
        }
        Ok(())
    }
}

type Labels = HashMap<String, String>;

async fn remove(
    engine: &Engine,
    label: &str,
    chosen: &(dyn Fn(&Labels) -> bool + Sync),
) -> Result<Removal, Error> {
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
    let mut removal = Removal::default();
    // The engine takes most of a tenth of a second for each, and waits most of it.
    let leaving = containers.into_iter().filter_map(|container| {
        let is_chosen = container.labels.as_ref().is_some_and(chosen);
        container.id.filter(|_| is_chosen)
    });
    let results = join_all(leaving.map(async |id| force_removal(engine, &id).await)).await;
    for result in results {
        match result {
            // An engine under load goes on with what it was asked for.
            Err(ApiError::RequestTimeoutError) => removal.busy += 1,
            result => removal.count(result, "remove a container")?,
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
            let result = docker.remove_volume(&volume.name, Some(options)).await;
            removal.count(result, "remove a volume")?;
        }
    }
    Ok(removal)
}

pub(super) async fn remove_container(engine: &Engine, id: &str) -> Result<(), Error> {
    let result = force_removal(engine, id).await;
    Removal::default().count(result, "remove a container")
}

async fn force_removal(engine: &Engine, id: &str) -> Result<(), ApiError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    engine.docker().remove_container(id, Some(options)).await
}

fn has_status(error: &ApiError, wanted: u16) -> bool {
    matches!(error, ApiError::DockerResponseServerError { status_code, .. } if *status_code == wanted)
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

    #[test]
    fn what_a_run_of_this_process_has_is_left_over_only_when_the_run_is_over() {
        let run = RunId::new();
        let labels = run.labels();
        assert!(!is_left_over(&labels));
        assert!(!is_left_over(&run.kept_labels()));
        drop(run);
        assert!(is_left_over(&labels));
    }
}
