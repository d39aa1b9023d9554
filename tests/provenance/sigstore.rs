//! A Sigstore of our own, small enough to read: a certificate authority, a log of its
//! certificates, a log of signatures, and builds that sign with them. Everything that is
//! written here can be written wrong, to see what becomes of it.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{Timestamp, ToSpan as _};
use remint::attest::{KeyFile, Signer as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::der;

/// How long a certificate is valid (Fulcio: ten minutes).
const VALID: i64 = 10;

/// The services; a copy with one of them taken from another is a forger.
#[derive(Clone)]
pub struct Sigstore {
    pub authority: Rc<KeyFile>,
    pub certificate_log: Rc<KeyFile>,
    pub log: Rc<KeyFile>,
}

/// A build that signs, with the claims that its certificate carries.
#[derive(Clone)]
pub struct Build {
    pub issuer: String,
    /// The subject of the certificate; the workflow that signs, where it is not set.
    pub subject: Option<String>,
    pub repository: String,
    pub commit: String,
    pub reference: String,
    pub workflow: String,
    /// How many minutes after the certificate was issued the log took the signature.
    pub logged_after: i64,
    /// A key that signs in place of the certificate's.
    pub stolen_by: Option<Rc<KeyFile>>,
}

impl Build {
    /// An honest one, of a workflow in `owner_and_name` on GitHub.
    pub fn of(owner_and_name: &str, commit: &str) -> Self {
        let repository = format!("https://github.com/{owner_and_name}");
        Self {
            issuer: "https://token.actions.githubusercontent.com".into(),
            subject: None,
            workflow: format!("{repository}/.github/workflows/release.yml@refs/tags/v1.0.0"),
            repository,
            commit: commit.into(),
            reference: "refs/tags/v1.0.0".into(),
            logged_after: 1,
            stolen_by: None,
        }
    }
}

fn key() -> Rc<KeyFile> {
    Rc::new(KeyFile::generate().expect("a key"))
}

fn sign(key: &KeyFile, message: &[u8]) -> Vec<u8> {
    key.sign(message).expect("signs")
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

fn start() -> Timestamp {
    Timestamp::now() - 1.hour()
}

impl Sigstore {
    pub fn new() -> Self {
        Self {
            authority: key(),
            certificate_log: key(),
            log: key(),
        }
    }

    /// `trusted_root.json` (Sigstore protobuf-specs, `sigstore_trustroot.proto`).
    pub fn trusted_root(&self) -> String {
        let valid = json!({"start": (start() - 24.hours()).to_string()});
        let log = |key: &KeyFile| {
            json!({
                "baseUrl": "https://log.example",
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": BASE64.encode(key.public_key().der()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid,
                },
                "logId": {"keyId": BASE64.encode(sha256(key.public_key().der()))},
            })
        };
        let root = der::authority(&self.authority, start() - 24.hours());
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log)],
            "ctlogs": [log(&self.certificate_log)],
            "certificateAuthorities": [{
                "subject": {"organization": "Example", "commonName": "authority"},
                "uri": "https://authority.example",
                "certChain": {"certificates": [{"rawBytes": BASE64.encode(root)}]},
                "validFor": valid,
            }],
        })
        .to_string()
    }

    /// A Sigstore bundle v0.3 of a statement about a file, signed by a build.
    pub fn bundle(&self, build: &Build, statement: &Value) -> Value {
        let issued = start();
        let own = key();
        let claims = [
            (1, build.issuer.as_str()),
            (8, &build.issuer),
            (9, &build.workflow),
            (12, &build.repository),
            (13, &build.commit),
            (14, &build.reference),
            (18, &build.workflow),
        ];
        let leaf = der::Leaf {
            key: own.public_key().der(),
            subject: build.subject.as_ref().unwrap_or(&build.workflow),
            claims: &claims,
            issued,
            expires: issued + VALID.minutes(),
        };
        let certificate = leaf.sign(&self.authority, &self.certificate_log);

        let payload = statement.to_string();
        let kind = "application/vnd.in-toto+json";
        let message = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let signer = build.stolen_by.as_ref().unwrap_or(&own);
        let signature = sign(signer, message.as_bytes());
        let logged = issued + build.logged_after.minutes();
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {
                "certificate": {"rawBytes": BASE64.encode(&certificate)},
                "tlogEntries": [self.entry(&certificate, &payload, &signature, logged)],
            },
            "dsseEnvelope": {
                "payload": BASE64.encode(&payload),
                "payloadType": kind,
                "signatures": [{"sig": BASE64.encode(&signature)}],
            },
        })
    }

    /// The log's entry, second of two leaves (Rekor, `dsse` 0.0.1).
    fn entry(&self, certificate: &[u8], payload: &str, signature: &[u8], at: Timestamp) -> Value {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            BASE64.encode(certificate)
        );
        let body = json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {
            "envelopeHash": {"algorithm": "sha256", "value": hex::encode(sha256(b"not looked at"))},
            "payloadHash": {"algorithm": "sha256", "value": hex::encode(sha256(payload.as_bytes()))},
            "signatures": [{"signature": BASE64.encode(signature), "verifier": BASE64.encode(pem)}],
        }})
        .to_string();
        // RFC 6962, section 2.1.
        let first = sha256(b"\0the first leaf");
        let leaf = sha256(&[b"\0", body.as_bytes()].concat());
        let root = sha256(&[b"\x01", &first[..], &leaf[..]].concat());
        let id = sha256(self.log.public_key().der());
        // C2SP tlog-checkpoint, signed as Rekor does: the key's hash, then the signature.
        let checkpoint = format!("log.example\n2\n{}\n", BASE64.encode(root));
        let signed = [&id[..4], &sign(&self.log, checkpoint.as_bytes())].concat();
        let envelope = format!("{checkpoint}\n— log.example {}\n", BASE64.encode(signed));
        // Rekor's promise: canonical JSON (RFC 8785) of the entry.
        let promise = format!(
            r#"{{"body":"{}","integratedTime":{},"logID":"{}","logIndex":1}}"#,
            BASE64.encode(&body),
            at.as_second(),
            hex::encode(id)
        );
        json!({
            "logIndex": "1",
            "logId": {"keyId": BASE64.encode(id)},
            "kindVersion": {"kind": "dsse", "version": "0.0.1"},
            "integratedTime": at.as_second().to_string(),
            "inclusionPromise": {
                "signedEntryTimestamp": BASE64.encode(sign(&self.log, promise.as_bytes())),
            },
            "inclusionProof": {
                "logIndex": "1",
                "rootHash": BASE64.encode(root),
                "treeSize": "2",
                "hashes": [BASE64.encode(first)],
                "checkpoint": {"envelope": envelope},
            },
            "canonicalizedBody": BASE64.encode(body),
        })
    }
}

/// A statement of SLSA provenance v1, as npm's client writes it.
pub fn slsa(digest: &Value, repository: &str, commit: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a file", "digest": digest}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {"buildDefinition": {
            "externalParameters": {"workflow": {"repository": repository, "ref": "refs/tags/v1.0.0"}},
            "resolvedDependencies": [{
                "uri": format!("git+{repository}@refs/tags/v1.0.0"),
                "digest": {"gitCommit": commit},
            }],
        }},
    })
}

/// A publish attestation of a Python registry: no predicate.
pub fn publish(digest: &Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a file", "digest": digest}],
        "predicateType": "https://docs.example/attestations/publish/v1",
        "predicate": null,
    })
}

/// A bundle in the names of PEP 740 ("Attestation objects").
pub fn as_attestation(bundle: &Value) -> Value {
    let (material, envelope) = (&bundle["verificationMaterial"], &bundle["dsseEnvelope"]);
    json!({
        "version": 1,
        "verification_material": {
            "certificate": material["certificate"]["rawBytes"],
            "transparency_entries": material["tlogEntries"],
        },
        "envelope": {
            "statement": envelope["payload"],
            "signature": envelope["signatures"][0]["sig"],
        },
    })
}
