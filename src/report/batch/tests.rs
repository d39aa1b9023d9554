//! What a batch's report says, and in which order.

use super::*;
use crate::model::{Cause, CauseCount, Differs, Severity, Sha256Digest, VerdictKind};

fn record(purl: &str, verdict: Verdict) -> ResultRecord {
    ResultRecord {
        millis: 1500,
        remint_version: "0".into(),
        ..ResultRecord::new(
            purl.parse().expect("valid"),
            verdict,
            "2026-01-02T03:04:05Z".parse().expect("valid"),
        )
    }
}

fn reproduced() -> Verdict {
    Verdict::Reproduced {
        sha256: Sha256Digest::of(b"x"),
        recovered: vec![],
        replayed: vec![],
    }
}

fn different() -> Verdict {
    Verdict::Different {
        comparison: Box::new(Differs {
            published: Sha256Digest::of(b"a"),
            rebuilt: Sha256Digest::of(b"b"),
            differences: vec![],
            omitted: 1,
            causes: vec![CauseCount {
                cause: Cause::Timestamp,
                severity: Severity::Generated,
                count: 1,
            }],
            equivalence: None,
        }),
    }
}

fn infra(reason: &str) -> Verdict {
    Verdict::InfraError {
        reason: reason.into(),
    }
}

fn batch(results: Vec<ResultRecord>) -> Batch {
    let mut batch = Batch::begin("2026-01-02T03:04:05Z".parse().expect("valid"));
    batch.id = "night".into();
    batch.results = results;
    batch
}

fn history(past: &[(&str, VerdictKind)]) -> History {
    let mut history = History::default();
    for (purl, kind) in past {
        history.add(&purl.parse().expect("valid"), *kind);
    }
    history
}

fn with<T>(batch: &Batch, history: &History, read: impl Fn(&Report<'_>) -> T) -> T {
    read(&Report {
        title: "nightly <1>",
        batch,
        history,
        passes: &|record| record.verdict.kind() == VerdictKind::Reproduced,
        left: 0,
    })
}

#[test]
fn a_release_that_fails_after_an_earlier_version_reproduced_is_a_regression() {
    let past = history(&[
        ("pkg:npm/a@1.9.0", VerdictKind::Reproduced),
        ("pkg:npm/a@1.10.0", VerdictKind::Different),
        ("pkg:npm/a@3.0.0", VerdictKind::Reproduced),
        ("pkg:npm/b@1.0.0", VerdictKind::Different),
    ]);
    let standing = |purl, verdict| past.standing(&record(purl, verdict));
    let Standing::Regression { reproduced: good } = standing("pkg:npm/a@1.11.0", different())
    else {
        panic!("no regression");
    };
    assert_eq!(
        good.as_str(),
        "1.9.0",
        "a later version's success is no reason"
    );
    assert_eq!(standing("pkg:npm/a@1.11.0", reproduced()), Standing::New);
    assert_eq!(standing("pkg:npm/b@1.1.0", different()), Standing::New);
    assert_eq!(standing("pkg:npm/b@1.0.0", different()), Standing::Known);
    assert_eq!(
        standing("pkg:npm/b@1.0.0", reproduced()),
        Standing::Changed {
            before: VerdictKind::Different
        }
    );
}

#[test]
fn the_farms_fault_is_neither_a_regression_nor_a_change() {
    let past = history(&[("pkg:npm/a@1.0.0", VerdictKind::Reproduced)]);
    assert_eq!(
        past.standing(&record("pkg:npm/a@1.0.0", infra("x"))),
        Standing::Known
    );
    let only_faults = history(&[("pkg:npm/a@1.0.0", VerdictKind::InfraError)]);
    assert_eq!(
        only_faults.standing(&record("pkg:npm/a@1.0.0", different())),
        Standing::New
    );
}

#[test]
fn the_index_names_regressions_before_anything_else_and_escapes_what_is_from_outside() {
    let batch = batch(vec![
        record("pkg:npm/good@1.0.0", reproduced()),
        record("pkg:npm/bad@1.1.0", different()),
        record("pkg:npm/odd@1.0.0", infra("<script>")),
    ]);
    let past = history(&[("pkg:npm/bad@1.0.0", VerdictKind::Reproduced)]);
    let index = with(&batch, &past, to_index);
    let at = |text: &str| index.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("look here first") < at("<svg"));
    assert!(at("(1.0.0 reproduced)") < at("Every artifact"));
    assert!(!index.contains("<script>") && index.contains("&lt;script&gt;"));
    assert!(index.contains("nightly &lt;1&gt;"));
    assert!(
        !index.contains("src=") && !index.contains("http:") && !index.contains("https:"),
        "nothing from elsewhere"
    );
}

