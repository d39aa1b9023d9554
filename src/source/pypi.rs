//! Where a wheel or sdist says that its source is, and what a Python project
//! declares.
//!
//! Pure. Rules: PyPA specifications, "Core metadata", "Well-known project URLs"
//! (PEP 753), "pyproject.toml" (PEP 621) and "Version specifiers" (PEP 440).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Error;
use super::address::repository_of_page;
use super::ecosystem::{ArtifactHints, Declared, Packaging, artifact_hint};
use super::pyproject;

/// Python distributions.
pub(crate) struct Pypi;

impl Packaging for Pypi {
    fn is_wanted_member(&self, name: &str) -> bool {
        is_metadata(name)
    }

    fn hints(&self, members: &BTreeMap<String, Vec<u8>>) -> Result<ArtifactHints, Error> {
        let mut found: Vec<(u8, String, String)> = Vec::new();
        for (member, bytes) in members.iter().filter(|(name, _)| is_metadata(name)) {
            let text = String::from_utf8_lossy(bytes);
            for (label, url) in project_urls(&text) {
                if let Some(rank) = rank_of(&label, &url) {
                    let file = member.rsplit('/').next().unwrap_or(member);
                    found.push((rank, url, format!("{label} in the published {file}")));
                }
            }
        }
        if !found.iter().any(|(rank, ..)| *rank < HOME_PAGE) {
            let metadata = members.iter().find(|(name, _)| is_metadata(name));
            let text = metadata.map(|(_, bytes)| String::from_utf8_lossy(bytes));
            let linked = text.and_then(|text| linked_most(&text));
            let why = "the description, which links to it most, of the published metadata";
            found.extend(linked.map(|url| (LINKED, url, why.to_owned())));
        }
        found.sort_by_key(|(rank, ..)| *rank);
        Ok(ArtifactHints {
            repositories: found
                .into_iter()
                .map(|(rank, url, detail)| artifact_hint(&url, None, detail, rank < HOME_PAGE))
                .collect(),
            ..ArtifactHints::default()
        })
    }

    fn manifests(&self) -> &'static [&'static str] {
        &pyproject::FILES
    }

    fn declared(&self, files: &BTreeMap<String, String>) -> Result<Option<Declared>, String> {
        pyproject::declared(files)
    }

    /// PEP 503, "Normalized Names".
    fn is_same_name(&self, a: &str, b: &str) -> bool {
        normalized(a) == normalized(b)
    }

    /// PEP 440, "Version matching": `3.10` and `3.10.0` are one version.
    fn is_same_version(&self, a: &str, b: &str) -> bool {
        match (
            a.parse::<pep440_rs::Version>(),
            b.parse::<pep440_rs::Version>(),
        ) {
            (Ok(a), Ok(b)) => a == b,
            _ => a == b,
        }
    }

    fn tag_words(&self) -> &'static [&'static str] {
        &["py", "python", "pypi"]
    }
}

/// `METADATA` of a wheel (whole names), `PKG-INFO` of an sdist (names below its
/// first folder).
fn is_metadata(name: &str) -> bool {
    name == "PKG-INFO"
        || name
            .strip_suffix(".dist-info/METADATA")
            .is_some_and(|stem| !stem.is_empty() && !stem.contains('/'))
}

/// PEP 503, "Normalized Names".
pub(super) fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

/// The addresses of a metadata file's header, with their labels (core metadata,
/// "Project-URL" and "Home-page"; the header ends at the first empty line).
fn project_urls(text: &str) -> Vec<(String, String)> {
    text.lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            let (field, value) = line.split_once(':')?;
            match field.to_ascii_lowercase().as_str() {
                "project-url" => {
                    let (label, url) = value.split_once(',')?;
                    Some((format!("Project-URL: {}", label.trim()), url.trim().into()))
                }
                "home-page" => Some(("Home-page".into(), value.trim().into())),
                "download-url" => Some(("Download-URL".into(), value.trim().into())),
                _ => None,
            }
        })
        .filter(|(_, url): &(String, String)| !url.is_empty() && url != "UNKNOWN")
        .collect()
}

/// The rank of a home page; what is below it is meant as the source's address.
const HOME_PAGE: u8 = 3;

/// The rank of what no label names, and only the description links to.
const LINKED: u8 = 5;

/// How many links make a description's word for a repository: a single one may be to anything.
const LEAST_LINKS: usize = 2;

/// The repository that the description (the text below the header) links to most, the first of
/// equals: what is the project's own links to its issues, files and builds.
fn linked_most(text: &str) -> Option<String> {
    let (_, description) = text.split_once("\n\n")?;
    // Of each how many links there are, and where the first is.
    let mut links: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, scheme) in description.match_indices("https://") {
        let rest = &description[at + scheme.len()..];
        let end = rest.find(|c: char| c.is_whitespace() || "<>()[]{}\"'`|\\,;".contains(c));
        let url = &description[at..at + scheme.len() + end.unwrap_or(rest.len())];
        let Some(repository) = repository_of_page(url) else {
            continue;
        };
        // Its text may be anybody's, with as many links as it likes.
        let (count, _) = links.entry(repository).or_insert((0, at));
        *count += 1;
    }
    let most = links
        .into_iter()
        .max_by_key(|(_, (count, first))| (*count, Reverse(*first)));
    let (repository, (count, _)) = most?;
    (count >= LEAST_LINKS).then_some(repository)
}

