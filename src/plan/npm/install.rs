//! How a package's build dependencies are installed: with the tool whose lock file the
//! source has, which pins each of them. Pure.

use std::collections::BTreeMap;

use super::bootstrap;
use super::family;
use super::manifest::{self, Manifest};
use super::programs::run_by_node;
use super::root_manifest;
use crate::model::{Ecosystem, Purl, RELAY_PORT, WORK_DIR};

/// A program that installs dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installer {
    Npm,
    /// yarn 1.
    Yarn,
    /// yarn 2 and later, another program with other lock files.
    Berry,
    Pnpm,
}

impl Installer {
    /// Its command; none for npm, which is there anyway.
    pub(super) const fn command(self) -> Option<&'static str> {
        match self {
            Self::Npm => None,
            Self::Yarn | Self::Berry => Some("yarn"),
            Self::Pnpm => Some("pnpm"),
        }
    }

    /// What Node.js runs for the command of this version, below the folder of tools (the `bin` of
    /// the installers' own manifests).
    pub(super) fn program(self, version: &str) -> &'static str {
        match self {
            Self::Npm => "npm/bin/npm-cli.js",
            Self::Yarn | Self::Berry => "yarn/bin/yarn.js",
            Self::Pnpm if family::major(version).is_some_and(|major| major < 6) => {
                "pnpm/bin/pnpm.js"
            }
            Self::Pnpm => "pnpm/bin/pnpm.cjs",
        }
    }

    /// What tells the installer of the mirror, where npm's own settings do not.
    pub(super) fn environment(self) -> Vec<(&'static str, String)> {
        // The program that the plan pins, in place of one in the source (yarn, `rc.js`,
        // `yarn-path`; Yarn documentation, `yarnPath`).
        let pinned = ("YARN_IGNORE_PATH", "1".to_owned());
        match self {
            Self::Npm => Vec::new(),
            // From 11 on pnpm reads variables of its own name, and of npm's none (pnpm
            // documentation, "Settings"). What is locked is installed however new it was then, by
            // the pnpm that the plan pins, and never once more before a script runs.
            Self::Pnpm => [
                (
                    "pnpm_config_registry",
                    format!("http://127.0.0.1:{RELAY_PORT}/npm/"),
                ),
                ("pnpm_config_fetch_retries", "0".to_owned()),
                ("pnpm_config_minimum_release_age", "0".to_owned()),
                ("pnpm_config_pm_on_fail", "ignore".to_owned()),
                ("pnpm_config_verify_deps_before_run", "false".to_owned()),
            ]
            .to_vec(),
            Self::Yarn => vec![pinned],
            Self::Berry => vec![
                (
                    "YARN_NPM_REGISTRY_SERVER",
                    format!("http://127.0.0.1:{RELAY_PORT}/npm"),
                ),
                ("YARN_UNSAFE_HTTP_WHITELIST", "127.0.0.1".to_owned()),
                ("YARN_ENABLE_TELEMETRY", "0".to_owned()),
                pinned,
            ],
        }
    }

    /// How it runs a script of `package.json`. yarn 2 and later may install without a
    /// `node_modules`, and then tells Node.js alone where things are.
    pub(super) fn run(self, script: &str) -> Vec<String> {
        let program = match self {
            Self::Npm | Self::Yarn | Self::Pnpm => "npm",
            Self::Berry => "yarn",
        };
        [program, "run", script].map(str::to_owned).to_vec()
    }
}

/// What installs where the registry lacks something that is locked, or something is from a git
/// host, and where it is below the work folder.
pub(super) const MEND: (&str, &str) = ("mend.cjs", include_str!("mend.cjs"));

/// What [`MEND`] loads from beside it, besides [`SHARED`]: lock files, and what the registry has.
pub(super) const MEND_LOADS: [(&str, &str); 2] = [
    ("locks.cjs", include_str!("locks.cjs")),
    ("registry.cjs", include_str!("registry.cjs")),
];

/// What installs of what is for development only some, and where it is below the work folder.
pub(super) const LEAN: (&str, &str) = ("lean.cjs", include_str!("lean.cjs"));

