//! What semantic-release runs of the source's own before it publishes, as its settings say
//! (`@semantic-release/exec`, `README.md`, `prepareCmd`). Pure.

use super::super::Facts;

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
