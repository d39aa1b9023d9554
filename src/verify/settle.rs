//! From the outcomes of all tries to one verdict. Pure; imports `model` alone.

use crate::model::{BuildFailure, Differs, Evidence, EvidenceKind, Severity, Source, Verdict};

/// The verdict that stands for all tries of an artifact, given in the plans' order: the
/// first exact one, or else the nearest, so that a person reads the differences that
/// matter. A try without a verdict was stopped, and says nothing.
pub(super) fn nearest(verdicts: &[Option<&Verdict>]) -> Option<usize> {
    verdicts
        .iter()
        .enumerate()
        .filter_map(|(index, verdict)| Some((index, (*verdict)?)))
        .min_by_key(|(index, verdict)| (distance(verdict), *index))
        .map(|(index, _)| index)
}

/// How far a verdict is from exact; smaller is nearer.
fn distance(verdict: &Verdict) -> (u8, usize) {
    match verdict {
        Verdict::Reproduced { replayed, .. } => (0, usize::from(!replayed.is_empty())),
        Verdict::Equivalent { .. } => (1, 0),
        Verdict::Different { comparison } => different_distance(comparison),
        // The farm's fault on one try says nothing, so what another one made comes first;
        // but that nothing could be made is not known while one could not be tried.
        Verdict::InfraError { .. } => (9, 0),
        Verdict::BuildFailed { failure, .. } => (10, short_of(failure)),
        Verdict::SourceNotFound { .. } => (11, 0),
        Verdict::Unsupported { .. } => (12, 0),
    }
}

/// Whether a build ended for want of memory or disk, of which it may have had more in another
/// try; the more it had, the smaller.
fn short_of(failure: &BuildFailure) -> usize {
    match failure {
        BuildFailure::OutOfMemory { limit_mib } | BuildFailure::DiskLimit { limit_mib } => {
            usize::MAX - usize::try_from(*limit_mib).unwrap_or(usize::MAX)
        }
        BuildFailure::Exit { .. }
        | BuildFailure::TimedOut { .. }
        | BuildFailure::NoOutput { .. }
        | BuildFailure::NoPlan { .. } => 0,
    }
}

/// What the nearest try from a repository came to, for a person.
pub(super) fn best_of_git<'a>(
    tries: impl Iterator<Item = (&'a Source, &'a Verdict)>,
) -> Option<String> {
    tries
        .filter_map(|(source, verdict)| match source {
            Source::Git { git, .. } => Some((git, verdict)),
            Source::Sdist { .. } => None,
        })
        .min_by_key(|(_, verdict)| distance(verdict))
        .map(|(git, verdict)| {
            format!(
                "from commit {} of {}: {}",
                git.commit,
                git.repository,
                verdict.reason()
            )
        })
}

/// A source distribution, with which link the verdict rests on, and what is known of the
/// other one: from the repository.
pub(super) fn with_link(mut source: Source, from_git: Option<String>) -> Source {
    if let Source::Sdist { evidence, .. } = &mut source {
        let other = from_git.unwrap_or_else(|| {
            "no repository could be tied to the release, so nothing says what the source distribution was made from".into()
        });
        evidence.push(Evidence {
            kind: EvidenceKind::SourceDistribution,
            detail: format!("the verdict rests on the source distribution; {other}"),
        });
    }
    source
}

