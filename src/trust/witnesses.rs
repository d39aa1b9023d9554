//! Other builders' attestations as witnesses: each form read and verified with the
//! key that is configured for its builder. Pure: text and keys in, witnesses out.

use jiff::Timestamp;
use serde_json::Value;

use crate::attest::{
    self, Bundle, Ed25519PublicKey, Grounds, PublicKey, REBUILD_RESULT, Statement, Witness,
    WitnessFormat, verify_envelopes, verify_link,
};
use crate::model::{BuilderConfig, BuilderFormat, Sha256Digest, VerdictKind};

/// OSS Rebuild's build type of a comparison (oss-rebuild, `pkg/attestation/types.go`,
/// `BuildTypeArtifactEquivalenceV01`).
const EQUIVALENCE: &str = "https://docs.oss-rebuild.dev/builds/ArtifactEquivalence@v0.1";
/// And of the build itself (`BuildTypeRebuildV01`).
const REBUILD: &str = "https://docs.oss-rebuild.dev/builds/Rebuild@v0.1";

/// How policies name what OSS Rebuild takes out of both files before it compares them:
/// the comparison does not say which of its steps changed something.
const STABILIZED: &str = "oss-rebuild/stabilize";

/// Verifies a document of a builder; `key` is its public key (SPKI PEM).
///
/// # Errors
/// [`attest::Error`] with what does not hold.
pub fn witnesses(
    document: &str,
    builder: &BuilderConfig,
    key: &str,
    now: Timestamp,
) -> Result<Vec<Witness>, attest::Error> {
    let (key_id, claims) = match builder.format {
        BuilderFormat::Remint => {
            let key = PublicKey::from_pem(key)?;
            (key.id(), remint(document, &key)?)
        }
        BuilderFormat::OssRebuild => {
            let key = PublicKey::from_pem(key)?;
            (key.id(), oss_rebuild(&verify_envelopes(document, &key)?)?)
        }
        BuilderFormat::Rebuilderd => {
            let key = Ed25519PublicKey::from_pem(key)?;
            (key.id(), rebuilderd(document, &key)?)
        }
    };
    let format = match builder.format {
        BuilderFormat::Remint => WitnessFormat::RemintBundle,
        BuilderFormat::OssRebuild => WitnessFormat::OssRebuild,
        BuilderFormat::Rebuilderd => WitnessFormat::RebuilderdLink,
    };
    Ok(claims
        .into_iter()
        .map(|claim| Witness {
            operator: builder.operator.clone(),
            key_id,
            format,
            document: Sha256Digest::of(document),
            artifact: claim.artifact,
            sha256: claim.sha256,
            purl: claim.purl,
            verdict: claim.verdict,
            grounds: claim.grounds,
            imported: now,
        })
        .collect())
}

struct Said {
    artifact: String,
    sha256: Sha256Digest,
    purl: Option<String>,
    verdict: VerdictKind,
    grounds: Grounds,
}

fn invalid(what: &str) -> attest::Error {
    attest::Error::Invalid(what.to_owned())
}

/// remint's own result; the other statements of the same verdict say nothing more.
fn remint(document: &str, key: &PublicKey) -> Result<Vec<Said>, attest::Error> {
    let statement = Bundle::parse(document)?.verify(key)?.statement;
    if statement.predicate_type != REBUILD_RESULT {
        return Err(invalid(&format!(
            "it is a `{}`; take the bundle of the `{REBUILD_RESULT}`",
            statement.predicate_type
        )));
    }
    let subject = statement
        .subject
        .first()
        .ok_or_else(|| invalid("it has no subject"))?;
    let verdict = serde_json::from_value(statement.predicate["verdict"].clone())
        .map_err(|_| invalid("it has no verdict that is known"))?;
    Ok(vec![Said {
        artifact: subject.name.clone(),
        sha256: subject
            .sha256()
            .ok_or_else(|| invalid("its subject has no SHA-256"))?,
        purl: subject.uri.clone(),
        verdict,
        grounds: Grounds::read(&statement.predicate)?,
    }])
}

