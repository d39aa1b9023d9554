//! Digests that cannot be malformed once they exist.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// Why a text is not a digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DigestError {
    /// The number of hexadecimal digits is wrong for the algorithm.
    #[error("a {algorithm} digest has {expected} hexadecimal digits, `{found}` does not")]
    Length {
        algorithm: &'static str,
        expected: usize,
        found: String,
    },
    /// A character is no hexadecimal digit.
    #[error("`{0}` is not hexadecimal")]
    NotHex(String),
    /// A Subresource Integrity text that does not decode.
    #[error("`{0}` is not a Subresource Integrity digest (expected `sha512-` and base64)")]
    NotIntegrity(String),
    /// The prefix names no algorithm that is accepted.
    #[error("`{0}` names no digest algorithm that is accepted (sha256, sha512, sha1)")]
    UnknownAlgorithm(String),
}

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident, $len:expr, $label:expr, $hasher:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $len]);

        impl $name {
            /// The digest of `bytes`.
            pub fn of(bytes: impl AsRef<[u8]>) -> Self {
                Self(<$hasher>::digest(bytes.as_ref()).into())
            }

            /// Wraps what a hasher has already computed.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{self}", $label)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                if text.len() != $len * 2 {
                    return Err(DigestError::Length {
                        algorithm: $label,
                        expected: $len * 2,
                        found: text.to_owned(),
                    });
                }
                let mut bytes = [0u8; $len];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| DigestError::NotHex(text.to_owned()))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = DigestError;

            fn try_from(text: String) -> Result<Self, DigestError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> String {
                digest.to_string()
            }
        }
    };
}

digest_type!(
    /// A SHA-256 digest (FIPS 180-4): what every identity in remint rests on.
    Sha256Digest, 32, "sha256", sha2::Sha256
);
digest_type!(
    /// A SHA-512 digest (FIPS 180-4): npm's `integrity`.
    Sha512Digest, 64, "sha512", sha2::Sha512
);

/// A digest as a registry publishes it. Bytes are checked against it on the way
/// in; it never decides a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// SHA-256, as the cargo index (`cksum`) and PyPI's simple API give it.
    Sha256(Sha256Digest),
    /// SHA-512, as npm's `dist.integrity` gives it.
    Sha512(Sha512Digest),
}

impl Digest {
    /// Reads one hash of a Subresource Integrity text (W3C SRI, section 3.1):
    /// `sha512-` or `sha256-` and base64.
    pub fn from_integrity(text: &str) -> Result<Self, DigestError> {
        use base64::Engine as _;
        let malformed = || DigestError::NotIntegrity(text.to_owned());
        let (algorithm, encoded) = text.split_once('-').ok_or_else(malformed)?;
        let raw = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|_| malformed())?;
        match algorithm {
            "sha512" => Ok(Self::Sha512(Sha512Digest(
                raw.try_into().map_err(|_| malformed())?,
            ))),
            "sha256" => Ok(Self::Sha256(Sha256Digest(
                raw.try_into().map_err(|_| malformed())?,
            ))),
            other => Err(DigestError::UnknownAlgorithm(other.to_owned())),
        }
    }

    /// Whether `bytes` have this digest.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Sha256(expected) => *expected == Sha256Digest::of(bytes),
            Self::Sha512(expected) => *expected == Sha512Digest::of(bytes),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digest) => write!(f, "sha256:{digest}"),
            Self::Sha512(digest) => write!(f, "sha512:{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sha256_digest_survives_text() {
        let digest = Sha256Digest::of(b"abc");
        // FIPS 180-4 example, SHA-256 of "abc".
        assert_eq!(
            digest.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_alphabet_is_refused() {
        assert!(matches!(
            "abc".parse::<Sha256Digest>(),
            Err(DigestError::Length { expected: 64, .. })
        ));
        assert!(matches!(
            "z".repeat(64).parse::<Sha256Digest>(),
            Err(DigestError::NotHex(_))
        ));
    }

    #[test]
    fn an_integrity_text_is_read_and_checks_bytes() {
        use base64::Engine as _;
        let text = format!(
            "sha512-{}",
            base64::engine::general_purpose::STANDARD.encode(Sha512Digest::of(b"abc").as_bytes())
        );
        let digest = Digest::from_integrity(&text).expect("well-formed");
        assert!(digest.matches(b"abc"));
        assert!(!digest.matches(b"abd"));
        assert!(Digest::from_integrity("sha512-!!").is_err());
        assert!(Digest::from_integrity("md5-AAAA").is_err());
        assert!(Digest::from_integrity("sha512-AAAA").is_err());
    }
}
