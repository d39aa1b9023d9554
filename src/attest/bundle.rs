//! DSSE (DSSE protocol v1.0.0) in a Sigstore bundle (Sigstore bundle format, v0.3):
//! one statement, one signature by one key, and once it is in the log, its proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Error, PublicKey, Signer, Statement, TlogEntry};
use crate::model::Sha256Digest;

/// The bundle's media type (Sigstore bundle format, v0.3).
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The payload's type (in-toto attestation framework, "Envelope layer").
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bundle {
    media_type: String,
    verification_material: Material,
    dsse_envelope: Envelope,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: KeyHint,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tlog_entries: Vec<TlogEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeyHint {
    hint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope {
    pub(super) payload: String,
    pub(super) payload_type: String,
    pub(super) signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signature {
    pub(super) sig: String,
}

/// A statement whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What it says.
    pub statement: Statement,
    /// The key that signed it.
    pub key_id: Sha256Digest,
    /// SHA-256 of the bytes that were signed; what the log holds.
    pub signed: Sha256Digest,
}

impl Bundle {
    /// Signs a statement.
    ///
    /// # Errors
    /// Whatever the signer says.
    pub fn sign(statement: &Statement, signer: &dyn Signer) -> Result<Self, Error> {
        let payload =
            serde_json::to_vec(statement).expect("a statement is plain data and serialises");
        let signature = signer.sign(&pre_authentication(PAYLOAD_TYPE, &payload))?;
        Ok(Self {
            media_type: MEDIA_TYPE.into(),
            verification_material: Material {
                public_key: KeyHint {
                    hint: signer.public_key().id().to_string(),
                },
                tlog_entries: vec![],
            },
            dsse_envelope: Envelope {
                payload: BASE64.encode(payload),
                payload_type: PAYLOAD_TYPE.into(),
                signatures: vec![Signature {
                    sig: BASE64.encode(signature),
                }],
            },
        })
    }

    /// Reads a bundle; nothing of it is verified yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is wrong with its shape.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let invalid = |reason: String| Error::Invalid(reason);
        let bundle: Self = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
        if bundle.media_type != MEDIA_TYPE || bundle.dsse_envelope.payload_type != PAYLOAD_TYPE {
            return Err(invalid(
                "it is not a Sigstore bundle v0.3 of an in-toto statement".into(),
            ));
        }
        Ok(bundle)
    }

    /// The bundle as it is kept: one line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a bundle is plain data and serialises")
    }

    /// The envelope alone, for tools that find the key by a name of theirs (DSSE
    /// protocol v1.0.0, "keyid").
    pub fn envelope_as(&self, key_name: &str) -> Value {
        let signatures: Vec<Value> = self
            .dsse_envelope
            .signatures
            .iter()
            .map(|signature| json!({"keyid": key_name, "sig": signature.sig}))
            .collect();
        json!({
            "payload": self.dsse_envelope.payload,
            "payloadType": self.dsse_envelope.payload_type,
            "signatures": signatures,
        })
    }

    /// The same bundle with its place in a log.
    #[must_use]
    pub fn with_entry(mut self, entry: TlogEntry) -> Self {
        self.verification_material.tlog_entries = vec![entry];
        self
    }

    /// The same bundle without a place in a log.
    #[must_use]
    pub fn without_entries(mut self) -> Self {
        self.verification_material.tlog_entries.clear();
        self
    }

    /// Its places in logs.
    pub fn entries(&self) -> &[TlogEntry] {
        &self.verification_material.tlog_entries
    }

    /// Which key it says that it is signed by.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the hint is none of remint's.
    pub fn key_id(&self) -> Result<Sha256Digest, Error> {
        let hint = &self.verification_material.public_key.hint;
        hint.parse().map_err(|_| {
            Error::Invalid(format!(
                "its key hint `{hint}` is no SHA-256 of a public key"
            ))
        })
    }

    /// The signed bytes and the signature.
    ///
    /// # Errors
    /// [`Error::Invalid`] where one is malformed.
    pub fn signed(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let (payload, signature) = self.dsse_envelope.open()?;
        Ok((pre_authentication(PAYLOAD_TYPE, &payload), signature))
    }

    /// What it says, not verified.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it holds no statement.
    pub fn statement(&self) -> Result<Statement, Error> {
        let (payload, _) = self.dsse_envelope.open()?;
        serde_json::from_slice(&payload).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Verifies the signature and returns what the bundle says. The log's proof is
    /// the trust room's to check.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what does not hold.
    pub fn verify(&self, key: &PublicKey) -> Result<Verified, Error> {
        let (payload, signature) = self.dsse_envelope.open()?;
        let message = pre_authentication(PAYLOAD_TYPE, &payload);
        if self.key_id()? != key.id() || !key.verifies(&message, &signature) {
            return Err(Error::Invalid(format!(
                "the signature is not by the key {} over this statement",
                key.id()
            )));
        }
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|error| Error::Invalid(error.to_string()))?;
        if !statement.is_v1() {
            return Err(Error::Invalid("it holds no in-toto Statement v1".into()));
        }
        Ok(Verified {
            statement,
            key_id: key.id(),
            signed: Sha256Digest::of(&message),
        })
    }
}

