//! The commands that pack a package: tools put in place, dependencies installed from
//! the mirror, scripts and the packer without network. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::super::checkout::Checkout;
use super::super::{Candidate, Facts, RegistryTool};
use super::Tools;
use super::end;
use super::folder;
use super::hooks::{self, hooks};
use super::install::{Installer, MEND, MEND_FILE, words};
use super::lists;
use super::made;
use super::manifest::{Manifest, written_commit};
use super::packer::{Packer, packed_name};
use super::programs;
use super::scripts::{AsOf, Scripts, clone_of};
use super::system::{HOOK, HOOK_FILE, VARIABLE, system};
use crate::model::{Limits, Network, Plan, RecoveredFact, Step, WORK_DIR};
use crate::store::archive::MemberStamp;

/// What one candidate is made of.
pub(super) struct Packing<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) manifest: &'a Manifest,
    /// The Node.js and npm that pack.
    pub(super) tools: Tools<'a>,
    /// What packs.
    pub(super) packer: Packer,
    /// The installer with its package, where it is not npm.
    pub(super) installer: Option<(Installer, &'a RegistryTool)>,
    pub(super) why: &'static str,
}

/// Writes the commit into package.json as the publishing tools of monorepos do: last,
/// with the file's own indentation and end.
const WRITE_COMMIT: &str = r#"const fs = require("fs");
const text = fs.readFileSync("package.json", "utf8");
const indent = (/^[ \t]+/m.exec(text) || ["  "])[0];
const manifest = JSON.parse(text);
manifest.gitHead = process.argv[2];
const end = text.endsWith("\n") ? "\n" : "";
fs.writeFileSync("package.json", JSON.stringify(manifest, null, indent) + end);
"#;

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

/// Where what is on the path is unpacked, and what packs where that is another.
pub(super) const RUNNER: (&str, &str) = ("tools/node", "tools/npm");
pub(super) const PACKER: (&str, &str) = ("tools/packing-node", "tools/packing-npm");

