//! The front end that the publisher ran, where the wheel tells it from pip: one that builds in
//! the folder that the source distribution was unpacked into, as `build` does, or that was given
//! a folder of the checkout for its output. Pure; imports the shape of a stamp from `store`.
//!
//! pip has the metadata prepared in a folder of its own, and setuptools of 70.1 and later takes
//! it from there (setuptools, `build_meta.py`, "build_wheel"). `build` does not ask for it
//! (PEP 517, "prepare_metadata_for_build_wheel" is optional), so that setuptools writes into the
//! `.egg-info` that was unpacked, and takes along what else lies there.

use super::super::Facts;
use super::stamps::{metadata_file, zip_time_of};
use super::zone;
use crate::model::Source;
use crate::store::archive::MemberStamp;

/// What setuptools writes where it is not there yet, and leaves as it is elsewhere (setuptools,
/// `command/bdist_egg.py`, `write_safety_flag`).
const WRITTEN_ONCE: [&str; 2] = ["not-zip-safe", "zip-safe"];

/// What setuptools and its `bdist_wheel` write anew for every build (setuptools,
/// `pyproject.toml`, "egg_info.writers"; `bdist_wheel.py`, "egg2dist"), or leave out.
const WRITTEN_ANEW: [&str; 14] = [
    "METADATA",
    "PKG-INFO",
    "RECORD",
    "SOURCES.txt",
    "WHEEL",
    "depends.txt",
    "dependency_links.txt",
    "eager_resources.txt",
    "entry_points.txt",
    "namespace_packages.txt",
    "not-zip-safe",
    "requires.txt",
    "top_level.txt",
    "zip-safe",
];

/// Write permission of group and others, which Python's data filter takes away (PEP 706,
/// "Filters", `tar_filter`).
const FOR_OTHERS: u32 = 0o022;

/// Where publishers have a front end write wheels, other than `dist`, which setuptools does not
/// take for a package by itself (setuptools, `discovery.py`, "FlatLayoutPackageFinder").
/// A closed list, so that the name says no more than which.
const OUTPUT_FOLDERS: [&str; 3] = ["wheelhouse", "wheels", "build"];

