//! A comparison as JSON: the model's own form, with what it is about around it.
//! `docs/comparison.schema.json` describes it.

use serde::Serialize;

use super::{ComparedFile, ComparedFiles};
use crate::model::{Comparison, steers};

/// The version of the format; a change that an older reader would misread raises it.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    remint_version: &'static str,
    published: &'a ComparedFile,
    rebuilt: &'a ComparedFile,
    comparison: &'a Comparison,
}

/// The comparison as JSON.
pub fn to_json(files: &ComparedFiles, comparison: &Comparison) -> String {
    let document = Document {
        format: FORMAT,
        remint_version: env!("CARGO_PKG_VERSION"),
        published: &files.published,
        rebuilt: &files.rebuilt,
        comparison,
    };
    let text = serde_json::to_string_pretty(&document);
    harmless(&text.expect("a comparison is plain data and serialises"))
}

/// The same JSON with every character that steers a terminal or the reading order
/// as an escape (RFC 8259, section 7). Such a character can only stand in a string.
pub(in crate::report) fn harmless(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && steers(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}
