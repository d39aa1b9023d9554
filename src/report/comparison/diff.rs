//! A unified diff taken apart into rows that can stand side by side. Pure; imports
//! nothing. It must take any text: a line that is no part of a diff is a note.

/// One line of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    pub number: u64,
    pub text: &'a str,
    /// Whether the file ends with it, without a line feed.
    pub unended: bool,
}

/// One row of two sides: left is rebuilt, right is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Row<'a> {
    /// The header of a hunk.
    Hunk(&'a str),
    /// The same line on both sides.
    Same(Line<'a>, Line<'a>),
    /// A line that was replaced, or that only one side has.
    Changed(Option<Line<'a>>, Option<Line<'a>>),
    /// Anything else that the diff says.
    Note(&'a str),
}

/// The lines of a diff without the two that name its sides.
pub(super) fn lines(diff: &str) -> impl Iterator<Item = &str> {
    let diff = diff.strip_suffix('\n').unwrap_or(diff);
    // Not `lines()`, which would take a carriage return away.
    let mut lines = diff.split('\n').peekable();
    for name in ["--- ", "+++ "] {
        lines.next_if(|line| line.starts_with(name));
    }
    lines
}

/// The rows of a diff.
pub(super) fn rows(diff: &str) -> Vec<Row<'_>> {
    let mut reader = Reader::default();
    for line in lines(diff) {
        reader.read(line);
    }
    reader.end_block();
    reader.rows
}

#[derive(Default)]
struct Reader<'a> {
    rows: Vec<Row<'a>>,
    /// Whether a hunk's header was seen, and with it the numbers of the lines.
    inside: bool,
    old: u64,
    new: u64,
    /// Lines of a block of changes that is not yet over.
    removed: Vec<Line<'a>>,
    added: Vec<Line<'a>>,
    last: Option<char>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, line: &'a str) {
        let tag = line.chars().next();
        match tag {
            Some('@') => {
                self.end_block();
                if let Some((old, new)) = starts(line) {
                    (self.inside, self.old, self.new) = (true, old, new);
                }
                self.rows.push(Row::Hunk(line));
            }
            Some('-') if self.inside => {
                self.removed.push(numbered(&mut self.old, &line[1..]));
            }
            Some('+') if self.inside => self.added.push(numbered(&mut self.new, &line[1..])),
            Some(' ') if self.inside => {
                self.end_block();
                let text = &line[1..];
                let left = numbered(&mut self.old, text);
                let right = numbered(&mut self.new, text);
                self.rows.push(Row::Same(left, right));
            }
            Some('\\') if self.inside => self.unended(),
            _ => {
                self.end_block();
                self.rows.push(Row::Note(line));
            }
        }
        self.last = tag;
    }

    /// `\ No newline at end of file` speaks of the line before it.
    fn unended(&mut self) {
        match self.last {
            Some('-') => mark(self.removed.last_mut()),
            Some('+') => mark(self.added.last_mut()),
            _ => {
                if let Some(Row::Same(left, right)) = self.rows.last_mut() {
                    mark(Some(left));
                    mark(Some(right));
                }
            }
        }
    }

    /// Puts what was removed beside what was added in its place.
    fn end_block(&mut self) {
        let removed = std::mem::take(&mut self.removed);
        let added = std::mem::take(&mut self.added);
        for row in 0..removed.len().max(added.len()) {
            self.rows.push(Row::Changed(
                removed.get(row).copied(),
                added.get(row).copied(),
            ));
        }
    }
}

fn mark(line: Option<&mut Line<'_>>) {
    if let Some(line) = line {
        line.unended = true;
    }
}

fn numbered<'a>(next: &mut u64, text: &'a str) -> Line<'a> {
    let number = *next;
    *next = next.saturating_add(1);
    Line {
        number,
        text,
        unended: false,
    }
}

/// The first line of both sides, from `@@ -3,7 +3,8 @@`.
fn starts(header: &str) -> Option<(u64, u64)> {
    let mut words = header.split(' ').skip(1);
    let mut number = |sign| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split(',').next()?.parse().ok()
    };
    Some((number('-')?, number('+')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, text: &str) -> Line<'_> {
        Line {
            number,
            text,
            unended: false,
        }
    }

    #[test]
    fn what_was_replaced_stands_beside_its_replacement() {
        let diff =
            "--- rebuilt\n+++ published\n@@ -3,4 +3,3 @@\n a\n-b\n--- c\n+B\n\\ No newline\n";
        assert_eq!(
            rows(diff),
            [
                Row::Hunk("@@ -3,4 +3,3 @@"),
                Row::Same(line(3, "a"), line(3, "a")),
                Row::Changed(
                    Some(line(4, "b")),
                    Some(Line {
                        unended: true,
                        ..line(4, "B")
                    })
                ),
                Row::Changed(Some(line(5, "-- c")), None),
            ]
        );
    }

    #[test]
    fn any_other_text_is_a_note() {
        assert_eq!(rows("-x\n… cut"), [Row::Note("-x"), Row::Note("… cut")]);
        assert_eq!(rows("@@ nonsense"), [Row::Hunk("@@ nonsense")]);
        assert_eq!(
            rows("@@ -18446744073709551615 +1 @@\n-a\n-b").len(),
            3,
            "numbers at the end of their range"
        );
    }
}
