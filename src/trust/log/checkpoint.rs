//! Checkpoints (C2SP tlog-checkpoint) as signed notes (C2SP signed-note): the log's
//! size and root under its name, signed with Ed25519.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::attest::{Ed25519Key, Ed25519PublicKey};
use crate::model::Sha256Digest;

/// The signature type of Ed25519 (C2SP signed-note, "Signature types").
const ED25519: u8 = 0x01;
/// The greatest note that is read. Sixteen signatures must be taken (C2SP
/// signed-note, "Format"), and the longest kind has 5 kB.
const LONGEST: usize = 128 * 1024;

/// A log's name: a bare host name, since verifiers look for it in the log's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads a host name: letters, digits, hyphens and dots.
    pub fn new(name: &str) -> Option<Self> {
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        // RFC 1123, section 2.1: at most 255 characters.
        (name.len() <= 255 && name.split('.').all(is_label)).then(|| Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The log's identity under a key: the whole of the hash whose first four bytes
    /// are the note's key ID (C2SP signed-note, "Signatures"; rekor-tiles,
    /// `note.go`, `genConformantKeyHash`).
    pub fn log_id(&self, key: &Ed25519PublicKey) -> Sha256Digest {
        let mut text = format!("{}\n", self.0).into_bytes();
        text.push(ED25519);
        text.extend_from_slice(key.as_bytes());
        Sha256Digest::of(text)
    }

    /// The verifier key (C2SP signed-note, "Verifier keys").
    pub fn verifier_key(&self, key: &Ed25519PublicKey) -> String {
        let hint = hex::encode(&self.log_id(key).as_bytes()[..4]);
        let mut raw = vec![ED25519];
        raw.extend_from_slice(key.as_bytes());
        format!("{}+{hint}+{}", self.0, BASE64.encode(raw))
    }
}

/// A checkpoint whose signature was verified, or that is about to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: Origin,
    /// How many leaves it has.
    pub size: u64,
    /// The root over them.
    pub root: Sha256Digest,
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &Ed25519Key) -> String {
        let text = self.text();
        let mut signature = self.origin.log_id(&key.public_key()).as_bytes()[..4].to_vec();
        signature.extend_from_slice(&key.sign(text.as_bytes()));
        let origin = self.origin.as_str();
        format!("{text}\n\u{2014} {origin} {}\n", BASE64.encode(signature))
    }

    fn text(&self) -> String {
        let root = BASE64.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n", self.origin.as_str(), self.size)
    }

    /// Reads a note and verifies that one of `keys` signed it. Signatures by others
    /// are left aside (C2SP signed-note, "Signatures").
    ///
    /// # Errors
    /// What does not hold, in one line.
    pub fn verify(note: &str, keys: &[Ed25519PublicKey]) -> Result<Self, String> {
        if note.len() > LONGEST {
            return Err(format!("the checkpoint has more than {LONGEST} bytes"));
        }
        // The text is separated from the signatures by the last empty line.
        let cut = note
            .rfind("\n\n")
            .ok_or("the checkpoint has no signature")?;
        let (text, signatures) = (&note[..=cut], &note[cut + 2..]);
        let mut lines = text.lines();
        let mut next = |what: &str| {
            lines
                .next()
                .ok_or_else(|| format!("the checkpoint has no {what}"))
        };
        let origin = next("origin")?;
        let origin = Origin::new(origin)
            .ok_or_else(|| format!("the checkpoint's origin `{origin}` is no host name"))?;
        let size = next("size")?;
        let size: u64 = size
            .parse()
            .ok()
            .filter(|number: &u64| number.to_string() == size)
            .ok_or_else(|| format!("the checkpoint's size `{size}` is no number"))?;
        let root: [u8; 32] = BASE64
            .decode(next("root")?)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or("the checkpoint's root is no hash")?;
        let holds = signatures.lines().any(|line| {
            let signature = line
                .strip_prefix("\u{2014} ")
                .and_then(|line| line.split_once(' '))
                .filter(|(name, _)| *name == origin.as_str())
                .and_then(|(_, encoded)| BASE64.decode(encoded).ok());
            let Some((hint, signature)) = signature.as_deref().and_then(|s| s.split_at_checked(4))
            else {
                return false;
            };
            keys.iter().any(|key| {
                origin.log_id(key).as_bytes()[..4] == *hint
                    && key.verifies(text.as_bytes(), signature)
            })
        });
        if !holds {
            return Err(format!(
                "no known key of the log {} signed the checkpoint of size {size}",
                origin.as_str()
            ));
        }
        Ok(Self {
            origin,
            size,
            root: Sha256Digest::from_bytes(root),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: Origin::new("log.example").expect("a host name"),
            size: 3,
            root: Sha256Digest::of(b"root"),
        }
    }

    #[test]
    fn the_specifications_verifier_key_is_reproduced() {
        // C2SP signed-note, "Verifier keys", "Example". Its name has a path, so the
        // key ID is computed as the origin's would be.
        let raw = BASE64
            .decode("AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
            .expect("base64");
        let key: [u8; 32] = raw[1..].try_into().expect("32 bytes");
        let key = Ed25519PublicKey::from_bytes(&key).expect("a key");
        let origin = Origin("example.com/foo".into());
        assert_eq!(
            origin.verifier_key(&key),
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
        );
        // The same section's note.
        let note = "This is an example message.\n";
        let signature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=";
        let signature = BASE64.decode(signature).expect("base64");
        assert!(key.verifies(note.as_bytes(), &signature[4..]));
    }

    #[test]
    fn a_checkpoint_comes_back_from_its_key_alone() {
        let key = Ed25519Key::generate();
        let note = checkpoint().sign(&key);
        assert_eq!(
            Checkpoint::verify(&note, &[key.public_key()]),
            Ok(checkpoint())
        );
        let other = Ed25519Key::generate().public_key();
        assert!(Checkpoint::verify(&note, &[other]).is_err());
        for changed in [
            note.replace("\n3\n", "\n4\n"),
            note.replace("\n3\n", "\n03\n"),
            note.replace("log.example", "log2.example"),
            note.replace('\u{2014}', "-"),
            note.replacen('\n', "\n\n", 1),
        ] {
            assert!(
                Checkpoint::verify(&changed, &[key.public_key()]).is_err(),
                "{changed}"
            );
        }
    }

    #[test]
    fn an_origin_is_a_bare_host_name() {
        assert!(Origin::new("log.example").is_some());
        for bad in ["", "a/b", "a b", "a+b", "-a", "a..b", "https://log.example"] {
            assert!(Origin::new(bad).is_none(), "{bad}");
        }
    }
}
