//! One comparison for people and machines: a terminal's lines, JSON, Markdown and
//! HTML. Pure functions from the names of both files and the comparison to text.
//! Imports `model` and the parts that it shares with the batch report. Nothing of
//! an artifact reaches a reader without being escaped, and nothing that was found
//! is left out without its number being said.

mod diff;
mod html;
mod json;
mod markdown;
mod terminal;

use serde::Serialize;

use super::{page, paint};
use crate::model::{Cause, Comparison, Difference, Differs, Severity};

pub use html::to_html;
pub use json::to_json;
pub use markdown::to_markdown;
pub use terminal::to_terminal;

pub(super) use html::body as html_body;
pub(super) use markdown::{body as markdown_body, cell as markdown_cell, code as markdown_code};
pub(super) use terminal::causes as terminal_causes;

/// One of two files that were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComparedFile {
    /// Its name, as people should read it.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The two files that were compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComparedFiles {
    /// The published one.
    pub published: ComparedFile,
    /// The rebuilt one.
    pub rebuilt: ComparedFile,
}

/// Everything that one cause explains.
struct Group<'a> {
    cause: Cause,
    severity: Severity,
    /// How often it was found, listed or not.
    count: usize,
    /// Those that are listed, worst first.
    members: Vec<&'a Difference>,
}

impl Group<'_> {
    /// How many there are beyond the first `shown`, in words, where there are any.
    fn rest(&self, shown: usize) -> Option<String> {
        match (shown, self.count.saturating_sub(shown)) {
            (_, 0) => None,
            (0, all) => Some(format!("{all}, not listed here")),
            (_, beyond) => Some(format!("… and {beyond} more")),
        }
    }
}

/// The differences by cause, in the order of the comparison: worst first.
fn groups(differs: &Differs) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = differs
        .causes
        .iter()
        .map(|counted| Group {
            cause: counted.cause,
            severity: counted.severity,
            count: counted.count,
            members: vec![],
        })
        .collect();
    for difference in &differs.differences {
        match groups.iter_mut().find(|g| g.cause == difference.cause) {
            Some(group) => group.members.push(difference),
            // A record of another version may list what it does not count.
            None => groups.push(Group {
                cause: difference.cause,
                severity: difference.severity,
                count: 1,
                members: vec![difference],
            }),
        }
    }
    for group in &mut groups {
        group.count = group.count.max(group.members.len());
    }
    groups
}

/// What is said first: one word, and one sentence that explains it.
struct Headline {
    word: String,
    sentence: String,
}

fn headline(comparison: &Comparison) -> Headline {
    match comparison {
        Comparison::Identical { .. } => Headline {
            word: "identical".into(),
            sentence: "Both files are the same bytes.".into(),
        },
        Comparison::Differs(differs) => headline_of(differs),
    }
}

fn headline_of(differs: &Differs) -> Headline {
    let total = counted(differs.total(), "difference");
    let listed = match differs.omitted {
        0 => String::new(),
        omitted => format!(", {omitted} of them counted and not listed"),
    };
    if differs.equivalence.is_some() {
        return Headline {
            word: "equivalent".into(),
            sentence: format!(
                "Not the same bytes; the same after the normalizers below. {total}{listed}."
            ),
        };
    }
    let meaning = match differs.severity() {
        Severity::Payload => "Content that is used or executed differs.",
        Severity::Generated => {
            "Nothing but what tools write about the package, and how it is wrapped, differs."
        }
        Severity::Metadata => {
            "Nothing but the wrapping differs: times, owners, order, compression."
        }
    };
    Headline {
        word: format!("differs: {}", differs.severity().name()),
        sentence: format!("{meaning} {total}{listed}."),
    }
}

/// A number with its noun.
fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Where a difference lies, as people say it; not yet escaped.
fn place(difference: &Difference) -> &str {
    if difference.path.is_empty() {
        "the file itself"
    } else {
        &difference.path
    }
}

#[cfg(test)]
mod tests;
