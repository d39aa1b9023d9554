//! What a verified attestation makes of a release's source: it goes first, it must still
//! be there, and what disagrees with it is told.

use std::collections::BTreeMap;

use remint::model::{
    EvidenceKind, GitSource, Provenance, ProvenanceFindings, Release, RepositoryHint, Source,
    SourceConfig, SourceHints,
};
use remint::source::{Error, Sources, hints_from};

use crate::crates::git::{Content::Text, TestRepository};

/// Upstreams `https://git.example/o/r` and `.../o/attested`, mirrored in a folder.
struct Situation {
    dir: tempfile::TempDir,
    claimed: TestRepository,
    attested: TestRepository,
    sources: Sources,
}

impl Situation {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let at =
            |name: &str| TestRepository::create(&dir.path().join(format!("mirror/o/{name}.git")));
        let mut config = SourceConfig::default();
        config.mirror.insert(
            "https://git.example/".into(),
            dir.path().join("mirror").display().to_string(),
        );
        Self {
            claimed: at("r"),
            attested: at("attested"),
            sources: Sources::new(&config, dir.path().join("cache")),
            dir,
        }
    }

    fn locate(&self, hints: &SourceHints) -> Result<(GitSource, Vec<String>), Error> {
        assert!(self.dir.path().exists());
        self.sources.locate(hints, None).map(|source| {
            let doubts = source.evidence().iter().filter(|e| e.kind.is_doubt());
            let doubts = doubts.map(|e| e.detail.clone()).collect();
            match source {
                Source::Git { git, .. } => (git, doubts),
                Source::Sdist { .. } => panic!("no sdist was asked for"),
            }
        })
    }
}

