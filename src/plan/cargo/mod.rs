//! Plans for `.crate` files: `cargo package` of the right release, on the index
//! as it was when the crate was published.

mod age;
mod lock;
mod marks;

use std::collections::BTreeMap;

use age::Age;
use lock::{LockUse, PublishedLock, published_lock};

use super::checkout::Checkout;
use super::{Candidate, CargoHome, CargoToolchain, Error, Facts};
use crate::model::{
    DatedBy, Input, InputOrigin, Limits, Network, Plan, Purl, RELAY_PORT, RecoveredFact,
    Sha256Digest, Source, Step, WORK_DIR,
};

/// The first minor release that reads sparse indexes (cargo changelog, 1.68). Those
/// before are given a local registry of the packages that the lock files name.
const FIRST_SPARSE: u64 = 68;

/// Where the local registry lies, below the work folder.
const LOCAL_REGISTRY: &str = "registry";

/// The image for a cargo that is kept as a tarball: it needs the C library only.
const BASE_IMAGE: &str = "node";

pub use lock::{LockEntry, LockError, locked, registry_entries};

pub(super) fn wanted_member(name: &str) -> bool {
    matches!(
        name,
        ".cargo_vcs_info.json" | "Cargo.lock" | "Cargo.toml" | "Cargo.toml.orig"
    )
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let Source::Git { .. } = facts.source else {
        return Err(Error::Incomplete(format!(
            "{}: a crate is rebuilt from git, and its source is not a git commit",
            facts.artifact.name
        )));
    };
    let age = Age::of(facts);
    let tried = age.ranked(facts.cargos);
    if tried.is_empty() {
        return Err(Error::Incomplete(
            "the farm has no cargo; build the image `rust` (`remint images build rust`) or install a Rust toolchain".into(),
        ));
    }
    let lock = published_lock(facts);
    let mut found = Vec::new();
    for (nth, cargo) in tried.into_iter().enumerate() {
        match &lock {
            LockUse::Needed(lock) => {
                found.push(candidate(facts, cargo, &age, Some(lock)));
                // What one cargo resolves without it, the others do too.
                if nth == 0 {
                    found.push(candidate(facts, cargo, &age, None));
                }
            }
            LockUse::Tracked | LockUse::Absent => found.push(candidate(facts, cargo, &age, None)),
        }
    }
    Ok(found)
}

/// The first minor release that keeps the VCS info under `--allow-dirty` (cargo changelog,
/// 1.80).
const FIRST_DIRTY_INFO: u64 = 80;