/// A comparison: of the published file with the rebuilt one. It is only written where
/// both are the same, perhaps after stabilizing; the digests tell which.
fn oss_rebuild(statements: &[Statement]) -> Result<Vec<Said>, attest::Error> {
    let build_type = |statement: &Statement| {
        statement.predicate["buildDefinition"]["buildType"]
            .as_str()
            .map(str::to_owned)
    };
    let of = |kind: &str| {
        statements
            .iter()
            .find(|statement| build_type(statement).as_deref() == Some(kind))
    };
    let comparison =
        of(EQUIVALENCE).ok_or_else(|| invalid("it has no statement of equivalence"))?;
    let subject = comparison
        .subject
        .first()
        .ok_or_else(|| invalid("it has no subject"))?;
    let sha256 = subject
        .sha256()
        .ok_or_else(|| invalid("its subject has no SHA-256"))?;
    // The rebuilt file is the first dependency, the published one the second
    // (oss-rebuild, `pkg/attestation/types.go`, `ArtifactEquivalenceDeps`).
    let digest = |index: usize| -> Option<Sha256Digest> {
        let found = &comparison.predicate["buildDefinition"]["resolvedDependencies"][index];
        found["digest"]["sha256"].as_str()?.parse().ok()
    };
    let rebuilt = digest(0).ok_or_else(|| invalid("it names no rebuilt file"))?;
    if digest(1) != Some(sha256) {
        return Err(invalid("it compares another file than it is about"));
    }
    let (verdict, normalizers) = if rebuilt == sha256 {
        (VerdictKind::Reproduced, vec![])
    } else {
        (VerdictKind::Equivalent, vec![STABILIZED.to_owned()])
    };
    Ok(vec![Said {
        artifact: subject.name.clone(),
        sha256,
        purl: of(REBUILD).and_then(|statement| {
            purl_of(&statement.predicate["buildDefinition"]["externalParameters"])
        }),
        verdict,
        grounds: Grounds {
            normalizers,
            ..Grounds::default()
        },
    }])
}

fn purl_of(parameters: &Value) -> Option<String> {
    let kind = match parameters["ecosystem"].as_str()? {
        "cratesio" => "cargo",
        "npm" => "npm",
        "pypi" => "pypi",
        _ => return None,
    };
    let (name, version) = (
        parameters["package"].as_str()?,
        parameters["version"].as_str()?,
    );
    let purl: crate::model::Purl = format!("pkg:{kind}/{}@{version}", name.replace('@', "%40"))
        .parse()
        .ok()?;
    Some(purl.to_string())
}

