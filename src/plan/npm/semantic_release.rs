//! What semantic-release runs of the source's own before it publishes, as its settings say
//! (`@semantic-release/exec`, `README.md`, `prepareCmd`), which folder it publishes, and in which
//! files it writes the version. Pure.

use serde_json::Value;

use super::super::Facts;
use super::shell::plain_folder;

/// Where its settings are (semantic-release documentation, "Configuration file"), below the
/// repository's root.
const FILES: [&str; 10] = [
    "/.releaserc",
    "/.releaserc.json",
    "/.releaserc.yaml",
    "/.releaserc.yml",
    "/.releaserc.js",
    "/.releaserc.cjs",
    "/release.config.js",
    "/release.config.cjs",
    "/release.config.mjs",
    "/package.json",
];

/// What names a command that runs between the build and the publication.
const SETTING: &str = "prepareCmd";

/// The version of the release, in either way that the plugin's templates write it (lodash,
/// `template`).
const VERSIONS: [&str; 2] = ["${nextRelease.version}", "<%= nextRelease.version %>"];

/// What else they may ask for is not known.
const OTHERS: [&str; 2] = ["${", "<%"];

/// Publishes to npm, from the folder that `pkgRoot` names (its `README.md`, "Options").
const NPM: &str = "@semantic-release/npm";

/// Writes the version for a text that stands for it, in the files that match its globs (its
/// `README.md`, "Options", `files` and `placeholder`).
const WRITER: &str = "semantic-release-plugin-update-version-in-files";

/// What it writes where nothing else is said.
const WRITTEN_IN: &str = "version.js";
const STANDS_FOR_IT: &str = "0.0.0-development";

/// What a plugin is told: nothing where it is named alone, none where it is not there.
fn plugin(facts: &Facts<'_>, wanted: &str) -> Option<Value> {
    let read = |file: &str| serde_json::from_slice::<Value>(facts.tree.get(file)?).ok();
    let in_manifest = || Some(read("/package.json")?["release"].clone());
    let mut settings = ["/.releaserc", "/.releaserc.json"].iter();
    let settings = settings.find_map(|file| read(file)).or_else(in_manifest)?;
    settings["plugins"].as_array()?.iter().find_map(|entry| {
        let name = entry.as_str().or_else(|| entry[0].as_str())?;
        (name == wanted).then(|| entry[1].clone())
    })
}

/// The folder that is published, below the repository's root, where it is not that.
pub(super) fn published_folder(facts: &Facts<'_>) -> Option<String> {
    let told = plugin(facts, NPM)?;
    plain_folder(told["pkgRoot"].as_str()?).filter(|folder| !folder.is_empty())
}

/// The lines that write the version where a text stands for it; none where nothing is to be
/// written, or a shell would read more than names in what is told.
pub(super) fn writes(facts: &Facts<'_>) -> Option<String> {
    let version = facts.release.purl.version()?.as_str();
    let told = plugin(facts, WRITER)?;
    let globs: Vec<&str> = match told["files"].as_array() {
        Some(files) => files.iter().map(Value::as_str).collect::<Option<_>>()?,
        None => vec![WRITTEN_IN],
    };
    let stands_for_it = told["placeholder"].as_str().unwrap_or(STANDS_FOR_IT);
    let is_plain = |text: &str, more: &str| {
        let is_one = |one: char| one.is_ascii_alphanumeric() || more.contains(one);
        !text.is_empty() && !text.starts_with('-') && text.chars().all(is_one)
    };
    let are_plain = globs.iter().all(|glob| is_plain(glob, "._-/*@+"))
        && is_plain(stands_for_it, ".-_")
        && is_plain(version, ".-+");
    are_plain.then(|| {
        let pattern = stands_for_it.replace('.', "\\.");
        format!(
            "shopt -s nullglob globstar\nfor file in {}; do\n  if [ -f \"$file\" ]; then sed -i 's/{pattern}/{version}/g' -- \"$file\"; fi\ndone",
            globs.join(" ")
        )
    })
}

/// The lines of the first file that has such a setting, with the release's version in its
/// place; none where one asks for more than that.
pub(super) fn prepares(facts: &Facts<'_>) -> Option<String> {
    let version = facts.release.purl.version()?;
    let texts = FILES.iter().filter_map(|file| facts.tree.get(*file));
    let texts = texts.filter_map(|bytes| std::str::from_utf8(bytes).ok());
    let commands = texts.map(settings).find(|found| !found.is_empty())?;
    let mut text = commands.join("\n");
    for written in VERSIONS {
        text = text.replace(written, version.as_str());
    }
    let is_known = !OTHERS.iter().any(|other| text.contains(other));
    // A shell cannot be given what ends a text.
    (is_known && !text.contains('\0')).then_some(text)
}

/// The values of the setting, as JSON, JavaScript or YAML writes a text on one line.
fn settings(text: &str) -> Vec<String> {
    let values = text.split(SETTING).skip(1);
    values
        .filter_map(|rest| {
            // The name's own quotation mark, and what stands between it and the value.
            let rest = rest.trim_start_matches(['"', '\'']).trim_start();
            value(rest.strip_prefix(':')?.trim_start())
        })
        .filter(|command| !command.is_empty())
        .collect()
}

