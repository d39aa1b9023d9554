//! What runs before a package is packed, as lists of calls: what the publisher's own workflow or
//! script says, then what publishing runs by itself and what builds by convention. Pure.

use std::collections::BTreeMap;

use super::super::Facts;
use super::install::{Installer, words};
use super::made;
use super::manifest::{Manifest, script_that_edits};
use super::narrow;
use super::publishing::Publishing;
use super::semantic_release;
use super::tasks;
use crate::model::Step;

/// What runs before a folder is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct List {
    pub(super) calls: Vec<Call>,
    /// The folder that is packed, where it is not the package's own.
    pub(super) folder: Option<String>,
    /// Whether that is one that the build makes, which is looked for then.
    pub(super) is_made: bool,
    /// Where the publisher says that this is what runs.
    pub(super) said_by: Option<String>,
    /// Whether that is a workflow.
    pub(super) is_workflow: bool,
    /// Whether this is another list for one package of the repository's.
    pub(super) is_narrowed: bool,
}

impl List {
    /// The scripts of `package.json` that are called.
    pub(super) fn scripts(&self) -> impl Iterator<Item = &'static str> {
        scripts(&self.calls)
    }

    /// Whether the version is written in at its time among what runs.
    pub(super) fn writes_version(&self) -> bool {
        let mut calls = self.calls.iter();
        calls.any(|call| matches!(call, Call::Version { .. }))
    }
}

/// The scripts of `package.json` among these calls.
fn scripts(calls: &[Call]) -> impl Iterator<Item = &'static str> {
    calls.iter().filter_map(|call| match call {
        Call::Script { name, .. } => Some(*name),
        Call::Command { .. } | Call::Version { .. } => None,
    })
}

/// How a script is called that formats all that is there, by convention.
const FORMATTING: &str = "format";

/// What is said of a script that makes the manifest what was published.
const EDITING: &str =
    "it is told a file that the published package.json names, and the source's does not";

/// What is said of commands that the publisher runs.
const BEFORE_PUBLISHING: &str = "it is run before publishing";

/// One thing that runs; each in a folder of the work folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// A script of `package.json`; by its text alone where npm would run others with it.
    Script {
        name: &'static str,
        alone: Option<String>,
        cwd: String,
    },
    /// Lines for a shell.
    Command {
        text: String,
        env: BTreeMap<String, String>,
        cwd: String,
        /// What says that they run.
        why: &'static str,
    },
    /// The release's version is written into `package.json`.
    Version { version: String, cwd: String },
}

impl Call {
    /// The folder where it runs, below the work folder.
    pub(super) fn cwd(&self) -> &str {
        match self {
            Self::Script { cwd, .. } | Self::Command { cwd, .. } | Self::Version { cwd, .. } => cwd,
        }
    }

    /// The step, and what says that it is one.
    pub(super) fn step(&self, installer: Installer) -> (Step, String) {
        let (run, cwd, why) = match self {
            Self::Version { version, cwd } => {
                // As semantic-release's npm plugin does; it is npm that knows how to write
                // the file. In a workspace it would install anew then (npm documentation, "npm
                // version", `workspaces-update`).
                let mut run = words(
                    "npm version --no-git-tag-version --no-workspaces-update --ignore-scripts",
                );
                run.push(version.clone());
                let why = "the source leaves its version to the release";
                return (Step::new(run, cwd.clone()), why.to_owned());
            }
            Self::Script { name, alone, cwd } => {
                let run = match alone {
                    Some(text) => ["npm", "exec", "-c", text].map(str::to_owned).to_vec(),
                    None => installer.run(name),
                };
                (run, cwd, format!("package.json has a script {name}"))
            }
            Self::Command {
                text,
                env,
                cwd,
                why,
            } => {
                let mut run = vec!["env".to_owned()];
                run.extend(env.iter().map(|(name, value)| format!("{name}={value}")));
                // As workflows run them (GitHub documentation, "Workflow syntax",
                // `jobs.<job_id>.steps[*].shell`), and with programs where scripts find them.
                let found = "PATH=\"$PWD/node_modules/.bin:$PATH\"";
                run.extend(["bash", "-e", "-c"].map(str::to_owned));
                run.push(format!("{found}\n{text}"));
                (run, cwd, (*why).to_owned())
            }
        };
        let step = Step {
            may_fail: true,
            ..Step::new(run, cwd.clone())
        };
        (step, why)
    }
}

