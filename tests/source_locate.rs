//! Finding the commit of a release: what ties the two, and what must not.

#[path = "support/git.rs"]
mod git;
#[path = "support/http.rs"]
mod http;

use std::collections::BTreeSet;

use git::{Content, Content::Gone, Content::Text, FIRST_COMMIT, GitServer, TestRepository};
use http::HttpGit;
use remint::model::{
    BlobId, CommitId, EvidenceKind, GitSource, RepositoryHint, Source, SourceConfig, SourceHints,
};
use remint::source::{Error, Sources};

/// A farm with one upstream, `https://git.example/o/r`, mirrored in a folder.
struct Situation {
    dir: tempfile::TempDir,
    upstream: TestRepository,
    sources: Sources,
}

impl Situation {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("tempdir");
        let upstream = TestRepository::create(&dir.path().join("mirror/o/r.git"));
        let location = dir.path().join("mirror").display().to_string();
        let sources = Self::sources(&dir, &location);
        Self {
            dir,
            upstream,
            sources,
        }
    }

    fn sources(dir: &tempfile::TempDir, location: &str) -> Sources {
        let mut config = SourceConfig::default();
        config
            .mirror
            .insert("https://git.example/".into(), location.into());
        Sources::new(&config, dir.path().join("cache"))
    }

    fn crate_commit(&mut self, version: &str) -> git2::Oid {
        let toml = format!("[package]\nname = \"x\"\nversion = \"{version}\"\n");
        self.upstream.commit(&[("Cargo.toml", Text(&toml))])
    }

    fn locate(&self, hints: &SourceHints) -> Result<(GitSource, Vec<String>), Error> {
        self.sources.locate(hints, None).map(parts)
    }
}

fn parts(source: Source) -> (GitSource, Vec<String>) {
    match source {
        Source::Git { git, evidence } => {
            let kinds: Vec<_> = evidence.iter().map(|e| e.kind).collect();
            assert!(kinds.is_sorted(), "evidence is not ranked: {kinds:?}");
            (git, evidence.into_iter().map(|e| e.detail).collect())
        }
        Source::Sdist { .. } => panic!("no sdist was asked for"),
    }
}

fn hints(purl: &str) -> SourceHints {
    SourceHints {
        purl: purl.parse().expect("a package URL"),
        repositories: vec![hint("https://git.example/o/r")],
        provenance: None,
        told: vec![],
        commit: None,
        directory: None,
        dirty: false,
        files: BTreeSet::new(),
        manifest: None,
    }
}

fn hint(url: &str) -> RepositoryHint {
    RepositoryHint {
        url: url.into(),
        directory: None,
        kind: EvidenceKind::ArtifactMetadata,
        detail: "repository".into(),
        is_claim: true,
    }
}

fn naming(purl: &str, commit: git2::Oid) -> SourceHints {
    SourceHints {
        commit: Some((id(commit), EvidenceKind::ArtifactVcsInfo)),
        ..hints(purl)
    }
}

fn id(commit: git2::Oid) -> CommitId {
    commit.to_string().parse().expect("a commit")
}

fn says(evidence: &[String], words: &str) -> bool {
    evidence.iter().any(|line| line.contains(words))
}

#[test]
fn a_named_commit_on_a_branch_is_the_source() {
    let mut s = Situation::new();
    s.crate_commit("0.9.0");
    let commit = s.crate_commit("1.0.0");
    s.crate_commit("1.1.0");
    let (git, evidence) = s
        .locate(&naming("pkg:cargo/x@1.0.0", commit))
        .expect("found");
    assert_eq!(git.commit, id(commit));
    assert_eq!(git.repository, "https://git.example/o/r");
    assert_eq!(git.commit_time, FIRST_COMMIT + 60);
    assert!(git.read_from_mirror);
    assert_eq!((git.tag, git.directory.as_str()), (None, ""));
    assert!(
        says(&evidence, "a branch leads to the commit"),
        "{evidence:?}"
    );
    assert!(
        says(&evidence, "Cargo.toml declares x 1.0.0"),
        "{evidence:?}"
    );
}

#[test]
fn a_commit_that_only_a_pull_request_or_a_foreign_remote_holds_is_refused() {
    let mut s = Situation::new();
    let main = s.crate_commit("0.9.0");
    let toml = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
    let fork = s
        .upstream
        .commit_on(Some(main), &[("Cargo.toml", Text(toml))]);
    for reference in ["refs/pull/1/head", "refs/remotes/fork/main", "refs/notes/x"] {
        s.upstream.set(reference, fork);
        let error = s
            .locate(&naming("pkg:cargo/x@1.0.0", fork))
            .expect_err("refused");
        assert!(
            matches!(error, Error::Unreachable { .. }),
            "{reference}: {error}"
        );
        assert!(!error.is_farm_fault());
    }
    // The same commit is accepted as soon as upstream merges it.
    s.upstream.set("refs/heads/release/1", fork);
    s.locate(&naming("pkg:cargo/x@1.0.0", fork)).expect("found");
}

#[test]
fn a_crates_commit_that_was_squashed_away_counts_while_upstream_has_its_very_files() {
    let mut s = Situation::new();
    let before = s.crate_commit("0.9.0");
    let release = [
        (
            "Cargo.toml",
            Text("[package]\nname = \"x\"\nversion = \"1.0.0\"\n"),
        ),
        ("a", Text("a")),
    ];
    let first = s.upstream.commit_on(Some(before), &release[..1]);
    let published = s.upstream.commit_on(Some(first), &release[1..]);
    s.upstream.set("refs/pull/1/head", published);
    let squashed = s.upstream.commit_on(Some(before), &release);
    s.upstream.set("refs/heads/release/1", squashed);
    let (git, evidence) = s
        .locate(&naming("pkg:cargo/x@1.0.0", published))
        .expect("found");
    assert_eq!(git.commit, id(published));
    assert!(
        says(&evidence, &format!("one leads to {squashed}")),
        "{evidence:?}"
    );
    // What runs code when it is built could read the message and the author that a fork wrote.
    let noted = SourceHints {
        commit: Some((id(published), EvidenceKind::RegistryMetadata)),
        ..hints("pkg:cargo/x@1.0.0")
    };
    let error = s.locate(&noted).expect_err("refused");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    // One file more or less, and it is a commit that upstream never took.
    for missing in [
        first,
        s.upstream.commit_on(Some(published), &[("b", Text("b"))]),
    ] {
        let error = s
            .locate(&naming("pkg:cargo/x@1.0.0", missing))
            .expect_err("refused");
        assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    }
}

