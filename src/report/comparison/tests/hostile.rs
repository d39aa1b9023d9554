//! No name, evidence or diff of an artifact steers a terminal or a reader, or writes
//! HTML or Markdown of its own.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag};

use super::*;
use crate::model::steers;

/// Pieces that mean something to a terminal, to HTML, to Markdown or to a diff,
/// beside any characters at all.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "\u{1b}[31m", "\u{1b}]0;x\u{7}", "\u{9b}2J", "\u{7f}", "\r", "\n", "\t", "\0", "\u{85}",
            "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}", "\u{2028}", "\u{feff}", "\u{e0041}",
            "<script>", "</script>", "<!--", "<img src=x onerror=y>", "&lt;", "&#27;", "\"", "'", ">",
            "`", "``", "```", "````", "~~~", "\n```\n", "\n# head\n", "\n\n<b>\n", "[x](y)", "![x](y)",
            "[x]: y", "https://example.invalid", "www.example.invalid", "a@example.invalid", "@name",
            "#1", "|", "\\|", "\\", "\\`", "**", "__", "~~", "\n---\n", "\n| a | b |\n", "$x$", "- ",
            "1. ", "    ", "> ", "[^1]", "<https://example.invalid>", ":smile:",
            "\n@@ -1,2 +3,4 @@\n", "\n-old", "\n+new", "\n same", "\n\\ No newline", "\n--- rebuilt\n",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "[ -~]{0,12}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn any_severity() -> impl Strategy<Value = Severity> {
    prop::sample::select(vec![
        Severity::Payload,
        Severity::Generated,
        Severity::Metadata,
    ])
}

fn any_difference() -> impl Strategy<Value = Difference> {
    let cause = prop::sample::select(Cause::ALL.to_vec());
    let diff = prop::option::of(hostile().prop_map(|text| {
        format!("--- rebuilt\n+++ published\n@@ -1,1 +1,1 @@\n-{text}\n+{text}!\n")
    }));
    (hostile(), cause, any_severity(), hostile(), diff).prop_map(
        |(path, cause, severity, detail, diff)| Difference {
            path,
            kind: DifferenceKind::Content,
            cause,
            severity,
            detail,
            diff,
        },
    )
}

fn any_comparison() -> impl Strategy<Value = Comparison> {
    let normalizer = prop::option::of(hostile());
    let differences = prop::collection::vec(any_difference(), 0..6);
    (differences, normalizer).prop_map(|(differences, normalizer)| {
        let mut differs = differs(differences, &[]);
        let digest = differs.published;
        differs.equivalence = normalizer.map(|normalizer| Equivalence {
            sha256: digest,
            applied: vec![Normalization {
                normalizer,
                published_before: digest,
                published_after: digest,
                rebuilt_before: digest,
                rebuilt_after: digest,
            }],
        });
        Comparison::Differs(Box::new(differs))
    })
}

/// A plain word in place of a text from outside; nothing where there was nothing.
fn word(text: &str) -> String {
    if text.is_empty() { "" } else { "word" }.into()
}

/// The comparison with plain words alone: what the page or the text is made of
/// when nobody means harm.
fn tamed(comparison: &Comparison) -> Comparison {
    let mut comparison = comparison.clone();
    if let Comparison::Differs(differs) = &mut comparison {
        for difference in &mut differs.differences {
            difference.path = word(&difference.path);
            difference.detail = word(&difference.detail);
            // The rows of a diff are its content.
            difference.diff = difference.diff.as_ref().map(|_| "word\n".into());
        }
        for applied in differs.equivalence.iter_mut().flat_map(|e| &mut e.applied) {
            applied.normalizer = word(&applied.normalizer);
        }
    }
    comparison
}

/// What Markdown makes of a text, without the words.
fn structure(text: &str) -> Vec<String> {
    let mut structure = vec![];
    for event in Parser::new_ext(text, Options::all()) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => structure.push("code block".into()),
            Event::Start(tag) => structure.push(format!("{tag:?}")),
            Event::End(_) | Event::Text(_) | Event::SoftBreak => {}
            Event::Code(_) => structure.push("code".into()),
            other => structure.push(format!("{other:?}")),
        }
    }
    structure
}

/// The tags of a page but for those of a diff's rows.
fn tags(page: &str) -> Vec<&str> {
    let row = [
        "tr", "td", "del", "ins", "mark", "small", "details", "summary",
    ];
    page.split('<')
        .skip(1)
        .map(|part| part.split('>').next().unwrap_or_default())
        .filter(|tag| {
            let name = tag.trim_start_matches('/').split(' ').next();
            !row.contains(&name.unwrap_or_default())
        })
        .collect()
}

fn named(name: &str) -> ComparedFiles {
    let mut files = files();
    files.published.name = name.into();
    files.rebuilt.name = name.into();
    files
}

proptest! {
    #[test]
    fn no_artifact_steers_a_reader(name in hostile(), comparison in any_comparison()) {
        let files = named(&name);
        for text in [
            to_terminal(&files, &comparison, false),
            to_json(&files, &comparison),
            to_markdown(&files, &comparison),
            to_html(&files, &comparison),
        ] {
            let bad = text.chars().find(|&c| !matches!(c, '\n' | '\t') && steers(c));
            prop_assert_eq!(bad, None, "{}", text);
        }
    }

    #[test]
    fn no_artifact_writes_lines_of_its_own(name in hostile(), comparison in any_comparison()) {
        let lines = |files: &ComparedFiles, comparison: &Comparison| {
            let mut comparison = comparison.clone();
            if let Comparison::Differs(differs) = &mut comparison {
                differs.differences.iter_mut().for_each(|d| d.diff = None);
            }
            to_terminal(files, &comparison, false).lines().count()
        };
        prop_assert_eq!(
            lines(&named(&name), &comparison),
            lines(&files(), &tamed(&comparison))
        );
    }

    #[test]
    fn no_artifact_writes_html(name in hostile(), comparison in any_comparison()) {
        let page = to_html(&named(&name), &comparison);
        prop_assert!(!page.contains("<script") && !page.contains("<img"), "{}", page);
        let plain = to_html(&named(&word(&name)), &tamed(&comparison));
        prop_assert_eq!(tags(&page), tags(&plain), "{}", page);
    }

    #[test]
    fn no_artifact_writes_markdown(name in hostile(), comparison in any_comparison()) {
        let text = to_markdown(&named(&name), &comparison);
        let plain = to_markdown(&named(&word(&name)), &tamed(&comparison));
        prop_assert_eq!(structure(&text), structure(&plain), "{}", text);
    }
}

#[test]
fn the_markdown_fits_an_issue_however_much_there_is() {
    let long = "\u{202e}`|<".repeat(10_000);
    let all = (0..200)
        .map(|i| {
            let cause = Cause::ALL[i % Cause::ALL.len()];
            let mut one = difference(
                &long,
                DifferenceKind::Content,
                cause,
                Severity::Payload,
                &long,
            );
            one.diff = Some(format!("@@ -1 +1 @@\n-{long}\n+{long}\n").repeat(50));
            one
        })
        .collect();
    let comparison = Comparison::Differs(Box::new(differs(all, &[])));
    let text = to_markdown(&named(&long), &comparison);
    assert!(text.len() < 65_536, "{}", text.len());
}
