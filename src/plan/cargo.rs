//! Plans for `.crate` files: `cargo package` of the right release, on the index
//! as it was when the crate was published.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Candidate, CargoHome, CargoToolchain, Error, Facts};
use crate::model::{
    Input, InputOrigin, Limits, Network, Plan, RELAY_PORT, RecoveredFact, Sha256Digest, Source,
    Step, WORK_DIR,
};
use crate::store::archive::MemberStamp;

/// The time that cargo gives to every member from 1.93 on, and to most before.
const FIXED_TIME: i64 = 1_153_704_088;

/// Packages that an artifact's lock file may name before it is left alone.
const MAX_LOCK_ENTRIES: usize = 5_000;

/// The image for a cargo that is kept as a tarball: it needs the C library only.
const BASE_IMAGE: &str = "node";

pub(super) fn wanted_member(name: &str) -> bool {
    matches!(name, ".cargo_vcs_info.json" | "Cargo.lock" | "Cargo.toml")
}

/// What the member times tell about the cargo that packed a crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Era {
    /// Every time is the fixed one: 1.93 and later.
    Fixed,
    /// Generated members have time 1 or 0 and the others a fixed one: 1.54 to 1.92.
    GeneratedApart,
    /// Every time is 0: about 1.50 to 1.53.
    Zero,
    /// Real times: up to about 1.49.
    Real,
}

fn era(stamps: &[MemberStamp]) -> Era {
    let all = |test: fn(i64) -> bool| stamps.iter().all(|s| test(s.mtime));
    if all(|t| t == FIXED_TIME) {
        Era::Fixed
    } else if all(|t| t == 0) {
        Era::Zero
    } else if all(|t| matches!(t, 0 | 1 | 123_456_789 | FIXED_TIME)) {
        Era::GeneratedApart
    } else {
        Era::Real
    }
}

impl Era {
    fn admits(self, version: &semver::Version) -> bool {
        let minor = version.minor;
        match self {
            Self::Fixed => minor >= 93,
            Self::GeneratedApart => (54..=92).contains(&minor),
            Self::Zero => (50..=53).contains(&minor),
            Self::Real => minor <= 49,
        }
    }

    const fn says(self) -> &'static str {
        match self {
            Self::Fixed => "every member has cargo's fixed time, as from 1.93 on",
            Self::GeneratedApart => {
                "generated members have a time of their own, as in 1.54 to 1.92"
            }
            Self::Zero => "every member has time 0, as in 1.50 to 1.53",
            Self::Real => "members have real times, as up to 1.49",
        }
    }
}

/// The cargos to try, those of the artifact's era first, newest first.
fn ranked(cargos: &[CargoToolchain], era: Era) -> Vec<&CargoToolchain> {
    let mut ranked: Vec<_> = cargos.iter().collect();
    ranked.sort_by(|a, b| {
        (era.admits(&b.version), &b.version).cmp(&(era.admits(&a.version), &a.version))
    });
    ranked
}

pub(super) fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    let Source::Git { .. } = facts.source else {
        return Err(Error::Incomplete(format!(
            "{}: a crate is rebuilt from git, and its source is not a git commit",
            facts.artifact.name
        )));
    };
    let era = era(facts.stamps);
    let ranked = ranked(facts.cargos, era);
    let Some(best) = ranked.first() else {
        return Err(Error::Incomplete(
            "the farm has no cargo; build the image `rust` (`remint images build rust`) or install a Rust toolchain".into(),
        ));
    };
    // A cargo of another era cannot give the same bytes, so it is tried only
    // when there is nothing better: its difference then says what is missing.
    let of_era: Vec<_> = ranked
        .iter()
        .copied()
        .filter(|c| era.admits(&c.version))
        .collect();
    let tried = if of_era.is_empty() {
        vec![*best]
    } else {
        of_era
    };
    let lock = published_lock(facts);
    let mut found = Vec::new();
    for cargo in tried {
        match &lock {
            LockUse::Needed(lock) => {
                found.push(candidate(facts, cargo, era, Some(lock)));
                found.push(candidate(facts, cargo, era, None));
            }
            LockUse::Tracked | LockUse::Absent => found.push(candidate(facts, cargo, era, None)),
        }
    }
    Ok(found)
}

/// A lock file read out of the published artifact.
struct PublishedLock {
    text: String,
    entries: usize,
    /// Where cargo looks for it, below the work folder.
    path: String,
}

enum LockUse {
    /// The artifact has one that the source does not track.
    Needed(PublishedLock),
    /// The source tracks its own.
    Tracked,
    /// The artifact has none, or one that must not be used.
    Absent,
}

fn published_lock(facts: &Facts<'_>) -> LockUse {
    if facts.tree.contains_key("/Cargo.lock") || facts.tree.contains_key("Cargo.lock") {
        return LockUse::Tracked;
    }
    let text = facts
        .members
        .get("Cargo.lock")
        .and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let Some(text) = text else {
        return LockUse::Absent;
    };
    let Ok(entries) = registry_entries(&text) else {
        return LockUse::Absent;
    };
    LockUse::Needed(PublishedLock {
        entries: entries.len(),
        path: format!("{}/Cargo.lock", lock_folder(facts)),
        text,
    })
}

