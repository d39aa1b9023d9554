//! A batch as lines on a terminal.

use super::comparison::terminal_causes;
use super::paint::{Paint, sgr};
use super::{seconds, tally};
use crate::model::{Batch, ResultRecord, SdistLink, VerdictKind, printable};

/// One line an artifact: verdict, name, time, and the reason below it where it is
/// not plain success. Coloured only when told so.
pub fn to_terminal(batch: &Batch, colour: bool) -> String {
    let mut text = String::new();
    for record in &batch.results {
        let kind = record.verdict.kind();
        let name = printable(&record.subject(), false);
        let label = Paint(colour).with(colour_of(kind), &format!("{kind:16}"));
        text.push_str(&format!("{label} {name} ({})\n", seconds(record.millis)));
        text.push_str(&format!(
            "    {}\n",
            printable(&record.verdict.reason(), false)
        ));
        if let Some(differs) = record.verdict.comparison() {
            text.push_str(&terminal_causes(differs, colour));
        }
        if let Some(source) = &record.source {
            text.push_str(&format!(
                "    source: {}\n",
                printable(&source.summary(), false)
            ));
        }
        if let Some(basis) = record.basis() {
            let is_broken = record.sdist.as_ref().is_some_and(SdistLink::is_broken);
            let label = if is_broken {
                Paint(colour).with(sgr::BOLD_RED, "sdist:")
            } else {
                "sdist:".into()
            };
            text.push_str(&format!("    {label} {}\n", printable(&basis, false)));
        }
    }
    let tally = tally(batch);
    let of = |kind| tally.get(&kind).copied().unwrap_or(0);
    text.push_str(&format!(
        "{} of {} reproduced",
        of(VerdictKind::Reproduced),
        batch.results.len()
    ));
    let is_of_no_commit = |record: &&ResultRecord| {
        record.verdict.kind() == VerdictKind::Reproduced && record.rests_on_broken_sdist()
    };
    match batch.results.iter().filter(is_of_no_commit).count() {
        0 => {}
        broken => text.push_str(&format!(
            ", {broken} of them from a source distribution that holds what its commit does not"
        )),
    }
    match of(VerdictKind::Equivalent) {
        0 => {}
        equivalent => text.push_str(&format!(
            "; {equivalent} equivalent, which is not the same bytes"
        )),
    }
    text.push('\n');
    text
}

pub(super) const fn colour_of(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Reproduced => sgr::BOLD_GREEN,
        VerdictKind::Equivalent => sgr::BOLD_BLUE,
        VerdictKind::Different => sgr::BOLD_RED,
        VerdictKind::BuildFailed | VerdictKind::SourceNotFound => sgr::BOLD_YELLOW,
        VerdictKind::Unsupported => sgr::BOLD_CYAN,
        VerdictKind::InfraError => sgr::BOLD_MAGENTA,
    }
}
