//! The keeper: one container beside each build, of remint's own image and without
//! a network. It relays the mirror's socket to a loopback port that the build may
//! share, and it watches how much disk the build fills.

use bollard::models::{ContainerCreateBody, Mount, MountType};

use super::cleanup::RunId;
use super::container::{Container, Volumes, confined, volume_mount};
use super::{Engine, Error, Job};
use crate::model::{Limits, RELAY_PORT};

/// The connections that are relayed at once, each by a process of its own (socat(1),
/// `max-children`); more wait. Installers open up to some hundred.
const CONNECTIONS: u64 = 400;

/// What the keeper may use: a relay and `du` need little. However many connections a build
/// opens, the watch can still begin its processes.
const LIMITS: Limits = Limits {
    memory_mib: 1024,
    cpu_millis: 1000,
    pids: CONNECTIONS + 112,
    seconds: 0,
    disk_mib: 1,
    log_kib: 0,
};

/// The one capability that it has: to read folders whatever their mode, so that
/// a build cannot hide files from the count (capabilities(7)).
const SEE_ALL: &str = "DAC_READ_SEARCH";

/// Prints the size of both volumes in KiB, how many files they hold, and how much
/// is left where they lie (in blocks, and a block's size), again and again.
/// Counting a large tree takes a processor's time that the build wants, so the pause is
/// four times as long as the count took; but never more than 5 s, since a build could
/// make the count slow to write unseen. What is left on the disk costs nothing to ask,
/// and is asked twice a second in the pause too.
/// The clock is the one that nobody sets (proc(5), `/proc/uptime`, in 1/100 s).
const WATCH: &str = "now() { read -r up _ </proc/uptime; echo \"${up%.*}${up#*.}\"; }; \
    cd /watch; while :; do began=$(now); counted=$(echo \
    $(du -skxc build tmp 2>/dev/null | tail -n 1 | cut -f 1) \
    $(du -sxc --inodes build tmp 2>/dev/null | tail -n 1 | cut -f 1)); \
    pause=$((4 * ($(now) - began))); [ $pause -le 500 ] || pause=500; \
    while :; do echo $counted $(stat -f -c '%a %S' build); sleep 0.5; \
    pause=$((pause - 50)); [ $pause -gt 0 ] || break; done; done";

/// What a file counts for at least, in KiB: empty ones use up the file system's
/// table, which common file systems lay out for a file in every 16 KiB.
const KIB_PER_FILE: u64 = 4;

/// What has to stay free where the volumes lie, in KiB. A build can hide files
/// from every count (open ones without a name); it cannot hide this.
const RESERVE_KIB: u64 = 1 << 20;

/// The keeper of a run.
pub(super) struct Keeper(Container);

impl Keeper {
    /// Makes it; it relays and watches once it is [started](Self::start).
    pub(super) async fn make(
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
                format!(
                    "TCP-LISTEN:{RELAY_PORT},bind=127.0.0.1,fork,max-children={CONNECTIONS},reuseaddr,backlog=512"
                ),
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
        Ok(Self(Container::from_body(engine, run, body).await?))
    }

    /// Starts it. Before that no container can start that joins its network.
    pub(super) async fn start(&self) -> Result<(), Error> {
        self.0.start().await
    }

    pub(super) fn id(&self) -> &str {
        self.0.id()
    }

    /// Returns when the volumes hold more than `limit` MiB; fails when the disk
    /// that they are on is about to be full, whoever filled it.
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
                    let Some(usage) = Usage::parse(&line) else { continue };
                    if usage.passes(limit) {
                        return Ok(());
                    }
                    if usage.free_kib < RESERVE_KIB {
                        return Err(Error::DiskLow { left_mib: usage.free_kib / 1024 });
                    }
                }
            }
        }
    }
}

/// What one line of the watch says.
#[derive(Debug, PartialEq, Eq)]
struct Usage {
    used_kib: u64,
    files: u64,
    free_kib: u64,
}

impl Usage {
    fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let [used_kib, files, blocks, block_size] = numbers[..] else {
            return None;
        };
        Some(Self {
            used_kib,
            files,
            free_kib: blocks.saturating_mul(block_size) / 1024,
        })
    }

    /// Whether it is more than `limit` MiB allow.
    fn passes(&self, limit: u64) -> bool {
        let counted = self.files.saturating_mul(KIB_PER_FILE);
        self.used_kib.max(counted) > limit.saturating_mul(1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_number_of_files_pass_the_limit_each_by_itself() {
        let usage = |line: &str| Usage::parse(line).expect("a line of the watch");
        assert_eq!(usage("1024 7 512 4096\n").free_kib, 2048);
        assert!(!usage("1024 256 1 4096").passes(1));
        assert!(usage("1025 1 1 4096").passes(1));
        assert!(usage("0 257 1 4096").passes(1));
    }

    #[test]
    fn a_line_that_is_not_whole_says_nothing() {
        for line in ["", "12", "1 2 3", "1 2 x 4", "1 2 3 4 5"] {
            assert_eq!(Usage::parse(line), None, "{line}");
        }
    }
}
