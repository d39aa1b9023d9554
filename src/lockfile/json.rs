//! Where a value stands in a JSON text. `serde_json` says the line of an error of
//! syntax; what a value means goes wrong later, and still has its place.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::{Wrong, line_of};

/// Reads a whole document, or says on which line it stops being one.
///
/// # Errors
/// [`Wrong`] with that line.
pub fn document<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, Wrong> {
    serde_json::from_str(text).map_err(|error| Wrong {
        line: error.line().max(1),
        reason: error.to_string(),
    })
}

/// Reads one value of a document, with the line on which it begins.
///
/// # Errors
/// [`Wrong`] where it has another shape.
pub fn part<T: DeserializeOwned>(text: &str, raw: &RawValue) -> Result<(usize, T), Wrong> {
    // `raw` borrows from `text`; were it ever a copy, the first line is named.
    let offset = (raw.get().as_ptr() as usize)
        .checked_sub(text.as_ptr() as usize)
        .filter(|offset| *offset <= text.len())
        .unwrap_or(0);
    let line = line_of(text, offset);
    let value = serde_json::from_str(raw.get()).map_err(|error| Wrong {
        line: line + error.line().saturating_sub(1),
        reason: error.to_string(),
    })?;
    Ok((line, value))
}
