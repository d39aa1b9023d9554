//! The Python that a wheel names: setuptools writes a namespace package's `.pth` as
//! `NAME-VERSION-pyX.Y-nspkg.pth` (setuptools, `namespaces.py`, "Installer"), and a source's
//! `setup.py` may call a script after the Python that runs it, as pip's does. Pure.

use super::super::Facts;

/// Names that Python, for the build steps alone.
pub(super) const HOOK: &str = concat!(
    include_str!("importing.py"),
    "\n\n",
    include_str!("naming.py")
);

/// What tells the hook which.
pub(super) const VARIABLE: &str = "NAMED_PYTHON";

const ENDING: &str = "-nspkg.pth";

/// The release of Python that the wheel names, such as `3.8`.
pub(super) fn python(facts: &Facts<'_>) -> Option<String> {
    let of_file = || facts.stamps.iter().find_map(|stamp| in_file(&stamp.name));
    of_file().or_else(|| {
        let is_points = |name: &str| name.ends_with(".dist-info/entry_points.txt");
        let found = facts.members.iter().find(|(name, _)| is_points(name));
        in_script(std::str::from_utf8(found?.1).ok()?)
    })
}

fn in_file(member: &str) -> Option<String> {
    let (before, release) = member.strip_suffix(ENDING)?.rsplit_once("-py")?;
    (!before.contains('/')).then(|| of_two_numbers(release))?
}

/// The one that a script has in its name beside another of the same object that has not (entry
/// points specification, "File format").
fn in_script(entry_points: &str) -> Option<String> {
    let scripts: Vec<(&str, &str)> = entry_points
        .lines()
        .skip_while(|line| line.trim() != "[console_scripts]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .map(|(name, object)| (name.trim(), object.trim()))
        .collect();
    scripts.iter().find_map(|&(plain, object)| {
        scripts
            .iter()
            .filter(|(_, other)| *other == object)
            .find_map(|(name, _)| {
                let release = name.strip_prefix(plain)?;
                of_two_numbers(release.strip_prefix('-').unwrap_or(release))
            })
    })
}

/// A release as Python writes its own, and nothing else.
fn of_two_numbers(release: &str) -> Option<String> {
    let (major, minor) = release.split_once('.')?;
    let number = |text: &str| text.parse::<u8>().ok();
    let written = format!("{}.{}", number(major)?, number(minor)?);
    (written == release).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_of_a_namespace_packages_file_is_read_and_nothing_else() {
        let told = |member: &str| in_file(member);
        assert_eq!(told("demo-1.0-py3.8-nspkg.pth"), Some("3.8".into()));
        assert_eq!(told("a_b-1.0.post1-py2.7-nspkg.pth"), Some("2.7".into()));
        assert_eq!(told("demo-1.0-nspkg.pth"), None);
        assert_eq!(told("demo/x-py3.8-nspkg.pth"), None);
        assert_eq!(told("demo-1.0-py3.8.pth"), None);
        for odd in ["3", "3.08", "3.x", "+3.8", "3.8/../x", "3.256", "3.8.1"] {
            assert_eq!(told(&format!("demo-1.0-py{odd}-nspkg.pth")), None, "{odd}");
        }
    }

    #[test]
    fn the_python_of_a_script_is_read_beside_the_same_script_without_it() {
        let told =
            |scripts: &str| in_script(&format!("[x]\na3.7 = m:f\n[console_scripts]\n{scripts}"));
        let both = "pip = m:f\npip3 = m:f\npip3.10 = m:f\n";
        assert_eq!(told(both), Some("3.10".into()));
        assert_eq!(told("easy = m:f\neasy-3.8 = m:f\n"), Some("3.8".into()));
        assert_eq!(told("pip3.10 = m:f\n"), None);
        assert_eq!(told("pip = m:f\npip3.10 = m:g\n"), None);
        assert_eq!(told("pip = m:f\n[y]\npip3.10 = m:f\n"), None);
        for odd in ["3", "3.08", "3.x", "3.8/../x", "3.8.1", "x3.8"] {
            assert_eq!(told(&format!("a = m:f\na{odd} = m:f\n")), None, "{odd}");
        }
    }
}
