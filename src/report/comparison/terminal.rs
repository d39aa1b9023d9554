//! A comparison as lines on a terminal: short, worst first, by cause. Coloured only
//! when told so.

use super::paint::{Paint, line, of_severity, sgr, source_line};
use super::{ComparedFiles, Group, counted, diff, groups, headline, place};
use crate::model::{Comparison, Differs, Equivalence};

/// Members shown of one cause; more would push the next cause off the screen.
const MEMBERS: usize = 4;
/// Members shown of a cause that matters less than the worst.
const LESSER: usize = 2;
/// Lines shown of a diff, and of one diff a cause.
const DIFF_LINES: usize = 10;
/// Characters of a name, of evidence, or of a line of a diff.
const WIDTH: usize = 300;

/// The comparison as lines.
pub fn to_terminal(files: &ComparedFiles, comparison: &Comparison, colour: bool) -> String {
    let paint = Paint(colour);
    let headline = headline(comparison);
    let (tint, digests) = match comparison {
        Comparison::Identical { sha256 } => (sgr::BOLD_GREEN, [sha256, sha256]),
        Comparison::Differs(differs) => (
            if differs.equivalence.is_some() {
                sgr::BOLD_BLUE
            } else {
                of_severity(differs.severity())
            },
            [&differs.published, &differs.rebuilt],
        ),
    };
    let mut text = format!(
        "{}\n{}\n",
        paint.with(tint, &headline.word),
        headline.sentence
    );
    let sides = [("published", &files.published), ("rebuilt", &files.rebuilt)];
    for ((side, file), sha256) in sides.into_iter().zip(digests) {
        text.push_str(&format!(
            "  {side:9}  {} ({} bytes)\n             sha256 {sha256}\n",
            line(&file.name, WIDTH),
            file.size
        ));
    }
    if let Some(differs) = comparison.differs() {
        if let Some(equivalence) = &differs.equivalence {
            normalizers(&mut text, equivalence, paint);
        }
        for group in groups(differs) {
            let worst = group.severity == differs.severity();
            section(
                &mut text,
                &group,
                if worst { MEMBERS } else { LESSER },
                paint,
            );
        }
    }
    text
}

/// One line a cause with its advice: what a batch shows of a comparison.
pub(in crate::report) fn causes(differs: &Differs, colour: bool) -> String {
    let paint = Paint(colour);
    let mut text = String::new();
    for group in groups(differs) {
        text.push_str(&format!(
            "    {}: {}\n",
            title(&group, paint),
            group.cause.advice()
        ));
    }
    text
}

fn title(group: &Group<'_>, paint: Paint) -> String {
    format!(
        "{} {} ({})",
        paint.with(of_severity(group.severity), group.severity.name()),
        paint.with(sgr::BOLD, group.cause.name()),
        group.count
    )
}

fn normalizers(text: &mut String, equivalence: &Equivalence, paint: Paint) {
    text.push_str(&format!(
        "\n{}\n             sha256 {}\n",
        paint.with(sgr::BOLD, "the same after"),
        equivalence.sha256
    ));
    for applied in &equivalence.applied {
        text.push_str(&format!("  {}\n", line(&applied.normalizer, WIDTH)));
        for (side, before, after) in [
            (
                "published",
                &applied.published_before,
                &applied.published_after,
            ),
            ("rebuilt", &applied.rebuilt_before, &applied.rebuilt_after),
        ] {
            let change = if before == after {
                "unchanged".to_owned()
            } else {
                format!("{before}\n            -> {after}")
            };
            text.push_str(&format!("    {side:9}  {change}\n"));
        }
    }
}

fn section(text: &mut String, group: &Group<'_>, most: usize, paint: Paint) {
    text.push_str(&format!("\n{}\n", title(group, paint)));
    let shown = &group.members[..group.members.len().min(most)];
    let mut excerpted = false;
    for difference in shown {
        let severity = if difference.severity == group.severity {
            String::new()
        } else {
            format!(" ({})", difference.severity.name())
        };
        text.push_str(&format!(
            "  {}{severity}\n    {}\n",
            line(place(difference), WIDTH),
            line(&difference.detail, WIDTH)
        ));
        if let Some(diff) = &difference.diff
            && !excerpted
        {
            excerpt(text, diff, paint);
            excerpted = true;
        }
    }
    if let Some(rest) = group.rest(shown.len()) {
        text.push_str(&format!("  {rest}\n"));
    }
    text.push_str(&format!(
        "  {} {}\n",
        paint.with(sgr::BOLD, "advice:"),
        group.cause.advice()
    ));
}

fn excerpt(text: &mut String, unified: &str, paint: Paint) {
    let mut lines = diff::lines(unified);
    for shown in lines.by_ref().take(DIFF_LINES) {
        let tint = match shown.chars().next() {
            Some('-') => Some(sgr::RED),
            Some('+') => Some(sgr::GREEN),
            Some('@') => Some(sgr::CYAN),
            _ => None,
        };
        let shown = source_line(shown, WIDTH);
        let shown = tint.map_or_else(|| shown.clone(), |tint| paint.with(tint, &shown));
        text.push_str(&format!("      {shown}\n"));
    }
    let beyond = lines.count();
    if beyond > 0 {
        let more = format!("… {} more", counted(beyond, "line"));
        text.push_str(&format!("      {}\n", paint.with(sgr::FAINT, &more)));
    }
}
