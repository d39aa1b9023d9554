//! Executable bits that the publisher's checkout lacked, told from the artifact beside
//! the source. Pure; imports `model`.

use super::Facts;
use crate::model::{RecoveredFact, Source};

/// The executable bits of one file of the artifact and of the file that it is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileModes {
    /// Whether the artifact has it.
    pub published: bool,
    /// Whether the checkout has it.
    pub source: bool,
}

/// A checkout as on Windows, where files have no executable bits: there is no file in the
/// artifact that has one, and in the source there are.
pub(super) fn recovered(facts: &Facts<'_>) -> Option<RecoveredFact> {
    let Source::Git { .. } = facts.source else {
        return None;
    };
    let files = facts.modes.iter().filter(|file| file.source).count();
    let kept = facts.modes.iter().any(|file| file.published);
    (files > 0 && !kept).then_some(RecoveredFact::PlainModes { files })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Situation;
    use super::*;

    const fn file(source: bool, published: bool) -> FileModes {
        FileModes { published, source }
    }

    #[test]
    fn a_checkout_without_executable_bits_is_told_where_the_artifact_has_none_at_all() {
        let mut situation = Situation::cargo();
        let mut told = |modes: &[FileModes]| {
            situation.modes = modes.to_vec();
            situation.with_facts(recovered)
        };
        assert_eq!(told(&[file(false, false)]), None);
        assert_eq!(told(&[file(true, true), file(true, false)]), None);
        assert_eq!(told(&[file(false, true), file(true, false)]), None);
        assert_eq!(
            told(&[file(true, false), file(false, false)]),
            Some(RecoveredFact::PlainModes { files: 1 })
        );
    }
}
