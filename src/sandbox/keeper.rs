//! The keeper: one container beside each build, of remint's own image and without
//! a network. It relays the mirror's socket to a loopback port that the build may
//! share, and it watches how much disk the build fills.

use bollard::models::{ContainerCreateBody, Mount, MountType};

use super::cleanup::RunId;
use super::container::{Container, Volumes, confined, volume_mount};
use super::{Engine, Error, Job};
use crate::model::{Limits, RELAY_PORT};

/// What the keeper may use: a relay and `du` need little.
const LIMITS: Limits = Limits {
    memory_mib: 512,
    cpu_millis: 1000,
    pids: 128,
    seconds: 0,
    disk_mib: 1,
    log_kib: 0,
};

/// The one capability that it has: to read folders whatever their mode, so that
/// a build cannot hide files from the count (capabilities(7)).
const SEE_ALL: &str = "DAC_READ_SEARCH";

/// Prints the size of both volumes in KiB, again and again. Counting a large tree
/// takes a while by itself; the pause keeps small ones from being counted all the
/// time.
const WATCH: &str =
    "while :; do du -skxc /watch/build /watch/tmp 2>/dev/null | tail -n 1; sleep 1; done";

/// The keeper of a run.
pub(super) struct Keeper(Container);

impl Keeper {
    /// Starts it.
    pub(super) async fn start(
        engine: &Engine,
        run: &RunId,
        job: &Job<'_>,
        volumes: &Volumes,
    ) -> Result<Self, Error> {
        let mut host = confined(&LIMITS, "none".into());
        host.cap_add = Some(vec![SEE_ALL.into()]);
        // Without copying: the build container's image is what fills and owns them.
        let mut mounts = vec![
            volume_mount(&volumes.work, "/watch/build", true, true),
            volume_mount(&volumes.tmp, "/watch/tmp", true, true),
        ];
        let mut cmd = vec!["sleep".to_owned(), "infinity".to_owned()];
        if let Some((folder, name)) = job
            .mirror_socket
            .and_then(|s| Some((s.parent()?, s.file_name()?)))
        {
            mounts.push(Mount {
                target: Some("/mirror".into()),
                source: Some(folder.display().to_string()),
                typ: Some(MountType::BIND),
                read_only: Some(true),
                ..Default::default()
            });
            cmd = vec![
                "socat".into(),
                format!("TCP-LISTEN:{RELAY_PORT},bind=127.0.0.1,fork,reuseaddr,backlog=64"),
                format!("UNIX-CONNECT:/mirror/{}", name.to_string_lossy()),
            ];
        }
        host.mounts = Some(mounts);
        let body = ContainerCreateBody {
            hostname: Some("remint".into()),
            user: Some("0:0".into()),
            image: Some(job.relay.to_string()),
            cmd: Some(cmd),
            entrypoint: Some(vec![]),
            working_dir: Some("/".into()),
            labels: Some(run.labels()),
            host_config: Some(host),
            ..Default::default()
        };
        let container = Container::from_body(engine, body).await?;
        container.start().await?;
        Ok(Self(container))
    }

    pub(super) fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns when the volumes hold more than `limit` MiB.
    pub(super) async fn until_full(&self, limit: u64) -> Result<(), Error> {
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let run: Vec<String> = ["sh", "-c", WATCH]
            .iter()
            .map(|w| (*w).to_owned())
            .collect();
        let watching = self.0.exec(&run, "/", |chunk| {
            // The receiver is gone only when the run is over.
            let _ = tell.send(String::from_utf8_lossy(chunk).into_owned());
        });
        tokio::pin!(watching);
        loop {
            tokio::select! {
                ended = &mut watching => {
                    ended?;
                    return Err(Error::RelayEnded);
                }
                Some(line) = told.recv() => {
                    if kibibytes(&line).is_some_and(|used| used > limit.saturating_mul(1024)) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

/// The number on the last line that `du -c` prints.
fn kibibytes(line: &str) -> Option<u64> {
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_of_du_is_read() {
        assert_eq!(kibibytes("1234\ttotal\n"), Some(1234));
        assert_eq!(kibibytes("nonsense"), None);
    }
}
