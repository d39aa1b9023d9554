//! The commands that pack a package: tools put in place, dependencies installed from
//! the mirror, scripts and the packer without network. Pure.

use super::super::listing::Listing;
use super::super::{Candidate, Facts, RegistryTool};
use super::draft::Draft;
use super::install::Installer;
use super::layout;
use super::lerna;
use super::lists;
use super::made;
use super::manifest::{Manifest, written_commit};
use super::order;
use super::packer::{self, Packer, packed_name};
use super::programs::{self, run_by_node};
use super::scripts::Scripts;
use super::siblings::{self, Action};
use super::{Tools, purl, tool, variables};
use crate::model::{RecoveredFact, WORK_DIR};

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
    /// The package's files as the publisher's file system listed them, where that is replayed
    /// to npm.
    pub(super) listing: Option<Listing>,
}

/// Where the source is, below the work folder.
const SOURCE_DIR: &str = "src";

/// Writes the commit into package.json as the publishing tools of monorepos do: last,
/// with the file's own indentation and end.
const WRITE_COMMIT: (&str, &str) = (
    "git-head.js",
    r#"const fs = require("fs");
const text = fs.readFileSync("package.json", "utf8");
const indent = (/^[ \t]+/m.exec(text) || ["  "])[0];
const manifest = JSON.parse(text);
manifest.gitHead = process.argv[2];
const end = text.endsWith("\n") ? "\n" : "";
fs.writeFileSync("package.json", JSON.stringify(manifest, null, indent) + end);
"#,
);

/// Where what is on the path is unpacked, and what packs where that is another.
pub(super) const RUNNER: (&str, &str) = ("tools/node", "tools/npm");
pub(super) const PACKER: (&str, &str) = ("tools/packing-node", "tools/packing-npm");

impl<'a> Packing<'a> {
    /// The candidate that runs these scripts, or none.
    pub(super) fn candidate(&self, scripts: Option<Scripts<'a>>) -> Candidate {
        let scripts = scripts.as_ref();
        let mut draft = Draft::new(self.facts, self.why);
        let packer = self.put_tools(&mut draft, scripts);
        draft.umask();
        self.write_version(&mut draft, scripts);
        self.put_installer(&mut draft, scripts);
        match scripts {
            Some(scripts) => draft.run(scripts),
            None => draft.about("no script is run to pack this package".into()),
        }
        self.mend_manifest(&mut draft, scripts);
        // pnpm takes it from the root of a workspace by itself, and packs it last then (pnpm,
        // `plugin-commands-publishing`, `pack.ts`, `LICENSE_GLOB`).
        let takes_by_itself = self.packer == Packer::Pnpm && draft.cwd != SOURCE_DIR;
        let taken = license_of_root(self.facts).filter(|_| !takes_by_itself);
        if let Some(name) = taken {
            // What is there by now is what a script has made.
            let copy = format!("[ -e {name} ] || cp {WORK_DIR}/src/{name} {name}");
            draft.there(["sh", "-c", &copy].map(str::to_owned).to_vec());
            draft.about(format!(
                "the published package has the {name} of the repository's root"
            ));
        }
        if let Some(scripts) = scripts {
            draft.hook(scripts);
            self.tell_of_manifest(&mut draft);
        }
        let output = self.pack(&mut draft, packer);
        draft.date(scripts);
        if scripts.is_some() {
            draft.name_folder();
        }
        draft.finish(output)
    }

    /// Puts the Node.js and npm in place that run scripts, and those that pack where they are
    /// others; where those that pack are then.
    fn put_tools(
        &self,
        draft: &mut Draft<'_>,
        scripts: Option<&Scripts<'_>>,
    ) -> (&'static str, &'static str) {
        let runner = scripts.map_or(self.tools, |scripts| scripts.runner);
        draft.inputs.push(runner.node.input(RUNNER.0));
        draft.inputs.push(runner.npm.input(RUNNER.1));
        for (name, tool) in [("node", self.tools.node), ("npm", self.tools.npm)] {
            let version = tool.purl.version();
            draft
                .recovered
                .extend(version.map(|version| RecoveredFact::Toolchain {
                    name: name.to_owned(),
                    version: version.to_string(),
                }));
        }
        if runner == self.tools {
            return RUNNER;
        }
        draft.inputs.push(self.tools.node.input(PACKER.0));
        draft.inputs.push(self.tools.npm.input(PACKER.1));
        draft.because(
            "plan.inputs",
            "the first two run the scripts, as the Node.js with long-term support did when the commit was made; the artifact's marks tell what packs",
        );
        PACKER
    }

    /// Tells scripts what the npm that packed told them and the one that runs them does not.
    fn tell_of_manifest(&self, draft: &mut Draft<'_>) {
        let npm = self.tools.npm.purl.version();
        let npm = npm.map_or("", |version| version.as_str());
        for (name, value) in variables::named_by_scripts(self.facts, npm) {
            draft.set(&name, value);
            let part = format!("plan.env.{name}");
            draft.because(
                &part,
                "npm 6 and before tell scripts of every field, and they ask for it",
            );
        }
    }

    /// Writes the release's version where no script does, and the source leaves it open.
    fn write_version(&self, draft: &mut Draft<'_>, scripts: Option<&Scripts<'_>>) {
        let by_scripts = scripts.is_some_and(|scripts| scripts.run.writes_version());
        let version = lists::version(self.facts, self.manifest, &draft.cwd);
        if let Some(version) = version.filter(|_| !by_scripts) {
            draft.call(version.step(Installer::Npm));
        }
    }