/// What says that the publisher packed with `--allow-dirty`, where anything does.
fn allow_dirty(facts: &Facts<'_>, cargo: &semver::Version) -> Option<&'static str> {
    let Some(bytes) = facts.members.get(".cargo_vcs_info.json") else {
        return (cargo.minor < FIRST_DIRTY_INFO).then_some(
            "the published crate has no VCS info: up to 1.79, cargo leaves it out under this option",
        );
    };
    let info: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    (info["git"]["dirty"] == true)
        .then_some("the published crate says that it was packed from a changed work tree")
}

fn candidate(
    facts: &Facts<'_>,
    cargo: &CargoToolchain,
    age: &Age,
    lock: Option<&PublishedLock>,
) -> Candidate {
    let (name, version) = (
        facts.release.purl.name().as_str(),
        facts.release.purl.version().map_or("", |v| v.as_str()),
    );
    let mut reasons = BTreeMap::new();
    let mut why = |line: &str, reason: String| {
        reasons.insert(line.to_owned(), reason);
    };
    let sparse = cargo.version.minor >= FIRST_SPARSE;
    let mut files = BTreeMap::from([
        ("home/.cargo/config.toml".to_owned(), cargo_config(sparse)),
        ("tools/rustc".to_owned(), rustc_stub(&cargo.version)),
    ]);
    if !sparse {
        files.extend(local_registry(facts));
    }
    let mut recovered = vec![RecoveredFact::Toolchain {
        name: "cargo".into(),
        version: cargo.version.to_string(),
    }];
    if let Some(lock) = lock {
        files.insert(lock.path.clone(), lock.text.clone());
        // To the publisher's git it was no change: cargo wrote it while it packed, or a
        // list of the publisher's own left it out.
        files.insert("src/.git/info/exclude".into(), "Cargo.lock\n".into());
        recovered.push(RecoveredFact::LockFile {
            sha256: Sha256Digest::of(&lock.text),
            entries: lock.entries,
        });
        why(
            "plan.files",
            "the source tracks no Cargo.lock and the published crate holds one: it is the publisher's,\nand each entry is checked against the index as of the release".into(),
        );
    }
    let (image, program, inputs) = match &cargo.home {
        CargoHome::Image(image) => (image.clone(), "cargo".to_owned(), vec![]),
        CargoHome::Kept(digest) => (
            BASE_IMAGE.to_owned(),
            format!("{WORK_DIR}/tools/cargo/bin/cargo"),
            vec![Input {
                origin: InputOrigin::Toolchain {
                    name: "cargo".into(),
                    version: cargo.version.to_string(),
                },
                digest: *digest,
                unpack_to: "tools/cargo".into(),
            }],
        ),
    };
    why(
        "plan.image",
        if age.admits(&cargo.version) {
            format!("cargo {}: {age}", cargo.version)
        } else {
            format!(
                "cargo {} is the nearest that the farm has: {age}\n(`remint toolchains lock VERSION` builds another)",
                cargo.version
            )
        },
    );
    why("plan.cutoff", "the release's publish time".into());
    why(
        "plan.build_network",
        if sparse {
            "cargo resolves dependencies while it packages, on the mirror's index".into()
        } else {
            "this cargo reads no sparse index: it is given the lines of the packages that the lock files name".into()
        },
    );
    why("plan.output", "where cargo writes packages".into());
    let env = BTreeMap::from([
        ("CARGO_HOME".to_owned(), format!("{WORK_DIR}/home/.cargo")),
        ("CARGO_TARGET_DIR".into(), format!("{WORK_DIR}/target")),
        ("RUSTC".into(), format!("{WORK_DIR}/tools/rustc")),
    ]);
    let mut run: Vec<String> = vec![program, "package".into(), "--no-verify".into()];
    if let Some(reason) = allow_dirty(facts, &cargo.version) {
        run.push("--allow-dirty".into());
        why("plan.build", reason.into());
    }
    let checkout = Checkout::of(facts, true, &mut recovered, &mut reasons);
    Candidate {
        plan: Plan {
            image,
            cutoff: facts.published(),
            dated_by: DatedBy::Registry,
            build_network: if sparse {
                Network::Mirror
            } else {
                Network::None
            },
            output: format!("target/package/{name}-{version}.crate"),
            prepare: vec![],
            build: vec![Step::new(run, facts.package_dir())],
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

/// Source replacement (cargo book, "Source Replacement"): the mirror's sparse index, or
/// a local registry, stands in for crates.io.
fn cargo_config(sparse: bool) -> String {
    let place = if sparse {
        format!("registry = \"sparse+http://127.0.0.1:{RELAY_PORT}/cargo/index/\"")
    } else {
        format!("local-registry = \"{WORK_DIR}/{LOCAL_REGISTRY}\"")
    };
    format!("[source.crates-io]\nreplace-with = \"remint\"\n\n[source.remint]\n{place}\n")
}

/// The files of a local registry's index (cargo book, "Source Replacement", "Local
/// Registry Sources"). Packaging opens no package of it, so it holds none.
fn local_registry(facts: &Facts<'_>) -> BTreeMap<String, String> {
    // The folder must be there, whatever is in it.
    let mut files = BTreeMap::from([(format!("{LOCAL_REGISTRY}/index/.empty"), String::new())]);
    for line in facts.index {
        let file = files
            .entry(format!("{LOCAL_REGISTRY}/index/{}", line.file))
            .or_default();
        file.push_str(&line.line);
        file.push('\n');
    }
    files
}

/// What the lock files of the artifact and of the source name, where a cargo that reads
/// no sparse index may be tried.
pub(super) fn wanted_index(facts: &Facts<'_>) -> Vec<Purl> {
    let old = Age::of(facts)
        .ranked(facts.cargos)
        .iter()
        .any(|cargo| cargo.version.minor < FIRST_SPARSE);
    if !old {
        return Vec::new();
    }
    let locks = [
        facts.members.get("Cargo.lock"),
        facts.tree.get("/Cargo.lock"),
        facts.tree.get("Cargo.lock"),
    ];
    let mut wanted: Vec<Purl> = locks
        .into_iter()
        .flatten()
        .filter_map(|bytes| std::str::from_utf8(bytes).ok())
        .flat_map(locked)
        .collect();
    wanted.sort();
    wanted.dedup();
    wanted
}

/// Packaging asks the compiler for its version only (`rustc -vV`), so a script
/// that answers as the release of the same number is all that is needed.
fn rustc_stub(version: &semver::Version) -> String {
    format!(
        "#!/bin/sh\n# Answers `rustc -vV`, the only question that packaging asks.\ncat <<'END'\nrustc {version}\nbinary: rustc\ncommit-hash: unknown\ncommit-date: unknown\nhost: x86_64-unknown-linux-gnu\nrelease: {version}\nLLVM version: 0.0\nEND\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::Situation;
    use super::marks::FIXED_TIME;
    use super::*;

    fn cargos(versions: &[&str]) -> Vec<CargoToolchain> {
        versions
            .iter()
            .map(|v| CargoToolchain {
                version: v.parse().expect("valid"),
                home: CargoHome::Kept(crate::model::Digest::Sha256(Sha256Digest::of(v))),
            })
            .collect()
    }

    fn cargo_of(candidate: &Candidate) -> String {
        candidate
            .plan
            .recovered
            .iter()
            .find_map(|fact| match fact {
                RecoveredFact::Toolchain { version, .. } => Some(version.clone()),
                _ => None,
            })
            .expect("a toolchain is recovered")
    }

    #[test]
    fn a_cargo_of_the_artifacts_era_is_chosen_before_a_newer_one() {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.95.0", "1.85.0"]);
        situation.stamp_all(&[FIXED_TIME, 1]);
        let found = situation.candidates().expect("plans");
        assert_eq!(found.len(), 1);
        assert_eq!(cargo_of(&found[0]), "1.85.0");
    }

    #[test]
    fn without_a_cargo_of_the_era_the_newest_is_tried_and_says_so() {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.85.0"]);
        situation.stamp_all(&[FIXED_TIME]);
        let found = situation.candidates().expect("plans");
        assert_eq!(cargo_of(&found[0]), "1.85.0");
        assert!(found[0].reasons["plan.image"].contains("nearest"));
    }

    #[test]
    fn the_published_lock_is_used_only_where_the_source_tracks_none() {
        let lock = "version = 4\n[[package]]\nname = \"demo\"\nversion = \"1.0.0\"\n";
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.95.0"]);
        situation.stamp_all(&[FIXED_TIME]);
        situation.member("Cargo.lock", lock);
        let found = situation.candidates().expect("plans");
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].plan.files["src/Cargo.lock"], lock);
        assert!(!found[1].plan.files.contains_key("src/Cargo.lock"));

        situation.tree_file("/Cargo.lock", "version = 4\n");
        let found = situation.candidates().expect("plans");
        assert_eq!(found.len(), 1);
        assert!(!found[0].plan.files.contains_key("src/Cargo.lock"));
    }

    #[test]
    fn a_lock_file_that_leaves_the_registry_is_not_used() {
        let foreign = "version = 4\n[[package]]\nname = \"evil\"\nversion = \"1.0.0\"\nsource = \"git+https://git.example/evil#0\"\n";
        assert!(matches!(
            registry_entries(foreign),
            Err(LockError::ForeignSource { .. })
        ));
        let unchecked = "version = 4\n[[package]]\nname = \"x\"\nversion = \"1.0.0\"\nsource = \"registry+https://registry.example\"\n";
        assert!(matches!(
            registry_entries(unchecked),
            Err(LockError::NoChecksum { .. })
        ));

        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.95.0"]);
        situation.stamp_all(&[FIXED_TIME]);
        situation.member("Cargo.lock", foreign);
        let found = situation.candidates().expect("plans");
        assert_eq!(found.len(), 1);
        assert!(!found[0].plan.files.contains_key("src/Cargo.lock"));
    }

    #[test]
    fn a_dirty_crate_is_packed_with_allow_dirty_and_a_clean_one_without() {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.95.0"]);
        situation.stamp_all(&[FIXED_TIME]);
        situation.member(".cargo_vcs_info.json", r#"{"git":{"sha1":"x"}}"#);
        let flags = |s: &Situation| s.candidates().expect("plans")[0].plan.build[0].run.clone();
        assert!(!flags(&situation).contains(&"--allow-dirty".to_owned()));
        situation.member(
            ".cargo_vcs_info.json",
            r#"{"git":{"sha1":"x","dirty":true}}"#,
        );
        assert!(flags(&situation).contains(&"--allow-dirty".to_owned()));
    }

    #[test]
    fn a_cargo_that_reads_no_sparse_index_is_given_a_local_registry_and_no_network() {
        let lock = "[[package]]\nname = \"log\"\nversion = \"0.4.8\"\nsource = \"registry+https://registry.example\"\n";
        for (version, sparse) in [("1.46.0", false), ("1.67.0", false), ("1.68.0", true)] {
            let mut situation = Situation::cargo();
            situation.cargos = cargos(&[version]);
            situation.stamp_all(&[FIXED_TIME, 1]);
            situation.tree_file("/Cargo.lock", lock);
            let wanted = situation.with_facts(wanted_index);
            assert_eq!(wanted.is_empty(), sparse, "{version}");
            situation.index = vec![crate::plan::IndexLine {
                file: "3/l/log".into(),
                line: "{}".into(),
            }];
            let plan = &situation.candidates().expect("plans")[0].plan;
            assert_eq!(plan.build_network == Network::Mirror, sparse, "{version}");
            assert_eq!(
                plan.files.contains_key("registry/index/3/l/log"),
                !sparse,
                "{version}"
            );
        }
    }

    #[test]
    fn a_crate_without_vcs_info_was_packed_with_allow_dirty_while_cargo_left_it_out_then() {
        for (version, allowed) in [("1.79.0", true), ("1.80.0", false)] {
            let mut situation = Situation::cargo();
            situation.cargos = cargos(&[version]);
            situation.stamp_all(&[FIXED_TIME, 1]);
            let plan = &situation.candidates().expect("plans")[0].plan;
            let flag = plan.build[0].run.contains(&"--allow-dirty".to_owned());
            assert_eq!(flag, allowed, "{version}");
        }
    }

    #[test]
    fn a_lock_file_of_the_publishers_is_no_change_of_the_work_tree() {
        let mut situation = Situation::cargo();
        situation.cargos = cargos(&["1.95.0"]);
        situation.stamp_all(&[FIXED_TIME]);
        situation.member("Cargo.lock", "version = 4\n");
        let plans = situation.candidates().expect("plans");
        let excluded = |nth: usize| plans[nth].plan.files.contains_key("src/.git/info/exclude");
        assert_eq!((excluded(0), excluded(1)), (true, false));
    }

    #[test]
    fn without_any_cargo_the_error_says_what_to_do() {
        let situation = Situation::cargo();
        let error = situation.candidates().expect_err("no cargo").to_string();
        assert!(error.contains("remint images build"), "{error}");
    }
}
