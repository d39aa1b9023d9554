//! Python requirements, one a line (PEP 508): the same project in another version. Pure.

use super::cause::short;

/// A line that is one requirement (the dependency specifiers of PEP 508), or a
/// `Requires-Dist` with one.
pub(super) fn lists_requirements(path: &str, line: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or(path);
    line.starts_with(REQUIRES_DIST)
        || (file.starts_with("requires") || file.starts_with("requirements"))
            && file.ends_with(".txt")
}

const REQUIRES_DIST: &str = "Requires-Dist:";

/// Two requirements of one project, with the same extras and marker, that ask for other
/// versions.
pub(super) fn other_version(published: &str, rebuilt: &str) -> Option<String> {
    let parts = |line: &str| -> Option<[String; 3]> {
        let line = line.strip_prefix(REQUIRES_DIST).unwrap_or(line);
        let (wanted, marker) = line.split_once(';').unwrap_or((line, ""));
        let at = wanted
            .find(|c| "<>=!~(".contains(c))
            .unwrap_or(wanted.len());
        let (name, versions) = wanted.split_at(at);
        let plain = |text: &str, more: &str| {
            let mut all = text.chars();
            all.all(|c| c.is_ascii_alphanumeric() || c.is_whitespace() || more.contains(c))
        };
        let named = name.bytes().any(|b| b.is_ascii_alphanumeric());
        (named && plain(name, "-_.[],") && plain(versions, "<>=!~().,*+-_"))
            .then(|| [name, versions, marker].map(|part| part.trim().to_owned()))
    };
    let [name, ours, marker] = parts(published)?;
    let [other_name, theirs, other_marker] = parts(rebuilt)?;
    let shown = |versions: &str| {
        if versions.is_empty() {
            "any".to_owned()
        } else {
            versions.to_owned()
        }
    };
    ((&name, &marker) == (&other_name, &other_marker) && ours != theirs).then(|| {
        format!(
            "{}: published `{}`, rebuilt `{}`",
            short(&name),
            short(&shown(&ours)),
            short(&shown(&theirs))
        )
    })
}
