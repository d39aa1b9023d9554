//! What the publisher's own workflow or script runs before it publishes, and from which
//! folder: read from `.github/workflows` of the commit, or else from the scripts of
//! `package.json`. Steps that install or check are left out, since the plan installs by itself
//! and nothing of a check is packed. Pure.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::actions::{is_handed_a_token, node_of, published_by, uses};
use super::manifest::Manifest;
use super::shell::{Purpose, commands, plain_folder, purpose, writes_version};
use super::yaml;

/// Where workflows are (GitHub documentation, "Workflow syntax").
const WORKFLOWS: &str = "/.github/workflows/";

/// What a file's name says of a workflow that publishes releases, and of one that publishes
/// something else.
const RELEASING: [&str; 3] = ["release", "publish", "npm"];
const NOT_RELEASING: [&str; 5] = ["canary", "nightly", "preview", "snapshot", "docs"];

/// The most commands that a workflow's block becomes once scripts stand in the place of their
/// calls: scripts that call each other multiply, and no publisher runs a thousand.
const MAX_COMMANDS: usize = 1_000;

/// The most bytes of commands and their environments that are read of all workflows and scripts, each
/// as often as it is come by: many times what any repository has, and read in seconds.
const MAX_READ: usize = 16 << 20;

/// How deep scripts that call scripts are followed.
const MAX_DEPTH: usize = 4;

/// What an expression of a workflow begins with; its value is not in the source.
const EXPRESSION: &str = "${{";

/// What is run before publishing, and what is published then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Publishing {
    /// The major version of the Node.js that the workflow asks for.
    pub(super) node: Option<u64>,
    pub(super) commands: Vec<Command>,
    /// The folder that is published, below the repository's root, where it is not the
    /// package's own.
    pub(super) folder: Option<String>,
    /// Whether what publishes then writes the version in first, after all of this has run.
    pub(super) writes_version: bool,
    /// Where this is said: the file, or the script.
    pub(super) said_by: String,
    /// Whether that is a workflow.
    pub(super) is_workflow: bool,
}

/// Lines for a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) text: String,
    /// The folder, below the repository's root.
    pub(super) cwd: String,
    pub(super) env: BTreeMap<String, String>,
}

/// Where the scripts are that commands call.
pub(super) struct Package<'a> {
    /// Its folder below the repository's root; empty for the root.
    pub(super) directory: &'a str,
    pub(super) manifest: &'a Manifest,
    /// The manifest at the repository's root, where there is one.
    pub(super) root: Option<&'a Manifest>,
}

/// What the source says of how it is published.
pub(super) fn told(tree: &BTreeMap<String, Vec<u8>>, package: &Package<'_>) -> Option<Publishing> {
    let mut files: Vec<(&str, Value)> = tree
        .iter()
        .filter_map(|(path, bytes)| {
            let name = path.strip_prefix(WORKFLOWS)?;
            Some((name, yaml::parse(&String::from_utf8_lossy(bytes))?))
        })
        .collect();
    files.sort_by_key(|(name, _)| place(name));
    let reading = Reading {
        tree,
        package,
        left: Cell::new(MAX_READ),
    };
    let of_workflows = |is_other: bool, is_published: bool| {
        let mut files = files.iter();
        files.find_map(|(name, workflow)| {
            reading.of_workflow(name, workflow, (is_other, is_published))
        })
    };
    // What says that it publishes counts before what may, and all that does before what is named after
    // publishing something else.
    [(false, true), (false, false), (true, true), (true, false)]
        .into_iter()
        .find_map(|(is_other, is_published)| of_workflows(is_other, is_published))
        .or_else(|| reading.of_scripts())
}

/// Where a workflow or a job of this name comes among others: what is named after publishing
/// releases first, and what is named after publishing something else last.
fn place(name: &str) -> (bool, bool) {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    (has(&NOT_RELEASING), !has(&RELEASING))
}

