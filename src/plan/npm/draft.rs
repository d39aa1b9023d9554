//! A plan under way: what the scripts, the publisher's system and the date add to its
//! environment, files and steps. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::super::checkout::Checkout;
use super::super::listing::Listing;
use super::super::{Candidate, Facts};
use super::bootstrap;
use super::folder;
use super::hooks::{self, hooks};
use super::install::{Installer, LEAN, MEND, MEND_LOADS, SHARED, SINCE_FILE, WRITTEN, words};
use super::listing;
use super::order;
use super::programs::{self, run_by_node};
use super::scripts::{AsOf, Scripts, clone_of};
use super::system::{HOOK, HOOK_FILE, VARIABLE, system};
use crate::model::{
    DatedBy, Input, Limits, Network, PackingSystem, Plan, RecoveredFact, Step, WORK_DIR, Yanked,
};
use crate::store::archive::MemberStamp;

/// Umasks that publishers have, with what they leave of `rw-` for group and others,
/// and what `chmod` makes of a checkout with the usual 022.
const UMASKS: [(u32, u32, &str); 5] = [
    (0o000, 0o066, "go+w"),
    (0o002, 0o064, "g+w"),
    (0o007, 0o060, "g+w,o-rwx"),
    (0o027, 0o040, "o-rwx"),
    (0o077, 0o000, "go-rwx"),
];

/// The publisher's umask, where every member tells the same and it is not 022, with
/// what `chmod` needs.
fn umask(stamps: &[MemberStamp]) -> Option<(u32, &'static str)> {
    let left = stamps.first()?.mode & 0o066;
    if stamps.iter().any(|stamp| stamp.mode & 0o066 != left) {
        return None;
    }
    UMASKS
        .into_iter()
        .find(|(_, leaves, _)| *leaves == left)
        .map(|(mask, _, chmod)| (mask, chmod))
}

/// Whether every member may be run, and written to by anybody.
fn has_all_permissions(stamps: &[MemberStamp]) -> bool {
    stamps.len() > 1 && stamps.iter().all(|stamp| stamp.mode & 0o777 == 0o777)
}

/// What `chmod` makes of files, so that they have the modes of the publisher's.
fn chmod(stamps: &[MemberStamp]) -> Option<&'static str> {
    let (_, chmod) = umask(stamps)?;
    Some(if has_all_permissions(stamps) {
        "a+rwx"
    } else {
        chmod
    })
}

pub(super) struct Draft<'a> {
    facts: &'a Facts<'a>,
    /// The package's folder.
    pub(super) cwd: String,
    /// The folder that is packed.
    pub(super) packed: String,
    pub(super) files: BTreeMap<String, String>,
    pub(super) inputs: Vec<Input>,
    pub(super) recovered: Vec<RecoveredFact>,
    env: BTreeMap<String, String>,
    prepare: Vec<Step>,
    build: Vec<Step>,
    reasons: BTreeMap<String, String>,
    about_build: Vec<String>,
    cutoff: Option<Timestamp>,
    dated_by: DatedBy,
}

impl<'a> Draft<'a> {
    /// What every plan has.
    pub(super) fn new(facts: &'a Facts<'a>, why: &str) -> Self {
        let mut files = programs::of_every_plan();
        files.insert("out/.keep".to_owned(), String::new());
        let cwd = facts.package_dir();
        let mut draft = Self {
            facts,
            packed: cwd.clone(),
            cwd,
            files,
            inputs: Vec::new(),
            recovered: Vec::new(),
            env: programs::environment(),
            prepare: Vec::new(),
            build: Vec::new(),
            reasons: BTreeMap::new(),
            about_build: Vec::new(),
            cutoff: None,
            dated_by: DatedBy::Registry,
        };
        draft.because("plan.image", why);
        draft.because("plan.build_network", "packing needs no network");
        draft.because("plan.output", "where the packer writes packages");
        draft
    }

    /// Why this part of the plan is as it is.
    pub(super) fn because(&mut self, part: &str, why: &str) {
        self.reasons.insert(part.to_owned(), why.to_owned());
    }

    /// One reason more for the steps of the build.
    pub(super) fn about(&mut self, why: String) {
        self.about_build.push(why);
    }

    /// A file below the work folder.
    pub(super) fn put(&mut self, (name, text): (&str, &str)) {
        self.files.insert(name.to_owned(), text.to_owned());
    }

    /// A program that loads what it shares with others from its own folder.
    pub(super) fn put_sharing(&mut self, program: (&str, &str)) {
        self.put(program);
        self.put(SHARED);
    }

    /// What installs as far as it is to be had, with all that it loads.
    fn put_mending(&mut self) {
        self.put_sharing(MEND);
        MEND_LOADS.into_iter().for_each(|loaded| self.put(loaded));
    }

    /// A variable of the environment.
    pub(super) fn set(&mut self, name: &str, value: String) {
        self.env.insert(name.to_owned(), value);
    }

