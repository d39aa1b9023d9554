//! A batch as CSV (RFC 4180), one row an artifact.

use super::{Report, level};

const HEADER: &str = "purl,artifact,sha256,verdict,grade,passes,standing,causes,reason,plan_hash,image,started,millis,remint_version,log,attestation";

/// The batch as CSV.
pub fn to_csv(report: &Report<'_>) -> String {
    let mut text = format!("{HEADER}\r\n");
    for record in &report.batch.results {
        let artifact = record.artifact.as_ref();
        let causes = record.verdict.comparison().map(|differs| {
            let causes: Vec<_> = differs.causes.iter().map(|c| c.cause.name()).collect();
            causes.join(" ")
        });
        let grade = match level(&record.verdict) {
            "reproduced" => "plain",
            "reproduced (replayed)" => "replayed",
            _ => "",
        };
        let row = [
            record.purl.to_string(),
            artifact.map(|a| a.name.clone()).unwrap_or_default(),
            artifact.map(|a| a.sha256.to_string()).unwrap_or_default(),
            record.verdict.kind().to_string(),
            grade.to_owned(),
            (report.passes)(record).to_string(),
            report.standing(record).name().to_owned(),
            causes.unwrap_or_default(),
            crate::model::printable(&record.verdict.reason(), false),
            record
                .plan_hash
                .map(|hash| hash.to_string())
                .unwrap_or_default(),
            record.image.clone().unwrap_or_default(),
            record.started.to_string(),
            record.millis.to_string(),
            record.remint_version.clone(),
            record.log.clone().unwrap_or_default(),
            record.attestation.clone().unwrap_or_default(),
        ];
        let cells: Vec<_> = row.iter().map(|cell| field(cell)).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// RFC 4180, section 2, rules 5 to 7. A spreadsheet takes a cell that begins with
/// one of a few marks for a formula (OWASP, "CSV Injection"), so it gets a quote.
fn field(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    };
    if cell.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell
    }
}
