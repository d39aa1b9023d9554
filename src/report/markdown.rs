//! A batch as Markdown (CommonMark, with GitHub's tables). What comes from outside
//! stands in code alone.

use super::comparison::{markdown_body, markdown_cell as cell, markdown_code as code};
use super::{facts, seconds};
use crate::model::{Batch, ResultRecord};

/// The batch: a table, then a section an artifact.
pub fn to_markdown(batch: &Batch) -> String {
    let mut text = format!(
        "# Batch {}\n\n| artifact | verdict | time | reason |\n| --- | --- | --- | --- |\n",
        code(&batch.id)
    );
    for record in &batch.results {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            cell(&record.subject()),
            record.verdict.kind(),
            seconds(record.millis),
            cell(&record.verdict.reason())
        ));
    }
    for record in &batch.results {
        section(&mut text, record);
    }
    text
}

fn section(text: &mut String, record: &ResultRecord) {
    text.push_str(&format!("\n## {}\n\n", code(&record.subject())));
    for (name, value) in facts(record) {
        text.push_str(&format!("- {name}: {}\n", code(&value)));
    }
    if let Some(differs) = record.verdict.comparison() {
        text.push_str(&markdown_body(differs, 3));
    }
}
