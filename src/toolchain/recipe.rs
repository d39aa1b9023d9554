//! The plan that builds one toolchain from its crate. Pure; imports `model` alone.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::{
    DatedBy, Limits, Network, Plan, Purl, RELAY_PORT, Step, Tool, Toolchain, WORK_DIR, Yanked,
};

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

/// Versions that take the place of what the crate's lock file names, by the package's name.
///
/// Rust's releases are built with a lock file of their own, which is in no crate
/// (Rust's `Cargo.lock` at the release's tag) and at times names other versions than
/// cargo's: of `tar`, which writes the members' times, and of `libz-sys`, which compresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Precise(BTreeMap<String, semver::Version>);

/// One of them, as `NAME@VERSION` (package ID specification, Cargo reference).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreciseVersion {
    name: String,
    version: semver::Version,
}

/// A text that is no `NAME@VERSION`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form NAME@VERSION, such as tar@0.4.33")]
pub struct NotPrecise(String);

impl FromStr for PreciseVersion {
    type Err = NotPrecise;

    fn from_str(text: &str) -> Result<Self, NotPrecise> {
        let not = || NotPrecise(text.to_owned());
        let (name, version) = text.split_once('@').ok_or_else(not)?;
        if !is_package_name(name) {
            return Err(not());
        }
        Ok(Self {
            name: name.to_owned(),
            version: version.parse().map_err(|_| not())?,
        })
    }
}

/// Package names are letters, digits, `-` and `_`, and begin with no dash, which cargo
/// would take for an option (Cargo reference, "The `name` field").
fn is_package_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl FromIterator<PreciseVersion> for Precise {
    fn from_iter<I: IntoIterator<Item = PreciseVersion>>(versions: I) -> Self {
        let pairs = versions.into_iter().map(|one| (one.name, one.version));
        Self(pairs.collect())
    }
}

impl Precise {
    /// Whether the crate's own lock file holds as it is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first name that is none, in a file that a person may have written.
    pub(super) fn misnamed(&self) -> Option<&str> {
        self.0
            .keys()
            .map(String::as_str)
            .find(|name| !is_package_name(name))
    }
}

/// As they follow a command, each after a space.
impl fmt::Display for Precise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, version) in &self.0 {
            write!(f, " --precise {name}@{version}")?;
        }
        Ok(())
    }
}

/// The image in which a release is built; nothing where no image is known to do it.
pub(super) fn builder_of(toolchain: &Toolchain) -> Option<&'static str> {
    let version = &toolchain.version;
    match (toolchain.tool, version.major, version.minor) {
        (Tool::Cargo, 1, FIRST..=LAST_OLD) => Some(OLD_BUILDER),
        (Tool::Cargo, 1, minor) if minor > LAST_OLD && minor <= LAST_NEW => Some(NEW_BUILDER),
        (Tool::Cargo, ..) => None,
        // It asks for no more than Rust 1.75 (its manifest, `rust-version`), and what is linked
        // to the oldest C library of the images runs in all of them.
        (Tool::ZlibRs, ..) => Some(OLD_BUILDER),
    }
}

/// The crate that a release is built from: the cargo crate counts one minor
/// number ahead of Rust and has no major one (cargo contributor guide, "Release
/// process", "Version updates"). zlib-rs as a C library is a crate of its own
/// (zlib-rs, README, "C-compatible dynamic library").
pub(super) fn crate_of(toolchain: &Toolchain) -> Purl {
    let version = &toolchain.version;
    let purl = match toolchain.tool {
        Tool::Cargo => format!("pkg:cargo/cargo@0.{}.{}", version.minor + 1, version.patch),
        Tool::ZlibRs => format!("pkg:cargo/libz-rs-sys-cdylib@{version}"),
    };
    purl.parse().expect("a package URL of numbers is one")
}

