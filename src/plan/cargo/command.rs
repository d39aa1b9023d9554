//! What `cargo package` has to be told, and what has to be out of its way. Pure.

use super::super::Facts;

/// The first minor release that keeps the VCS info under `--allow-dirty` (cargo changelog,
/// 1.80).
const FIRST_DIRTY_INFO: u64 = 80;

/// What says that the publisher packed with `--allow-dirty`, where anything does.
pub(super) fn allow_dirty(facts: &Facts<'_>, cargo: &semver::Version) -> Option<&'static str> {
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
pub(super) fn leaves_the_registry(facts: &Facts<'_>) -> bool {
    let is_below_root = facts.package_dir() != "src";
    let names_git = |lock: &Vec<u8>| String::from_utf8_lossy(lock).contains("source = \"git+");
    is_below_root
        && !facts.members.contains_key("Cargo.lock")
        && facts.tree.get("/Cargo.lock").is_some_and(names_git)
}