/// A folder for the output that was there while the wheel was built from a checkout: setuptools
/// took it for a package, and there was nothing in it to be packed.
pub(super) fn output_folder(facts: &Facts<'_>) -> Option<&'static str> {
    let is_list = |name: &str| name.ends_with(".dist-info/top_level.txt");
    let (_, list) = facts.members.iter().find(|(name, _)| is_list(name))?;
    let packages = std::str::from_utf8(list).ok()?;
    OUTPUT_FOLDERS.into_iter().find(|folder| {
        let is_within = |stamp: &MemberStamp| stamp.name.split('/').next() == Some(folder);
        let is_listed = packages.lines().any(|package| package == *folder);
        is_listed && !facts.stamps.iter().any(is_within)
    })
}

/// Whether the wheel was built in the unpacked source distribution: its metadata has a file that
/// was unpacked, which a plugin of setuptools wrote for the source distribution and not for the
/// wheel, or it shows how Python unpacks.
pub(super) fn builds_in_place(facts: &Facts<'_>) -> bool {
    let brings = |stamp| is_brought_along(stamp, facts);
    facts.stamps.iter().any(brings) || is_filtered(facts)
}

/// The mode of what is written into an archive from memory, where nothing else is said (CPython,
/// `zipfile`, `ZipFile.open`).
const FROM_MEMORY: u32 = 0o600;

/// Whether the front end had no metadata prepared: `WHEEL` was written into the archive from memory,
/// and not copied from a file.
pub(super) fn prepares_no_metadata(facts: &Facts<'_>) -> bool {
    let wheel = |stamp: &&MemberStamp| metadata_file(stamp) == Some("WHEEL");
    let mut stamps = facts.stamps.iter();
    stamps
        .find(wheel)
        .is_some_and(|stamp| stamp.mode == FROM_MEMORY)
}

/// Whether this member of a wheel's metadata lies in the `.egg-info` of the source distribution,
/// and is none that setuptools writes anew, or has kept its time from there.
pub(super) fn is_brought_along(stamp: &MemberStamp, facts: &Facts<'_>) -> bool {
    let Some(file) = metadata_file(stamp) else {
        return false;
    };
    let is_kept = WRITTEN_ONCE.contains(&file) && !is_of_the_build(stamp, facts);
    let could_be = is_kept || !WRITTEN_ANEW.contains(&file);
    let posix = || zone::of(facts.stamps, facts.source_stamps);
    could_be
        && facts.source_stamps.iter().any(|other| {
            egg_info_file(other) == Some(file)
                && (!is_kept || zip_time_of(other.mtime, zone::instant(posix(), stamp.mtime)))
        })
}

/// Whether a member has the time of what the build wrote for certain.
fn is_of_the_build(stamp: &MemberStamp, facts: &Facts<'_>) -> bool {
    let is_metadata = |other: &&MemberStamp| metadata_file(other) == Some("METADATA");
    let metadata = facts.stamps.iter().find(is_metadata);
    metadata.is_none_or(|metadata| metadata.mtime == stamp.mtime)
}

/// Whether the source distribution was unpacked without the write permission of group and
/// others that it has in it.
pub(super) fn is_filtered(facts: &Facts<'_>) -> bool {
    let Source::Sdist { .. } = facts.source else {
        return false;
    };
    let grants = |stamp: &MemberStamp| stamp.mode & FOR_OTHERS != 0;
    let umask = zone::umask(facts.stamps);
    let is_granted = umask.is_some_and(|(mask, _)| mask & FOR_OTHERS != FOR_OTHERS);
    // setuptools copies modules with the umask's mode, and other files with their own.
    let tells = |stamp: &&MemberStamp| is_granted || !stamp.name.ends_with(".py");
    facts
        .stamps
        .iter()
        .filter(|stamp| !grants(stamp))
        .filter(tells)
        .any(|stamp| {
            facts
                .source_stamps
                .iter()
                .any(|from| is_copy(stamp, from) && grants(from))
        })
}

/// Whether a wheel's member was copied from this one, or written into the place of it.
fn is_copy(stamp: &MemberStamp, source: &MemberStamp) -> bool {
    match metadata_file(stamp) {
        // setuptools sets its mode.
        Some("METADATA") => false,
        Some(file) => egg_info_file(source) == Some(file),
        None => stamp.name == source.name.strip_prefix("src/").unwrap_or(&source.name),
    }
}

fn egg_info_file(stamp: &MemberStamp) -> Option<&str> {
    let (folder, file) = stamp.name.rsplit_once('/')?;
    folder.ends_with(".egg-info").then_some(file)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn stamp(name: &str, mode: u32) -> MemberStamp {
        MemberStamp {
            name: name.into(),
            mtime: 1_700_000_000,
            mode,
        }
    }

    fn told<T>(
        wheel: &[(&str, u32)],
        source: &[(&str, u32)],
        tells: impl Fn(&Facts<'_>) -> T,
    ) -> T {
        let stamps =
            |all: &[(&str, u32)]| all.iter().map(|(name, mode)| stamp(name, *mode)).collect();
        let mut situation = Situation::pypi();
        situation.use_sdist();
        situation.stamps = stamps(wheel);
        situation.source_stamps = stamps(source);
        situation.with_facts(tells)
    }

    #[test]
    fn a_file_of_the_unpacked_metadata_tells_a_build_in_place() {
        let in_place = |file: &str, source: &str| {
            let member = format!("demo-1.0.dist-info/{file}");
            told(&[(&member, 0o644)], &[(source, 0o644)], builds_in_place)
        };
        assert!(in_place("pbr.json", "demo.egg-info/pbr.json"));
        assert!(in_place("pbr.json", "src/demo.egg-info/pbr.json"));
        assert!(!in_place("pbr.json", "demo/pbr.json"));
        assert!(!in_place("pbr.json", "demo.egg-info/other.json"));
        assert!(!in_place("top_level.txt", "demo.egg-info/top_level.txt"));
    }

    #[test]
    fn a_flag_that_kept_its_time_tells_a_build_in_place() {
        let in_place = |wheel: i64, unpacked: i64| {
            let of = |name: &str, mtime| MemberStamp {
                mtime,
                ..stamp(name, 0o644)
            };
            let mut situation = Situation::pypi();
            situation.use_sdist();
            situation.stamps = vec![
                of("demo-1.0.dist-info/METADATA", 1_700_000_008),
                of("demo-1.0.dist-info/zip-safe", wheel),
            ];
            situation.source_stamps = vec![of("demo.egg-info/zip-safe", unpacked)];
            situation.with_facts(builds_in_place)
        };
        assert!(in_place(1_700_000_000, 1_700_000_001));
        assert!(!in_place(1_700_000_000, 1_700_000_002));
        assert!(!in_place(1_700_000_008, 1_700_000_008));
    }

    #[test]
    fn a_package_that_is_an_empty_output_folder_is_told_by_a_name_of_the_list_alone() {
        let folder = |packages: &str, member: &str| {
            let mut situation = Situation::pypi();
            situation.member("demo-1.0.dist-info/top_level.txt", packages);
            situation.stamps = vec![stamp(member, 0o644)];
            situation.with_facts(output_folder)
        };
        assert_eq!(
            folder("demo\nwheelhouse\n", "demo/a.py"),
            Some("wheelhouse")
        );
        assert_eq!(folder("demo\nwheelhouse\n", "wheelhouse/a.py"), None);
        assert_eq!(folder("demo\nwheelhouse2\n", "demo/a.py"), None);
        assert_eq!(folder("demo\n", "demo/a.py"), None);
    }

    #[test]
    fn modes_tell_an_unpacking_that_takes_write_permission_away() {
        let filtered = |member: (&str, u32), source: (&str, u32), umask: Option<u32>| {
            let written = umask.map_or(0o644, |mask| 0o666 & !mask);
            let wheel = [("demo-1.0.dist-info/WHEEL", written), member];
            told(&wheel, &[source], is_filtered)
        };
        let top_level = "demo-1.0.dist-info/top_level.txt";
        let unpacked = "demo.egg-info/top_level.txt";
        assert!(filtered(
            (top_level, 0o100_644),
            (unpacked, 0o664),
            Some(0o002)
        ));
        assert!(!filtered(
            (top_level, 0o100_664),
            (unpacked, 0o664),
            Some(0o002)
        ));
        assert!(!filtered(
            (top_level, 0o100_644),
            (unpacked, 0o644),
            Some(0o002)
        ));
        let data = ("demo/data.txt", 0o664);
        assert!(filtered(("demo/data.txt", 0o644), data, None));
        assert!(!filtered(("demo/data.txt", 0o664), data, None));
        // The umask gives modules such a mode too.
        let module = ("src/demo/a.py", 0o664);
        assert!(!filtered(("demo/a.py", 0o644), module, None));
        assert!(filtered(("demo/a.py", 0o644), module, Some(0o002)));
        let metadata = "demo-1.0.dist-info/METADATA";
        assert!(!filtered(
            (metadata, 0o644),
            ("demo.egg-info/METADATA", 0o664),
            Some(0o002)
        ));
    }
}
