//! The zlib that a distribution's cargo compressed with, told from the crate's stream. Pure;
//! imports `model` alone.

use super::super::{CargoHome, CargoToolchain, Facts, ZlibToolchain};
use crate::model::{DeflateFamily, Input, InputOrigin, RecoveredFact, Tool, WORK_DIR};

/// The first minor release that compresses with zlib-rs of its own (cargo 0.89, `flate2` in
/// its manifest; cargo 0.88 takes zlib).
const FIRST_ZLIB_RS: u64 = 88;

/// Where it lies, below the work folder.
const FOLDER: &str = "tools/zlib-rs";

/// Whether this cargo compresses with the system's zlib: Debian links its own to that, and
/// those that are built here hold one (`toolchain/recipe.rs`).
fn is_linked(cargo: &CargoToolchain) -> bool {
    matches!(cargo.home, CargoHome::Image(_)) && cargo.version.minor < FIRST_ZLIB_RS
}

/// The zlib that this cargo is to be given. Distributions have put zlib-ng in zlib's place
/// (Fedora 40, "Changes/ZlibNGTransition"), and zlib-rs, which was translated from it, makes
/// the same streams.
pub(super) fn of<'a>(facts: &Facts<'a>, cargo: &CargoToolchain) -> Option<&'a ZlibToolchain> {
    let made_by = facts.gzip?.cargo_zlib?;
    facts
        .zlibs
        .iter()
        .filter(|zlib| is_linked(cargo) && family(&zlib.version) == Some(made_by))
        .max_by_key(|zlib| &zlib.version)
}

/// Puts those that can be given it first, where the likeliest has no zlib-rs of its own: what
/// the others make would have to be compressed anew.
pub(super) fn first(facts: &Facts<'_>, cargos: &mut [&CargoToolchain]) {
    if cargos
        .first()
        .is_some_and(|cargo| cargo.version.minor < FIRST_ZLIB_RS)
    {
        cargos.sort_by_key(|cargo| of(facts, cargo).is_none());
    }
}

/// The family of a release of zlib-rs.
const fn family(version: &semver::Version) -> Option<DeflateFamily> {
    match (version.major, version.minor) {
        (0, 5) => Some(DeflateFamily::ZlibRs05),
        (0, 6) => Some(DeflateFamily::ZlibRs06),
        _ => None,
    }
}

/// What it is to a plan: the input, the variable by which programs find it (ld.so(8)), and
/// the fact.
pub(super) fn given(zlib: &ZlibToolchain) -> (Input, (String, String), RecoveredFact) {
    let (name, version) = (Tool::ZlibRs.name().to_owned(), zlib.version.to_string());
    (
        Input {
            origin: InputOrigin::Toolchain {
                name: name.clone(),
                version: version.clone(),
            },
            digest: zlib.program,
            unpack_to: FOLDER.into(),
        },
        ("LD_LIBRARY_PATH".into(), format!("{WORK_DIR}/{FOLDER}/lib")),
        RecoveredFact::Toolchain { name, version },
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::GzipMarks;
    use super::super::super::testing::Situation;
    use super::*;
    use crate::model::{Digest, Sha256Digest};

    /// A crate whose stream this family makes, and zlibs of several releases.
    fn situation(made_by: Option<DeflateFamily>) -> Situation {
        let mut situation = Situation::cargo();
        situation.gzip = Some(GzipMarks {
            mtime: 0,
            xfl: 2,
            os: 255,
            reference_level: None,
            cargo_zlib: made_by,
            node_zlib: None,
        });
        for version in ["0.4.2", "0.5.5", "0.6.0", "0.6.8"] {
            situation.zlibs.push(ZlibToolchain {
                version: version.parse().expect("valid"),
                program: digest(),
            });
        }
        situation
    }

    fn digest() -> Digest {
        Digest::Sha256(Sha256Digest::of("x"))
    }

    fn linked(minor: u64) -> CargoToolchain {
        CargoToolchain {
            version: semver::Version::new(1, minor, 0),
            home: CargoHome::Image("rust".into()),
        }
    }

    fn kept(minor: u64) -> CargoToolchain {
        CargoToolchain {
            home: CargoHome::Kept(digest()),
            ..linked(minor)
        }
    }

    fn given_to(made_by: Option<DeflateFamily>, cargo: &CargoToolchain) -> Option<String> {
        let found = |facts: &Facts<'_>| of(facts, cargo).map(|zlib| zlib.version.to_string());
        situation(made_by).with_facts(found)
    }

    #[test]
    fn a_cargo_that_is_linked_to_zlib_is_given_the_one_that_made_the_stream() {
        use DeflateFamily::{Zlib, ZlibRs05, ZlibRs06};
        for (made_by, expected) in [
            (Some(ZlibRs06), Some("0.6.8")),
            (Some(ZlibRs05), Some("0.5.5")),
            (Some(Zlib), None),
            (None, None),
        ] {
            assert_eq!(given_to(made_by, &linked(87)).as_deref(), expected);
        }
    }

    #[test]
    fn a_cargo_with_a_zlib_of_its_own_is_given_none() {
        for cargo in [kept(87), linked(88)] {
            assert_eq!(given_to(Some(DeflateFamily::ZlibRs06), &cargo), None);
        }
    }

    #[test]
    fn those_that_can_be_given_it_are_tried_first_but_not_before_one_that_has_it() {
        let situation = situation(Some(DeflateFamily::ZlibRs06));
        let order = |cargos: &[CargoToolchain]| {
            let mut tried: Vec<_> = cargos.iter().collect();
            situation.with_facts(|facts| first(facts, &mut tried));
            let minors = tried.iter().map(|cargo| cargo.version.minor);
            minors.collect::<Vec<_>>()
        };
        assert_eq!(order(&[kept(84), kept(83), linked(85)]), [85, 84, 83]);
        assert_eq!(order(&[kept(88), kept(84), linked(85)]), [88, 84, 85]);
    }
}
