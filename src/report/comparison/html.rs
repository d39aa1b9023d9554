//! A comparison as one HTML page: the causes with advice first, then each
//! difference with its evidence, and diffs side by side.

use super::diff::{self, Line, Row};
use super::page::{page, prose, source, text};
use super::{ComparedFiles, Group, counted, groups, headline, place};
use crate::model::{Comparison, Difference, Differs, Equivalence, Severity};

/// Rows of a diff that are shown without being asked for.
const UNFOLDED: usize = 30;

/// The comparison as a page.
pub fn to_html(files: &ComparedFiles, comparison: &Comparison) -> String {
    let headline = headline(comparison);
    let (class, digests) = match comparison {
        Comparison::Identical { sha256 } => ("good", [sha256, sha256]),
        Comparison::Differs(differs) => {
            let class = match differs.equivalence {
                Some(_) => "equivalent",
                None => differs.severity().name(),
            };
            (class, [&differs.published, &differs.rebuilt])
        }
    };
    let mut out = format!(
        "<p class=\"faint\">remint {} compare</p>\n<h1><span class=\"tag {class}\">{}</span></h1>\n<p>{}</p>\n\
         <table class=\"cards\">\n<caption>The two files</caption>\n<thead><tr><th scope=\"col\">Side</th>\
         <th scope=\"col\">File</th><th scope=\"col\" class=\"num\">Bytes</th><th scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n",
        env!("CARGO_PKG_VERSION"),
        headline.word,
        headline.sentence
    );
    let sides = [("published", &files.published), ("rebuilt", &files.rebuilt)];
    for ((side, file), sha256) in sides.into_iter().zip(digests) {
        out.push_str(&format!(
            "<tr><th scope=\"row\">{side}</th><td><code>{}</code></td><td class=\"num\" data-name=\"Bytes\">{}</td>\
             <td data-name=\"SHA-256\"><code>{sha256}</code></td></tr>\n",
            text(&file.name),
            file.size
        ));
    }
    out.push_str("</tbody>\n</table>\n");
    if let Some(differs) = comparison.differs() {
        out.push_str(&body(differs, "", 2));
    }
    let title = format!("{}: {}", text(&files.published.name), headline.word);
    page(&title, &out)
}

/// What differs and why, below headings of `level`. `prefix` keeps the targets of
/// several comparisons on one page apart.
pub(in crate::report) fn body(differs: &Differs, prefix: &str, level: u8) -> String {
    let mut out = String::new();
    if let Some(equivalence) = &differs.equivalence {
        normalizers(&mut out, equivalence, level);
    }
    let groups = groups(differs);
    out.push_str(&format!(
        "<h{level}>Causes</h{level}>\n<table class=\"cards\">\n<caption>Worst first</caption>\n<thead><tr>\
         <th scope=\"col\">Cause</th><th scope=\"col\">Severity</th><th scope=\"col\" class=\"num\">Count</th>\
         <th scope=\"col\">What upstream can do</th></tr></thead>\n<tbody>\n"
    ));
    for group in &groups {
        let cause = group.cause.name();
        out.push_str(&format!(
            "<tr><th scope=\"row\"><a href=\"#{prefix}{cause}\">{cause}</a></th><td>{}</td>\
             <td class=\"num\" data-name=\"Count\">{}</td><td>{}</td></tr>\n",
            tag(group.severity),
            group.count,
            prose(group.cause.advice())
        ));
    }
    out.push_str("</tbody>\n</table>\n");
    for group in &groups {
        section(&mut out, group, prefix, level);
    }
    out
}

fn tag(severity: Severity) -> String {
    format!("<span class=\"tag {0}\">{0}</span>", severity.name())
}

fn normalizers(out: &mut String, equivalence: &Equivalence, level: u8) {
    out.push_str(&format!(
        "<h{level}>The same after normalizing</h{level}>\n\
         <p>SHA-256 of both files after every normalizer: <code>{}</code></p>\n\
         <table class=\"cards\">\n<caption>In the order in which they ran</caption>\n<thead><tr>\
         <th scope=\"col\">Normalizer</th><th scope=\"col\">Side</th><th scope=\"col\">SHA-256 before</th>\
         <th scope=\"col\">SHA-256 after</th></tr></thead>\n<tbody>\n",
        equivalence.sha256
    ));
    for applied in &equivalence.applied {
        let name = text(&applied.normalizer);
        let sides = [
            (
                "published",
                applied.published_before,
                applied.published_after,
            ),
            ("rebuilt", applied.rebuilt_before, applied.rebuilt_after),
        ];
        for (side, before, after) in sides {
            out.push_str(&format!(
                "<tr><th scope=\"row\" class=\"name\"><code>{name}</code></th><td>{side}</td><td data-name=\"Before\"><code>{before}</code></td>\
                 <td data-name=\"After\"><code>{after}</code></td></tr>\n"
            ));
        }
    }
    out.push_str("</tbody>\n</table>\n");
}

