//! The Python that a wheel names in the name of a file: setuptools writes a namespace package's
//! `.pth` as `NAME-VERSION-pyX.Y-nspkg.pth` (setuptools, `namespaces.py`, "Installer"). Pure.

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
    facts.stamps.iter().find_map(|stamp| named(&stamp.name))
}

fn named(member: &str) -> Option<String> {
    let (before, release) = member.strip_suffix(ENDING)?.rsplit_once("-py")?;
    let (major, minor) = release.split_once('.')?;
    let number = |text: &str| text.parse::<u8>().ok();
    let written = format!("{}.{}", number(major)?, number(minor)?);
    (!before.contains('/') && written == release).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_python_of_a_namespace_packages_file_is_read_and_nothing_else() {
        let told = |member: &str| named(member);
        assert_eq!(told("demo-1.0-py3.8-nspkg.pth"), Some("3.8".into()));
        assert_eq!(told("a_b-1.0.post1-py2.7-nspkg.pth"), Some("2.7".into()));
        assert_eq!(told("demo-1.0-nspkg.pth"), None);
        assert_eq!(told("demo/x-py3.8-nspkg.pth"), None);
        assert_eq!(told("demo-1.0-py3.8.pth"), None);
        for odd in ["3", "3.08", "3.x", "+3.8", "3.8/../x", "3.256", "3.8.1"] {
            assert_eq!(told(&format!("demo-1.0-py{odd}-nspkg.pth")), None, "{odd}");
        }
    }
}
