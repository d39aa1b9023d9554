//! What is there of each kind, what of it must stay, and how each is removed: by the room
//! that it belongs to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::live::Live;
use super::{Error, Kind, Places, on_a_thread};
use crate::image;
use crate::model::Sha256Digest;
use crate::source;
use crate::store::{self, Thing};

/// Everything of one kind.
pub(super) struct Shelf {
    pub(super) kind: Kind,
    pub(super) items: Vec<Item>,
}

/// A thing, with what tells whether it is live.
pub(super) enum Item {
    Blob {
        thing: Thing,
        digest: Option<Sha256Digest>,
        /// Whether a bucket has it too.
        is_elsewhere: bool,
    },
    Metadata(Thing),
    Git(Thing),
    Image(image::Kept),
    Log(Thing),
}

impl Item {
    pub(super) fn thing(&self) -> &Thing {
        match self {
            Self::Blob { thing, .. }
            | Self::Metadata(thing)
            | Self::Git(thing)
            | Self::Log(thing) => thing,
            Self::Image(kept) => &kept.thing,
        }
    }

    /// Whether it must stay whatever the limit.
    pub(super) fn is_live(
        &self,
        live: &Live,
        locked: &BTreeSet<image::ImageId>,
        beside: &[Self],
    ) -> bool {
        match self {
            // What the bucket has can be had again from there.
            Self::Blob {
                digest,
                is_elsewhere,
                ..
            } => !is_elsewhere && digest.is_some_and(|digest| live.names(&digest)),
            // Both can be had again from upstream, and no record names them by a digest.
            Self::Metadata(_) | Self::Git(_) => false,
            Self::Image(kept) => kept.id.is_some_and(|id| {
                let is_needed = locked.contains(&id) || live.names(&id.digest());
                // The engine's copy can be loaded again where there is the archive.
                let has_archive = || {
                    beside.iter().any(|item| {
                        matches!(item, Self::Image(other)
                            if other.id == Some(id) && other.place == image::Place::Archive)
                    })
                };
                match kept.place {
                    image::Place::Archive | image::Place::Leftover => is_needed,
                    image::Place::Engine => locked.contains(&id) || (is_needed && !has_archive()),
                }
            }),
            Self::Log(thing) => {
                let name = thing.path.file_name().and_then(|name| name.to_str());
                // A name that is no text is none of remint's.
                name.is_none_or(|name| live.names_log(name))
            }
        }
    }

    pub(super) async fn remove(&self, places: &Places) -> Result<bool, Error> {
        let thing = self.thing().clone();
        match self {
            Self::Image(kept) => {
                return Ok(places.images.remove(places.engine.as_ref(), kept).await?);
            }
            Self::Git(_) => on_a_thread(move || source::forget(&thing)).await,
            Self::Blob { .. } | Self::Metadata(_) | Self::Log(_) => {
                on_a_thread(move || store::remove_unused(&thing)).await
            }
        }
        .map_err(Error::from)
    }
}

/// Everything that is there.
pub(super) async fn list(places: &Places) -> Result<Vec<Shelf>, Error> {
    let (data, results) = (places.data.clone(), places.results.clone());
    let store = places.blobs.clone();
    let (blobs, metadata, git, logs) = on_a_thread(move || {
        Ok::<_, Error>((
            store.things()?,
            store::files_below(&data.join("metadata"))?,
            source::things(&data.join("git"))?,
            logs_of(&results)?,
        ))
    })
    .await?;
    let in_bucket = places.blobs.in_bucket().await?;
    let blobs = blobs.into_iter().map(|(thing, digest)| Item::Blob {
        is_elsewhere: digest.is_some_and(|digest| in_bucket.contains(&digest)),
        thing,
        digest,
    });
    let kept = places.images.kept(places.engine.as_ref()).await?;
    let shelf = |kind, items| Shelf { kind, items };
    Ok(vec![
        shelf(Kind::Blobs, blobs.collect()),
        shelf(
            Kind::Metadata,
            metadata.into_iter().map(Item::Metadata).collect(),
        ),
        shelf(Kind::Git, git.into_iter().map(Item::Git).collect()),
        shelf(Kind::Images, kept.into_iter().map(Item::Image).collect()),
        shelf(Kind::Logs, logs.into_iter().map(Item::Log).collect()),
    ])
}

/// The logs of every batch.
fn logs_of(results: &Path) -> Result<Vec<Thing>, Error> {
    let mut found = Vec::new();
    for folder in batches(results)? {
        found.extend(store::files_below(&folder.join("logs"))?);
    }
    Ok(found)
}

/// The folders of batches.
pub(super) fn batches(results: &Path) -> Result<Vec<PathBuf>, Error> {
    if !results.is_dir() {
        return Err(Error::NoResults {
            path: results.to_owned(),
        });
    }
    let failed = |error| store::Error::io("list", results, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(results).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}
