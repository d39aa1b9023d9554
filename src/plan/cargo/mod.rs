//! Plans for `.crate` files: `cargo package` of the right release, on the index
//! as it was when the crate was published.

mod age;
mod lock;
mod marks;
mod names;
mod zlib;

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
    let mut tried = age.ranked(facts.cargos);
    if tried.is_empty() {
        return Err(Error::Incomplete(
            "the farm has no cargo; build the image `rust` (`remint images build rust`) or install a Rust toolchain".into(),
        ));
    }
    zlib::first(facts, &mut tried);
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

/// Whether the lock file of the package's workspace names packages from git, while the crate
/// itself holds none. Without one cargo resolves nothing before it packs such a crate (cargo,
/// `package` in `ops/cargo_package.rs`); it lies outside the package, so that git's view of
/// the package is the same.
fn leaves_the_registry(facts: &Facts<'_>) -> bool {
    let is_below_root = facts.package_dir() != "src";
    let names_git = |lock: &Vec<u8>| String::from_utf8_lossy(lock).contains("source = \"git+");
    is_below_root
        && !facts.members.contains_key("Cargo.lock")
        && facts.tree.get("/Cargo.lock").is_some_and(names_git)
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
    let mut about_files = Vec::new();
    if let Some(lock) = lock {
        files.insert(lock.path.clone(), lock.text.clone());
        // To the publisher's git it was no change: cargo wrote it while it packed, or a
        // list of the publisher's own left it out.
        files.insert("src/.git/info/exclude".into(), "Cargo.lock\n".into());
        recovered.push(RecoveredFact::LockFile {
            sha256: Sha256Digest::of(&lock.text),
            entries: lock.entries,
        });
        about_files.push("the source tracks no Cargo.lock and the published crate holds one: it is the publisher's,\nand each entry is checked against the index as of the release");
    }
    let (image, program, mut inputs) = match &cargo.home {
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
    if let Some(fact) = names::recovered(facts) {
        let (path, text) = names::GIT_CONFIG;
        files.insert(path.into(), text.into());
        recovered.push(fact);
        about_files.push("the published files stand in order without regard to case: so git did on Windows and macOS");
    }
    if !about_files.is_empty() {
        why("plan.files", about_files.join("\n"));
    }
    why("plan.output", "where cargo writes packages".into());
    let mut env = BTreeMap::from([
        ("CARGO_HOME".to_owned(), format!("{WORK_DIR}/home/.cargo")),
        ("CARGO_TARGET_DIR".into(), format!("{WORK_DIR}/target")),
        ("RUSTC".into(), format!("{WORK_DIR}/tools/rustc")),
    ]);
    if let Some(zlib) = zlib::of(facts, cargo) {
        let (input, (name, value), fact) = zlib::given(zlib);
        inputs.push(input);
        env.insert(name, value);
        recovered.push(fact);
        why(
            "plan.inputs",
            "the published file was compressed by a zlib that this cargo has not: a distribution put\nanother in its place".into(),
        );
    }
    let mut run: Vec<String> = vec![program, "package".into(), "--no-verify".into()];
    if let Some(reason) = allow_dirty(facts, &cargo.version) {
        run.push("--allow-dirty".into());
        why("plan.build", reason.into());
    }
    let mut build = Vec::new();
    if leaves_the_registry(facts) {
        build.push(Step::new(
            vec!["rm".into(), "Cargo.lock".into()],
            "src".into(),
        ));
        reasons
            .entry("plan.build".to_owned())
            .and_modify(|reason| reason.push('\n'))
            .or_default()
            .push_str("the workspace's lock file names packages from git, which no build reaches; cargo reads it\nwhere there is one, and this crate holds none");
    }
    build.push(Step::new(run, facts.package_dir()));
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
            build,
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
mod tests;
