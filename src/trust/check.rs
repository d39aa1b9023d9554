//! The answer: yes or no for one artifact, with the reason and the records that it
//! rests on. Pure: claims and a policy in, an answer out. What nobody claims is a no.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

use super::claim::Claim;
use super::policy::Policy;
use crate::attest::Basis;
use crate::model::{Purl, Sha256Digest, VerdictKind};

/// The answer on one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// What was asked for.
    pub subject: String,
    /// The artifact's SHA-256, where it is known.
    pub sha256: Option<Sha256Digest>,
    /// Yes or no.
    pub trusted: bool,
    /// Why.
    pub reason: String,
    /// What a yes rests on; nothing of a no.
    #[serde(skip)]
    pub ground: Option<Ground>,
    /// Whether builders contradict each other.
    pub disagreement: bool,
    /// Every builder's newest verdict, and what the policy says of it.
    pub records: Vec<Considered>,
}

impl Answer {
    /// Makes a no of a yes.
    pub(super) fn refuse(&mut self, reason: &str) {
        self.trusted = false;
        self.ground = None;
        self.reason = reason.to_owned();
    }
}

/// What a yes rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Enough records that the policy accepts.
    Records,
    /// An exception that the policy makes for this file.
    Exception,
}

/// One record that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Considered {
    /// Its number in the log.
    pub entry: u64,
    /// SHA-256 of the signed bytes of its statement.
    pub statement: Sha256Digest,
    /// Who built.
    pub operator: String,
    /// What it says.
    pub verdict: VerdictKind,
    /// Whether published metadata was replayed.
    pub replayed: bool,
    /// When.
    pub at: Timestamp,
    /// Why it does not count; nothing where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// Judges the claims about one artifact. They must all be about it.
pub fn judge(
    subject: &str,
    sha256: Option<Sha256Digest>,
    claims: &[Claim],
    policy: &Policy,
    now: Timestamp,
) -> Answer {
    // A builder's newest word counts: what it said before is history. The log's order
    // decides, not the time that a builder gives.
    let mut newest: BTreeMap<&str, &Claim> = BTreeMap::new();
    for claim in claims {
        if claim.objection.is_some() {
            continue;
        }
        let slot = newest.entry(&claim.operator).or_insert(claim);
        if claim.entry > slot.entry {
            *slot = claim;
        }
    }
    let mut records: Vec<Considered> = newest
        .values()
        .map(|claim| considered(claim, refusal(claim, policy, now)))
        .collect();
    records.extend(
        claims
            .iter()
            .filter(|claim| claim.objection.is_some())
            .map(|claim| considered(claim, claim.objection.clone())),
    );
    let says = |kind: VerdictKind| newest.values().any(|claim| claim.verdict == kind);
    let disagreement = says(VerdictKind::Different) && says(VerdictKind::Reproduced);
    let agreeing: Vec<&str> = records
        .iter()
        .filter(|record| record.refused.is_none())
        .map(|record| record.operator.as_str())
        .collect();
    let (trusted, reason) = if disagreement {
        let who = |kind| {
            let names: Vec<&str> = newest
                .values()
                .filter(|claim| claim.verdict == kind)
                .map(|claim| claim.operator.as_str())
                .collect();
            names.join(", ")
        };
        let reason = format!(
            "ALARM: builders disagree: {} reproduced it, {} found it different",
            who(VerdictKind::Reproduced),
            who(VerdictKind::Different)
        );
        (false, reason)
    } else if agreeing.len() >= policy.builders {
        (
            true,
            format!("accepted as built by {}", agreeing.join(", ")),
        )
    } else if records.is_empty() {
        (
            false,
            "no record is about it, and no record means no".to_owned(),
        )
    } else {
        let mut reason = format!(
            "{} of {} builder{} accepted",
            agreeing.len(),
            policy.builders,
            if policy.builders == 1 { "" } else { "s" }
        );
        if let Some(why) = records.iter().find_map(|record| record.refused.as_ref()) {
            reason.push_str(&format!("; {why}"));
        }
        (false, reason)
    };
    let mut answer = Answer {
        subject: subject.to_owned(),
        sha256,
        trusted,
        ground: trusted.then_some(Ground::Records),
        reason,
        disagreement,
        records,
    };
    except(&mut answer, policy, now);
    answer
}

