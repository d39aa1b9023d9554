//! The encrypted key file that cosign writes and reads: PKCS#8 in nacl/secretbox
//! under a key that scrypt makes of a passphrase, as JSON in PEM
//! (go-securesystemslib, `encrypted`; cosign, `pkg/cosign/keys.go`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The PEM's label (cosign, `pkg/cosign/keys.go`, `SigstorePrivateKeyPemType`).
const LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
/// The same in files of older versions (`CosignPrivateKeyPemType`).
const OLD_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// scrypt's work factor (go-securesystemslib, `encrypted`, standard: N = 2^16).
const LOG_N: u8 = 16;
/// The greatest work factor that is read: 2^20 takes a second and a gigabyte, and
/// a file that asks for more is an attack on whoever opens it.
const MAX_LOG_N: u8 = 20;
/// scrypt's block size and parallelism (go-securesystemslib, `encrypted`).
const R: u32 = 8;
const P: u32 = 1;

/// A private key as PKCS#8 in DER; wiped when it goes.
pub struct PrivateKeyDer(Zeroizing<Vec<u8>>);

impl PrivateKeyDer {
    /// Wraps the encoding.
    pub fn new(der: Vec<u8>) -> Self {
        Self(Zeroizing::new(der))
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Serialize, Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Encrypts a key; returns the PEM.
pub fn encrypt(der: &PrivateKeyDer, passphrase: &[u8]) -> String {
    let (mut salt, mut nonce) = ([0; 32], [0; 24]);
    getrandom::fill(&mut salt).expect("the system gives random bytes");
    getrandom::fill(&mut nonce).expect("the system gives random bytes");
    let key = stretch(passphrase, &salt, LOG_N).expect("the constants above are in scrypt's range");
    let ciphertext = XSalsa20Poly1305::new(&Key::from(*key))
        .encrypt(&Nonce::from(nonce), der.as_bytes())
        .expect("a key is far shorter than the cipher's limit");
    let sealed = Sealed {
        kdf: Kdf {
            name: "scrypt".into(),
            params: Params {
                n: 1 << LOG_N,
                r: R,
                p: P,
            },
            salt: BASE64.encode(salt),
        },
        cipher: Cipher {
            name: "nacl/secretbox".into(),
            nonce: BASE64.encode(nonce),
        },
        ciphertext: BASE64.encode(ciphertext),
    };
    let json = serde_json::to_vec(&sealed).expect("plain data serialises");
    let body = BASE64.encode(json);
    let mut pem = format!("-----BEGIN {LABEL}-----\n");
    // Lines of 64 characters (RFC 7468, section 2).
    for line in body.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {LABEL}-----\n"));
    pem
}

/// Decrypts a key file.
///
/// # Errors
/// What is wrong with the file or the passphrase, in one line.
pub fn decrypt(pem: &str, passphrase: &[u8]) -> Result<PrivateKeyDer, String> {
    let json = body(pem).ok_or_else(|| format!("it is no PEM with the label `{LABEL}`"))?;
    let sealed: Sealed = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(format!(
            "it uses {} and {}; scrypt and nacl/secretbox are what is read",
            sealed.kdf.name, sealed.cipher.name
        ));
    }
    let Params { n, r, p } = sealed.kdf.params;
    let log_n = n.trailing_zeros() as u8;
    if !n.is_power_of_two() || log_n > MAX_LOG_N || r != R || p != P {
        return Err(format!(
            "scrypt's parameters N={n}, r={r}, p={p} are refused"
        ));
    }
    let decode = |text: &str| BASE64.decode(text).map_err(|error| error.to_string());
    let nonce: [u8; 24] = decode(&sealed.cipher.nonce)?
        .try_into()
        .map_err(|_| "its nonce has not 24 bytes".to_owned())?;
    let key = stretch(passphrase, &decode(&sealed.kdf.salt)?, log_n)?;
    XSalsa20Poly1305::new(&Key::from(*key))
        .decrypt(&Nonce::from(nonce), decode(&sealed.ciphertext)?.as_slice())
        .map(PrivateKeyDer::new)
        .map_err(|_| "the passphrase is not that of this key, or the file was changed".to_owned())
}

fn stretch(passphrase: &[u8], salt: &[u8], log_n: u8) -> Result<Zeroizing<[u8; 32]>, String> {
    let params = scrypt::Params::new(log_n, R, P).map_err(|error| error.to_string())?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase, salt, &params, &mut *key).map_err(|error| error.to_string())?;
    Ok(key)
}

fn body(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.trim();
    let inner = [LABEL, OLD_LABEL].iter().find_map(|label| {
        pem.strip_prefix(&format!("-----BEGIN {label}-----"))?
            .strip_suffix(&format!("-----END {label}-----"))
    })?;
    let text: String = inner.split_whitespace().collect();
    BASE64.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_with_its_passphrase_alone() {
        let pem = encrypt(&PrivateKeyDer::new(b"key".to_vec()), b"right");
        assert!(pem.lines().all(|line| line.len() <= 64), "{pem}");
        assert_eq!(decrypt(&pem, b"right").expect("opens").as_bytes(), b"key");
        let error = decrypt(&pem, b"wrong").err().expect("refused");
        assert!(error.contains("passphrase"), "{error}");
    }

    #[test]
    fn a_file_that_asks_for_too_much_work_is_refused_before_any() {
        let pem = encrypt(&PrivateKeyDer::new(b"key".to_vec()), b"x");
        let json = body(&pem).expect("reads");
        let greedy = String::from_utf8(json)
            .expect("JSON")
            .replace("\"N\":65536", "\"N\":1099511627776");
        let pem = format!(
            "-----BEGIN {LABEL}-----\n{}\n-----END {LABEL}-----\n",
            BASE64.encode(greedy)
        );
        let error = decrypt(&pem, b"x").err().expect("refused");
        assert!(error.contains("refused"), "{error}");
    }
}
