//! Which tags name a version of a package.
//!
//! Pure over tag names. A tag is read as a prefix and a version; the version
//! must be the release's, and the prefix must be nothing, a word that means
//! "release", or the package's own name. A prefix that is anything else belongs
//! to another package of the repository.

use crate::model::Purl;

use super::ecosystem::{Packaging, packaging};

/// How a tag names a version, best first. A tag that carries the package's name
/// can mean no other package; npm's own order follows (`V-npm`, `vV`, `V`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TagForm {
    /// `name-v1.2.3`, `name@1.2.3`, `@scope/name@1.2.3`, `crates/name/1.2.3`, `name==1.2.3`.
    Named,
    /// `1.2.3-npm`.
    Npm,
    /// `v1.2.3`.
    V,
    /// `1.2.3`.
    Bare,
    /// `release-1.2.3`, `rel_1_2_3`.
    Release,
    /// `python-1.2.3` in a repository of several languages.
    Language,
}

/// How the version is spelled, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TagSpelling {
    /// As the registry spells it.
    Exact,
    /// Equal under the ecosystem's rules (PEP 440: `3.10` and `3.10.0`).
    Equal,
    /// With `_` or `-` where the version has `.`.
    Separators,
    /// Without semver's build metadata.
    WithoutBuild,
}

/// The rank of a tag; lower is better.
pub(crate) type TagRank = (TagForm, TagSpelling);

/// Words before a version that mean a release of whatever the repository holds.
const RELEASE_WORDS: [&str; 9] = [
    "v", "ver", "version", "rel", "release", "releases", "tag", "tags", "stable",
];

/// The forms that are looked for, for a person.
pub(crate) fn forms(purl: &Purl) -> String {
    let version = purl.version().map_or("", |v| v.as_str());
    let name = purl.name();
    format!("v{version}, {version}, {name}-v{version}, {name}@{version}, release-{version}")
}

/// Whether `tag` names the version of `purl`, and how well.
pub(crate) fn rank(tag: &str, purl: &Purl) -> Option<TagRank> {
    let version = purl.version()?.as_str();
    let rules = packaging(purl.ecosystem());
    let (tag, npm) = match tag.strip_suffix("-npm") {
        Some(stem) if rules.has_shorthands() => (stem, true),
        _ => (tag, false),
    };
    starts(tag)
        .filter_map(|at| {
            let spelling = spelling(&tag[at..], version, rules)?;
            let form = form(&tag[..at], purl, rules)?;
            // Without a prefix, `-npm` is npm's own mark of a release.
            let form = match form {
                TagForm::V | TagForm::Bare | TagForm::Release if npm => TagForm::Npm,
                form => form,
            };
            Some((form, spelling))
        })
        .min()
}

/// Where a version can begin inside a tag: not in the middle of a number.
fn starts(tag: &str) -> impl Iterator<Item = usize> + '_ {
    tag.char_indices().map(|(at, _)| at).filter(|at| {
        let mut before = tag[..*at].chars().rev();
        match before.next() {
            None => true,
            Some('.') => !before.next().is_some_and(|c| c.is_ascii_digit()),
            Some(c) => !c.is_ascii_digit(),
        }
    })
}

fn spelling(found: &str, version: &str, rules: &dyn Packaging) -> Option<TagSpelling> {
    // PEP 440 allows a leading `v`; here it is the prefix's.
    if !found.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let dotted = found.replace(['_', '-'], ".");
    if found == version {
        Some(TagSpelling::Exact)
    } else if rules.is_same_version(found, version) {
        Some(TagSpelling::Equal)
    } else if dotted == version || rules.is_same_version(&dotted, version) {
        Some(TagSpelling::Separators)
    } else if version.split_once('+').is_some_and(|(v, _)| v == found) {
        Some(TagSpelling::WithoutBuild)
    } else {
        None
    }
}

fn form(prefix: &str, purl: &Purl, rules: &dyn Packaging) -> Option<TagForm> {
    let separators = ['/', '-', '_', '@', '.', '='];
    // `name-v`, `release/v`: the `v` belongs to the version.
    let (stem, has_v) = match prefix.strip_suffix(['v', 'V']) {
        Some(stem) if stem.is_empty() || stem.ends_with(separators) => (stem, true),
        _ => (prefix, false),
    };
    let stem = stem.trim_end_matches(separators);
    if stem.is_empty() {
        return Some(if has_v { TagForm::V } else { TagForm::Bare });
    }
    let whole = plain(stem);
    let last = plain(stem.rsplit('/').next().unwrap_or(stem));
    if names(purl)
        .iter()
        .any(|name| *name == whole || *name == last)
    {
        Some(TagForm::Named)
    } else if RELEASE_WORDS.contains(&whole.as_str()) {
        Some(TagForm::Release)
    } else if rules.tag_words().contains(&whole.as_str()) {
        Some(TagForm::Language)
    } else {
        None
    }
}

/// The package's names as tags spell them: whole, and without npm's scope.
fn names(purl: &Purl) -> Vec<String> {
    let name = purl.name().as_str();
    let mut names = vec![plain(name)];
    if let Some((_, bare)) = name.split_once('/') {
        names.push(plain(bare));
    }
    names
}

