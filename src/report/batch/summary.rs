//! A batch as Markdown that is short enough to paste.

use super::{Change, Report, Standing, level};
use crate::model::ResultRecord;
use crate::report::comparison::{markdown_cell as cell, markdown_code as code};
use crate::report::tally;

/// Rows of one table; a page that is pasted is read by a person.
const ROWS: usize = 50;

/// The batch's summary.
pub fn to_summary(report: &Report<'_>) -> String {
    let batch = report.batch;
    let mut text = format!(
        "# {}\n\nBatch {}, {} artifacts.\n\n| verdict | artifacts |\n| --- | --- |\n",
        code(report.title),
        code(&batch.id),
        batch.results.len()
    );
    for (kind, count) in tally(batch) {
        text.push_str(&format!("| {kind} | {count} |\n"));
    }
    if report.left > 0 {
        text.push_str(&format!("\nNot complete: {} more to do.\n", report.left));
    }
    let regressions = report.of(|standing| matches!(standing, Standing::Regression { .. }));
    let regressions: Vec<_> = regressions.into_iter().map(|(record, _)| record).collect();
    table(
        &mut text,
        "Regressions: an earlier version reproduced",
        &regressions,
    );
    let failing: Vec<_> = batch
        .results
        .iter()
        .filter(|r| !(report.passes)(r))
        .collect();
    table(&mut text, "Does not pass", &failing);
    let causes = report.causes();
    if !causes.is_empty() {
        text.push_str("\n## Causes of differences\n\n| cause | artifacts |\n| --- | --- |\n");
        for (name, count) in causes {
            text.push_str(&format!("| {name} | {count} |\n"));
        }
    }
    text
}

fn table(text: &mut String, title: &str, records: &[&ResultRecord]) {
    if records.is_empty() {
        return;
    }
    text.push_str(&format!(
        "\n## {title}\n\n| artifact | verdict | reason |\n| --- | --- | --- |\n"
    ));
    for record in records.iter().take(ROWS) {
        text.push_str(&format!(
            "| {} | {} | {} |\n",
            cell(&record.subject()),
            level(&record.verdict),
            cell(&record.verdict.reason())
        ));
    }
    if records.len() > ROWS {
        text.push_str(&format!(
            "\n{} more are in the full report.\n",
            records.len() - ROWS
        ));
    }
}

/// What changed between two batches, the regressions first.
pub fn changes_to_markdown(one: &str, other: &str, changes: &[Change]) -> String {
    let mut text = format!("# {} to {}\n\n", code(one), code(other));
    if changes.is_empty() {
        text.push_str("Nothing changed.\n");
        return text;
    }
    text.push_str("| artifact | before | after | reason |\n| --- | --- | --- | --- |\n");
    for change in changes {
        let name =
            |kind: Option<crate::model::VerdictKind>| kind.map_or("none", |kind| kind.name());
        text.push_str(&format!(
            "| {}{} | {} | {} | {} |\n",
            if change.is_regression() {
                "**regression** "
            } else {
                ""
            },
            cell(&change.subject),
            name(change.before),
            name(change.after),
            cell(&change.reason)
        ));
    }
    text
}