/// An exception turns a no into a yes, and says so.
fn except(answer: &mut Answer, policy: &Policy, now: Timestamp) {
    if answer.trusted {
        return;
    }
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    for exception in &policy.exceptions {
        if Some(exception.sha256) != answer.sha256 {
            continue;
        }
        if exception.until >= today {
            answer.trusted = true;
            answer.ground = Some(Ground::Exception);
            answer.reason = format!(
                "exception by {} until {}: {} (without it: {})",
                exception.person, exception.until, exception.reason, answer.reason
            );
            return;
        }
        answer.reason.push_str(&format!(
            "; the exception by {} ended on {}",
            exception.person, exception.until
        ));
    }
}

fn considered(claim: &Claim, refused: Option<String>) -> Considered {
    Considered {
        entry: claim.entry,
        statement: claim.statement,
        operator: claim.operator.clone(),
        verdict: claim.verdict,
        replayed: claim.grounds.is_replayed,
        at: claim.at,
        refused,
    }
}

/// Why a policy does not accept a claim.
fn refusal(claim: &Claim, policy: &Policy, now: Timestamp) -> Option<String> {
    if !policy.verdicts.contains(&claim.verdict) {
        return Some(format!(
            "{} says {}: {}",
            claim.operator, claim.verdict, claim.reason
        ));
    }
    if claim.grounds.is_replayed && !policy.replayed {
        return Some("published metadata was replayed, which the policy refuses".into());
    }
    if let Some(allowed) = &policy.recovered
        && let Some(fact) = claim
            .grounds
            .recovered
            .iter()
            .find(|fact| !allowed.contains(*fact))
    {
        return Some(format!("the recovered fact `{fact}` is not allowed"));
    }
    if policy.sources.is_none() && claim.grounds.basis == Some(Basis::BrokenSdist) {
        return Some(
            "it was built from a source distribution that holds what its commit does not (`broken-sdist`), which only `sources` can allow".into(),
        );
    }
    if let Some(allowed) = &policy.sources
        && claim
            .grounds
            .basis
            .is_none_or(|basis| !allowed.contains(&basis))
    {
        return Some(match claim.grounds.basis {
            Some(basis) => format!("it was built from `{}`, which is not allowed", basis.name()),
            None => "it does not say what it was built from".into(),
        });
    }
    if let Some(name) = claim
        .grounds
        .normalizers
        .iter()
        .find(|name| !policy.normalizers.contains(*name))
    {
        return Some(format!("the normalizer `{name}` is not allowed"));
    }
    if let Some(who) = uncounted(claim, policy) {
        return Some(who);
    }
    if let Some(days) = policy.max_age_days {
        let oldest = now.checked_sub((i64::from(days) * 24).hours());
        if oldest.is_ok_and(|oldest| claim.at < oldest) {
            return Some(format!(
                "it is from {}, more than {days} days ago",
                claim.at
            ));
        }
    }
    None
}

/// Why who claims does not count; nothing where they do.
fn uncounted(claim: &Claim, policy: &Policy) -> Option<String> {
    if policy
        .operators
        .as_ref()
        .is_some_and(|known| !known.contains(&claim.operator))
    {
        return Some(format!("the operator `{}` does not count", claim.operator));
    }
    if policy
        .keys
        .as_ref()
        .is_some_and(|known| !known.contains(&claim.key_id))
    {
        return Some(format!("the key {} does not count", claim.key_id));
    }
    None
}

