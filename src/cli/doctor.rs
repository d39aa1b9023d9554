//! `remint doctor`: one line a check, and what to do where it fails.

use std::path::Path;

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::image::{self, Images};
use crate::model::{Config, Ecosystem, Tool, printable};
use crate::registry::Registries;
use crate::sandbox::Engine;
use crate::store::{self, Blobs};
use crate::toolchain;

/// Free space below which builds and images soon fail, in GiB.
const LOW_DISK_GIB: u64 = 10;

/// Runs every check; each failing line says what to do.
///
/// # Errors
/// [`Error::Usage`] where not even the configuration can be read.
pub async fn run(global: &Global) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    let config = open::config(global, &data)?;
    let mut report = Report(Outcome::Good);
    report.line(
        "data folder",
        store::make_folder(&data).map(|()| data.display().to_string()),
    );
    report.line("disk", disk(&data));
    let engine = Engine::connect().await;
    report.line(
        "engine",
        engine
            .as_ref()
            .map(Engine::describe)
            .map_err(ToString::to_string),
    );
    report.line("keys", keys(&config, &data));
    let trusted = config.provenance.trusted_root.as_ref();
    let trusted = trusted.map_or_else(
        || "the public Sigstore is trusted".to_owned(),
        |root| format!("{} is trusted", root.display()),
    );
    report.line(
        "provenance",
        open::attestations(global, &config).map(|_| trusted),
    );
    let images = open::images(global, &data);
    match &images {
        Ok(images) => {
            for row in images.list(engine.as_ref().ok()).await.unwrap_or_default() {
                report.line(&format!("image {}", row.name), image_state(&row));
            }
        }
        Err(error) => report.line("images", Err::<String, _>(error.to_string())),
    }
    if let Some(bucket) = open::bucket(&config)? {
        let reached = bucket.check().await;
        report.line("bucket", reached.map(|()| bucket.address().to_string()));
    }
    match open::blobs(&config, &data) {
        Ok(blobs) => {
            report.line(
                "toolchains",
                toolchains(&blobs, &data, images.as_ref().ok()).await,
            );
            match Registries::open(&config.registry, blobs, &data.join("metadata")) {
                Ok(registries) => {
                    for ecosystem in Ecosystem::ALL {
                        let reached = registries.of(ecosystem).check().await;
                        report.line(&format!("registry {ecosystem}"), reached);
                    }
                }
                Err(error) => report.line("registries", Err::<String, _>(error)),
            }
        }
        Err(error) => report.line("blobs", Err::<String, _>(error)),
    }
    Ok(report.0)
}

struct Report(Outcome);

impl Report {
    fn line(&mut self, what: &str, found: Result<String, impl std::fmt::Display>) {
        match found {
            Ok(detail) => say!("ok    {what}: {}", printable(&detail, true)),
            Err(error) => {
                say!("FAIL  {what}: {}", printable(&error.to_string(), true));
                self.0 = Outcome::Bad;
            }
        }
    }
}

fn disk(data: &Path) -> Result<String, String> {
    let free = store::free_bytes(data).map_err(|error| error.to_string())? >> 30;
    if free < LOW_DISK_GIB {
        return Err(format!(
            "{free} GiB free below {}; free some space or name another folder with --data-dir",
            data.display()
        ));
    }
    Ok(format!("{free} GiB free"))
}

fn keys(config: &Config, data: &Path) -> Result<String, String> {
    let keys = open::keys(config, data).map_err(|error| error.to_string())?;
    Ok(format!("signing key {}", keys.attest.public_key().id()))
}

fn image_state(row: &image::Row) -> Result<String, String> {
    match (&row.locked, row.built, row.loaded) {
        (None, _, _) if row.optional => Ok("optional, not locked".into()),
        (None, _, _) => Err(format!("not locked; run `remint images lock {}`", row.name)),
        (Some(id), _, Some(true)) => Ok(format!("{id} loaded")),
        (Some(id), true, _) => Ok(format!("{id} built; it is loaded when it is needed")),
        (Some(id), false, _) => Ok(format!("{id} locked; it is built when it is needed")),
    }
}

async fn toolchains(blobs: &Blobs, data: &Path, images: Option<&Images>) -> Result<String, String> {
    let kept = image::kept_cargos(blobs, data)
        .await
        .map_err(|error| error.to_string())?;
    let mut lines: Vec<_> = kept
        .iter()
        .map(|cargo| format!("cargo {} kept", cargo.version))
        .collect();
    let pinned = images.map_or(Ok(Vec::new()), toolchain::pinned);
    for cargo in pinned.map_err(|error| error.to_string())? {
        if !kept.iter().any(|other| other.version == cargo.version) {
            lines.push(format!("cargo {} pinned, not built yet", cargo.version));
        }
    }
    let kept = image::kept_zlibs(blobs, data)
        .await
        .map_err(|error| error.to_string())?;
    let name = Tool::ZlibRs.name();
    lines.extend(
        kept.iter()
            .map(|zlib| format!("{name} {} kept", zlib.version)),
    );
    let pinned = images.map_or(Ok(Vec::new()), toolchain::pinned_zlibs);
    for zlib in pinned.map_err(|error| error.to_string())? {
        if !kept.iter().any(|other| other.version == zlib.version) {
            lines.push(format!("{name} {} pinned, not built yet", zlib.version));
        }
    }
    if lines.is_empty() {
        lines.push("none beside those of the images".into());
    }
    Ok(lines.join(", "))
}