/// What is read.
struct Reading<'a> {
    tree: &'a BTreeMap<String, Vec<u8>>,
    package: &'a Package<'a>,
    /// How many bytes may still be.
    left: Cell<usize>,
}

impl Reading<'_> {
    /// Whether so many bytes more are read; counts them then.
    fn may_read(&self, bytes: usize) -> bool {
        let left = self.left.get().checked_sub(bytes);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// The likeliest job of a workflow that publishes this package, or that may: of several one that
    /// is named so. Asked for are those that are named after publishing something else, or not, and those
    /// that publish, or that may.
    fn of_workflow(
        &self,
        name: &str,
        workflow: &Value,
        (is_other, is_published): (bool, bool),
    ) -> Option<Publishing> {
        let jobs = workflow["jobs"].as_object()?;
        let is_asked_for = |job: &str| (place(name).0 || place(job).0) == is_other;
        let mut likeliest: Vec<(&String, &Value)> =
            jobs.iter().filter(|(job, _)| is_asked_for(job)).collect();
        likeliest.sort_by_key(|(job, _)| place(job));
        likeliest.into_iter().find_map(|(_, job)| {
            let mut run = Run::new(self);
            if run.job(workflow, job) != is_published {
                return None;
            }
            let needed = job["needs"].as_array().into_iter().flatten();
            let needed = needed.chain(Some(&job["needs"]).filter(|one| one.is_string()));
            let mut found = run.finish(is_published)?;
            // What other jobs built is handed over to it.
            if uses(job, "actions/download-artifact") {
                let mut read = BTreeSet::new();
                let needed = needed.filter_map(Value::as_str);
                let needed = needed.filter(|name| read.insert(*name));
                for needed in needed.filter_map(|name| jobs.get(name)) {
                    let mut before = Run::new(self);
                    before.job(workflow, needed);
                    found.commands.splice(0..0, before.commands);
                }
            }
            found.said_by = format!(".github/workflows/{name}");
            found.is_workflow = true;
            Some(found)
        })
    }

    /// The first script that publishes, and does something before.
    fn of_scripts(&self) -> Option<Publishing> {
        let own = (self.package.manifest, self.package.directory);
        let root = self.package.root.map(|root| (root, ""));
        std::iter::once(own)
            .chain(root)
            .find_map(|(manifest, cwd)| {
                manifest.publishing_scripts().find_map(|script| {
                    let mut run = Run::new(self);
                    let is_published =
                        run.block(&format!("npm run {script}"), cwd, &BTreeMap::new());
                    let mut found = run.finish(is_published)?;
                    if found.commands.is_empty() && found.folder.is_none() {
                        return None;
                    }
                    found.said_by = format!("script {script} of package.json");
                    Some(found)
                })
            })
    }
}

/// What was read so far of what runs.
struct Run<'a> {
    reading: &'a Reading<'a>,
    node: Option<u64>,
    commands: Vec<Command>,
    /// What is published, below the repository's root.
    published: String,
    writes_version: bool,
    /// What ran before something that may publish, the first of such.
    before_release: Option<Vec<Command>>,
}

impl<'a> Run<'a> {
    fn new(reading: &'a Reading<'a>) -> Self {
        Self {
            reading,
            node: None,
            commands: Vec::new(),
            published: String::new(),
            writes_version: false,
            before_release: None,
        }
    }

    /// What was read, where it publishes this package and not another of the repository; where
    /// nothing is said to publish, what runs before something that may.
    fn finish(mut self, is_published: bool) -> Option<Publishing> {
        let own = self.reading.package.directory;
        if !is_published {
            return Some(Publishing {
                node: self.node,
                commands: self.before_release.take()?,
                ..Publishing::default()
            });
        }
        let is_own = self.published.is_empty() || self.published == own;
        let below = match own {
            "" => true,
            own => self
                .published
                .strip_prefix(own)
                .is_some_and(|rest| rest.starts_with('/')),
        };
        (is_own || below).then(|| Publishing {
            node: self.node,
            commands: self.commands,
            folder: (!is_own).then_some(self.published),
            writes_version: self.writes_version,
            ..Publishing::default()
        })
    }

