//! What a reader accepts: a small TOML file, parsed whole (docs/trust.md).

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde::Deserialize;

use crate::attest::Basis;
use crate::model::{Sha256Digest, VerdictKind};

/// The operator of the store that is asked.
pub const OURSELVES: &str = "self";

/// Why a policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not TOML, or not the shape of a policy.
    #[error("{origin}: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// Something that no policy may ask for.
    #[error("{origin}: {what}")]
    Refused {
        /// The file.
        origin: String,
        /// What, and what to write instead.
        what: String,
    },
}

/// A policy. Every line is optional; without any, only a plain or replayed
/// reproduction by one builder is accepted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Verdicts that count.
    pub verdicts: BTreeSet<VerdictKind>,
    /// Whether a file that was reproduced with replayed metadata counts.
    pub replayed: bool,
    /// Which recovered facts may have steered the build; all where it is not set.
    pub recovered: Option<BTreeSet<String>>,
    /// What it may have been built from; anything where it is not set.
    pub sources: Option<BTreeSet<Basis>>,
    /// Which normalizers may have made files equal, as `name/version`.
    pub normalizers: BTreeSet<String>,
    /// How many independent builders have to agree: operators, not keys.
    pub builders: usize,
    /// Operators that count; all where it is not set.
    pub operators: Option<BTreeSet<String>>,
    /// How old a verdict may be, in days.
    pub max_age_days: Option<u32>,
    /// Keys that count, by the SHA-256 of their SPKI DER form; all known ones where it
    /// is not set.
    pub keys: Option<BTreeSet<Sha256Digest>>,
    /// What is let through for a time although the rest says no.
    #[serde(rename = "exception")]
    pub exceptions: Vec<Exception>,
    /// The SHA-256 of the file; of nothing, where there is none.
    #[serde(skip)]
    pub digest: Sha256Digest,
}

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The artifact by its digest; an exception for a name would cover tomorrow's file.
    pub sha256: Sha256Digest,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub person: String,
    /// The last day on which it holds (UTC).
    pub until: Date,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            verdicts: BTreeSet::from([VerdictKind::Reproduced]),
            replayed: true,
            recovered: None,
            sources: None,
            normalizers: BTreeSet::new(),
            builders: 1,
            operators: None,
            max_age_days: None,
            keys: None,
            exceptions: vec![],
            digest: Sha256Digest::of(""),
        }
    }
}

impl Policy {
    /// Reads a policy; `origin` names the file in errors.
    ///
    /// # Errors
    /// [`PolicyError`] with the place in the file.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PolicyError> {
        let mut policy: Self = toml::from_str(text).map_err(|error| PolicyError::Shape {
            origin: origin.to_owned(),
            message: error.to_string(),
        })?;
        policy.digest = Sha256Digest::of(text);
        let refused = |what: String| PolicyError::Refused {
            origin: origin.to_owned(),
            what,
        };
        for verdict in &policy.verdicts {
            match verdict {
                VerdictKind::Reproduced | VerdictKind::Equivalent => {}
                VerdictKind::Different
                | VerdictKind::BuildFailed
                | VerdictKind::SourceNotFound
                | VerdictKind::Unsupported
                | VerdictKind::InfraError => {
                    return Err(refused(format!(
                        "`{verdict}` is no reason for a yes; name the file in an [[exception]]"
                    )));
                }
            }
        }
        if policy.builders == 0 {
            return Err(refused(
                "builders = 0 would say yes to everything; 1 is the least".into(),
            ));
        }
        for exception in &policy.exceptions {
            if exception.reason.trim().is_empty() || exception.person.trim().is_empty() {
                return Err(refused(format!(
                    "the exception for {} names no reason or no person",
                    exception.sha256
                )));
            }
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Policy::parse(text, "policy.toml")
            .expect_err("refused")
            .to_string()
    }

    #[test]
    fn an_empty_policy_accepts_reproductions_by_one_builder() {
        let policy = Policy::parse("", "x").expect("reads");
        assert_eq!(policy.verdicts, BTreeSet::from([VerdictKind::Reproduced]));
        assert_eq!(policy.builders, 1);
    }

    #[test]
    fn what_would_say_yes_to_everything_is_refused() {
        assert!(refusal("verdicts = [\"different\"]").contains("different"));
        assert!(refusal("builders = 0").contains("builders"));
        assert!(refusal("bilders = 2").contains("line 1"));
        let digest = Sha256Digest::of(b"x");
        let nobody = format!(
            "[[exception]]\nsha256 = \"{digest}\"\nreason = \"x\"\nperson = \" \"\nuntil = \"2030-01-01\"\n"
        );
        assert!(refusal(&nobody).contains("no person"));
        let endless =
            format!("[[exception]]\nsha256 = \"{digest}\"\nreason = \"x\"\nperson = \"y\"\n");
        assert!(refusal(&endless).contains("until"));
    }
}
