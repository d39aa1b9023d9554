//! What is published in the package's place where its build makes a folder with a manifest of
//! its own, told from what the published manifest lacks. The folder is looked for when the build
//! is over: its name is the build's own matter, and often in a program. Pure.

use serde_json::Value;

use super::super::Facts;
use super::programs::run_by_node;
use crate::model::WORK_DIR;

/// What finds it, and where that is below the work folder.
pub(super) const FINDER: (&str, &str) = ("made.cjs", include_str!("made.cjs"));

/// Where it is then, below the work folder.
pub(super) const FOLDER: &str = "made";

/// A tool that publishes a copy of the package with less in its manifest, and how it leaves the
/// copy where it is (clean-publish, `README.md`, "Options").
const CLEANER: &str = "clean-publish";
const CLEAN: &str = "clean-publish --without-publish";

/// The script that makes a folder to be published, by its name.
pub(super) const PACKAGING: &str = "package";

/// Whether the published manifest lacks all scripts, or all that is for development, which the
/// source's has: no packer takes the whole away.
pub(super) fn is_told(facts: &Facts<'_>) -> bool {
    let (Some(published), Some(source)) = (
        json(facts.members.get("package.json")),
        json(facts.tree.get("package.json")),
    ) else {
        return false;
    };
    let is_gone = |key: &str| {
        let had = source[key].as_object().is_some_and(|map| !map.is_empty());
        had && published.get(key).is_none()
    };
    ["scripts", "devDependencies"].into_iter().any(is_gone)
}

/// The command that makes it, where it is not the build itself.
pub(super) fn command(facts: &Facts<'_>) -> Option<&'static str> {
    let source = json(facts.tree.get("package.json"))?;
    source["devDependencies"].get(CLEANER).map(|_| CLEAN)
}

fn json(bytes: Option<&Vec<u8>>) -> Option<Value> {
    serde_json::from_slice(bytes?).ok()
}

/// What finds the folder, in the package's own folder and then in the repository's.
pub(super) fn find(facts: &Facts<'_>, own: &str) -> Vec<String> {
    let purl = &facts.release.purl;
    let version = purl.version().map_or("", |version| version.as_str());
    let told = [purl.name().as_str().to_owned(), version.to_owned()];
    let folders = [FOLDER, own, "src"].map(|folder| format!("{WORK_DIR}/{folder}"));
    run_by_node(FINDER, told.into_iter().chain(folders))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    const SOURCE: &str = r#"{"scripts":{"a":"b"},"devDependencies":{"clean-publish":"1"}}"#;

    fn told(source: &str, published: &str) -> bool {
        let mut situation = Situation::npm();
        situation.tree_file("package.json", source);
        situation.member("package.json", published);
        situation.with_facts(is_told)
    }

    #[test]
    fn a_manifest_without_scripts_or_what_is_for_development_is_another_one() {
        assert!(told(SOURCE, "{}"));
        assert!(told(SOURCE, r#"{"scripts":{"a":"b"}}"#));
        assert!(told(SOURCE, r#"{"devDependencies":{"c":"1"}}"#));
        // pnpm takes the scripts of publishing out and leaves the rest.
        assert!(!told(
            SOURCE,
            r#"{"scripts":{},"devDependencies":{"c":"1"}}"#
        ));
        assert!(!told(SOURCE, "not JSON"));
        assert!(!told(r#"{"scripts":{}}"#, "{}"));
    }

    #[test]
    fn the_tool_that_cleans_is_run_where_the_source_has_it() {
        let of = |source: &str| {
            let mut situation = Situation::npm();
            situation.tree_file("package.json", source);
            situation.with_facts(command)
        };
        assert_eq!(of(SOURCE), Some(CLEAN));
        assert_eq!(of("{}"), None);
    }

    #[test]
    fn the_folder_is_looked_for_in_the_packages_own_first() {
        let mut situation = Situation::npm();
        situation.directory("packages/a");
        let run = situation.with_facts(|facts| find(facts, &facts.package_dir()));
        let said = run.join(" ");
        assert!(
            said.ends_with("demo 1.0.0 /build/made /build/src/packages/a /build/src"),
            "{said}"
        );
    }
}