/// What the programs share that install, link and write in the source's folders, beside them.
pub(super) const SHARED: (&str, &str) = ("shared.cjs", include_str!("shared.cjs"));

/// What installs each package as of when its range was written, and what says when that was.
pub(super) const WRITTEN: (&str, &str) = ("written.cjs", include_str!("written.cjs"));
pub(super) const SINCE_FILE: &str = "since.json";

/// What is installed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) installer: Installer,
    /// The lock file's name; none where the source locks nothing.
    pub(super) lock: Option<&'static str>,
    /// Whether it is at the repository's root, above the package.
    pub(super) at_root: bool,
    /// The installer as a package of the registry, where it is not npm itself.
    pub(super) tool: Option<Tool>,
    /// One that reads the lock file too, where the registry does not serve that version.
    pub(super) otherwise: Option<Tool>,
    /// Whether each package of the repository is installed by itself, and those that need each
    /// other are linked.
    pub(super) bootstraps: bool,
    /// Whether something that is installed has scripts of its own to run then.
    pub(super) has_scripts: bool,
    /// Whether something that is asked for is from where no build reaches, and nothing is locked, so
    /// that it is left out from the beginning.
    pub(super) leaves_out: bool,
    /// Whether the publisher's npm was one that installed no peers, as up to npm 6.
    pub(super) without_peers: bool,
}

/// Lock files, the surest first: what npm itself reads, then what others read.
const LOCKS: [(&str, Installer); 4] = [
    ("npm-shrinkwrap.json", Installer::Npm),
    ("package-lock.json", Installer::Npm),
    ("pnpm-lock.yaml", Installer::Pnpm),
    ("yarn.lock", Installer::Yarn),
];

/// The last yarn of the first line; its lock files are read by all of that line.
pub(super) const YARN: &str = "1.22.22";

/// The line that only lock files of yarn 2 and later have.
const YARN_2: &str = "__metadata:";

/// How to install what a package in this folder of the repository needs to be built; none where
/// the lock file is of a tool that remint cannot run.
pub(super) fn install(tree: &BTreeMap<String, Vec<u8>>, folder: &str) -> Option<Install> {
    let root = root_manifest(tree);
    let bootstraps = bootstrap::is_told(tree, folder);
    let is_workspace = || root.as_ref().is_some_and(|root| root.is_root_of(folder));
    let own = lock_at(tree, false);
    // In a workspace yarn 1 reads the root's and no other (yarn 1.22, `config.js`,
    // `lockfileFolder`).
    let own = own.filter(|own| own.installer != Installer::Yarn || !is_workspace());
    if let Some(lock) = own.or_else(|| lock_at(tree, true)) {
        let installer = lock.installer;
        let (tool, otherwise) = tools(installer, &lock, tree, root.as_ref())?;
        return Some(Install {
            installer,
            lock: Some(lock.name),
            at_root: lock.at_root,
            tool,
            otherwise,
            bootstraps,
            has_scripts: has_scripts(installer, &lock.text),
            leaves_out: false,
            without_peers: lock_version(installer, &lock.text) == Some(1),
        });
    }
    Some(Install {
        installer: Installer::Npm,
        lock: None,
        // The package's own where it is a repository of one package, as most are.
        at_root: root.is_some(),
        tool: None,
        otherwise: None,
        bootstraps,
        has_scripts: true,
        leaves_out: asks_outside(tree, root.as_ref()),
        without_peers: false,
    })
}

/// Whether the package, or the root of its repository, asks for something from where no build
/// reaches.
fn asks_outside(tree: &BTreeMap<String, Vec<u8>>, root: Option<&Manifest>) -> bool {
    let own = tree.get("package.json");
    let own = own.and_then(|bytes| manifest::parse(bytes).ok());
    own.iter().chain(root).any(Manifest::asks_outside)
}

/// A lock file of the source.
struct Lock {
    name: &'static str,
    installer: Installer,
    text: String,
    at_root: bool,
}

