//! Line ends of the publisher's checkout, told from the artifact beside the source.
//! Pure; imports `store` (for what line ends are) and `model`.

use super::Facts;
use crate::model::{CrlfCheckout, Ecosystem, RecoveredFact, Source};
use crate::store::archive::LineEnds;

/// One text of the artifact with the file of the source that it was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEnds {
    /// The file's path below the package's folder.
    pub path: String,
    /// How its lines end in the artifact.
    pub published: LineEnds,
    /// How they end in the checkout.
    pub source: LineEnds,
}

/// The file below the package's folder that a member of an artifact is a copy of;
/// nothing for what the packaging tool writes itself.
pub fn source_of_member(ecosystem: Ecosystem, member: &str) -> Option<&str> {
    match (ecosystem, member) {
        // cargo puts a manifest of its own in the place of the publisher's.
        (Ecosystem::Cargo, "Cargo.toml.orig") => Some("Cargo.toml"),
        (Ecosystem::Cargo, "Cargo.toml" | "Cargo.lock" | ".cargo_vcs_info.json") => None,
        (Ecosystem::Pypi, member) => source_of_wheel_member(member),
        (Ecosystem::Cargo | Ecosystem::Npm, member) => Some(member),
    }
}

/// As [`source_of_member`], of a wheel: what is in `.dist-info` is written anew, but for
/// the licences (binary distribution format, "The .dist-info directory"; PEP 639).
fn source_of_wheel_member(member: &str) -> Option<&str> {
    let Some((folder, file)) = member.split_once('/') else {
        return Some(member);
    };
    if !folder.ends_with(".dist-info") {
        return Some(member);
    }
    let file = file.strip_prefix("licenses/").unwrap_or(file);
    let is_made = matches!(
        file,
        "METADATA" | "WHEEL" | "RECORD" | "entry_points.txt" | "top_level.txt" | "zip-safe"
    );
    (!is_made).then_some(file)
}

/// Where below the package's folder that file may be: a wheel's packages often lie in
/// `src` (Python packaging user guide, "src layout vs flat layout").
pub fn places(ecosystem: Ecosystem, path: &str) -> Vec<String> {
    match ecosystem {
        Ecosystem::Cargo | Ecosystem::Npm => vec![path.to_owned()],
        Ecosystem::Pypi => vec![path.to_owned(), format!("src/{path}")],
    }
}

/// The checkout that has the artifact's line ends, where git would call it unchanged
/// and it is not the usual one.
pub(super) fn recovered(facts: &Facts<'_>) -> Option<(CrlfCheckout, RecoveredFact)> {
    let Source::Git { git, .. } = facts.source else {
        return None;
    };
    let with = |published: LineEnds| {
        facts
            .ends
            .iter()
            .filter(move |file| file.source == LineEnds::Lf && file.published == published)
    };
    let crlf = with(LineEnds::Crlf).count();
    if crlf == 0 {
        return None;
    }
    let except = with(LineEnds::Lf)
        .map(|file| match git.directory.as_str() {
            "" => file.path.clone(),
            folder => format!("{folder}/{}", file.path),
        })
        .collect();
    let lf = with(LineEnds::Lf).count();
    Some((
        CrlfCheckout { except },
        RecoveredFact::LineEndings { crlf, lf },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Situation;
    use super::*;

    fn file(path: &str, published: LineEnds, source: LineEnds) -> FileEnds {
        FileEnds {
            path: path.into(),
            published,
            source,
        }
    }

    #[test]
    fn crlf_that_the_source_lacks_is_the_checkouts_and_the_sources_own_is_not() {
        let mut situation = Situation::cargo();
        situation.ends = vec![file("src/lib.rs", LineEnds::Crlf, LineEnds::Crlf)];
        assert_eq!(situation.with_facts(recovered), None);
        situation.ends = vec![file("src/lib.rs", LineEnds::Lf, LineEnds::Lf)];
        assert_eq!(situation.with_facts(recovered), None);
        situation.ends = vec![file("src/lib.rs", LineEnds::Other, LineEnds::Lf)];
        assert_eq!(situation.with_facts(recovered), None);
        situation.ends = vec![file("src/lib.rs", LineEnds::Crlf, LineEnds::Lf)];
        let (checkout, fact) = situation.with_facts(recovered).expect("told");
        assert!(checkout.except.is_empty());
        assert_eq!(fact, RecoveredFact::LineEndings { crlf: 1, lf: 0 });
    }

    #[test]
    fn a_file_that_kept_its_lf_is_left_out_by_its_path_in_the_repository() {
        let mut situation = Situation::cargo();
        situation.directory("crates/demo");
        situation.ends = vec![
            file("src/lib.rs", LineEnds::Crlf, LineEnds::Lf),
            file("Cargo.toml", LineEnds::Lf, LineEnds::Lf),
            file("logo.png", LineEnds::Other, LineEnds::Other),
        ];
        let (checkout, fact) = situation.with_facts(recovered).expect("told");
        assert_eq!(
            checkout.except.into_iter().collect::<Vec<_>>(),
            ["crates/demo/Cargo.toml"]
        );
        assert_eq!(fact, RecoveredFact::LineEndings { crlf: 1, lf: 1 });
    }

    #[test]
    fn what_cargo_writes_itself_is_no_copy_of_a_file() {
        let of = |member| source_of_member(Ecosystem::Cargo, member);
        assert_eq!(of("Cargo.toml.orig"), Some("Cargo.toml"));
        assert_eq!(of("Cargo.toml"), None);
        assert_eq!(of("src/lib.rs"), Some("src/lib.rs"));
        assert_eq!(
            source_of_member(Ecosystem::Npm, "Cargo.toml"),
            Some("Cargo.toml")
        );
    }

    #[test]
    fn of_what_a_wheel_has_in_dist_info_only_licences_are_copies() {
        let of = |member| source_of_member(Ecosystem::Pypi, member);
        assert_eq!(of("demo/a.py"), Some("demo/a.py"));
        assert_eq!(of("a.py"), Some("a.py"));
        assert_eq!(of("demo-1.dist-info/METADATA"), None);
        assert_eq!(of("demo-1.dist-info/RECORD"), None);
        assert_eq!(of("demo-1.dist-info/LICENSE"), Some("LICENSE"));
        assert_eq!(of("demo-1.dist-info/licenses/a/B"), Some("a/B"));
    }
}