impl<'a> Packing<'a> {
    /// The candidate that runs these scripts, or none.
    pub(super) fn candidate(&self, scripts: Option<Scripts<'a>>) -> Candidate {
        let facts = self.facts;
        let cwd = facts.package_dir();
        let here = |run| Step::new(run, cwd.clone());
        let mut reasons = BTreeMap::new();
        let mut why = |line: &str, reason: String| {
            reasons.insert(line.to_owned(), reason);
        };
        why("plan.image", self.why.to_owned());
        why("plan.build_network", "packing needs no network".to_owned());
        why("plan.output", "where the packer writes packages".to_owned());

        let mut build = Vec::new();
        let mut files = programs::of_every_plan();
        files.insert("out/.keep".to_owned(), String::new());
        let runner = scripts
            .as_ref()
            .map_or(self.tools, |scripts| scripts.runner);
        let mut inputs = vec![runner.node.input(RUNNER.0), runner.npm.input(RUNNER.1)];
        let packs_apart = runner != self.tools;
        let (node, npm) = if packs_apart {
            inputs.extend([
                self.tools.node.input(PACKER.0),
                self.tools.npm.input(PACKER.1),
            ]);
            why(
                "plan.inputs",
                "the first two run the scripts, as the Node.js with long-term support did when the commit was made; the artifact's marks tell what packs".to_owned(),
            );
            PACKER
        } else {
            RUNNER
        };
        let mut recovered: Vec<RecoveredFact> =
            [("node", self.tools.node), ("npm", self.tools.npm)]
                .into_iter()
                .filter_map(|(name, tool)| {
                    Some(RecoveredFact::Toolchain {
                        name: name.to_owned(),
                        version: tool.purl.version()?.to_string(),
                    })
                })
                .collect();
        let mut about_build = Vec::new();

        if let Some((mask, chmod)) = umask(facts.stamps) {
            build.push(here(words(&format!("chmod -R {chmod} ."))));
            recovered.push(RecoveredFact::Umask { mask });
            about_build.push(format!("every member's mode is as with umask {mask:03o}"));
        }
        let by_scripts = scripts.as_ref().is_some_and(|s| s.run.writes_version());
        let version = lists::version(facts, self.manifest, &cwd).filter(|_| !by_scripts);
        if let Some(version) = version {
            let (step, why) = version.step(Installer::Npm);
            build.push(step);
            about_build.push(why);
        }
        if let Some((installer, tool)) = self.installer
            && (scripts.is_some() || self.packer != Packer::Npm)
            && let Some((command, program)) = installer.program()
        {
            files.insert(format!("bin/{command}"), programs::launcher(program));
            inputs.push(tool.input(&format!("tools/{command}")));
        }
        let locked = scripts
            .as_ref()
            .is_some_and(|scripts| scripts.install.lock.is_some());
        let mut prepare = scripts.as_ref().map_or_else(Vec::new, |scripts| {
            why("plan.prepare", scripts.why_installed());
            scripts.prepare(&cwd)
        });
        if let Some(scripts) = &scripts {
            files.extend(clone_of(facts.source));
            files.extend(programs::of_scripts());
            if scripts.as_of == AsOf::Mended {
                files.insert(MEND_FILE.into(), MEND.into());
            }
            if let Some(said_by) = &scripts.run.said_by {
                about_build.push(format!("{said_by} says what runs before publishing"));
            }
            for call in &scripts.run.calls {
                let (step, why) = call.step(scripts.install.installer);
                build.push(step);
                about_build.push(why);
            }
            about_build.push(
                "a script may check or test after it has built: where it fails, what it left is packed".into(),
            );
        } else {
            about_build.push("no script is run to pack this package".into());
        }
        let is_made = scripts.as_ref().is_some_and(|scripts| scripts.run.is_made);
        if is_made {
            files.insert(made::FINDER.0.into(), made::FINDER.1.into());
            build.push(here(made::find(facts, &cwd)));
            about_build.push(
                "the published package.json lacks what the source's has, so the build makes what is published"
                    .into(),
            );
        }
        // What is packed; all that follows is done there.
        let packed = scripts
            .as_ref()
            .and_then(|scripts| scripts.run.folder.as_ref());
        let packed = packed.unwrap_or(&cwd);
        if *packed != cwd {
            about_build.push(format!("{packed} is what is published"));
        }
        let here = |run| Step::new(run, packed.clone());
        if let (Some((_, chmod)), true) = (umask(facts.stamps), scripts.is_some()) {
            // What the scripts made has the modes of that umask too.
            build.push(here(words(&format!("chmod -R {chmod} ."))));
        }
        if let Some(commit) = written_commit(facts, self.manifest) {
            files.insert("git-head.js".into(), WRITE_COMMIT.into());
            let run = format!("{WORK_DIR}/tools/node/bin/node {WORK_DIR}/git-head.js {commit}");
            build.push(here(words(&run)));
            about_build.push("the published package.json names this very commit".into());
        }
        if let Some(newline) = end::told(facts, is_made) {
            files.insert(end::PROGRAM.0.into(), end::PROGRAM.1.into());
            build.push(here(end::command(newline)));
            let fact = RecoveredFact::ManifestEnd { newline };
            about_build.push(format!("the published {fact}"));
            recovered.push(fact);
        }
        if takes_license_of_root(facts) {
            build.push(here(words(&format!("cp {WORK_DIR}/src/LICENSE LICENSE"))));
            about_build
                .push("the published package has the LICENSE of the repository's root".into());
        }
        let mut env = programs::environment();
        if let Some(scripts) = &scripts {
            let of_installer = scripts.install.environment().into_iter();
            env.extend(of_installer.map(|(name, value)| (name.to_owned(), value)));
            if scripts.run.is_workflow {
                // GitHub documentation, "Variables reference".
                env.insert("CI".to_owned(), "true".to_owned());
            }
        }
        let hooks = scripts
            .as_ref()
            .map_or_else(Vec::new, |scripts| hooks(facts, scripts.at_commit));
        env.extend(hooks::option(&hooks));
        for hook in hooks {
            let (file, text) = hook.file;
            files.insert(file.into(), text.into());
            let variable = hook.variable.into_iter();
            env.extend(variable.map(|(name, value)| (name.to_owned(), value)));
            recovered.extend(hook.recovered);
            about_build.push(hook.why);
        }
        let system = system(facts.gzip);
        let mut pack = vec![
            "env".to_owned(),
            format!("PATH={}", programs::path_without_scripts()),
            format!("{WORK_DIR}/{node}/bin/node"),
        ];
        if let Some(system) = system {
            files.insert(HOOK_FILE.into(), HOOK.into());
            env.insert(VARIABLE.into(), system.gzip_os().to_string());
            recovered.push(RecoveredFact::System { system });
            about_build.push(format!(
                "the gzip header says that it was packed on {system}"
            ));
            pack.extend(["--require".into(), format!("{WORK_DIR}/{HOOK_FILE}")]);
        }
        let name = packed_name(facts);
        let writes_out = match self.packer {
            Packer::Npm => {
                pack.push(format!("{WORK_DIR}/{npm}/bin/npm-cli.js"));
                knows_pack_destination(self.tools.npm)
            }
            Packer::Yarn | Packer::Pnpm => {
                pack.push(format!("{WORK_DIR}/tools/{}", self.packer.program()));
                true
            }
        };
        pack.extend(self.packer.arguments(writes_out, &name));
        let output = if writes_out {
            format!("out/{name}")
        } else {
            format!("{packed}/{name}")
        };
        // A packer that is set to write nothing must not leave an older file, a committed one
        // say, that was moved here.
        let remove = ["/bin/rm", "-f", "--"].map(str::to_owned).into_iter();
        let place = format!("{WORK_DIR}/{output}");
        build.push(here(remove.chain([place]).collect()));
        build.push(here(pack));
        why("plan.build", about_build.join("\n"));

        let as_of = scripts.as_ref().map_or(&AsOf::Release, |s| &s.as_of);
        if *as_of != AsOf::Release {
            recovered.push(RecoveredFact::Undated);
        }
        let (cutoff, dated_by, about) = as_of.cutoff(facts, locked);
        if let (Some(about), true) = (about, cutoff.is_some()) {
            why("plan.cutoff", about.to_owned());
        }
        if scripts.is_some() {
            let folders = inputs.iter().map(|input| input.unpack_to.as_str());
            let beside = files.keys().map(String::as_str).chain(folders);
            let taken: BTreeSet<&str> = beside.filter_map(|path| path.split('/').next()).collect();
            let renamed = folder::renamed(facts.source, |name| taken.contains(name));
            if !renamed.is_empty() {
                let about = reasons.entry("plan.prepare".to_owned()).or_default();
                about.push_str("\nthe source's folder has the repository's name, as a clone has");
            }
            prepare.splice(0..0, renamed);
        }
        // npm sets the executable bit of a package's programs by itself, so that its absence
        // elsewhere tells nothing of the checkout (npm documentation, "package.json", `bin`).
        let checkout = Checkout::of(facts, false, &mut recovered, &mut reasons);
        Candidate {
            plan: Plan {
                image: "node".into(),
                cutoff,
                dated_by,
                build_network: Network::None,
                output,
                prepare,
                build,
                env,
                files,
                inputs,
                recovered,
                crlf: checkout.crlf,
                plain_modes: checkout.plain_modes,
                limits: Limits::default(),
            },
            reasons,
        }
    }
}

