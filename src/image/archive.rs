//! The image archive in the form that `docker save` writes and `docker load`
//! reads (Docker image specification v1.2, "Combined Image JSON + Filesystem
//! Changeset Format"), with a fixed configuration, so that the ID is known
//! before it is loaded.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

use serde_json::json;

use super::ImageId;
use crate::model::Sha256Digest;

/// The configuration of an image with one layer. Keys are sorted, and nothing in
/// it depends on the machine or the clock (OCI image specification, "Image
/// Configuration").
pub(super) fn config(layer: &Sha256Digest, epoch: u64) -> Vec<u8> {
    let created = i64::try_from(epoch)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let config = json!({
        "architecture": "amd64",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"],
            "User": "1000:1000",
            "WorkingDir": "/build",
        },
        "created": created.to_string(),
        "history": [{"created": created.to_string(), "created_by": "remint"}],
        "os": "linux",
        "rootfs": {"diff_ids": [format!("sha256:{layer}")], "type": "layers"},
    });
    config.to_string().into_bytes()
}

/// The ID of the image with this configuration.
pub(super) fn id_of(config: &[u8]) -> ImageId {
    ImageId(Sha256Digest::of(config))
}

/// Writes the archive of one layer.
pub(super) fn write(
    name: &str,
    layer: &Path,
    layer_digest: &Sha256Digest,
    config: &[u8],
    to: &mut dyn Write,
) -> io::Result<()> {
    let id = id_of(config);
    let config_name = format!("{}.json", id.0);
    let layer_name = format!("{layer_digest}/layer.tar");
    // The tag is for a person who lists images, and keeps `docker image prune`
    // away; nothing here ever uses it.
    let short: String = id.0.to_string().chars().take(12).collect();
    let manifest = json!([{
        "Config": config_name,
        "Layers": [layer_name],
        "RepoTags": [format!("remint-{name}:{short}")],
    }])
    .to_string();
    let mut tar = tar::Builder::new(BufWriter::new(to));
    append(&mut tar, &config_name, config.len() as u64, config)?;
    let size = std::fs::metadata(layer)?.len();
    append(
        &mut tar,
        &layer_name,
        size,
        BufReader::new(File::open(layer)?),
    )?;
    append(
        &mut tar,
        "manifest.json",
        manifest.len() as u64,
        manifest.as_bytes(),
    )?;
    tar.into_inner()?.flush()
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    size: u64,
    content: impl Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    tar.append_data(&mut header, name, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_depends_on_the_layer_and_on_nothing_else() {
        let one = config(&Sha256Digest::of("a"), 1);
        assert_eq!(id_of(&one), id_of(&config(&Sha256Digest::of("a"), 1)));
        assert_ne!(id_of(&one), id_of(&config(&Sha256Digest::of("b"), 1)));
    }

    #[test]
    fn the_same_layer_gives_the_same_archive() {
        let layer = tempfile::NamedTempFile::new().expect("temp");
        std::fs::write(layer.path(), "layer").expect("write");
        let digest = Sha256Digest::of("layer");
        let archive = || {
            let mut bytes = Vec::new();
            write(
                "demo",
                layer.path(),
                &digest,
                &config(&digest, 1),
                &mut bytes,
            )
            .expect("archive");
            bytes
        };
        assert_eq!(archive(), archive());
    }
}
