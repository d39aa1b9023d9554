//! The page of one artifact: source, plan, log, difference, attestation.

use super::index::tag;
use super::{Report, Standing};
use crate::model::ResultRecord;
use crate::report::comparison::html_body;
use crate::report::facts;
use crate::report::page::{block, page, text};

/// The page; `log` and `attestation` are files of the batch's folder.
pub fn to_package(
    report: &Report<'_>,
    record: &ResultRecord,
    log: Option<&str>,
    attestation: Option<&str>,
) -> String {
    let subject = text(&record.subject());
    let mut body = format!(
        "<p><a href=\"../index.html\">{}</a></p>\n<h1><code>{subject}</code> {}</h1>\n",
        text(report.title),
        tag(record)
    );
    match report.standing(record) {
        Standing::Regression { reproduced } => body.push_str(&format!(
            "<p class=\"alarm\"><strong>Regression:</strong> {} reproduced.</p>\n",
            text(reproduced.as_str())
        )),
        Standing::Changed { before } => {
            body.push_str(&format!(
                "<p>The verdict was <code>{before}</code> before.</p>\n"
            ));
        }
        Standing::New => body.push_str("<p>Verified for the first time.</p>\n"),
        Standing::Known => {}
    }
    body.push_str("<dl>\n");
    for (name, value) in facts(record) {
        let value = match (name, log, attestation) {
            ("Log", Some(path), _) => link(path),
            ("Attestation", _, Some(path)) => link(path),
            _ => text(&value),
        };
        body.push_str(&format!("<dt>{name}</dt><dd>{value}</dd>\n"));
    }
    body.push_str("</dl>\n");
    if let Some(differs) = record.verdict.comparison() {
        body.push_str("<h2>Difference</h2>\n");
        body.push_str(&html_body(differs, "", 3));
    }
    if let Some(recipe) = &record.recipe {
        body.push_str(&format!(
            "<h2>Plan</h2>\n<p class=\"faint\">As a recipe that <code>remint verify --recipe</code> runs again.</p>\n<pre>{}</pre>\n",
            block(recipe)
        ));
    }
    if !record.served.is_empty() {
        body.push_str("<details><summary>Fetched by the build</summary>\n<ul>\n");
        for file in &record.served {
            body.push_str(&format!(
                "<li><code>{}</code> <code class=\"faint\">{}</code></li>\n",
                text(&file.path),
                file.sha256
            ));
        }
        body.push_str("</ul>\n</details>\n");
    }
    page(&format!("remint: {subject}"), &body)
}

fn link(path: &str) -> String {
    format!("<a href=\"../{0}\">{0}</a>", text(path))
}
