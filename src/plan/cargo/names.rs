//! A git that took names without regard to case, told from the order of a crate's files.
//! Pure; imports `model`.

use super::super::Facts;
use crate::model::RecoveredFact;

/// The publisher's git's own option, as git sets it on Windows and macOS, where the build's
/// libgit2 looks for it (git-config(1), "FILES" and `core.ignoreCase`).
pub(super) const GIT_CONFIG: (&str, &str) = ("home/.gitconfig", "[core]\n\tignorecase = true\n");

/// What cargo writes itself, which is not in git's order.
const WRITTEN: [&str; 3] = ["Cargo.toml", "Cargo.lock", ".cargo_vcs_info.json"];

/// Up to 1.42 cargo packs files in the order of git's index (cargo, `list_files_git` in
/// `sources/path.rs`), and libgit2 sorts that by name, without regard to case where
/// `core.ignorecase` is set (libgit2, `git_index_entry_icmp`). Told where the files stand in
/// this order and not in that of their bytes.
pub(super) fn recovered(facts: &Facts<'_>) -> Option<RecoveredFact> {
    let names: Vec<&str> = facts
        .stamps
        .iter()
        .map(|stamp| stamp.name.as_str())
        .filter(|name| !WRITTEN.contains(name))
        .map(|name| match name {
            "Cargo.toml.orig" => "Cargo.toml",
            name => name,
        })
        .collect();
    let is_blind = names.is_sorted_by_key(|name| name.to_ascii_lowercase());
    (is_blind && !names.is_sorted()).then_some(RecoveredFact::CaseBlindNames { files: names.len() })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn told(names: &[&str]) -> Option<RecoveredFact> {
        let mut situation = Situation::cargo();
        for name in names {
            situation.stamp(name, 1_580_000_000);
        }
        situation.with_facts(recovered)
    }

    #[test]
    fn files_in_order_without_regard_to_case_tell_the_publishers_git() {
        let own = [
            ".gitignore",
            "appveyor.yml",
            "Cargo.toml.orig",
            "Cargo.toml",
            "LICENSE",
        ];
        assert_eq!(told(&own), Some(RecoveredFact::CaseBlindNames { files: 4 }));
    }

    #[test]
    fn an_order_that_any_git_has_or_that_none_has_tells_nothing() {
        // By bytes, as on Linux.
        assert_eq!(
            told(&["Cargo.toml.orig", "Cargo.toml", "LICENSE", "appveyor.yml"]),
            None
        );
        // Both at once: there are no capitals to tell by.
        assert_eq!(told(&["a", "b", ".cargo_vcs_info.json"]), None);
        // Neither: a file that git does not know follows those that it does.
        assert_eq!(
            told(&["appveyor.yml", "Cargo.toml.orig", "LICENSE", "b"]),
            None
        );
        assert_eq!(told(&[]), None);
    }
}
