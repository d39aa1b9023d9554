//! One attestation: the honest one holds, and each way to make it wrong does not.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::attest::KeyFile;
use remint::model::{ArtifactKind, ProvenanceFindings, Sha512Digest};
use remint::registry::{PublishedAttestation, Publisher};
use serde_json::{Value, json};

use crate::sigstore::{Build, Sigstore, publish, slsa};
use crate::{examine, of_npm, of_pypi, sha256, sha512};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn build() -> Build {
    Build::of("o/r", COMMIT)
}

/// A bundle of npm's by a build, about the file and what the build's certificate says.
fn honest(sigstore: &Sigstore, build: &Build) -> Value {
    sigstore.bundle(build, &slsa(&sha512(), &build.repository, &build.commit))
}

fn npm(sigstore: &Sigstore, bundle: &Value) -> ProvenanceFindings {
    examine(sigstore, ArtifactKind::NpmTarball, &[of_npm(bundle)])
}

/// That nothing holds, and why not.
#[track_caller]
fn refused(findings: &ProvenanceFindings, why: &str) {
    assert_eq!(findings.verified, None, "{why}");
    let [doubt] = &findings.doubts[..] else {
        panic!("one doubt: {findings:?}");
    };
    assert!(doubt.contains("does not hold"), "{doubt}");
    assert!(doubt.contains(why), "not `{why}`: {doubt}");
}

#[test]
fn an_honest_attestation_of_npm_names_repository_and_commit() {
    let sigstore = Sigstore::new();
    let findings = npm(&sigstore, &honest(&sigstore, &build()));
    assert_eq!(findings.doubts, Vec::<String>::new());
    let verified = findings.verified.expect("holds");
    assert_eq!(verified.repository, "https://github.com/o/r");
    assert_eq!(verified.commit.as_str(), COMMIT);
    assert_eq!(verified.reference.as_deref(), Some("refs/tags/v1.0.0"));
}

#[test]
fn an_honest_publish_attestation_of_pypi_does_too() {
    let sigstore = Sigstore::new();
    let bundle = sigstore.bundle(&build(), &publish(&sha256()));
    let published = [of_pypi(&bundle, "o/r", "release.yml")];
    let findings = examine(&sigstore, ArtifactKind::PureWheel, &published);
    assert_eq!(findings.doubts, Vec::<String>::new());
    assert_eq!(findings.verified.expect("holds").commit.as_str(), COMMIT);
}

#[test]
fn a_pipeline_of_gitlab_is_known_by_its_own_spelling() {
    let sigstore = Sigstore::new();
    let repository = "https://gitlab.com/group/demo".to_owned();
    let build = Build {
        issuer: "https://gitlab.com".into(),
        workflow: format!("{repository}//.gitlab-ci.yml@refs/heads/main"),
        reference: "refs/heads/main".into(),
        repository,
        ..build()
    };
    let publisher = |workflow: &str| PublishedAttestation {
        bundle: sigstore.bundle(&build, &publish(&sha256())).to_string(),
        publisher: Some(Publisher::GitLab {
            repository: "group/demo".into(),
            workflow: workflow.into(),
        }),
    };
    let of = |workflow| examine(&sigstore, ArtifactKind::Sdist, &[publisher(workflow)]);
    assert!(of(".gitlab-ci.yml").verified.is_some());
    refused(&of("other.yml"), "publisher");
}

#[test]
fn an_attestation_of_another_file_is_none_of_this_one() {
    let sigstore = Sigstore::new();
    let other = json!({"sha512": Sha512Digest::of(b"another").to_string()});
    let build = build();
    let bundle = sigstore.bundle(&build, &slsa(&other, &build.repository, COMMIT));
    refused(&npm(&sigstore, &bundle), "does not match any subject");
    // Nor is the right digest of the other algorithm than the registry's.
    let bundle = sigstore.bundle(&build, &slsa(&sha256(), &build.repository, COMMIT));
    assert_eq!(npm(&sigstore, &bundle).verified, None);
}

