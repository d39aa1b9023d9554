//! The index of a batch: what got worse, how it stands, what is new, everything.

use super::plot::{Bar, bars};
use super::{Report, Standing, level, page_name};
use crate::model::ResultRecord;
use crate::report::page::{page, text};
use crate::report::{seconds, tally};

/// The index as a page.
pub fn to_index(report: &Report<'_>) -> String {
    let batch = report.batch;
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"faint\">Batch {} of {}, {} artifacts. Also as <a href=\"results.json\">JSON</a>, \
         <a href=\"results.csv\">CSV</a>, <a href=\"junit.xml\">JUnit XML</a>, <a href=\"report.md\">Markdown</a>.</p>\n",
        text(report.title),
        text(&batch.id),
        batch.started.strftime("%Y-%m-%d %H:%M UTC"),
        batch.results.len()
    );
    if report.left > 0 {
        body.push_str(&format!(
            "<p><strong>Not complete:</strong> {} more to do. Go on with <code>remint batch resume {}</code>.</p>\n",
            report.left,
            text(&batch.id)
        ));
    }
    body.push_str("<p>");
    for (kind, count) in tally(batch) {
        body.push_str(&format!(
            "<span class=\"tag {kind}\">{count} {kind}</span>\n"
        ));
    }
    body.push_str("</p>\n");
    regressions(&mut body, report);
    body.push_str("<div class=\"plots\">\n");
    body.push_str(&bars("Verdicts", &verdicts(report)));
    let causes = report.causes().into_iter().map(|(name, count)| Bar {
        name: name.to_owned(),
        class: "cause",
        count,
    });
    body.push_str(&bars("Causes of differences", &causes.collect::<Vec<_>>()));
    body.push_str("</div>\n");
    list(
        &mut body,
        "Changed",
        "Another verdict than before",
        &report.of(|s| matches!(s, Standing::Changed { .. })),
    );
    list(
        &mut body,
        "New tonight",
        "Verified for the first time",
        &report.of(|s| *s == Standing::New),
    );
    everything(&mut body, report);
    page(&format!("remint: {}", text(report.title)), &body)
}

/// Verdicts, best first; each level is a bar of its own.
fn verdicts(report: &Report<'_>) -> Vec<Bar> {
    let mut levels: Vec<Bar> = Vec::new();
    let mut records: Vec<_> = report.batch.results.iter().map(|r| &r.verdict).collect();
    records.sort_by_key(|verdict| (verdict.kind(), !verdict.is_plainly_reproduced()));
    for verdict in records {
        let name = level(verdict);
        match levels.iter_mut().find(|bar| bar.name == name) {
            Some(bar) => bar.count += 1,
            None => levels.push(Bar {
                name: name.to_owned(),
                class: verdict.kind().name(),
                count: 1,
            }),
        }
    }
    levels
}

fn regressions(body: &mut String, report: &Report<'_>) {
    let found = report.of(|standing| matches!(standing, Standing::Regression { .. }));
    if found.is_empty() {
        return;
    }
    body.push_str(
        "<section class=\"alarm\" aria-label=\"Regressions\">\n<h2>Regressions: look here first</h2>\n\
         <p>These do not reproduce although an earlier version did.</p>\n<ul>\n",
    );
    for (record, standing) in found {
        if let Standing::Regression { reproduced } = standing {
            body.push_str(&format!(
                "<li>{} {} <span class=\"said\">{}</span> <span class=\"faint\">({} reproduced)</span></li>\n",
                link(record),
                tag(record),
                text(&record.verdict.reason()),
                text(reproduced.as_str())
            ));
        }
    }
    body.push_str("</ul>\n</section>\n");
}

fn list(body: &mut String, title: &str, says: &str, found: &[(&ResultRecord, Standing)]) {
    if found.is_empty() {
        return;
    }
    body.push_str(&format!(
        "<details><summary>{title}: {}</summary>\n<p class=\"faint\">{says}.</p>\n<ul>\n",
        found.len()
    ));
    for (record, standing) in found {
        let before = match standing {
            Standing::Changed { before } => format!(" <span class=\"faint\">(was {before})</span>"),
            Standing::Regression { .. } | Standing::New | Standing::Known => String::new(),
        };
        body.push_str(&format!(
            "<li>{} {}{before}</li>\n",
            link(record),
            tag(record)
        ));
    }
    body.push_str("</ul>\n</details>\n");
}

fn everything(body: &mut String, report: &Report<'_>) {
    body.push_str(
        "<table class=\"cards\">\n<caption>Every artifact of the batch, what does not pass first</caption>\n<thead><tr>\
         <th scope=\"col\">Artifact</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"num\">Time</th>\
         <th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n",
    );
    let mut records: Vec<_> = report.batch.results.iter().collect();
    records.sort_by_key(|record| (report.passes)(record));
    for record in records {
        body.push_str(&format!(
            "<tr><th scope=\"row\" class=\"name\">{}</th><td>{}</td><td class=\"num\" data-name=\"Time\">{}</td>\
             <td class=\"said\">{}</td></tr>\n",
            link(record),
            tag(record),
            seconds(record.millis),
            text(&record.verdict.reason())
        ));
    }
    body.push_str("</tbody>\n</table>\n");
}

fn link(record: &ResultRecord) -> String {
    format!(
        "<a href=\"packages/{}.html\"><code>{}</code></a>",
        // A `+` and what else a page's name can hold means itself in a path.
        page_name(record),
        text(&record.subject())
    )
}

pub(super) fn tag(record: &ResultRecord) -> String {
    format!(
        "<span class=\"tag {}\">{}</span>",
        record.verdict.kind(),
        level(&record.verdict)
    )
}