/// The workspace's root folder, where cargo keeps the lock file: the
/// repository's root where that is a workspace, else the package's own folder.
fn lock_folder(facts: &Facts<'_>) -> String {
    let root_is_workspace = facts
        .tree
        .get("/Cargo.toml")
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|text| text.parse::<toml::Table>().ok())
        .is_some_and(|manifest| manifest.contains_key("workspace"));
    if root_is_workspace {
        "src".into()
    } else {
        facts.package_dir()
    }
}

/// One package of the registry that a lock file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockEntry {
    /// The package's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The checksum that the lock file claims.
    pub checksum: Sha256Digest,
}

/// Why a lock file cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LockError {
    /// Not a lock file.
    #[error("the published Cargo.lock does not parse: {0}")]
    Syntax(String),
    /// A package from somewhere else than the registry.
    #[error("the published Cargo.lock takes {name} {version} from elsewhere than the registry")]
    ForeignSource {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
    },
    /// A registry package without a checksum.
    #[error("the published Cargo.lock has no checksum for {name} {version}")]
    NoChecksum {
        /// The package's name.
        name: String,
        /// Its version.
        version: String,
    },
    /// More entries than any real project has.
    #[error("the published Cargo.lock names more than {MAX_LOCK_ENTRIES} packages")]
    TooMany,
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<LockPackage>,
}

#[derive(Deserialize)]
struct LockPackage {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<Sha256Digest>,
}

/// The registry packages that a `Cargo.lock` names (cargo book, "Cargo.toml vs
/// Cargo.lock"; format versions 2 to 4 keep a checksum with each package).
///
/// # Errors
/// [`LockError`] where it names anything that the registry's index cannot vouch for.
pub fn registry_entries(text: &str) -> Result<Vec<LockEntry>, LockError> {
    let lock: LockFile =
        toml::from_str(text).map_err(|error| LockError::Syntax(error.message().to_owned()))?;
    if lock.package.len() > MAX_LOCK_ENTRIES {
        return Err(LockError::TooMany);
    }
    lock.package
        .into_iter()
        .filter_map(|package| package.source.clone().map(|source| (package, source)))
        .map(|(package, source)| {
            let LockPackage { name, version, .. } = package;
            if !source.starts_with("registry+") && !source.starts_with("sparse+") {
                return Err(LockError::ForeignSource { name, version });
            }
            match package.checksum {
                Some(checksum) => Ok(LockEntry {
                    name,
                    version,
                    checksum,
                }),
                None => Err(LockError::NoChecksum { name, version }),
            }
        })
        .collect()
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
    era: Era,
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
        if era.admits(&cargo.version) {
            format!("cargo {}: {}", cargo.version, era.says())
        } else {
            format!(
                "cargo {} is the nearest that the farm has; {}",
                cargo.version,
                era.says()
            )
        },
    );
    why("plan.cutoff", "the release's publish time".into());
    why(
        "plan.build_network",
        "cargo resolves dependencies while it packages, on the mirror's index".into(),
    );
    why("plan.output", "where cargo writes packages".into());
    let mut run: Vec<String> = vec![program, "package".into(), "--no-verify".into()];
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
            env: BTreeMap::from([
                ("CARGO_HOME".into(), format!("{WORK_DIR}/home/.cargo")),
                ("CARGO_TARGET_DIR".into(), format!("{WORK_DIR}/target")),
                ("RUSTC".into(), format!("{WORK_DIR}/tools/rustc")),
            ]),
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
    fn member_times_choose_the_era_on_both_sides_of_each_boundary() {
        for (times, expected) in [
            (vec![FIXED_TIME, FIXED_TIME], Era::Fixed),
            (vec![FIXED_TIME, 1], Era::GeneratedApart),
            (vec![123_456_789, 1], Era::GeneratedApart),
            (vec![0, 0], Era::Zero),
            (vec![1_600_000_000, 0], Era::Real),
        ] {
            let stamps: Vec<_> = times
                .iter()
                .map(|&mtime| MemberStamp {
                    name: "m".into(),
                    mtime,
                    mode: 0o644,
                })
                .collect();
            assert_eq!(era(&stamps), expected, "{times:?}");
        }
        let v = |text: &str| text.parse::<semver::Version>().expect("valid");
        assert!(Era::Fixed.admits(&v("1.93.0")) && !Era::Fixed.admits(&v("1.92.0")));
        assert!(
            Era::GeneratedApart.admits(&v("1.92.0")) && Era::GeneratedApart.admits(&v("1.54.0"))
        );
        assert!(!Era::GeneratedApart.admits(&v("1.53.0")) && Era::Zero.admits(&v("1.53.0")));
        assert!(Era::Real.admits(&v("1.49.0")) && !Era::Real.admits(&v("1.50.0")));
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
    fn without_any_cargo_the_error_says_what_to_do() {
        let situation = Situation::cargo();
        let error = situation.candidates().expect_err("no cargo").to_string();
        assert!(error.contains("remint images build"), "{error}");
    }
}
