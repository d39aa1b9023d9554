//! A comparison as Markdown (CommonMark, with GitHub's tables), short enough to be
//! pasted in an issue. What comes from an artifact stands in code alone, where
//! Markdown knows no links, mentions, HTML or emphasis.

use super::paint::{line, source_line};
use super::{ComparedFiles, Group, counted, diff, groups, headline, place};
use crate::model::{Comparison, Difference, Differs, Equivalence};

/// Characters of a name, or of evidence.
const WIDTH: usize = 300;
/// Members shown of one cause.
const MEMBERS: usize = 10;
/// Lines and bytes shown of one diff.
const DIFF_LINES: usize = 40;
const DIFF_BYTES: usize = 4 << 10;
/// Bytes after which no more members are shown: trackers take texts of 65,536
/// characters, and the headings and advice of the other causes still follow.
const ENOUGH: usize = 44 << 10;

/// The comparison as Markdown.
pub fn to_markdown(files: &ComparedFiles, comparison: &Comparison) -> String {
    let headline = headline(comparison);
    let [published, rebuilt] = match comparison {
        Comparison::Identical { sha256 } => [sha256, sha256],
        Comparison::Differs(differs) => [&differs.published, &differs.rebuilt],
    };
    let mut text = format!(
        "**{}.** {}\n\n| | file | bytes | SHA-256 |\n| --- | --- | --- | --- |\n",
        headline.word, headline.sentence
    );
    for (side, file, sha256) in [
        ("published", &files.published, published),
        ("rebuilt", &files.rebuilt, rebuilt),
    ] {
        text.push_str(&format!(
            "| {side} | {} | {} | `{sha256}` |\n",
            cell(&file.name),
            file.size
        ));
    }
    if let Some(differs) = comparison.differs() {
        text.push_str(&body(differs, 3));
    }
    text.push_str(&format!(
        "\nCompared with remint {}.\n",
        env!("CARGO_PKG_VERSION")
    ));
    text
}

/// What differs and why, below headings of `level`.
pub(in crate::report) fn body(differs: &Differs, level: usize) -> String {
    let heading = "#".repeat(level);
    let mut text = String::new();
    if let Some(equivalence) = &differs.equivalence {
        normalizers(&mut text, equivalence, &heading);
    }
    text.push_str(&format!(
        "\n{heading} Causes\n\n| cause | severity | count | what upstream can do |\n| --- | --- | --- | --- |\n"
    ));
    let groups = groups(differs);
    for group in &groups {
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            group.cause,
            group.severity.name(),
            group.count,
            group.cause.advice()
        ));
    }
    for group in &groups {
        section(&mut text, group, &heading);
    }
    text
}

fn normalizers(text: &mut String, equivalence: &Equivalence, heading: &str) {
    text.push_str(&format!(
        "\n{heading} The same after normalizing\n\nSHA-256 of both files after every normalizer: `{}`\n\n\
         | normalizer | published before | after | rebuilt before | after |\n| --- | --- | --- | --- | --- |\n",
        equivalence.sha256
    ));
    for applied in &equivalence.applied {
        text.push_str(&format!(
            "| {} | `{}` | `{}` | `{}` | `{}` |\n",
            cell(&applied.normalizer),
            applied.published_before,
            applied.published_after,
            applied.rebuilt_before,
            applied.rebuilt_after
        ));
    }
}

fn section(text: &mut String, group: &Group<'_>, heading: &str) {
    text.push_str(&format!(
        "\n{heading} {}: {} ({})\n\n",
        group.severity.name(),
        group.cause,
        group.count
    ));
    let mut shown = 0;
    for difference in group.members.iter().take(MEMBERS) {
        if text.len() > ENOUGH {
            break;
        }
        member(text, difference, group);
        shown += 1;
    }
    if let Some(rest) = group.rest(shown) {
        text.push_str(&format!("\n{rest}.\n"));
    }
}

fn member(text: &mut String, difference: &Difference, group: &Group<'_>) {
    let severity = if difference.severity == group.severity {
        String::new()
    } else {
        format!(" ({})", difference.severity.name())
    };
    text.push_str(&format!(
        "- {}{severity}: {}\n",
        code(place(difference)),
        code(&difference.detail)
    ));
    if let Some(unified) = &difference.diff {
        text.push_str(&fenced(unified));
    }
}

/// A diff, from rebuilt to published, in a fence that it cannot close.
fn fenced(unified: &str) -> String {
    let mut shown = String::new();
    let mut lines = diff::lines(unified).peekable();
    let mut taken = 0;
    while taken < DIFF_LINES && shown.len() < DIFF_BYTES {
        let Some(next) = lines.next() else { break };
        shown.push_str(&source_line(next, WIDTH));
        shown.push('\n');
        taken += 1;
    }
    match lines.count() {
        0 => {}
        beyond => shown.push_str(&format!("… {} more\n", counted(beyond, "line"))),
    }
    // CommonMark, section 4.5: only a run at least as long closes a fence.
    let fence = "`".repeat(longest_run(&shown).max(2) + 1);
    format!("\n{fence}diff\n--- rebuilt\n+++ published\n{shown}{fence}\n\n")
}

/// Text from outside as a code span (CommonMark, section 6.1): only a run of
/// backticks of the same length closes one.
pub(in crate::report) fn code(text: &str) -> String {
    let shown = line(text, WIDTH);
    if shown.is_empty() {
        return "(empty)".into();
    }
    let fence = "`".repeat(longest_run(&shown) + 1);
    // One space on both sides is taken away by the reader, and is needed beside
    // a backtick, or a space that is to stay.
    let edge = |c: Option<char>| matches!(c, Some('`' | ' '));
    let pad = if edge(shown.chars().next()) || edge(shown.chars().last()) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

/// A code span in a table, where a bar would end the cell even within code.
pub(in crate::report) fn cell(text: &str) -> String {
    code(text).replace('|', "\\u{7c}")
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