    /// Puts the installer in place, where it is not npm and something runs it.
    fn put_installer(&self, draft: &mut Draft<'_>, scripts: Option<&Scripts<'_>>) {
        if let Some((installer, tool)) = self.installer
            && (scripts.is_some() || self.packer.is_installer())
            && let Some(command) = installer.command()
        {
            let version = tool.purl.version().map_or("", |version| version.as_str());
            let program = installer.program(version);
            draft
                .files
                .insert(format!("bin/{command}"), programs::launcher(program));
            draft.inputs.push(tool.input(&format!("tools/{command}")));
            draft.tell(installer);
        }
    }

    /// Goes to the folder that is packed, and writes into its manifest what publishing does.
    fn mend_manifest(&self, draft: &mut Draft<'_>, scripts: Option<&Scripts<'_>>) {
        let is_made = scripts.is_some_and(|scripts| scripts.run.is_made);
        if is_made {
            draft.put(made::FINDER);
            let find = made::find(self.facts, &draft.cwd);
            draft.here(find);
            draft.about(
                "the published package.json lacks what the source's has, so the build makes what is published"
                    .into(),
            );
        }
        if let Some(scripts) = scripts {
            draft.go_to_packed(scripts);
        }
        self.name_siblings(draft, scripts.is_some());
        if let Some(commit) = written_commit(self.facts) {
            draft.put(WRITE_COMMIT);
            draft.there(run_by_node(WRITE_COMMIT, [commit.to_string()]));
            draft.about("the published package.json names this very commit".into());
        }
        let told = layout::told(self.facts, is_made);
        if !told.is_empty() {
            draft.put(layout::PROGRAM);
            draft.there(layout::command(&told));
        }
        for fact in told {
            draft.about(format!("the published {fact}"));
            draft.recovered.push(fact);
        }
    }

    /// Writes the versions of packages of the same repository, where no packer does; and puts
    /// those packages where pnpm reads them, where nothing was installed.
    fn name_siblings(&self, draft: &mut Draft<'_>, is_installed: bool) {
        let names = siblings::told(self.facts);
        // Where another folder is packed, its manifest was made by the build.
        if names.is_empty() || draft.packed != draft.cwd {
            return;
        }
        let (action, why) = match self.packer {
            Packer::Npm | Packer::Lerna => (
                Action::Write,
                "the published package.json has versions where the source's names folders of the repository",
            ),
            Packer::Pnpm if !is_installed => (
                Action::Link,
                "pnpm writes the versions of the repository's own packages, which it reads below node_modules",
            ),
            Packer::Pnpm | Packer::Yarn | Packer::Berry => return,
        };
        draft.put_sharing(siblings::PROGRAM);
        draft.there(siblings::command(action, names));
        draft.about(why.into());
    }

    /// Puts the minimatch in place that lists as the artifact shows; where it is then.
    fn put_matcher(&self, draft: &mut Draft<'_>) -> Option<String> {
        let (name, version) = lerna::MATCHER;
        let matcher = tool(self.facts, &purl(name, version)?)?;
        draft.inputs.push(matcher.input(lerna::MATCHER_FOLDER));
        draft.about("a member's name begins with ./, as this minimatch lists it".into());
        Some(format!("{WORK_DIR}/{}", lerna::MATCHER_FOLDER))
    }

    /// Packs, and says where the package is then.
    fn pack(&self, draft: &mut Draft<'_>, (node, npm): (&str, &str)) -> String {
        let mut run = vec![
            "env".to_owned(),
            format!("PATH={}", programs::path_without_scripts()),
        ];
        if self.packer == Packer::Pnpm {
            draft.order_dependencies();
            run.push(order::ONE_BY_ONE.to_owned());
        }
        run.push(format!("{WORK_DIR}/{node}/bin/node"));
        run.extend(draft.as_on_system());
        run.extend(draft.as_listed(self.listing.as_ref()));
        run.push(format!("{WORK_DIR}/{}", self.packer.program(npm)));
        let writes_out = self.packer != Packer::Npm || knows_pack_destination(self.tools.npm);
        let name = packed_name(self.facts);
        run.extend(self.packer.arguments(writes_out, npm, &name));
        if self.packer == Packer::Pnpm && packer::is_without_readme(self.facts) {
            run.push(packer::WITHOUT_README.to_owned());
        }
        if self.packer == Packer::Lerna {
            draft.put(lerna::PROGRAM);
            run.extend(self.put_matcher(draft));
        }
        let output = if writes_out {
            format!("out/{name}")
        } else {
            format!("{}/{name}", draft.packed)
        };
        // A packer that is set to write nothing must not leave an older file, a committed one
        // say, that was moved here.
        let remove = ["/bin/rm", "-f", "--"].map(str::to_owned).into_iter();
        let place = format!("{WORK_DIR}/{output}");
        draft.there(remove.chain([place]).collect());
        draft.there(run);
        output
    }
}

/// The names of licences that publishing tools of monorepos look for (lerna, `get-packages-without-license`
/// and `Project.licensePath`: any that begins so, whatever its case).
pub(super) const LICENSES: [&str; 6] = [
    "LICENSE",
    "LICENSE.md",
    "LICENSE.txt",
    "LICENCE",
    "LICENCE.md",
    "license",
];

/// The root's licence where they put it into a package that has none.
fn license_of_root(facts: &Facts<'_>) -> Option<&'static str> {
    let is_taken = |name: &&str| {
        facts.stamps.iter().any(|stamp| stamp.name == *name)
            && !facts.tree.contains_key(*name)
            && facts.tree.contains_key(&format!("/{name}"))
    };
    LICENSES.into_iter().find(is_taken)
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
