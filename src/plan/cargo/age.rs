//! Which cargo packed a crate: the releases that its marks admit, and among them
//! those nearest to the one that was stable when it was published. Pure; imports
//! `model` alone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

use super::super::{CargoHome, CargoToolchain, Facts};
use crate::model::{Learnt, RecoveredFact, Source};
use crate::store::archive::MemberStamp;

/// The time that cargo gives to every member from 1.93 on, and to most before
/// (`tar` crate, `HeaderMode::Deterministic`).
pub(super) const FIXED_TIME: i64 = 1_153_704_088;

/// When Rust 1.0 would have come out had it kept to the train's day of the week
/// (2015-05-14T00:00:00Z, a Thursday; it came a day later).
const TRAIN_START: i64 = 1_431_561_600;

/// Six weeks: a stable release leaves every so often (Rust RFC 507, "Release
/// channels"), so minor release `n` came out `n` trains after 1.0.
const TRAIN: i64 = 42 * 24 * 60 * 60;

/// How many cargos of one crate's age are tried: what the fourth cannot do, the
/// fifth has not been seen to do.
const MOST_TRIED: usize = 4;

/// Minor releases of cargo 1 that may have packed a crate, and what says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Age {
    first: u64,
    last: u64,
    /// The stable minor release when the crate was published, where that is known.
    stable: Option<u64>,
    /// How far ahead of stable the publisher's cargo was the last time.
    ahead: Option<i64>,
    marks: Vec<&'static str>,
}

impl Age {
    /// Reads the marks that each release of cargo leaves.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let mut age = Self {
            first: 0,
            last: u64::MAX,
            stable: facts.published().map(stable_at),
            ahead: facts.learnt.and_then(ahead_of_stable),
            marks: Vec::new(),
        };
        age.narrow(times_say(facts.stamps));
        // Marks that a publisher could have written by hand, or that other tools
        // leave, may not contradict the times that cargo alone sets.
        for mark in [
            vcs_info_says(facts),
            manifest_says(facts),
            resolver_says(facts),
            lock_says(facts),
        ] {
            age.narrow(mark);
        }
        age
    }

    fn narrow(&mut self, mark: Option<Mark>) {
        let Some(Mark { first, last, says }) = mark else {
            return;
        };
        let narrowed = (self.first.max(first), self.last.min(last));
        if narrowed.0 <= narrowed.1 {
            (self.first, self.last) = narrowed;
            self.marks.push(says);
        }
    }

    /// Whether this release may have packed the crate.
    pub(super) const fn admits(&self, version: &semver::Version) -> bool {
        version.major == 1 && self.first <= version.minor && version.minor <= self.last
    }

    /// The releases that are worth a try, in this order. Publishers run stable, some
    /// the next one or two ahead of it, fewer the one or two before. Where the farm
    /// has none that could have packed the crate, the nearest is tried: its
    /// difference says what is missing.
    pub(super) fn ranked<'a>(&self, cargos: &'a [CargoToolchain]) -> Vec<&'a CargoToolchain> {
        let mut ranked: Vec<_> = cargos.iter().collect();
        ranked.sort_by_key(|cargo| {
            let minor = cargo.version.minor;
            (
                self.distance_outside(minor),
                self.distance_from_stable(minor),
                std::cmp::Reverse(cargo.version.clone()),
                matches!(cargo.home, CargoHome::Image(_)),
            )
        });
        let mut minors = BTreeSet::new();
        ranked.retain(|cargo| minors.insert(cargo.version.minor));
        let admitted = ranked.iter().filter(|c| self.admits(&c.version)).count();
        ranked.truncate(admitted.clamp(1, MOST_TRIED));
        ranked
    }

    const fn distance_outside(&self, minor: u64) -> u64 {
        if minor < self.first {
            self.first - minor
        } else {
            minor.saturating_sub(self.last)
        }
    }

    /// Two releases ahead of stable weigh less than one behind it.
    fn distance_from_stable(&self, minor: u64) -> u64 {
        let Some(stable) = self.stable else {
            return u64::MAX - minor;
        };
        let likely = stable.saturating_add_signed(self.ahead.unwrap_or(0));
        let likely = likely.clamp(self.first, self.last);
        minor
            .checked_sub(likely)
            .unwrap_or_else(|| likely - minor + 2)
    }
}

/// What is said of a crate's age, as a reason of a plan.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mark in &self.marks {
            write!(f, "{mark}; ")?;
        }
        match self.stable {
            Some(stable) => write!(f, "1.{stable} was stable when the crate was published")?,
            None => f.write_str("nothing says when the crate was published")?,
        }
        match self.ahead {
            None | Some(0) => Ok(()),
            Some(ahead @ 1..) => write!(f, "; its publisher was {ahead} ahead of stable before"),
            Some(behind) => write!(f, "; its publisher was {} behind stable before", -behind),
        }
    }
}

/// The stable minor release of a time.
fn stable_at(time: Timestamp) -> u64 {
    u64::try_from((time.as_second() - TRAIN_START) / TRAIN).unwrap_or(0)
}

/// How far ahead of stable the cargo was that packed an earlier version.
fn ahead_of_stable(learnt: &Learnt) -> Option<i64> {
    let stable = i64::try_from(stable_at(learnt.published_at?)).ok()?;
    learnt.recovered.iter().find_map(|fact| match fact {
        RecoveredFact::Toolchain { name, version } if name == "cargo" => {
            let version: semver::Version = version.parse().ok()?;
            i64::try_from(version.minor)
                .ok()
                .map(|minor| minor - stable)
        }
        _ => None,
    })
}