#[test]
fn a_tag_vouches_for_a_commit_that_is_on_no_branch_and_says_so() {
    let mut s = Situation::new();
    let main = s.crate_commit("0.9.0");
    let toml = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
    let commit = s
        .upstream
        .commit_on(Some(main), &[("Cargo.toml", Text(toml))]);
    let later = s.upstream.commit_on(Some(commit), &[("a", Text("a"))]);
    s.upstream.annotated_tag("unrelated", later);
    let (_, evidence) = s
        .locate(&naming("pkg:cargo/x@1.0.0", commit))
        .expect("found");
    assert!(says(&evidence, "and no branch does"), "{evidence:?}");
}

#[test]
fn a_commit_that_is_not_there_is_missing() {
    let mut s = Situation::new();
    s.crate_commit("1.0.0");
    let nowhere = git2::Oid::from_str(&"ab".repeat(20)).expect("id");
    let error = s
        .locate(&naming("pkg:cargo/x@1.0.0", nowhere))
        .expect_err("missing");
    assert!(matches!(error, Error::CommitMissing { .. }), "{error}");
    assert!(error.to_string().contains("--source"), "{error}");
    // A tree is no commit, whatever names it.
    let tree = s
        .upstream
        .git
        .head()
        .expect("head")
        .peel_to_tree()
        .expect("tree")
        .id();
    let error = s
        .locate(&naming("pkg:cargo/x@1.0.0", tree))
        .expect_err("no commit");
    assert!(matches!(error, Error::CommitMissing { .. }), "{error}");
}

