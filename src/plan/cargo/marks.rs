//! The marks that releases of cargo leave in a crate: which minor releases leave each, and
//! what is said of it. Pure; imports `model` alone.

use super::super::Facts;
use crate::model::Source;
use crate::store::archive::MemberStamp;

/// The time that cargo gives to every member from 1.93 on, and to most before
/// (`tar` crate, `HeaderMode::Deterministic`).
pub(super) const FIXED_TIME: i64 = 1_153_704_088;

/// A mark, the first and the last minor release that leave it, and what it is.
pub(super) struct Mark {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) says: &'static str,
}

impl Mark {
    const fn new(first: u64, last: u64, says: &'static str) -> Option<Self> {
        Some(Self { first, last, says })
    }
}

/// Member times: cargo alone sets them.
pub(super) fn times_say(stamps: &[MemberStamp]) -> Option<Mark> {
    let all = |test: fn(i64) -> bool| stamps.iter().all(|s| test(s.mtime));
    if stamps.is_empty() {
        None
    } else if all(|t| t == FIXED_TIME) {
        Mark::new(
            93,
            u64::MAX,
            "every member has cargo's fixed time, as from 1.93 on",
        )
    } else if all(|t| t == 0) {
        Mark::new(50, 53, "every member has time 0, as in 1.50 to 1.53")
    } else if all(|t| matches!(t, 0 | 1 | 123_456_789 | FIXED_TIME)) {
        Mark::new(
            54,
            92,
            "generated members have a time of their own, as in 1.54 to 1.92",
        )
    } else {
        Mark::new(0, 49, "members have real times, as up to 1.49")
    }
}

/// The order of members: up to 1.42 what cargo wrote itself followed the files, and the
/// manifest the publisher's own; since then all are sorted by path (cargo, `tar` in
/// `ops/cargo_package.rs`).
pub(super) fn order_says(stamps: &[MemberStamp]) -> Option<Mark> {
    let place = |name: &str| stamps.iter().position(|stamp| stamp.name == name);
    if place("Cargo.toml.orig")? < place("Cargo.toml")? {
        Mark::new(
            0,
            42,
            "the manifest follows the publisher's own, as up to 1.42",
        )
    } else {
        Mark::new(
            43,
            u64::MAX,
            "the manifest goes before the publisher's own, as from 1.43 on",
        )
    }
}

/// `.cargo_vcs_info.json`: `path_in_vcs` is there from 1.57 on.
pub(super) fn vcs_info_says(facts: &Facts<'_>) -> Option<Mark> {
    let bytes = facts.members.get(".cargo_vcs_info.json")?;
    let info: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    if info.get("path_in_vcs").is_some() {
        Mark::new(57, u64::MAX, "the VCS info names a path, as from 1.57 on")
    } else {
        Mark::new(0, 56, "the VCS info names no path, as up to 1.56")
    }
}

/// `Cargo.toml`: from 1.80 on it spells out which targets are not looked for, from
/// 1.83 on the library's too.
pub(super) fn manifest_says(facts: &Facts<'_>) -> Option<Mark> {
    let written = package_of(facts, "Cargo.toml")?;
    // What the publisher wrote by hand says nothing of cargo.
    let own = package_of(facts, "Cargo.toml.orig").unwrap_or_default();
    let spelled_out = |key: &str| written.contains_key(key) && !own.contains_key(key);
    if own.contains_key("autobins") || own.contains_key("autolib") {
        None
    } else if spelled_out("autolib") {
        Mark::new(
            83,
            u64::MAX,
            "the manifest spells out `autolib`, as from 1.83 on",
        )
    } else if spelled_out("autobins") {
        Mark::new(
            80,
            82,
            "the manifest spells out `autobins` and no `autolib`, as in 1.80 to 1.82",
        )
    } else {
        Mark::new(
            0,
            79,
            "the manifest does not spell out what is not built, as up to 1.79",
        )
    }
}

