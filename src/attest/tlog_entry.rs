//! A bundle's place in a log (Sigstore protobuf-specs, `sigstore_rekor.proto`,
//! `TransparencyLogEntry`, in protobuf's JSON form), and the log's leaf for a bundle.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use super::{Bundle, Error, PublicKey};
use crate::model::Sha256Digest;

/// The leaf's kind and version (rekor-tiles, `hashedrekord.go`, `ToLogEntry`).
const KIND: &str = "hashedrekord";
const VERSION: &str = "0.0.2";

/// Where a bundle is in a log, with the proof. Numbers are strings, as protobuf's
/// JSON form writes 64 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlogEntry {
    log_index: String,
    log_id: LogId,
    kind_version: KindVersion,
    inclusion_proof: InclusionProof,
    canonicalized_body: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogId {
    key_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InclusionProof {
    log_index: String,
    root_hash: String,
    tree_size: String,
    // Empty for the only leaf of a tree, and then left out by some writers.
    #[serde(default)]
    hashes: Vec<String>,
    checkpoint: Checkpoint,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    envelope: String,
}

/// A proof as plain values: what a log computes and a verifier checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The log's identity (SHA-256; its first four bytes are the note's key ID).
    pub log_id: Sha256Digest,
    /// The leaf's number.
    pub index: u64,
    /// The size of the tree that the proof is of.
    pub tree_size: u64,
    /// The root of that tree.
    pub root: Sha256Digest,
    /// The audit path, from the leaf up.
    pub hashes: Vec<Sha256Digest>,
    /// The signed checkpoint of that tree.
    pub checkpoint: String,
    /// The leaf.
    pub body: Vec<u8>,
}

impl TlogEntry {
    /// Writes a proof down.
    pub fn new(proof: &Proof) -> Self {
        let encode = |digest: &Sha256Digest| BASE64.encode(digest.as_bytes());
        Self {
            log_index: proof.index.to_string(),
            log_id: LogId {
                key_id: encode(&proof.log_id),
            },
            kind_version: KindVersion {
                kind: KIND.into(),
                version: VERSION.into(),
            },
            inclusion_proof: InclusionProof {
                log_index: proof.index.to_string(),
                root_hash: encode(&proof.root),
                tree_size: proof.tree_size.to_string(),
                hashes: proof.hashes.iter().map(encode).collect(),
                checkpoint: Checkpoint {
                    envelope: proof.checkpoint.clone(),
                },
            },
            canonicalized_body: BASE64.encode(&proof.body),
        }
    }

    /// Reads the proof; nothing of it is verified yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what is malformed, or says two things at once.
    pub fn proof(&self) -> Result<Proof, Error> {
        let invalid = |what: &str| Error::Invalid(format!("its log entry has a malformed {what}"));
        let number = |text: &str, what| text.parse::<u64>().map_err(|_| invalid(what));
        let digest = |text: &str, what| -> Result<Sha256Digest, Error> {
            let bytes = BASE64.decode(text).map_err(|_| invalid(what))?;
            let bytes: [u8; 32] = bytes.try_into().map_err(|_| invalid(what))?;
            Ok(Sha256Digest::from_bytes(bytes))
        };
        if self.kind_version.kind != KIND || self.kind_version.version != VERSION {
            return Err(invalid("kind"));
        }
        let proof = &self.inclusion_proof;
        let index = number(&proof.log_index, "index")?;
        if number(&self.log_index, "index")? != index {
            return Err(invalid("index (two that differ)"));
        }
        Ok(Proof {
            log_id: digest(&self.log_id.key_id, "log ID")?,
            index,
            tree_size: number(&proof.tree_size, "tree size")?,
            root: digest(&proof.root_hash, "root")?,
            hashes: proof
                .hashes
                .iter()
                .map(|hash| digest(hash, "hash"))
                .collect::<Result<_, _>>()?,
            checkpoint: proof.checkpoint.envelope.clone(),
            body: BASE64
                .decode(&self.canonicalized_body)
                .map_err(|_| invalid("body"))?,
        })
    }
}

/// The leaf: an entry `hashedrekord` 0.0.2 in canonical JSON (RFC 8785), which here
/// is sorted names and no white space, since every value is plain ASCII.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    #[serde(rename = "hashedRekordV002")]
    hashed_rekord: HashedRekord,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekord {
    data: Data,
    signature: EntrySignature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Data {
    algorithm: String,
    digest: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EntrySignature {
    content: String,
    verifier: EntryVerifier,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryVerifier {
    key_details: String,
    public_key: RawKey,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawKey {
    raw_bytes: String,
}

/// The leaf of a bundle. The digest is that of DSSE's encoding, which is what was
/// signed (rekor-tiles, `hashedrekord.go`).
///
/// # Errors
/// [`Error::Invalid`] where the bundle is malformed.
pub fn leaf(bundle: &Bundle, key: &PublicKey) -> Result<Vec<u8>, Error> {
    let (message, signature) = bundle.signed()?;
    let entry = Entry {
        api_version: VERSION.into(),
        kind: KIND.into(),
        spec: Spec {
            hashed_rekord: HashedRekord {
                data: Data {
                    algorithm: "SHA2_256".into(),
                    digest: BASE64.encode(Sha256Digest::of(message).as_bytes()),
                },
                signature: EntrySignature {
                    content: BASE64.encode(signature),
                    verifier: EntryVerifier {
                        key_details: "PKIX_ECDSA_P256_SHA_256".into(),
                        public_key: RawKey {
                            raw_bytes: BASE64.encode(key.der()),
                        },
                    },
                },
            },
        },
    };
    Ok(serde_json::to_vec(&entry).expect("plain data serialises"))
}

/// What a leaf names: the digest of what was signed, the signature and the key.
pub struct Leaf {
    /// SHA-256 of the signed bytes.
    pub signed: Sha256Digest,
    /// The signature (DER).
    pub signature: Vec<u8>,
    /// The key.
    pub key: PublicKey,
}

impl Leaf {
    /// Reads a leaf.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is no `hashedrekord` 0.0.2 over SHA-256 by a P-256
    /// key, or not in its one canonical form.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let invalid = |what: String| Error::Invalid(format!("a log entry is malformed: {what}"));
        let entry: Entry = serde_json::from_slice(bytes).map_err(|e| invalid(e.to_string()))?;
        if serde_json::to_vec(&entry).ok().as_deref() != Some(bytes) {
            return Err(invalid("it is not in canonical form".into()));
        }
        let HashedRekord { data, signature } = entry.spec.hashed_rekord;
        let decode = |text: &str| BASE64.decode(text).map_err(|e| invalid(e.to_string()));
        let digest: [u8; 32] = decode(&data.digest)?
            .try_into()
            .map_err(|_| invalid("its digest has not 32 bytes".into()))?;
        if entry.kind != KIND || entry.api_version != VERSION || data.algorithm != "SHA2_256" {
            return Err(invalid("it is no hashedrekord 0.0.2 over SHA-256".into()));
        }
        Ok(Self {
            signed: Sha256Digest::from_bytes(digest),
            signature: decode(&signature.content)?,
            key: PublicKey::from_der(&decode(&signature.verifier.public_key.raw_bytes)?)?,
        })
    }

    /// Whether the signature holds over the digest that the leaf names.
    pub fn is_signed_over(&self, message: &[u8]) -> bool {
        Sha256Digest::of(message) == self.signed && self.key.verifies(message, &self.signature)
    }
}