/// Whether anybody who counts says that the claims' file is an artifact of this release: the
/// name that a stranger gives to a good file is no reason to list it under that name.
pub(super) fn is_named(purl: &Purl, claims: &[Claim], policy: &Policy) -> bool {
    claims.iter().any(|claim| {
        claim.purl.as_ref() == Some(purl)
            && claim.objection.is_none()
            && uncounted(claim, policy).is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::Grounds;

    fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().expect("valid")
    }

    fn claim(entry: u64, operator: &str, verdict: VerdictKind) -> Claim {
        Claim {
            entry,
            statement: Sha256Digest::of(entry.to_be_bytes()),
            operator: operator.into(),
            key_id: Sha256Digest::of(operator),
            artifact: "f".into(),
            sha256: Sha256Digest::of(b"f"),
            sha512: None,
            purl: Some("pkg:npm/f@1.0.0".parse().expect("valid")),
            verdict,
            reason: "because".into(),
            at: "2026-05-30T12:00:00Z".parse().expect("valid"),
            grounds: Grounds::default(),
            objection: None,
        }
    }

    fn ask(claims: &[Claim], policy: &str) -> Answer {
        let policy = Policy::parse(policy, "policy.toml").expect("reads");
        judge("f", Some(Sha256Digest::of(b"f")), claims, &policy, now())
    }

    use VerdictKind::{BuildFailed, Different, Equivalent, Reproduced};

    #[test]
    fn nobody_having_looked_means_no() {
        let answer = ask(&[], "");
        assert!(!answer.trusted);
        assert!(answer.reason.contains("no record"), "{}", answer.reason);
    }

    #[test]
    fn one_reproduction_is_a_yes_and_every_other_verdict_a_no() {
        assert!(ask(&[claim(1, "self", Reproduced)], "").trusted);
        for verdict in [Equivalent, Different, BuildFailed, VerdictKind::Unsupported] {
            let answer = ask(&[claim(1, "self", verdict)], "");
            assert!(!answer.trusted, "{verdict}");
            assert!(answer.reason.contains(verdict.name()), "{}", answer.reason);
        }
    }

    #[test]
    fn a_builders_newest_word_counts_whatever_the_order_of_asking() {
        let (old, new) = (claim(1, "self", Reproduced), claim(2, "self", BuildFailed));
        assert!(!ask(&[old.clone(), new.clone()], "").trusted);
        assert!(!ask(&[new, old], "").trusted);
    }

    #[test]
    fn a_stranger_cannot_give_a_good_file_another_releases_name() {
        let mut link = claim(1, "builder", Reproduced);
        link.purl = None;
        let stranger = claim(2, "stranger", Reproduced);
        let purl: Purl = "pkg:npm/f@1.0.0".parse().expect("valid");
        let named = |policy: &str| {
            let policy = Policy::parse(policy, "policy.toml").expect("reads");
            is_named(&purl, &[link.clone(), stranger.clone()], &policy)
        };
        assert!(named(""));
        assert!(!named("operators = [\"builder\"]"));
    }

    #[test]
    fn a_good_file_of_another_release_is_a_no() {
        let held = |purl: &str| {
            let claim = claim(1, "self", Reproduced);
            ask(&[claim.held_to(&purl.parse().expect("valid"))], "")
        };
        assert!(held("pkg:npm/f@1.0.0").trusted);
        for other in ["pkg:npm/g@1.0.0", "pkg:npm/f@1.0.1"] {
            let answer = held(other);
            assert!(!answer.trusted, "{other}");
            assert!(answer.reason.contains(other), "{}", answer.reason);
        }
        let mut unsaid = claim(1, "other", Reproduced);
        unsaid.purl = None;
        let unsaid = unsaid.held_to(&"pkg:npm/g@1.0.0".parse().expect("valid"));
        assert!(ask(&[unsaid], "").trusted);
    }

    #[test]
    fn k_of_n_counts_operators_and_not_keys() {
        let mut second_key = claim(2, "self", Reproduced);
        second_key.key_id = Sha256Digest::of(b"another key");
        let ours = claim(1, "self", Reproduced);
        assert!(!ask(&[ours.clone(), second_key], "builders = 2").trusted);
        let other = claim(2, "other", Reproduced);
        assert!(ask(&[ours, other], "builders = 2").trusted);
    }

    #[test]
    fn builders_that_disagree_are_an_alarm_and_a_no() {
        let claims = [
            claim(1, "self", Reproduced),
            claim(2, "a", Reproduced),
            claim(3, "b", Different),
        ];
        let answer = ask(&claims, "");
        assert!(!answer.trusted && answer.disagreement);
        assert!(answer.reason.contains("ALARM") && answer.reason.contains('b'));
        // A build that failed contradicts nobody.
        assert!(
            ask(
                &[claim(1, "self", Reproduced), claim(2, "a", BuildFailed)],
                ""
            )
            .trusted
        );
    }

    #[test]
    fn facts_sources_normalizers_grades_ages_operators_and_keys_can_be_refused() {
        let mut steered = claim(1, "self", Reproduced);
        steered.grounds.recovered = vec!["lock-file".into()];
        assert!(ask(&[steered.clone()], "").trusted);
        assert!(ask(&[steered.clone()], "recovered = [\"lock-file\"]").trusted);
        assert!(!ask(&[steered], "recovered = [\"toolchain\"]").trusted);

        let mut replayed = claim(1, "self", Reproduced);
        replayed.grounds.is_replayed = true;
        assert!(ask(&[replayed.clone()], "").trusted);
        assert!(!ask(&[replayed], "replayed = false").trusted);

        let mut equal = claim(1, "self", Equivalent);
        equal.grounds.normalizers = vec!["tar-mtime/1".into()];
        let accept = "verdicts = [\"reproduced\", \"equivalent\"]\n";
        assert!(!ask(&[equal.clone()], accept).trusted);
        let allowed = format!("{accept}normalizers = [\"tar-mtime/1\"]");
        assert!(ask(&[equal], &allowed).trusted);

        let from = |basis| {
            let mut built = claim(1, "self", Reproduced);
            built.grounds.basis = basis;
            [built]
        };
        let linked = "sources = [\"git\", \"linked-sdist\"]";
        for basis in [Basis::Git, Basis::LinkedSdist] {
            assert!(ask(&from(Some(basis)), linked).trusted, "{basis:?}");
        }
        for basis in [Some(Basis::Sdist), Some(Basis::BrokenSdist), None] {
            assert!(!ask(&from(basis), linked).trusted, "{basis:?}");
            let by_default = basis != Some(Basis::BrokenSdist);
            assert_eq!(ask(&from(basis), "").trusted, by_default, "{basis:?}");
        }
        let broken = from(Some(Basis::BrokenSdist));
        assert!(ask(&broken, "sources = [\"broken-sdist\"]").trusted);

        let plain = [claim(1, "self", Reproduced)];
        assert!(ask(&plain, "max_age_days = 2").trusted);
        assert!(!ask(&plain, "max_age_days = 1").trusted);
        assert!(!ask(&plain, "operators = [\"other\"]").trusted);
        let key = Sha256Digest::of("self");
        assert!(ask(&plain, &format!("keys = [\"{key}\"]")).trusted);
        let key = Sha256Digest::of("x");
        assert!(!ask(&plain, &format!("keys = [\"{key}\"]")).trusted);
    }

    #[test]
    fn a_record_by_a_revoked_key_says_nothing() {
        let mut revoked = claim(1, "self", Reproduced);
        revoked.objection = Some("the key x is revoked".into());
        let answer = ask(&[revoked], "");
        assert!(!answer.trusted);
        assert!(answer.reason.contains("revoked"), "{}", answer.reason);
    }

    #[test]
    fn an_exception_holds_to_its_last_day_and_is_named() {
        let digest = Sha256Digest::of(b"f");
        let policy = |until: &str| {
            format!(
                "[[exception]]\nsha256 = \"{digest}\"\nreason = \"vendored\"\nperson = \"A. Person\"\nuntil = \"{until}\"\n"
            )
        };
        let answer = ask(&[], &policy("2026-06-01"));
        assert!(
            answer.trusted && answer.reason.contains("A. Person"),
            "{}",
            answer.reason
        );
        let answer = ask(&[], &policy("2026-05-31"));
        assert!(
            !answer.trusted && answer.reason.contains("ended"),
            "{}",
            answer.reason
        );
    }
}