/// Arrays of `Cargo.toml`: from 1.60 on those of two and more stand one to a line, and before
/// that all stand on one (cargo, `prepare_for_publish`, which took `toml_edit` for `toml`).
pub(super) fn arrays_say(facts: &Facts<'_>) -> Option<Mark> {
    let text = std::str::from_utf8(facts.members.get("Cargo.toml")?).ok()?;
    let is_several =
        |line: &str| line.contains(" = [\"") && line.contains("\", \"") && line.ends_with("\"]");
    if text.lines().any(|line| line.ends_with(" = [")) {
        Mark::new(
            60,
            u64::MAX,
            "the manifest's arrays stand one to a line, as from 1.60 on",
        )
    } else if text.lines().any(is_several) {
        Mark::new(
            0,
            59,
            "the manifest's arrays stand on one line, as up to 1.59",
        )
    } else {
        None
    }
}

/// The table `package` of a manifest in the crate.
fn package_of(facts: &Facts<'_>, member: &str) -> Option<toml::Table> {
    let text = std::str::from_utf8(facts.members.get(member)?).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    manifest.get("package")?.as_table().cloned()
}

/// `resolver`: up to 1.63 cargo writes it into each manifest of edition 2021, where the
/// edition says it already (cargo, `prepare_for_publish` in `util/toml/mod.rs`).
pub(super) fn resolver_says(facts: &Facts<'_>) -> Option<Mark> {
    let own = package_of(facts, "Cargo.toml.orig")?;
    let written = package_of(facts, "Cargo.toml")?;
    let is_2021 = written.get("edition").and_then(toml::Value::as_str) == Some("2021");
    // A workspace may have its own; then it is written by every release.
    if own.contains_key("resolver") || facts.tree.contains_key("/Cargo.toml") && is_inside(facts) {
        None
    } else if is_2021 && written.contains_key("resolver") {
        Mark::new(
            56,
            63,
            "the manifest spells out the edition's resolver, as up to 1.63",
        )
    } else if is_2021 {
        Mark::new(
            64,
            u64::MAX,
            "the manifest does not spell out the edition's resolver, as from 1.64 on",
        )
    } else {
        None
    }
}

/// Whether the package lies below the repository's root.
fn is_inside(facts: &Facts<'_>) -> bool {
    matches!(facts.source, Source::Git { git, .. } if !git.directory.is_empty())
}

/// `Cargo.lock`: a library has one from 1.84 on.
pub(super) fn lock_says(facts: &Facts<'_>) -> Option<Mark> {
    let programs = |name: &str| {
        name == "src/main.rs" || name.starts_with("src/bin/") || name.starts_with("examples/")
    };
    let is_library = !facts.stamps.iter().any(|stamp| programs(&stamp.name))
        && !facts
            .members
            .get("Cargo.toml")
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .is_some_and(|text| text.contains("[[bin]]") || text.contains("[[example]]"));
    match (facts.members.contains_key("Cargo.lock"), is_library) {
        (true, true) => Mark::new(
            84,
            u64::MAX,
            "a library's crate holds a lock file, as from 1.84 on",
        ),
        (false, _) => Mark::new(0, 83, "the crate holds no lock file, as up to 1.83"),
        (true, false) => None,
    }
}

/// A crate that each test of a mark, and of what is made of them, changes.
#[cfg(test)]
pub(super) mod testing {
    use super::super::super::testing::Situation;
    use super::FIXED_TIME;

