//! The folder that scripts run in has the repository's name, as a clone has where packages are
//! published (git-clone(1)): some builds ask for it, and some write paths that lead out of the
//! folder and into one called `src`, which is another one there. Pure.

use super::install::words;
use crate::model::{Source, Step};

/// The source's folder, as every step calls it.
const SOURCE: &str = "src";

/// What else the work folder has at the begin, or gets.
const TAKEN: [&str; 4] = ["home", "out", "tools", "made"];

/// The longest name, as forges have it.
const MAX_NAME: usize = 100;

/// The steps that give it that name, and leave the other one for steps; none where the name is
/// no plain one, or that of something else in the work folder, as `is_taken` tells.
pub(super) fn renamed(source: &Source, is_taken: impl Fn(&str) -> bool) -> Vec<Step> {
    let name = match name(source) {
        Some(name) if !TAKEN.contains(&name) && !is_taken(name) => name,
        Some(_) | None => return Vec::new(),
    };
    [
        format!("mv {SOURCE} {name}"),
        format!("ln -s {name} {SOURCE}"),
    ]
    .map(|command| Step::new(words(&command), ".".into()))
    .to_vec()
}

/// The last part of the repository's address.
fn name(source: &Source) -> Option<&str> {
    let Source::Git { git, .. } = source else {
        return None;
    };
    let address = git.repository.trim_end_matches('/');
    let last = address.rsplit('/').next()?;
    let name = last.strip_suffix(".git").unwrap_or(last);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = name.len() <= MAX_NAME && name.chars().all(is_plain);
    (fits && name != SOURCE && name.starts_with(|c: char| c.is_ascii_alphanumeric()))
        .then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn steps(repository: &str) -> Vec<String> {
        let mut situation = Situation::npm();
        if let Source::Git { git, .. } = &mut situation.source {
            git.repository = repository.into();
        }
        let steps = renamed(&situation.source, |name| name == "bin");
        steps.iter().map(|step| step.run.join(" ")).collect()
    }

    #[test]
    fn the_folder_gets_the_last_name_of_the_repositorys_address() {
        for address in [
            "https://git.example/o/x.js",
            "https://git.example/o/x.js.git",
            "https://git.example/o/x.js/",
        ] {
            assert_eq!(
                steps(address),
                ["mv src x.js", "ln -s x.js src"],
                "{address}"
            );
        }
    }

    #[test]
    fn a_name_that_is_taken_or_no_plain_one_leaves_it_as_it_is() {
        for name in [
            "src",
            "out",
            "bin",
            "made",
            "-rf",
            ".git",
            "",
            "a b",
            "a;b",
            "..",
            &"a".repeat(101),
        ] {
            let address = format!("https://git.example/o/{name}");
            let found = steps(&address);
            // An empty one leaves the owner's.
            let expected: &[&str] = if name.is_empty() {
                &["mv src o", "ln -s o src"]
            } else {
                &[]
            };
            assert_eq!(found, expected, "{name}");
        }
    }
}
