//! How lerna packs from 4 on, and lerna-lite: with npm's libraries and at zlib's own level, by itself rather than
//! with npm (lerna, `packDirectory`). Pure.

use std::collections::BTreeMap;

use super::root_manifest;
use crate::model::WORK_DIR;
use crate::store::archive::MemberStamp;

/// What packs so, and where that is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("lerna.cjs", include_str!("lerna.cjs"));

/// The npm whose libraries are those that lerna 4 to 5.1 asks for as they were from May 2021 on:
/// `npm-packlist` 2.2.2, which packs no change log that the manifest does not list, and `tar` 6.1
/// (their `package.json`). With those of before, which the lock file may have, it writes what npm 7's
/// first releases do.
const UP_TO_5_1: &str = "7.24.2";

/// The npm whose libraries are those of lerna 5.2 to 8.1: `npm-packlist` 5.1.1 and `tar` 6.1.11
/// (their `package.json`).
const UP_TO_8_1: &str = "8.15.0";

/// The npm whose libraries are those of lerna 8.2: `npm-packlist` 8.0.2 and `tar` 6.2.1.
const SINCE_8_2: &str = "10.8.3";

/// The npm whose libraries are those of lerna-lite 1.12 to 2.5.0: `npm-packlist` 7.0.4 and `tar` 6.1
/// (their `package.json`).
const WITH_PACKLIST_7: &str = "9.6.7";

/// The npm whose libraries are nearest to those of lerna-lite 4 and later: `npm-packlist` 10.0 and
/// `tar` 7.5.
const WITH_PACKLIST_10: &str = "11.6.1";

/// The npms whose libraries may have packed, the likeliest first, where the repository's root
/// asks for such a lerna, or for lerna-lite, which is a part of it that went its own way.
pub(super) fn npms(tree: &BTreeMap<String, Vec<u8>>) -> &'static [&'static str] {
    let root = root_manifest(tree).unwrap_or_default();
    let lowest = |name| {
        let lowest = root
            .range_of(name)?
            .trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
        semver::Version::parse(lowest).ok()
    };
    let lite = || lowest("@lerna-lite/publish").or_else(|| lowest("@lerna-lite/cli"));
    match (lowest("lerna"), lite()) {
        (Some(lerna), _) => npms_of_lerna(&lerna),
        (None, Some(lite)) => npms_of_lite(&lite),
        (None, None) => &[],
    }
}

fn npms_of_lerna(lowest: &semver::Version) -> &'static [&'static str] {
    match (lowest.major, lowest.minor) {
        (..=3, _) => &[],
        (4, _) => &[UP_TO_5_1],
        // The range allows for later ones.
        (5, ..=1) => &[UP_TO_5_1, UP_TO_8_1],
        (5..=7, _) => &[UP_TO_8_1],
        (8, ..=1) => &[UP_TO_8_1, SINCE_8_2],
        _ => &[SINCE_8_2],
    }
}

/// The same of lerna-lite, whose 3.3.3 to 3.6 went back to `npm-packlist` 5.1 (the `package.json` of
/// each `@lerna-lite/publish`); the first of all is 1.0.5.
fn npms_of_lite(lowest: &semver::Version) -> &'static [&'static str] {
    match (lowest.major, lowest.minor, lowest.patch) {
        (0, ..) => &[],
        (1, ..=11, _) => &[UP_TO_8_1, WITH_PACKLIST_7],
        (1, ..) => &[WITH_PACKLIST_7],
        (2, ..=4, _) | (2, 5, 0) => &[WITH_PACKLIST_7, SINCE_8_2],
        (3, 3, 3..) | (3, 4..=6, _) => &[UP_TO_8_1, SINCE_8_2],
        (3, ..=3, _) => &[SINCE_8_2, UP_TO_8_1],
        (2 | 3, ..) => &[SINCE_8_2],
        _ => &[WITH_PACKLIST_10],
    }
}

/// Whether what packed may have been a lerna with the libraries of npm 7's first releases, which
/// pack a change log that the manifest does not list.
pub(super) fn may_be_as_npm_7(tree: &BTreeMap<String, Vec<u8>>) -> bool {
    npms(tree).contains(&UP_TO_5_1)
}

/// The minimatch that lists a package's `main` as it is written too, so that it is packed twice
/// where that begins with `./` (seen in 5.1.6, and not in 5.1.2); no npm with these libraries came
/// with one that does.
pub(super) const MATCHER: (&str, &str) = ("minimatch", "5.1.6");

/// Where that is then, below the work folder.
pub(super) const MATCHER_FOLDER: &str = "tools/minimatch";

/// Whether something was packed under a name that begins so.
pub(super) fn lists_as_written(stamps: &[MemberStamp]) -> bool {
    stamps.iter().any(|stamp| stamp.name.starts_with("./"))
}

/// What the program is told; `npm` is where npm is below the work folder.
pub(super) fn arguments(npm: &str, name: &str) -> Vec<String> {
    vec![
        format!("{WORK_DIR}/{npm}"),
        format!("{WORK_DIR}/out/{name}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lerna_from_4_on_or_a_lerna_lite_is_told_by_what_the_repositorys_root_asks_for() {
        let of = |root: &str| {
            npms(&BTreeMap::from([(
                "/package.json".to_owned(),
                root.as_bytes().to_vec(),
            )]))
        };
        let asking = |range: &str| of(&format!(r#"{{"devDependencies":{{"lerna":"{range}"}}}}"#));
        let asking_lite = |package: &str, range: &str| {
            of(&format!(
                r#"{{"devDependencies":{{"@lerna-lite/{package}":"{range}"}}}}"#
            ))
        };
        assert_eq!(asking("^5.2.0"), [UP_TO_8_1]);
        assert_eq!(asking("8.1.2"), [UP_TO_8_1, SINCE_8_2]);
        assert_eq!(asking("8.2.0"), [SINCE_8_2]);
        assert_eq!(asking("^5.1.8"), [UP_TO_5_1, UP_TO_8_1]);
        assert_eq!(asking("4.0.0"), [UP_TO_5_1]);
        assert!(asking("^3.22.1").is_empty() && asking("latest").is_empty());
        let depending = r#"{"dependencies":{"lerna":"7.0.0"}}"#;
        assert_eq!(of(depending), [UP_TO_8_1]);
        assert!(of("{}").is_empty());
        assert_eq!(asking_lite("cli", "^4.4.1"), [WITH_PACKLIST_10]);
        assert_eq!(asking_lite("publish", "3.12.3"), [SINCE_8_2]);
        assert_eq!(asking_lite("publish", "3.6.0"), [UP_TO_8_1, SINCE_8_2]);
        assert_eq!(asking_lite("publish", "^3.3.3"), [UP_TO_8_1, SINCE_8_2]);
        assert_eq!(asking_lite("publish", "^3.3.2"), [SINCE_8_2, UP_TO_8_1]);
        assert_eq!(asking_lite("cli", "^2.5.0"), [WITH_PACKLIST_7, SINCE_8_2]);
        assert_eq!(asking_lite("cli", "^2.5.1"), [SINCE_8_2]);
        assert_eq!(asking_lite("cli", "1.17.0"), [WITH_PACKLIST_7]);
        assert_eq!(asking_lite("cli", "^1.11.2"), [UP_TO_8_1, WITH_PACKLIST_7]);
        assert!(asking_lite("run", "4.4.1").is_empty());
    }
}