fn manifest(version: &str) -> String {
    format!(r#"{{"name":"demo","version":"{version}"}}"#)
}

fn commit(repository: &mut TestRepository, version: &str, more: &str) -> git2::Oid {
    repository.commit(&[
        ("package.json", Text(&manifest(version))),
        ("more", Text(more)),
    ])
}

/// What is known of `demo` 1.0.0, whose registry names `o/r`.
fn hints(attested: Option<(&str, git2::Oid)>, git_head: Option<git2::Oid>) -> SourceHints {
    let id = |commit: git2::Oid| commit.to_string().parse().expect("a commit");
    let release = Release {
        purl: "pkg:npm/demo@1.0.0".parse().expect("valid"),
        artifacts: vec![],
        repositories: vec![RepositoryHint {
            url: "https://git.example/o/r".into(),
            directory: None,
            kind: EvidenceKind::RegistryMetadata,
            detail: "the packument's `repository`".into(),
            is_claim: true,
        }],
        git_head: git_head.map(id),
        publisher_tools: vec![],
    };
    let findings = ProvenanceFindings {
        verified: attested.map(|(name, commit)| Provenance {
            repository: format!("https://git.example/o/{name}"),
            commit: id(commit),
            reference: None,
            workflow: format!("https://git.example/o/{name}/release.yml"),
            issuer: "https://issuer.example".into(),
        }),
        doubts: vec![],
    };
    hints_from(&release, &BTreeMap::new(), &findings).expect("hints")
}

#[test]
fn a_verified_commit_goes_before_the_tag_and_agreement_leaves_no_doubt() {
    let mut s = Situation::new();
    let made = commit(&mut s.claimed, "1.0.0", "a");
    s.claimed.tag("v1.0.0", made);
    commit(&mut s.claimed, "1.0.1", "b");
    let source = s
        .sources
        .locate(&hints(Some(("r", made)), Some(made)), None);
    let source = source.expect("found");
    assert_eq!(source.evidence()[0].kind, EvidenceKind::RegistryProvenance);
    let (git, doubts) = s
        .locate(&hints(Some(("r", made)), Some(made)))
        .expect("found");
    assert_eq!(git.commit.as_str(), made.to_string());
    assert_eq!(git.tag.as_deref(), Some("v1.0.0"));
    assert_eq!(doubts, Vec::<String>::new());
}

#[test]
fn another_tag_and_another_git_head_are_told_and_do_not_move_the_source() {
    let mut s = Situation::new();
    let made = commit(&mut s.claimed, "1.0.0", "a");
    let tagged = commit(&mut s.claimed, "1.0.0", "b");
    s.claimed.tag("v1.0.0", tagged);
    let (git, doubts) = s
        .locate(&hints(Some(("r", made)), Some(tagged)))
        .expect("found");
    assert_eq!(git.commit.as_str(), made.to_string());
    assert_eq!(git.tag, None);
    assert_eq!(doubts.len(), 2, "{doubts:?}");
    assert!(
        doubts
            .iter()
            .all(|doubt| doubt.contains(&tagged.to_string()))
    );
    assert!(doubts.iter().any(|doubt| doubt.contains("tag v1.0.0")));
    assert!(
        doubts
            .iter()
            .any(|doubt| doubt.contains("the registry's metadata"))
    );
}

#[test]
fn another_repository_than_the_metadata_claims_is_followed_and_told() {
    let mut s = Situation::new();
    let claimed = commit(&mut s.claimed, "1.0.0", "a");
    s.claimed.tag("v1.0.0", claimed);
    let made = commit(&mut s.attested, "1.0.0", "other content");
    let (git, doubts) = s
        .locate(&hints(Some(("attested", made)), None))
        .expect("found");
    assert_eq!(git.repository, "https://git.example/o/attested");
    let [doubt] = &doubts[..] else {
        panic!("one doubt: {doubts:?}");
    };
    assert!(
        doubt.contains("o/attested") && doubt.contains("o/r"),
        "{doubt}"
    );
}

#[test]
fn a_home_page_elsewhere_or_another_spelling_is_no_disagreement() {
    let mut s = Situation::new();
    let made = commit(&mut s.attested, "1.0.0", "a");
    let mut hints = hints(Some(("attested", made)), None);
    hints.repositories[1].is_claim = false;
    assert_eq!(s.locate(&hints).expect("found").1, Vec::<String>::new());
    hints.repositories[1].is_claim = true;
    hints.repositories[1].url = "https://git.example/O/Attested".into();
    assert_eq!(s.locate(&hints).expect("found").1, Vec::<String>::new());
}

#[test]
fn a_verified_commit_must_still_be_there_and_on_a_branch() {
    let mut s = Situation::new();
    let main = commit(&mut s.claimed, "0.9.0", "a");
    s.claimed.tag("v0.9.0", main);
    let fork = s
        .claimed
        .commit_on(Some(main), &[("package.json", Text(&manifest("1.0.0")))]);
    let error = s
        .locate(&hints(Some(("r", fork)), None))
        .expect_err("refused");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    let nowhere = git2::Oid::from_str(&"ab".repeat(20)).expect("id");
    let error = s
        .locate(&hints(Some(("r", nowhere)), None))
        .expect_err("missing");
    assert!(matches!(error, Error::CommitMissing { .. }), "{error}");
}

#[test]
fn a_workflow_that_set_the_version_after_its_commit_leaves_the_rest_of_the_ladder() {
    let mut s = Situation::new();
    let ran_on = commit(&mut s.claimed, "0.9.0", "a");
    let released = commit(&mut s.claimed, "1.0.0", "a");
    s.claimed.tag("v1.0.0", released);
    let (git, doubts) = s.locate(&hints(Some(("r", ran_on)), None)).expect("found");
    assert_eq!(git.commit.as_str(), released.to_string());
    let [doubt] = &doubts[..] else {
        panic!("one doubt: {doubts:?}");
    };
    assert!(doubt.contains("0.9.0"), "{doubt}");
    // Where nothing else names it either, that stays the answer.
    s.claimed.git.tag_delete("v1.0.0").expect("deleted");
    let head = s.locate(&hints(Some(("r", ran_on)), Some(ran_on)));
    assert!(matches!(head, Err(Error::ManifestMismatch { .. })));
}

#[test]
fn an_attestation_that_does_not_hold_is_told_with_the_source_that_the_rest_finds() {
    let mut s = Situation::new();
    let made = commit(&mut s.claimed, "1.0.0", "a");
    s.claimed.tag("v1.0.0", made);
    let mut hints = hints(None, None);
    let mut findings = ProvenanceFindings::default();
    findings.refuse(&"its certificate is another's");
    hints.told = findings.evidence();
    let (git, doubts) = s.locate(&hints).expect("found");
    assert_eq!(git.commit.as_str(), made.to_string());
    assert!(
        doubts[0].contains("its certificate is another's"),
        "{doubts:?}"
    );
}
