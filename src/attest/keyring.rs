//! The keys' folder: one encrypted file a role with its public half beside it, and
//! below `retired/` those that sign no more. Made on first use; a file that is there
//! is never overwritten.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ed25519::{Ed25519Key, Ed25519PublicKey};
use super::{
    CommandSigner, Error, KeyFile, KeyRole, Passphrase, PrivateKeyDer, PublicKey, Signer,
    TokenSigner, decrypt, encrypt,
};
use crate::model::{Sha256Digest, SigningConfig};
use crate::store;

/// The folder of keys that sign no more.
const RETIRED: &str = "retired";

/// The keys, open.
pub struct Keys {
    /// Who signs statements.
    pub attest: Arc<dyn Signer>,
    /// Who signs links.
    pub link: Ed25519Key,
    /// Who signs checkpoints.
    pub log: Ed25519Key,
}

/// The folder.
pub struct Keyring<'a> {
    folder: PathBuf,
    config: &'a SigningConfig,
    passphrase: Passphrase<'a>,
}

impl<'a> Keyring<'a> {
    /// The folder `folder`, as the configuration asks. `prompt` asks a person for the
    /// passphrase, where there is one to ask.
    pub fn new(
        folder: &Path,
        config: &'a SigningConfig,
        prompt: &'a dyn Fn() -> Option<String>,
    ) -> Self {
        let passphrase = Passphrase::new(folder, config.passphrase_file.as_deref(), prompt);
        Self {
            folder: folder.to_owned(),
            config,
            passphrase,
        }
    }

    /// Opens every key, making those that are missing.
    ///
    /// # Errors
    /// [`Error`] with the file and what to do.
    pub fn open(&self) -> Result<Keys, Error> {
        Ok(Keys {
            attest: self.attest()?,
            link: self.ed25519(KeyRole::Link)?,
            log: self.ed25519(KeyRole::Log)?,
        })
    }

    /// Who signs statements: what is configured, else the key file.
    ///
    /// # Errors
    /// [`Error`] with the file and what to do.
    pub fn attest(&self) -> Result<Arc<dyn Signer>, Error> {
        let signer: Arc<dyn Signer> = match (&self.config.pkcs11, &self.config.command) {
            (Some(_), Some(_)) => {
                return Err(Error::Signer(
                    "both [signing.pkcs11] and [signing.command] are configured; leave one".into(),
                ));
            }
            (Some(token), None) => {
                let pin = super::passphrase::pin(token.pin_file.as_deref())?;
                Arc::new(TokenSigner::open(
                    &token.module,
                    &token.token,
                    &token.key,
                    pin,
                )?)
            }
            (None, Some(command)) => {
                let path = &command.public_key;
                let pem = std::fs::read_to_string(path)
                    .map_err(|error| store::Error::io("read", path, error))?;
                Arc::new(CommandSigner::new(
                    command.run.clone(),
                    PublicKey::from_pem(&pem)?,
                ))
            }
            (None, None) => {
                let path = self.path(KeyRole::Attest);
                if !path.exists() {
                    self.make(KeyRole::Attest)?;
                }
                Arc::new(KeyFile::from_der(&self.read(&path)?, &path)?)
            }
        };
        // Readers find the public half in one place, whoever holds the private one.
        let public = self.public_path(KeyRole::Attest);
        let pem = signer.public_key().pem();
        if std::fs::read_to_string(&public).ok().as_deref() != Some(pem) {
            self.make_folder(&self.folder)?;
            store::write_durably(&public, pem.as_bytes())?;
        }
        Ok(signer)
    }

    fn ed25519(&self, role: KeyRole) -> Result<Ed25519Key, Error> {
        let path = self.path(role);
        if !path.exists() {
            self.make(role)?;
        }
        Ed25519Key::from_der(&self.read(&path)?).map_err(|reason| Error::BadKey { path, reason })
    }

    /// Whether the private key of `role` is in a file of this folder.
    pub fn is_file(&self, role: KeyRole) -> bool {
        role != KeyRole::Attest || (self.config.pkcs11.is_none() && self.config.command.is_none())
    }

    /// Moves the key of `role` to the retired ones and makes another. The old key
    /// must still be readable by name afterwards, so it moves before the new one
    /// takes its place; a crash in between leaves no key, and the next use makes one.
    ///
    /// # Errors
    /// [`Error::Signer`] where the key is not a file, or the file system's.
    pub fn replace(&self, role: KeyRole) -> Result<(), Error> {
        if !self.is_file(role) {
            return Err(Error::Signer(format!(
                "the {} key is not a file; make another where it is kept, and configure that one",
                role.name()
            )));
        }
        let public = self.public_path(role);
        let pem = std::fs::read_to_string(&public)
            .map_err(|error| store::Error::io("read", &public, error))?;
        self.retire(role, &pem)?;
        let (old, key) = (
            self.path(role),
            self.retired_path(role, &pem)?.with_extension("key"),
        );
        std::fs::rename(&old, &key).map_err(|error| store::Error::io("rename", &old, error))?;
        self.make(role)
    }