/// The lists of what runs, the likeliest first.
pub(super) fn lists(
    facts: &Facts<'_>,
    manifest: &Manifest,
    root: Option<&Manifest>,
    told: Option<&Publishing>,
) -> Vec<List> {
    let own = facts.package_dir();
    let of = Package {
        folder: manifest
            .published_folder()
            .map(|folder| format!("{own}/{folder}")),
        own,
        facts,
        manifest,
        root,
    };
    let mut lists: Vec<List> = told.map(|told| of.told(told)).into_iter().collect();
    lists.extend(of.by_convention());
    // What the source has in the package's own place is not what was published then; what
    // makes that may need no script before it.
    let nothing = || of.plain(Vec::new());
    let likeliest = lists.first().cloned().unwrap_or_else(nothing);
    if likeliest.folder.is_none() && made::is_told(facts) {
        lists.insert(0, of_made_folder(&likeliest, facts));
    }
    if let Some(text) = semantic_release::prepares(facts) {
        let mut prepared = lists.first().cloned().unwrap_or_else(nothing);
        prepared.calls.push(Call::Command {
            text,
            env: BTreeMap::new(),
            cwd: "src".to_owned(),
            why: "semantic-release is told to run it before it publishes",
        });
        lists.insert(0, prepared);
    }
    let project = project(facts);
    let package = narrow::Package {
        name: facts.release.purl.name().as_str(),
        project: project.as_deref(),
        by_npm: !["/yarn.lock", "/pnpm-lock.yaml"]
            .iter()
            .any(|lock| facts.tree.contains_key(*lock)),
    };
    let mut left = MOST_NARROWED;
    // No runner has the root among its packages.
    let is_below = of.own != "src";
    let mut narrowed = |list: &List| {
        let root = root.filter(|_| is_below && left > 0)?;
        let narrowed = narrow::narrowed(list, root, &package)?;
        left -= 1;
        Some(narrowed)
    };
    if let Some(name) = script_that_edits(facts, manifest) {
        if lists.is_empty() {
            lists.push(of.plain(Vec::new()));
        }
        for list in lists.iter_mut().filter(|list| list.folder.is_none()) {
            if !list.scripts().any(|run| run == name) {
                list.calls.push(of.runs(name, EDITING));
            }
        }
    }
    if likeliest.folder.is_none() && manifest.has_own_program(made::PACKAGING) {
        let packaged = of.plain(vec![of.runs(made::PACKAGING, "it makes what is published")]);
        lists.insert(lists.len().min(1), of_made_folder(&packaged, facts));
    }
    let mut lists: Vec<List> = lists
        .into_iter()
        .flat_map(|list| narrowed(&list).into_iter().chain([list]))
        .collect();
    let mut seen = Vec::new();
    lists.retain(|list| {
        let what = (list.calls.clone(), list.folder.clone());
        let is_new = !list.calls.is_empty() && !seen.contains(&what);
        seen.push(what);
        is_new
    });
    lists
}

/// How many lists are tried for the one package alone first: each is one try more.
const MOST_NARROWED: usize = 2;

/// The name that Nx has for the package, where it has a file of its own for it.
fn project(facts: &Facts<'_>) -> Option<String> {
    let bytes = facts.tree.get(narrow::PROJECT)?;
    let told: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    Some(told["name"].as_str()?.to_owned())
}

/// The package whose scripts are run.
struct Package<'a> {
    facts: &'a Facts<'a>,
    manifest: &'a Manifest,
    /// The manifest at the repository's root.
    root: Option<&'a Manifest>,
    /// Its folder, below the work folder.
    own: String,
    /// The one that is published in its place.
    folder: Option<String>,
}

