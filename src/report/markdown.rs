//! A batch as Markdown (CommonMark, with GitHub's tables).

use super::{differences, facts, seconds};
use crate::model::{Batch, ResultRecord, printable};

/// The batch: a table, then a section an artifact.
pub fn to_markdown(batch: &Batch) -> String {
    let mut text = format!(
        "# Batch {}\n\n| artifact | verdict | time | reason |\n| --- | --- | --- | --- |\n",
        escaped(&batch.id)
    );
    for record in &batch.results {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            escaped(&record.subject()),
            record.verdict.kind(),
            seconds(record.millis),
            escaped(&record.verdict.reason())
        ));
    }
    for record in &batch.results {
        section(&mut text, record);
    }
    text
}

fn section(text: &mut String, record: &ResultRecord) {
    text.push_str(&format!("\n## {}\n\n", escaped(&record.subject())));
    for (name, value) in facts(record) {
        text.push_str(&format!("- {name}: {}\n", escaped(&value)));
    }
    let (listed, omitted) = differences(record);
    for difference in listed {
        let path = if difference.path.is_empty() {
            "the file itself"
        } else {
            &difference.path
        };
        text.push_str(&format!(
            "\n**{}** {}\n",
            escaped(path),
            escaped(&difference.detail)
        ));
        if let Some(diff) = &difference.diff {
            text.push('\n');
            // Indented code needs no fence that a diff could close.
            for line in printable(diff, true).lines() {
                text.push_str(&format!("    {line}\n"));
            }
        }
    }
    if omitted > 0 {
        text.push_str(&format!("\n{omitted} more differences are left out.\n"));
    }
}

/// Text that Markdown shows as it is (CommonMark, section 2.4), in one line.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text, false).chars() {
        if c.is_ascii_punctuation()
            && !matches!(c, '.' | ',' | ':' | ';' | '/' | '-' | '+' | '@' | '(' | ')')
        {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
