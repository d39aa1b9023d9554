//! Running a phase's steps one after another under its limits, and telling how
//! it ended.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use super::container::Container;
use super::keeper::Keeper;
use crate::model::{BuildFailure, Plan, Step, WORK_DIR};
use crate::store;

/// How a phase ended.
pub(super) enum Ended {
    /// Every step ended with status 0.
    Well,
    /// A step ended with another status.
    Exit {
        /// The status.
        code: i64,
        /// Its command.
        step: String,
    },
    /// The memory limit was hit, whatever the status says.
    OutOfMemory,
    /// The time limit was hit.
    TimedOut,
    /// The disk limit was hit.
    DiskFull,
}

impl Ended {
    /// The last exit status; -1 where a limit ended the phase.
    pub(super) fn exit_code(&self) -> i64 {
        match self {
            Self::Well => 0,
            Self::Exit { code, .. } => *code,
            Self::OutOfMemory | Self::TimedOut | Self::DiskFull => -1,
        }
    }

    /// The failure that it is, where it is one.
    pub(super) fn failure(self, plan: &Plan) -> Option<BuildFailure> {
        let limits = &plan.limits;
        match self {
            Self::Well => None,
            Self::Exit { code, step } => Some(BuildFailure::Exit { code, step }),
            Self::OutOfMemory => Some(BuildFailure::OutOfMemory {
                limit_mib: limits.memory_mib,
            }),
            Self::TimedOut => Some(BuildFailure::TimedOut {
                limit_seconds: limits.seconds,
            }),
            Self::DiskFull => Some(BuildFailure::DiskLimit {
                limit_mib: limits.disk_mib,
            }),
        }
    }
}

/// Runs the steps of one phase; how it ended, and its peak of memory in MiB where the
/// kernel tells it. A step that fails and may is added to `passed_over`.
pub(super) async fn run(
    container: &Container,
    keeper: &Keeper,
    plan: &Plan,
    steps: &[Step],
    log: &mut Log,
    passed_over: &mut Vec<String>,
) -> Result<(Ended, Option<u64>), Error> {
    let limit = Duration::from_secs(plan.limits.seconds);
    let ended = tokio::select! {
        outcome = all(container, steps, log, passed_over) => outcome?,
        full = keeper.until_full(plan.limits.disk_mib) => {
            full?;
            Ended::DiskFull
        }
        () = tokio::time::sleep(limit) => Ended::TimedOut,
    };
    let memory = memory_of(container).await;
    let ended = match ended {
        Ended::Well | Ended::Exit { .. } if memory.kills > 0 => Ended::OutOfMemory,
        ended => ended,
    };
    Ok((ended, memory.peak_mib))
}

async fn all(
    container: &Container,
    steps: &[Step],
    log: &mut Log,
    passed_over: &mut Vec<String>,
) -> Result<Ended, Error> {
    for step in steps {
        let command = step.run.join(" ");
        log.add(format!("$ {command}\n").as_bytes());
        let cwd = format!("{WORK_DIR}/{}", step.cwd);
        let code = container
            .exec(&step.run, &cwd, |chunk| log.add(chunk))
            .await?;
        if code == 0 {
            continue;
        }
        let shown = step.shown();
        if !step.may_fail {
            return Ok(Ended::Exit { code, step: shown });
        }
        log.add(format!("[status {code}: passed over, as the plan allows]\n").as_bytes());
        passed_over.push(format!("`{shown}` failed with status {code}"));
    }
    Ok(Ended::Well)
}

/// What the kernel says of a container's memory.
#[derive(Debug, Default, PartialEq, Eq)]
struct Memory {
    /// Processes that it ended for want of memory. The engine's own flag is about the
    /// first process only.
    kills: u64,
    /// The most that was used, caches among it, in MiB.
    peak_mib: Option<u64>,
}

/// Asks the container's own control group: `memory.events` and `memory.peak` of cgroup
/// v2 (Linux `admin-guide/cgroup-v2.rst`, "Memory Interface Files"; the peak since Linux
/// 5.19), `memory.oom_control` and `memory.max_usage_in_bytes` of v1
/// (`admin-guide/cgroup-v1/memory.rst`, sections 4 and 10).
async fn memory_of(container: &Container) -> Memory {
    let files = "cd /sys/fs/cgroup; cat memory.events memory/memory.oom_control \
                 memory.peak memory/memory.max_usage_in_bytes 2>/dev/null";
    // A container that died with its memory cannot be asked.
    match container.ask(&["sh", "-c", files]).await {
        Ok(said) => Memory::read(&said),
        Err(_) => Memory::default(),
    }
}

impl Memory {
    fn read(said: &str) -> Self {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        Self {
            kills: said
                .lines()
                .filter_map(|line| line.strip_prefix("oom_kill "))
                .filter_map(number)
                .sum(),
            peak_mib: said
                .lines()
                .filter_map(number)
                .max()
                .map(|bytes| bytes.div_ceil(1 << 20)),
        }
    }
}

/// What the steps print, up to a limit.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    room: u64,
    dropped: u64,
}

impl Log {
    pub(super) fn create(path: &Path, limit_kib: u64) -> Result<Self, Error> {
        let file = File::create(path).map_err(|error| store::Error::io("create", path, error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            room: limit_kib.saturating_mul(1024),
            dropped: 0,
        })
    }

    /// Adds bytes while there is room, and counts the rest.
    fn add(&mut self, bytes: &[u8]) {
        let fits = usize::try_from(self.room)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let kept = if self.file.write_all(&bytes[..fits]).is_ok() {
            fits
        } else {
            0
        };
        self.room -= kept as u64;
        self.dropped += (bytes.len() - kept) as u64;
    }

    /// Ends the log, saying what was dropped.
    pub(super) fn close(mut self) -> Result<PathBuf, Error> {
        if self.dropped > 0 {
            let note = format!(
                "\n[{} more bytes were dropped: the log's limit]\n",
                self.dropped
            );
            self.file
                .write_all(note.as_bytes())
                .map_err(|error| store::Error::io("write", &self.path, error))?;
        }
        Ok(self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_and_the_peak_are_read_in_both_forms() {
        let v2 = Memory::read("low 0\nmax 5\noom 1\noom_kill 2\noom_group_kill 0\n1048577\n");
        assert_eq!((v2.kills, v2.peak_mib), (2, Some(2)));
        let v1 = Memory::read("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n2097152\n");
        assert_eq!((v1.kills, v1.peak_mib), (1, Some(2)));
        let none = Memory::read("oom_kill 0\n");
        assert_eq!((none.kills, none.peak_mib), (0, None));
        assert_eq!(Memory::read(""), Memory::default());
    }

    #[test]
    fn a_log_is_cut_at_its_limit_and_says_so() {
        let folder = tempfile::tempdir().expect("temp");
        let mut log = Log::create(&folder.path().join("log"), 1).expect("log");
        log.add(&[b'a'; 1000]);
        log.add(&[b'b'; 1000]);
        let text = std::fs::read_to_string(log.close().expect("close")).expect("read");
        assert_eq!(text.matches('a').count(), 1000);
        assert!(text.contains(&"b".repeat(24)) && !text.contains(&"b".repeat(25)));
        assert!(text.contains("976 more bytes were dropped"), "{text}");
    }
}