fn value(rest: &str) -> Option<String> {
    let mark = rest.chars().next()?;
    if !matches!(mark, '"' | '\'' | '`') {
        // Only YAML has texts without; its blocks and what JavaScript computes are not read.
        let line = rest.lines().next()?.trim_end();
        let is_plain =
            line.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '.');
        return (is_plain && !line.ends_with(',')).then(|| line.to_owned());
    }
    let mut found = String::new();
    let mut chars = rest.chars().skip(1);
    while let Some(one) = chars.next() {
        match one {
            '\\' => match chars.next()? {
                'n' => found.push('\n'),
                't' => found.push('\t'),
                escaped => found.push(escaped),
            },
            end if end == mark => return Some(found),
            other => found.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use super::*;

    fn of(file: &str, text: &str) -> Option<String> {
        let mut situation = Situation::npm();
        situation.tree_file(file, text);
        situation.with_facts(prepares)
    }

    #[test]
    fn a_command_is_read_out_of_each_kind_of_settings_with_the_releases_version() {
        let said = Some("sed -i 's/X/1.0.0/' lib/a.js".to_owned());
        let js = r#"prepareCmd:
            "sed -i 's/X/${nextRelease.version}/' lib/a.js","#;
        assert_eq!(of("/release.config.js", js), said);
        let json = r#"{"plugins":[["@semantic-release/exec",{"prepareCmd":"sed -i 's/X/<%= nextRelease.version %>/' lib/a.js"}]]}"#;
        assert_eq!(of("/.releaserc", json), said);
        assert_eq!(of("/package.json", json), said);
        let yaml =
            "plugins:\n- - x\n  - prepareCmd: sed -i 's/X/${nextRelease.version}/' lib/a.js\n";
        assert_eq!(of("/.releaserc.yml", yaml), said);
        let escaped = r#"{"prepareCmd": "echo \"a\"\nb"}"#;
        assert_eq!(
            of("/.releaserc.json", escaped).as_deref(),
            Some("echo \"a\"\nb")
        );
    }

    /// The manifest of a repository whose semantic-release has these plugins.
    fn with_plugins(plugins: &str) -> Situation {
        let mut situation = Situation::npm();
        let manifest = format!(r#"{{"release":{{"plugins":[{plugins}]}}}}"#);
        situation.tree_file("/package.json", &manifest);
        situation
    }

    #[test]
    fn the_folder_that_is_published_is_the_one_that_npms_plugin_is_told() {
        let of = |plugins: &str| with_plugins(plugins).with_facts(published_folder);
        let told = r#""@semantic-release/github",["@semantic-release/npm",{"pkgRoot":"./pkg"}]"#;
        assert_eq!(of(told).as_deref(), Some("pkg"));
        for other in [
            r#""@semantic-release/npm""#,
            r#"["@semantic-release/npm",{"pkgRoot":"."}]"#,
            r#"["@semantic-release/npm",{"pkgRoot":"../x"}]"#,
            r#"["another",{"pkgRoot":"pkg"}]"#,
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        let mut in_a_file = Situation::npm();
        let settings = r#"{"plugins":[["@semantic-release/npm",{"pkgRoot":"out"}]]}"#;
        in_a_file.tree_file("/.releaserc.json", settings);
        let found = in_a_file.with_facts(published_folder);
        assert_eq!(found.as_deref(), Some("out"));
    }

    #[test]
    fn the_version_is_written_in_the_files_that_are_told_and_by_plain_names_alone() {
        let of = |told: &str| with_plugins(told).with_facts(writes);
        let lines = of(&format!(
            r#"["{WRITER}",{{"files":["pkg/a/*","pkg/*/v.*"]}}]"#
        ));
        let lines = lines.expect("told");
        assert!(
            lines.contains("for file in pkg/a/* pkg/*/v.*; do"),
            "{lines}"
        );
        let writes = "sed -i 's/0\\.0\\.0-development/1.0.0/g' -- \"$file\"";
        assert!(lines.contains(writes), "{lines}");
        let alone = of(&format!("\"{WRITER}\"")).expect("told");
        assert!(alone.contains("for file in version.js; do"), "{alone}");
        for no in ["$(x)", "a b", "a;b", "-x", ""] {
            assert_eq!(of(&format!(r#"["{WRITER}",{{"files":["{no}"]}}]"#)), None);
            assert_eq!(
                of(&format!(r#"["{WRITER}",{{"placeholder":"{no}"}}]"#)),
                None
            );
        }
        assert_eq!(of(r#""another""#), None);
    }

    #[test]
    fn every_file_of_settings_is_asked_for() {
        for file in FILES {
            let wanted = super::super::WANTED_SOURCE_FILES;
            assert!(wanted.contains(&file), "{file}");
        }
    }

    #[test]
    fn what_asks_for_more_than_the_version_or_is_no_text_is_not_run() {
        for text in [
            r#"{"prepareCmd":"echo ${lastRelease.version}"}"#,
            r#"{"prepareCmd":"open"#,
            "prepareCmd: command(),",
            "prepareCmd: |\n  echo",
            "prepareCmd: echo \0",
            r#"{"prepareCmd":""}"#,
            r#"{"publishCmd":"echo"}"#,
        ] {
            assert_eq!(of("/.releaserc", text), None, "{text}");
        }
        assert_eq!(of("/other.json", r#"{"prepareCmd":"echo"}"#), None);
    }
}
