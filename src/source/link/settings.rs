//! `setup.cfg` as configparser reads it, and the one change that setuptools makes to it.
//! Pure. What it does not understand, it calls different.

use std::collections::BTreeMap;

type Sections = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// The section that `sdist` writes (setuptools, `command/egg_info.py`,
/// `save_version_info`), with the values that say nothing.
const EGG_INFO: &str = "egg_info";
const SAID: [(&str, &[&str]); 3] = [
    ("tag_build", &[""]),
    ("tag_date", &["0", "false"]),
    ("tag_svn_revision", &["0"]),
];

/// Whether `packed` is what setuptools makes of the commit's `setup.cfg` (none: there is
/// none): the same settings, written anew, with its own section.
pub(super) fn is_rewritten(packed: &[u8], committed: Option<&[u8]>) -> bool {
    let (Some(mut packed), Some(mut committed)) = (read(packed), read(committed.unwrap_or(b"")))
    else {
        return false;
    };
    let said_nothing = packed.remove(EGG_INFO).is_some_and(|section| {
        section.iter().all(|(key, value)| {
            SAID.iter().any(|(known, values)| {
                key == known && values.contains(&value.join("\n").to_ascii_lowercase().as_str())
            })
        })
    });
    committed.remove(EGG_INFO);
    said_nothing && packed == committed
}

/// Sections with their options (Python, `configparser`, "Supported INI File Structure"):
/// names of options in lower case, as before setuptools 61 (and two options that differ in
/// that alone are refused); values by their lines.
fn read(text: &[u8]) -> Option<Sections> {
    let text = std::str::from_utf8(text).ok()?;
    // To Python, a lone CR ends a line too.
    if text.replace("\r\n", "\n").contains('\r') {
        return None;
    }
    let mut sections = Sections::new();
    let mut section: Option<String> = None;
    let mut option: Option<String> = None;
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with(['#', ';']) {
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']) && option.is_some();
        if bare.is_empty() || is_continued {
            if let (false, Some(section), Some(option)) = (bare.is_empty(), &section, &option) {
                let value = sections.get_mut(section)?.get_mut(option)?;
                value.push(bare.to_owned());
            }
            continue;
        }
        option = None;
        if line.starts_with([' ', '\t']) {
            return None;
        }
        if let Some(name) = bare.strip_prefix('[') {
            let name = name.strip_suffix(']')?.to_owned();
            if sections.insert(name.clone(), BTreeMap::new()).is_some() {
                return None;
            }
            section = Some(name);
            continue;
        }
        let at = bare.find(['=', ':'])?;
        let name = bare[..at].trim_end().to_ascii_lowercase().replace('-', "_");
        let options = sections.get_mut(section.as_ref()?)?;
        let value = vec![bare[at + 1..].trim().to_owned()];
        if options.insert(name.clone(), value).is_some() {
            return None;
        }
        option = Some(name);
    }
    // An empty first line is how a list is written, and it says nothing.
    for options in sections.values_mut() {
        for value in options.values_mut() {
            if value.len() > 1 && value[0].is_empty() {
                value.remove(0);
            }
        }
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "\n[egg_info]\ntag_build = \ntag_date = 0\n\n";

    fn rewritten(packed: &str, committed: Option<&str>) -> bool {
        is_rewritten(packed.as_bytes(), committed.map(str::as_bytes))
    }

    #[test]
    fn setuptools_section_and_its_way_of_writing_change_nothing() {
        assert!(rewritten(SECTION, None));
        let committed =
            "# why\n[metadata]\nname: x\n[options]\npackages=\n  one\n\n  # no\n  two\n";
        let packed = "[metadata]\nname = x\n\n[options]\npackages = \n\tone\n\ttwo\n";
        assert!(rewritten(&format!("{packed}{SECTION}"), Some(committed)));
        let own = format!("{committed}[egg_info]\ntag_build = dev\n");
        assert!(rewritten(&format!("{packed}{SECTION}"), Some(&own)));
    }

    #[test]
    fn any_other_setting_is_no_packers() {
        let committed = "[metadata]\nname = x\n";
        for packed in [
            format!("{committed}setup_requires = evil\n{SECTION}"),
            format!("{committed}[options]\nsetup_requires = evil\n{SECTION}"),
            format!("[metadata]\nname = y\n{SECTION}"),
            format!("[metadata]\nname = x\n  y\n{SECTION}"),
            SECTION.to_owned(),
            committed.to_owned(),
            format!("{committed}{}", SECTION.replace("tag_build", "egg_base")),
            format!(
                "{committed}{}",
                SECTION.replace("tag_build = ", "tag_build = evil")
            ),
            format!("{committed}{SECTION}evil\n"),
            format!("{committed}# a comment\r[options]\n{SECTION}"),
            format!("{committed}{SECTION}[evil]\n  indented = 1\n"),
            format!("{committed}{SECTION}{committed}"),
        ] {
            assert!(!rewritten(&packed, Some(committed)), "{packed}");
        }
    }
}
