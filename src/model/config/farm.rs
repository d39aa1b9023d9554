//! What `remint farm` is told: `[farm]`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;

use crate::model::Ecosystem;

/// The long-running service. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FarmConfig {
    /// Where the status page, the metrics and the reports are. Whoever can connect can
    /// read them: the names of packages and machines, and what builds printed.
    pub listen: SocketAddr,
    /// How many packages are verified at once on this machine; one a processor without
    /// it, and none where it is 0: then others work.
    pub jobs: Option<usize>,
    /// Memory that builds on this machine may reserve, in MiB; three quarters of it
    /// without the line.
    pub memory_mib: Option<u64>,
    /// How long what runs may take to finish after SIGTERM, before it is handed back.
    pub grace: u64,
    /// How long a worker may be silent before its jobs are given to others. The same on
    /// every machine of a farm.
    pub lease: u64,
    /// How often disks are looked after.
    pub tidy: u64,
    /// How many may run at once, on all machines.
    pub limits: FarmLimits,
    /// What is run when.
    pub schedule: Vec<ScheduleConfig>,
    /// This process's own name and key, where it is one of `worker`.
    pub credential: Option<CredentialConfig>,
    /// Who may work beside this process. What others report is not attested.
    pub worker: Vec<WorkerConfig>,
}

impl Default for FarmConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8481)),
            jobs: None,
            memory_mib: None,
            // Most builds end within it; more would hold up a machine that restarts.
            grace: 300,
            // Ten beats: a machine under load skips some.
            lease: 30,
            tidy: 3600,
            limits: FarmLimits::default(),
            schedule: vec![],
            credential: None,
            worker: vec![],
        }
    }
}

impl FarmConfig {
    /// Jobs at once on a machine with so many processors.
    pub fn jobs_on(&self, processors: NonZeroUsize) -> usize {
        self.jobs.unwrap_or(processors.get())
    }
}

/// How many may run at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FarmLimits {
    /// Of an ecosystem.
    pub ecosystem: BTreeMap<Ecosystem, u32>,
    /// Whose source comes from an upstream host.
    pub host: BTreeMap<String, u32>,
}

/// A batch that is run again and again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Its name, and the end of its batches' names.
    pub name: String,
    /// When, in the five fields of crontab(5).
    pub cron: String,
    /// The time zone of `cron`, as the IANA database names it.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// What: batch files, lists, lock files, SBOMs, beside the configuration.
    pub files: Vec<PathBuf>,
    /// Its share beside other schedules, 1 to 16.
    #[serde(default = "one")]
    pub weight: u8,
    /// Whether what is answered already is verified again.
    #[serde(default)]
    pub again: bool,
}

fn utc() -> String {
    "UTC".into()
}

const fn one() -> u8 {
    1
}

/// Who this process is to the farm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialConfig {
    /// The name, as a `[[farm.worker]]` of the service has it.
    pub name: String,
    /// The private key, as `remint farm key` made it.
    pub key: PathBuf,
}

/// A worker that the farm believes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// Its name.
    pub name: String,
    /// Its public key (SPKI PEM).
    pub key: PathBuf,
}
