//! Scripts that run before a package is packed: which ways there are to run them, what is
//! installed for them, and as of when. Pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::super::Facts;
use super::install::Install;
use super::lists::{List, lists};
use super::manifest::Manifest;
use super::publishing::Publishing;
use super::siblings;
use super::{Tools, bootstrap, hooks, period, root_manifest};
use crate::model::{DatedBy, Source, Step};

/// Scripts that run before the package is packed.
#[derive(Clone)]
pub(super) struct Scripts<'a> {
    pub(super) install: Install,
    /// The Node.js and npm that run them.
    pub(super) runner: Tools<'a>,
    /// What runs.
    pub(super) run: List,
    /// Whether scripts of what was installed run first.
    pub(super) runs_installed: bool,
    /// Whether what the package needs of its repository is built first.
    pub(super) builds_siblings: bool,
    /// As of when what no lock file names is resolved.
    pub(super) as_of: AsOf,
    /// Whether they run on a clock that the package tells.
    pub(super) with_clock: bool,
}

/// As of when the mirror shows the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AsOf {
    /// The release.
    Release,
    /// The commit, as the manifests of what is resolved tell.
    Manifests,
    /// The same, where of what is for development these packages alone are installed.
    Called(Vec<String>),
    /// The same, but for these packages with their versions, which the manifest's ranges
    /// begin with.
    Lowest(Vec<String>),
    /// When each range of the manifest was written (seconds since the Unix epoch, by package),
    /// as the manifests of what is resolved tell where `Manifests` would.
    Written(BTreeMap<String, i64>, DatedBy),
    /// Today.
    Today,
    /// What is locked, and today where the registry has that no more or nothing is locked for what
    /// is asked for.
    Mended,
}

impl AsOf {
    /// Whether the registry's own times, or a lock file, say what there was.
    pub(super) const fn is_dated(&self) -> bool {
        matches!(self, Self::Release | Self::Written(_, DatedBy::Registry))
    }

    /// The mirror's cut-off, what dates the packages for it, and why.
    pub(super) fn cutoff(
        &self,
        facts: &Facts<'_>,
        locked: bool,
    ) -> (Option<Timestamp>, DatedBy, Option<&'static str>) {
        match self {
            // What a lock file names was there when it was written, whatever a registry's
            // times say, which may be those of a proxy.
            Self::Release if locked => (None, DatedBy::Registry, None),
            Self::Release => (
                facts.published(),
                DatedBy::Registry,
                Some("the release's publish time, as the registry gives it"),
            ),
            Self::Manifests | Self::Called(_) | Self::Lowest(_) => (
                commit_time(facts),
                DatedBy::Manifests,
                Some("when the commit was made"),
            ),
            Self::Written(since, dated_by) => (
                since
                    .values()
                    .max()
                    .and_then(|last| Timestamp::from_second(*last).ok()),
                *dated_by,
                Some("when what the package asks for was last changed"),
            ),
            Self::Today | Self::Mended => (None, DatedBy::Registry, None),
        }
    }
}

/// How many lists of scripts are tried with a mended install.
const MOST_MENDED: usize = 3;