fn different_distance(comparison: &Differs) -> (u8, usize) {
    let rank = match comparison.severity() {
        Severity::Metadata => 2,
        Severity::Generated => 3,
        Severity::Payload => 4,
    };
    (rank, comparison.total())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{BuildStage, Cause, Difference, DifferenceKind, Sha256Digest};

    fn reproduced() -> Verdict {
        Verdict::Reproduced {
            sha256: Sha256Digest::of(b"x"),
            recovered: vec![],
            replayed: vec![],
        }
    }

    fn different(severity: Severity) -> Verdict {
        Verdict::Different {
            comparison: Box::new(Differs {
                published: Sha256Digest::of(b"a"),
                rebuilt: Sha256Digest::of(b"b"),
                differences: vec![Difference {
                    path: String::new(),
                    kind: DifferenceKind::Content,
                    cause: Cause::Unknown,
                    severity,
                    detail: String::new(),
                    diff: None,
                }],
                omitted: 0,
                causes: vec![],
                equivalence: None,
            }),
        }
    }

    fn git() -> Source {
        Source::Git {
            git: crate::model::GitSource {
                repository: "https://git.example/demo".into(),
                read_from_mirror: false,
                commit: "a".repeat(40).parse().expect("valid"),
                commit_time: 0,
                tag: None,
                directory: String::new(),
            },
            evidence: vec![],
        }
    }

    fn sdist() -> Source {
        Source::Sdist {
            sdist: crate::model::SdistSource {
                name: "demo-1.0.tar.gz".into(),
                sha256: Sha256Digest::of(b"x"),
            },
            evidence: vec![],
        }
    }

    #[test]
    fn a_verdict_from_a_source_distribution_says_what_the_repository_gave() {
        let (replayed, exact) = (different(Severity::Metadata), reproduced());
        let (repository, archive) = (git(), sdist());
        let of_git = best_of_git([(&repository, &replayed), (&archive, &exact)].into_iter());
        assert!(
            of_git
                .as_ref()
                .is_some_and(|text| text.contains("git.example"))
        );
        let linked = with_link(sdist(), of_git.clone());
        assert!(linked.evidence()[0].detail.contains("git.example"));
        let alone = with_link(sdist(), best_of_git([(&archive, &exact)].into_iter()));
        assert!(alone.evidence()[0].detail.contains("no repository"));
        assert!(with_link(git(), of_git).evidence().is_empty());
    }

    fn infra() -> Verdict {
        Verdict::InfraError { reason: "x".into() }
    }

    fn chosen<const N: usize>(verdicts: [Option<Verdict>; N]) -> Option<usize> {
        nearest(&verdicts.each_ref().map(Option::as_ref))
    }

    #[test]
    fn the_exact_try_wins_wherever_it_stands() {
        let tries = [Some(different(Severity::Metadata)), Some(reproduced())];
        assert_eq!(chosen(tries), Some(1));
    }

    #[test]
    fn of_two_exact_tries_the_first_plan_counts_whichever_ended_first() {
        assert_eq!(chosen([Some(reproduced()), Some(reproduced())]), Some(0));
        assert_eq!(chosen([None, Some(reproduced())]), Some(1));
    }

    #[test]
    fn a_try_that_was_stopped_says_nothing() {
        let tries = [None, Some(different(Severity::Payload)), None];
        assert_eq!(chosen(tries), Some(1));
        assert_eq!(chosen([None]), None);
    }

    #[test]
    fn among_differences_the_mildest_is_shown_and_the_first_of_equals() {
        let tries = [
            Some(different(Severity::Payload)),
            Some(different(Severity::Metadata)),
            Some(different(Severity::Metadata)),
        ];
        assert_eq!(chosen(tries), Some(1));
    }

    #[test]
    fn the_farms_fault_never_hides_what_is_known_of_the_package() {
        let tries = [Some(infra()), Some(different(Severity::Payload))];
        assert_eq!(chosen(tries), Some(1));
        assert_eq!(chosen([Some(infra())]), Some(0));
        assert_eq!(chosen([]), None);
    }

    #[test]
    fn that_nothing_could_be_made_is_not_said_while_something_could_not_be_tried() {
        for nothing in [
            Verdict::BuildFailed {
                stage: BuildStage::Build,
                failure: BuildFailure::TimedOut { limit_seconds: 1 },
            },
            Verdict::SourceNotFound { reason: "x".into() },
        ] {
            assert_eq!(chosen([Some(nothing.clone()), Some(infra())]), Some(1));
            assert_eq!(chosen([Some(infra()), Some(nothing)]), Some(0));
        }
    }

    #[test]
    fn a_build_that_had_more_memory_counts_before_one_that_had_less() {
        let failed = |failure| Verdict::BuildFailed {
            stage: BuildStage::Build,
            failure,
        };
        let short = |limit_mib| failed(BuildFailure::OutOfMemory { limit_mib });
        let exit = failed(BuildFailure::Exit {
            code: 1,
            step: "x".into(),
        });
        let (less, more) = (short(4096), short(12288));
        assert_eq!(nearest(&[Some(&less), Some(&more)]), Some(1));
        assert_eq!(nearest(&[Some(&less), Some(&exit)]), Some(1));
        assert_eq!(nearest(&[Some(&exit), Some(&more)]), Some(0));
    }
}