#[test]
fn a_commit_that_npms_client_noted_and_never_pushed_leaves_the_tag() {
    let mut s = Situation::new();
    let json = r#"{"name":"x","version":"1.0.0"}"#;
    let tagged = s.upstream.commit(&[("package.json", Text(json))]);
    let nowhere = git2::Oid::from_str(&"ab".repeat(20)).expect("id");
    for kind in [
        EvidenceKind::RegistryMetadata,
        EvidenceKind::ArtifactMetadata,
    ] {
        let noted = SourceHints {
            commit: Some((id(nowhere), kind)),
            ..hints("pkg:npm/x@1.0.0")
        };
        // Without a tag, what the history says.
        let (git, evidence) = s.locate(&noted).expect("found");
        assert_eq!((git.commit, git.tag), (id(tagged), None));
        assert!(says(&evidence, "never pushed"), "{evidence:?}");
    }
    s.upstream.tag("v1.0.0", tagged);
    let noted = SourceHints {
        commit: Some((id(nowhere), EvidenceKind::RegistryMetadata)),
        ..hints("pkg:npm/x@1.0.0")
    };
    let (git, evidence) = s.locate(&noted).expect("found");
    assert_eq!(git.tag.as_deref(), Some("v1.0.0"));
    assert!(says(&evidence, &nowhere.to_string()), "{evidence:?}");
    // One that is there and on no branch may be a fork's, and is never made up for.
    let fork = s
        .upstream
        .commit_on(Some(tagged), &[("package.json", Text(json))]);
    let forged = SourceHints {
        commit: Some((id(fork), EvidenceKind::RegistryMetadata)),
        ..hints("pkg:npm/x@1.0.0")
    };
    let error = s.locate(&forged).expect_err("refused");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn a_noted_commit_without_the_releases_manifest_leaves_the_tag_and_says_so() {
    let mut s = Situation::new();
    let json = |version: &str| format!(r#"{{"name":"x","version":"{version}"}}"#);
    let empty = s.upstream.commit(&[("README", Text("starting"))]);
    let older = s.upstream.commit(&[("package.json", Text(&json("0.9.0")))]);
    let tagged = s.upstream.commit(&[("package.json", Text(&json("1.0.0")))]);
    let noting = |version: &str, commit| SourceHints {
        commit: Some((id(commit), EvidenceKind::ArtifactMetadata)),
        ..hints(&format!("pkg:npm/x@{version}"))
    };
    // What the history says by itself does not stand against the note.
    let error = s.locate(&noting("1.0.0", older)).expect_err("no tag");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    s.upstream.tag("v1.0.0", tagged);
    for noted in [empty, older] {
        let (git, evidence) = s.locate(&noting("1.0.0", noted)).expect("found");
        assert_eq!(git.commit, id(tagged));
        assert!(
            says(&evidence, "not this release's manifest"),
            "{evidence:?}"
        );
        assert!(says(&evidence, &noted.to_string()), "{evidence:?}");
    }
    // What is part of a crate is no note.
    let error = s.locate(&SourceHints {
        commit: Some((id(older), EvidenceKind::ArtifactVcsInfo)),
        ..hints("pkg:npm/x@1.0.0")
    });
    let error = error.expect_err("refused");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_noted_commit_that_declares_no_version_is_the_source_only_where_a_tag_of_the_version_is_it() {
    let mut situation = Situation::new();
    let open = r#"{"name":"x","version":"0.0.0-development"}"#;
    let old = situation.upstream.commit(&[("package.json", Text(open))]);
    situation.upstream.tag("v1.0.0", old);
    let new = situation
        .upstream
        .commit(&[("package.json", Text(open)), ("index.js", Text("fixed"))]);
    let noting = |version: &str, commit| SourceHints {
        commit: Some((id(commit), EvidenceKind::RegistryMetadata)),
        ..hints(&format!("pkg:npm/x@{version}"))
    };
    let (git, _) = situation.locate(&noting("1.0.0", old)).expect("found");
    assert_eq!(git.commit, id(old));
    // Whoever may publish could call any commit of the project a release.
    let error = situation.locate(&noting("1.0.2", old)).expect_err("no tag");
    assert!(matches!(error, Error::NoTag { .. }), "{error}");
    situation.upstream.tag("v1.0.2", new);
    let (git, evidence) = situation.locate(&noting("1.0.2", old)).expect("tagged");
    assert_eq!(git.commit, id(new));
    assert!(says(&evidence, "declares no version"), "{evidence:?}");
}

#[test]
fn a_moved_tag_is_visible_and_does_not_move_the_source() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", commit);
    let (git, evidence) = s
        .locate(&naming("pkg:cargo/x@1.0.0", commit))
        .expect("found");
    assert_eq!(git.tag.as_deref(), Some("v1.0.0"));
    assert!(
        says(&evidence, "names the version and is that commit"),
        "{evidence:?}"
    );

    let other = s.upstream.commit(&[("a", Text("a"))]);
    s.upstream.tag("v1.0.0", other);
    let (git, evidence) = s
        .locate(&naming("pkg:cargo/x@1.0.0", commit))
        .expect("found");
    assert_eq!((git.commit, git.tag), (id(commit), None));
    assert!(says(&evidence, "it was moved"), "{evidence:?}");
    assert!(says(&evidence, &other.to_string()), "{evidence:?}");
}

#[test]
fn without_a_commit_the_tag_that_names_the_version_is_the_source() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.annotated_tag("v1.0.0", commit);
    s.crate_commit("1.0.1");
    let (git, evidence) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    assert_eq!(
        (git.commit, git.tag.as_deref()),
        (id(commit), Some("v1.0.0"))
    );
    assert!(
        says(&evidence, "tag v1.0.0 names the version"),
        "{evidence:?}"
    );
}

#[test]
fn of_two_tags_of_a_version_the_one_with_more_of_the_artifacts_files_is_taken() {
    let mut s = Situation::new();
    s.crate_commit("1.0.0");
    let bare = s.upstream.commit(&[("src/lib.rs", Text("released"))]);
    let v = s
        .upstream
        .commit(&[("src/lib.rs", Text("changed before it was tagged again"))]);
    s.upstream.tag("1.0.0", bare);
    s.upstream.tag("v1.0.0", v);
    let mut hints = hints("pkg:cargo/x@1.0.0");
    hints.files = BTreeSet::from([blob("released")]);
    let (git, evidence) = s.locate(&hints).expect("found");
    assert_eq!((git.commit, git.tag.as_deref()), (id(bare), Some("1.0.0")));
    assert!(
        says(
            &evidence,
            "it holds 0 of the artifact's files, and the one that was taken 1"
        ),
        "{evidence:?}"
    );
}

#[test]
fn a_commit_after_the_tag_that_holds_more_of_the_artifacts_files_is_the_source() {
    let mut s = Situation::new();
    let tagged = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", tagged);
    s.upstream.commit(&[("NEWS", Text("no part of it"))]);
    let released = s.upstream.commit(&[("src/lib.rs", Text("released"))]);
    s.upstream.commit(&[("NEWS", Text(""))]);
    let of = |files: &[&str]| {
        let mut hints = hints("pkg:cargo/x@1.0.0");
        hints.files = files.iter().map(|text| blob(text)).collect();
        s.locate(&hints).expect("found")
    };
    let (git, evidence) = of(&["released", "made by a tool"]);
    assert_eq!((git.commit, git.tag), (id(released), None));
    assert!(
        says(&evidence, "is a commit before") && says(&evidence, "1 of the artifact's 2 file(s)"),
        "{evidence:?}"
    );
    for nothing in [&["made by a tool"][..], &["made by a tool", ""]] {
        let (git, _) = of(nothing);
        assert_eq!(git.tag.as_deref(), Some("v1.0.0"), "{nothing:?}");
    }
}

#[test]
fn what_follows_a_tag_is_no_source_of_its_version_on_a_fork_beside_it_or_as_another_version() {
    let mut s = Situation::new();
    let before = s.crate_commit("1.0.0");
    let tagged = s.upstream.commit(&[("NEWS", Text("released"))]);
    let beside = s
        .upstream
        .commit_on(Some(before), &[("src/lib.rs", Text("beside"))]);
    s.upstream.set("refs/heads/other", beside);
    s.upstream.tag("v1.0.0", tagged);
    let fork = s
        .upstream
        .commit_on(Some(tagged), &[("src/lib.rs", Text("forked"))]);
    s.upstream.set("refs/pull/1/head", fork);
    let next = "[package]\nname = \"x\"\nversion = \"1.0.1\"\n";
    s.upstream
        .commit(&[("src/lib.rs", Text("next")), ("Cargo.toml", Text(next))]);
    for text in ["forked", "beside", "next"] {
        let mut hints = hints("pkg:cargo/x@1.0.0");
        hints.files = BTreeSet::from([blob(text)]);
        let (git, _) = s.locate(&hints).expect("found");
        assert_eq!(git.commit, id(tagged), "{text}");
    }
}

#[test]
fn two_tags_on_different_commits_are_ranked_and_both_recorded() {
    let mut s = Situation::new();
    let bare = s.crate_commit("1.0.0");
    let v = s.upstream.commit(&[("a", Text("a"))]);
    s.upstream.tag("1.0.0", bare);
    s.upstream.tag("v1.0.0", v);
    let (git, evidence) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    assert_eq!(git.commit, id(v));
    assert!(
        says(&evidence, "tag 1.0.0 names the version too"),
        "{evidence:?}"
    );
    assert!(says(&evidence, &bare.to_string()), "{evidence:?}");
}

#[test]
fn a_tag_on_another_versions_manifest_is_a_mismatch_and_not_a_guess() {
    let mut s = Situation::new();
    let commit = s.crate_commit("0.9.9");
    s.upstream.tag("v1.0.0", commit);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("mismatch");
    match &error {
        Error::ManifestMismatch {
            expected,
            found,
            commit: at,
            ..
        } => {
            assert_eq!((expected.as_str(), found.as_str()), ("x 1.0.0", "x 0.9.9"));
            assert_eq!(*at, id(commit));
        }
        other => panic!("{other}"),
    }
    // The artifact's word does not help either.
    let error = s
        .locate(&naming("pkg:cargo/x@1.0.0", commit))
        .expect_err("mismatch");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_tag_of_the_name_that_a_package_had_before_leads_to_the_commit_that_renamed_it_alone() {
    let renamed = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
    let old = renamed.replace("\"x\"", "\"old\"");
    let of = |is_after: bool, tagged: &str| {
        let mut s = Situation::new();
        let first = s.upstream.commit(&[("Cargo.toml", Text(&old))]);
        let files = [
            ("Cargo.toml", Text(tagged)),
            ("fixtures/a/Cargo.toml", Text(&old)),
        ];
        let tagged = s.upstream.commit(&files);
        s.upstream.tag("v1.0.0", tagged);
        s.upstream.commit(&[("NEWS", Text("renamed"))]);
        let parent = (!is_after).then_some(first);
        let files = [("Cargo.toml", Text(renamed))];
        let commit = match parent {
            Some(parent) => s.upstream.commit_on(Some(parent), &files),
            None => s.upstream.commit(&files),
        };
        s.upstream.set("refs/heads/renamed", commit);
        let found = s.locate(&hints("pkg:cargo/x@1.0.0"));
        (found, commit)
    };
    let (found, commit) = of(true, &old);
    let (git, evidence) = found.expect("found");
    assert_eq!((git.commit, git.tag), (id(commit), None));
    let told = "tag v1.0.0 names the version, which Cargo.toml declares there for another package";
    assert!(says(&evidence, told), "{evidence:?}");
    // Beside the tag, or after one of another version, whatever lies below.
    let elsewhere = of(false, &old);
    let another = of(true, &old.replace("1.0.0", "0.9.0"));
    for (found, _) in [elsewhere, another] {
        let error = found.expect_err("mismatch");
        assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    }
}

#[test]
fn a_tag_one_commit_before_the_version_was_written_leads_to_the_commit_that_wrote_it() {
    let mut s = Situation::new();
    let tagged = s.crate_commit("0.9.9");
    s.upstream.tag("v1.0.0", tagged);
    let written = s.crate_commit("1.0.0");
    let (git, evidence) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    // The tag is not that commit's.
    assert_eq!((git.commit, git.tag), (id(written), None));
    let told = "tag v1.0.0 names the version and is the commit before the one that set it";
    assert!(says(&evidence, told), "{evidence:?}");
    assert!(says(&evidence, "it is the one that set it"), "{evidence:?}");
}

#[test]
fn a_tag_on_the_merge_of_the_branch_that_set_the_version_leads_to_the_commit_that_set_it() {
    let located = |of_the_merge: &str| {
        let mut s = Situation::new();
        let before = s.crate_commit("0.9.9");
        let on_branch = |s: &mut Situation, parent, path, text| {
            s.upstream.commit_on(Some(parent), &[(path, Text(text))])
        };
        let fixed = on_branch(&mut s, before, "src/lib.rs", "// fixed");
        let toml = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
        let set = on_branch(&mut s, fixed, "Cargo.toml", toml);
        s.upstream.set("refs/heads/fix", set);
        let merge = s.upstream.commit(&[("src/lib.rs", Text(of_the_merge))]);
        s.upstream.tag("v1.0.0", merge);
        s.locate(&hints("pkg:cargo/x@1.0.0"))
            .map(|(git, _)| (git.commit == id(set), git.tag))
    };
    assert_eq!(located("// fixed").expect("found"), (true, None));
    // Of other files it is another commit.
    let error = located("// merged").expect_err("refused");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_tag_before_the_version_was_written_leads_on_to_a_later_commit_that_was_packed() {
    let located = |between: Option<&str>| {
        let mut s = Situation::new();
        let tagged = s.crate_commit("0.9.9");
        s.upstream.tag("v1.0.0", tagged);
        s.crate_commit("1.0.0");
        if let Some(version) = between {
            s.crate_commit(version);
            s.crate_commit("1.0.0");
        }
        let packed = s.upstream.commit(&[("src/lib.rs", Text("// packed"))]);
        s.upstream.commit(&[("src/lib.rs", Text("// later"))]);
        let mut hints = hints("pkg:cargo/x@1.0.0");
        hints.files = std::iter::once(blob("// packed")).collect();
        s.locate(&hints)
            .map(|(git, evidence)| (git.commit == id(packed), git.tag, evidence))
    };
    let (is_packed, tag, evidence) = located(None).expect("found");
    assert!(is_packed && tag.is_none());
    let told = "is the commit before the one that set it";
    assert!(says(&evidence, told), "{evidence:?}");
    // Another version between the two was another release.
    let error = located(Some("1.0.1")).expect_err("refused");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_tag_of_a_workspaces_other_package_is_no_contradiction() {
    let located = |tag: &str, tagged_root: &str| {
        let mut s = Situation::new();
        let package = |version: &str| format!(r#"{{"name":"x","version":"{version}"}}"#);
        let root = |version: &str| format!(r#"{{"name":"all","version":"{version}"}}"#);
        let tagged = s.upstream.commit(&[
            ("package.json", Text(&root(tagged_root))),
            ("packages/x/package.json", Text(&package("0.9.0"))),
        ]);
        s.upstream.tag(tag, tagged);
        s.upstream.commit(&[("README.md", Text("between"))]);
        let written = s.upstream.commit(&[
            ("package.json", Text(&root("1.1.0"))),
            ("packages/x/package.json", Text(&package("1.0.0"))),
        ]);
        s.locate(&hints("pkg:npm/x@1.0.0"))
            .map(|(git, evidence)| (git.commit == id(written), evidence))
    };
    let (is_written, evidence) = located("v1.0.0", "1.0.0").expect("found");
    assert!(is_written);
    let told = "tag v1.0.0 names the version, which package.json declares there";
    assert!(says(&evidence, told), "{evidence:?}");
    // A tag that names the package is a contradiction, and so is one of a commit where nothing has
    // the version.
    for (tag, root) in [("x@1.0.0", "1.0.0"), ("v1.0.0", "1.0.1")] {
        let error = located(tag, root).expect_err("refused");
        assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    }
}

#[test]
fn a_tag_that_was_made_after_publishing_leads_to_the_commit_with_the_published_manifest() {
    let mut s = Situation::new();
    let manifest = |more: &str| format!(r#"{{"name":"x","version":"1.0.0"{more}}}"#);
    let (first, second) = (manifest(""), manifest(r#","private":false"#));
    let published = s.upstream.commit(&[("package.json", Text(&first))]);
    let tagged = s.upstream.commit(&[("package.json", Text(&second))]);
    s.upstream.tag("v1.0.0", tagged);
    let located = |manifest: Option<&str>| {
        let mut hints = hints("pkg:npm/x@1.0.0");
        hints.manifest = manifest.map(blob);
        hints.files = hints.manifest.into_iter().collect();
        s.locate(&hints).expect("found")
    };
    let (git, evidence) = located(Some(&first));
    assert_eq!((git.commit, git.tag), (id(published), None));
    let told = format!("tag v1.0.0 names the version and is another commit, {tagged}");
    assert!(says(&evidence, &told), "{evidence:?}");
    // Where the tag holds it, or nothing does, as publishing may change it, the tag is right.
    for manifest in [Some(second.as_str()), Some("{}"), None] {
        let (git, _) = located(manifest);
        assert_eq!(git.commit, id(tagged), "{manifest:?}");
        assert_eq!(git.tag.as_deref(), Some("v1.0.0"));
    }
}

#[test]
fn a_published_manifest_that_only_a_fork_holds_does_not_move_the_source() {
    let mut s = Situation::new();
    let own = r#"{"name":"x","version":"1.0.0"}"#;
    let other = r#"{"name":"x","version":"1.0.0","private":false}"#;
    let tagged = s.upstream.commit(&[("package.json", Text(own))]);
    s.upstream.tag("v1.0.0", tagged);
    let fork = s
        .upstream
        .commit_on(Some(tagged), &[("package.json", Text(other))]);
    s.upstream.set("refs/pull/1/head", fork);
    let mut hints = hints("pkg:npm/x@1.0.0");
    hints.manifest = Some(blob(other));
    hints.files = hints.manifest.into_iter().collect();
    assert_eq!(s.locate(&hints).expect("found").0.commit, id(tagged));
}

#[test]
fn a_tag_two_commits_before_or_on_no_parent_stays_a_contradiction() {
    let refused = |s: Situation| {
        let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("refused");
        assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    };
    let mut s = Situation::new();
    let tagged = s.crate_commit("0.9.9");
    s.upstream.tag("v1.0.0", tagged);
    s.upstream.commit(&[("README.md", Text("between"))]);
    s.crate_commit("1.0.0");
    refused(s);

    // A commit that only a fork has writes the version after the tag.
    let mut s = Situation::new();
    let tagged = s.crate_commit("0.9.9");
    s.upstream.tag("v1.0.0", tagged);
    let toml = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
    let fork = s
        .upstream
        .commit_on(Some(tagged), &[("Cargo.toml", Text(toml))]);
    s.upstream.set("refs/pull/1/head", fork);
    refused(s);
}

#[test]
fn a_tag_is_the_source_where_its_commit_says_that_publishing_writes_the_version_in() {
    let locate = |workflow: &str, tag: &str| {
        let mut s = Situation::new();
        let commit = s.upstream.commit(&[
            (
                "package.json",
                Text(r#"{"name":"x","version":"1.0.0-beta"}"#),
            ),
            (".github/workflows/release.yml", Text(workflow)),
        ]);
        s.upstream.tag(tag, commit);
        s.locate(&hints("pkg:npm/x@1.0.0"))
    };
    let (_, evidence) = locate("run: npx semantic-release", "v1.0.0").expect("found");
    let told = "semantic-release, in .github/workflows/release.yml";
    assert!(says(&evidence, told), "{evidence:?}");
    assert!(says(&evidence, "declares x 1.0.0-beta"), "{evidence:?}");
    let error = locate("run: npm publish", "v1.0.0").expect_err("nothing writes it");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    // Nothing ties the commit to the version.
    assert!(locate("run: npx semantic-release", "v0.9.0").is_err());
}

#[test]
fn a_tag_is_the_source_of_a_version_that_was_never_committed_where_it_holds_all_else() {
    let manifest = |version: &str| format!(r#"{{"name":"x","version":"{version}"}}"#);
    let (before, published) = (manifest("0.9.9"), manifest("1.0.0"));
    let located = |s: &Situation, files: &[&str]| {
        let mut hints = hints("pkg:npm/x@1.0.0");
        hints.manifest = Some(blob(&published));
        hints.files = files.iter().copied().map(blob).collect();
        s.locate(&hints)
    };
    let source = [("package.json", Text(&before)), ("x.js", Text("x"))];
    let mut s = Situation::new();
    let commit = s.upstream.commit(&source);
    s.upstream.tag("v1.0.0", commit);
    let (git, evidence) = located(&s, &[&published, "x"]).expect("found");
    assert_eq!(
        (git.commit, git.tag.as_deref()),
        (id(commit), Some("v1.0.0"))
    );
    assert!(says(&evidence, "declares x 0.9.9"), "{evidence:?}");
    assert!(
        says(&evidence, "1 file(s) but its manifest"),
        "{evidence:?}"
    );
    // One file more, nothing that tells, or what is no manifest of npm's leaves it a contradiction.
    for files in [
        &[published.as_str(), "x", "y"][..],
        &[&published],
        &["x"],
        &[&published, ""],
    ] {
        let error = located(&s, files).expect_err("refused");
        assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    }

    // So does a commit that is on no branch, and another that declares the version.
    let mut s = Situation::new();
    let own = s.upstream.commit(&[("package.json", Text(&before))]);
    let fork = s.upstream.commit_on(Some(own), &source);
    s.upstream.tag("v1.0.0", fork);
    assert!(located(&s, &[&published, "x"]).is_err());
    let mut s = Situation::new();
    let tagged = s.upstream.commit(&source);
    s.upstream.tag("v1.0.0", tagged);
    s.upstream.commit(&[("README.md", Text("between"))]);
    s.upstream.commit(&[("package.json", Text(&published))]);
    assert!(located(&s, &[&published, "x"]).is_err());
}

#[test]
fn a_tag_that_agrees_comes_before_one_whose_version_is_written_in() {
    let mut s = Situation::new();
    let manifest = |version: &str| format!(r#"{{"name":"x","version":"{version}"}}"#);
    let config = || (".releaserc", Text("semantic-release"));
    let (early, late) = (manifest("0.9.0"), manifest("1.0.0"));
    let before = s
        .upstream
        .commit(&[("package.json", Text(&early)), config()]);
    s.upstream.tag("1.0.0", before);
    let released = s
        .upstream
        .commit(&[("package.json", Text(&late)), config()]);
    s.upstream.tag("v1.0.0", released);
    let (git, _) = s.locate(&hints("pkg:npm/x@1.0.0")).expect("found");
    assert_eq!(git.commit, id(released));
    // What names a commit is held to its version.
    let error = s
        .locate(&naming("pkg:npm/x@1.0.0", before))
        .expect_err("mismatch");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn another_packages_repository_is_a_mismatch() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", commit);
    let error = s.locate(&hints("pkg:cargo/y@1.0.0")).expect_err("mismatch");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    assert!(error.to_string().contains("package `x`"), "{error}");
}

#[test]
fn without_a_tag_the_error_names_what_was_tried_and_what_is_there() {
    let mut s = Situation::new();
    let commit = s.crate_commit("0.9.0");
    s.upstream.tag("v0.9.0", commit);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("no tag");
    let text = error.to_string();
    assert!(matches!(error, Error::NoTag { .. }), "{text}");
    for part in ["x-v1.0.0", "such as v0.9.0", "--source"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_package_of_a_monorepo_is_found_by_name_and_version() {
    let mut s = Situation::new();
    let root = r#"{"name":"x","version":"0.0.0","private":true}"#;
    let commit = s.upstream.commit(&[
        ("package.json", Text(root)),
        (
            "packages/y/package.json",
            Text(r#"{"name":"@s/y","version":"1.0.0"}"#),
        ),
        (
            "packages/x/package.json",
            Text(r#"{"name":"x","version":"1.0.0"}"#),
        ),
        (
            "packages/x/test/bait/package.json",
            Text(r#"{"name":"x","version":"1.0.0"}"#),
        ),
        (
            "packages/y/node_modules/x/package.json",
            Text(r#"{"name":"x","version":"1.0.0"}"#),
        ),
        ("packages/broken/package.json", Text("{")),
    ]);
    s.upstream.tag("x@1.0.0", commit);
    let (git, evidence) = s.locate(&hints("pkg:npm/x@1.0.0")).expect("found");
    assert_eq!(git.directory, "packages/x");
    assert!(
        says(&evidence, "so do the manifests in `packages/x/test/bait`"),
        "{evidence:?}"
    );

    // The folder that the registry names is believed where it agrees, and the
    // search goes on where it does not.
    s.upstream.tag("@s/y@1.0.0", commit);
    for folder in ["packages/y", "packages/x", "packages/gone", "../../y"] {
        let mut hints = hints("pkg:npm/%40s/y@1.0.0");
        hints.repositories[0].directory = Some(folder.into());
        let (git, _) = s.locate(&hints).expect("found");
        assert_eq!(git.directory, "packages/y", "with hint {folder}");
    }
}

#[test]
fn a_folder_that_the_artifact_names_is_held_to_its_word() {
    let mut s = Situation::new();
    let toml = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    let (x, y) = (toml("x"), toml("y"));
    let commit = s
        .upstream
        .commit(&[("a/Cargo.toml", Text(&x)), ("b/Cargo.toml", Text(&y))]);
    let at = |folder: &str| SourceHints {
        directory: Some(folder.into()),
        ..naming("pkg:cargo/x@1.0.0", commit)
    };
    let (git, _) = s.locate(&at("a")).expect("found");
    assert_eq!(git.directory, "a");
    let error = s.locate(&at("b")).expect_err("other package");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
    for gone in ["c", "../a"] {
        let error = s.locate(&at(gone)).expect_err("no such folder");
        assert!(matches!(error, Error::NoManifest { .. }), "{error}");
    }
}

#[test]
fn a_workspace_hands_its_version_down() {
    let mut s = Situation::new();
    let member = "[package]\nname = \"x\"\nversion.workspace = true\n";
    let root = |version: &str| {
        format!(
            "[workspace]\nmembers = [\"crates/x\"]\n[workspace.package]\nversion = \"{version}\"\n"
        )
    };
    let right = s.upstream.commit(&[
        ("Cargo.toml", Text(&root("1.0.0"))),
        ("crates/x/Cargo.toml", Text(member)),
    ]);
    s.upstream.tag("v1.0.0", right);
    let (git, _) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    assert_eq!(git.directory, "crates/x");

    let wrong = s.upstream.commit(&[("Cargo.toml", Text(&root("1.0.1")))]);
    s.upstream.tag("v1.0.0", wrong);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("mismatch");
    assert!(error.to_string().contains("x 1.0.1"), "{error}");

    let none = s.upstream.commit(&[("Cargo.toml", Text("[workspace]\n"))]);
    s.upstream.tag("v1.0.0", none);
    let mut certain = hints("pkg:cargo/x@1.0.0");
    certain.directory = Some("crates/x".into());
    let error = s.locate(&certain).expect_err("nothing to inherit");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_dynamic_version_is_not_checked_and_the_evidence_says_so() {
    let mut s = Situation::new();
    let toml = "[project]\nname = \"My.X\"\ndynamic = [\"version\"]\n";
    let commit = s.upstream.commit(&[("pyproject.toml", Text(toml))]);
    s.upstream.tag("v1.0", commit);
    let (git, evidence) = s.locate(&hints("pkg:pypi/my-x@1.0.0")).expect("found");
    assert_eq!(git.tag.as_deref(), Some("v1.0"));
    assert!(says(&evidence, "its version is dynamic"), "{evidence:?}");
    let error = s
        .locate(&hints("pkg:pypi/other@1.0.0"))
        .expect_err("another name");
    assert!(matches!(error, Error::ManifestMismatch { .. }), "{error}");
}

#[test]
fn a_dirty_artifact_is_recorded_and_nothing_else() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    let mut dirty = naming("pkg:cargo/x@1.0.0", commit);
    dirty.dirty = true;
    let (git, evidence) = s.locate(&dirty).expect("found");
    assert_eq!(git.commit, id(commit));
    assert!(says(&evidence, "work tree was changed"), "{evidence:?}");
}

#[test]
fn what_the_operator_names_is_read_instead_of_every_hint() {
    let mut s = Situation::new();
    s.crate_commit("0.1.0");
    let mut other = TestRepository::create(&s.dir.path().join("copies/x.git"));
    let commit = other.commit(&[("Cargo.toml", Text("[package]\nname='x'\nversion='1.0.0'"))]);
    other.tag("v1.0.0", commit);
    let operator = other.path.display().to_string();
    let source = s
        .sources
        .locate(&hints("pkg:cargo/x@1.0.0"), Some(&operator))
        .expect("found");
    assert_eq!(source.evidence()[0].kind, EvidenceKind::Operator);
    let json = serde_json::to_string(&source).expect("json");
    let here = s.dir.path().display().to_string();
    assert!(
        !json.contains(&here),
        "a path of this machine is in the record: {json}"
    );
    let (git, _) = parts(source);
    assert_eq!(git.repository, "file:x");
    assert!(git.read_from_mirror);
}

#[test]
fn a_package_cannot_make_the_farm_read_what_only_an_operator_may_name() {
    let s = Situation::new();
    let local = s.upstream.path.display().to_string();
    for url in [
        local.clone(),
        format!("file://{local}"),
        "ext::sh -c true".into(),
        "ftp://git.example/o/r".into(),
    ] {
        let mut hints = hints("pkg:npm/x@1.0.0");
        hints.repositories = vec![hint(&url)];
        let error = s.locate(&hints).expect_err("refused");
        assert!(
            matches!(error, Error::NoRepository { .. }),
            "{url}: {error}"
        );
        assert!(!error.is_farm_fault());
    }
}

#[test]
fn a_mirror_without_a_copy_is_the_farms_fault_and_the_next_hint_is_tried() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", commit);
    let mut both = hints("pkg:cargo/x@1.0.0");
    both.repositories = vec![
        hint("https://git.example/o/gone"),
        hint("git@git.example:o/r.git"),
    ];
    let (git, _) = s.locate(&both).expect("found by the second hint");
    assert_eq!(git.repository, "https://git.example/o/r");

    both.repositories.truncate(1);
    let error = s.locate(&both).expect_err("no copy");
    assert!(error.is_farm_fault(), "{error}");
    assert!(error.to_string().contains("[source.mirror]"), "{error}");
}

#[test]
fn a_repository_on_disk_is_opened_in_place_and_not_written_to() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", commit);
    let before = listing(&s.upstream.path);
    let source = s
        .sources
        .locate(&hints("pkg:cargo/x@1.0.0"), None)
        .expect("found");
    s.sources
        .checkout(&source, &s.dir.path().join("out"))
        .expect("checkout");
    assert_eq!(before, listing(&s.upstream.path));
}

fn listing(folder: &std::path::Path) -> Vec<(std::path::PathBuf, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("read") {
        let entry = entry.expect("entry");
        let meta = entry.metadata().expect("metadata");
        found.push((entry.path(), meta.modified().expect("time")));
        if meta.is_dir() {
            found.extend(listing(&entry.path()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_repository_behind_a_git_transport_is_fetched_once_and_again_when_it_must() {
    let mut s = Situation::new();
    let first = s.crate_commit("1.0.0");
    s.upstream.annotated_tag("v1.0.0", first);
    let fork = s.upstream.commit_on(Some(first), &[("evil", Text("x"))]);
    s.upstream.set("refs/pull/1/head", fork);
    let server = GitServer::serve(&s.dir.path().join("mirror"));
    s.sources = Situation::sources(&s.dir, &server.url());

    let (git, _) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("fetched");
    assert_eq!(
        (git.commit, git.tag.as_deref()),
        (id(first), Some("v1.0.0"))
    );
    // What a pull request holds never reaches the copy.
    let error = s
        .locate(&naming("pkg:cargo/x@1.0.0", fork))
        .expect_err("not fetched");
    assert!(matches!(error, Error::CommitMissing { .. }), "{error}");

    // A release that came after the copy was made is found at once.
    let second = s.crate_commit("1.1.0");
    s.upstream.tag("v1.1.0", second);
    let (git, _) = s
        .locate(&hints("pkg:cargo/x@1.1.0"))
        .expect("fetched again");
    assert_eq!(git.commit, id(second));

    // And the copy serves while upstream is away.
    drop(server);
    s.locate(&hints("pkg:cargo/x@1.1.0"))
        .expect("from the copy");
    let error = s.locate(&hints("pkg:cargo/x@1.2.0")).expect_err("away");
    assert!(error.is_farm_fault(), "{error}");
}

#[test]
fn an_answer_of_upstream_is_told_from_a_network_that_is_down() {
    let s = Situation::new();
    let server = GitServer::serve(&s.dir.path().join("mirror"));
    let with = |location: &str| Situation::sources(&s.dir, location);
    let mut absent = hints("pkg:cargo/x@1.0.0");
    absent.repositories = vec![hint("https://git.example/o/absent")];
    let error = with(&server.url())
        .locate(&absent, None)
        .expect_err("absent");
    assert!(matches!(error, Error::NotReadable { .. }), "{error}");
    assert!(!error.is_farm_fault());

    let url = server.url();
    drop(server);
    let error = with(&url).locate(&absent, None).expect_err("down");
    assert!(matches!(error, Error::CannotRead { .. }), "{error}");
    assert!(error.is_farm_fault());
}

#[test]
fn a_repository_behind_http_is_fetched_brought_up_to_date_and_followed_where_it_moved() {
    let mut s = Situation::new();
    // Enough commits that the two sides need several rounds to agree on what is had.
    for minor in 0..300 {
        s.crate_commit(&format!("0.{minor}.0"));
    }
    let first = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", first);
    let server = HttpGit::serve(&s.dir.path().join("mirror"), &[]);
    for folder in ["", "moved/"] {
        s.sources = Situation::sources(
            &s.dir,
            &format!("http://127.0.0.1:{}/{folder}", server.port),
        );
        let (git, _) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("fetched");
        assert_eq!(git.commit, id(first));
    }
    // Upstream's main branch goes back and on another way.
    let other = s
        .upstream
        .commit_on(Some(first), &[("NEWS", Text("1.1.0"))]);
    s.upstream.set("refs/heads/main", other);
    let second = s.crate_commit("1.1.0");
    s.upstream.tag("v1.1.0", second);
    let (git, _) = s
        .locate(&hints("pkg:cargo/x@1.1.0"))
        .expect("fetched again");
    assert_eq!(git.commit, id(second));
}

#[test]
fn what_a_web_server_says_of_a_repository_is_its_answer_and_leads_to_no_other_host() {
    let mut s = Situation::new();
    let commit = s.crate_commit("1.0.0");
    s.upstream.tag("v1.0.0", commit);
    let server = HttpGit::serve(&s.dir.path().join("mirror"), &[]);
    for (folder, said) in [
        ("absent", "unexpected http status code: 404"),
        ("private", "authentication required"),
        ("page", "invalid content-type: text/html"),
        ("away", "unexpected redirect"),
    ] {
        let location = format!("http://127.0.0.1:{}/{folder}", server.port);
        let error = Situation::sources(&s.dir, &location)
            .locate(&hints("pkg:cargo/x@1.0.0"), None)
            .expect_err(folder);
        assert!(matches!(error, Error::NotReadable { .. }), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let location = format!("http://127.0.0.1:{}", server.port);
    drop(server);
    let error = Situation::sources(&s.dir, &location)
        .locate(&hints("pkg:cargo/x@1.0.0"), None)
        .expect_err("down");
    assert!(error.is_farm_fault(), "{error}");
}

#[test]
fn a_shallow_copy_proves_nothing_about_upstream() {
    let mut s = Situation::new();
    let first = s.crate_commit("1.0.0");
    let second = s.crate_commit("1.1.0");
    std::fs::write(s.upstream.path.join("shallow"), format!("{second}\n")).expect("write");
    let error = s
        .locate(&naming("pkg:cargo/x@1.0.0", first))
        .expect_err("cut off");
    assert!(error.is_farm_fault(), "{error}");
    assert!(error.to_string().contains("shallow"), "{error}");
}

#[test]
fn a_manifest_that_is_a_link_is_not_read() {
    let mut s = Situation::new();
    let commit = s
        .upstream
        .commit(&[("Cargo.toml", Content::Link("/etc/hostname"))]);
    s.upstream.tag("v1.0.0", commit);
    let error = s
        .locate(&hints("pkg:cargo/x@1.0.0"))
        .expect_err("no manifest");
    assert!(matches!(error, Error::NoManifest { .. }), "{error}");
}

fn blob(content: &str) -> BlobId {
    let id = git2::Oid::hash_object(git2::ObjectType::Blob, content.as_bytes()).expect("hashed");
    BlobId::from_bytes(id.as_bytes().try_into().expect("SHA-1"))
}

#[test]
fn a_release_without_a_tag_is_the_commit_that_set_its_version() {
    let mut s = Situation::new();
    s.crate_commit("0.9.0");
    let set = s.crate_commit("1.0.0");
    s.upstream.commit(&[("README.md", Text("later"))]);
    s.crate_commit("1.1.0");
    let (git, evidence) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    assert_eq!((git.commit, git.tag), (id(set), None));
    assert!(says(&evidence, "the one that set it"), "{evidence:?}");
    // A version that no manifest ever declared stays without a source.
    let error = s.locate(&hints("pkg:cargo/x@1.0.1")).expect_err("refused");
    assert!(matches!(error, Error::NoTag { .. }), "{error}");
}

#[test]
fn a_release_without_a_tag_is_found_where_its_package_lay_then() {
    let manifest = |version| format!("[package]\nname = \"x\"\nversion = \"{version}\"\n");
    let (released, next) = (manifest("1.0.0"), manifest("1.1.0"));
    let found = |likely: Option<&str>| {
        let mut s = Situation::new();
        s.upstream
            .commit(&[("README.md", Text("before it was there"))]);
        let old = "packages/x/Cargo.toml";
        let set = s.upstream.commit(&[(old, Text(&released))]);
        s.upstream
            .commit(&[("core/x/Cargo.toml", Text(&next)), (old, Gone)]);
        let mut hints = hints("pkg:cargo/x@1.0.0");
        hints.repositories[0].directory = likely.map(str::to_owned);
        let (git, _) = s.locate(&hints).expect("found");
        (git.commit == id(set)).then_some(git.directory)
    };
    for likely in [None, Some("packages/x"), Some("core/x")] {
        assert_eq!(found(likely).as_deref(), Some("packages/x"), "{likely:?}");
    }

    // What a branch beside it holds somewhere was not moved.
    let mut s = Situation::new();
    let first = s.upstream.commit(&[("README.md", Text("x"))]);
    let built = s
        .upstream
        .commit_on(Some(first), &[("out/x/Cargo.toml", Text(&released))]);
    s.upstream.set("refs/heads/built", built);
    s.upstream.commit(&[("x/Cargo.toml", Text(&next))]);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("refused");
    assert!(matches!(error, Error::NoTag { .. }), "{error}");
}

#[test]
fn a_package_whose_name_the_root_had_before_is_found_in_its_folder() {
    let mut s = Situation::new();
    let manifest =
        |name, version| format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n");
    let (root, released) = (manifest("x", "0.0.0"), manifest("x", "1.0.0"));
    let (renamed, next) = (manifest("all", "0.0.0"), manifest("x", "1.1.0"));
    let set = s.upstream.commit(&[
        ("Cargo.toml", Text(&root)),
        ("x/Cargo.toml", Text(&released)),
    ]);
    s.upstream.commit(&[
        ("Cargo.toml", Text(&renamed)),
        ("x/Cargo.toml", Text(&next)),
    ]);
    let (git, _) = s.locate(&hints("pkg:cargo/x@1.0.0")).expect("found");
    assert_eq!((git.commit, git.directory.as_str()), (id(set), "x"));
}

#[test]
fn of_the_commits_of_a_version_the_first_with_the_artifacts_files_is_the_source() {
    let mut s = Situation::new();
    s.crate_commit("1.0.0");
    let fixed = s.upstream.commit(&[("src/lib.rs", Text("fixed"))]);
    s.upstream
        .commit(&[("NEWS", Text("no part of the artifact"))]);
    s.upstream
        .commit(&[("src/lib.rs", Text("of the next version"))]);
    let mut hints = hints("pkg:cargo/x@1.0.0");
    hints.files = BTreeSet::from([blob("fixed"), blob("made by a tool")]);
    let (git, evidence) = s.locate(&hints).expect("found");
    assert_eq!(git.commit, id(fixed));
    assert!(
        says(&evidence, "1 of the artifact's 2 file(s)"),
        "{evidence:?}"
    );
}

#[test]
fn history_that_no_branch_holds_is_no_source() {
    let mut s = Situation::new();
    let main = s.crate_commit("0.9.0");
    let toml = "[package]\nname = \"x\"\nversion = \"1.0.0\"\n";
    let fork = s
        .upstream
        .commit_on(Some(main), &[("Cargo.toml", Text(toml))]);
    s.upstream.set("refs/pull/1/head", fork);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("refused");
    assert!(matches!(error, Error::NoTag { .. }), "{error}");
}

#[test]
fn a_tag_that_was_moved_to_a_forks_commit_is_not_made_up_for_by_history() {
    let mut s = Situation::new();
    let set = s.crate_commit("1.0.0");
    let toml = "[package]\nname = \"y\"\nversion = \"1.0.0\"\n";
    let fork = s
        .upstream
        .commit_on(Some(set), &[("Cargo.toml", Text(toml))]);
    s.upstream.tag("v1.0.0", fork);
    let error = s.locate(&hints("pkg:cargo/x@1.0.0")).expect_err("refused");
    assert!(
        matches!(
            error,
            Error::ManifestMismatch { .. } | Error::NoManifest { .. }
        ),
        "{error}"
    );
}