    /// Keeps the public half of a key that signs no more.
    ///
    /// # Errors
    /// The file system's.
    pub fn retire(&self, role: KeyRole, pem: &str) -> Result<(), Error> {
        self.make_folder(&self.folder.join(RETIRED))?;
        store::write_durably(&self.retired_path(role, pem)?, pem.as_bytes())?;
        Ok(())
    }

    fn retired_path(&self, role: KeyRole, pem: &str) -> Result<PathBuf, Error> {
        let name = format!("{}-{}.pub", role.name(), public_id(role, pem)?);
        Ok(self.folder.join(RETIRED).join(name))
    }

    fn path(&self, role: KeyRole) -> PathBuf {
        self.folder.join(format!("{}.key", role.name()))
    }

    fn public_path(&self, role: KeyRole) -> PathBuf {
        public_path(&self.folder, role)
    }

    fn read(&self, path: &Path) -> Result<PrivateKeyDer, Error> {
        let metadata =
            std::fs::metadata(path).map_err(|error| store::Error::io("read", path, error))?;
        let mode = metadata.permissions().mode() & 0o777;
        let path = path.to_owned();
        if mode & 0o077 != 0 {
            return Err(Error::OpenKey { path, mode });
        }
        let pem = std::fs::read_to_string(&path)
            .map_err(|error| store::Error::io("read", &path, error))?;
        decrypt(&pem, &self.passphrase.find()?).map_err(|reason| Error::BadKey { path, reason })
    }

    fn make(&self, role: KeyRole) -> Result<(), Error> {
        self.make_folder(&self.folder)?;
        let path = self.path(role);
        let bad = |reason: String| Error::BadKey {
            path: path.clone(),
            reason,
        };
        let (der, public) = match role {
            KeyRole::Attest => {
                let key = KeyFile::generate()?;
                (
                    key.to_der().map_err(bad)?,
                    key.public_key().pem().to_owned(),
                )
            }
            KeyRole::Link | KeyRole::Log => {
                let key = Ed25519Key::generate();
                (key.to_der().map_err(bad)?, key.public_key().pem()?)
            }
        };
        let pem = encrypt(&der, &self.passphrase.find_or_make()?);
        write_private(&path, pem.as_bytes())?;
        store::write_durably(&self.public_path(role), public.as_bytes())?;
        Ok(())
    }

    fn make_folder(&self, folder: &Path) -> Result<(), Error> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| store::Error::io("create", folder, error))?;
        Ok(())
    }
}

/// A public key of the folder, with what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKey {
    /// What it is for.
    pub role: KeyRole,
    /// SHA-256 of its SPKI DER form.
    pub id: Sha256Digest,
    /// SPKI PEM.
    pub pem: String,
    /// Whether it signs today.
    pub active: bool,
}

/// Every public key in the folder, those that sign today first; needs no passphrase.
///
/// # Errors
/// [`Error`] with the file that cannot be read.
pub fn known_keys(folder: &Path) -> Result<Vec<KnownKey>, Error> {
    let mut found = Vec::new();
    let mut add = |role: KeyRole, path: &Path, active: bool| -> Result<(), Error> {
        let pem =
            std::fs::read_to_string(path).map_err(|error| store::Error::io("read", path, error))?;
        let id = public_id(role, &pem)?;
        found.push(KnownKey {
            role,
            id,
            pem,
            active,
        });
        Ok(())
    };
    for role in KeyRole::ALL {
        let path = public_path(folder, role);
        if path.exists() {
            add(role, &path, true)?;
        }
    }
    let retired = folder.join(RETIRED);
    let mut names: Vec<PathBuf> = match std::fs::read_dir(&retired) {
        Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => vec![],
        Err(error) => return Err(store::Error::io("list", &retired, error).into()),
    };
    names.sort();
    for path in names {
        let name = path.file_name().and_then(|name| name.to_str());
        let role = name
            .filter(|name| name.ends_with(".pub"))
            .and_then(|name| name.split_once('-'))
            .and_then(|(role, _)| KeyRole::ALL.into_iter().find(|r| r.name() == role));
        if let Some(role) = role {
            add(role, &path, false)?;
        }
    }
    Ok(found)
}

fn public_path(folder: &Path, role: KeyRole) -> PathBuf {
    folder.join(format!("{}.pub", role.name()))
}

fn public_id(role: KeyRole, pem: &str) -> Result<Sha256Digest, Error> {
    Ok(match role {
        KeyRole::Attest => PublicKey::from_pem(pem)?.id(),
        KeyRole::Link | KeyRole::Log => Ed25519PublicKey::from_pem(pem)?.id(),
    })
}

/// Writes a private key: readable by nobody else from the first byte on, and never over
/// another file.
///
/// # Errors
/// [`Error`] with the path.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| store::Error::io("write", path, error))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| store::Error::io("write", path, error))?;
    Ok(())
}
