//! Opens everything that the line needs, once: folders, configuration, stores,
//! signer, images, and the signals that stop it.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Error, Global};
use crate::attest::{Keyring, Keys};
use crate::farm::process;
use crate::image::{self, Images};
use crate::mirror::Mirror;
use crate::model::{Config, EventSink, Limits};
use crate::provenance::Attestations;
use crate::registry::Registries;
use crate::source::Sources;
use crate::store::{Blobs, Bucket};
use crate::toolchain;
use crate::trust::{Folders, Ledger};
use crate::verify::{self, Cores, Line, Toolchains};

/// The name of the configuration file in the data folder.
const CONFIG_FILE: &str = "remint.toml";

/// The line, ready to run.
pub(super) struct Farm {
    pub(super) line: Line,
}

/// The data folder: the one that is named, else the user's own (XDG Base
/// Directory Specification, `XDG_DATA_HOME`).
pub(super) fn data_dir(global: &Global) -> Result<PathBuf, Error> {
    let from_env = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    global
        .data_dir
        .clone()
        .or_else(|| from_env("XDG_DATA_HOME").map(|base| base.join("remint")))
        .or_else(|| from_env("HOME").map(|home| home.join(".local/share/remint")))
        .ok_or_else(|| {
            Error::Usage("there is no home folder; name a data folder with --data-dir".into())
        })
}

/// The configuration file: the one that is named, else the one in the data folder.
fn config_file(global: &Global, data: &Path) -> PathBuf {
    let named = global.config.clone();
    named.unwrap_or_else(|| data.join(CONFIG_FILE))
}

/// A file that the configuration names: beside it, where its name is relative.
pub(super) fn beside_config(global: &Global, name: &Path) -> PathBuf {
    let Ok(data) = data_dir(global) else {
        return name.to_owned();
    };
    let config = config_file(global, &data);
    config.parent().unwrap_or(Path::new("")).join(name)
}

/// The configuration; the defaults where no file is named and none is in the data
/// folder.
pub(super) fn config(global: &Global, data: &Path) -> Result<Config, Error> {
    let path = config_file(global, data);
    if global.config.is_none() && !path.exists() {
        return Ok(Config::default());
    }
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::Usage(format!(
            "cannot read the configuration {}: {error}",
            path.display()
        ))
    })?;
    Config::parse(&text, &path.display().to_string()).map_err(|error| Error::usage(&error))
}

/// The fleet's bucket, where one is configured.
pub(super) fn bucket(config: &Config) -> Result<Option<Bucket>, Error> {
    let bucket = config.store.bucket.as_ref();
    let bucket = bucket.map(|bucket| Bucket::open(bucket, variables()));
    bucket.transpose().map_err(|e| Error::usage(&e))
}

/// The environment, but for what is no text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The blob store, with the fleet's bucket behind it.
pub(super) fn blobs(config: &Config, data: &Path) -> Result<Blobs, Error> {
    let blobs = Blobs::open(&data.join("blobs")).map_err(|e| Error::farm(&e))?;
    Ok(blobs.behind(bucket(config)?))
}

/// What verifies the registries' provenance attestations.
pub(super) fn attestations(global: &Global, config: &Config) -> Result<Attestations, Error> {
    let root = config.provenance.trusted_root.as_deref();
    let root = root.map(|name| beside_config(global, name));
    Attestations::open(root.as_deref()).map_err(|e| Error::usage(&e))
}

/// The image room, on the folder of definitions.
pub(super) fn images(global: &Global, data: &Path) -> Result<Images, Error> {
    Images::open(&global.images_dir, &data.join("images")).map_err(|error| Error::usage(&error))
}

/// The keys, made where there are none yet.
pub(super) fn keys(config: &Config, data: &Path) -> Result<Keys, Error> {
    Keyring::new(&Folders::below(data).keys, &config.signing, &ask)
        .open()
        .map_err(|error| Error::usage(&error))
}

