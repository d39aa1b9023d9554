//! The configuration of a farm, checked whole before anything is started: every problem
//! is named, not only the first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::farm::credential::Believed;
use crate::farm::input;
use crate::farm::schedule::Schedule;
use crate::model::{FarmConfig, ScheduleConfig};

/// The shortest deadline of a lease, in seconds: ten beats of half a second. Below it a
/// busy machine loses its jobs.
const SHORTEST_LEASE: u64 = 5;

/// The shortest time between two looks at the disks, in seconds.
const SHORTEST_TIDY: u64 = 60;

/// A farm that can be started.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its schedules, with their files where they are.
    pub schedules: Vec<Planned>,
    /// The workers that it believes.
    pub believed: Believed,
}

/// A schedule with what it runs.
#[derive(Clone, Debug)]
pub struct Planned {
    /// When.
    pub schedule: Schedule,
    /// What, as paths that do not depend on where the process runs.
    pub files: Vec<PathBuf>,
}

impl Planned {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.schedule.config().name
    }
}

/// Checks `config`, whose relative paths are below `folder`.
///
/// # Errors
/// Every problem, each with what to do.
pub fn check(config: &FarmConfig, folder: &Path) -> Result<Checked, Vec<String>> {
    let mut problems = Vec::new();
    if config.lease < SHORTEST_LEASE {
        problems.push(format!(
            "[farm] lease = {}: below {SHORTEST_LEASE} seconds a busy machine loses its jobs",
            config.lease
        ));
    }
    if config.tidy < SHORTEST_TIDY {
        problems.push(format!(
            "[farm] tidy = {}: write {SHORTEST_TIDY} seconds or more",
            config.tidy
        ));
    }
    for (kind, name) in no_room(config) {
        problems.push(format!(
            "[farm.limits.{kind}] {name} = 0 would never let one run; leave the ecosystem out of the batch's policy"
        ));
    }
    let mut names = BTreeSet::new();
    let mut schedules = Vec::new();
    for schedule in &config.schedule {
        if !names.insert(&schedule.name) {
            problems.push(format!("two schedules have the name `{}`", schedule.name));
        }
        match planned(schedule, folder) {
            Ok(planned) => schedules.push(planned),
            Err(problem) => problems.push(problem),
        }
    }
    let mut believed = Believed::default();
    let mut names = BTreeSet::new();
    for worker in &config.worker {
        if !names.insert(&worker.name) {
            problems.push(format!("two workers have the name `{}`", worker.name));
        }
        if let Err(error) = believed.add(&worker.name, &folder.join(&worker.key)) {
            problems.push(error.to_string());
        }
    }
    if problems.is_empty() {
        Ok(Checked {
            schedules,
            believed,
        })
    } else {
        Err(problems)
    }
}

/// Limits that let nothing run.
fn no_room(config: &FarmConfig) -> Vec<(&'static str, String)> {
    let ecosystems = config.limits.ecosystem.iter();
    let ecosystems = ecosystems.map(|(name, most)| ("ecosystem", name.to_string(), *most));
    let hosts = config.limits.host.iter();
    let hosts = hosts.map(|(name, most)| ("host", name.clone(), *most));
    ecosystems
        .chain(hosts)
        .filter(|(.., most)| *most == 0)
        .map(|(kind, name, _)| (kind, name))
        .collect()
}

fn planned(config: &ScheduleConfig, folder: &Path) -> Result<Planned, String> {
    let schedule = Schedule::parse(config).map_err(|error| error.to_string())?;
    let name = &config.name;
    if config.files.is_empty() {
        return Err(format!("the schedule `{name}` names no file"));
    }
    let files: Vec<_> = config.files.iter().map(|file| folder.join(file)).collect();
    input::read(&files).map_err(|error| format!("the schedule `{name}`: {error}"))?;
    Ok(Planned { schedule, files })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;

    fn farm(text: &str) -> FarmConfig {
        Config::parse(text, "remint.toml").expect("TOML").farm
    }

    #[test]
    fn every_problem_is_named_before_anything_is_started() {
        let folder = tempfile::tempdir().expect("temp");
        std::fs::write(folder.path().join("bad.txt"), "itoa 1.0\n").expect("write");
        let config = farm(
            "[farm]\nlease = 1\n\
             [farm.limits.ecosystem]\nnpm = 0\n\
             [[farm.schedule]]\nname = \"a\"\ncron = \"* * *\"\nfiles = [\"bad.txt\"]\n\
             [[farm.schedule]]\nname = \"b\"\ncron = \"0 2 * * *\"\nfiles = [\"gone.txt\"]\n\
             [[farm.schedule]]\nname = \"b\"\ncron = \"0 2 * * *\"\nfiles = [\"bad.txt\"]\n\
             [[farm.worker]]\nname = \"build-1\"\nkey = \"gone.pub\"\n",
        );
        let problems = check(&config, folder.path()).expect_err("wrong").join("\n");
        for part in [
            "lease = 1",
            "npm = 0",
            "`a` has the cron expression",
            "gone.txt",
            "two schedules",
            "bad.txt, line 1",
            "gone.pub",
        ] {
            assert!(problems.contains(part), "{part} is missing in:\n{problems}");
        }
    }

    #[test]
    fn files_are_found_beside_the_configuration() {
        let folder = tempfile::tempdir().expect("temp");
        std::fs::write(folder.path().join("list.txt"), "pkg:cargo/itoa@1.0.18\n").expect("write");
        let config = farm(
            "[[farm.schedule]]\nname = \"night\"\ncron = \"0 2 * * *\"\ntime_zone = \"Asia/Kolkata\"\nfiles = [\"list.txt\"]\n",
        );
        let checked = check(&config, folder.path()).expect("good");
        assert_eq!(checked.schedules[0].files, [folder.path().join("list.txt")]);
        assert!(checked.believed.is_empty());
    }
}