/// Publishing tools of monorepos put the root's licence into a package that has none.
fn takes_license_of_root(facts: &Facts<'_>) -> bool {
    facts.stamps.iter().any(|stamp| stamp.name == "LICENSE")
        && !facts.tree.contains_key("LICENSE")
        && facts.tree.contains_key("/LICENSE")
}

/// npm before 7.20 has no `--pack-destination` (npm's changelog) and writes into the
/// working directory.
fn knows_pack_destination(npm: &RegistryTool) -> bool {
    let version = npm
        .purl
        .version()
        .map(|v| semver::Version::parse(v.as_str()));
    match version {
        Some(Ok(version)) => version >= semver::Version::new(7, 20, 0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_umask_is_told_where_every_member_agrees_and_it_is_not_the_usual_one() {
        let of = |modes: &[u32]| {
            let stamps: Vec<_> = modes
                .iter()
                .map(|&mode| MemberStamp {
                    name: "m".into(),
                    mtime: 0,
                    mode,
                })
                .collect();
            umask(&stamps).map(|(mask, _)| mask)
        };
        assert_eq!(of(&[0o644, 0o755]), None);
        assert_eq!(of(&[0o664, 0o775]), Some(0o002));
        assert_eq!(of(&[0o664, 0o644]), None);
        assert_eq!(of(&[0o666, 0o777]), Some(0o000));
        assert_eq!(of(&[0o640, 0o750]), Some(0o027));
        assert_eq!(of(&[0o600]), Some(0o077));
        assert_eq!(of(&[]), None);
    }
}