#[test]
fn a_statement_that_contradicts_the_certificate_does_not_hold() {
    let sigstore = Sigstore::new();
    let claimed = slsa(&sha512(), "https://github.com/famous/project", COMMIT);
    let bundle = sigstore.bundle(&build(), &claimed);
    refused(
        &npm(&sigstore, &bundle),
        "https://github.com/famous/project",
    );
    let claimed = slsa(&sha512(), "https://github.com/o/r", &"f".repeat(40));
    let bundle = sigstore.bundle(&build(), &claimed);
    refused(&npm(&sigstore, &bundle), &"f".repeat(40));
}

#[test]
fn a_publisher_that_is_not_the_certificates_holder_does_not_hold() {
    let sigstore = Sigstore::new();
    let bundle = sigstore.bundle(&build(), &publish(&sha256()));
    let of = |published| examine(&sigstore, ArtifactKind::PureWheel, &[published]);
    refused(
        &of(of_pypi(&bundle, "famous/project", "release.yml")),
        "famous/project",
    );
    refused(&of(of_pypi(&bundle, "o/r", "other.yml")), "other.yml");
    // A prefix is another workflow.
    refused(&of(of_pypi(&bundle, "o/r", "release.ym")), "publisher");
}

#[test]
fn a_signer_that_is_no_known_build_is_passed_over_and_said_to_be() {
    let sigstore = Sigstore::new();
    let person = Build {
        issuer: "https://accounts.example".into(),
        ..build()
    };
    let unknown = npm(&sigstore, &honest(&sigstore, &person));
    let odd = PublishedAttestation {
        bundle: sigstore.bundle(&build(), &publish(&sha256())).to_string(),
        publisher: Some(Publisher::Other("Google".into())),
    };
    let odd = examine(&sigstore, ArtifactKind::PureWheel, &[odd]);
    for (findings, why) in [(unknown, "no build service"), (odd, "names no repository")] {
        assert_eq!(findings.verified, None);
        let [doubt] = &findings.doubts[..] else {
            panic!("one doubt: {findings:?}");
        };
        assert!(doubt.contains("names no source"), "{doubt}");
        assert!(doubt.contains(why), "{doubt}");
    }
}

#[test]
fn only_the_trusted_services_vouch() {
    let sigstore = Sigstore::new();
    let stranger = Sigstore::new();
    let forgers = [
        (
            Sigstore {
                authority: stranger.authority.clone(),
                ..sigstore.clone()
            },
            "certificate chain",
        ),
        (
            Sigstore {
                certificate_log: stranger.certificate_log.clone(),
                ..sigstore.clone()
            },
            "signed certificate timestamp",
        ),
        (
            Sigstore {
                log: stranger.log.clone(),
                ..sigstore.clone()
            },
            "log",
        ),
    ];
    for (forger, why) in forgers {
        refused(&npm(&sigstore, &honest(&forger, &build())), why);
    }
}

#[test]
fn a_signature_by_another_key_than_the_certificates_does_not_hold() {
    let sigstore = Sigstore::new();
    let thief = Build {
        stolen_by: Some(Rc::new(KeyFile::generate().expect("a key"))),
        ..build()
    };
    refused(&npm(&sigstore, &honest(&sigstore, &thief)), "signature");
}

#[test]
fn a_signature_outside_the_certificates_time_does_not_hold() {
    let sigstore = Sigstore::new();
    for minutes in [-1, 11] {
        let late = Build {
            logged_after: minutes,
            ..build()
        };
        refused(&npm(&sigstore, &honest(&sigstore, &late)), "certificate");
    }
    let last = Build {
        logged_after: 10,
        ..build()
    };
    assert!(npm(&sigstore, &honest(&sigstore, &last)).verified.is_some());
}