/// Fetches exactly what the crate's own lock file names, but for what is to take its
/// place, then builds it without any network. What cargo links to is built from its crates' sources, as for
/// Rust's own releases: with the system's zlib it would compress as that does.
pub(super) fn plan(tool: Tool, builder: &str, precise: &Precise) -> Plan {
    let (output, what): (&str, &[&str]) = match tool {
        Tool::Cargo => (
            "target/release/cargo",
            &["--bin=cargo", "--features=vendored-openssl"],
        ),
        Tool::ZlibRs => ("target/release/libz_rs.so", &["--lib"]),
    };
    let step = |run: &[&str]| {
        let run = run.iter().map(|&word| word.to_owned()).collect();
        Step::new(run, "src".into())
    };
    let replace = |(name, version): (&String, &semver::Version)| {
        step(&[
            "cargo",
            "update",
            "--package",
            name,
            "--precise",
            &version.to_string(),
        ])
    };
    let mut prepare: Vec<_> = precise.0.iter().map(replace).collect();
    prepare.push(step(&["cargo", "fetch", "--locked"]));
    Plan {
        image: builder.to_owned(),
        cutoff: None,
        dated_by: DatedBy::Registry,
        yanked: Yanked::Today,
        build_network: Network::None,
        output: output.into(),
        prepare,
        build: vec![step(
            &[
                &["cargo", "build", "--release", "--locked", "--offline"],
                what,
            ]
            .concat(),
        )],
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
        plain_modes: false,
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
        let of = |tool, major, minor| {
            builder_of(&Toolchain {
                tool,
                version: semver::Version::new(major, minor, 0),
            })
        };
        let builder = |minor| of(Tool::Cargo, 1, minor);
        assert_eq!(builder(36), None);
        assert_eq!(builder(37), Some(OLD_BUILDER));
        assert_eq!(builder(79), Some(OLD_BUILDER));
        assert_eq!(builder(80), Some(NEW_BUILDER));
        assert_eq!(builder(96), Some(NEW_BUILDER));
        assert_eq!(builder(97), None);
        assert_eq!(of(Tool::Cargo, 2, 80), None);
        assert_eq!(of(Tool::ZlibRs, 0, 6), Some(OLD_BUILDER));
    }

    #[test]
    fn a_release_is_built_from_the_crate_one_number_ahead() {
        let purl = |text: &str| crate_of(&text.parse().expect("valid")).to_string();
        assert_eq!(purl("1.82.0"), "pkg:cargo/cargo@0.83.0");
        assert_eq!(purl("zlib-rs@0.6.8"), "pkg:cargo/libz-rs-sys-cdylib@0.6.8");
    }

    #[test]
    fn the_compiler_runs_without_any_network() {
        for tool in Tool::ALL {
            let plan = plan(tool, NEW_BUILDER, &Precise::default());
            assert_eq!(plan.build_network, Network::None);
            assert!(plan.build[0].run.contains(&"--offline".to_owned()));
        }
    }

    #[test]
    fn what_the_release_was_built_with_takes_the_place_of_what_the_crate_locks() {
        let precise: Precise = ["tar@0.4.33", "libz-sys@1.1.8"]
            .map(|text| text.parse::<PreciseVersion>().expect("valid"))
            .into_iter()
            .collect();
        let plan = plan(Tool::Cargo, OLD_BUILDER, &precise);
        let steps: Vec<_> = plan.prepare.iter().map(|step| step.run.join(" ")).collect();
        assert_eq!(
            steps,
            [
                "cargo update --package libz-sys --precise 1.1.8",
                "cargo update --package tar --precise 0.4.33",
                "cargo fetch --locked",
            ]
        );
        assert_eq!(
            precise.to_string(),
            " --precise libz-sys@1.1.8 --precise tar@0.4.33"
        );
    }

    #[test]
    fn a_precise_version_is_a_package_name_and_a_whole_version() {
        for bad in [
            "tar",
            "tar@",
            "@1.0.0",
            "tar@0.4",
            "-p@1.0.0",
            "a b@1.0.0",
            "tar@1.0.0 x",
        ] {
            assert!(bad.parse::<PreciseVersion>().is_err(), "{bad}");
        }
        let good: PreciseVersion = "_a-1@1.0.0-rc.1".parse().expect("valid");
        assert_eq!(good.version.to_string(), "1.0.0-rc.1");
    }
}