fn section(out: &mut String, group: &Group<'_>, prefix: &str, level: u8) {
    let cause = group.cause.name();
    out.push_str(&format!(
        "<section id=\"{prefix}{cause}\" aria-label=\"{cause}\">\n<h{level}>{cause} {} \
         <span class=\"faint\">{}</span></h{level}>\n<p class=\"advice\">{}</p>\n",
        tag(group.severity),
        counted(group.count, "difference"),
        prose(group.cause.advice())
    ));
    for difference in &group.members {
        member(out, difference, group, level + 1);
    }
    if let Some(rest) = group.rest(group.members.len()) {
        out.push_str(&format!("<p class=\"faint\">{rest}.</p>\n"));
    }
    out.push_str("</section>\n");
}

fn member(out: &mut String, difference: &Difference, group: &Group<'_>, level: u8) {
    let severity = if difference.severity == group.severity {
        String::new()
    } else {
        format!(" {}", tag(difference.severity))
    };
    let place = if difference.path.is_empty() {
        place(difference).to_owned()
    } else {
        format!("<code>{}</code>", text(&difference.path))
    };
    out.push_str(&format!(
        "<div class=\"member\">\n<h{level}>{place}{severity}</h{level}>\n<p class=\"said\">{}</p>\n",
        text(&difference.detail)
    ));
    if let Some(unified) = &difference.diff {
        side_by_side(out, unified, &place);
    }
    out.push_str("</div>\n");
}

/// A diff as a table of two sides; `place` is HTML.
fn side_by_side(out: &mut String, unified: &str, place: &str) {
    let rows = diff::rows(unified);
    let folded = rows.len() > UNFOLDED;
    if folded {
        out.push_str(&format!(
            "<details>\n<summary>Diff of {}</summary>\n",
            counted(rows.len(), "row")
        ));
    }
    out.push_str(&format!(
        "<table class=\"diff\">\n<caption>Diff of {place}: &minus; only rebuilt, + only published</caption>\n\
         <colgroup><col class=\"n\"><col></colgroup><colgroup><col class=\"n\"><col></colgroup>\n\
         <thead><tr><th scope=\"colgroup\" colspan=\"2\">Rebuilt</th><th scope=\"colgroup\" colspan=\"2\">Published</th></tr></thead>\n<tbody>\n"
    ));
    for row in rows {
        out.push_str(&table_row(&row));
    }
    out.push_str("</tbody>\n</table>\n");
    if folded {
        out.push_str("</details>\n");
    }
}

fn table_row(row: &Row<'_>) -> String {
    match row {
        Row::Hunk(header) => format!(
            "<tr class=\"h\"><td colspan=\"4\">{}</td></tr>\n",
            source(header)
        ),
        Row::Note(note) => format!(
            "<tr class=\"o\"><td colspan=\"4\">{}</td></tr>\n",
            source(note)
        ),
        Row::Same(left, right) => format!(
            "<tr class=\"s\"><td class=\"n\">{}</td><td> {1}{2}</td>\
             <td class=\"n r\">{3}</td><td class=\"r\"> {1}{2}</td></tr>\n",
            left.number,
            source(left.text),
            end(left),
            right.number
        ),
        Row::Changed(left, right) => {
            let [old, new] = marked(*left, *right);
            format!(
                "<tr>{}{}</tr>\n",
                side(*left, "d", "del", '-', &old),
                side(*right, "i", "ins", '+', &new)
            )
        }
    }
}

fn side(line: Option<Line<'_>>, class: &str, element: &str, sign: char, shown: &str) -> String {
    line.map_or_else(
        || "<td class=\"n e\"></td><td class=\"e\"></td>".to_owned(),
        |line| {
            format!(
                "<td class=\"n {class}\">{}</td><td class=\"{class}\"><{element}>{sign}{shown}</{element}>{}</td>",
                line.number,
                end(&line)
            )
        },
    )
}

const fn end(line: &Line<'_>) -> &'static str {
    if line.unended {
        " <small>(no line feed at the end)</small>"
    } else {
        ""
    }
}

/// Both lines as HTML; where one replaces the other, what is not the same is marked.
fn marked(old: Option<Line<'_>>, new: Option<Line<'_>>) -> [String; 2] {
    let (Some(old), Some(new)) = (old, new) else {
        return [old, new].map(|line| line.map_or_else(String::new, |line| source(line.text)));
    };
    let (old, new) = (old.text, new.text);
    let same = |(a, b): &(char, char)| a == b;
    let head: usize = old
        .chars()
        .zip(new.chars())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let tail: usize = old[head..]
        .chars()
        .rev()
        .zip(new[head..].chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    if head + tail == 0 {
        // Nothing is common, so a mark would say nothing.
        return [source(old), source(new)];
    }
    [old, new].map(|line| {
        let middle = &line[head..line.len() - tail];
        let middle = if middle.is_empty() {
            String::new()
        } else {
            format!("<mark>{}</mark>", source(middle))
        };
        format!(
            "{}{middle}{}",
            source(&line[..head]),
            source(&line[line.len() - tail..])
        )
    })
}
