//! Every signed verdict's statements fit their schemas, and a positive verdict shares
//! no predicate type with a negative one but remint's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::*;
use crate::model::{
    ArtifactKind, ArtifactSummary, BuildFailure, BuildStage, CommitLink, Differs, Equivalence,
    ReplayedFact, SdistLink, Sha256Digest, Sha512Digest, SigningConfig, Verdict,
};

const SCHEMA: &str = include_str!("../../docs/rebuild-result-v1.schema.json");

fn record(verdict: Verdict) -> ResultRecord {
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: "demo-1.0.0.tgz".into(),
            kind: ArtifactKind::NpmTarball,
            sha256: Sha256Digest::of(b"x"),
            sha512: Sha512Digest::of(b"x"),
            size: 1,
            published_at: None,
        }),
        recipe: Some("recipe".into()),
        image: Some(format!("sha256:{}", Sha256Digest::of(b"image"))),
        millis: 1,
        remint_version: "0".into(),
        ..ResultRecord::new(
            "pkg:npm/demo@1.0.0".parse().expect("valid"),
            verdict,
            "2026-01-01T00:00:00Z".parse().expect("valid"),
        )
    }
}

fn differs() -> Differs {
    Differs {
        published: Sha256Digest::of(b"x"),
        rebuilt: Sha256Digest::of(b"y"),
        differences: vec![],
        omitted: 3,
        causes: vec![],
        equivalence: None,
    }
}

fn reproduced(replayed: Vec<ReplayedFact>) -> Verdict {
    Verdict::Reproduced {
        sha256: Sha256Digest::of(b"x"),
        recovered: vec![],
        replayed,
    }
}

fn equivalent() -> Verdict {
    Verdict::Equivalent {
        comparison: Box::new(Differs {
            equivalence: Some(Equivalence {
                sha256: Sha256Digest::of(b"z"),
                applied: vec![],
            }),
            ..differs()
        }),
    }
}

fn negative_verdicts() -> Vec<Verdict> {
    vec![
        Verdict::Different {
            comparison: Box::new(differs()),
        },
        Verdict::BuildFailed {
            stage: BuildStage::Build,
            failure: BuildFailure::OutOfMemory { limit_mib: 1 },
        },
        Verdict::SourceNotFound { reason: "x".into() },
        Verdict::Unsupported { reason: "x".into() },
    ]
}

fn signed_verdicts() -> Vec<Verdict> {
    let mut all = vec![
        reproduced(vec![]),
        reproduced(vec![ReplayedFact::MemberModes { members: 1 }]),
        equivalent(),
    ];
    all.extend(negative_verdicts());
    all
}

fn keys() -> Keys {
    Keys {
        attest: Arc::new(KeyFile::generate().expect("key")),
        link: Ed25519Key::generate(),
        log: Ed25519Key::generate(),
    }
}

fn types(verdict: &Verdict) -> BTreeSet<String> {
    statements(&record(verdict.clone()))
        .expect("signed")
        .into_iter()
        .map(|statement| statement.predicate_type)
        .collect()
}

fn saying(verdict: Verdict, predicate_type: &str) -> Option<Statement> {
    statements(&record(verdict))
        .expect("signed")
        .into_iter()
        .find(|statement| statement.predicate_type == predicate_type)
}

#[test]
fn every_own_result_fits_its_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let properties = schema["properties"].as_object().expect("an object");
    for verdict in signed_verdicts() {
        let statement = saying(verdict, REBUILD_RESULT).expect("every verdict has one");
        let predicate = statement.predicate;
        let fields = predicate.as_object().expect("an object");
        for name in schema["required"].as_array().expect("a list") {
            let name = name.as_str().expect("a name");
            assert!(
                fields.contains_key(name),
                "{name} is missing: {predicate:#}"
            );
        }
        for name in fields.keys() {
            assert!(properties.contains_key(name), "{name} is not in the schema");
        }
        let allowed = properties["verdict"]["enum"].as_array().expect("a list");
        assert!(allowed.contains(&predicate["verdict"]), "{predicate:#}");
    }
}

#[test]
fn a_source_distribution_and_which_link_the_verdict_rests_on_are_signed() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let mut record = record(reproduced(vec![]));
    record.sdist = Some(SdistLink {
        name: "demo-1.0.0.tar.gz".into(),
        sha256: None,
        link: CommitLink::NotHeld {
            reason: "no tag names it".into(),
        },
    });
    let predicate = &statements(&record).expect("signed")[0].predicate;
    let basis = predicate["basis"].as_str().expect("a text");
    assert!(basis.contains("no tag names it"), "{basis}");
    let fields = schema["properties"]["sdist"]["required"].as_array();
    for name in fields.expect("a list") {
        let name = name.as_str().expect("a name");
        assert!(predicate["sdist"].get(name).is_some(), "{name} is missing");
    }
    for name in predicate.as_object().expect("an object").keys() {
        assert!(schema["properties"].get(name).is_some(), "{name}");
    }
}

#[test]
fn a_positive_and_a_negative_verdict_share_no_type_but_remints_own() {
    let own = BTreeSet::from([REBUILD_RESULT.to_owned()]);
    for negative in negative_verdicts() {
        let negative = types(&negative);
        for positive in [reproduced(vec![]), equivalent()] {
            let shared: BTreeSet<_> = types(&positive).intersection(&negative).cloned().collect();
            assert_eq!(shared, own);
        }
    }
}