    /// A step in the package's folder.
    pub(super) fn here(&mut self, run: Vec<String>) {
        self.build.push(Step::new(run, self.cwd.clone()));
    }

    /// A step in the folder that is packed.
    pub(super) fn there(&mut self, run: Vec<String>) {
        self.build.push(Step::new(run, self.packed.clone()));
    }

    /// A step with its reason.
    pub(super) fn call(&mut self, (step, why): (Step, String)) {
        self.build.push(step);
        self.about(why);
    }

    /// The publisher's umask, which the checkout was made with too.
    pub(super) fn umask(&mut self) {
        let stamps = self.facts.stamps;
        if let (Some((mask, _)), Some(chmod)) = (umask(stamps), chmod(stamps)) {
            self.here(words(&format!("chmod -R {chmod} .")));
            self.recovered.push(RecoveredFact::Umask { mask });
            self.about(format!("every member's mode is as with umask {mask:03o}"));
        }
        if has_all_permissions(stamps) {
            self.recovered.push(RecoveredFact::AllExecutable);
            self.about("every member may be run".to_owned());
        }
    }

    /// Tells an installer, which is there, of the mirror.
    pub(super) fn tell(&mut self, installer: Installer) {
        let told = installer.environment().into_iter();
        self.env
            .extend(told.map(|(name, value)| (name.to_owned(), value)));
    }

    /// Installs what scripts need, and runs them.
    pub(super) fn run(&mut self, scripts: &Scripts<'_>) {
        self.because("plan.prepare", &scripts.why_installed());
        self.prepare = scripts.prepare(&self.cwd);
        self.files.extend(clone_of(self.facts.source));
        self.files.extend(programs::of_scripts());
        if scripts.install.bootstraps {
            self.put_sharing(bootstrap::PROGRAM);
            self.put_mending();
        }
        if scripts.install.leaves_out {
            self.put_mending();
        }
        let is_below = scripts.install.at_root && self.cwd != "src";
        if is_below || scripts.install.bootstraps {
            self.set("PATH", programs::path_with_root());
        }
        match &scripts.as_of {
            AsOf::Mended => self.put_mending(),
            AsOf::Called(_) => self.put_sharing(LEAN),
            AsOf::Written(since, _) => {
                self.put(WRITTEN);
                let since = serde_json::json!(since).to_string();
                self.put((SINCE_FILE, &since));
            }
            AsOf::Release | AsOf::Manifests | AsOf::Lowest(_) | AsOf::Today => {}
        }
        if scripts.run.is_workflow {
            // GitHub documentation, "Variables reference".
            self.env.insert("CI".to_owned(), "true".to_owned());
        }
        if let Some(said_by) = &scripts.run.said_by {
            self.about(format!("{said_by} says what runs before publishing"));
        }
        if scripts.builds_siblings {
            self.put_sharing(bootstrap::PROGRAM);
            let runner = &scripts.install.installer.run("build")[0];
            self.here(bootstrap::build(runner));
            self.about("what it needs of the repository is built before it".into());
        }
        for call in &scripts.run.calls {
            self.call(call.step(scripts.install.installer));
        }
        self.about(
            "a script may check or test after it has built: where it fails, what it left is packed"
                .into(),
        );
    }

    /// Goes to the folder that scripts say is packed. All that follows is done there.
    pub(super) fn go_to_packed(&mut self, scripts: &Scripts<'_>) {
        if let Some(folder) = &scripts.run.folder {
            self.packed.clone_from(folder);
        }
        if self.packed != self.cwd {
            self.about(format!("{} is what is published", self.packed));
        }
        if let Some(chmod) = chmod(self.facts.stamps) {
            // What the scripts made has the modes of that umask too.
            self.there(words(&format!("chmod -R {chmod} .")));
        }
    }

    /// What Node.js reads before each program that scripts run.
    pub(super) fn hook(&mut self, scripts: &Scripts<'_>) {
        let hooks = hooks(self.facts, scripts.with_clock);
        self.env.extend(hooks::option(&hooks));
        for hook in hooks {
            let (name, text) = &hook.file;
            self.put((name, text));
            self.recovered.extend(hook.recovered);
            self.about(hook.why);
        }
    }

    /// What Node.js is told so that it packs as on the publisher's system.
    pub(super) fn as_on_system(&mut self) -> Vec<String> {
        let Some(system) = system(self.facts.gzip) else {
            return Vec::new();
        };
        self.put((HOOK_FILE, HOOK));
        self.env
            .insert(VARIABLE.into(), system.gzip_os().to_string());
        self.recovered.push(RecoveredFact::System { system });
        self.about(format!(
            "the gzip header says that it was packed on {system}"
        ));
        vec!["--require".into(), format!("{WORK_DIR}/{HOOK_FILE}")]
    }

