//! How lerna packs from 5 on: with npm's libraries and at zlib's own level, by itself rather than
//! with npm (lerna, `@lerna/pack-directory`). Those before write what npm 7's first releases do.
//! Pure.

use super::Manifest;
use crate::model::WORK_DIR;

/// What packs so, and where that is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("lerna.cjs", include_str!("lerna.cjs"));

/// The npm whose `npm-packlist` is of the release that lerna has from 5 to 8 (5.1).
pub(super) const NPM: &str = "8.19.4";

/// The first lerna that packs so.
const SINCE: u64 = 5;

/// Whether the repository is published with such a lerna.
pub(super) fn is_told(root: &Manifest) -> bool {
    let range = root.range_of("lerna").unwrap_or_default();
    let major = range.trim_start_matches(['^', '~', '=', 'v', '>', ' ']);
    let major = major.split('.').next().and_then(|text| text.parse().ok());
    major.is_some_and(|major: u64| major >= SINCE)
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
    use super::super::manifest::parse;
    use super::*;

    #[test]
    fn a_lerna_from_5_on_is_told_by_what_the_repositorys_root_asks_for() {
        let of = |text: &str| is_told(&parse(text.as_bytes()).expect("valid"));
        assert!(of(r#"{"devDependencies":{"lerna":"^5.0.0"}}"#));
        assert!(of(r#"{"dependencies":{"lerna":"8.1.2"}}"#));
        assert!(!of(r#"{"devDependencies":{"lerna":"^4.0.0"}}"#));
        assert!(!of(r#"{"devDependencies":{"lerna":"latest"}}"#));
        assert!(!of("{}"));
    }
}
