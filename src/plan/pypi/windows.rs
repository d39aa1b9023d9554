//! Wheels that were packed on Windows, told from what a zip says of the system that it was
//! made on: how the same build leaves the same bytes elsewhere. Pure.

use super::super::{Facts, endings, modes};
use crate::model::{CrlfCheckout, PackingSystem, RecoveredFact};

/// Lets Python write as it does on Windows, for the build steps alone.
pub(super) const HOOK: &str = include_str!("windows.py");

/// What the publisher's system did to the checkout and to the build.
#[derive(Default)]
pub(super) struct Checkout {
    /// Line ends of text files, where they are not the commit's.
    pub(super) crlf: Option<CrlfCheckout>,
    /// Whether files have no executable bits.
    pub(super) plain_modes: bool,
    /// The facts that say so.
    pub(super) recovered: Vec<RecoveredFact>,
}

/// Whether the wheel was packed on Windows.
pub(super) fn packed_there(facts: &Facts<'_>) -> bool {
    facts.packed_on == Some(PackingSystem::Windows)
}

/// The publisher's checkout. Line ends are told from the texts themselves: another
/// system's checkout can have CRLF too.
pub(super) fn checkout(facts: &Facts<'_>) -> Checkout {
    let mut checkout = Checkout::default();
    if let Some((crlf, fact)) = endings::recovered(facts) {
        checkout.crlf = Some(crlf);
        checkout.recovered.push(fact);
    }
    if packed_there(facts) {
        checkout.recovered.push(RecoveredFact::System {
            system: PackingSystem::Windows,
        });
        if let Some(fact) = modes::recovered(facts) {
            checkout.plain_modes = true;
            checkout.recovered.push(fact);
        }
    }
    checkout
}
