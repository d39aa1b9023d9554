//! PyPI's provenance objects (PEP 740, kept as PyPA specification "Index hosted
//! attestations"): bundles of attestations, each with its publisher. An attestation is a
//! Sigstore bundle in other names, and is put back into those here.

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{PublishedAttestation, Publisher, is_same_place};

pub(super) const ACCEPT: &str = "application/json";

/// The version of both objects (PEP 740, "Attestation objects", "Provenance objects").
const VERSION: u64 = 1;
/// Sigstore bundle format, v0.3.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// PEP 740, "Attestation objects": the envelope's payload is an in-toto Statement.
const PAYLOAD: &str = "application/vnd.in-toto+json";

#[derive(Deserialize)]
struct Provenance {
    version: u64,
    attestation_bundles: Vec<Signed>,
}

#[derive(Deserialize)]
struct Signed {
    publisher: Value,
    attestations: Vec<Attestation>,
}

#[derive(Deserialize)]
struct Attestation {
    version: u64,
    verification_material: Material,
    envelope: Envelope,
}

#[derive(Deserialize)]
struct Material {
    certificate: String,
    transparency_entries: Vec<Value>,
    /// Not in the PEP: what pypi-attestations adds where a log gives no time of its own.
    #[serde(default)]
    timestamps: Vec<String>,
}

#[derive(Deserialize)]
struct Envelope {
    statement: String,
    signature: String,
}

/// Where to ask: the address that is named, if it is on the index's host or on the file's.
pub(super) fn address(named: &Url, root: &Url, file: &Url) -> Option<Url> {
    (is_same_place(named, root) || is_same_place(named, file)).then(|| named.clone())
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<PublishedAttestation>, String> {
    let document: Provenance = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let is_known = |signed: &Signed| signed.attestations.iter().all(|a| a.version == VERSION);
    if document.version != VERSION || !document.attestation_bundles.iter().all(is_known) {
        return Err("it is of another version than PEP 740 describes".into());
    }
    let signed = document.attestation_bundles.into_iter();
    Ok(signed
        .flat_map(|signed| {
            let publisher = publisher(&signed.publisher);
            signed
                .attestations
                .into_iter()
                .map(move |attestation| PublishedAttestation {
                    bundle: bundle(&attestation).to_string(),
                    publisher: Some(publisher.clone()),
                })
        })
        .collect())
}

/// PyPA specification "Index hosted attestations", "Provenance objects": `kind` is always
/// there, the rest is the kind's own (pypi-attestations, `GitHubPublisher`,
/// `GitLabPublisher`).
fn publisher(value: &Value) -> Publisher {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let kind = text("kind").unwrap_or_default();
    match (kind.as_str(), text("repository")) {
        ("GitHub", Some(repository)) if value["workflow"].is_string() => Publisher::GitHub {
            repository,
            workflow: text("workflow").unwrap_or_default(),
        },
        ("GitLab", Some(repository)) if value["workflow_filepath"].is_string() => {
            Publisher::GitLab {
                repository,
                workflow: text("workflow_filepath").unwrap_or_default(),
            }
        }
        _ => Publisher::Other(kind),
    }
}

/// PEP 740, "Appendix 2: Data models for transparency log entries": an entry is Sigstore's.
fn bundle(attestation: &Attestation) -> Value {
    let material = &attestation.verification_material;
    let timestamps: Vec<Value> = material
        .timestamps
        .iter()
        .map(|token| json!({"signedTimestamp": token}))
        .collect();
    json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {
            "certificate": {"rawBytes": material.certificate},
            "tlogEntries": material.transparency_entries,
            "timestampVerificationData": {"rfc3161Timestamps": timestamps},
        },
        "dsseEnvelope": {
            "payload": attestation.envelope.statement,
            "payloadType": PAYLOAD,
            "signatures": [{"sig": attestation.envelope.signature}],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("valid")
    }

    fn document(publisher: &Value) -> Value {
        json!({"version": 1, "attestation_bundles": [{"publisher": publisher, "attestations": [{
            "version": 1,
            "verification_material": {"certificate": "Yw==", "transparency_entries": [{"logIndex": "7"}]},
            "envelope": {"statement": "cw==", "signature": "Zw=="},
        }]}]})
    }

    fn of(publisher: &Value) -> Vec<PublishedAttestation> {
        read(document(publisher).to_string().as_bytes()).expect("reads")
    }

    #[test]
    fn an_attestation_becomes_the_bundle_that_it_was_made_of() {
        let read = of(&json!({"kind": "GitHub", "repository": "o/r", "workflow": "release.yml"}));
        let bundle: Value = serde_json::from_str(&read[0].bundle).expect("json");
        let material = &bundle["verificationMaterial"];
        assert_eq!(material["certificate"]["rawBytes"], "Yw==");
        assert_eq!(material["tlogEntries"][0]["logIndex"], "7");
        assert_eq!(bundle["dsseEnvelope"]["payload"], "cw==");
        assert_eq!(bundle["dsseEnvelope"]["signatures"][0]["sig"], "Zw==");
        let github = Publisher::GitHub {
            repository: "o/r".into(),
            workflow: "release.yml".into(),
        };
        assert_eq!(read[0].publisher, Some(github));
    }

    #[test]
    fn a_publisher_without_what_its_kind_must_have_is_of_no_known_kind() {
        let kind = |publisher: &Value| of(publisher)[0].publisher.clone();
        let gitlab =
            json!({"kind": "GitLab", "repository": "o/r", "workflow_filepath": ".gitlab-ci.yml"});
        assert!(matches!(kind(&gitlab), Some(Publisher::GitLab { .. })));
        for (odd, name) in [
            (json!({"kind": "GitHub", "repository": "o/r"}), "GitHub"),
            (
                json!({"kind": "GitLab", "workflow_filepath": "x"}),
                "GitLab",
            ),
            (json!({"kind": "Google", "email": "a@b.example"}), "Google"),
            (json!({}), ""),
            (json!("GitHub"), ""),
        ] {
            assert_eq!(kind(&odd), Some(Publisher::Other(name.into())));
        }
    }

    #[test]
    fn another_version_or_shape_is_not_read() {
        let mut newer = document(&json!({}));
        newer["version"] = 2.into();
        assert!(read(newer.to_string().as_bytes()).is_err());
        let mut newer = document(&json!({}));
        newer["attestation_bundles"][0]["attestations"][0]["version"] = 2.into();
        assert!(read(newer.to_string().as_bytes()).is_err());
        for hostile in [
            "",
            "{}",
            "[1]",
            r#"{"version":1,"attestation_bundles":[{}]}"#,
        ] {
            assert!(read(hostile.as_bytes()).is_err(), "{hostile}");
        }
    }

    #[test]
    fn an_address_on_a_foreign_host_is_not_followed() {
        let root = url("https://index.example/simple/");
        let file = url("https://files.example/d/demo-1.0.tar.gz");
        let at = |named: &str| address(&url(named), &root, &file).is_some();
        assert!(at("https://index.example/integrity/demo/provenance"));
        assert!(at("https://files.example/d/demo-1.0.tar.gz.provenance"));
        assert!(!at("https://evil.example/integrity/demo/provenance"));
        assert!(!at("http://index.example/integrity/demo/provenance"));
        assert!(!at("https://index.example:8443/integrity/demo/provenance"));
        assert!(!at("data:,x"));
    }
}
