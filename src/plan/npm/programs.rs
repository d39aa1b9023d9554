//! Programs that a plan puts where its commands find them, and what tells them of the mirror.
//! Pure.

use std::collections::BTreeMap;

use crate::model::{RELAY_PORT, WORK_DIR};

/// A folder that packing looks for programs in first, with a shell that runs nothing: npm 7
/// to 10 run `prepare` when they are told to run no script, and 7 and 8 have no other shell
/// than the first that is found. A source's `.npmrc` may name another, so that the packer is told
/// of this one too.
const NO_SCRIPTS: &str = "no-scripts";
pub(super) const NO_SHELL_FILE: &str = "no-scripts/sh";
const NO_SHELL: &str = "#!/bin/true\n";

/// What removes, and takes it that there is nothing to remove (POSIX.1-2017, "rm", `-f`): scripts
/// remove what an earlier build left before they build, and publishers had such a build, where
/// a checkout has none.
const REMOVE: &str = "#!/bin/sh\nexec /bin/rm -f \"$@\"\n";

/// A command of its own name for a program that Node.js runs.
pub(super) fn launcher(program: &str) -> String {
    format!("#!/bin/sh\nexec {WORK_DIR}/tools/node/bin/node {WORK_DIR}/tools/{program} \"$@\"\n")
}

/// The files of every plan.
pub(super) fn of_every_plan() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("bin/npm".to_owned(), launcher("npm/bin/npm-cli.js")),
        ("bin/npx".to_owned(), launcher("npm/bin/npx-cli.js")),
        (NO_SHELL_FILE.to_owned(), NO_SHELL.to_owned()),
    ])
}

/// Those of a plan that runs scripts.
pub(super) fn of_scripts() -> [(String, String); 1] {
    [("bin/rm".to_owned(), REMOVE.to_owned())]
}

/// Where programs are looked for.
fn path() -> String {
    format!("{WORK_DIR}/bin:{WORK_DIR}/tools/node/bin:/usr/local/bin:/usr/bin:/bin")
}

/// The same with what is installed at the repository's root: publishers of a workspace start from
/// there, and a script of a package finds it then (npm documentation, "scripts", "path"). It is
/// last, so that no program of it stands in for one that the plan's own steps run.
pub(super) fn path_with_root() -> String {
    format!("{}:{WORK_DIR}/src/node_modules/.bin", path())
}

/// The same where none of the package's scripts may run.
pub(super) fn path_without_scripts() -> String {
    format!("{WORK_DIR}/{NO_SCRIPTS}:{}", path())
}

/// What every command is told.
pub(super) fn environment() -> BTreeMap<String, String> {
    [
        ("PATH", path()),
        (
            "npm_config_registry",
            format!("http://127.0.0.1:{RELAY_PORT}/npm/"),
        ),
        // What is not in the registry is nowhere: asking again takes minutes.
        ("npm_config_fetch_retries", "0".into()),
        ("npm_config_audit", "false".into()),
        ("npm_config_fund", "false".into()),
        ("npm_config_update_notifier", "false".into()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The words that run a program of ours, which is below the work folder, with the plan's Node.js.
pub(super) fn run_by_node(
    (file, _): (&str, &str),
    told: impl IntoIterator<Item = String>,
) -> Vec<String> {
    [
        format!("{WORK_DIR}/tools/node/bin/node"),
        format!("{WORK_DIR}/{file}"),
    ]
    .into_iter()
    .chain(told)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_build_would_have_left_may_be_absent_where_scripts_run_alone() {
        let dir = tempfile::tempdir().expect("tempdir");
        std::fs::write(dir.path().join("old"), "x").expect("written");
        let [(name, text)] = of_scripts();
        assert!(!of_every_plan().contains_key(&name));
        let removes = |words: &str| {
            let run = format!("set -- {words}\n{text}");
            let status = std::process::Command::new("sh")
                .args(["-c", &run])
                .current_dir(dir.path())
                .status();
            status.expect("a shell").success()
        };
        assert!(removes("absent old"));
        assert!(!dir.path().join("old").exists());
        // A folder is removed where that is asked for alone.
        std::fs::create_dir(dir.path().join("lib")).expect("a folder");
        assert!(!removes("lib"));
        assert!(removes("-r lib absent"));
    }
}