    /// A crate that was published when 1.70 was stable, without any mark of age.
    pub fn unmarked() -> Situation {
        let mut situation = Situation::cargo();
        situation.published("2023-06-02T00:00:00Z");
        situation.member("Cargo.lock", "");
        situation.stamp("src/main.rs", FIXED_TIME);
        situation.stamp("Cargo.toml", 1);
        situation
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::super::age::Age;
    use super::testing::unmarked;
    use super::*;

    fn admitted(situation: &Situation) -> (u64, u64) {
        situation.with_facts(Age::of).bounds()
    }

    #[test]
    fn member_times_bound_the_release() {
        for (times, expected) in [
            (vec![FIXED_TIME, FIXED_TIME], (93, u64::MAX)),
            (vec![FIXED_TIME, 1], (54, 92)),
            (vec![123_456_789, 1], (54, 92)),
            (vec![0, 0], (50, 53)),
            (vec![1_600_000_000, 0], (0, 49)),
        ] {
            let mut situation = unmarked();
            situation.stamps.clear();
            for &time in &times {
                situation.stamp("src/main.rs", time);
            }
            assert_eq!(admitted(&situation), expected, "{times:?}");
        }
    }

    #[test]
    fn the_order_of_the_two_manifests_bounds_the_release() {
        for (names, expected) in [
            (["a", "Cargo.toml.orig", "Cargo.toml"], (0, 42)),
            (["Cargo.toml", "Cargo.toml.orig", "a"], (43, 49)),
            (["Cargo.toml", "a", "b"], (0, 49)),
        ] {
            let mut situation = unmarked();
            situation.stamps.clear();
            for name in names {
                situation.stamp(name, 1_580_000_000);
            }
            assert_eq!(admitted(&situation), expected, "{names:?}");
        }
    }

    #[test]
    fn vcs_info_with_a_path_is_newer_than_one_without() {
        let mut situation = unmarked();
        situation.member(".cargo_vcs_info.json", r#"{"git":{"sha1":"x"}}"#);
        assert_eq!(admitted(&situation), (54, 56));
        situation.member(
            ".cargo_vcs_info.json",
            r#"{"git":{"sha1":"x"},"path_in_vcs":""}"#,
        );
        assert_eq!(admitted(&situation), (57, 92));
    }

    #[test]
    fn what_the_manifest_spells_out_bounds_the_release() {
        let mut situation = unmarked();
        let mut manifest = |keys: &str| {
            situation.member("Cargo.toml", &format!("[package]\nname = \"x\"\n{keys}"));
            admitted(&situation)
        };
        assert_eq!(manifest(""), (54, 79));
        assert_eq!(manifest("autobins = false\n"), (80, 82));
        assert_eq!(manifest("autobins = false\nautolib = false\n"), (83, 92));
    }

    #[test]
    fn how_the_manifest_writes_arrays_bounds_the_release() {
        for (array, expected) in [
            ("keywords = [\"a\", \"b\"]", (54, 59)),
            ("keywords = [\n    \"a\",\n    \"b\",\n]", (60, 79)),
            ("keywords = [\"a\"]", (54, 79)),
        ] {
            let mut situation = unmarked();
            situation.member("Cargo.toml", &format!("[package]\nname = \"x\"\n{array}\n"));
            assert_eq!(admitted(&situation), expected, "{array}");
        }
    }

    #[test]
    fn what_the_publisher_wrote_says_nothing_of_cargo() {
        let mut situation = unmarked();
        let manifest = "[package]\nname = \"x\"\nautobins = false\n";
        situation.member("Cargo.toml", manifest);
        situation.member("Cargo.toml.orig", manifest);
        assert_eq!(admitted(&situation), (54, 92));
    }

    #[test]
    fn a_resolver_that_the_edition_implies_bounds_the_release() {
        let mut situation = unmarked();
        situation.member("Cargo.toml.orig", "[package]\nname = \"x\"\n");
        let mut manifest = |keys: &str| {
            situation.member("Cargo.toml", &format!("[package]\nname = \"x\"\n{keys}"));
            admitted(&situation)
        };
        assert_eq!(manifest("edition = \"2021\"\nresolver = \"2\"\n"), (56, 63));
        assert_eq!(manifest("edition = \"2021\"\n"), (64, 79));
        assert_eq!(manifest("edition = \"2018\"\n"), (54, 79));
        // The publisher's own says nothing.
        let own = "[package]\nname = \"x\"\nedition = \"2021\"\nresolver = \"2\"\n";
        situation.member("Cargo.toml.orig", own);
        situation.member("Cargo.toml", own);
        assert_eq!(admitted(&situation), (54, 79));
    }

    #[test]
    fn a_librarys_lock_file_is_new_and_a_crate_without_one_is_old() {
        let mut situation = unmarked();
        situation.stamps[0].name = "src/lib.rs".into();
        assert_eq!(admitted(&situation), (84, 92));
        situation.members.remove("Cargo.lock");
        assert_eq!(admitted(&situation), (54, 83));
    }

    #[test]
    fn a_mark_that_contradicts_the_times_is_left_out() {
        let mut situation = unmarked();
        situation.members.remove("Cargo.lock");
        situation.stamps[1].mtime = FIXED_TIME;
        assert_eq!(admitted(&situation), (93, u64::MAX));
    }
}
