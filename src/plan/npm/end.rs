//! Whether `package.json` ends with a line end. Tools that write it anew differ in that, and
//! one of them may have run when the commit was made, or over what the build had made. Pure.

use super::super::Facts;
use super::programs::run_by_node;

/// What lets it end so, and where that is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("end.cjs", include_str!("end.cjs"));

/// Whether the published manifest ends with a line end, where that has to be said: of one that
/// the build makes, and of the source's where they differ in nothing else.
pub(super) fn told(facts: &Facts<'_>, is_made: bool) -> Option<bool> {
    let published = facts.members.get("package.json")?;
    let source = facts.tree.get("package.json")?;
    let ends = published.ends_with(b"\n");
    let text = |bytes: &'_ [u8]| bytes.strip_suffix(b"\n").unwrap_or(bytes).to_owned();
    let differs_in_that = ends != source.ends_with(b"\n") && text(published) == text(source);
    (is_made || differs_in_that).then_some(ends)
}

/// The command, in the folder of the manifest.
pub(super) fn command(ends: bool) -> Vec<String> {
    let end = if ends { "newline" } else { "none" };
    run_by_node(PROGRAM, [end.to_owned()])
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    #[test]
    fn the_end_is_told_where_it_is_the_whole_difference_or_the_build_makes_the_file() {
        let of = |source: &str, published: &str, is_made: bool| {
            let mut situation = Situation::npm();
            situation.tree_file("package.json", source);
            situation.member("package.json", published);
            situation.with_facts(|facts| told(facts, is_made))
        };
        assert_eq!(of("{}\n", "{}", false), Some(false));
        assert_eq!(of("{}", "{}\n", false), Some(true));
        assert_eq!(of("{}\n", "{}\n", false), None);
        assert_eq!(of("{}\n", "{ }", false), None);
        assert_eq!(of("{}\n\n", "{}", false), None);
        assert_eq!(of("{}\n", "{ }\n", true), Some(true));
    }
}
