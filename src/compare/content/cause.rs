//! Why lines of text changed, as far as the lines themselves prove it. Pure. A cause is
//! named only where every change has it, and always with the two values that show it.

use super::requirement::{lists_requirements, other_version};
use super::token::{is_build_path, is_locale, is_random, is_record_line, is_time, is_version};
use crate::model::Cause;

/// Lines that changed.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// A published line and the rebuilt one in its place.
    pairs: Vec<(String, String)>,
    /// Published lines without a counterpart in the same place.
    only_published: Vec<String>,
    /// Rebuilt lines without one.
    only_rebuilt: Vec<String>,
}

impl Changes {
    /// Adds one run of changed lines: line by line where both have as many.
    pub(super) fn add(&mut self, published: Vec<String>, rebuilt: Vec<String>) {
        if published.len() == rebuilt.len() {
            let pairs = published.into_iter().zip(rebuilt);
            self.pairs.extend(pairs.filter(|(a, b)| a != b));
        } else {
            self.only_published.extend(published);
            self.only_rebuilt.extend(rebuilt);
        }
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        2 * self.pairs.len() + self.only_published.len() + self.only_rebuilt.len()
    }
}

/// The one cause of every change, with its evidence.
///
/// `of_dependencies` says that a parser finds no other value changed than versions of
/// dependencies.
pub(super) fn of_changes(
    path: &str,
    changes: &Changes,
    of_dependencies: bool,
) -> Option<(Cause, String)> {
    if let Some(evidence) = moved(changes) {
        return Some((Cause::Ordering, evidence));
    }
    if !changes.only_published.is_empty() || !changes.only_rebuilt.is_empty() {
        return None;
    }
    let mut found: Option<(Cause, String)> = None;
    for (published, rebuilt) in &changes.pairs {
        let (cause, evidence) = of_pair(path, published, rebuilt, of_dependencies)?;
        match &found {
            None => found = Some((cause, evidence)),
            Some((first, _)) if *first == cause => {}
            Some(_) => return None,
        }
    }
    found
}

/// The same lines in another order.
fn moved(changes: &Changes) -> Option<String> {
    let mut published: Vec<&String> = changes.pairs.iter().map(|(a, _)| a).collect();
    let mut rebuilt: Vec<&String> = changes.pairs.iter().map(|(_, b)| b).collect();
    published.extend(&changes.only_published);
    rebuilt.extend(&changes.only_rebuilt);
    let first = published.first().map(|line| short(line))?;
    published.sort_unstable();
    rebuilt.sort_unstable();
    (published == rebuilt).then(|| format!("the same lines in another order, first `{first}`"))
}

fn of_pair(
    path: &str,
    published: &str,
    rebuilt: &str,
    of_dependencies: bool,
) -> Option<(Cause, String)> {
    if let Some(evidence) = permuted(published, rebuilt) {
        return Some((Cause::Ordering, evidence));
    }
    if lists_requirements(path, published) && lists_requirements(path, rebuilt) {
        let evidence = other_version(published, rebuilt);
        if evidence.is_some() {
            return evidence.map(|evidence| (Cause::DependencyVersion, evidence));
        }
    }
    let (a, b) = differing(published, rebuilt);
    let single = |token: &str| !token.is_empty() && !token.contains(ends_token);
    let tokens = single(a) && single(b);
    let cause = if is_time(a) && is_time(b) {
        Cause::Timestamp
    } else if !tokens {
        // More than one thing changed, and only one of them would be looked at.
        return None;
    } else if is_build_path(a) && is_build_path(b) {
        Cause::BuildPath
    } else if is_locale(a) && is_locale(b) {
        Cause::Locale
    } else if names_a_host(published) && names_a_host(rebuilt) {
        Cause::HostOrUser
    } else if is_version(a)
        && is_version(b)
        && (of_dependencies || names_dependencies(path, published))
    {
        Cause::DependencyVersion
    } else if is_version(a) && is_version(b) && names_a_tool(published) {
        Cause::ToolVersion
    } else if is_checksum(path, published) && is_record_line(a) && is_record_line(b) {
        Cause::GeneratedMetadata
    } else if is_random(a) && is_random(b) && a.len() == b.len() && !names_a_commit(published) {
        Cause::Randomness
    } else {
        return None;
    };
    Some((
        cause,
        format!("published `{}`, rebuilt `{}`", short(a), short(b)),
    ))
}

