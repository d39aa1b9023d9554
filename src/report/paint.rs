//! Colour on a terminal, and text from outside in a bounded line. Imports `model`.
//! Must never write an escape sequence that was not asked for.

use crate::model::{Severity, printable};

/// Colours text where the reader wants colour, and nothing else.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(pub bool);

/// SGR parameters (ECMA-48, section 8.3.117).
pub(super) mod sgr {
    pub(in crate::report) const BOLD: &str = "1";
    pub(in crate::report) const FAINT: &str = "2";
    pub(in crate::report) const RED: &str = "31";
    pub(in crate::report) const GREEN: &str = "32";
    pub(in crate::report) const CYAN: &str = "36";
    pub(in crate::report) const BOLD_RED: &str = "1;31";
    pub(in crate::report) const BOLD_GREEN: &str = "1;32";
    pub(in crate::report) const BOLD_YELLOW: &str = "1;33";
    pub(in crate::report) const BOLD_BLUE: &str = "1;34";
    pub(in crate::report) const BOLD_MAGENTA: &str = "1;35";
    pub(in crate::report) const BOLD_CYAN: &str = "1;36";
}

impl Paint {
    /// `text`, which must be safe to show, in the colour of `sgr`.
    pub(super) fn with(self, sgr: &str, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{sgr}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The colour of a severity.
pub(super) const fn of_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Payload => sgr::BOLD_RED,
        Severity::Generated => sgr::BOLD_YELLOW,
        Severity::Metadata => sgr::BOLD_CYAN,
    }
}

/// Text from outside as one line that is safe to show, cut after `most`
/// characters: a name can be as long as an archive lets it.
pub(super) fn line(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => printable(text, false),
        Some((end, _)) => format!("{}… ({} bytes)", printable(&text[..end], false), text.len()),
    }
}

/// As [`line()`], with tabs left where they are: for a line of a file.
pub(super) fn source_line(text: &str, most: usize) -> String {
    let parts: Vec<String> = match text.char_indices().nth(most) {
        None => text
            .split('\t')
            .map(|part| printable(part, false))
            .collect(),
        Some(_) => return line(&text.replace('\t', " "), most),
    };
    parts.join("\t")
}