    /// Reads a job; whether it publishes.
    fn job(&mut self, workflow: &Value, job: &Value) -> bool {
        let default = [job, workflow]
            .iter()
            .find_map(|of| of["defaults"]["run"]["working-directory"].as_str());
        let size = |env: &Value| -> usize {
            let all = env.as_object().into_iter().flatten();
            all.map(|(name, value)| name.len() + value.as_str().map_or(0, str::len))
                .sum()
        };
        let around = size(&workflow["env"]) + size(&job["env"]);
        for step in job["steps"].as_array().into_iter().flatten() {
            let cwd = step["working-directory"].as_str().or(default).unwrap_or("");
            let Some(cwd) = plain_folder(cwd) else {
                continue;
            };
            if let Some(action) = step["uses"].as_str() {
                if action.starts_with("actions/setup-node") {
                    self.node = node_of(&step["with"], self.reading.tree).or(self.node);
                }
                if let Some(command) = published_by(action, &step["with"])
                    && self.block(&command, &cwd, &BTreeMap::new())
                {
                    return true;
                }
            }
            if is_handed_a_token(step) {
                self.note_release(&[], &cwd, &cwd, &BTreeMap::new());
            }
            let Some(text) = step["run"].as_str() else {
                continue;
            };
            if !self.reading.may_read(around + size(&step["env"])) {
                return false;
            }
            let of_all = [workflow, job, step].map(|of| environment(&of["env"]));
            let env = of_all.into_iter().flatten().collect();
            if self.block(text, &cwd, &env) {
                return true;
            }
        }
        false
    }

    /// Reads a block of commands; whether it publishes.
    fn block(&mut self, text: &str, cwd: &str, env: &BTreeMap<String, String>) -> bool {
        let (mut kept, mut here) = (Vec::new(), cwd.to_owned());
        let mut is_published = false;
        let mut left = MAX_COMMANDS;
        let expanded = self.expand(text, cwd, 0, &mut left);
        for command in expanded.unwrap_or_default() {
            if let Some(folder) = command.strip_prefix("cd ").and_then(plain_folder) {
                here = join(&here, &folder);
            }
            match purpose(&command) {
                Purpose::Publishes(folder) => {
                    self.published = join(&here, &folder.unwrap_or_default());
                    self.writes_version = writes_version(&command);
                    is_published = true;
                    break;
                }
                Purpose::Nothing => {}
                purpose @ (Purpose::Script(_) | Purpose::Releases | Purpose::Other) => {
                    if purpose == Purpose::Releases {
                        self.note_release(&kept, cwd, &here, env);
                    }
                    if !command.contains(EXPRESSION) {
                        kept.push(command);
                    }
                }
            }
        }
        self.commands.extend(lines(&kept, cwd, env));
        is_published
    }

    /// Notes what runs before a program that is named after publishing, or before an action that
    /// has what publishing needs: what that does by itself is not known, so that it tells something by what
    /// comes before alone.
    fn note_release(
        &mut self,
        kept: &[String],
        cwd: &str,
        here: &str,
        env: &BTreeMap<String, String>,
    ) {
        let is_own = here.is_empty() || here == self.reading.package.directory;
        if !is_own || self.before_release.is_some() {
            return;
        }
        let before = self.commands.iter().cloned();
        let before: Vec<Command> = before.chain(lines(kept, cwd, env)).collect();
        self.before_release = Some(before).filter(|before| !before.is_empty());
    }