/// The longest piece of evidence that is shown.
pub(super) fn short(text: &str) -> &str {
    const SHOWN: usize = 120;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// What ends a token: blanks, quotes, brackets, and what stands between fields.
fn ends_token(c: char) -> bool {
    c.is_whitespace() || "\"'`()[]{}<>,;=|".contains(c)
}

/// The parts of two lines that are not the same, widened to whole tokens.
fn differing<'a>(a: &'a str, b: &'a str) -> (&'a str, &'a str) {
    let mut start = a
        .char_indices()
        .zip(b.chars())
        .find(|((_, x), y)| x != y)
        .map_or(a.len().min(b.len()), |((at, _), _)| at);
    while let Some(c) = a[..start].chars().next_back().filter(|&c| !ends_token(c)) {
        start -= c.len_utf8();
    }
    let (a, b) = (&a[start..], &b[start..]);
    let mut tail: usize = a
        .chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(|(x, y)| x == y)
        .map(|(x, _)| x.len_utf8())
        .sum();
    while let Some(c) = a[a.len() - tail..]
        .chars()
        .next()
        .filter(|&c| !ends_token(c))
    {
        tail -= c.len_utf8();
    }
    (&a[..a.len() - tail], &b[..b.len() - tail])
}

/// A header's list whose items changed places, as in `Keywords: b, a`. Elsewhere the order
/// of items may be what the line means.
fn permuted(a: &str, b: &str) -> Option<String> {
    let list = |line: &str| -> Option<(String, Vec<String>)> {
        let (name, list) = line.split_once(": ")?;
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let mut items: Vec<String> = list.split(',').map(|item| item.trim().to_owned()).collect();
        items.sort_unstable();
        plain.then(|| (name.to_owned(), items))
    };
    let (left, right) = (list(a)?, list(b)?);
    (left.1.len() > 1 && left == right)
        .then(|| format!("the same {} items in another order", left.1.len()))
}

