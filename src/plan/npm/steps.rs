//! The commands that pack a package: tools put in place, dependencies installed from
//! the mirror, scripts and `npm pack` without network. Pure.

use std::collections::BTreeMap;

use super::super::checkout::Checkout;
use super::super::{Candidate, Facts, RegistryTool};
use super::install::{Install, Installer};
use super::manifest::{Manifest, written_commit};
use super::system::{HOOK, HOOK_FILE, VARIABLE, npm, system};
use crate::model::{Limits, Network, Plan, RELAY_PORT, RecoveredFact, Step, WORK_DIR};
use crate::store::archive::MemberStamp;

/// The Node.js and npm that pack.
#[derive(Clone, Copy)]
pub(super) struct Tools<'a> {
    pub(super) node: &'a RegistryTool,
    pub(super) npm: &'a RegistryTool,
}

/// Scripts that run before and while the package is packed.
pub(super) struct Scripts<'a> {
    pub(super) install: Install,
    /// The installer's package, where it is not npm.
    pub(super) installer: Option<&'a RegistryTool>,
    /// Scripts of `package.json` that are called by name.
    pub(super) run: Vec<&'static str>,
    /// Whether `npm pack` runs its own.
    pub(super) packs: bool,
    /// As of when what no lock file names is resolved.
    pub(super) as_of: AsOf,
}

/// As of when the mirror shows the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AsOf {
    /// The release.
    Release,
    /// Today, since the registry's times are not those of its releases.
    Today,
}

/// What one candidate is made of.
pub(super) struct Packing<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) manifest: &'a Manifest,
    pub(super) tools: Tools<'a>,
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

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A command of its own name for a program that Node.js runs.
fn launcher(program: &str) -> String {
    format!("#!/bin/sh\nexec {WORK_DIR}/tools/node/bin/node {WORK_DIR}/tools/{program} \"$@\"\n")
}