#[test]
fn a_place_in_the_log_that_is_missing_wrong_or_anothers_does_not_hold() {
    let sigstore = Sigstore::new();
    let bundle = honest(&sigstore, &build());
    let changed = |change: fn(&mut Value)| {
        let mut bundle = bundle.clone();
        change(&mut bundle["verificationMaterial"]["tlogEntries"]);
        npm(&sigstore, &bundle)
    };
    refused(&changed(|entries| *entries = json!([])), "");
    refused(
        &changed(|entries| entries[0]["inclusionProof"] = Value::Null),
        "",
    );
    refused(
        &changed(|entries| {
            entries[0]["inclusionProof"]["hashes"] = json!([BASE64.encode([7; 32])])
        }),
        "inclusion proof",
    );
    refused(
        &changed(|entries| {
            entries[0]["inclusionProof"]["rootHash"] = json!(BASE64.encode([7; 32]))
        }),
        "",
    );
    // Without the promise nothing says when it was.
    refused(
        &changed(|entries| entries[0]["inclusionPromise"] = Value::Null),
        "timestamp",
    );
    refused(
        &changed(|entries| entries[0]["integratedTime"] = json!("1700000000")),
        "",
    );
    // The entry of another signature of the same build, whole and in the log.
    let mut borrowed = bundle.clone();
    let other = honest(&sigstore, &build());
    borrowed["verificationMaterial"]["tlogEntries"] =
        other["verificationMaterial"]["tlogEntries"].clone();
    refused(&npm(&sigstore, &borrowed), "");
}

#[test]
fn an_identity_that_is_no_known_build_of_that_repository_does_not_hold() {
    let sigstore = Sigstore::new();
    type Change = fn(&mut Build);
    let cases: [(&str, Change); 5] = [
        ("another subject", |build| {
            build.subject = Some("https://github.com/famous/project/.github/workflows/x".into());
        }),
        ("cannot vouch", |build| {
            build.repository = "https://gitlab.com/o/r".into();
        }),
        ("not in the repository", |build| {
            build.workflow = "https://github.com/o/r-evil/.github/workflows/release.yml@x".into();
        }),
        ("names no commit", |build| build.commit = "main".into()),
        ("names no source repository", |build| {
            build.repository = String::new();
        }),
    ];
    for (why, change) in cases {
        let mut odd = build();
        change(&mut odd);
        refused(&npm(&sigstore, &honest(&sigstore, &odd)), why);
    }
}

#[test]
fn the_registrys_own_receipt_is_passed_over_without_a_doubt() {
    let sigstore = Sigstore::new();
    let mut receipt = slsa(&sha512(), "https://github.com/o/r", COMMIT);
    receipt["predicateType"] = "https://specs.example/publish/v0.1".into();
    let bundle = sigstore.bundle(&build(), &receipt);
    assert_eq!(npm(&sigstore, &bundle), ProvenanceFindings::default());
}

#[test]
fn one_that_does_not_hold_is_told_beside_one_that_does() {
    let sigstore = Sigstore::new();
    let forged = honest(&Sigstore::new(), &build());
    let published = [of_npm(&forged), of_npm(&honest(&sigstore, &build()))];
    let findings = examine(&sigstore, ArtifactKind::NpmTarball, &published);
    assert!(findings.verified.is_some());
    assert_eq!(findings.doubts.len(), 1);
}

#[test]
fn two_that_hold_and_name_different_sources_are_followed_neither_way() {
    let sigstore = Sigstore::new();
    let other = Build::of("other/r", COMMIT);
    let published = [
        of_npm(&honest(&sigstore, &build())),
        of_npm(&honest(&sigstore, &other)),
    ];
    let findings = examine(&sigstore, ArtifactKind::NpmTarball, &published);
    refused(&findings, "different sources");
}

#[test]
fn the_public_sigstores_root_is_carried_and_knows_nothing_of_ours() {
    let public = remint::provenance::Attestations::open(None).expect("opens");
    let bundle = honest(&Sigstore::new(), &build());
    let file = crate::fetched(ArtifactKind::NpmTarball);
    let findings = public.examine(&[of_npm(&bundle)], &file);
    refused(&findings, "");
}
