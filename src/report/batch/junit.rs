//! A batch as JUnit XML, as continuous integration systems read it (the Jenkins xUnit
//! schema): a test case an artifact. What passes by the policy passes; the farm's own
//! fault is an error and not a failure; what remint cannot rebuild yet is skipped.

use super::{Report, level};
use crate::model::{ResultRecord, VerdictKind};

/// The batch as JUnit XML.
pub fn to_junit(report: &Report<'_>) -> String {
    let (mut cases, mut failures, mut errors, mut skipped, mut millis) =
        (String::new(), 0, 0, 0, 0);
    for record in &report.batch.results {
        millis += record.millis;
        let inner = if (report.passes)(record) {
            String::new()
        } else {
            match record.verdict.kind() {
                VerdictKind::InfraError => {
                    errors += 1;
                    element("error", record)
                }
                VerdictKind::Unsupported => {
                    skipped += 1;
                    format!(
                        "<skipped message=\"{}\"/>",
                        attribute(&record.verdict.reason())
                    )
                }
                VerdictKind::Reproduced
                | VerdictKind::Equivalent
                | VerdictKind::Different
                | VerdictKind::BuildFailed
                | VerdictKind::SourceNotFound => {
                    failures += 1;
                    element("failure", record)
                }
            }
        };
        cases.push_str(&format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\">{inner}</testcase>\n",
            attribute(&record.purl.to_string()),
            attribute(&record.subject()),
            seconds(record.millis)
        ));
    }
    let tests = report.batch.results.len();
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{}\"",
        seconds(millis)
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"remint\" {counts}>\n  \
         <testsuite name=\"{}\" timestamp=\"{}\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n",
        attribute(report.title),
        report.batch.started.strftime("%Y-%m-%dT%H:%M:%S")
    )
}

fn element(name: &str, record: &ResultRecord) -> String {
    let reason = attribute(&record.verdict.reason());
    format!(
        "<{name} type=\"{}\" message=\"{reason}\">{reason}</{name}>",
        level(&record.verdict)
    )
}

fn seconds(millis: u64) -> String {
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// XML 1.0, sections 2.2 and 2.4: what no document may hold is shown, and what means
/// something in markup is written as an entity. [`crate::model::printable`] leaves no
/// control characters, and what else is no `Char` is two code points.
fn attribute(text: &str) -> String {
    crate::model::printable(text, false)
        .replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
