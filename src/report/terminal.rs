//! A batch as lines on a terminal.

use super::seconds;
use crate::model::{Batch, VerdictKind, printable};

/// One line an artifact: verdict, name, time, and the reason below it where it is
/// not plain success. Coloured only when told so.
pub fn to_terminal(batch: &Batch, colour: bool) -> String {
    let mut text = String::new();
    for record in &batch.results {
        let kind = record.verdict.kind();
        let name = printable(&record.subject(), false);
        let label = if colour {
            // SGR (ECMA-48, section 8.3.117): bold and a colour, then reset.
            format!("\u{1b}[1;{}m{kind:16}\u{1b}[0m", colour_of(kind))
        } else {
            format!("{kind:16}")
        };
        text.push_str(&format!("{label} {name} ({})\n", seconds(record.millis)));
        text.push_str(&format!(
            "    {}\n",
            printable(&record.verdict.reason(), false)
        ));
        if let Some(source) = &record.source {
            text.push_str(&format!(
                "    source: {}\n",
                printable(&source.summary(), false)
            ));
        }
    }
    let good = batch
        .results
        .iter()
        .filter(|r| r.verdict.kind() == VerdictKind::Reproduced)
        .count();
    text.push_str(&format!("{good} of {} reproduced\n", batch.results.len()));
    text
}

const fn colour_of(kind: VerdictKind) -> u8 {
    match kind {
        VerdictKind::Reproduced => 32,
        VerdictKind::Different => 31,
        VerdictKind::Equivalent | VerdictKind::BuildFailed | VerdictKind::SourceNotFound => 33,
        VerdictKind::Unsupported => 36,
        VerdictKind::InfraError => 35,
    }
}