impl Package<'_> {
    /// These calls, and nobody says that it is they; with what makes the folder that is published.
    fn plain(&self, mut calls: Vec<Call>) -> List {
        if !calls.is_empty() {
            calls.extend(self.makes_folder(&calls));
        }
        List {
            calls,
            folder: self.folder.clone(),
            is_made: false,
            said_by: None,
            is_workflow: false,
            is_narrowed: false,
        }
    }

    /// What publishing runs by itself: where another folder is published, what that one says.
    fn run_by_publishing(&self, folder: Option<&str>) -> Vec<Call> {
        match folder {
            Some(_) => Vec::new(),
            None => called(&self.manifest.run_by_publishing(), self.manifest, &self.own),
        }
    }

    /// What the publisher says.
    fn told(&self, told: &Publishing) -> List {
        let below = |folder: &str| match folder {
            "" => "src".to_owned(),
            folder => format!("src/{folder}"),
        };
        // What semantic-release is told of its folder holds where it publishes the root's package.
        let by_settings = (told.writes_version && self.own == "src")
            .then(|| semantic_release::published_folder(self.facts))
            .flatten()
            .filter(|_| told.folder.is_none());
        let folder = told.folder.as_deref().or(by_settings.as_deref()).map(below);
        let commands = told.commands.iter().map(|command| Call::Command {
            text: command.text.clone(),
            env: command.env.clone(),
            cwd: below(&command.cwd),
            why: BEFORE_PUBLISHING,
        });
        // As semantic-release does, which is called when all of that has run: into the manifest
        // that it publishes, and then where a text stands for it.
        let published = by_settings.as_ref().and(folder.as_deref());
        let version = version(self.facts, self.manifest, published.unwrap_or(&self.own));
        let is_its_own = folder.is_none() || by_settings.is_some();
        let version = version.filter(|_| told.writes_version && is_its_own);
        let written = version.as_ref().and_then(|_| {
            let text = semantic_release::writes(self.facts)?;
            Some(Call::Command {
                text,
                env: BTreeMap::new(),
                cwd: "src".to_owned(),
                why: "semantic-release is told to write the version there before it publishes",
            })
        });
        let mut calls: Vec<Call> = commands.collect();
        // Something has made the folder that is published, and what checks builds first.
        if calls.is_empty() && folder.is_some() {
            let builds = self.manifest.scripts_to_try();
            let first = builds.first().map_or(&[][..], Vec::as_slice);
            calls = called(first, self.manifest, &self.own);
        }
        calls.extend(version.into_iter().chain(written));
        calls.extend(self.run_by_publishing(folder.as_deref()));
        List {
            calls,
            folder,
            is_made: false,
            said_by: Some(told.said_by.clone()),
            is_workflow: told.is_workflow,
            is_narrowed: false,
        }
    }

    /// What builds where nobody says what does.
    fn by_convention(&self) -> Vec<List> {
        // Packages without scripts of their own are built from the root of their repository.
        let (scripts, of, cwd) = match (self.manifest.scripts_to_try(), self.root) {
            (scripts, Some(root)) if scripts.is_empty() => (root.scripts_to_try(), root, "src"),
            (scripts, _) => (scripts, self.manifest, self.own.as_str()),
        };
        let mut lists: Vec<List> = self
            .by_roots_publishing()
            .into_iter()
            .filter(|_| cwd != self.own)
            .chain(scripts.iter().map(|run| self.plain(called(run, of, cwd))))
            .collect();
        // What publishing runs alone may have been run before, by tests say, with what npm runs
        // around it.
        lists.extend(
            scripts
                .first()
                .map(|run| self.plain(whole(called(run, of, cwd)))),
        );
        lists.extend(self.by_root().filter(|_| cwd != "src"));
        lists.extend(self.by_tasks());
        if scripts.is_empty() && cwd != self.own {
            let task = tasks::of_root(self.facts.tree);
            lists.extend(task.map(|task| self.by_roots_tasks(vec![task])));
        }
        let built = self.by_root().or_else(|| lists.first().cloned());
        let formatted = built.and_then(|list| self.formatted(list));
        // What publishing runs for a repository's one package says so itself.
        let is_usual = self.own != "src" && self.root_or_own().runs_in_order("build", FORMATTING);
        let place = if is_usual { 0 } else { lists.len() };
        lists.splice(place..place, formatted);
        lists
    }

    /// The manifest at the repository's root, which is the package's own where that is there.
    fn root_or_own(&self) -> &Manifest {
        self.root.unwrap_or(self.manifest)
    }

    /// The same, where the repository's own script formats what was built before it is tested and
    /// published.
    fn formatted(&self, mut list: List) -> Option<List> {
        let cwd = if self.root.is_some() {
            "src"
        } else {
            &self.own
        };
        list.calls.push(Call::Script {
            name: FORMATTING,
            alone: None,
            cwd: cwd.to_owned(),
        });
        self.root_or_own().has(FORMATTING).then_some(list)
    }

    /// What makes the folder that is published, where none of these scripts does.
    fn makes_folder(&self, calls: &[Call]) -> Option<Call> {
        let folder = self.manifest.published_folder()?;
        let run: Vec<_> = scripts(calls).collect();
        let name = self.manifest.makes(&folder, &run)?;
        let runs = format!("npm run {name}");
        let is_there = |call: &Call| matches!(call, Call::Command { text, .. } if *text == runs);
        let is_run = calls.iter().any(is_there);
        (!is_run).then(|| self.runs(name, "it makes the folder that is published"))
    }

    /// Runs a script of any name.
    fn runs(&self, name: &str, why: &'static str) -> Call {
        Call::Command {
            text: format!("npm run {name}"),
            env: BTreeMap::new(),
            cwd: self.own.clone(),
            why,
        }
    }

    /// What a package of a workspace needs of the others is built from the root.
    fn by_root(&self) -> Option<List> {
        let is_root = self.own == "src";
        let all = self.root.filter(|_| !is_root).and_then(Manifest::build)?;
        let root = Call::Script {
            name: all,
            alone: None,
            cwd: "src".to_owned(),
        };
        let own = self.run_by_publishing(self.folder.as_deref());
        Some(self.plain(std::iter::once(root).chain(own).collect()))
    }

    /// What builds all packages of the repository for publishing by its file of tasks; with what that runs
    /// then, and without.
    fn by_roots_publishing(&self) -> Vec<List> {
        let Some(task) = tasks::for_publishing(self.facts.tree) else {
            return Vec::new();
        };
        let after = tasks::before_publishing(self.facts.tree);
        let plain = self.by_roots_tasks(vec![task.clone()]);
        let with_it = std::iter::once(task).chain(after).collect();
        let mut lists = vec![self.by_roots_tasks(with_it)];
        if lists.iter().all(|list| list.calls != plain.calls) {
            lists.push(plain);
        }
        lists
    }

    /// What runs from the root by its file of tasks.
    fn by_roots_tasks(&self, commands: Vec<String>) -> List {
        let call = |text| Call::Command {
            text,
            env: BTreeMap::new(),
            cwd: "src".to_owned(),
            why: "the root's file of tasks has one that builds",
        };
        self.plain(commands.into_iter().map(call).collect())
    }

    /// What a script of another name or a task runner builds, where no script does whose name
    /// says so.
    fn by_tasks(&self) -> Option<List> {
        if self.manifest.build().is_some() {
            return None;
        }
        let (text, why) = match self.manifest.runs_a_builder() {
            Some(name) => (format!("npm run {name}"), "it runs a program that builds"),
            None => (
                tasks::command(self.facts.tree)?.to_owned(),
                "no script builds, and its file of tasks is there",
            ),
        };
        Some(self.plain(vec![Call::Command {
            text,
            env: BTreeMap::new(),
            cwd: self.own.clone(),
            why,
        }]))
    }
}