    /// The commands of a block, with those of scripts that publish in the place of their
    /// call. None where a block cannot be parted, becomes more than `left` commands, or where no more
    /// is read.
    fn expand(&self, text: &str, cwd: &str, depth: usize, left: &mut usize) -> Option<Vec<String>> {
        if !self.reading.may_read(text.len()) {
            return None;
        }
        let mut all = Vec::new();
        for command in commands(text)? {
            *left = left.checked_sub(1)?;
            let inner = match purpose(&command) {
                Purpose::Script(name) if depth < MAX_DEPTH => self
                    .scripts(cwd)
                    .and_then(|manifest| manifest.with_those_before(&name))
                    .and_then(|text| self.expand(&text, cwd, depth + 1, left)),
                Purpose::Script(_)
                | Purpose::Publishes(_)
                | Purpose::Releases
                | Purpose::Nothing
                | Purpose::Other => None,
            };
            let publishes = |inner: &Vec<String>| {
                let mut inner = inner.iter();
                inner.any(|command| {
                    matches!(purpose(command), Purpose::Publishes(_) | Purpose::Releases)
                })
            };
            match inner.filter(publishes) {
                Some(inner) => all.extend(inner),
                None => all.push(command),
            }
        }
        // What an inner block used up is not to be had here either.
        (*left > 0).then_some(all)
    }

    /// The manifest whose scripts are called in a folder.
    fn scripts(&self, cwd: &str) -> Option<&Manifest> {
        let package = self.reading.package;
        if cwd == package.directory {
            return Some(package.manifest);
        }
        package.root.filter(|_| cwd.is_empty())
    }
}

/// Commands of one block, where they do more than go somewhere.
fn lines(kept: &[String], cwd: &str, env: &BTreeMap<String, String>) -> Option<Command> {
    let does_something = kept.iter().any(|command| !command.starts_with("cd "));
    does_something.then(|| Command {
        text: kept.join("\n"),
        cwd: cwd.to_owned(),
        env: env.clone(),
    })
}

/// Variables whose values are in the workflow itself.
fn environment(env: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    env.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let value = value.as_str().filter(|value| !value.contains(EXPRESSION))?;
            let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            // The build's own tools are found and keep their home.
            let is_kept = is_name && !name.is_empty() && !["PATH", "HOME"].contains(&name.as_str());
            is_kept.then(|| (name.clone(), value.to_owned()))
        })
}

