//! What people and machines see of a comparison in a few situations, and what no
//! artifact may do to any of it.

mod hostile;
mod schema;

use super::*;
use crate::model::{CauseCount, DifferenceKind, Equivalence, Normalization, Sha256Digest};

fn files() -> ComparedFiles {
    ComparedFiles {
        published: ComparedFile {
            name: "x-1.0.0.crate".into(),
            size: 1_246,
        },
        rebuilt: ComparedFile {
            name: "x-1.0.0.crate".into(),
            size: 855,
        },
    }
}

fn difference(
    path: &str,
    kind: DifferenceKind,
    cause: Cause,
    severity: Severity,
    detail: &str,
) -> Difference {
    Difference {
        path: path.into(),
        kind,
        cause,
        severity,
        detail: detail.into(),
        diff: None,
    }
}

/// A comparison that found `differences`, and `more` of a cause that it only counts.
fn differs(differences: Vec<Difference>, more: &[CauseCount]) -> Differs {
    let mut causes: Vec<CauseCount> = more.to_vec();
    for d in &differences {
        match causes.iter_mut().find(|c| c.cause == d.cause) {
            Some(counted) => {
                counted.count += 1;
                counted.severity = counted.severity.min(d.severity);
            }
            None => causes.push(CauseCount {
                cause: d.cause,
                severity: d.severity,
                count: 1,
            }),
        }
    }
    causes.sort_by_key(|c| (c.severity, c.cause));
    Differs {
        published: Sha256Digest::of(b"published"),
        rebuilt: Sha256Digest::of(b"rebuilt"),
        differences,
        omitted: more.iter().map(|c| c.count).sum(),
        causes,
        equivalence: None,
    }
}

fn identical() -> Comparison {
    Comparison::Identical {
        sha256: Sha256Digest::of(b"same"),
    }
}

fn metadata_and_equivalent() -> Comparison {
    let mut differs = differs(
        vec![
            difference(
                "x-1.0.0/Cargo.toml",
                DifferenceKind::MemberMetadata,
                Cause::Timestamp,
                Severity::Metadata,
                "mtime: published 2023-11-14T22:13:20Z, rebuilt 1970-01-01T00:00:00Z",
            ),
            difference(
                "",
                DifferenceKind::Container,
                Cause::Compressor,
                Severity::Metadata,
                "gzip header, XFL: published 2, rebuilt 0",
            ),
        ],
        &[],
    );
    let after = Sha256Digest::of(b"after");
    differs.equivalence = Some(Equivalence {
        sha256: after,
        applied: vec![
            Normalization {
                normalizer: "gzip-recompress/1".into(),
                published_before: differs.published,
                published_after: Sha256Digest::of(b"between"),
                rebuilt_before: differs.rebuilt,
                rebuilt_after: after,
            },
            Normalization {
                normalizer: "tar-mtime/1".into(),
                published_before: Sha256Digest::of(b"between"),
                published_after: after,
                rebuilt_before: after,
                rebuilt_after: after,
            },
        ],
    });
    Comparison::Differs(Box::new(differs))
}

fn payload_with_an_extra_member() -> Comparison {
    let mut changed = difference(
        "x-1.0.0/src/lib.rs",
        DifferenceKind::Content,
        Cause::CodeChanged,
        Severity::Payload,
        "text differs, first in line 2 (offset 18); published 44 bytes, rebuilt 19",
    );
    changed.diff = Some(
        "--- rebuilt\n+++ published\n@@ -1,3 +1,4 @@\n fn a() {}\n-fn b() -> u32 { 1 }\n\
         +fn b() -> u32 { 2 }\n+\t// <b>\n fn c() {}\n\\ No newline at end of file\n"
            .into(),
    );
    Comparison::Differs(Box::new(differs(
        vec![
            difference(
                "x-1.0.0/build.sh",
                DifferenceKind::ExtraMember,
                Cause::ExtraMember,
                Severity::Payload,
                "only in the published file: file, mode 0755, 9 bytes; not in the source",
            ),
            changed,
            difference(
                "x-1.0.0/Cargo.lock",
                DifferenceKind::Content,
                Cause::CodeChanged,
                Severity::Generated,
                "text differs, first in line 5 (offset 53); 56 bytes each",
            ),
        ],
        &[],
    )))
}