    /// What Node.js is told so that folders are listed as the publisher's were.
    pub(super) fn as_listed(&mut self, order: Option<&Listing>) -> Vec<String> {
        let Some(order) = order else {
            return Vec::new();
        };
        self.put(listing::HOOK);
        self.put((listing::FILE, &order.text));
        let files = order.files;
        self.recovered.push(RecoveredFact::ListingOrder { files });
        self.about("what is in a folder is not sorted, as a file system lists it".to_owned());
        let hook = listing::HOOK.0;
        vec!["--require".into(), format!("{WORK_DIR}/{hook}")]
    }

    /// Names of the workspace in the order in which pnpm came to them.
    pub(super) fn order_dependencies(&mut self) {
        let Some(order) = order::told(self.facts) else {
            return;
        };
        self.put(order::PROGRAM);
        self.put((order::FILE, &order.text));
        self.there(run_by_node(order::PROGRAM, []));
        let names = order.names;
        self.recovered
            .push(RecoveredFact::DependencyOrder { names });
        self.about("pnpm came to packages of the workspace in another order".to_owned());
    }

    /// As of when the mirror shows the registry.
    pub(super) fn date(&mut self, scripts: Option<&Scripts<'_>>) {
        let as_of = scripts.map_or(&AsOf::Release, |scripts| &scripts.as_of);
        if !as_of.is_dated() {
            self.recovered.push(RecoveredFact::Undated);
        }
        let locked = scripts.is_some_and(|scripts| scripts.install.lock.is_some());
        let (cutoff, dated_by, about) = as_of.cutoff(self.facts, locked);
        if let (Some(about), true) = (about, cutoff.is_some()) {
            self.because("plan.cutoff", about);
        }
        (self.cutoff, self.dated_by) = (cutoff, dated_by);
    }

    /// Gives the source's folder the repository's name.
    pub(super) fn name_folder(&mut self) {
        let folders = self.inputs.iter().map(|input| input.unpack_to.as_str());
        let beside = self.files.keys().map(String::as_str).chain(folders);
        let taken: BTreeSet<&str> = beside.filter_map(|path| path.split('/').next()).collect();
        let renamed = folder::renamed(self.facts.source, |name| taken.contains(name));
        if !renamed.is_empty() {
            let about = self.reasons.entry("plan.prepare".to_owned()).or_default();
            about.push_str("\nthe source's folder has the repository's name, as a clone has");
        }
        self.prepare.splice(0..0, renamed);
    }

    pub(super) fn finish(mut self, output: String) -> Candidate {
        let about_build = self.about_build.join("\n");
        self.because("plan.build", &about_build);
        // npm from 7 on sets the executable bit of a package's programs by itself, so that its
        // absence elsewhere tells nothing of the checkout (npm documentation, "package.json",
        // `bin`). Those before do not, and name the system.
        let tells = matches!(
            system(self.facts.gzip),
            Some(PackingSystem::Windows | PackingSystem::OldWindows)
        );
        let checkout = Checkout::of(self.facts, tells, &mut self.recovered, &mut self.reasons);
        Candidate {
            plan: Plan {
                image: "node".into(),
                cutoff: self.cutoff,
                dated_by: self.dated_by,
                yanked: Yanked::Today,
                build_network: Network::None,
                output,
                prepare: self.prepare,
                build: self.build,
                env: self.env,
                files: self.files,
                inputs: self.inputs,
                recovered: self.recovered,
                crlf: checkout.crlf,
                plain_modes: checkout.plain_modes,
                limits: Limits::default(),
            },
            reasons: self.reasons,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(modes: &[u32]) -> Vec<MemberStamp> {
        let with = |&mode| MemberStamp {
            name: "m".into(),
            mtime: 0,
            mode,
        };
        modes.iter().map(with).collect()
    }

    #[test]
    fn files_of_a_file_system_without_permissions_have_them_all() {
        let of = |modes: &[u32]| chmod(&stamps(modes));
        assert_eq!(of(&[0o777, 0o777]), Some("a+rwx"));
        assert_eq!(of(&[0o777, 0o666]), Some("go+w"));
        assert_eq!(of(&[0o777]), Some("go+w"));
        assert_eq!(of(&[0o755, 0o755]), None);
    }

    #[test]
    fn a_umask_is_told_where_every_member_agrees_and_it_is_not_the_usual_one() {
        let of = |modes: &[u32]| umask(&stamps(modes)).map(|(mask, _)| mask);
        assert_eq!(of(&[0o644, 0o755]), None);
        assert_eq!(of(&[0o664, 0o775]), Some(0o002));
        assert_eq!(of(&[0o664, 0o644]), None);
        assert_eq!(of(&[0o666, 0o777]), Some(0o000));
        assert_eq!(of(&[0o640, 0o750]), Some(0o027));
        assert_eq!(of(&[0o600]), Some(0o077));
        assert_eq!(of(&[]), None);
    }
}
