//! What people and machines see of a batch, and what no artifact may do to it.

use super::*;
use crate::model::{
    Cause, CauseCount, Difference, DifferenceKind, Differs, Equivalence, GitSource, HeldFiles,
    Normalization, SdistLink, SdistSource, Severity, Sha256Digest, Source, StrayFile,
};

const EVIL: &str = "<script>alert(1)</script>\u{1b}[31m|`[x](y)\u{202e}\n# head";

/// Whether Markdown makes a link, an image or HTML of a text that should have none.
pub(super) fn markdown_acts(text: &str) -> bool {
    use pulldown_cmark::{Event, Options, Parser, Tag};
    Parser::new_ext(text, Options::all()).any(|event| {
        matches!(
            event,
            Event::Html(_)
                | Event::InlineHtml(_)
                | Event::FootnoteReference(_)
                | Event::InlineMath(_)
                | Event::DisplayMath(_)
                | Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::HtmlBlock)
        )
    })
}

fn batch(verdict: Verdict) -> Batch {
    let time = "2026-01-02T03:04:05Z".parse().expect("valid");
    let mut batch = Batch::begin(time);
    batch.id = "20260102T030405Z-1".into();
    batch.results.push(ResultRecord {
        millis: 2345,
        remint_version: "0".into(),
        ..ResultRecord::new(
            "pkg:cargo/itoa@1.0.18".parse().expect("valid"),
            verdict,
            time,
        )
    });
    batch
}

fn reproduced() -> Verdict {
    Verdict::Reproduced {
        sha256: Sha256Digest::of(b"a"),
        recovered: vec![],
        replayed: vec![],
    }
}

fn different() -> Batch {
    batch(Verdict::Different {
        comparison: Box::new(Differs {
            published: Sha256Digest::of(b"a"),
            rebuilt: Sha256Digest::of(b"b"),
            differences: vec![Difference {
                path: EVIL.into(),
                kind: DifferenceKind::Content,
                cause: Cause::CodeChanged,
                severity: Severity::Payload,
                detail: EVIL.into(),
                diff: Some(format!("+{EVIL}\n")),
            }],
            omitted: 2,
            causes: vec![CauseCount {
                cause: Cause::CodeChanged,
                severity: Severity::Payload,
                count: 3,
            }],
            equivalence: None,
        }),
    })
}

