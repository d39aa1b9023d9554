//! `remint key`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::attest::{KeyEvent, KeyEventKind, KeyRole, Keyring, known_keys};
use crate::model::Config;
use crate::store;
use crate::trust::{self, Folders, Reader};

/// Options of `remint key`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make the keys that are missing, and write them down in the log
    New,
    /// Show every key: what it is for, whether it signs, and since when not
    List,
    /// Write the public keys and trusted_root.json, for those who verify
    Export {
        /// The folder to write into
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
    /// Take another key; what the old one signed stays good
    Rotate {
        /// Which key
        #[arg(default_value = "attest")]
        role: Role,
    },
    /// Take the trust from a key, and another in its place if it signs today
    Revoke {
        /// The key's ID, as `remint key list` shows it; a beginning is enough
        #[arg(value_name = "ID")]
        id: String,
        /// Why, for those who read the log
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// From when on it is not to be trusted (RFC 3339); now, if it is not given
        #[arg(long, value_name = "TIME")]
        since: Option<Timestamp>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    Attest,
    Link,
    Log,
}

impl From<Role> for KeyRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Attest => Self::Attest,
            Role::Link => Self::Link,
            Role::Log => Self::Log,
        }
    }
}

/// Carries out one action on the keys.
///
/// # Errors
/// [`Error`] with the file or the key and what to do.
pub fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    let config = open::config(global, &data)?;
    match &options.action {
        Action::New => new(&config, &data)?,
        Action::List => {}
        Action::Export { folder } => return export(&config, &data, folder),
        Action::Rotate { role } => rotate(&config, &data, (*role).into(), "rotated")?,
        Action::Revoke { id, reason, since } => {
            revoke(&config, &data, id, reason, *since)?;
        }
    }
    list(&data)
}

fn new(config: &Config, data: &Path) -> Result<(), Error> {
    // An empty batch has the store write down what keys it has.
    let ledger = open::ledger(config, data)?;
    ledger.append(vec![]).map_err(|e| Error::usage(&e))?;
    Ok(())
}

fn rotate(config: &Config, data: &Path, role: KeyRole, reason: &str) -> Result<(), Error> {
    new(config, data)?;
    let now = Timestamp::now();
    let old = known(data)?
        .into_iter()
        .find(|key| key.active && key.role == role)
        .ok_or_else(|| Error::Usage(format!("there is no {} key", role.name())))?;
    let event = KeyEvent {
        event: KeyEventKind::Rotated,
        role,
        key_id: old.id,
        public_key: old.pem,
        at: now,
        since: now,
        reason: reason.into(),
    };
    // Signed while the old key is still in its place; the new one announces itself.
    write_down(config, data, &event)?;
    Keyring::new(&Folders::below(data).keys, &config.signing, &open::ask)
        .replace(role)
        .map_err(|e| Error::usage(&e))?;
    new(config, data)
}

fn revoke(
    config: &Config,
    data: &Path,
    id: &str,
    reason: &str,
    since: Option<Timestamp>,
) -> Result<(), Error> {
    let mut matching = known(data)?
        .into_iter()
        .filter(|key| key.id.to_string().starts_with(id));
    let (Some(key), None) = (matching.next(), matching.next()) else {
        return Err(Error::Usage(format!(
            "`{id}` is not the beginning of one key's ID; `remint key list` shows them"
        )));
    };
    if key.active {
        rotate(config, data, key.role, reason)?;
    }
    let now = Timestamp::now();
    let event = KeyEvent {
        event: KeyEventKind::Revoked,
        role: key.role,
        key_id: key.id,
        public_key: key.pem,
        at: now,
        since: since.unwrap_or(now),
        reason: reason.into(),
    };
    write_down(config, data, &event)
}

fn write_down(config: &Config, data: &Path, event: &KeyEvent) -> Result<(), Error> {
    open::ledger(config, data)?
        .state(&event.statement(), None)
        .map_err(|e| Error::usage(&e))?;
    Ok(())
}

fn known(data: &Path) -> Result<Vec<crate::attest::KnownKey>, Error> {
    known_keys(&Folders::below(data).keys).map_err(|e| Error::usage(&e))
}

fn list(data: &Path) -> Result<Outcome, Error> {
    let reader = Reader::open(Folders::below(data)).map_err(|e| Error::usage(&e))?;
    let history = reader.history().map_err(|e| Error::usage(&e))?;
    for key in known(data)? {
        let state = history.state(&key.id);
        let text = match state {
            Some(state) => match (&state.revoked, state.rotated) {
                (Some((since, entry, reason)), _) => {
                    format!("revoked since {since} (entry {entry}): {reason}")
                }
                (None, Some(since)) => format!("rotated at {since}"),
                (None, None) => format!("signs since {}", state.made),
            },
            None => "not yet in the log".to_owned(),
        };
        say!("{:6} {} {text}", key.role.name(), key.id);
    }
    Ok(Outcome::Good)
}

fn export(config: &Config, data: &Path, folder: &Path) -> Result<Outcome, Error> {
    let reader = Reader::open(Folders::below(data)).map_err(|e| Error::usage(&e))?;
    let exported =
        trust::public_files(&reader, &config.log.origin).map_err(|e| Error::usage(&e))?;
    for (name, text) in exported {
        let path = folder.join(name);
        store::write_durably(&path, text.as_bytes()).map_err(|e| Error::usage(&e))?;
        say!("{}", path.display());
    }
    Ok(Outcome::Good)
}