/// How likely an address is the repository, by its label; `None` where it is
/// not worth asking. PEP 753, "Label normalization": punctuation and spaces are
/// dropped, letters lowered.
fn rank_of(label: &str, url: &str) -> Option<u8> {
    let label: String = label
        .trim_start_matches("Project-URL: ")
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    match label.as_str() {
        "source" | "sourcecode" | "repository" | "sourcerepository" | "coderepository" => Some(0),
        "github" | "gitlab" | "codeberg" | "bitbucket" | "sourcehut" | "git" | "code" | "scm"
        | "vcs" | "repo" | "githubrepo" | "githubrepository" | "sources" => Some(1),
        label if label.contains("source") || label.contains("repository") => Some(2),
        "homepage" | "home" | "website" => Some(HOME_PAGE),
        // Only a page that belongs to a repository tells where the repository is.
        _ if is_page_of_repository(url) => Some(4),
        _ => None,
    }
}

fn is_page_of_repository(url: &str) -> bool {
    [
        "/issues",
        "/releases",
        "/blob/",
        "/tree/",
        "/-/",
        "/pulls",
        "/discussions",
    ]
    .iter()
    .any(|page| url.contains(page))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(metadata: &str) -> Vec<String> {
        let members = BTreeMap::from([(
            "x-1.dist-info/METADATA".to_owned(),
            metadata.as_bytes().to_vec(),
        )]);
        let hints = Pypi.hints(&members).expect("valid");
        hints.repositories.into_iter().map(|r| r.url).collect()
    }

    #[test]
    fn labels_rank_the_repository_before_the_home_page_and_drop_the_rest() {
        let found = urls(
            "Metadata-Version: 2.1\nName: x\nHome-page: https://x.example/home\n\
             Project-URL: Bug Tracker, https://git.example/o/tracker/issues\n\
             Project-URL: Documentation, https://docs.example/x\n\
             Project-URL: Source Code, https://git.example/o/r\n\
             Project-URL: GitHub, https://git.example/o/r2\n\nProject-URL: Source, https://body.example/x\n",
        );
        assert_eq!(
            found,
            [
                "https://git.example/o/r",
                "https://git.example/o/r2",
                "https://x.example/home",
                "https://git.example/o/tracker/issues"
            ]
        );
    }

    #[test]
    fn a_repository_that_no_label_names_is_the_one_that_the_description_links_to_most() {
        let of = |header: &str, description: &str| {
            urls(&format!("Metadata-Version: 2.1\n{header}\n{description}"))
        };
        let links = "[a](https://github.com/p/q) <https://github.com/o/r/issues>\n\
                     .. image: https://github.com/o/r/blob/main/x.png\n";
        let home = "Home-page: https://x.example/home\n";
        assert_eq!(
            of(home, links),
            ["https://x.example/home", "https://github.com/o/r"]
        );
        let named = "Project-URL: Source, https://git.example/o/r\n";
        assert_eq!(of(named, links), ["https://git.example/o/r"]);
        // One link may be to anything, and not every page is a repository's.
        assert!(of("", "see https://github.com/o/r").is_empty());
        assert!(of("", "https://x.example/a https://x.example/a").is_empty());
    }

    #[test]
    fn a_label_with_a_comma_in_its_address_and_unknown_values_are_read_as_written() {
        assert_eq!(
            urls("Home-page: UNKNOWN\nProject-URL: source-code, https://git.example/o/r,x\n"),
            ["https://git.example/o/r,x"]
        );
    }

    #[test]
    fn only_the_distributions_own_metadata_is_wanted() {
        for (name, wanted) in [
            ("idna-3.10.dist-info/METADATA", true),
            ("PKG-INFO", true),
            ("idna.egg-info/PKG-INFO", false),
            ("idna/_vendor/x-1.dist-info/METADATA", false),
            (".dist-info/METADATA", false),
        ] {
            assert_eq!(Pypi.is_wanted_member(name), wanted, "{name}");
        }
    }

    #[test]
    fn versions_and_names_are_equal_as_the_specifications_say() {
        assert!(Pypi.is_same_version("3.10", "3.10.0"));
        assert!(Pypi.is_same_version("1.0rc1", "1.0-rc.1"));
        assert!(!Pypi.is_same_version("3.10", "3.1"));
        assert!(Pypi.is_same_name("Typing_Extensions", "typing-extensions"));
        assert!(!Pypi.is_same_name("typing", "typing-extensions"));
    }
}
