//! The tries of one artifact: source by source and plan by plan, two at a time where
//! the machine has room, until one is exact. Imports `plan` and `model`.
//!
//! What is decided never depends on which of two ends first. Tries keep the plans'
//! order, but for those that wait for a toolchain to be built: these come after the
//! others, the longest wait last. Of those that have a verdict the nearest counts, and of
//! equals the first (`settle`). A plan is begun beside another only where it would be tried whatever
//! comes of that one, unless that one is exact. An exact one stops the other, of which
//! then nothing is known, and the record says so; where both had ended by then, both
//! count, and the rule above picks the first.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::artifact::Subject;
use super::larger::{self, Waiting};
use super::one_try::Tried;
use super::prepare::Prepared;
use super::toolchains::Wait;
use super::{Error, Line, failure, tree};
use crate::model::{
    ArtifactKind, BuildFailure, BuildStage, Ecosystem, LeftOut, Plan, Recipe, ReplayedFact, Source,
    TryLimits, Verdict, VerdictKind,
};
use crate::plan;
use crate::sandbox::{Engine, EngineError, Scratch};

/// Plans of one release that run at once. The plans are ordered by how likely they are:
/// a third would mostly do work that is thrown away.
const SIDE_BY_SIDE: usize = 2;

/// Where the source is, below the work folder.
const SOURCE_DIR: &str = "src";

/// Every try of one artifact.
#[derive(Default)]
pub(super) struct Tries {
    /// By their number, which is the plans' order.
    tried: BTreeMap<usize, Tried>,
    /// How many have begun or ended.
    numbers: usize,
    /// How many of those are tries of a plan.
    made: usize,
    /// Plans that were left when the limit of tries or of time was reached.
    pub(super) untried: usize,
    /// Plans that would have brought nothing new.
    pub(super) left_out: BTreeMap<LeftOut, usize>,
}

/// What is to be done with the next plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It is tried now.
    Try,
    /// It would bring nothing new.
    Skip,
    /// What comes of the running one tells.
    Wait,
    /// The limits end the tries here.
    Over,
}

impl Tries {
    fn of_one(verdict: Verdict) -> Self {
        let mut tries = Self::default();
        tries.unmade(verdict);
        tries
    }

    /// The commit that a try was made from, where one was.
    pub(super) fn commit(&self) -> Option<&Source> {
        self.tried
            .values()
            .filter_map(|tried| Some(&tried.made()?.source))
            .find(|source| matches!(source, Source::Git { .. }))
    }

    /// All of them, in the plans' order.
    pub(super) fn into_ordered(self) -> Vec<Tried> {
        self.tried.into_values().collect()
    }

    /// Notes the verdict that stands in for a try.
    fn unmade(&mut self, verdict: Verdict) {
        self.tried.insert(self.numbers, Tried::Unmade(verdict));
        self.numbers += 1;
    }

    /// Notes plans that are not tried.
    fn leave_out(&mut self, plans: usize, why: LeftOut) {
        if plans > 0 {
            *self.left_out.entry(why).or_default() += plans;
        }
    }

    /// The number of a try that begins.
    fn begin(&mut self) -> usize {
        self.made += 1;
        self.numbers += 1;
        self.numbers - 1
    }

    /// Notes that one which had ended is tried once more, which does not count.
    fn repeats(&mut self) {
        self.made -= 1;
    }

    /// Whether a try that installed nothing has every content right.
    fn has_every_content(&self) -> bool {
        self.tried.values().any(|tried| match tried {
            Tried::Judged(made, verdict) => says_it_is_all_there(&made.recipe.plan, verdict.kind()),
            Tried::Unmade(_) | Tried::Stopped(_) => false,
        })
    }

