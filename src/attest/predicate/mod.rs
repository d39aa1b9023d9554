//! What is said of each verdict, one file a predicate.
//!
//! A gate may look at signature, subject and predicate type alone, as common tools
//! do. So no type but remint's own, whose verdict must be read, is shared by a
//! positive and a negative verdict: absence of evidence means no.

mod grounds;
mod key_event;
mod provenance;
mod result;
mod summary;
mod tested;
mod verified;
mod witness;

use super::{Error, Statement};
use crate::model::{ResultRecord, Verdict};

pub use grounds::{Basis, Grounds};
pub use key_event::{KEY_EVENT, KeyEvent, KeyEventKind, KeyRole};
pub use provenance::PROVENANCE;
pub use result::REBUILD_RESULT;
pub use summary::{Passed, Resource, ResourceDigest, Summary, SummaryVerifier, VSA};
pub use tested::TEST_RESULT;
pub use verified::{BIT_FOR_BIT, EQUIVALENT, REPLAYED, SVR};
pub use witness::{WITNESS, Witness, WitnessFormat};

/// Every statement of a record, remint's own first.
///
/// # Errors
/// [`Error::NotSigned`] for an `infra-error`, [`Error::NoSubject`] where the
/// record names no published file.
pub fn statements(record: &ResultRecord) -> Result<Vec<Statement>, Error> {
    let artifact = record.artifact.as_ref().ok_or(Error::NoSubject)?;
    // Whatever the record came from: this is where it is signed.
    if let Some(why) = record.contradiction(&record.purl) {
        return Err(Error::Invalid(why));
    }
    let own = result::statement(record, artifact);
    Ok(match &record.verdict {
        Verdict::Reproduced {
            sha256, replayed, ..
        } => {
            let property = if replayed.is_empty() {
                BIT_FOR_BIT
            } else {
                REPLAYED
            };
            vec![
                own,
                provenance::statement(record, artifact, sha256),
                verified::statement(record, artifact, property),
            ]
        }
        Verdict::Equivalent { comparison } => vec![
            own,
            provenance::statement(record, artifact, &comparison.rebuilt),
            verified::statement(record, artifact, EQUIVALENT),
        ],
        Verdict::Different { .. } => vec![own, tested::failed(record, artifact)],
        Verdict::BuildFailed { .. }
        | Verdict::SourceNotFound { .. }
        | Verdict::Unsupported { .. } => vec![own],
        Verdict::InfraError { .. } => return Err(Error::NotSigned(record.verdict.kind())),
    })
}
