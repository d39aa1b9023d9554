//! The plan that builds one cargo from its crate. Pure; imports `model` alone.

use std::collections::BTreeMap;

use crate::model::{Limits, Network, Plan, Purl, RELAY_PORT, Step, WORK_DIR};

/// The image of the compiler that builds the older cargos: Rust 1.78.
const OLD_BUILDER: &str = "builder-bullseye";

/// The image of the compiler that builds the others: Rust 1.96.
const NEW_BUILDER: &str = "builder-trixie";

/// The newest minor release that [`OLD_BUILDER`] builds. From Rust 1.80 on the
/// versions of `time` that these cargos lock no longer compile (Rust 1.80
/// release notes, "Compatibility Notes").
const LAST_OLD: u64 = 79;

/// The newest minor release that [`NEW_BUILDER`] is known to build.
const LAST_NEW: u64 = 96;

/// The oldest minor release that can be asked for: before it, cargo's own lock
/// file was not in its crate (cargo 1.37 changelog, "`Cargo.lock` is now
/// automatically included in the published crate").
const FIRST: u64 = 37;

/// The time that programs are told they are built at, in seconds: any will do but 0,
/// which OpenSSL takes for none.
const BUILD_TIME: &str = "1577836800";

/// The image in which a release is built; nothing where no image is known to do it.
pub(super) fn builder_of(release: &semver::Version) -> Option<&'static str> {
    match (release.major, release.minor) {
        (1, FIRST..=LAST_OLD) => Some(OLD_BUILDER),
        (1, minor) if minor > LAST_OLD && minor <= LAST_NEW => Some(NEW_BUILDER),
        _ => None,
    }
}

/// The crate that a release is built from: the cargo crate counts one minor
/// number ahead of Rust and has no major one (cargo contributor guide, "Release
/// process", "Version updates").
pub(super) fn crate_of(release: &semver::Version) -> Purl {
    let version = format!("0.{}.{}", release.minor + 1, release.patch);
    format!("pkg:cargo/cargo@{version}")
        .parse()
        .expect("a package URL of numbers is one")
}

/// Fetches exactly what the crate's own lock file names, then builds it without
/// any network. What cargo links to is built from its crates' sources, as for
/// Rust's own releases: with the system's zlib it would compress as that does.
pub(super) fn plan(builder: &str) -> Plan {
    let step = |run: &[&str]| Step {
        run: run.iter().map(|&word| word.to_owned()).collect(),
        cwd: "src".into(),
    };
    Plan {
        image: builder.to_owned(),
        cutoff: None,
        build_network: Network::None,
        output: "target/release/cargo".into(),
        prepare: vec![step(&["cargo", "fetch", "--locked"])],
        build: vec![step(&[
            "cargo",
            "build",
            "--release",
            "--locked",
            "--offline",
            "--bin=cargo",
            "--features=vendored-openssl",
        ])],
        env: BTreeMap::from(
            [
                ("CARGO_HOME", format!("{WORK_DIR}/home/.cargo")),
                ("CARGO_TARGET_DIR", format!("{WORK_DIR}/target")),
                // Packing a crate is not what a compiler's time is best spent on.
                ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1".to_owned()),
                ("CARGO_PROFILE_RELEASE_DEBUG", "false".to_owned()),
                ("CARGO_PROFILE_RELEASE_STRIP", "symbols".to_owned()),
                ("LIBZ_SYS_STATIC", "1".to_owned()),
                // OpenSSL keeps the time of its build in the program (OpenSSL,
                // `util/mkbuildinf.pl`): without this, no two builds are the same.
                ("SOURCE_DATE_EPOCH", BUILD_TIME.to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        ),
        files: BTreeMap::from([(
            "home/.cargo/config.toml".to_owned(),
            format!(
                "[source.crates-io]\nreplace-with = \"remint\"\n\n[source.remint]\nregistry = \"sparse+http://127.0.0.1:{RELAY_PORT}/cargo/index/\"\n"
            ),
        )]),
        inputs: vec![],
        recovered: vec![],
        crlf: None,
        limits: Limits {
            memory_mib: 8192,
            seconds: 7200,
            disk_mib: 16_384,
            ..Limits::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_release_has_the_builder_that_compiles_it() {
        let builder = |minor| builder_of(&semver::Version::new(1, minor, 0));
        assert_eq!(builder(36), None);
        assert_eq!(builder(37), Some(OLD_BUILDER));
        assert_eq!(builder(79), Some(OLD_BUILDER));
        assert_eq!(builder(80), Some(NEW_BUILDER));
        assert_eq!(builder(96), Some(NEW_BUILDER));
        assert_eq!(builder(97), None);
        assert_eq!(builder_of(&semver::Version::new(2, 80, 0)), None);
    }

    #[test]
    fn a_release_is_built_from_the_crate_one_number_ahead() {
        let purl = crate_of(&semver::Version::new(1, 82, 0));
        assert_eq!(purl.to_string(), "pkg:cargo/cargo@0.83.0");
    }

    #[test]
    fn the_compiler_runs_without_any_network() {
        let plan = plan(OLD_BUILDER);
        assert_eq!(plan.build_network, Network::None);
        assert!(plan.build[0].run.contains(&"--offline".to_owned()));
    }
}