/// The lock file in the package's folder, or above it at the repository's root: of several the
/// one whose installer the manifest beside them names, or else the surest.
fn lock_at(tree: &BTreeMap<String, Vec<u8>>, at_root: bool) -> Option<Lock> {
    let prefix = if at_root { "/" } else { "" };
    let manifest = tree.get(&format!("{prefix}package.json"));
    let manifest = manifest.and_then(|bytes| manifest::parse(bytes).ok());
    let is_named = |lock: &Lock| {
        let own = manifest.as_ref()?;
        // Scripts call npm whatever installs.
        let command = lock.installer.command()?;
        Some(own.manager_version(command).is_some() || own.calls(command))
    };
    let mut locks: Vec<Lock> = locks_at(tree, at_root).collect();
    let named = locks.iter().position(|lock| is_named(lock) == Some(true));
    let chosen = named.unwrap_or(0);
    (chosen < locks.len()).then(|| locks.swap_remove(chosen))
}

/// The lock files there, the surest first.
fn locks_at(tree: &BTreeMap<String, Vec<u8>>, at_root: bool) -> impl Iterator<Item = Lock> {
    let prefix = if at_root { "/" } else { "" };
    LOCKS.into_iter().filter_map(move |(name, installer)| {
        let bytes = tree.get(&format!("{prefix}{name}"))?;
        let text = String::from_utf8_lossy(bytes).into_owned();
        let installer = match installer {
            Installer::Yarn if text.lines().any(|line| line == YARN_2) => Installer::Berry,
            other => other,
        };
        Some(Lock {
            name,
            installer,
            text,
            at_root,
        })
    })
}

/// Whether something that is locked runs a script when it is installed; taken for granted
/// where lock files do not say (npm documentation, "package-lock.json", `hasInstallScript`,
/// from version 2 on; pnpm's `requiresBuild`, up to version 6).
fn has_scripts(installer: Installer, lock: &str) -> bool {
    match installer {
        Installer::Npm => {
            lock_version(installer, lock).is_none_or(|version| version < 2)
                || lock.contains("\"hasInstallScript\": true")
        }
        Installer::Pnpm => {
            !lock.contains("requiresBuild: ") || lock.contains("requiresBuild: true")
        }
        Installer::Yarn | Installer::Berry => true,
    }
}

/// The version of npm's lock file (npm documentation, "package-lock.json",
/// `lockfileVersion`).
fn lock_version(installer: Installer, lock: &str) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Lock {
        #[serde(rename = "lockfileVersion")]
        version: u64,
    }
    match installer {
        Installer::Npm => serde_json::from_str::<Lock>(lock.trim_start_matches('\u{feff}'))
            .ok()
            .map(|lock| lock.version),
        Installer::Yarn | Installer::Berry | Installer::Pnpm => None,
    }
}