fn many_that_are_omitted() -> Comparison {
    let listed = (0..14)
        .map(|i| {
            difference(
                &format!("x-1.0.0/data/{i:02}"),
                DifferenceKind::MemberMetadata,
                Cause::FileMode,
                Severity::Metadata,
                "mode: published 0664, rebuilt 0644",
            )
        })
        .collect();
    let more = [(Cause::FileMode, 986), (Cause::Owner, 3)].map(|(cause, count)| CauseCount {
        cause,
        severity: Severity::Metadata,
        count,
    });
    Comparison::Differs(Box::new(differs(listed, &more)))
}

fn situations() -> [(&'static str, Comparison); 4] {
    [
        ("identical", identical()),
        ("equivalent", metadata_and_equivalent()),
        ("payload", payload_with_an_extra_member()),
        ("omitted", many_that_are_omitted()),
    ]
}

/// The page without its head, which holds the style alone.
fn body_of(page: &str) -> &str {
    page.split_once("<main>").expect("a page").1
}

/// Without remint's own version, which changes while what is said does not.
fn unversioned(text: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    text.replace(&format!("remint {version}"), "remint VERSION")
        .replace(
            &format!("\"remint_version\": \"{version}\""),
            "\"remint_version\": \"VERSION\"",
        )
}

#[test]
fn every_situation_reads_as_it_should() {
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        snapshot_path => "../snapshots",
        omit_expression => true,
    }, {
        for (name, comparison) in situations() {
            let files = files();
            for (ending, text) in [
                ("txt", to_terminal(&files, &comparison, false)),
                ("json", to_json(&files, &comparison)),
                ("md", to_markdown(&files, &comparison)),
                ("html", body_of(&to_html(&files, &comparison)).to_owned()),
            ] {
                insta::assert_snapshot!(format!("{name}.{ending}"), unversioned(&text));
            }
        }
    });
}

#[test]
fn a_terminal_is_coloured_only_when_told_and_says_the_same_then() {
    for (name, comparison) in situations() {
        let plain = to_terminal(&files(), &comparison, false);
        let coloured = to_terminal(&files(), &comparison, true);
        assert!(!plain.contains('\u{1b}'), "{name}");
        let mut stripped = String::new();
        for (number, part) in coloured.split("\u{1b}[").enumerate() {
            let text = if number == 0 {
                part
            } else {
                part.split_once('m').expect("an SGR sequence").1
            };
            stripped.push_str(text);
        }
        assert_eq!(stripped, plain, "{name}");
    }
}

#[test]
fn a_page_needs_nothing_from_elsewhere_and_folds_long_diffs() {
    let mut long = differs(
        vec![difference(
            "a",
            DifferenceKind::Content,
            Cause::CodeChanged,
            Severity::Payload,
            "",
        )],
        &[],
    );
    let lines: String = (0..40).map(|i| format!("+line {i}\n")).collect();
    long.differences[0].diff = Some(format!("@@ -0,0 +1,40 @@\n{lines}"));
    let page = to_html(&files(), &Comparison::Differs(Box::new(long)));
    assert!(page.contains("<details>\n<summary>Diff of 41 rows</summary>"));
    for absent in [
        "<script", "src=", "url(", "@import", "<link", "http:", "https:",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
    let short = to_html(&files(), &payload_with_an_extra_member());
    assert!(!short.contains("<details>") && short.contains("<table class=\"diff\">"));
}

#[test]
fn the_json_gives_the_comparison_back() {
    for (name, comparison) in situations() {
        let text = to_json(&files(), &comparison);
        let json: serde_json::Value = serde_json::from_str(&text).expect("json");
        let back: Comparison = serde_json::from_value(json["comparison"].clone()).expect("reads");
        assert_eq!(back, comparison, "{name}");
    }
}

#[test]
fn the_documentation_lists_every_cause_with_its_advice() {
    let text = include_str!("../../../../docs/compare.md");
    for cause in Cause::ALL {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| `{cause}` |")))
            .unwrap_or_else(|| panic!("{cause} is not in docs/compare.md"));
        assert!(row.ends_with(&format!("| {} |", cause.advice())), "{row}");
    }
}
