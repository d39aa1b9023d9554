//! Repositories whose packages are installed each by itself and linked, as lerna does from its
//! first releases to its sixth (lerna documentation, "lerna bootstrap"). Pure.

use std::collections::BTreeMap;

use super::programs::run_by_node;
use super::root_manifest;
use crate::model::{RELAY_PORT, WORK_DIR};

/// What does that, and where it is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("bootstrap.cjs", include_str!("bootstrap.cjs"));

/// Whether a package in this folder is installed so: lerna's settings are at the repository's
/// root, and no installer takes the folder for a workspace.
pub(super) fn is_told(tree: &BTreeMap<String, Vec<u8>>, folder: &str) -> bool {
    let is_workspace = || root_manifest(tree).is_some_and(|root| root.is_root_of(folder));
    !folder.is_empty()
        && tree.contains_key("/lerna.json")
        && !tree.contains_key("/pnpm-lock.yaml")
        && !is_workspace()
}

/// The command that installs and links, in the package's folder. `without_peers` is for what npm 6
/// and before installed.
pub(super) fn install(without_peers: bool) -> Vec<String> {
    let mut run = begun("install");
    run.push(format!("http://127.0.0.1:{RELAY_PORT}/npm"));
    run.extend(without_peers.then(|| "--legacy-peer-deps".to_owned()));
    run
}

/// The command that builds what the package in the working folder needs of its repository, where
/// this runs a script.
pub(super) fn build(runner: &str) -> Vec<String> {
    let mut run = begun("build");
    run.push(runner.to_owned());
    run
}

fn begun(action: &str) -> Vec<String> {
    let told = [
        action.to_owned(),
        format!("{WORK_DIR}/src"),
        format!("{WORK_DIR}/tools/npm"),
    ];
    run_by_node(PROGRAM, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_installed_by_themselves_where_lerna_is_set_up_and_nothing_is_a_workspace() {
        let of = |files: &[(&str, &str)], folder: &str| {
            let file = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
            is_told(&files.iter().map(file).collect(), folder)
        };
        let lerna = ("/lerna.json", "{}");
        assert!(of(&[lerna, ("/package.json", "{}")], "packages/a"));
        assert!(!of(&[("/package.json", "{}")], "packages/a"));
        assert!(!of(&[lerna, ("/package.json", "{}")], ""));
        assert!(!of(&[lerna, ("/pnpm-lock.yaml", "")], "packages/a"));
        let workspace = ("/package.json", r#"{"workspaces":["packages/*"]}"#);
        assert!(!of(&[lerna, workspace], "packages/a"));
        assert!(of(&[lerna, workspace], "lib/a"));
    }
}