/// A package by its name and version.
type Tool = (&'static str, String);

/// The installer's own package where it is not npm, and one that reads the lock file too; `None`
/// where it cannot be run.
fn tools(
    installer: Installer,
    lock: &Lock,
    tree: &BTreeMap<String, Vec<u8>>,
    root: Option<&Manifest>,
) -> Option<(Option<Tool>, Option<Tool>)> {
    let managed = |tool| Some(root?.manager_version(tool)?.to_owned());
    let (name, said, guessed) = match installer {
        Installer::Npm => return Some((None, None)),
        Installer::Yarn => ("yarn", None, Some(YARN)),
        Installer::Berry => {
            let said = managed("yarn").or_else(|| kept_berry(tree, lock.at_root));
            ("@yarnpkg/cli-dist", said, berry_of(&lock.text))
        }
        Installer::Pnpm => ("pnpm", managed("pnpm"), pnpm_of(&lock.text)),
    };
    let guessed = guessed.map(|version| (name, version.to_owned()));
    // pnpm installs nothing for a source that asks for another pnpm (pnpm documentation,
    // "package.json", `engines`).
    let asked = || match installer {
        Installer::Pnpm => lowest_after(&guessed.as_ref()?.1, root?.lowest_engine(name)?),
        Installer::Npm | Installer::Yarn | Installer::Berry => None,
    };
    match said.or_else(asked) {
        Some(version) => Some((Some((name, version)), guessed)),
        None => Some((Some(guessed?), None)),
    }
}

/// The yarn that the source keeps beside its lock file and runs (Yarn documentation,
/// ".yarnrc.yml", `yarnPath`; its name is that which `yarn set version` gives it). Another one
/// patches some packages otherwise, and so finds the lock file to be out of date.
fn kept_berry(tree: &BTreeMap<String, Vec<u8>>, at_root: bool) -> Option<String> {
    let prefix = if at_root { "/" } else { "" };
    let settings = tree.get(&format!("{prefix}.yarnrc.yml"))?;
    let settings = String::from_utf8_lossy(settings);
    let path = settings
        .lines()
        .find_map(|line| line.strip_prefix("yarnPath:"))?;
    let (_, file) = path.rsplit_once("/yarn-")?;
    let file = file.trim_end_matches(['"', '\'', ' ']);
    let version = file
        .strip_suffix(".cjs")
        .or_else(|| file.strip_suffix(".js"))?;
    let is_version = semver::Version::parse(version).is_ok();
    is_version.then(|| version.to_owned())
}

/// The last yarn that writes lock files of this version (yarn, `Project.ts`,
/// `LOCKFILE_VERSION`, in its releases).
fn berry_of(lock: &str) -> Option<&'static str> {
    let version = lock
        .lines()
        .skip_while(|line| *line != YARN_2)
        .find_map(|line| line.trim().strip_prefix("version: "))?;
    Some(match version {
        "4" => "2.4.2",
        "5" | "6" => "3.8.7",
        "8" => "4.9.4",
        _ => return None,
    })
}

/// The last pnpm that writes lock files of this format (pnpm documentation,
/// "pnpm-lock.yaml", `lockfileVersion`).
fn pnpm_of(lock: &str) -> Option<&'static str> {
    let version = lock
        .lines()
        .find_map(|line| line.strip_prefix("lockfileVersion:"))?
        .trim()
        .trim_matches(['\'', '"']);
    Some(match version {
        "5.1" => "4.14.4",
        "5.2" => "5.18.11",
        "5.3" => "6.35.1",
        "5.4" => "7.33.7",
        "6.0" | "6.1" => "8.15.9",
        "9.0" => "9.15.9",
        _ => return None,
    })
}

/// The lowest version that is asked for, where it is later than this one.
fn lowest_after(version: &str, lowest: semver::Version) -> Option<String> {
    let version = semver::Version::parse(version).ok()?;
    (lowest > version).then(|| lowest.to_string())
}

fn purl_of((name, version): &Tool) -> Option<Purl> {
    Purl::new(Ecosystem::Npm, name, Some(version)).ok()
}

impl Install {
    /// The installer's package URL, where it comes from the registry.
    pub(super) fn purl(&self) -> Option<Purl> {
        purl_of(self.tool.as_ref()?)
    }

    /// The package URLs of all that may be the installer.
    pub(super) fn purls(&self) -> impl Iterator<Item = Purl> {
        let all = self.tool.iter().chain(&self.otherwise);
        all.filter_map(purl_of)
    }

    /// The same by the installer that is served.
    pub(super) fn by_served(mut self, is_served: impl Fn(&Purl) -> bool) -> Self {
        if !self.purl().is_some_and(|purl| is_served(&purl))
            && let Some(other) = self.otherwise.take()
        {
            self.tool = Some(other);
        }
        self
    }

