//! Where the passphrase of the key files comes from, first found first taken:
//! `REMINT_KEY_PASSPHRASE`; the file that `[signing] passphrase_file` or
//! `REMINT_KEY_PASSPHRASE_FILE` names; `passphrase` beside the keys; a person.
//!
//! Without any of them the first key makes a random `passphrase` beside the keys, so
//! that remint works unconfigured. Then who can read the folder can sign: to have
//! more, move that file to where the keys are not, and name it.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, keyring::write_private};
use crate::store;

/// The passphrase itself.
const VARIABLE: &str = "REMINT_KEY_PASSPHRASE";
/// A file that holds it.
const FILE_VARIABLE: &str = "REMINT_KEY_PASSPHRASE_FILE";
/// A token's PIN.
const PIN_VARIABLE: &str = "REMINT_PKCS11_PIN";
/// The file beside the keys.
const BESIDE: &str = "passphrase";

/// Bytes that are wiped when they go.
pub(super) type Secret = Zeroizing<Vec<u8>>;

/// Where to look.
pub(super) struct Passphrase<'a> {
    beside: PathBuf,
    file: Option<PathBuf>,
    prompt: &'a dyn Fn() -> Option<String>,
}

impl<'a> Passphrase<'a> {
    pub(super) fn new(
        folder: &Path,
        file: Option<&Path>,
        prompt: &'a dyn Fn() -> Option<String>,
    ) -> Self {
        Self {
            beside: folder.join(BESIDE),
            file: file.map(Path::to_owned),
            prompt,
        }
    }

    /// The passphrase of a key that is there.
    pub(super) fn find(&self) -> Result<Secret, Error> {
        if let Some(found) = self.configured()? {
            return Ok(found);
        }
        (self.prompt)()
            .map(|text| Zeroizing::new(text.into_bytes()))
            .ok_or_else(|| {
                Error::NoPassphrase(format!(
                    "set {VARIABLE} or {FILE_VARIABLE}, or name a file in [signing] passphrase_file"
                ))
            })
    }

    /// The passphrase for a new key; makes one where none is configured.
    pub(super) fn find_or_make(&self) -> Result<Secret, Error> {
        if let Some(found) = self.configured()? {
            return Ok(found);
        }
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)
            .map_err(|error| Error::Signer(format!("the system gives no random bytes: {error}")))?;
        let text = Zeroizing::new(hex::encode(*bytes));
        write_private(&self.beside, text.as_bytes())?;
        Ok(Zeroizing::new(text.as_bytes().to_vec()))
    }

    fn configured(&self) -> Result<Option<Secret>, Error> {
        if let Some(text) = std::env::var_os(VARIABLE) {
            use std::os::unix::ffi::OsStringExt as _;
            return Ok(Some(Zeroizing::new(text.into_vec())));
        }
        let named = std::env::var_os(FILE_VARIABLE)
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .or_else(|| self.file.clone());
        match named {
            Some(path) => secret_of(&path).map(Some),
            None if self.beside.exists() => secret_of(&self.beside).map(Some),
            None => Ok(None),
        }
    }
}

/// A token's PIN: from the environment, or from a file.
pub(super) fn pin(file: Option<&Path>) -> Result<String, Error> {
    if let Ok(pin) = std::env::var(PIN_VARIABLE) {
        return Ok(pin);
    }
    let path = file.ok_or_else(|| {
        Error::NoPassphrase(format!(
            "set {PIN_VARIABLE}, or name a file in [signing.pkcs11] pin_file"
        ))
    })?;
    String::from_utf8(secret_of(path)?.to_vec())
        .map_err(|_| Error::NoPassphrase(format!("{} is not UTF-8", path.display())))
}

/// A file's content without its last line break.
fn secret_of(path: &Path) -> Result<Secret, Error> {
    let mut bytes =
        Zeroizing::new(std::fs::read(path).map_err(|error| store::Error::io("read", path, error))?);
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes)
}