impl<'a> Packing<'a> {
    /// The candidate that runs these scripts, or none.
    pub(super) fn candidate(&self, scripts: Option<Scripts<'a>>) -> Candidate {
        let facts = self.facts;
        let cwd = facts.package_dir();
        let here = |run| Step {
            run,
            cwd: cwd.clone(),
        };
        let mut reasons = BTreeMap::new();
        let mut why = |line: &str, reason: String| {
            reasons.insert(line.to_owned(), reason);
        };
        why("plan.image", self.why.to_owned());
        why("plan.build_network", "packing needs no network".to_owned());
        why("plan.output", "where npm writes packages".to_owned());

        let mut prepare = Vec::new();
        let mut build = Vec::new();
        let mut files = BTreeMap::from([
            ("out/.keep".to_owned(), String::new()),
            ("bin/npm".to_owned(), launcher("npm/bin/npm-cli.js")),
            ("bin/npx".to_owned(), launcher("npm/bin/npx-cli.js")),
        ]);
        let mut inputs = vec![
            self.tools.node.input("tools/node"),
            self.tools.npm.input("tools/npm"),
        ];
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
        if let Some(version) = facts.release.purl.version()
            && self.manifest.leaves_open(version.as_str())
        {
            // As semantic-release's npm plugin does before it packs; it is npm that knows
            // how to write the file.
            let mut run = words("npm version --no-git-tag-version --ignore-scripts");
            run.push(version.to_string());
            build.push(here(run));
            about_build.push("the source leaves its version to the release".into());
        }
        let locked = scripts
            .as_ref()
            .is_some_and(|scripts| scripts.install.lock.is_some());
        if let Some(scripts) = &scripts {
            let folder = if scripts.install.at_root { "src" } else { &cwd };
            prepare.extend(scripts.install.commands().into_iter().map(|run| Step {
                run,
                cwd: folder.to_owned(),
            }));
            why(
                "plan.prepare",
                match scripts.install.lock {
                    Some(lock) => format!("the source locks what its scripts need in {lock}"),
                    None => match scripts.as_of {
                        AsOf::Release => {
                            "no lock file, so what scripts need is resolved as of the release"
                                .into()
                        }
                        AsOf::Today => "no lock file, and the registry's times are long after the commit's, as a proxy's are; what scripts need is resolved as of today".into(),
                    },
                },
            );
            if let Some(tool) = scripts.installer {
                let program = match scripts.install.installer {
                    Installer::Npm => None,
                    Installer::Yarn => Some(("yarn", "yarn/bin/yarn.js")),
                    Installer::Pnpm => Some(("pnpm", "pnpm/bin/pnpm.cjs")),
                };
                if let Some((name, path)) = program {
                    files.insert(format!("bin/{name}"), launcher(path));
                    inputs.push(tool.input(&format!("tools/{name}")));
                }
            }
            for script in &scripts.run {
                build.push(here(words(&format!("npm run {script}"))));
                about_build.push(format!("package.json has a script {script}"));
            }
        } else {
            about_build.push("no script is run to pack this package".into());
        }
        if let Some(commit) = written_commit(facts, self.manifest) {
            files.insert("git-head.js".into(), WRITE_COMMIT.into());
            let run = format!("{WORK_DIR}/tools/node/bin/node {WORK_DIR}/git-head.js {commit}");
            build.push(here(words(&run)));
            about_build.push("the published package.json names this very commit".into());
        }
        if takes_license_of_root(facts) {
            build.push(here(words(&format!("cp {WORK_DIR}/src/LICENSE LICENSE"))));
            about_build
                .push("the published package has the LICENSE of the repository's root".into());
        }
        let mut env = environment();
        let mut pack = match system(facts.gzip) {
            Some(system) => {
                files.insert(HOOK_FILE.into(), HOOK.into());
                env.insert(VARIABLE.into(), system.gzip_os().to_string());
                recovered.push(RecoveredFact::System { system });
                about_build.push(format!(
                    "the gzip header says that it was packed on {system}"
                ));
                npm().to_vec()
            }
            None => words("npm"),
        };
        pack.push("pack".into());
        if !scripts.as_ref().is_some_and(|scripts| scripts.packs) {
            // npm 8 to 10 run `prepare` in spite of the first; the second runs nothing for it.
            pack.extend(words("--ignore-scripts --script-shell=/bin/true"));
        }
        let name = packed_name(facts);
        let output = if knows_pack_destination(self.tools.npm) {
            pack.extend(words(&format!("--pack-destination {WORK_DIR}/out")));
            format!("out/{name}")
        } else {
            format!("{cwd}/{name}")
        };
        build.push(here(pack));
        why("plan.build", about_build.join("\n"));

        // What a lock file names was there when it was written, whatever a registry's
        // times say, which may be those of a proxy.
        let is_undated = scripts
            .as_ref()
            .is_some_and(|scripts| scripts.as_of == AsOf::Today);
        if is_undated {
            recovered.push(RecoveredFact::Undated);
        }
        let cutoff = if locked || is_undated {
            None
        } else {
            facts.published()
        };
        if cutoff.is_some() {
            why(
                "plan.cutoff",
                "the release's publish time, as the registry gives it".to_owned(),
            );
        }
        // npm sets the executable bit of a package's programs by itself, so that its absence
        // elsewhere tells nothing of the checkout (npm documentation, "package.json", `bin`).
        let checkout = Checkout::of(facts, false, &mut recovered, &mut reasons);
        Candidate {
            plan: Plan {
                image: "node".into(),
                cutoff,
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

fn environment() -> BTreeMap<String, String> {
    [
        (
            "PATH",
            format!("{WORK_DIR}/bin:{WORK_DIR}/tools/node/bin:/usr/local/bin:/usr/bin:/bin"),
        ),
        (
            "npm_config_registry",
            format!("http://127.0.0.1:{RELAY_PORT}/npm/"),
        ),
        ("npm_config_audit", "false".into()),
        ("npm_config_fund", "false".into()),
        ("npm_config_update_notifier", "false".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
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

/// The name that `npm pack` gives (npm documentation, "npm pack"): the scope's
/// `@` goes and its `/` becomes `-`.
fn packed_name(facts: &Facts<'_>) -> String {
    let purl = &facts.release.purl;
    let name = purl
        .name()
        .as_str()
        .trim_start_matches('@')
        .replace('/', "-");
    let version = purl.version().map_or("", |v| v.as_str());
    format!("{name}-{version}.tgz")
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