    /// The commands, in the folder of the lock file. None runs a script of the package or
    /// of what it depends on. Where there is no lock file, `exact` names versions of what the
    /// package depends on.
    pub(super) fn commands(&self, exact: &[String]) -> Vec<Vec<String>> {
        match (self.installer, self.lock) {
            // A later npm than the one that locked may refuse peers that the earlier one took;
            // forced, it installs what is locked all the same (npm documentation, "npm ci",
            // `force`).
            (Installer::Npm, Some(_)) if self.without_peers => {
                vec![words("npm ci --ignore-scripts --legacy-peer-deps")]
            }
            (Installer::Npm, Some(_)) => vec![words("npm ci --ignore-scripts --force")],
            (Installer::Npm, None) => {
                let mut run =
                    words("npm install --ignore-scripts --no-package-lock --no-save --force");
                run.extend(self.without_peers.then(|| "--legacy-peer-deps".to_owned()));
                run.extend_from_slice(exact);
                if self.leaves_out {
                    run.splice(0..0, run_by_node(MEND, []));
                }
                vec![run]
            }
            (Installer::Pnpm, _) => {
                vec![words("pnpm install --frozen-lockfile --ignore-scripts")]
            }
            // yarn asks the host that the lock file names, so the lock file names the
            // mirror for as long as it is read.
            (Installer::Yarn, _) => vec![
                words(&format!("cp -p yarn.lock {WORK_DIR}/yarn.lock")),
                vec![
                    "sed".into(),
                    "-i".into(),
                    "-E".into(),
                    format!(
                        "s#^(  resolved \")https?://[^/]+/#\\1http://127.0.0.1:{RELAY_PORT}/npm/#"
                    ),
                    "yarn.lock".into(),
                ],
                words(
                    "yarn install --frozen-lockfile --ignore-scripts --non-interactive --ignore-engines",
                ),
                words(&format!("cp -p {WORK_DIR}/yarn.lock yarn.lock")),
            ],
            (Installer::Berry, _) => {
                let skip = if self.is_yarn_2() {
                    "--skip-builds"
                } else {
                    "--mode=skip-build"
                };
                vec![
                    words(&format!("yarn install --immutable {skip}")),
                    // Where the source asks for yarn 1 too, that one would run in its place.
                    words("/bin/rm -f -- node_modules/.bin/yarn"),
                ]
            }
        }
    }

    /// Whether what the registry lacks of what is locked can be resolved anew or left out.
    pub(super) fn can_mend(&self) -> bool {
        self.lock.is_some()
    }

    /// The same commands, where what installs is run by [`MEND`].
    pub(super) fn mended(&self) -> Vec<Vec<String>> {
        let mut commands = self.commands(&[]);
        for run in &mut commands {
            if matches!(run[0].as_str(), "npm" | "yarn" | "pnpm") {
                run.splice(0..0, run_by_node(MEND, []));
            }
        }
        commands
    }

    /// The same commands, where npm is run by [`LEAN`]: of what is for development it installs
    /// these alone.
    pub(super) fn lean(&self, called: &[String]) -> Vec<Vec<String>> {
        let mut commands = self.commands(&[]);
        for run in &mut commands {
            run.splice(0..0, run_by_node(LEAN, [called.join(",")]));
        }
        commands
    }

    /// The same commands, where npm is run by [`WRITTEN`].
    pub(super) fn as_written(&self) -> Vec<Vec<String>> {
        let mut commands = self.commands(&[]);
        for run in &mut commands {
            let told = [
                format!("{WORK_DIR}/tools/npm"),
                format!("{WORK_DIR}/{SINCE_FILE}"),
                format!("http://127.0.0.1:{RELAY_PORT}/npm"),
            ];
            run.splice(0..0, run_by_node(WRITTEN, told));
        }
        commands
    }

    /// yarn 2 calls some things by other names than later ones.
    fn is_yarn_2(&self) -> bool {
        let version = self.tool.as_ref().map(|(_, version)| version.as_str());
        version.is_some_and(|version| version.starts_with("2."))
    }

    /// The command that runs the scripts of what was installed, as publishers' installers do.
    pub(super) fn run_scripts(&self) -> Vec<String> {
        match self.installer {
            // It takes folders that yarn installed as well.
            Installer::Npm | Installer::Yarn => words("npm rebuild"),
            Installer::Berry => words("yarn rebuild"),
            Installer::Pnpm => words("pnpm rebuild"),
        }
    }
}

