//! Copies of a verdict's bundles as files with names, for those who hand a file to
//! another tool. The store does not read them back.

use std::path::Path;

use super::Error;
use super::records::Record;
use crate::attest::{PROVENANCE, REBUILD_RESULT, SVR, TEST_RESULT};
use crate::model::ResultRecord;
use crate::store;

/// Writes the copies below the data folder; returns the path of the one with remint's
/// own result, relative to that.
///
/// # Errors
/// [`Error`] where one cannot be written.
pub fn keep_copies(
    verdict: &ResultRecord,
    stored: &[Record],
    data: &Path,
) -> Result<String, Error> {
    let stem = format!(
        "attestations/{}/{}.{}",
        verdict.purl.file_stem(),
        verdict.subject(),
        verdict.started.strftime("%Y%m%dT%H%M%S%fZ"),
    );
    let mut own = String::new();
    for record in stored {
        let predicate_type = record.bundle.statement()?.predicate_type;
        let what = match predicate_type.as_str() {
            REBUILD_RESULT => "result",
            PROVENANCE => "provenance",
            SVR => "svr",
            TEST_RESULT => "test-result",
            other => other.rsplit([':', '/']).next().unwrap_or(other),
        };
        let path = format!("{stem}.{what}.sigstore.json");
        store::write_durably(&data.join(&path), record.bundle.to_json().as_bytes())?;
        if predicate_type == REBUILD_RESULT {
            own = path;
        }
        if let Some(link) = &record.link {
            let path = data.join(format!("{stem}.link"));
            store::write_durably(&path, link.to_json().as_bytes())?;
        }
    }
    Ok(own)
}
