//! DSSE (DSSE protocol v1.0.0) in a Sigstore bundle (Sigstore bundle format,
//! v0.3), one signature by one key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde::{Deserialize, Serialize};

use super::{Error, Signer, Statement};

/// The bundle's media type (Sigstore bundle format, v0.3).
const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// The payload's type (in-toto attestation framework, "Envelope layer").
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

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
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeyHint {
    hint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    sig: String,
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
                    hint: signer.key_id(),
                },
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

    /// The bundle as it is kept.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a bundle is plain data and serialises")
    }
}

/// Verifies a bundle against a public key (SPKI PEM) and returns what it says.
///
/// # Errors
/// [`Error::Invalid`] with what does not hold.
pub fn verify(bundle: &str, public_key_pem: &str) -> Result<Statement, Error> {
    let invalid = |reason: String| Error::Invalid(reason);
    let bundle: Bundle = serde_json::from_str(bundle).map_err(|e| invalid(e.to_string()))?;
    if bundle.media_type != MEDIA_TYPE || bundle.dsse_envelope.payload_type != PAYLOAD_TYPE {
        return Err(invalid(
            "it is not a Sigstore bundle v0.3 of an in-toto statement".into(),
        ));
    }
    let decode = |text: &str| BASE64.decode(text).map_err(|e| invalid(e.to_string()));
    let payload = decode(&bundle.dsse_envelope.payload)?;
    let [signature] = &bundle.dsse_envelope.signatures[..] else {
        return Err(invalid("it does not have exactly one signature".into()));
    };
    let signature = DerSignature::from_bytes(&decode(&signature.sig)?)
        .map_err(|error| invalid(format!("the signature is malformed: {error}")))?;
    let key = VerifyingKey::from_public_key_pem(public_key_pem)
        .map_err(|error| invalid(format!("the public key cannot be read: {error}")))?;
    key.verify(&pre_authentication(PAYLOAD_TYPE, &payload), &signature)
        .map_err(|_| invalid("the signature is not by this key over this statement".into()))?;
    serde_json::from_slice(&payload).map_err(|error| invalid(error.to_string()))
}

/// DSSE's pre-authentication encoding (DSSE protocol v1.0.0, "Signature
/// definition").
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
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
    use super::super::KeyFile;
    use super::*;

    fn signed() -> (String, String) {
        let folder = tempfile::tempdir().expect("temp");
        let signer = KeyFile::open(folder.path()).expect("key");
        let statement = Statement {
            statement_type: "t".into(),
            subject: vec![],
            predicate_type: "p".into(),
            predicate: serde_json::json!({"verdict": "different"}),
        };
        let bundle = Bundle::sign(&statement, &signer).expect("signs");
        (bundle.to_json(), signer.public_key_pem())
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
        twice
            .dsse_envelope
            .signatures
            .push(twice.dsse_envelope.signatures[0].clone());
        assert!(verify(&twice.to_json(), &key).is_err());
    }
}