#[test]
fn every_page_that_the_index_links_to_is_there() {
    let folder = tempfile::tempdir().expect("temp");
    let batch = batch(vec![
        record("pkg:npm/%40scope/a@1.0.0", reproduced()),
        record("pkg:cargo/b@1.0.0%2Bmeta", different()),
    ]);
    let past = History::default();
    let written = with(&batch, &past, |report| {
        write(report, folder.path(), folder.path()).expect("write")
    });
    let index = std::fs::read_to_string(written.join("index.html")).expect("index");
    let links: Vec<_> = index
        .split("href=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(links.len(), 4 + 2 * 2, "{links:?}");
    for link in links {
        assert!(written.join(link).is_file(), "{link}");
    }
    let json = std::fs::read(written.join("results.json")).expect("json");
    assert_eq!(
        serde_json::from_slice::<Batch>(&json).expect("reads back"),
        batch
    );
}

#[test]
fn junit_tells_failures_from_the_farms_errors_and_from_what_is_skipped() {
    let unsupported = Verdict::Unsupported {
        reason: "a & \u{7} <b>".into(),
    };
    let batch = batch(vec![
        record("pkg:npm/a@1.0.0", reproduced()),
        record("pkg:npm/b@1.0.0", different()),
        record("pkg:npm/c@1.0.0", infra("down")),
        record("pkg:npm/d@1.0.0", unsupported),
    ]);
    let xml = with(&batch, &History::default(), to_junit);
    assert!(
        xml.contains("tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\" time=\"6.000\""),
        "{xml}"
    );
    assert!(
        xml.contains("a &amp; ") && xml.contains("&lt;b&gt;") && !xml.contains('\u{7}'),
        "{xml}"
    );
}

#[test]
fn csv_has_one_row_an_artifact_and_no_formula() {
    let batch = batch(vec![
        record("pkg:npm/a@1.0.0", infra("=1+1")),
        record("pkg:npm/b@1.0.0", infra("say \"no\", twice")),
    ]);
    let csv = with(&batch, &History::default(), to_csv);
    assert_eq!(csv.matches("\r\n").count(), 3);
    assert!(csv.contains(",'=1+1,"), "{csv}");
    assert!(csv.contains("\"say \"\"no\"\", twice\""), "{csv}");
}

#[test]
fn replayed_agreement_has_a_bar_of_its_own() {
    let replayed = Verdict::Reproduced {
        sha256: Sha256Digest::of(b"x"),
        recovered: vec![],
        replayed: vec![crate::model::ReplayedFact::MemberModes { members: 1 }],
    };
    let batch = batch(vec![
        record("pkg:npm/a@1.0.0", replayed),
        record("pkg:npm/b@1.0.0", reproduced()),
    ]);
    let index = with(&batch, &History::default(), to_index);
    assert!(
        index.contains("1 reproduced, 1 reproduced (replayed)"),
        "{index}"
    );
}

#[test]
fn what_changed_between_two_nights_begins_with_what_got_worse() {
    let one = [
        record("pkg:npm/a@1.0.0", different()),
        record("pkg:npm/z@1.0.0", reproduced()),
        record("pkg:npm/same@1.0.0", reproduced()),
    ];
    let other = [
        record("pkg:npm/a@1.0.0", reproduced()),
        record("pkg:npm/z@1.0.0", different()),
        record("pkg:npm/same@1.0.0", reproduced()),
        record("pkg:npm/more@1.0.0", reproduced()),
    ];
    let changes = changes(&one, &other);
    let names: Vec<_> = changes.iter().map(|c| c.purl.name().as_str()).collect();
    assert_eq!(names, ["z", "a", "more"]);
    let text = changes_to_markdown("A", "B", &changes);
    assert!(text.contains("**regression**"), "{text}");
}

#[test]
fn the_summary_stays_short_enough_to_paste() {
    let records = (0..500).map(|n| record(&format!("pkg:npm/p{n}@1.0.0"), different()));
    let batch = batch(records.collect());
    let text = with(&batch, &History::default(), to_summary);
    assert!(text.contains("450 more"), "{text}");
    assert!(text.len() < 10_000, "{}", text.len());
}