/// The words of a command that needs no quoting.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<Install> {
        let mut situation = Situation::npm();
        for (name, text) in files {
            situation.tree_file(name, text);
        }
        install(&situation.tree, "packages/x")
    }

    #[test]
    fn the_lock_file_names_the_installer() {
        let npm = of(&[("package-lock.json", "{}"), ("yarn.lock", "")]).expect("npm");
        assert_eq!(npm.installer, Installer::Npm);
        assert_eq!(npm.commands(&[])[0][1], "ci");
        let yarn = of(&[("yarn.lock", "# yarn lockfile v1\n")]).expect("yarn");
        assert_eq!(yarn.tool, Some(("yarn", YARN.to_owned())));
        assert_eq!(yarn.commands(&[]).len(), 4);
        let none = of(&[]).expect("npm");
        assert_eq!(none.lock, None);
        let exact = ["typescript@4.2.3".to_owned()];
        assert_eq!(none.commands(&exact)[0][1], "install");
        assert_eq!(none.commands(&exact)[0].last(), exact.last());
    }

    #[test]
    fn what_is_gone_of_a_lock_file_is_resolved_anew_where_npm_or_a_yarn_reads_it() {
        let npm = of(&[("package-lock.json", r#"{"lockfileVersion":3}"#)]).expect("npm");
        assert!(npm.can_mend());
        let run = npm.mended().remove(0).join(" ");
        assert!(
            run.ends_with("mend.cjs npm ci --ignore-scripts --force"),
            "{run}"
        );
        let yarn = of(&[("yarn.lock", "# yarn lockfile v1\n")]).expect("yarn");
        let runs = yarn.mended();
        let mended = runs.iter().filter(|run| run[1].ends_with(MEND.0));
        assert!(yarn.can_mend() && mended.count() == 1);
        let berry = of(&[("yarn.lock", "__metadata:\n  version: 6\n")]).expect("yarn 3");
        let runs = berry.mended();
        assert!(berry.can_mend() && runs[0][1].ends_with(MEND.0));
        assert!(runs[0].contains(&"--immutable".to_owned()));
        let pnpm = of(&[("pnpm-lock.yaml", "lockfileVersion: 5.4\n")]).expect("pnpm");
        let runs = pnpm.mended();
        assert!(pnpm.can_mend() && runs[0][1].ends_with(MEND.0));
        assert!(!of(&[]).expect("npm").can_mend());
    }

    #[test]
    fn what_no_build_reaches_is_left_out_from_the_beginning_where_nothing_is_locked() {
        let leaves_out = |spec: &str, lock: &[(&str, &str)]| {
            let manifest = format!(r#"{{"devDependencies":{{"a":"{spec}"}}}}"#);
            let files = [&[("package.json", manifest.as_str())], lock].concat();
            let found = of(&files).expect("npm");
            assert_eq!(found.leaves_out, found.commands(&[])[0][0] != "npm");
            found.leaves_out
        };
        for spec in [
            "https://git.example/o/r#v1",
            "o/r",
            "o/r#semver:^1",
            "github:o/r",
        ] {
            assert!(leaves_out(spec, &[]), "{spec}");
            assert!(!leaves_out(spec, &[("package-lock.json", "{}")]), "{spec}");
        }
        for spec in [
            "^1.0.0",
            "npm:@s/b@1",
            "file:../b",
            "./b",
            "../b/c",
            "next",
            "@s/b",
            ">=1 <2 / x",
        ] {
            assert!(!leaves_out(spec, &[]), "{spec}");
        }
    }

    #[test]
    fn a_lock_file_says_whether_what_it_locks_has_scripts() {
        let npm = |version: u64, rest: &str| {
            let lock = format!(r#"{{"lockfileVersion": {version}{rest}}}"#);
            let found = of(&[("package-lock.json", &lock)]).expect("npm");
            (found.has_scripts, found.without_peers)
        };
        let script = r#", "packages": {"a": {"hasInstallScript": true}}"#;
        assert_eq!(npm(1, ""), (true, true));
        assert_eq!(npm(2, ""), (false, false));
        assert_eq!(npm(3, script), (true, false));
        let pnpm = |lock: &str| {
            let lock = format!("lockfileVersion: 5.4\n{lock}");
            of(&[("pnpm-lock.yaml", &lock)]).expect("pnpm").has_scripts
        };
        assert!(pnpm(""));
        assert!(!pnpm("requiresBuild: false\n"));
        assert!(pnpm("requiresBuild: false\nrequiresBuild: true\n"));
    }

    #[test]
    fn the_yarn_that_the_source_keeps_installs_where_the_registry_serves_it() {
        let with = |path: &str| {
            let settings = format!("nodeLinker: node-modules\nyarnPath: {path}\n");
            let lock = "__metadata:\n  version: 4\n";
            let found = of(&[("/yarn.lock", lock), ("/.yarnrc.yml", &settings)]);
            found.expect("yarn 2")
        };
        let version = |install: Install| install.tool.expect("one").1;
        let kept = with(".yarn/releases/yarn-2.4.1.cjs");
        assert_eq!(kept.purls().count(), 2);
        assert_eq!(version(kept.clone().by_served(|_| true)), "2.4.1");
        assert_eq!(version(kept.by_served(|_| false)), "2.4.2");
        assert_eq!(version(with("\".yarn/releases/yarn-3.0.0.js\"")), "3.0.0");
        assert_eq!(version(with(".yarn/releases/yarn-berry.cjs")), "2.4.2");
        // That is beside another lock file.
        let own = of(&[
            ("yarn.lock", "__metadata:\n  version: 4\n"),
            ("/.yarnrc.yml", "yarnPath: .yarn/releases/yarn-2.4.1.cjs\n"),
        ]);
        assert_eq!(version(own.expect("yarn 2")), "2.4.2");
    }

    #[test]
    fn a_lock_file_of_yarn_2_is_not_given_to_yarn_1() {
        let berry = |version: u64| {
            let lock = format!("# note\n\n__metadata:\n  version: {version}\n");
            of(&[("yarn.lock", &lock)])
        };
        let found = berry(6).expect("yarn 3");
        assert_eq!(found.installer, Installer::Berry);
        assert_eq!(found.tool, Some(("@yarnpkg/cli-dist", "3.8.7".into())));
        assert_eq!(found.commands(&[])[0][3], "--mode=skip-build");
        let remove_yarn_1 = words("/bin/rm -f -- node_modules/.bin/yarn");
        assert_eq!(found.commands(&[])[1], remove_yarn_1);
        assert_eq!(
            berry(4).expect("yarn 2").commands(&[])[0][3],
            "--skip-builds"
        );
        assert!(berry(99).is_none());
        let said = of(&[
            ("yarn.lock", "__metadata:\n  version: 99\n"),
            ("/package.json", r#"{"packageManager":"yarn@4.1.0"}"#),
        ]);
        assert_eq!(said.expect("yarn 4").tool.expect("one").1, "4.1.0");
        let first = of(&[("yarn.lock", "\"x@^1\":\n  version: 1.0.0\n")]).expect("yarn 1");
        assert_eq!(first.installer, Installer::Yarn);
    }

    #[test]
    fn the_yarn_that_the_plan_pins_is_the_one_that_runs() {
        let ignores = |lock: &str| {
            let found = of(&[("yarn.lock", lock)]).expect("a yarn");
            let environment = found.installer.environment();
            environment.contains(&("YARN_IGNORE_PATH", "1".to_owned()))
        };
        assert!(ignores("\"x@^1\":\n  version: 1.0.0\n"));
        assert!(ignores("__metadata:\n  version: 6\n"));
    }

    #[test]
    fn each_installer_is_told_of_the_mirror_in_its_own_words() {
        let registry = |installer: Installer, name: &str| {
            let told: BTreeMap<_, _> = installer.environment().into_iter().collect();
            let registry = told.get(name).cloned();
            registry.is_some_and(|registry| registry.starts_with("http://127.0.0.1:"))
        };
        assert!(registry(Installer::Pnpm, "pnpm_config_registry"));
        assert!(registry(Installer::Berry, "YARN_NPM_REGISTRY_SERVER"));
    }

    #[test]
    fn the_format_of_a_lock_file_or_the_manifest_names_the_pnpm() {
        let pnpm = |lock: &str| of(&[("pnpm-lock.yaml", lock)]).and_then(|found| found.tool);
        assert_eq!(
            pnpm("lockfileVersion: 5.4\n"),
            Some(("pnpm", "7.33.7".into()))
        );
        assert_eq!(
            pnpm("lockfileVersion: '9.0'\n"),
            Some(("pnpm", "9.15.9".into()))
        );
        assert_eq!(
            pnpm("lockfileVersion: 5.2\n"),
            Some(("pnpm", "5.18.11".into()))
        );
        // Its program was called otherwise then.
        assert_eq!(Installer::Pnpm.program("5.18.11"), "pnpm/bin/pnpm.js");
        assert_eq!(Installer::Pnpm.program("6.0.0"), "pnpm/bin/pnpm.cjs");
        assert_eq!(pnpm("lockfileVersion: 99\n"), None);
        let asked = |engines: &str| {
            let root = format!(r#"{{"engines":{{"pnpm":"{engines}"}}}}"#);
            let lock = ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n");
            of(&[lock, ("/package.json", &root)]).and_then(|found| found.tool)
        };
        assert_eq!(asked(">=10.0.0"), Some(("pnpm", "10.0.0".into())));
        assert_eq!(asked(">=9.0.0"), Some(("pnpm", "9.15.9".into())));
        // yarn is told not to mind it.
        let yarn = of(&[
            ("yarn.lock", ""),
            ("/package.json", r#"{"engines":{"yarn":">=4.0.0"}}"#),
        ]);
        assert_eq!(
            yarn.and_then(|found| found.tool),
            Some(("yarn", YARN.into()))
        );
        let said = of(&[
            ("pnpm-lock.yaml", "lockfileVersion: 99\n"),
            ("/package.json", r#"{"packageManager":"pnpm@8.1.0"}"#),
        ]);
        assert_eq!(said.and_then(|s| s.tool), Some(("pnpm", "8.1.0".into())));
    }

    #[test]
    fn a_workspaces_lock_file_is_at_the_root_and_the_packages_own_comes_first() {
        let root = of(&[("/package-lock.json", "{}")]).expect("npm");
        assert!(root.at_root);
        let own = of(&[("/yarn.lock", ""), ("package-lock.json", "{}")]).expect("npm");
        assert!(!own.at_root && own.installer == Installer::Npm);
        let unlocked = of(&[("/package.json", "{}")]).expect("npm");
        assert!(unlocked.at_root && unlocked.lock.is_none());
    }

    #[test]
    fn of_several_lock_files_the_one_whose_installer_the_manifest_names_is_taken() {
        let of = |manifest: &str| {
            let files = [
                ("package.json", manifest),
                ("package-lock.json", "{}"),
                ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"),
            ];
            of(&files).expect("an installer").installer
        };
        let called = r#"{"scripts":{"lint":"npm run x","build":"pnpm run build -r"}}"#;
        assert_eq!(of(called), Installer::Pnpm);
        assert_eq!(of(r#"{"packageManager":"pnpm@9.1.0"}"#), Installer::Pnpm);
        for other in ["{}", r#"{"scripts":{"build":"npm run x && ./pnpm-like"}}"#] {
            assert_eq!(of(other), Installer::Npm, "{other}");
        }
    }

    #[test]
    fn yarn_1_reads_the_roots_lock_file_in_a_workspace_of_it_whatever_lies_there() {
        let is_roots = |own: (&str, &str), root: &str| {
            let files = [own, ("/yarn.lock", ""), ("/package.json", root)];
            of(&files).expect("an installer").at_root
        };
        let root = r#"{"workspaces":["./packages/*"]}"#;
        assert!(is_roots(("yarn.lock", ""), root));
        let listed = r#"{"workspaces":{"packages":["packages/**"]}}"#;
        assert!(is_roots(("yarn.lock", ""), listed));
        // A folder that is none of its workspaces, and what another installer reads.
        for other in [r#"{"workspaces":["*"]}"#, r#"{"workspaces":[7]}"#, "{}"] {
            assert!(!is_roots(("yarn.lock", ""), other), "{other}");
        }
        assert!(!is_roots(("package-lock.json", "{}"), root));
    }
}
