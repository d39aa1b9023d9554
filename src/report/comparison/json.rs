//! A comparison as JSON: the model's own form, with what it is about around it.
//! `docs/comparison.schema.json` describes it.

use serde::Serialize;

use super::{ComparedFile, ComparedFiles};
use crate::model::{Comparison, printable_json};

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
    printable_json(&text.expect("a comparison is plain data and serialises"))
}
