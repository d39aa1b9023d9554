//! Plans for `.crate` files: `cargo package` of the right release, on the index
//! as it was when the crate was published.

mod age;
mod lock;

use std::collections::BTreeMap;

use age::Age;
use lock::{LockUse, PublishedLock, published_lock};

use super::{Candidate, CargoHome, CargoToolchain, Error, Facts};
use crate::model::{
    Input, InputOrigin, Limits, Network, Plan, RELAY_PORT, RecoveredFact, Sha256Digest, Source,
    Step, WORK_DIR,
};

/// Minor releases that know sparse indexes as an unstable feature (cargo changelog,
/// 1.60 and 1.68). Those before know none: they pack only what needs no index.
const SPARSE_UNSTABLE: std::ops::RangeInclusive<u64> = 60..=67;

/// The image for a cargo that is kept as a tarball: it needs the C library only.
const BASE_IMAGE: &str = "node";

pub use lock::{LockEntry, LockError, registry_entries};

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

fn is_dirty(facts: &Facts<'_>) -> bool {
    facts
        .members
        .get(".cargo_vcs_info.json")
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok())
        .is_some_and(|info| info["git"]["dirty"] == true)
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
    let mut files = BTreeMap::from([
        ("home/.cargo/config.toml".to_owned(), cargo_config()),
        ("tools/rustc".to_owned(), rustc_stub(&cargo.version)),
    ]);
    let mut recovered = vec![RecoveredFact::Toolchain {
        name: "cargo".into(),
        version: cargo.version.to_string(),
    }];
    if let Some(lock) = lock {
        files.insert(lock.path.clone(), lock.text.clone());
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
        "cargo resolves dependencies while it packages, on the mirror's index".into(),
    );
    why("plan.output", "where cargo writes packages".into());
    let mut env = BTreeMap::from([
        ("CARGO_HOME".to_owned(), format!("{WORK_DIR}/home/.cargo")),
        ("CARGO_TARGET_DIR".into(), format!("{WORK_DIR}/target")),
        ("RUSTC".into(), format!("{WORK_DIR}/tools/rustc")),
    ]);
    let mut run: Vec<String> = vec![program, "package".into(), "--no-verify".into()];
    if SPARSE_UNSTABLE.contains(&cargo.version.minor) {
        run.push("-Zsparse-registry".into());
        env.insert("RUSTC_BOOTSTRAP".into(), "1".into());
        why(
            "plan.env",
            "this cargo reads the mirror's kind of index only as an unstable feature".into(),
        );
    }
    if is_dirty(facts) {
        run.push("--allow-dirty".into());
        why(
            "plan.build",
            "the published crate says that it was packed from a changed work tree".into(),
        );
    }
    Candidate {
        plan: Plan {
            image,
            cutoff: facts.published(),
            build_network: Network::Mirror,
            output: format!("target/package/{name}-{version}.crate"),
            prepare: vec![],
            build: vec![Step {
                run,
                cwd: facts.package_dir(),
            }],
            env,
            files,
            inputs,
            recovered,
            limits: Limits::default(),
        },
        reasons,
    }
}

/// Source replacement (cargo book, "Source Replacement"): the mirror's sparse
/// index stands in for crates.io.
fn cargo_config() -> String {
    format!(
        "[source.crates-io]\nreplace-with = \"remint\"\n\n[source.remint]\nregistry = \"sparse+http://127.0.0.1:{RELAY_PORT}/cargo/index/\"\n"
    )
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
    use super::age::FIXED_TIME;
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
        let flags = |s: &Situation| s.candidates().expect("plans")[0].plan.build[0].run.clone();
        assert!(!flags(&situation).contains(&"--allow-dirty".to_owned()));
        situation.member(
            ".cargo_vcs_info.json",
            r#"{"git":{"sha1":"x","dirty":true}}"#,
        );
        assert!(flags(&situation).contains(&"--allow-dirty".to_owned()));
    }

    #[test]
    fn a_cargo_of_the_time_when_sparse_indexes_were_unstable_is_told_to_read_one() {
        for (version, told) in [
            ("1.59.0", false),
            ("1.60.0", true),
            ("1.67.0", true),
            ("1.68.0", false),
        ] {
            let mut situation = Situation::cargo();
            situation.cargos = cargos(&[version]);
            situation.stamp_all(&[FIXED_TIME, 1]);
            let plan = &situation.candidates().expect("plans")[0].plan;
            let flag = plan.build[0].run.contains(&"-Zsparse-registry".to_owned());
            assert_eq!(flag, told, "{version}");
            assert_eq!(plan.env.contains_key("RUSTC_BOOTSTRAP"), told, "{version}");
        }
    }

    #[test]
    fn without_any_cargo_the_error_says_what_to_do() {
        let situation = Situation::cargo();
        let error = situation.candidates().expect_err("no cargo").to_string();
        assert!(error.contains("remint images build"), "{error}");
    }
}