    /// Whether what this plan prepares was prepared in vain, from the same source and by a plan
    /// that differs in nothing that its steps can see, or that installs alike where a tarball was
    /// not to be had.
    fn was_in_vain(&self, ecosystem: Ecosystem, source: &Source, next: &Plan) -> bool {
        let mut judged = self.tried.values().filter_map(|tried| match tried {
            Tried::Judged(made, _) => Some(made),
            Tried::Unmade(_) | Tried::Stopped(_) => None,
        });
        judged.any(|made| {
            let Some((BuildStage::Prepare, failure)) = &made.failed else {
                return false;
            };
            let plan = &made.recipe.plan;
            let was_gone = match failure {
                BuildFailure::Exit { step, .. } if made.lacked_a_tarball => {
                    installs_alike(ecosystem, plan, next, step)
                }
                _ => false,
            };
            made.source == *source && (prepares_alike(ecosystem, plan, next) || was_gone)
        })
    }

    /// Whether one is the same bytes once files' own times were put on the members of a tarball:
    /// no plan makes those, so that none comes nearer.
    fn came_as_near_as_any(&self, kind: ArtifactKind) -> bool {
        let mut verdicts = self.tried.values().filter_map(Tried::verdict);
        writes_times_itself(kind) && verdicts.any(has_files_own_times)
    }

    /// What is to be done with the next plan, while those of `running` are tried.
    fn step(&self, next: &Plan, running: &[&Plan], limits: TryLimits, elapsed: Duration) -> Step {
        // The first plan is always tried.
        if self.made > 0 && (self.made >= limits.most || elapsed.as_secs() >= limits.seconds) {
            return if running.is_empty() {
                Step::Over
            } else {
                Step::Wait
            };
        }
        let installs = !next.prepare.is_empty();
        // What scripts would make is all there already, and they change no metadata.
        if installs && self.has_every_content() {
            return Step::Skip;
        }
        let may_make_it_needless = installs && running.iter().any(|plan| plan.prepare.is_empty());
        if running.len() >= SIDE_BY_SIDE || may_make_it_needless {
            return Step::Wait;
        }
        Step::Try
    }
}

/// Whether this verdict on what came of a plan says that every content is right without
/// anything that was installed. Of what is equivalent no normalizer has touched a content.
const fn says_it_is_all_there(plan: &Plan, verdict: VerdictKind) -> bool {
    let has_every_content = match verdict {
        VerdictKind::Reproduced | VerdictKind::Equivalent => true,
        VerdictKind::Different
        | VerdictKind::BuildFailed
        | VerdictKind::SourceNotFound
        | VerdictKind::Unsupported
        | VerdictKind::InfraError => false,
    };
    plan.prepare.is_empty() && has_every_content
}

/// The plans, those first whose toolchains are there: to build one may take longer than all tries
/// together, and what is there often writes the same. The likeliest of all is among the first
/// `most`, which are tried.
fn soonest_first<'a, T>(plans: &'a [T], waits: &[Wait], most: usize) -> Vec<&'a T> {
    let mut ordered: Vec<_> = plans.iter().zip(waits).enumerate().collect();
    ordered.sort_by_key(|(_, (_, wait))| **wait);
    let likeliest = ordered.iter().position(|(number, _)| *number == 0);
    let last = most.saturating_sub(1);
    if let Some(place) = likeliest.filter(|place| *place > last) {
        let likeliest = ordered.remove(place);
        ordered.insert(last, likeliest);
    }
    ordered.into_iter().map(|(_, (plan, _))| plan).collect()
}

/// Whether what packs such a file sets its members' times to ones of its own, or leaves them as
/// the files have them.
const fn writes_times_itself(kind: ArtifactKind) -> bool {
    match kind {
        ArtifactKind::Crate | ArtifactKind::NpmTarball => true,
        ArtifactKind::PureWheel
        | ArtifactKind::PlatformWheel
        | ArtifactKind::Sdist
        | ArtifactKind::ZipSdist
        | ArtifactKind::Other => false,
    }
}