/// A name with its separators made one and its letters lowered.
fn plain(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.trim_start_matches('@').chars() {
        match c {
            '/' | '-' | '_' | '.' if out.ends_with('-') => {}
            '/' | '-' | '_' | '.' => out.push('-'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_of(tag: &str, purl: &str) -> Option<TagForm> {
        rank(tag, &purl.parse().expect("valid")).map(|(form, _)| form)
    }

    #[test]
    fn every_form_of_a_tag_is_read_and_its_neighbour_is_not() {
        use TagForm::{Bare, Language, Named, Npm, Release, V};
        let table: &[(&str, &str, Option<TagForm>)] = &[
            ("v1.2.3", "pkg:cargo/x@1.2.3", Some(V)),
            ("V1.2.3", "pkg:cargo/x@1.2.3", Some(V)),
            ("1.2.3", "pkg:cargo/x@1.2.3", Some(Bare)),
            ("v1.2.30", "pkg:cargo/x@1.2.3", None),
            ("v11.2.3", "pkg:cargo/x@1.2.3", None),
            ("v1.2.3-rc.1", "pkg:cargo/x@1.2.3", None),
            ("v1.2.3-rc.1", "pkg:cargo/x@1.2.3-rc.1", Some(V)),
            ("v4.1.2.3", "pkg:cargo/x@1.2.3", None),
            ("1.2", "pkg:cargo/x@1.2.0", None),
            ("x-1.2.3", "pkg:cargo/x@1.2.3", Some(Named)),
            ("x-v1.2.3", "pkg:cargo/x@1.2.3", Some(Named)),
            ("x_v1.2.3", "pkg:cargo/x@1.2.3", Some(Named)),
            ("x/v1.2.3", "pkg:cargo/x@1.2.3", Some(Named)),
            ("crates/x/1.2.3", "pkg:cargo/x@1.2.3", Some(Named)),
            ("x@1.2.3", "pkg:npm/x@1.2.3", Some(Named)),
            ("@s/x@1.2.3", "pkg:npm/%40s/x@1.2.3", Some(Named)),
            ("s-x-v1.2.3", "pkg:npm/%40s/x@1.2.3", Some(Named)),
            ("x@1.2.3", "pkg:npm/%40s/x@1.2.3", Some(Named)),
            ("@t/x2@1.2.3", "pkg:npm/%40s/x@1.2.3", None),
            ("x==1.2.3", "pkg:pypi/x@1.2.3", Some(Named)),
            ("y==1.2.3", "pkg:pypi/x@1.2.3", None),
            ("x>=1.2.3", "pkg:pypi/x@1.2.3", None),
            ("y-1.2.3", "pkg:cargo/x@1.2.3", None),
            ("xy-1.2.3", "pkg:cargo/x@1.2.3", None),
            ("x-y-1.2.3", "pkg:cargo/x@1.2.3", None),
            (
                "serde_derive-v1.2.3",
                "pkg:cargo/serde-derive@1.2.3",
                Some(Named),
            ),
            ("release-1.2.3", "pkg:cargo/x@1.2.3", Some(Release)),
            ("releases/1.2.3", "pkg:cargo/x@1.2.3", Some(Release)),
            ("release/v1.2.3", "pkg:cargo/x@1.2.3", Some(Release)),
            ("rel_1_2_3", "pkg:pypi/x@1.2.3", Some(Release)),
            ("rel_1_2_4", "pkg:pypi/x@1.2.3", None),
            ("release-1-2-3", "pkg:cargo/x@1.2.3", Some(Release)),
            ("prerelease-1.2.3", "pkg:cargo/x@1.2.3", None),
            ("v3.10.0", "pkg:pypi/x@3.10", Some(V)),
            ("v3.1", "pkg:pypi/x@3.10", None),
            ("1.0-rc.1", "pkg:pypi/x@1.0rc1", Some(Bare)),
            ("1.0", "pkg:pypi/x@1.0rc1", None),
            ("1.2.3-npm", "pkg:npm/x@1.2.3", Some(Npm)),
            ("1.2.3-npm", "pkg:cargo/x@1.2.3", None),
            ("python-v1.2.3", "pkg:pypi/x@1.2.3", Some(Language)),
            ("rust-v1.2.3", "pkg:pypi/x@1.2.3", None),
            (
                "v2.0.15+zstd.1.5.7",
                "pkg:cargo/x@2.0.15%2Bzstd.1.5.7",
                Some(V),
            ),
            ("v2.0.15", "pkg:cargo/x@2.0.15%2Bzstd.1.5.7", Some(V)),
            ("Zoë-1.2.3", "pkg:cargo/x@1.2.3", None),
            ("", "pkg:cargo/x@1.2.3", None),
        ];
        for (tag, purl, expected) in table {
            assert_eq!(form_of(tag, purl), *expected, "{tag} for {purl}");
        }
    }

    #[test]
    fn the_packages_own_tag_comes_before_the_repositorys() {
        let purl: Purl = "pkg:npm/x@1.2.3".parse().expect("valid");
        let mut tags = ["release-1.2.3", "1.2.3", "v1.2.3", "1.2.3-npm", "x@1.2.3"];
        tags.sort_by_key(|tag| rank(tag, &purl));
        assert_eq!(
            tags,
            ["x@1.2.3", "1.2.3-npm", "v1.2.3", "1.2.3", "release-1.2.3"]
        );
    }
}