impl Envelope {
    /// The payload and its one signature.
    pub(super) fn open(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let decode = |text: &str| {
            BASE64
                .decode(text)
                .map_err(|e| Error::Invalid(e.to_string()))
        };
        let [signature] = &self.signatures[..] else {
            return Err(Error::Invalid(
                "it does not have exactly one signature".into(),
            ));
        };
        Ok((decode(&self.payload)?, decode(&signature.sig)?))
    }
}

/// Verifies a bundle's signature by a public key and returns what it says.
///
/// # Errors
/// [`Error::Invalid`] with what does not hold.
pub fn verify(bundle: &str, key: &PublicKey) -> Result<Statement, Error> {
    Ok(Bundle::parse(bundle)?.verify(key)?.statement)
}

/// DSSE's pre-authentication encoding (DSSE protocol v1.0.0, "Signature
/// definition").
pub(super) fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    )
    .into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{KeyFile, Subject};
    use super::*;

    fn signed() -> (String, PublicKey) {
        let signer = KeyFile::generate().expect("key");
        let subject = Subject::file("f", &Sha256Digest::of(b"x"));
        let statement = Statement::new(subject, "p", json!({"verdict": "different"}));
        let bundle = Bundle::sign(&statement, &signer).expect("signs");
        (bundle.to_json(), signer.public_key().clone())
    }

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // The example of the DSSE protocol, "Test vectors".
        assert_eq!(
            pre_authentication("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn what_was_signed_verifies_and_says_what_it_said() {
        let (bundle, key) = signed();
        assert_eq!(
            verify(&bundle, &key).expect("holds").predicate["verdict"],
            "different"
        );
    }

    #[test]
    fn a_changed_statement_another_key_or_a_second_signature_does_not_verify() {
        let (text, key) = signed();
        let mut bundle: Bundle = serde_json::from_str(&text).expect("reads");
        let payload = BASE64
            .decode(&bundle.dsse_envelope.payload)
            .expect("base64");
        let forged = String::from_utf8(payload)
            .expect("json")
            .replace("different", "reproduced");
        bundle.dsse_envelope.payload = BASE64.encode(forged);
        assert!(verify(&bundle.to_json(), &key).is_err());
        assert!(verify(&text, &signed().1).is_err());
        let mut twice: Bundle = serde_json::from_str(&text).expect("reads");
        let again = twice.dsse_envelope.signatures[0].clone();
        twice.dsse_envelope.signatures.push(again);
        assert!(verify(&twice.to_json(), &key).is_err());
    }
}
