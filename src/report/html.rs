//! A batch as one page: no scripts, nothing from elsewhere, light and dark.

use super::{differences, facts, seconds};
use crate::model::{Batch, ResultRecord, printable};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8886;--good:#1a7f37;--bad:#cf222e;--warn:#9a6700}\
@media(prefers-color-scheme:dark){:root{--good:#3fb950;--bad:#ff7b72;--warn:#d29922}}\
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:0 auto;padding:1rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}\
.v{font-weight:600;white-space:nowrap}.reproduced{color:var(--good)}.different{color:var(--bad)}\
.equivalent,.build-failed,.source-not-found,.unsupported,.infra-error{color:var(--warn)}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{font-weight:600}\
dd{margin:0;overflow-wrap:anywhere}pre{overflow-x:auto;padding:.6rem;border:1px solid var(--line)}\
h2{overflow-wrap:anywhere}@media(max-width:40rem){dl{grid-template-columns:1fr}}";

/// The batch as a page.
pub fn to_html(batch: &Batch) -> String {
    let id = escaped(&batch.id);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>remint: batch {id}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Batch {id}</h1>\n<div class=\"wide\"><table>\n\
         <thead><tr><th>Artifact</th><th>Verdict</th><th>Time</th><th>Reason</th></tr></thead>\n<tbody>\n"
    );
    for (number, record) in batch.results.iter().enumerate() {
        let kind = record.verdict.kind();
        page.push_str(&format!(
            "<tr><td><a href=\"#r{number}\">{}</a></td><td class=\"v {kind}\">{kind}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(&record.subject()),
            seconds(record.millis),
            escaped(&record.verdict.reason())
        ));
    }
    page.push_str("</tbody>\n</table></div>\n");
    for (number, record) in batch.results.iter().enumerate() {
        section(&mut page, number, record);
    }
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

fn section(page: &mut String, number: usize, record: &ResultRecord) {
    page.push_str(&format!(
        "<section id=\"r{number}\">\n<h2>{}</h2>\n<dl>\n",
        escaped(&record.subject())
    ));
    for (name, value) in facts(record) {
        page.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(&value)));
    }
    page.push_str("</dl>\n");
    let (listed, omitted) = differences(record);
    for difference in listed {
        let path = if difference.path.is_empty() {
            "the file itself"
        } else {
            &difference.path
        };
        page.push_str(&format!(
            "<h3>{}</h3>\n<p>{}</p>\n",
            escaped(path),
            escaped(&difference.detail)
        ));
        if let Some(diff) = &difference.diff {
            page.push_str(&format!(
                "<details open><summary>Difference, from rebuilt to published</summary><pre>{}</pre></details>\n",
                escaped_block(diff)
            ));
        }
    }
    if omitted > 0 {
        page.push_str(&format!(
            "<p>{omitted} more differences are left out.</p>\n"
        ));
    }
    if let Some(recipe) = &record.recipe {
        page.push_str(&format!(
            "<details><summary>Recipe</summary><pre>{}</pre></details>\n",
            escaped_block(recipe)
        ));
    }
    page.push_str("</section>\n");
}

fn escaped(text: &str) -> String {
    entities(&printable(text, false))
}

fn escaped_block(text: &str) -> String {
    entities(&printable(text, true))
}

/// HTML Living Standard, section 13.1.2: what may not stand in text or in a
/// quoted attribute.
fn entities(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
