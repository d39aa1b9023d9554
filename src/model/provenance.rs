//! What a registry's provenance attestations say of a file, once they were verified.

use super::{CommitId, Evidence, EvidenceKind, printable};

/// Characters of a reason that are kept: it may repeat what a stranger wrote, and stands in
/// records and on terminals.
const MAX_REASON: usize = 500;

/// Where a file was made, as the certificate of a verified attestation says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The repository's address.
    pub repository: String,
    /// The commit that the workflow ran on.
    pub commit: CommitId,
    /// The branch or tag that it ran on, such as `refs/tags/v1.0.0`.
    pub reference: Option<String>,
    /// The workflow, with its file and reference.
    pub workflow: String,
    /// Who vouches for the workflow's identity (the issuer of its OIDC token).
    pub issuer: String,
}

impl Provenance {
    fn sentence(&self) -> String {
        let on = self
            .reference
            .as_ref()
            .map_or_else(String::new, |reference| format!(", on {reference}"));
        let sentence = format!(
            "the registry's provenance attestation of this file is verified: {} signed its digest at commit {}{on}, as {} vouches",
            self.workflow, self.commit, self.issuer
        );
        printable(&sentence, false)
    }
}

/// What came of all attestations of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvenanceFindings {
    /// Where the file was made, where an attestation says so and holds.
    pub verified: Option<Provenance>,
    /// What is there and does not hold, or is of nobody that is known; one sentence each.
    pub doubts: Vec<String>,
}

impl ProvenanceFindings {
    /// Findings where the attestations that the metadata names could not be read.
    pub fn unreadable(reason: &impl std::fmt::Display) -> Self {
        Self {
            verified: None,
            doubts: vec![format!(
                "the registry's metadata names provenance attestations that cannot be read: {}",
                tame(reason)
            )],
        }
    }

    /// Adds an attestation that does not hold.
    pub fn refuse(&mut self, reason: &impl std::fmt::Display) {
        self.doubts.push(format!(
            "a provenance attestation is there and does not hold: {}",
            tame(reason)
        ));
    }

    /// Adds one that is signed by an identity which names no source.
    pub fn pass_over(&mut self, reason: &impl std::fmt::Display) {
        self.doubts.push(format!(
            "a provenance attestation is there and names no source that could be followed: {}",
            tame(reason)
        ));
    }

    /// The findings as evidence, whatever the source turns out to be.
    pub fn evidence(&self) -> Vec<Evidence> {
        let verified = self.verified.iter().map(|provenance| Evidence {
            kind: EvidenceKind::RegistryProvenance,
            detail: provenance.sentence(),
        });
        let doubts = self.doubts.iter().map(|reason| Evidence {
            kind: EvidenceKind::ProvenanceDoubt,
            detail: reason.clone(),
        });
        verified.chain(doubts).collect()
    }
}

/// A reason that steers no terminal and fills no record.
fn tame(reason: &impl std::fmt::Display) -> String {
    let mut text = printable(&reason.to_string(), false);
    if let Some((at, _)) = text.char_indices().nth(MAX_REASON) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_steers_no_terminal_and_fills_no_record() {
        let hostile = format!("\u{1b}[31m{}", "é".repeat(10_000));
        let findings = ProvenanceFindings::unreadable(&hostile);
        assert!(findings.doubts[0].chars().count() < 700);
        assert!(!findings.doubts[0].contains('\u{1b}'));
    }

    #[test]
    fn what_does_not_hold_is_told_and_names_no_source() {
        let mut findings = ProvenanceFindings::default();
        findings.refuse(&"the signature is another's");
        assert_eq!(findings.verified, None);
        let evidence = findings.evidence();
        assert_eq!(evidence[0].kind, EvidenceKind::ProvenanceDoubt);
        assert!(evidence[0].detail.ends_with("the signature is another's"));
        assert!(ProvenanceFindings::default().evidence().is_empty());
    }
}