#[test]
fn each_verdict_has_the_predicates_of_the_documentation() {
    let names = |verdict: Verdict| types(&verdict).into_iter().collect::<Vec<_>>();
    assert_eq!(names(reproduced(vec![])), [SVR, PROVENANCE, REBUILD_RESULT]);
    assert_eq!(names(equivalent()), [SVR, PROVENANCE, REBUILD_RESULT]);
    let mut negative = negative_verdicts().into_iter();
    let different = negative.next().expect("there");
    assert_eq!(names(different.clone()), [TEST_RESULT, REBUILD_RESULT]);
    let result = saying(different, TEST_RESULT).expect("there").predicate;
    assert_eq!(result["result"], "FAILED");
    for other in negative {
        assert_eq!(names(other), [REBUILD_RESULT]);
    }
}

#[test]
fn each_level_has_a_property_of_its_own() {
    let property = |verdict| saying(verdict, SVR).expect("there").predicate["properties"].clone();
    assert_eq!(
        property(reproduced(vec![])),
        serde_json::json!([BIT_FOR_BIT])
    );
    let replayed = reproduced(vec![ReplayedFact::MemberModes { members: 1 }]);
    assert_eq!(property(replayed), serde_json::json!([REPLAYED]));
    assert_eq!(property(equivalent()), serde_json::json!([EQUIVALENT]));
}

#[test]
fn provenance_is_about_the_rebuilt_file() {
    let about = |verdict| {
        saying(verdict, PROVENANCE)
            .expect("there")
            .subject
            .remove(0)
    };
    assert_eq!(
        about(reproduced(vec![])).sha256(),
        Some(Sha256Digest::of(b"x"))
    );
    let rebuilt = about(equivalent());
    assert_eq!(rebuilt.sha256(), Some(Sha256Digest::of(b"y")));
    assert_eq!(rebuilt.uri, None);
}

#[test]
fn npm_subjects_carry_both_digests() {
    let statement = saying(reproduced(vec![]), SVR).expect("there");
    assert_eq!(statement.subject[0].sha256(), Some(Sha256Digest::of(b"x")));
    assert_eq!(statement.subject[0].sha512(), Some(Sha512Digest::of(b"x")));
}

#[test]
fn an_infra_error_and_a_record_without_a_file_are_not_signed() {
    let infra = record(Verdict::InfraError { reason: "x".into() });
    assert!(matches!(statements(&infra), Err(Error::NotSigned(_))));
    let mut nothing = record(Verdict::Unsupported { reason: "x".into() });
    nothing.artifact = None;
    assert!(matches!(statements(&nothing), Err(Error::NoSubject)));
}

#[test]
fn only_a_reproduced_file_has_a_link() {
    let keys = keys();
    for verdict in signed_verdicts() {
        let is_reproduced = matches!(verdict, Verdict::Reproduced { .. });
        let attestation = attest(&record(verdict), &keys).expect("signed");
        assert_eq!(attestation.link.is_some(), is_reproduced);
    }
    // Even where a verdict contradicts its record.
    let mut torn = record(reproduced(vec![]));
    torn.artifact.as_mut().expect("there").sha256 = Sha256Digest::of(b"other");
    assert_eq!(Link::of(&torn, &keys.link), None);
}

#[test]
fn a_link_says_its_products_to_its_key_alone() {
    let keys = keys();
    let link = Link::of(&record(reproduced(vec![])), &keys.link).expect("there");
    let claim = verify_link(&link.to_json(), &keys.link.public_key()).expect("holds");
    assert_eq!(
        claim.products["demo-1.0.0.tgz"]["sha256"],
        Sha256Digest::of(b"x").to_string()
    );
    let forged = link.to_json().replace("demo-1.0.0", "demo-1.0.1");
    assert!(verify_link(&forged, &keys.link.public_key()).is_err());
    let other = Ed25519Key::generate().public_key();
    assert!(verify_link(&link.to_json(), &other).is_err());
}

fn no_prompt() -> Option<String> {
    None
}

#[test]
fn unconfigured_keys_are_made_once_private_and_encrypted() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("temp");
    let config = SigningConfig::default();
    let keyring = Keyring::new(folder.path(), &config, &no_prompt);
    let first = keyring.open().expect("made");
    let again = keyring.open().expect("read");
    assert_eq!(first.attest.public_key(), again.attest.public_key());
    assert_eq!(first.log.public_key(), again.log.public_key());
    for name in ["attest.key", "link.key", "log.key", "passphrase"] {
        let path = folder.path().join(name);
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let path = folder.path().join("attest.key");
    let text = std::fs::read_to_string(&path).expect("read");
    assert!(text.contains("ENCRYPTED SIGSTORE PRIVATE KEY"), "{text}");

    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    let error = keyring.open().err().expect("refused").to_string();
    assert!(error.contains("chmod 600"), "{error}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");

    // The passphrase is gone: nobody is asked for it in vain, and nothing is made anew.
    std::fs::remove_file(folder.path().join("passphrase")).expect("remove");
    let error = keyring.open().err().expect("refused").to_string();
    assert!(error.contains("REMINT_KEY_PASSPHRASE"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).expect("read"), text);

    std::fs::write(&path, "broken").expect("write");
    assert!(matches!(
        keyring.open(),
        Err(Error::NoPassphrase(_) | Error::BadKey { .. })
    ));
    assert_eq!(std::fs::read_to_string(&path).expect("read"), "broken");
}

#[test]
fn a_replaced_key_is_kept_among_the_retired() {
    let folder = tempfile::tempdir().expect("temp");
    let config = SigningConfig::default();
    let keyring = Keyring::new(folder.path(), &config, &no_prompt);
    let old = keyring.attest().expect("made").public_key().id();
    keyring.replace(KeyRole::Attest).expect("replaced");
    let new = keyring.attest().expect("read").public_key().id();
    assert_ne!(old, new);
    let known: Vec<_> = known_keys(folder.path())
        .expect("lists")
        .into_iter()
        .map(|key| (key.id, key.active))
        .collect();
    assert_eq!(known, [(new, true), (old, false)]);
}
