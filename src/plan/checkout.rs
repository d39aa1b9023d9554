//! The publisher's checkout, where it is not the usual one: told from the artifact beside
//! the source, for every ecosystem alike. Pure.

use std::collections::BTreeMap;

use super::{Facts, endings, modes};
use crate::model::{CrlfCheckout, RecoveredFact};

/// How the plan's checkout differs, and what says so.
#[derive(Default)]
pub(super) struct Checkout {
    /// Line ends of text files, where they are not the commit's.
    pub(super) crlf: Option<CrlfCheckout>,
    /// Whether files have no executable bits.
    pub(super) plain_modes: bool,
}

impl Checkout {
    /// Reads the facts, and adds what they tell to a plan's recovered inputs and reasons.
    /// Line ends are told from the texts themselves. Modes are told only where
    /// `modes_tell`: where the packing tool does not set them itself.
    pub(super) fn of(
        facts: &Facts<'_>,
        modes_tell: bool,
        recovered: &mut Vec<RecoveredFact>,
        reasons: &mut BTreeMap<String, String>,
    ) -> Self {
        let mut checkout = Self::default();
        if let Some((crlf, fact)) = endings::recovered(facts) {
            checkout.crlf = Some(crlf);
            recovered.push(fact);
            reasons.insert(
                "plan.crlf".into(),
                "the published texts end their lines with CRLF where the commit's do not: git wrote them so".into(),
            );
        }
        if let Some(fact) = modes::recovered(facts).filter(|_| modes_tell) {
            checkout.plain_modes = true;
            recovered.push(fact);
            reasons.insert(
                "plan.plain_modes".into(),
                "the source has executable files and the artifact has none: its checkout was on Windows".into(),
            );
        }
        checkout
    }
}
