//! A batch as one page: no scripts, nothing from elsewhere, light and dark.

use super::comparison::html_body;
use super::page::{block, page, text};
use super::{facts, seconds, tally};
use crate::model::{Batch, ResultRecord};

/// The batch as a page.
pub fn to_html(batch: &Batch) -> String {
    let id = text(&batch.id);
    let mut body = format!("<h1>Batch {id}</h1>\n<p>");
    for (kind, count) in tally(batch) {
        body.push_str(&format!(
            "<span class=\"tag {kind}\">{count} {kind}</span>\n"
        ));
    }
    body.push_str(
        "</p>\n<table class=\"cards\">\n<caption>Every artifact of the batch</caption>\n<thead><tr>\
         <th scope=\"col\">Artifact</th><th scope=\"col\">Verdict</th><th scope=\"col\" class=\"num\">Time</th>\
         <th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n",
    );
    for (number, record) in batch.results.iter().enumerate() {
        let kind = record.verdict.kind();
        body.push_str(&format!(
            "<tr><th scope=\"row\" class=\"name\"><a href=\"#r{number}\"><code>{}</code></a></th>\
             <td><span class=\"tag {kind}\">{kind}</span></td><td class=\"num\" data-name=\"Time\">{}</td>\
             <td class=\"said\">{}</td></tr>\n",
            text(&record.subject()),
            seconds(record.millis),
            text(&record.verdict.reason())
        ));
    }
    body.push_str("</tbody>\n</table>\n");
    for (number, record) in batch.results.iter().enumerate() {
        section(&mut body, number, record);
    }
    page(&format!("remint: batch {id}"), &body)
}

fn section(body: &mut String, number: usize, record: &ResultRecord) {
    let (subject, kind) = (text(&record.subject()), record.verdict.kind());
    body.push_str(&format!(
        "<section id=\"r{number}\" aria-label=\"{subject}\">\n\
         <h2><code>{subject}</code> <span class=\"tag {kind}\">{kind}</span></h2>\n<dl>\n"
    ));
    for (name, value) in facts(record) {
        body.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", text(&value)));
    }
    body.push_str("</dl>\n");
    if let Some(differs) = record.verdict.comparison() {
        body.push_str(&html_body(differs, &format!("r{number}-"), 3));
    }
    if let Some(recipe) = &record.recipe {
        body.push_str(&format!(
            "<details><summary>Recipe</summary><pre>{}</pre></details>\n",
            block(recipe)
        ));
    }
    body.push_str("</section>\n");
}