/// A folder below another; both may be empty.
fn join(folder: &str, below: &str) -> String {
    match (folder, below) {
        (folder, "") => folder.to_owned(),
        ("", below) => below.to_owned(),
        (folder, below) => format!("{folder}/{below}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::manifest::parse;
    use super::*;

    fn told_of(workflow: &str, scripts: &str, directory: &str) -> Option<Publishing> {
        let manifest = parse(format!(r#"{{"scripts":{{{scripts}}}}}"#).as_bytes()).expect("valid");
        let package = Package {
            directory,
            manifest: &manifest,
            root: Some(&manifest),
        };
        let tree = BTreeMap::from([
            (format!("{WORKFLOWS}a.yml"), workflow.as_bytes().to_vec()),
            ("/.nvmrc".to_owned(), b"v18.2.0\n".to_vec()),
        ]);
        told(&tree, &package)
    }

    fn job(steps: &str) -> String {
        format!("jobs:\n  one:\n    steps:\n{steps}")
    }

    fn lines(found: &Publishing) -> Vec<(&str, &str)> {
        let commands = found.commands.iter();
        commands
            .map(|one| (one.text.as_str(), one.cwd.as_str()))
            .collect()
    }

    #[test]
    fn a_program_named_after_publishing_tells_of_what_runs_before_it_alone() {
        let workflow = |before: &str| {
            job(&format!(
                "      - run: npm ci\n      - run: {before}\n      - run: node scripts/release.mjs --tag=${{{{ inputs.tag }}}}\n"
            ))
        };
        let told = told_of(&workflow("npm run ready"), "", "packages/a").expect("told");
        assert_eq!(lines(&told), [("npm run ready", "")]);
        assert_eq!(told.folder, None);
        assert_eq!(told_of(&workflow("npm test"), "", "packages/a"), None);
        assert_eq!(told_of(&workflow("cd scripts"), "", "packages/a"), None);
        // In the folder of another package it publishes that, and before another command that
        // publishes it is one of those that run.
        let elsewhere = job(
            "      - run: npm run ready\n      - run: node release.mjs\n        working-directory: packages/b\n",
        );
        assert_eq!(told_of(&elsewhere, "", "packages/a"), None);
        let then = workflow("npm run ready") + "      - run: npm publish packages/a/dist\n";
        let told = told_of(&then, "", "packages/a").expect("told");
        assert_eq!(told.folder.as_deref(), Some("packages/a/dist"));
        assert_eq!(lines(&told).len(), 1);
        let script = r#""ready":"x","release":"npm run ready && node scripts/release.mjs""#;
        let told = told_of("", script, "").expect("told");
        assert_eq!(lines(&told), [("npm run ready", "")]);
    }

    #[test]
    fn what_is_told_over_and_over_is_read_within_bounds() {
        // Of what a job needs, each once.
        let needs = "one, ".repeat(2_000);
        let workflow = format!(
            "jobs:\n  one:\n    steps:\n      - run: npm run build\n  two:\n    needs: [{needs}]\n    steps:\n      \
             - uses: actions/download-artifact@v4\n      - run: npm publish\n"
        );
        let told = told_of(&workflow, r#""build":"tsc""#, "").expect("told");
        assert_eq!(lines(&told), [("npm run build", "")]);
        // And of a script that many steps call no more than a share.
        let script = format!(r#""long":"{}npm publish""#, "x && ".repeat(100_000));
        let steps = "      - run: npm run long\n".repeat(200);
        let begun = std::time::Instant::now();
        assert_eq!(told_of(&job(&steps), &script, ""), None);
        let passed = begun.elapsed();
        assert!(passed < std::time::Duration::from_secs(60), "{passed:?}");
    }

    #[test]
    fn a_workflow_that_publishes_tells_what_runs_before_and_nothing_after() {
        let workflow = job(concat!(
            "    - uses: actions/setup-node@v3\n      with:\n        node-version: 18.x\n",
            "    - run: npm ci && npm test\n",
            "    - run: |\n        npm run build\n        cp LICENSE build\n",
            "      env:\n        MODE: fast\n        TOKEN: ${{ secrets.T }}\n",
            "    - run: node set.js ${{ github.ref }}\n",
            "    - run: npm publish ./build\n",
            "    - run: npm run docs\n",
        ));
        let found = told_of(&workflow, "", "").expect("told");
        assert_eq!(lines(&found), [("npm run build\ncp LICENSE build", "")]);
        let env: Vec<_> = found.commands[0].env.keys().collect();
        assert_eq!(env, ["MODE"]);
        assert_eq!(found.folder.as_deref(), Some("build"));
        assert_eq!(found.node, Some(18));
        assert!(found.is_workflow && found.said_by.ends_with("a.yml"));
    }

    #[test]
    fn what_writes_the_version_in_itself_does_so_after_what_runs_before() {
        let writes = |last: &str| {
            let steps = format!("    - run: npm run build\n    - {last}\n");
            told_of(&job(&steps), "", "").expect("told").writes_version
        };
        assert!(writes("run: npx semantic-release"));
        assert!(writes("uses: cycjimmy/semantic-release-action@v3"));
        assert!(!writes("run: npm publish"));
    }

    #[test]
    fn a_workflow_that_does_not_publish_tells_nothing() {
        assert_eq!(told_of(&job("    - run: npm run build\n"), "", ""), None);
        assert_eq!(told_of("a: [", "", ""), None);
    }

    #[test]
    fn an_action_with_a_token_of_the_registry_tells_by_what_runs_before() {
        let token = "      env:\n        T: ${{ secrets.NPM_TOKEN }}\n";
        let ship = format!("    - run: make it\n    - uses: someone/ships@v2\n{token}");
        let found = told_of(&job(&ship), "", "").expect("told");
        assert_eq!(lines(&found), [("make it", "")]);
        let nothing = "    - run: make it\n    - uses: someone/ships@v2\n";
        assert_eq!(told_of(&job(nothing), "", ""), None);
        // What is said to publish counts before it.
        let both = format!("{ship}    - run: make more\n    - run: npm publish\n");
        let found = told_of(&job(&both), "", "").expect("told");
        assert_eq!(lines(&found), [("make it", ""), ("make more", "")]);
        // In whatever job.
        let publish = "    - run: make more\n    - run: npm publish\n";
        let first = |jobs: &str| {
            let found = told_of(&format!("jobs:\n{jobs}"), "", "").expect("told");
            found.commands[0].text.clone()
        };
        assert_eq!(
            first(&format!(
                "  release:\n    steps:\n{ship}  ship:\n    steps:\n{publish}"
            )),
            "make more"
        );
        // And a job that is named after it before another, but for one that publishes something else.
        let less = "    - run: make less\n";
        assert_eq!(
            first(&format!(
                "  comment:\n    steps:\n{less}{ship}  release:\n    steps:\n{ship}"
            )),
            "make it"
        );
        for less in [
            format!("{less}{ship}"),
            format!("{less}    - run: npm publish\n"),
        ] {
            assert_eq!(
                first(&format!(
                    "  canary-release:\n    steps:\n{less}  ship:\n    steps:\n{ship}"
                )),
                "make it"
            );
        }
    }

    #[test]
    fn a_job_is_of_this_package_or_of_the_whole_repository() {
        let at = |cwd: &str| {
            let steps = format!("    - run: npm publish\n      working-directory: {cwd}\n");
            told_of(&job(&steps), "", "packages/a").map(|found| found.folder)
        };
        assert_eq!(at("packages/a"), Some(None));
        assert_eq!(at("."), Some(None));
        assert_eq!(at("packages/a/dist"), Some(Some("packages/a/dist".into())));
        assert_eq!(at("packages/ab"), None);
    }

    #[test]
    fn a_script_that_publishes_is_followed_and_one_that_does_not_is_called() {
        let scripts = r#""release":"npm run build && npm run ship","ship":"cd out && npm publish","build":"tsc""#;
        let by_workflow = told_of(&job("    - run: yarn release\n"), scripts, "").expect("told");
        assert_eq!(lines(&by_workflow), [("npm run build\ncd out", "")]);
        assert_eq!(by_workflow.folder.as_deref(), Some("out"));
        let by_script = told_of("", scripts, "").expect("told");
        assert_eq!(by_script.commands, by_workflow.commands);
        assert!(!by_script.is_workflow);
        // What only pushes and publishes tells nothing.
        assert_eq!(
            told_of("", r#""release":"git push && npm publish""#, ""),
            None
        );
        let round = r#""release":"npm run again","again":"npm run release""#;
        assert_eq!(told_of("", round, ""), None);
    }

    #[test]
    fn what_a_job_downloads_is_built_by_the_jobs_that_it_needs() {
        let of = |download: &str| {
            let workflow = format!(
                "jobs:\n  make:\n    steps:\n    - run: make it\n  ship:\n    needs: make\n    steps:\n{download}    - run: npm publish\n"
            );
            told_of(&workflow, "", "").expect("told").commands.len()
        };
        assert_eq!(of("    - uses: actions/download-artifact@v3\n"), 1);
        assert_eq!(of(""), 0);
    }

    #[test]
    fn the_node_is_a_number_or_in_a_file_and_else_not_told() {
        let with = |text: &str| {
            let steps = format!(
                "    - uses: actions/setup-node@v4\n      with:\n        {text}\n    - run: npm publish\n"
            );
            told_of(&job(&steps), "", "").expect("told").node
        };
        assert_eq!(with("node-version: '16'"), Some(16));
        assert_eq!(with("node-version-file: .nvmrc"), Some(18));
        assert_eq!(with("node-version: lts/*"), None);
        assert_eq!(with("node-version: ${{ matrix.node }}"), None);
    }
}