/// The trust store, open for writing.
pub(super) fn ledger(config: &Config, data: &Path) -> Result<Ledger, Error> {
    let keys = Arc::new(keys(config, data)?);
    Ledger::open(Folders::below(data), &config.log.origin, keys).map_err(|e| Error::usage(&e))
}

/// Asks a person for the passphrase of the keys, where there is one to ask.
pub(super) fn ask() -> Option<String> {
    use std::io::IsTerminal as _;
    if !std::io::stdin().is_terminal() {
        return None;
    }
    rpassword::prompt_password("passphrase of remint's keys: ").ok()
}

/// Opens the line; `batch` names the folder of its logs. Signals stop it.
pub(super) async fn open(global: &Global, batch: &str, events: EventSink) -> Result<Farm, Error> {
    let opened = open_quietly(global, batch, events, true).await?;
    stop_on_signals(&opened.line.cancel)?;
    Ok(opened)
}

/// Opens the line and leaves signals alone; it signs where it `signs`, and else needs
/// no keys.
pub(super) async fn open_quietly(
    global: &Global,
    batch: &str,
    events: EventSink,
    signs: bool,
) -> Result<Farm, Error> {
    let data = data_dir(global)?;
    let config = config(global, &data)?;
    let blobs = blobs(&config, &data)?;
    let registries = Registries::open(&config.registry, blobs.clone(), &data.join("metadata"))
        .map_err(|e| Error::usage(&e))?;
    let registries = Arc::new(registries);
    let attestations = attestations(global, &config)?;
    let images = images(global, &data)?;
    let on_demand = config.toolchains.on_demand;
    let mut cargos = image::cargos_of_images(&images, on_demand);
    cargos.extend(
        image::kept_cargos(&blobs, &data)
            .await
            .map_err(|e| Error::farm(&e))?,
    );
    if on_demand {
        let kept: BTreeSet<_> = cargos.iter().map(|cargo| cargo.version.clone()).collect();
        let mut pinned = toolchain::pinned(&images).map_err(|e| Error::usage(&e))?;
        pinned.retain(|cargo| !kept.contains(&cargo.version));
        cargos.extend(pinned);
    }
    let mut zlibs = image::kept_zlibs(&blobs, &data)
        .await
        .map_err(|e| Error::farm(&e))?;
    if on_demand {
        let mut pinned = toolchain::pinned_zlibs(&images).map_err(|e| Error::usage(&e))?;
        pinned.retain(|zlib| zlibs.iter().all(|kept| kept.version != zlib.version));
        zlibs.extend(pinned);
    }
    let ledger = if signs {
        Some(Arc::new(ledger(&config, &data)?))
    } else {
        None
    };
    let cancel = CancellationToken::new();
    Ok(Farm {
        line: Line {
            mirror: Mirror::new(registries.clone()),
            registries,
            attestations: Arc::new(attestations),
            sources: Arc::new(Sources::new(&config.source, data.join("git"))),
            images,
            blobs,
            cargos,
            zlibs,
            toolchains: Toolchains::new(on_demand),
            ledger,
            folders: verify::Folders {
                data,
                recipes: global.recipes_dir.clone(),
                logs: global.results_dir.join(batch).join("logs"),
            },
            limits: config.limits,
            tries: config.tries,
            cores: cores(
                std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
                &config.limits,
            ),
            events,
            cancel,
        },
    })
}

/// Room for so many builds, and for no more than the machine's memory holds.
pub(super) fn cores(slots: usize, each: &Limits) -> Cores {
    let held = memory_mib() / each.memory_mib.max(1);
    let held = usize::try_from(held).unwrap_or(usize::MAX);
    Cores::new(slots.min(held).max(1))
}

/// What this machine's memory gives to builds: all but a quarter.
pub(super) fn memory_mib() -> u64 {
    process::memory_mib().map_or(u64::MAX, |all| all / 4 * 3)
}

/// Ctrl-C and SIGTERM end the run in order: what it started is removed first.
fn stop_on_signals(cancel: &CancellationToken) -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Error::Farm(format!("cannot listen for SIGTERM: {error}")))?;
    let cancel = cancel.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        cancel.cancel();
    });
    Ok(())
}