/// 2010-01-01T00:00:00Z, before the registries of crates and npm's tarballs had any, and later than
/// each time that what packs those sets: the latest is cargo's of 2006 (`plan/cargo/marks.rs`).
const FILES_OWN: i64 = 1_262_304_000;

fn has_files_own_times(verdict: &Verdict) -> bool {
    let Verdict::Reproduced { replayed, .. } = verdict else {
        return false;
    };
    replayed.iter().any(
        |fact| matches!(fact, ReplayedFact::MemberTimes { latest, .. } if *latest >= FILES_OWN),
    )
}

/// Whether two plans are one until their builds begin.
fn prepares_alike(ecosystem: Ecosystem, one: &Plan, other: &Plan) -> bool {
    until_built(ecosystem, one) == until_built(ecosystem, other)
}

/// Whether two plans install alike: until the step that failed they are one, but for files, of which
/// the steps that prepare name those that they use, and for variables, which say when and how it is
/// built and not what is installed.
fn installs_alike(ecosystem: Ecosystem, one: &Plan, other: &Plan, failed: &str) -> bool {
    let until_failed = |plan: &Plan| {
        let mut plan = Plan {
            files: BTreeMap::new(),
            env: BTreeMap::new(),
            ..until_built(ecosystem, plan)
        };
        let mut prepare = plan.prepare.iter();
        if let Some(at) = prepare.position(|step| step.shown() == failed) {
            plan.prepare.truncate(at + 1);
        }
        plan
    };
    until_failed(one) == until_failed(other)
}

/// What a plan is until its build begins.
fn until_built(ecosystem: Ecosystem, plan: &Plan) -> Plan {
    let mut plan = Plan {
        build: Vec::new(),
        output: String::new(),
        recovered: Vec::new(),
        ..plan.clone()
    };
    plan.inputs
        .retain(|input| !plan::only_packs(ecosystem, input));
    plan
}

/// Whether a plan installs a whole workspace for a package below its root. That uses what cores
/// there are, and so do the scripts that build the package's siblings: two at once would each take
/// twice as long, and one of the two is mostly thrown away.
fn installs_a_workspace(source: &Source, plan: &Plan) -> bool {
    let is_below_the_root = match source {
        Source::Git { git, .. } => !git.directory.is_empty(),
        Source::Sdist { .. } => false,
    };
    let mut prepare = plan.prepare.iter();
    is_below_the_root && prepare.any(|step| step.cwd == SOURCE_DIR)
}

impl Line {
    /// Source, plan and rebuild, source by source and plan by plan, until one
    /// try is exact.
    pub(super) async fn try_all(
        &self,
        engine: &Result<Engine, EngineError>,
        subject: Subject<'_>,
        recipe: Option<Recipe>,
    ) -> Result<Tries, Error> {
        let engine = match engine {
            Ok(engine) => engine,
            Err(error) => return Ok(Tries::of_one(failure::infra(error))),
        };
        let mut begun = Instant::now();
        let mut tries = Tries::default();
        let is_inferred = recipe.is_none();
        for origin in tree::origins(subject.release, subject.artifact(), recipe.as_ref()) {
            let scratch = Scratch::make()?;
            let prepared = self
                .prepare(subject, &origin, recipe.as_ref(), scratch.path())
                .await;
            match prepared {
                Err(verdict) => tries.unmade(verdict),
                Ok(prepared) => {
                    let ended = self
                        .try_plans(
                            engine,
                            subject,
                            &prepared,
                            &mut begun,
                            &mut tries,
                            is_inferred,
                        )
                        .await?;
                    if ended {
                        return Ok(tries);
                    }
                }
            }
            // A replayed one may still come plainly from a source of a lower rank, but for what no
            // plan makes; the record then says what each source gave.
        }
        Ok(tries)
    }