/// The ways to run scripts before packing, the likeliest first.
pub(super) fn scripts<'a>(
    facts: &Facts<'a>,
    manifest: &Manifest,
    install: &Install,
    runner: Tools<'a>,
    told: Option<&Publishing>,
) -> Vec<Scripts<'a>> {
    let root = root_manifest(facts.tree);
    let lists = lists(facts, manifest, root.as_ref(), told);
    let own = root.as_ref().filter(|_| install.at_root);
    let lowest = own.unwrap_or(manifest).at_their_lowest();
    let raised = (!lowest.is_empty()).then_some(AsOf::Lowest(lowest));
    // What is built for one package alone stands before that, and is tried in one way.
    let likeliest = lists.iter().find(|list| !list.is_narrowed);
    let called = likeliest.and_then(|list| {
        let scripts: Vec<&str> = list.scripts().collect();
        own.unwrap_or(manifest).called_alone(&scripts)
    });
    let dated_by = if has_a_proxys_time(facts) {
        DatedBy::Manifests
    } else {
        DatedBy::Registry
    };
    let written = (!facts.ranges_since.is_empty())
        .then(|| AsOf::Written(facts.ranges_since.clone(), dated_by));
    let undated: Vec<AsOf> = std::iter::once(AsOf::Manifests)
        .chain(called.map(AsOf::Called))
        .chain(written)
        .chain(raised)
        .chain([AsOf::Today])
        .filter(|_| install.lock.is_none())
        .collect();
    let (as_of, at_last) = if install.lock.is_none() && has_a_proxys_time(facts) {
        ([undated, vec![AsOf::Release]].concat(), vec![])
    } else {
        // A copy of the registry may have times of its own for what is needed alone.
        (vec![AsOf::Release], undated)
    };
    let mut install = install.clone();
    let bootstraps = std::mem::take(&mut install.bootstraps);
    if install.lock.is_none() {
        let node = runner.node.purl.version();
        install.without_peers = node.is_some_and(|node| !period::installs_peers(node.as_str()));
    }
    let of = |list: &List, runs_installed, as_of: &AsOf| Scripts {
        install: install.clone(),
        runner,
        run: list.clone(),
        runs_installed,
        builds_siblings: false,
        as_of: as_of.clone(),
        with_clock: false,
    };
    let mut found = Vec::new();
    for list in &lists {
        // The likeliest scripts with all, the others with what is likeliest.
        let is_likeliest = likeliest.is_some_and(|likeliest| std::ptr::eq(likeliest, list));
        let tried = if is_likeliest {
            &as_of[..]
        } else {
            &as_of[..1]
        };
        found.extend(tried.iter().map(|as_of| of(list, false, as_of)));
    }
    // Its own scripts take a fraction of the time that all packages of the repository do: where they
    // are not the likeliest anyway, they are tried before what is.
    let own = facts.package_dir();
    let is_below = install.at_root && own != "src";
    if bootstraps || (is_below && siblings::may_be_needed(facts)) {
        let list = lists.iter().find(|list| is_of(list, &own));
        let built_first = list.map(|list| {
            let mut scripts = of(list, false, &as_of[0]);
            scripts.install.bootstraps = bootstraps;
            scripts.builds_siblings = true;
            scripts
        });
        let own_is_likeliest = lists.first().is_some_and(|list| is_of(list, &own));
        let place = found.len().min(usize::from(own_is_likeliest));
        found.splice(place..place, built_first);
    }
    for as_of in &at_last {
        found.extend(likeliest.map(|list| of(list, false, as_of)));
    }
    if install.can_mend() {
        let mended = |scripts: &Scripts<'a>| Scripts {
            as_of: AsOf::Mended,
            ..scripts.clone()
        };
        // The first tells whether an install can be mended at all; the others wait for that.
        let mut full = 0;
        let by_list = lists.iter().take_while(|list| {
            let is_left = full < MOST_MENDED;
            full += usize::from(!list.is_narrowed);
            is_left
        });
        let by_list = by_list.map(|list| of(list, false, &AsOf::Mended));
        let built_first = found.iter().find(|scripts| scripts.builds_siblings);
        // Bootstrapping mends by itself.
        let built_first = built_first.filter(|scripts| !scripts.install.bootstraps);
        let built_first = built_first.map(mended);
        let mended: Vec<_> = built_first.into_iter().chain(by_list).collect();
        found.extend(mended);
    }
    // Scripts of what was installed are run only where the build came to nothing without.
    if install.has_scripts {
        found.extend(likeliest.map(|list| of(list, true, &as_of[0])));
    }
    if hooks::shows_a_clock(facts) || hooks::asks_a_clock(facts) {
        // Once without, since a person may have written it: first where it is the year alone, and
        // last where it is the time of day, which people hardly write, or where what is built for
        // depends on it.
        let mut full = found.iter().filter(|scripts| !scripts.run.is_narrowed);
        let likeliest = full.next().cloned();
        for scripts in &mut found {
            scripts.with_clock = true;
        }
        let is_the_year_alone = facts.made_at.is_none() && facts.made_with_year > 0;
        let place = if is_the_year_alone && !hooks::asks_a_clock(facts) {
            0
        } else {
            found.len()
        };
        found.splice(place..place, likeliest);
    }
    found
}

/// Whether all that runs is of this folder.
fn is_of(list: &List, folder: &str) -> bool {
    list.calls.iter().all(|call| call.cwd() == folder)
}

/// How long after its commit a release is published at most, in seconds, before the
/// registry's time is taken for a proxy's: when it first saw the release.
const LONG_AFTER: i64 = 30 * 24 * 3600;