#[test]
fn a_terminal_shows_verdict_time_and_reason_and_colour_only_when_told() {
    let batch = batch(Verdict::Unsupported {
        reason: "no plan".into(),
    });
    insta::assert_snapshot!(to_terminal(&batch, false), @r"
    unsupported      pkg:cargo/itoa@1.0.18 (2.3 s)
        no plan
    0 of 1 reproduced
    ");
    assert!(to_terminal(&batch, true).contains("\u{1b}[1;36m"));
}

/// A batch whose verdict rests on a source distribution that holds one file too many.
fn on_a_tampered_sdist() -> Batch {
    let mut batch = batch(Verdict::Reproduced {
        sha256: Sha256Digest::of(b"a"),
        recovered: vec![],
        replayed: vec![],
    });
    let name = "demo-1.0.tar.gz".to_owned();
    let sha256 = Sha256Digest::of(b"sdist");
    let git = GitSource {
        repository: "https://git.example/o/r".into(),
        read_from_mirror: false,
        commit: "a".repeat(40).parse().expect("valid"),
        commit_time: 0,
        tag: Some("v1.0".into()),
        directory: String::new(),
    };
    let mut held = HeldFiles {
        files: 9,
        same: 8,
        ..HeldFiles::against(&git)
    };
    held.unknown.add(StrayFile {
        path: format!("m4/{EVIL}"),
        sha256: Sha256Digest::of(b"m4"),
    });
    let record = &mut batch.results[0];
    record.source = Some(Source::Sdist {
        sdist: SdistSource {
            name: name.clone(),
            sha256,
        },
        evidence: vec![],
    });
    record.sdist = Some(SdistLink {
        name,
        sha256: Some(sha256),
        link: CommitLink::Held(Box::new(held)),
    });
    batch
}

#[test]
fn what_a_source_distribution_holds_beside_the_commit_is_shown_everywhere_and_acts_nowhere() {
    let batch = on_a_tampered_sdist();
    let digest = Sha256Digest::of(b"m4").to_string();
    let (markdown, html) = (to_markdown(&batch), to_html(&batch));
    let (terminal, story) = (
        to_terminal(&batch, false),
        to_story(&batch.results[0], false),
    );
    for (text, has_digest) in [
        (&markdown, true),
        (&html, true),
        (&story, true),
        (&terminal, false),
    ] {
        assert!(text.contains("rests on demo-1.0.tar.gz"), "{text}");
        assert!(text.contains("are NOT those of tag v1.0"), "{text}");
        assert!(!has_digest || text.contains(&digest), "{text}");
    }
    assert!(!markdown_acts(&markdown), "{markdown}");
    assert!(!html.contains("<script"), "{html}");
    assert!(!terminal.contains('\u{1b}') && !story.contains('\u{1b}'));
    // Loud, although the verdict is a good one.
    assert!(to_terminal(&batch, true).contains("\u{1b}[1;31msdist:"));
}

fn equivalent() -> Verdict {
    let (published, rebuilt) = (Sha256Digest::of(b"a"), Sha256Digest::of(b"b"));
    let after = Sha256Digest::of(b"c");
    Verdict::Equivalent {
        comparison: Box::new(Differs {
            published,
            rebuilt,
            differences: vec![Difference {
                path: "x".into(),
                kind: DifferenceKind::MemberMetadata,
                cause: Cause::Timestamp,
                severity: Severity::Metadata,
                detail: "mtime: published 1, rebuilt 0".into(),
                diff: None,
            }],
            omitted: 0,
            causes: vec![CauseCount {
                cause: Cause::Timestamp,
                severity: Severity::Metadata,
                count: 1,
            }],
            equivalence: Some(Equivalence {
                sha256: after,
                applied: vec![Normalization {
                    normalizer: "tar-mtime/1".into(),
                    published_before: published,
                    published_after: after,
                    rebuilt_before: rebuilt,
                    rebuilt_after: after,
                }],
            }),
        }),
    }
}

#[test]
fn equivalent_is_a_level_of_its_own_and_never_counts_as_reproduced() {
    let mut both = batch(equivalent());
    both.results.extend(batch(reproduced()).results);
    insta::assert_snapshot!(to_terminal(&both, false), @r"
    equivalent       pkg:cargo/itoa@1.0.18 (2.3 s)
        not the same bytes; the same after normalizing (tar-mtime/1)
        metadata timestamp (1): Set SOURCE_DATE_EPOCH to the commit's time when building, and write no other clock into files.
    reproduced       pkg:cargo/itoa@1.0.18 (2.3 s)
        the rebuilt file has the same SHA-256
    1 of 2 reproduced; 1 equivalent, which is not the same bytes
    ");
    let page = to_html(&both);
    for expected in [
        "<span class=\"tag reproduced\">1 reproduced</span>",
        "<span class=\"tag equivalent\">1 equivalent</span>",
        "<code>tar-mtime/1</code>",
        "id=\"r0-timestamp\"",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    assert!(to_markdown(&both).contains("| `tar-mtime/1` |"));
}

#[test]
fn what_no_commit_holds_is_told_beside_the_count_of_what_reproduced() {
    let mut both = batch(reproduced());
    both.results.extend(batch(reproduced()).results);
    let last = both.results.remove(1).on_broken_sdist();
    both.results.push(last);
    let text = to_terminal(&both, false);
    let count = "2 of 2 reproduced, 1 of them from a source distribution that holds what its commit does not";
    assert!(text.contains(count), "{text}");
}

#[test]
fn no_artifact_can_steer_a_terminal() {
    assert!(!to_terminal(&different(), false).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn no_artifact_can_write_html() {
    let page = to_html(&different());
    assert!(
        !page.contains("<script") && !page.contains(['\u{1b}', '\u{202e}']),
        "{page}"
    );
    assert!(page.contains("&lt;script&gt;"));
    let advice = "Publish from a clean checkout of the tagged commit";
    assert!(page.contains(advice) && page.contains("… and 2 more."));
}

#[test]
fn no_artifact_can_write_markdown() {
    let text = to_markdown(&different());
    assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    assert!(!markdown_acts(&text), "{text}");
}

#[test]
fn the_json_says_its_format_and_what_was_found() {
    let json: serde_json::Value = serde_json::from_str(&to_json(&different())).expect("json");
    assert_eq!(json["format"], Batch::FORMAT);
    assert_eq!(json["results"][0]["verdict"], "different");
    assert_eq!(json["results"][0]["comparison"]["omitted"], 2);
    assert!(!to_json(&different()).contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_batch_is_written_as_three_files() {
    let folder = tempfile::tempdir().expect("temp");
    let written = write(&different(), folder.path()).expect("written");
    for name in ["results.json", "report.md", "index.html"] {
        assert!(written.join(name).is_file(), "{name}");
    }
}
