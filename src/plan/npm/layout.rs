//! How `package.json` is laid out: whether it ends with a line end, and whether it is on one
//! line. Tools that write it anew differ in that, and one of them may have run when the commit
//! was made, when the version was written in, or over what the build had made. Pure.

use std::collections::BTreeMap;

use crate::model::RecoveredFact;

use super::super::Facts;
use super::programs::run_by_node;

/// What lays it out so, and where that is below the work folder.
pub(super) const PROGRAM: (&str, &str) = ("layout.cjs", include_str!("layout.cjs"));

/// What has to be said of the published manifest's layout. Of its end: where the build makes
/// the file, and where it is all in which the source's differs, or nothing of the source's
/// layout is left.
pub(super) fn told(facts: &Facts<'_>, is_made: bool) -> Vec<RecoveredFact> {
    let of = |files: &'_ BTreeMap<String, Vec<u8>>| files.get("package.json").cloned();
    let (Some(published), Some(source)) = (of(facts.members), of(facts.tree)) else {
        return Vec::new();
    };
    let newline = published.ends_with(b"\n");
    let (text, own) = (text(&published), text(&source));
    let is_joined = is_without_layout(text) && own.contains(&b'\n');
    let differs_in_its_end = newline != source.ends_with(b"\n") && text == own;
    let mut told = Vec::new();
    if is_joined {
        told.push(RecoveredFact::ManifestOnOneLine);
    }
    if is_made || is_joined || differs_in_its_end {
        told.push(RecoveredFact::ManifestEnd { newline });
    }
    told
}

/// Whether no blank stands between the parts of a JSON text (RFC 8259, section 2).
fn is_without_layout(text: &[u8]) -> bool {
    let (mut is_text, mut is_escaped) = (false, false);
    for &byte in text {
        match byte {
            b'"' if !is_escaped => is_text = !is_text,
            b' ' | b'\t' | b'\n' | b'\r' if !is_text => return false,
            _ => {}
        }
        is_escaped = is_text && byte == b'\\' && !is_escaped;
    }
    true
}

/// A manifest without the line end at its end.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

/// The command, in the folder of the manifest.
pub(super) fn command(told: &[RecoveredFact]) -> Vec<String> {
    let words = told.iter().filter_map(|fact| match fact {
        RecoveredFact::ManifestOnOneLine => Some("one-line"),
        RecoveredFact::ManifestEnd { newline: true } => Some("newline"),
        RecoveredFact::ManifestEnd { newline: false } => Some("no-newline"),
        _ => None,
    });
    run_by_node(PROGRAM, words.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn of(source: &str, published: &str, is_made: bool) -> Vec<RecoveredFact> {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", source);
        situation.member("package.json", published);
        situation.with_facts(|facts| told(facts, is_made))
    }

    fn ends(newline: bool) -> RecoveredFact {
        RecoveredFact::ManifestEnd { newline }
    }

    #[test]
    fn the_end_is_told_where_it_is_the_whole_difference_or_the_build_makes_the_file() {
        assert_eq!(of("{}\n", "{}", false), [ends(false)]);
        assert_eq!(of("{}", "{}\n", false), [ends(true)]);
        assert_eq!(of("{}\n", "{}\n", false), []);
        assert_eq!(of("{}\n", "{ }", false), []);
        assert_eq!(of("{}\n\n", "{ }\n", false), []);
        assert_eq!(of("{}\n", "{ }\n", true), [ends(true)]);
    }

    #[test]
    fn one_line_is_told_where_the_source_has_more() {
        let joined = |newline| [RecoveredFact::ManifestOnOneLine, ends(newline)];
        assert_eq!(of("{\n}\n", "{}\n", false), joined(true));
        assert_eq!(of("{\n}\n", "{}", true), joined(false));
        assert_eq!(of("{\n}\n", "{\n }\n", false), []);
        assert_eq!(of("{ }\n", "{}\n", false), []);
        // One line is not all: a tool may put blanks into it.
        assert_eq!(of("{\n}\n", "{\"a\": 1}\n", false), []);
        let escaped = r#"{"a b":"\" \\","c":1}"#;
        assert_eq!(of("{\n}\n", &format!("{escaped}\n"), false), joined(true));
    }
}
