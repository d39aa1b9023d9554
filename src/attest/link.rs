//! The in-toto link (in-toto specification v1.0, section 4.4) as rebuilderd writes it
//! for a rebuild that is the published file: the same file as material and product.
//! Signed with Ed25519, since that is what its readers take.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ed25519::{Ed25519Key, Ed25519PublicKey};
use super::{Error, canonical};
use crate::model::{ArtifactSummary, ResultRecord, Sha256Digest, Verdict};

/// A signed link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    signatures: Vec<LinkSignature>,
    signed: Signed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LinkSignature {
    keyid: String,
    sig: String,
}

/// What is signed. Its order is that of the canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Signed {
    #[serde(rename = "_type")]
    link_type: String,
    byproducts: BTreeMap<String, Value>,
    command: Vec<String>,
    /// An empty object: some readers refuse a null, others a missing one.
    environment: Option<BTreeMap<String, Value>>,
    materials: BTreeMap<String, BTreeMap<String, String>>,
    name: String,
    products: BTreeMap<String, BTreeMap<String, String>>,
}

/// What a verified link says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkClaim {
    /// The products: names, and digests by algorithm.
    pub products: BTreeMap<String, BTreeMap<String, String>>,
}

impl Link {
    /// The link of a record; none unless the verdict is `reproduced`, since a link
    /// has no place for anything less. The grade `replayed` is a by-product.
    pub fn of(record: &ResultRecord, key: &Ed25519Key) -> Option<Self> {
        let artifact = record.artifact.as_ref()?;
        let Verdict::Reproduced {
            sha256, replayed, ..
        } = &record.verdict
        else {
            return None;
        };
        if *sha256 != artifact.sha256 {
            return None;
        }
        let mut byproducts = BTreeMap::new();
        if !replayed.is_empty() {
            byproducts.insert("grade".to_owned(), json!("replayed"));
        }
        let file = BTreeMap::from([(artifact.name.clone(), digests(artifact))]);
        let signed = Signed {
            link_type: "link".into(),
            byproducts,
            command: vec![],
            environment: Some(BTreeMap::new()),
            materials: file.clone(),
            name: format!("rebuild {}", artifact.name),
            products: file,
        };
        let sig = hex::encode(key.sign(&signed.canonical()));
        Some(Self {
            signatures: vec![LinkSignature {
                keyid: link_key_id(&key.public_key()),
                sig,
            }],
            signed,
        })
    }

    /// The link as its readers take it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a link is plain data and serialises")
    }
}

/// Verifies a link by one key; signatures by others are left aside.
///
/// # Errors
/// [`Error::Invalid`] with what does not hold.
pub fn verify_link(text: &str, key: &Ed25519PublicKey) -> Result<LinkClaim, Error> {
    let invalid = |reason: String| Error::Invalid(reason);
    let raw: Value = serde_json::from_str(text).map_err(|e| invalid(e.to_string()))?;
    let link: Link = serde_json::from_value(raw.clone()).map_err(|e| invalid(e.to_string()))?;
    if link.signed.link_type != "link" {
        return Err(invalid("it is no in-toto link".into()));
    }
    // Over what the file holds, known fields or not.
    let message = canonical::olpc(&raw["signed"]);
    let verifies = link.signatures.iter().any(|signature| {
        hex::decode(&signature.sig).is_ok_and(|bytes| key.verifies(&message, &bytes))
    });
    if !verifies {
        return Err(invalid("no signature is by this key over this link".into()));
    }
    Ok(LinkClaim {
        products: link.signed.products,
    })
}

impl Signed {
    fn canonical(&self) -> Vec<u8> {
        let value = serde_json::to_value(self).expect("plain data serialises");
        canonical::olpc(&value)
    }
}

/// SHA-256 alone, although rebuilderd adds SHA-512: in-toto holds the whole set against
/// what it records of a file itself, and that is SHA-256 (in-toto 3.1.0,
/// `verifylib.py`, `verify_match_rule`).
fn digests(artifact: &ArtifactSummary) -> BTreeMap<String, String> {
    BTreeMap::from([("sha256".to_owned(), artifact.sha256.to_string())])
}

/// The key's ID in a link: SHA-256 of the canonical form of the key (in-toto
/// specification v1.0, section 4.2). Readers compute it themselves, so it has to be
/// this one.
pub fn link_key_id(key: &Ed25519PublicKey) -> String {
    let key = json!({
        "keyid_hash_algorithms": ["sha256", "sha512"],
        "keytype": "ed25519",
        "keyval": {"public": hex::encode(key.as_bytes())},
        "scheme": "ed25519",
    });
    Sha256Digest::of(canonical::olpc(&key)).to_string()
}