/// A mark, the first and the last minor release that leave it, and what it is.
struct Mark {
    first: u64,
    last: u64,
    says: &'static str,
}

impl Mark {
    const fn new(first: u64, last: u64, says: &'static str) -> Option<Self> {
        Some(Self { first, last, says })
    }
}

/// Member times: cargo alone sets them.
fn times_say(stamps: &[MemberStamp]) -> Option<Mark> {
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

/// `.cargo_vcs_info.json`: `path_in_vcs` is there from 1.57 on.
fn vcs_info_says(facts: &Facts<'_>) -> Option<Mark> {
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
fn manifest_says(facts: &Facts<'_>) -> Option<Mark> {
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

/// The table `package` of a manifest in the crate.
fn package_of(facts: &Facts<'_>, member: &str) -> Option<toml::Table> {
    let text = std::str::from_utf8(facts.members.get(member)?).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    manifest.get("package")?.as_table().cloned()
}

/// `resolver`: up to 1.63 cargo writes it into each manifest of edition 2021, where the
/// edition says it already (cargo, `prepare_for_publish` in `util/toml/mod.rs`).
fn resolver_says(facts: &Facts<'_>) -> Option<Mark> {
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
fn lock_says(facts: &Facts<'_>) -> Option<Mark> {
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

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn cargos(minors: &[u64]) -> Vec<CargoToolchain> {
        minors
            .iter()
            .map(|&minor| CargoToolchain {
                version: semver::Version::new(1, minor, 0),
                home: CargoHome::Image(format!("rust-{minor}")),
            })
            .collect()
    }

    /// A crate that was published when 1.70 was stable, without any mark of age.
    fn unmarked() -> Situation {
        let mut situation = Situation::cargo();
        situation.published("2023-06-02T00:00:00Z");
        situation.member("Cargo.lock", "");
        situation.stamp("src/main.rs", FIXED_TIME);
        situation.stamp("Cargo.toml", 1);
        situation
    }

    fn admitted(situation: &Situation) -> (u64, u64) {
        let age = situation.with_facts(Age::of);
        (age.first, age.last)
    }

    #[test]
    fn the_stable_release_of_a_day_is_known_on_both_sides_of_a_release() {
        let at = |text: &str| stable_at(text.parse().expect("valid"));
        assert_eq!(at("2023-05-31T23:59:59Z"), 69);
        assert_eq!(at("2023-06-01T00:00:00Z"), 70);
        assert_eq!(at("2025-02-20T12:00:00Z"), 85);
        assert_eq!(at("2015-05-13T00:00:00Z"), 0);
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

    #[test]
    fn stable_comes_first_then_the_next_then_the_ones_before() {
        let situation = unmarked();
        let age = situation.with_facts(Age::of);
        let all = cargos(&[66, 67, 68, 69, 70, 71, 72, 73]);
        let minors: Vec<_> = age.ranked(&all).iter().map(|c| c.version.minor).collect();
        assert_eq!(minors, [70, 71, 72, 73]);
        let few = cargos(&[60, 69, 71, 95]);
        let minors: Vec<_> = age.ranked(&few).iter().map(|c| c.version.minor).collect();
        assert_eq!(minors, [71, 69, 60]);
    }

    #[test]
    fn a_publisher_who_was_ahead_of_stable_is_taken_to_be_so_again() {
        let mut situation = unmarked();
        let all = cargos(&[66, 67, 68, 69, 70, 71, 72, 73]);
        let mut first_after = |version: &str| {
            situation.learnt = Some(Learnt {
                purl: "pkg:cargo/demo@0.9.0".parse().expect("valid"),
                // 1.68 was stable then.
                published_at: "2023-03-10T00:00:00Z".parse().ok(),
                recovered: vec![RecoveredFact::Toolchain {
                    name: "cargo".into(),
                    version: version.into(),
                }],
                replayed: vec![],
            });
            let age = situation.with_facts(Age::of);
            age.ranked(&all)[0].version.minor
        };
        assert_eq!(first_after("1.68.0"), 70);
        assert_eq!(first_after("1.70.0"), 72);
        assert_eq!(first_after("1.66.1"), 68);
        assert_eq!(first_after("no version"), 70);
    }

    #[test]
    fn without_a_cargo_of_that_age_the_nearest_alone_is_tried() {
        let situation = unmarked();
        let age = situation.with_facts(Age::of);
        let others = cargos(&[49, 96, 93]);
        let minors: Vec<_> = age
            .ranked(&others)
            .iter()
            .map(|c| c.version.minor)
            .collect();
        assert_eq!(minors, [93]);
    }

    #[test]
    fn of_two_with_one_number_the_one_with_its_own_libraries_is_taken() {
        let mut both = cargos(&[70]);
        both.push(CargoToolchain {
            version: semver::Version::new(1, 70, 0),
            home: CargoHome::Kept(crate::model::Digest::Sha256(
                crate::model::Sha256Digest::of("x"),
            )),
        });
        let age = unmarked().with_facts(Age::of);
        let ranked = age.ranked(&both);
        assert_eq!(ranked.len(), 1);
        assert!(matches!(ranked[0].home, CargoHome::Kept(_)));
    }
}
