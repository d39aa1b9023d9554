//! Which candidates there are for a release, the likeliest first: what may have packed, without
//! scripts and then with them. Pure.

use super::super::listing::Listing;
use super::super::{Candidate, Error, Facts, NodeZlib, RegistryTool};
use super::family;
use super::install::{Install, Installer, install};
use super::lerna;
use super::listing;
use super::manifest::{self, Manifest};
use super::packer::{Packer, packers};
use super::publishing::Publishing;
use super::scripts::{Scripts, scripts};
use super::steps::Packing;
use super::{
    NODE_PACKAGE, Pair, Runner, Tools, Way, folder_of, pairs, purl, runner_of, said_node, told,
    tool, unlocked_yarn,
};

/// How many others that may have packed are tried with scripts, which take minutes.
const MOST_OTHERS: usize = 2;

/// What is known of how a release was packed.
pub(super) struct Tries<'a> {
    facts: &'a Facts<'a>,
    manifest: Manifest,
    told: Option<Publishing>,
    install: Option<Install>,
    /// The installer with its package, where it is not npm.
    installer: Option<(Installer, &'a RegistryTool)>,
    /// Those that the registry serves; never empty.
    pairs: Vec<(Pair, Tools<'a>)>,
    /// What runs scripts.
    runner: Tools<'a>,
}

impl<'a> Tries<'a> {
    /// # Errors
    /// [`Error::Incomplete`] where the source's manifest cannot be read, or the registry serves
    /// none of what may have packed.
    pub(super) fn of(facts: &'a Facts<'a>) -> Result<Self, Error> {
        let named = |error| match error {
            Error::Incomplete(what) => {
                Error::Incomplete(format!("{}: {what}", facts.artifact.name))
            }
            other @ Error::Unsupported(_) => other,
        };
        let manifest = manifest::of_source(facts.tree).map_err(named)?;
        let pairs = served_pairs(facts);
        let Some((first, first_tools)) = pairs.first() else {
            return Err(named(Error::Incomplete(
                "the registry does not serve the Node.js and npm that the plan needs".into(),
            )));
        };
        let told = told(facts.source, facts.tree);
        let said = said_node(facts.tree, told.as_ref());
        let runner = served(facts, &runner_of(first, facts.source, said));
        let install = install(facts.tree, folder_of(facts.source))
            .map(|install| install.by_served(|purl| tool(facts, purl).is_some()));
        let yarn = || unlocked_yarn(facts.source, facts.gzip, facts.stamps);
        let installer = install
            .as_ref()
            .and_then(|install| Some((install.installer, tool(facts, &install.purl()?)?)))
            .or_else(|| Some((Installer::Yarn, tool(facts, &yarn()?)?)));
        Ok(Self {
            runner: runner.unwrap_or(*first_tools),
            facts,
            manifest,
            told,
            install,
            installer,
            pairs,
        })
    }

    /// All of them. Without a script first: it takes seconds, and many scripts make nothing. But
    /// where something was made, packing alone cannot have it.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let ways = self.ways();
        let (plain, scripted) = (self.without_scripts(&ways), self.with_scripts(&ways));
        if self.facts.made > 0 {
            [scripted, plain].concat()
        } else {
            [plain, scripted].concat()
        }
    }

    /// What may have packed, and on what.
    fn ways(&self) -> Vec<Way<'a>> {
        self.packers()
            .into_iter()
            .flat_map(|packer| match packer {
                Packer::Npm => self
                    .pairs
                    .iter()
                    .map(|pair| Way::of(packer, pair))
                    .collect(),
                Packer::Yarn | Packer::Berry | Packer::Pnpm => self.ways_of_its_time(packer),
                Packer::Lerna => self.ways_of_lerna(),
            })
            .collect()
    }

    /// The packers whose program is there.
    fn packers(&self) -> Vec<Packer> {
        let facts = self.facts;
        let published = facts.members.get("package.json");
        let published = published.and_then(|bytes| manifest::parse(bytes).ok());
        let installs = |which| self.installer.is_some_and(|(there, _)| there == which);
        let told = match packers(facts.gzip, facts.stamps, facts.tree, published.as_ref()) {
            [Packer::Npm] if unlocked_yarn(facts.source, facts.gzip, facts.stamps).is_some() => {
                &[Packer::Yarn, Packer::Npm]
            }
            told => told,
        };
        told.iter()
            .copied()
            .filter(|packer| match packer {
                Packer::Npm | Packer::Lerna => true,
                Packer::Yarn => installs(Installer::Yarn),
                Packer::Berry => installs(Installer::Berry),
                Packer::Pnpm => installs(Installer::Pnpm),
            })
            .collect()
    }

    /// yarn and pnpm pack with the Node.js of their time, or with one that the marks tell.
    fn ways_of_its_time(&self, packer: Packer) -> Vec<Way<'a>> {
        let by_marks = Way::of(packer, &self.pairs[0]);
        let of_its_time = Way {
            tools: self.runner,
            ..by_marks
        };
        if self.runner.node == by_marks.tools.node {
            return vec![by_marks];
        }
        let zlib = |way: &Way<'_>| family::zlib_of(way.tools.node.purl.version()?.as_str());
        let told = self.told_zlib();
        if told.is_some() && told == zlib(&by_marks) && told != zlib(&of_its_time) {
            vec![by_marks, of_its_time]
        } else {
            vec![of_its_time, by_marks]
        }
    }

    /// Whose zlib wrote the stream, where that is known.
    fn told_zlib(&self) -> Option<NodeZlib> {
        self.facts.gzip.and_then(|marks| marks.node_zlib)
    }

    /// lerna packs on what the marks tell, with libraries of npm.
    fn ways_of_lerna(&self) -> Vec<Way<'a>> {
        let npms = lerna::npms(self.facts.tree).iter();
        npms.filter_map(|npm| tool(self.facts, &purl("npm", npm)?))
            .flat_map(|npm| self.pairs.iter().map(move |(_, tools)| (npm, tools.node)))
            .map(|(npm, node)| Way {
                packer: Packer::Lerna,
                tools: Tools { node, npm },
                why: "the gzip header is of npm 7's libraries, and the repository's root asks for lerna or lerna-lite",
            })
            .collect()
    }

    fn packing(
        &self,
        way: &Way<'a>,
        scripts: Option<Scripts<'a>>,
        listing: Option<Listing>,
    ) -> Candidate {
        Packing {
            facts: self.facts,
            manifest: &self.manifest,
            tools: way.tools,
            packer: way.packer,
            installer: self.installer,
            why: way.why,
            listing,
        }
        .candidate(scripts)
    }

    /// Each way by itself, and then with folders listed as the publisher's were.
    fn without_scripts(&self, ways: &[Way<'a>]) -> Vec<Candidate> {
        let packing_has_scripts = ["prepack", "postpack"]
            .iter()
            .any(|name| self.manifest.has(name));
        let runs_none = |way: &&Way<'_>| !(packing_has_scripts && way.packer.runs_scripts());
        let plain = ways.iter().filter(runs_none);
        let listed = ways.iter().filter_map(|way| {
            let listing = listing::order(self.facts, way)?;
            Some(self.packing(way, None, Some(listing)))
        });
        plain
            .map(|way| self.packing(way, None, None))
            .chain(listed)
            .collect()
    }

    /// All ways to run scripts with what is likeliest to have packed, and the likeliest scripts
    /// with the next: marks do not always tell what packed from what else may have.
    fn with_scripts(&self, ways: &[Way<'a>]) -> Vec<Candidate> {
        let (Some(install), Some((likeliest, others))) = (&self.install, ways.split_first()) else {
            return Vec::new();
        };
        let scripts = scripts(
            self.facts,
            &self.manifest,
            install,
            self.runner,
            self.told.as_ref(),
        );
        // Where there are two of the same, the one with a clock.
        let mut full = scripts.iter().filter(|scripts| !scripts.run.is_narrowed);
        let clocked = full.clone().find(|scripts| scripts.with_clock);
        let first_of_all = clocked.or(full.next()).cloned();
        let mut found: Vec<Candidate> = scripts
            .into_iter()
            .map(|script| self.packing(likeliest, Some(script), None))
            .collect();
        let others = others.iter().take(MOST_OTHERS);
        for (nth, other) in others.enumerate() {
            let Some(script) = first_of_all.clone() else {
                break;
            };
            // On which Node.js a packer ran that runs on any need not be told: then both are as
            // likely.
            let is_as_likely = nth == 0
                && other.packer == likeliest.packer
                && likeliest.packer.is_installer()
                && self.told_zlib().is_none();
            let at = if is_as_likely { 1 } else { found.len() };
            found.insert(at, self.packing(other, Some(script), None));
        }
        found
    }
}

/// What may have packed, as far as the registry serves it.
fn served_pairs<'a>(facts: &'a Facts<'a>) -> Vec<(Pair, Tools<'a>)> {
    pairs(
        facts.release,
        facts.source,
        facts.gzip,
        facts.stamps,
        facts.tree,
    )
    .into_iter()
    .filter_map(|pair| {
        let tools = served(facts, &Runner::of(&pair))?;
        Some((pair, tools))
    })
    .collect()
}

/// A Node.js and an npm, where the registry serves both.
fn served<'a>(facts: &'a Facts<'a>, runner: &Runner) -> Option<Tools<'a>> {
    let node = tool(facts, &purl(NODE_PACKAGE, &runner.node)?)?;
    let npm = tool(facts, &purl("npm", &runner.npm)?)?;
    Some(Tools { node, npm })
}