/// The same as this list, where what is packed is a folder that was made.
fn of_made_folder(list: &List, facts: &Facts<'_>) -> List {
    let mut made = List {
        folder: Some(made::FOLDER.to_owned()),
        is_made: true,
        ..list.clone()
    };
    made.calls
        .extend(made::command(facts).map(|text| Call::Command {
            text: text.to_owned(),
            env: BTreeMap::new(),
            cwd: facts.package_dir(),
            why: BEFORE_PUBLISHING,
        }));
    made
}

/// The same calls, each with what npm runs before and after it.
fn whole(calls: Vec<Call>) -> Vec<Call> {
    calls
        .into_iter()
        .map(|call| match call {
            Call::Script { name, cwd, .. } => Call::Script {
                name,
                alone: None,
                cwd,
            },
            other => other,
        })
        .collect()
}

/// What writes the version in, where the source leaves it open.
pub(super) fn version(facts: &Facts<'_>, manifest: &Manifest, cwd: &str) -> Option<Call> {
    let version = facts.release.purl.version()?.as_str();
    manifest.leaves_open(version).then(|| Call::Version {
        version: version.to_owned(),
        cwd: cwd.to_owned(),
    })
}

/// Calls of scripts; those that publishing runs by itself are run alone.
fn called(scripts: &[&'static str], manifest: &Manifest, cwd: &str) -> Vec<Call> {
    scripts
        .iter()
        .map(|script| Call::Script {
            name: script,
            alone: manifest.alone(script).map(str::to_owned),
            cwd: cwd.to_owned(),
        })
        .collect()
}
