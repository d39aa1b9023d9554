//! The sparse index and the downloads that cargo asks for (cargo book, "Registry
//! Index"), below `/cargo/`.

use bytes::Bytes;

use super::{Refusal, Reply, Shared, inside, metadata, metadata_slot, package};
use crate::model::{Ecosystem, PublishedAt, Purl, TimeSource, Yanked};
use crate::registry::{IndexEntry, restored};

pub(super) async fn answer(shared: &Shared, path: &str) -> Result<Reply, Refusal> {
    if path == "index/config.json" {
        return Ok(metadata(config(), "application/json"));
    }
    if let Some(place) = path.strip_prefix("index/") {
        let name = place.rsplit('/').next().unwrap_or_default();
        return index(shared, name).await;
    }
    if let Some(rest) = path.strip_prefix("dl/") {
        let mut parts = rest.split('/');
        if let (Some(name), Some(version), Some("download"), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        {
            return download(shared, name, version).await;
        }
    }
    Err(Refusal::Absent)
}

fn config() -> String {
    format!(
        "{{\"dl\":\"{}\"}}",
        inside("/cargo/dl/{crate}/{version}/download")
    )
}

async fn index_of(shared: &Shared, name: &str) -> Result<Bytes, Refusal> {
    let package = Purl::new(Ecosystem::Cargo, name, None).map_err(|_| Refusal::Absent)?;
    Ok(shared.registries.cargo().index_of(package.name()).await?)
}

async fn index(shared: &Shared, name: &str) -> Result<Reply, Refusal> {
    let _slot = metadata_slot(shared).await;
    let bytes = index_of(shared, name).await?;
    // Lines are passed on as they came, so that what cargo reads is what the
    // registry wrote; but for the one word that a view may take back.
    let mut shown = Vec::with_capacity(bytes.len());
    for line in bytes.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
        let Ok(entry) = serde_json::from_slice::<IndexEntry>(line) else {
            continue;
        };
        if !is_shown(shared, &entry) {
            continue;
        }
        let taken_back = (entry.yanked && shared.view.yanked == Yanked::Restored)
            .then(|| restored(line))
            .flatten();
        shown.extend_from_slice(taken_back.as_deref().map_or(line, str::as_bytes));
        shown.push(b'\n');
    }
    if shown.is_empty() {
        return Err(Refusal::Absent);
    }
    Ok(metadata(shown, "text/plain; charset=utf-8"))
}

fn is_shown(shared: &Shared, entry: &IndexEntry) -> bool {
    let published = entry.pubtime.map(|time| PublishedAt {
        time,
        source: TimeSource::Registry,
    });
    let (view, name, version) = (&shared.view, &entry.name, &entry.vers);
    view.shows(published)
        && !view.refuses(Ecosystem::Cargo, name, version)
        && !view.holds_another(Ecosystem::Cargo, name, version)
}

async fn download(shared: &Shared, name: &str, version: &str) -> Result<Reply, Refusal> {
    if shared.view.refuses(Ecosystem::Cargo, name, version) {
        return Err(Refusal::UnderTest);
    }
    let bytes = index_of(shared, name).await?;
    let entry = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<IndexEntry>(line).ok())
        .find(|entry| entry.vers == version)
        .filter(|entry| is_shown(shared, entry))
        .ok_or(Refusal::Absent)?;
    let artifact = shared.registries.cargo().artifact(&entry).await?;
    package(shared, &artifact).await
}
