//! What a package's last exact rebuild taught about its publisher.

use std::mem::discriminant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Compressor, Purl, RecoveredFact, ReplayedFact};

/// The facts that made one version exact. They are tried first for the next one, and
/// decide nothing: what they lead to is compared like every other try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// The package with the version that taught it.
    pub purl: Purl,
    /// When that version was published.
    pub published_at: Option<Timestamp>,
    /// Facts that steered the build.
    pub recovered: Vec<RecoveredFact>,
    /// Metadata that was put on the rebuilt archive.
    pub replayed: Vec<ReplayedFact>,
}

impl Learnt {
    /// The publisher's compressor, where it had to be told from the archive.
    pub fn compressor(&self) -> Option<Compressor> {
        self.replayed.iter().find_map(|fact| match fact {
            ReplayedFact::Compressor(compressor) => Some(*compressor),
            _ => None,
        })
    }

    /// How many of these facts are the same as what was learnt. A time or a lock file is
    /// one version's own; a habit of line ends is one, however many files there are.
    pub fn likeness(&self, facts: &[RecoveredFact]) -> usize {
        let is_known = |fact: &RecoveredFact| match fact {
            RecoveredFact::Generator { .. }
            | RecoveredFact::Toolchain { .. }
            | RecoveredFact::TimeZone { .. }
            | RecoveredFact::NamedPython { .. }
            | RecoveredFact::DebianSetuptools
            | RecoveredFact::AllExecutable
            | RecoveredFact::DataFilter
            | RecoveredFact::CodePage
            | RecoveredFact::TextMetadata
            | RecoveredFact::OutputFolder { .. }
            | RecoveredFact::System { .. }
            | RecoveredFact::ManifestEnd { .. }
            | RecoveredFact::ManifestOnOneLine
            | RecoveredFact::Umask { .. } => self.recovered.contains(fact),
            RecoveredFact::PlainModes { .. }
            | RecoveredFact::CaseBlindNames { .. }
            | RecoveredFact::LineEndings { .. }
            | RecoveredFact::ListingOrder { .. }
            | RecoveredFact::DependencyOrder { .. } => self
                .recovered
                .iter()
                .any(|known| discriminant(known) == discriminant(fact)),
            RecoveredFact::SourceDateEpoch { .. }
            | RecoveredFact::CheckoutTime { .. }
            | RecoveredFact::BuildClock { .. }
            | RecoveredFact::Undated
            | RecoveredFact::LockFile { .. } => false,
        };
        facts.iter().filter(|fact| is_known(fact)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_habit_is_alike_and_what_is_one_versions_own_is_not() {
        let zone = |posix: &str| RecoveredFact::TimeZone {
            posix: posix.into(),
        };
        let learnt = Learnt {
            purl: "pkg:pypi/demo@1.0".parse().expect("valid"),
            published_at: None,
            recovered: vec![
                zone("CET-1"),
                RecoveredFact::LineEndings { crlf: 9, lf: 0 },
                RecoveredFact::SourceDateEpoch { seconds: 1 },
            ],
            replayed: vec![],
        };
        assert_eq!(learnt.likeness(&[zone("CET-1")]), 1);
        assert_eq!(learnt.likeness(&[zone("UTC0")]), 0);
        assert_eq!(
            learnt.likeness(&[RecoveredFact::LineEndings { crlf: 2, lf: 1 }]),
            1
        );
        assert_eq!(
            learnt.likeness(&[RecoveredFact::SourceDateEpoch { seconds: 1 }]),
            0
        );
    }
}