/// A line that says on which machine, or by whom, something was built.
fn names_a_host(line: &str) -> bool {
    const WORDS: [&str; 6] = [
        "hostname",
        "build host",
        "build-host",
        "built on",
        "built by",
        "built-by",
    ];
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

fn names_a_tool(line: &str) -> bool {
    const WORDS: [&str; 14] = [
        "generator",
        "generated by",
        "generated-by",
        "created-by",
        "created by",
        "gcc",
        "clang",
        "rustc",
        "cargo",
        "bdist_wheel",
        "build-tool",
        "compiler",
        "setuptools",
        "built with",
    ];
    let line = line.to_ascii_lowercase();
    WORDS.iter().any(|word| line.contains(word))
}

fn names_dependencies(path: &str, line: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    line.starts_with("Requires-Dist:")
        || line.starts_with("Depends:")
        || (file.starts_with("requirements") && file.ends_with(".txt"))
        || file.ends_with(".lock")
}

/// A line that holds the digest of another member, which follows that member.
fn is_checksum(path: &str, line: &str) -> bool {
    path.ends_with(".dist-info/RECORD") && line.contains(",sha256=")
}

fn names_a_commit(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["commit", "sha1", "revision", "git", "rev"]
        .iter()
        .any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, published: &str, rebuilt: &str) -> Option<Cause> {
        let lines = |text: &str| text.lines().map(str::to_owned).collect();
        let mut changes = Changes::default();
        changes.add(lines(published), lines(rebuilt));
        of_changes(path, &changes, false).map(|(cause, _)| cause)
    }

    #[test]
    fn each_cause_is_told_from_what_is_only_like_it() {
        let cases = [
            (
                "x.py",
                "at = \"2024-05-06T01:02:03Z\"",
                "at = \"2024-05-07T09:02:03Z\"",
                Some(Cause::Timestamp),
            ),
            (
                "x.py",
                "at = 1700000000",
                "at = 1700086400",
                Some(Cause::Timestamp),
            ),
            ("x.py", "n = 17", "n = 18", None),
            (
                "x.py",
                "Built 3 May 2024",
                "Built 4 May 2025",
                Some(Cause::Timestamp),
            ),
            (
                "x.c",
                "file \"/home/a/x.c\"",
                "file \"/build/src/x.c\"",
                Some(Cause::BuildPath),
            ),
            ("x.c", "file \"a/x.c\"", "file \"b/x.c\"", None),
            ("x", "a\nb", "b\na", Some(Cause::Ordering)),
            ("x", "keys: b, a, c", "keys: a, b, c", Some(Cause::Ordering)),
            ("x", "keys: b, a, c", "keys: a, b, d", None),
            (
                "x.dist-info/WHEEL",
                "Generator: flit 3.9.0",
                "Generator: flit 3.10.1",
                Some(Cause::ToolVersion),
            ),
            (
                "x.py",
                "__version__ = \"1.0.0\"",
                "__version__ = \"1.0.1\"",
                None,
            ),
            (
                "x.dist-info/METADATA",
                "Requires-Dist: a (>=1.0)",
                "Requires-Dist: a (>=1.1)",
                Some(Cause::DependencyVersion),
            ),
            (
                "x.dist-info/METADATA",
                "Requires-Dist: idna>=3",
                "Requires-Dist: idna>=4",
                Some(Cause::DependencyVersion),
            ),
            (
                "requirements.txt",
                "idna==3.1 ; python_version > '3'",
                "idna==3.2 ; python_version > '3'",
                Some(Cause::DependencyVersion),
            ),
            ("requirements.txt", "idna==3.1", "idne==3.1", None),
            (
                "requirements.txt",
                "idna @ https://a.example",
                "idna @ https://b.example",
                None,
            ),
            (
                "x.js",
                "id = \"0f8fad5b-d9cb-469f-a165-70867728950e\"",
                "id = \"7c9e6679-7425-40de-944b-e07fc1f90ae7\"",
                Some(Cause::Randomness),
            ),
            ("x.js", "id = \"short1\"", "id = \"short2\"", None),
            (
                "x.dist-info/RECORD",
                "x/a.py,sha256=AbCdEfGhIjKlMnOpQrStUv0123456789AbCdEfGhIjK,6",
                "x/a.py,sha256=ZzCdEfGhIjKlMnOpQrStUv0123456789AbCdEfGhIjK,6",
                Some(Cause::GeneratedMetadata),
            ),
            (
                "x",
                "built by me@laptop",
                "built by ci@runner",
                Some(Cause::HostOrUser),
            ),
            (
                "x",
                "LANG=de_DE.UTF-8",
                "LANG=en_US.UTF-8",
                Some(Cause::Locale),
            ),
            ("x.py", "return 1", "return 2", None),
            ("x.py", "return 1", "return 1\nevil()", None),
        ];
        for (path, published, rebuilt, expected) in cases {
            assert_eq!(
                of(path, published, rebuilt),
                expected,
                "{published} | {rebuilt}"
            );
        }
    }

    #[test]
    fn one_change_without_a_cause_leaves_all_without_one() {
        let published = "# 2024-05-06\nreturn 1";
        assert_eq!(
            of("x.py", published, "# 2024-05-07\nreturn 1"),
            Some(Cause::Timestamp)
        );
        assert_eq!(of("x.py", published, "# 2024-05-07\nreturn 2"), None);
        assert_eq!(of("x.py", published, "# 2024-05-07\n/a/b"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_lines_can_be_looked_at(a in "\\PC{0,40}", b in "\\PC{0,40}", path in "\\PC{0,20}") {
            let _ = of(&path, &a, &b);
            let (x, y) = differing(&a, &b);
            proptest::prop_assert!(a.contains(x) && b.contains(y));
        }
    }
}