/// A link: rebuilderd writes one only for a file that it reproduced.
fn rebuilderd(document: &str, key: &Ed25519PublicKey) -> Result<Vec<Said>, attest::Error> {
    let claim = verify_link(document, key)?;
    let said: Vec<Said> = claim
        .products
        .into_iter()
        .filter_map(|(name, digests)| {
            Some(Said {
                artifact: name,
                sha256: digests.get("sha256")?.parse().ok()?,
                purl: None,
                verdict: VerdictKind::Reproduced,
                grounds: Grounds::default(),
            })
        })
        .collect();
    if said.is_empty() {
        return Err(invalid("it names no product with a SHA-256"));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use serde_json::json;

    use super::*;
    use crate::attest::{KeyFile, Signer as _, Subject};

    fn builder(format: BuilderFormat) -> BuilderConfig {
        BuilderConfig {
            operator: "other".into(),
            format,
            key: "unused".into(),
        }
    }

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().expect("valid")
    }

    /// An envelope as OSS Rebuild writes them: no bundle around it, a key name inside.
    fn envelope(statement: &Statement, key: &KeyFile) -> String {
        let payload = serde_json::to_string(statement).expect("JSON");
        let kind = "application/vnd.in-toto+json";
        let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let signature = key.sign(message.as_bytes()).expect("signs");
        json!({
            "payload": BASE64.encode(payload),
            "payloadType": kind,
            "signatures": [{"keyid": "theirs", "sig": BASE64.encode(signature)}],
        })
        .to_string()
    }

    fn document(rebuilt: &[u8], key: &KeyFile) -> String {
        let published = Sha256Digest::of(b"published");
        let comparison = json!({"buildDefinition": {
            "buildType": EQUIVALENCE,
            "resolvedDependencies": [
                {"name": "rebuild/a.tgz", "digest": {"sha256": Sha256Digest::of(rebuilt)}},
                {"name": "upstream", "digest": {"sha256": published}},
            ],
        }});
        let build = json!({"buildDefinition": {
            "buildType": REBUILD,
            "externalParameters": {"ecosystem": "npm", "package": "@s/a", "version": "1.0.0"},
        }});
        let kind = "https://slsa.dev/provenance/v1";
        let about = Subject::file("a.tgz", &published);
        let rebuilt = Subject::file("rebuild/a.tgz", &Sha256Digest::of(rebuilt));
        format!(
            "{}\n{}\n",
            envelope(&Statement::new(about, kind, comparison), key),
            envelope(&Statement::new(rebuilt, kind, build), key)
        )
    }

    #[test]
    fn oss_rebuilds_documents_tell_the_same_bytes_from_stabilized_ones() {
        let key = KeyFile::generate().expect("key");
        let pem = key.public_key().pem();
        let builder = builder(BuilderFormat::OssRebuild);
        for (rebuilt, verdict) in [
            (b"published".as_slice(), VerdictKind::Reproduced),
            (b"rebuilt", VerdictKind::Equivalent),
        ] {
            let found = witnesses(&document(rebuilt, &key), &builder, pem, now()).expect("holds");
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].verdict, verdict);
            let named = &found[0].grounds.normalizers;
            assert_eq!(named.is_empty(), verdict == VerdictKind::Reproduced);
            assert_eq!(found[0].sha256, Sha256Digest::of(b"published"));
            assert_eq!(found[0].purl.as_deref(), Some("pkg:npm/%40s/a@1.0.0"));
        }
    }

    #[test]
    fn a_document_by_another_key_or_with_a_changed_envelope_is_no_witness() {
        let key = KeyFile::generate().expect("key");
        let builder = builder(BuilderFormat::OssRebuild);
        let good = document(b"published", &key);
        let other = KeyFile::generate().expect("key");
        assert!(witnesses(&good, &builder, other.public_key().pem(), now()).is_err());
        // The first statement by the builder, the second by somebody else.
        let theirs = document(b"rebuilt", &other);
        let mixed = format!(
            "{}\n{}",
            good.lines().next().expect("there"),
            theirs.lines().nth(1).expect("there")
        );
        assert!(witnesses(&mixed, &builder, key.public_key().pem(), now()).is_err());
        assert!(witnesses("", &builder, key.public_key().pem(), now()).is_err());
    }

    #[test]
    fn rebuilderds_link_is_a_reproduction_of_its_products() {
        // In the form that rebuilderd writes: a null environment, and the worker's
        // signature before the daemon's.
        let key = crate::attest::Ed25519Key::generate();
        let signed = json!({
            "_type": "link", "byproducts": {}, "command": [], "environment": null,
            "materials": {}, "name": "rebuild f.deb",
            "products": {"f.deb": {"sha256": Sha256Digest::of(b"f"), "sha512": "00"}},
        });
        let canonical = format!(
            "{{\"_type\":\"link\",\"byproducts\":{{}},\"command\":[],\"environment\":null,\"materials\":{{}},\"name\":\"rebuild f.deb\",\"products\":{{\"f.deb\":{{\"sha256\":\"{}\",\"sha512\":\"00\"}}}}}}",
            Sha256Digest::of(b"f")
        );
        let signature = hex::encode(key.sign(canonical.as_bytes()));
        let document = json!({
            "signatures": [
                {"keyid": "somebody", "sig": "00"},
                {"keyid": "us", "sig": signature},
            ],
            "signed": signed,
        })
        .to_string();
        let pem = key.public_key().rebuilderd_pem();
        let builder = builder(BuilderFormat::Rebuilderd);
        let found = witnesses(&document, &builder, &pem, now()).expect("holds");
        assert_eq!(found[0].sha256, Sha256Digest::of(b"f"));
        assert_eq!(found[0].verdict, VerdictKind::Reproduced);
        let forged = document.replace("f.deb", "g.deb");
        assert!(witnesses(&forged, &builder, &pem, now()).is_err());
    }
}
