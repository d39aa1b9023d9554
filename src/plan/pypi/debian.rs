//! setuptools as Debian has it, and the distributions that are made of Debian: in releases that
//! the others have long left, and with requirements written sorted. Pure.

use super::super::Facts;
use super::backend::Backend;
use super::requirements::{metadata, with_setuptools};

/// Sorts requirements, for the build steps alone.
pub(super) const HOOK: &str = concat!(
    include_str!("importing.py"),
    "\n\n",
    include_str!("debian.py")
);

/// Releases of wheel and setuptools that a distribution has together, long after
/// both had successors: Debian 11 and 12, Ubuntu 20.04, 22.04 and 24.04.
const DISTRIBUTED: [(&str, &str); 5] = [
    ("0.34.2", "setuptools==52.0.0"),
    ("0.34.2", "setuptools==45.2.0"),
    ("0.38.4", "setuptools==66.1.1"),
    ("0.37.1", "setuptools==59.6.0"),
    ("0.42.0", "setuptools==68.1.2"),
];

/// The same requirements with the setuptools of each distribution that has this wheel.
pub(super) fn distributed(
    requirements: &[String],
    backend: Backend,
    version: &str,
) -> Vec<Vec<String>> {
    DISTRIBUTED
        .into_iter()
        .filter(|(wheel, _)| backend == Backend::BdistWheel && *wheel == version)
        .map(|(_, setuptools)| with_setuptools(requirements, setuptools))
        .collect()
}

/// Whether each section of the wheel's requirements is sorted, and one of them has an order: the
/// rest of setuptools keeps that of the source.
pub(super) fn sorts_requirements(facts: &Facts<'_>) -> bool {
    let headers = metadata(facts).unwrap_or_default();
    let mut has_order = false;
    let mut last: Option<(&str, &str)> = None;
    for requirement in headers
        .lines()
        .filter_map(|line| line.strip_prefix("Requires-Dist: "))
    {
        let (name, marker) = requirement.split_once(';').unwrap_or((requirement, ""));
        if let Some((before, section)) = last
            && section == marker
        {
            if before > name {
                return false;
            }
            has_order = true;
        }
        last = Some((name, marker));
    }
    has_order
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Situation;
    use crate::model::RecoveredFact;

    fn plans(wheel: &str, requirements: &[&str]) -> Vec<crate::model::Plan> {
        let mut situation = Situation::pypi();
        situation.member(
            "demo-1.0.dist-info/WHEEL",
            &format!("Wheel-Version: 1.0\nGenerator: bdist_wheel ({wheel})\nTag: py3-none-any\n"),
        );
        let lines: String = requirements
            .iter()
            .map(|one| format!("Requires-Dist: {one}\n"))
            .collect();
        situation.member(
            "demo-1.0.dist-info/METADATA",
            &format!(
                "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n{lines}\nRequires-Dist: a\n"
            ),
        );
        let found = situation.candidates().expect("plans");
        found.into_iter().map(|candidate| candidate.plan).collect()
    }

    fn sorting(plans: &[crate::model::Plan]) -> Vec<bool> {
        let sorts = |plan: &crate::model::Plan| {
            let hook = plan.files.get("hooks/sitecustomize.py");
            let is_hooked = hook.is_some_and(|text| text.contains("_sort_requirements"));
            let is_told = plan.recovered.contains(&RecoveredFact::DebianSetuptools);
            assert_eq!(is_hooked, is_told);
            is_hooked
        };
        plans.iter().map(sorts).collect()
    }

    #[test]
    fn sorted_requirements_are_tried_as_debians_setuptools_writes_them_too() {
        let tries = |requirements: &[&str]| sorting(&plans("0.36.2", requirements));
        let sorted = tries(&["B (>=1)", "a", "b ; extra == 'x'", "c ; extra == 'x'"]);
        assert!(!sorted[0] && sorted[1..].contains(&true), "{sorted:?}");
        for requirements in [
            &["a", "B (>=1)"][..],
            &["a"],
            &["a", "b ; extra == 'x'", "c ; extra == 'y'"],
            &["a", "b", "d ; extra == 'x'", "c ; extra == 'x'"],
            &[],
        ] {
            let found = tries(requirements);
            assert!(!found.contains(&true), "{requirements:?}: {found:?}");
        }
    }

    #[test]
    fn a_wheel_of_a_distribution_is_tried_with_the_setuptools_of_each_that_has_it() {
        let with = |wheel: &str| {
            let plans = plans(wheel, &[]);
            let pinned = |plan: &crate::model::Plan| {
                let words = plan.prepare[1].run.clone();
                words
                    .into_iter()
                    .find(|word| word.starts_with("setuptools=="))
            };
            plans.iter().filter_map(pinned).collect::<Vec<_>>()
        };
        assert_eq!(with("0.34.2"), ["setuptools==52.0.0", "setuptools==45.2.0"]);
        assert_eq!(with("0.38.4"), ["setuptools==66.1.1"]);
        assert!(with("0.36.2").is_empty());
    }
}