    /// The plans of one source; whether that ended the tries.
    async fn try_plans(
        &self,
        engine: &Engine,
        subject: Subject<'_>,
        prepared: &Prepared,
        begun: &mut Instant,
        tries: &mut Tries,
        is_inferred: bool,
    ) -> Result<bool, Error> {
        let ecosystem = subject.release.purl.ecosystem();
        let mut line = self.clone();
        line.cancel = self.cancel.child_token();
        let line = &line;
        let mut waits = Vec::with_capacity(prepared.candidates.len());
        for candidate in &prepared.candidates {
            waits.push(self.wait_of(&candidate.plan).await?);
        }
        let ordered = soonest_first(&prepared.candidates, &waits, self.tries.most);
        let mut waiting: VecDeque<Waiting> = ordered.into_iter().cloned().enumerate().collect();
        let mut running = FuturesUnordered::new();
        let mut begun_plans: BTreeMap<usize, Waiting> = BTreeMap::new();
        // The job's own room is for one; each further one has its own.
        let mut room = Vec::new();
        let mut is_exact = false;
        let mut failed = None;
        loop {
            if tries.came_as_near_as_any(subject.artifact().kind) {
                tries.leave_out(waiting.len(), LeftOut::AsNearAsAny);
                waiting.clear();
            }
            while !is_exact
                && failed.is_none()
                && let Some((place, candidate)) = waiting.front()
            {
                if tries.was_in_vain(ecosystem, &prepared.source, &candidate.plan) {
                    tries.leave_out(1, LeftOut::PreparedInVain);
                    waiting.pop_front();
                    continue;
                }
                let beside: Vec<_> = begun_plans.values().map(|(_, begun)| &begun.plan).collect();
                let is_large = candidate.plan.limits.memory_mib > self.limits.memory_mib;
                let is_alone = !beside.is_empty()
                    && (is_large
                        || self.cores.are_few()
                            && installs_a_workspace(&prepared.source, &candidate.plan));
                if is_alone {
                    break;
                }
                match tries.step(&candidate.plan, &beside, self.tries, begun.elapsed()) {
                    Step::Try if beside.is_empty() => {
                        let asked = Instant::now();
                        let ready = self.make_ready(engine, &candidate.plan).await?;
                        // It is built once, and not for this artifact alone.
                        *begun += asked.elapsed();
                        if let Err(verdict) = ready {
                            tries.unmade(verdict);
                            waiting.pop_front();
                            continue;
                        }
                    }
                    Step::Try => match self.cores.spare() {
                        Some(spare) if self.wait_of(&candidate.plan).await? == Wait::None => {
                            room.push(spare);
                        }
                        _ => break,
                    },
                    Step::Skip => {
                        tries.leave_out(1, LeftOut::AllThere);
                        waiting.pop_front();
                        continue;
                    }
                    Step::Wait => break,
                    Step::Over => {
                        tries.untried += waiting.len();
                        return Ok(true);
                    }
                }
                let number = tries.begin();
                let (place, candidate) = (*place, candidate.clone());
                waiting.pop_front();
                begun_plans.insert(number, (place, candidate.clone()));
                running.push(async move {
                    let tried = line.try_one(engine, subject, prepared, &candidate, number);
                    (number, tried.await)
                });
            }
            let Some((number, tried)) = running.next().await else {
                break;
            };
            let ended = begun_plans.remove(&number);
            room.truncate(begun_plans.len().saturating_sub(1));
            match tried {
                Ok(tried) => {
                    is_exact |= tried.verdict().is_some_and(Verdict::is_plainly_reproduced);
                    // A recipe says itself what its build may use, and what had more has no
                    // more.
                    if is_inferred
                        && let Some(ended) = ended
                        && ended.1.plan.limits == self.limits
                        && let Some(verdict) = tried.verdict()
                        && let Some(limits) = larger::after(verdict, self.limits)
                    {
                        tries.repeats();
                        larger::repeat(&mut waiting, ended, limits);
                    }
                    tries.tried.insert(number, tried);
                }
                Err(error) => failed = Some(error),
            }
            // Those that run are seen through to their end, which removes their containers.
            if is_exact || failed.is_some() {
                line.cancel.cancel();
            }
            if self.cancel.is_cancelled() && !is_exact {
                failed = Some(Error::Cancelled);
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(is_exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::one_try::Try;
    use super::*;
    use crate::model::{
        Digest, GitSource, Input, InputOrigin, PlanSource, SdistSource, Sha256Digest,
    };

    const LIMITS: TryLimits = TryLimits {
        most: 3,
        seconds: 60,
    };

    fn plan(prepare: &str) -> Plan {
        let text = format!(
            r#"{{"image":"node","build_network":"none","output":"out","prepare":{prepare},"build":[]}}"#
        );
        serde_json::from_str(&text).expect("a plan")
    }

    fn plain() -> Plan {
        plan("[]")
    }

    fn installing() -> Plan {
        plan(r#"[{"run":["npm","ci"],"cwd":"src"}]"#)
    }

    #[test]
    fn plans_whose_toolchains_are_there_come_first_and_else_keep_their_order() {
        let plans = ["a", "b", "c", "d"];
        let ordered = |waits: [Wait; 4], most| {
            let ordered = soonest_first(&plans, &waits, most).into_iter();
            ordered.copied().collect::<String>()
        };
        let waits = [Wait::Program, Wait::None, Wait::Library, Wait::None];
        assert_eq!(ordered(waits, 4), "bdca");
        assert_eq!(ordered([Wait::None; 4], 4), "abcd");
        assert_eq!(ordered([Wait::Program; 4], 4), "abcd");
        // The likeliest is tried whatever it waits for.
        assert_eq!(ordered(waits, 2), "badc");
        assert_eq!(ordered(waits, 0), "abdc");
    }

    #[test]
    fn nothing_more_is_tried_once_a_tarball_is_the_same_with_its_files_own_times() {
        let came = |kind, latest| {
            let times = ReplayedFact::MemberTimes {
                members: 2,
                earliest: 0,
                latest,
                fractions: 0,
            };
            let verdict = Verdict::Reproduced {
                sha256: Sha256Digest::of("x"),
                recovered: vec![],
                replayed: vec![times],
            };
            let mut tries = Tries::default();
            tries.unmade(verdict);
            tries.came_as_near_as_any(kind)
        };
        let (own, cargos) = (FILES_OWN, 1_153_704_088);
        assert!(came(ArtifactKind::Crate, own) && came(ArtifactKind::NpmTarball, own));
        // Another cargo may set the very times, and another date may be a wheel's.
        assert!(!came(ArtifactKind::Crate, cargos));
        assert!(!came(ArtifactKind::PureWheel, own));
        let mut failed_alone = Tries::default();
        failed_alone.unmade(Verdict::SourceNotFound { reason: "x".into() });
        assert!(!failed_alone.came_as_near_as_any(ArtifactKind::Crate));
    }

    #[test]
    fn two_plans_run_side_by_side_and_no_third() {
        let mut tries = Tries::default();
        let plan = plain();
        let step =
            |tries: &Tries, running: &[&Plan]| tries.step(&plan, running, LIMITS, Duration::ZERO);
        assert_eq!(step(&tries, &[]), Step::Try);
        tries.begin();
        assert_eq!(step(&tries, &[&plan]), Step::Try);
        tries.begin();
        assert_eq!(step(&tries, &[&plan, &plan]), Step::Wait);
    }

    #[test]
    fn what_installs_at_the_root_for_a_package_below_it_installs_a_workspace() {
        let at = |directory: &str| Source::Git {
            git: GitSource {
                repository: "https://git.example/o/r".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse().expect("a commit"),
                commit_time: 0,
                tag: None,
                directory: directory.into(),
            },
            evidence: Vec::new(),
        };
        assert!(installs_a_workspace(&at("packages/a"), &installing()));
        assert!(!installs_a_workspace(&at(""), &installing()));
        assert!(!installs_a_workspace(&at("packages/a"), &plain()));
        let own = plan(r#"[{"run":["npm","ci"],"cwd":"src/packages/a"}]"#);
        assert!(!installs_a_workspace(&at("packages/a"), &own));
    }

    #[test]
    fn a_plan_that_the_running_one_may_make_needless_waits_for_it() {
        let mut tries = Tries::default();
        tries.begin();
        let (plain, installing) = (plain(), installing());
        let beside = |running| tries.step(&installing, &[running], LIMITS, Duration::ZERO);
        assert_eq!(beside(&plain), Step::Wait);
        assert_eq!(beside(&installing), Step::Try);
    }

    #[test]
    fn scripts_are_not_asked_for_what_is_all_there_without_them() {
        for verdict in VerdictKind::ALL {
            let is_all = matches!(verdict, VerdictKind::Reproduced | VerdictKind::Equivalent);
            assert_eq!(says_it_is_all_there(&plain(), verdict), is_all, "{verdict}");
            assert!(!says_it_is_all_there(&installing(), verdict), "{verdict}");
        }
    }

    /// The source distribution of this name.
    fn sdist(name: &str) -> Source {
        Source::Sdist {
            sdist: SdistSource {
                name: name.into(),
                sha256: Sha256Digest::of(name),
            },
            evidence: vec![],
        }
    }

    /// A try of this plan, from `x.tar.gz`, that failed there.
    fn failed(plan: Plan, stage: BuildStage) -> Tried {
        let recipe = Recipe {
            recipe: Recipe::VERSION,
            purl: "pkg:npm/x@1.0.0".parse().expect("a package URL"),
            artifact: "x-1.0.0.tgz".into(),
            source: PlanSource::Sdist {
                name: "x.tar.gz".into(),
                sha256: Sha256Digest::of("x"),
            },
            plan,
            reasons: BTreeMap::new(),
        };
        let failure = BuildFailure::DiskLimit { limit_mib: 1 };
        let mut made = Box::new(Try::of(sdist("x.tar.gz"), recipe));
        made.failed = Some((stage, failure.clone()));
        Tried::Judged(made, Verdict::BuildFailed { stage, failure })
    }

    #[test]
    fn what_was_prepared_in_vain_is_not_prepared_again_from_the_same_source() {
        let in_vain = |stage, source: &str, next: &Plan| {
            let mut tries = Tries::default();
            let number = tries.begin();
            tries.tried.insert(number, failed(installing(), stage));
            tries.was_in_vain(Ecosystem::Npm, &sdist(source), next)
        };
        assert!(in_vain(BuildStage::Prepare, "x.tar.gz", &installing()));
        // Of what was built upon it nothing follows, nor for what is prepared otherwise, nor for
        // another source, whose own files the same steps may read.
        assert!(!in_vain(BuildStage::Build, "x.tar.gz", &installing()));
        assert!(!in_vain(BuildStage::Prepare, "x.tar.gz", &plain()));
        assert!(!in_vain(BuildStage::Prepare, "y.tar.gz", &installing()));
    }

    #[test]
    fn where_a_tarball_is_not_to_be_had_nothing_that_installs_alike_is_tried() {
        let exit = || BuildFailure::Exit {
            code: 1,
            step: "npm ci".into(),
        };
        let in_vain = |lacked: bool, failure: BuildFailure, change: &dyn Fn(&mut Plan)| {
            let mut tries = Tries::default();
            let number = tries.begin();
            let mut tried = failed(installing(), BuildStage::Prepare);
            if let Tried::Judged(made, _) = &mut tried {
                made.lacked_a_tarball = lacked;
                made.failed = Some((BuildStage::Prepare, failure));
            }
            tries.tried.insert(number, tried);
            let mut next = installing();
            change(&mut next);
            tries.was_in_vain(Ecosystem::Npm, &sdist("x.tar.gz"), &next)
        };
        let file = |plan: &mut Plan| drop(plan.files.insert("a".into(), "b".into()));
        assert!(in_vain(true, exit(), &file));
        assert!(!in_vain(false, exit(), &file));
        // Neither variables nor what comes after the step that failed change what is installed.
        assert!(in_vain(true, exit(), &|next: &mut Plan| {
            next.env.insert("SOURCE_DATE_EPOCH".into(), "1".into());
            next.prepare
                .extend(plan(r#"[{"run":["npm","rebuild"],"cwd":"src"}]"#).prepare);
        }));
        // Not where it failed for want of memory or the like, or is asked for otherwise, or as of
        // another time, or has more room.
        let short = BuildFailure::OutOfMemory { limit_mib: 1 };
        assert!(!in_vain(true, short, &file));
        assert!(!in_vain(true, exit(), &|plan: &mut Plan| {
            plan.prepare[0].run.insert(0, "mend".into());
        }));
        assert!(!in_vain(true, exit(), &|plan: &mut Plan| {
            plan.cutoff = Some("2026-01-01T00:00:00Z".parse().expect("a time"));
        }));
        assert!(!in_vain(true, exit(), &|plan: &mut Plan| {
            plan.limits.memory_mib += 1;
        }));
    }

    #[test]
    fn only_what_the_build_alone_does_is_no_difference_to_what_is_prepared() {
        let first = installing();
        let changed = |change: &dyn Fn(&mut Plan)| {
            let mut plan = installing();
            change(&mut plan);
            prepares_alike(Ecosystem::Npm, &first, &plan)
        };
        assert!(changed(&|plan: &mut Plan| plan.build = plan.prepare.clone()));
        assert!(changed(&|plan: &mut Plan| plan.output = "dist/x.tgz".into()));
        let with_input = |plan: &mut Plan, folder: &str| {
            plan.inputs.push(Input {
                origin: InputOrigin::Toolchain {
                    name: "node".into(),
                    version: "1.0.0".into(),
                },
                digest: Digest::Sha256(Sha256Digest::of("x")),
                unpack_to: folder.into(),
            });
        };
        assert!(changed(&|plan: &mut Plan| with_input(
            plan,
            "tools/packing-node"
        )));
        assert!(!changed(&|plan: &mut Plan| with_input(plan, "tools/node")));
        assert!(!changed(&|plan: &mut Plan| plan.prepare.clear()));
        assert!(!changed(&|plan: &mut Plan| plan.limits.disk_mib += 1));
        assert!(!changed(&|plan: &mut Plan| drop(
            plan.env.insert("A".into(), "b".into())
        )));
        assert!(!changed(&|plan: &mut Plan| drop(
            plan.files.insert("a".into(), "b".into())
        )));
    }

    #[test]
    fn limits_count_what_runs_and_end_the_tries_only_when_nothing_does() {
        let plan = plain();
        let mut tries = Tries::default();
        let late = Duration::from_secs(60);
        assert_eq!(tries.step(&plan, &[], LIMITS, late), Step::Try);
        // A source that could not be had is no try of a plan.
        tries.unmade(Verdict::SourceNotFound { reason: "x".into() });
        assert_eq!(tries.step(&plan, &[], LIMITS, late), Step::Try);
        tries.begin();
        assert_eq!(tries.step(&plan, &[], LIMITS, late), Step::Over);
        assert_eq!(tries.step(&plan, &[&plan], LIMITS, late), Step::Wait);
        tries.begin();
        tries.begin();
        let soon = Duration::ZERO;
        assert_eq!(tries.step(&plan, &[&plan], LIMITS, soon), Step::Wait);
        assert_eq!(tries.step(&plan, &[], LIMITS, soon), Step::Over);
    }
}
