//! How a package's build dependencies are installed: with the tool whose lock file the
//! source has, which pins each of them. Pure.

use std::collections::BTreeMap;

use super::manifest::Manifest;
use crate::model::{Ecosystem, Purl, RELAY_PORT, WORK_DIR};

/// A program that installs dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Installer {
    Npm,
    Yarn,
    Pnpm,
}

/// What is installed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) installer: Installer,
    /// The lock file's name; none where the source locks nothing.
    pub(super) lock: Option<&'static str>,
    /// Whether it is at the repository's root, above the package.
    pub(super) at_root: bool,
    /// The installer as a package of the registry, where it is not npm itself.
    pub(super) tool: Option<(&'static str, String)>,
}

/// Lock files, the surest first: what npm itself reads, then what others read.
const LOCKS: [(&str, Installer); 4] = [
    ("npm-shrinkwrap.json", Installer::Npm),
    ("package-lock.json", Installer::Npm),
    ("pnpm-lock.yaml", Installer::Pnpm),
    ("yarn.lock", Installer::Yarn),
];

/// The last yarn of the first line; its lock files are read by all of that line.
const YARN: &str = "1.22.22";

/// The line that only lock files of yarn 2 and later have.
const YARN_2: &str = "__metadata:";

/// How to install what the build needs; none where the lock file is of a tool that
/// remint cannot run.
pub(super) fn install(tree: &BTreeMap<String, Vec<u8>>, manifest: &Manifest) -> Option<Install> {
    for at_root in [false, true] {
        for (lock, installer) in LOCKS {
            let path = if at_root {
                format!("/{lock}")
            } else {
                lock.to_owned()
            };
            if let Some(bytes) = tree.get(&path) {
                let text = String::from_utf8_lossy(bytes);
                return Some(Install {
                    installer,
                    lock: Some(lock),
                    at_root,
                    tool: tool(installer, &text, manifest)?,
                });
            }
        }
    }
    Some(Install {
        installer: Installer::Npm,
        lock: None,
        at_root: false,
        tool: None,
    })
}

/// The installer's own package; the outer `None` where it cannot be run.
#[expect(
    clippy::option_option,
    reason = "npm needs no package, and yarn 2 cannot be run"
)]
fn tool(
    installer: Installer,
    lock: &str,
    manifest: &Manifest,
) -> Option<Option<(&'static str, String)>> {
    match installer {
        Installer::Npm => Some(None),
        Installer::Yarn if lock.lines().any(|line| line == YARN_2) => None,
        Installer::Yarn => Some(Some(("yarn", YARN.to_owned()))),
        Installer::Pnpm => {
            let said = manifest.manager_version("pnpm").map(str::to_owned);
            let version = said.or_else(|| Some(pnpm_of(lock)?.to_owned()))?;
            Some(Some(("pnpm", version)))
        }
    }
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
        "5.3" => "6.35.1",
        "5.4" => "7.33.7",
        "6.0" | "6.1" => "8.15.9",
        "9.0" => "9.15.9",
        _ => return None,
    })
}

impl Install {
    /// The installer's package URL, where it comes from the registry.
    pub(super) fn purl(&self) -> Option<Purl> {
        let (name, version) = self.tool.as_ref()?;
        Purl::new(Ecosystem::Npm, name, Some(version)).ok()
    }

    /// The commands, in the folder of the lock file. None runs a script of the package or
    /// of what it depends on.
    pub(super) fn commands(&self) -> Vec<Vec<String>> {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        match (self.installer, self.lock) {
            // A later npm than the one that locked may refuse peers that the earlier one took;
            // forced, it installs what is locked all the same (npm documentation, "npm ci",
            // `force`).
            (Installer::Npm, Some(_)) => vec![words("npm ci --ignore-scripts --force")],
            (Installer::Npm, None) => {
                vec![words("npm install --ignore-scripts --no-package-lock")]
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::super::manifest;
    use super::*;

    fn of(files: &[(&str, &str)]) -> Option<Install> {
        let mut situation = Situation::npm();
        for (name, text) in files {
            situation.tree_file(name, text);
        }
        let manifest = manifest::of_source(&situation.tree).expect("a manifest");
        install(&situation.tree, &manifest)
    }

    #[test]
    fn the_lock_file_names_the_installer() {
        let npm = of(&[("package-lock.json", "{}"), ("yarn.lock", "")]).expect("npm");
        assert_eq!(npm.installer, Installer::Npm);
        assert_eq!(npm.commands()[0][1], "ci");
        let yarn = of(&[("yarn.lock", "# yarn lockfile v1\n")]).expect("yarn");
        assert_eq!(yarn.tool, Some(("yarn", YARN.to_owned())));
        assert_eq!(yarn.commands().len(), 4);
        let none = of(&[]).expect("npm");
        assert_eq!(none.lock, None);
        assert_eq!(none.commands()[0][1], "install");
    }

    #[test]
    fn a_lock_file_of_yarn_2_is_not_given_to_yarn_1() {
        assert!(of(&[("yarn.lock", "__metadata:\n  version: 6\n")]).is_none());
        assert!(of(&[("yarn.lock", "\"x@^1\":\n  version: 1.0.0\n")]).is_some());
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
        assert_eq!(pnpm("lockfileVersion: 99\n"), None);
        let said = of(&[
            ("pnpm-lock.yaml", "lockfileVersion: 99\n"),
            ("package.json", r#"{"packageManager":"pnpm@8.1.0"}"#),
        ]);
        assert_eq!(said.and_then(|s| s.tool), Some(("pnpm", "8.1.0".into())));
    }

    #[test]
    fn a_workspaces_lock_file_is_at_the_root_and_the_packages_own_comes_first() {
        let root = of(&[("/package-lock.json", "{}")]).expect("npm");
        assert!(root.at_root);
        let own = of(&[("/yarn.lock", ""), ("package-lock.json", "{}")]).expect("npm");
        assert!(!own.at_root && own.installer == Installer::Npm);
    }
}
