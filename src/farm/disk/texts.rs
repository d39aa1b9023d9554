//! Where the texts are that name what must stay, read one after the other.

use std::path::Path;

use serde::de::IgnoredAny;

use super::inventory::{Item, Shelf, batches};
use super::live::Live;
use super::{Error, Places, on_a_thread};
use crate::farm::queue;
use crate::store;
use crate::trust::{self, Folders};

/// What is live of what is there.
///
/// # Errors
/// [`Error`] where a text cannot be read whole: it may name what no other does.
pub(super) async fn read_all(places: &Places, shelves: &[Shelf]) -> Result<Live, Error> {
    let there = shelves.iter().flat_map(|shelf| &shelf.items);
    let mut live = Live::among(there.filter_map(|item| match item {
        Item::Blob { digest, .. } => *digest,
        Item::Image(kept) => kept.id.map(|id| id.digest()),
        Item::Metadata(_) | Item::Git(_) | Item::Log(_) => None,
    }));
    let (data, results, images) = (
        places.data.clone(),
        places.results.clone(),
        places.images.clone(),
    );
    let mut live = on_a_thread(move || {
        trust::every_text(&Folders::below(&data), &mut |text| live.read(text))?;
        for batch in batches(&results)? {
            read_json(&batch.join("results.json"), &mut live)?;
        }
        // Reports on their way, and the cargos that are kept.
        for report in store::things_in(&data.join("spool"))? {
            if report.path.extension().is_some_and(|e| e == "json") {
                read_json(&report.path, &mut live)?;
            }
        }
        read_json(&data.join("toolchains.json"), &mut live)?;
        for lock in images.lock_files() {
            if let Some(text) = read(&lock)? {
                live.read(&text);
            }
        }
        Ok::<_, Error>(live)
    })
    .await?;
    let mut broken = None;
    places
        .queue
        .every_record(&mut |body| {
            if let Err(error) = serde_json::from_str::<IgnoredAny>(body) {
                broken.get_or_insert(error.to_string());
            }
            live.read(body.as_bytes());
        })
        .await?;
    match broken {
        Some(reason) => Err(queue::Error::Row {
            what: "record".into(),
            reason,
        }
        .into()),
        None => Ok(live),
    }
}

/// Takes in a file of JSON; one that is not there says nothing.
fn read_json(path: &Path, live: &mut Live) -> Result<(), Error> {
    let Some(text) = read(path)? else {
        return Ok(());
    };
    // One that was cut off may have named more.
    serde_json::from_slice::<IgnoredAny>(&text).map_err(|error| Error::Text {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    live.read(&text);
    Ok(())
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Text {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}