/// Whether the release's time says nothing about when it was published. Then the times of
/// what it needs say nothing either, and a build as of that time finds half of them.
fn has_a_proxys_time(facts: &Facts<'_>) -> bool {
    match (facts.source, facts.published()) {
        (Source::Git { git, .. }, Some(published)) => {
            published.as_second().saturating_sub(git.commit_time) > LONG_AFTER
        }
        _ => false,
    }
}

/// Why what scripts need is not resolved as of the release.
const NO_TIMES: &str =
    "no lock file, and the registry's times may be those of a copy, which are later";

/// What makes the checkout a clone whose commit and remote scripts can ask git for, as they
/// could where they were published; it has no objects (gitrepository-layout(5)).
pub(super) fn clone_of(source: &Source) -> Vec<(String, String)> {
    let Source::Git { git, .. } = source else {
        return Vec::new();
    };
    // Quotation marks and line ends would end the value (git-config(1), "Syntax").
    let url: String = git
        .repository
        .chars()
        .filter(|character| !matches!(character, '"' | '\\' | '\n'))
        .collect();
    [
        ("HEAD", format!("{}\n", git.commit)),
        (
            "config",
            format!(
                "[core]\n\trepositoryformatversion = 0\n[remote \"origin\"]\n\turl = \"{url}\"\n"
            ),
        ),
        ("objects/.keep", String::new()),
        ("refs/.keep", String::new()),
    ]
    .into_iter()
    .map(|(name, text)| (format!("src/.git/{name}"), text))
    .collect()
}

/// When the source's commit was made.
fn commit_time(facts: &Facts<'_>) -> Option<Timestamp> {
    match facts.source {
        Source::Git { git, .. } => Timestamp::from_second(git.commit_time).ok(),
        Source::Sdist { .. } => None,
    }
}

impl Scripts<'_> {
    /// The commands that install what the scripts need.
    pub(super) fn prepare(&self, package: &str) -> Vec<Step> {
        if self.install.bootstraps {
            let run = bootstrap::install(self.install.without_peers);
            return vec![Step::new(run, package.to_owned())];
        }
        let folder = if self.install.at_root { "src" } else { package };
        let commands = match &self.as_of {
            AsOf::Mended => self.install.mended(),
            AsOf::Called(called) => self.install.lean(called),
            AsOf::Lowest(exact) => self.install.commands(exact),
            AsOf::Written(..) => self.install.as_written(),
            AsOf::Release | AsOf::Manifests | AsOf::Today => self.install.commands(&[]),
        };
        let mut steps: Vec<Step> = commands
            .into_iter()
            .map(|run| Step::new(run, folder.to_owned()))
            .collect();
        if self.runs_installed {
            // Some of them build with compilers, or fetch from elsewhere, which is not there.
            steps.push(Step {
                may_fail: true,
                ..Step::new(self.install.run_scripts(), folder.to_owned())
            });
        }
        steps
    }

    pub(super) fn why_installed(&self) -> String {
        let mut why = match (self.install.lock, &self.as_of) {
            (Some(lock), AsOf::Mended) => format!(
                "the source locks what its scripts need in {lock}; what that lacks and what the registry has no more is resolved anew,\nand what leads to a git host is left out"
            ),
            (Some(lock), _) => format!("the source locks what its scripts need in {lock}"),
            (None, AsOf::Release) => {
                "no lock file, so what scripts need is resolved as of the release".into()
            }
            (None, AsOf::Manifests) => {
                format!("{NO_TIMES}; what scripts need is resolved as its own manifests date it")
            }
            (None, AsOf::Called(called)) => format!(
                "{NO_TIMES}; what scripts need is resolved as its own manifests date it, and of what is for development what they call alone: {}",
                called.join(", ")
            ),
            (None, AsOf::Written(..)) => "no lock file, and a publisher's folder may have what was newest when each range was written".into(),
            (None, AsOf::Lowest(_)) => format!(
                "{NO_TIMES}; what package.json asks for is taken at the versions that its ranges begin with, and the rest as its own manifests date it"
            ),
            (None, AsOf::Today | AsOf::Mended) => {
                format!("{NO_TIMES}; what scripts need is resolved as of today")
            }
        };
        if self.install.bootstraps {
            why.push_str("\nlerna installs each package of the repository by itself, and links those that need each other");
        }
        if self.runs_installed {
            why.push_str(
                "\nwhat is installed has scripts of its own, which publishers' installers run",
            );
        }
        why
    }
}
