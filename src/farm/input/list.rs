//! One package URL a line; what follows ` #` is a remark.

use super::{Found, Wanted};
use crate::lockfile::Wrong;

pub(super) fn parse(text: &str) -> Result<Found, Wrong> {
    let mut found = Found::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let purl = line
            .parse()
            .map_err(|error: crate::model::PurlError| Wrong {
                line: index + 1,
                reason: error.to_string(),
            })?;
        found.wanted.push(Wanted::Package(purl));
    }
    Ok(found)
}
