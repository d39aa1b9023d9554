//! `remint images`.

use clap::{Args, Subcommand};

use super::out::say;
use super::{Error, Global, Outcome, open};
use crate::image::{self, Images};
use crate::model::printable;
use crate::sandbox::Engine;

/// Options of `remint images`.
#[derive(Args, Debug)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show each definition, its locked ID, and whether it is built and loaded
    List,
    /// Build what the lock file pins and load it into the engine
    Build(Names),
    /// Build from today's archive and pin the result in the lock file
    Lock(Names),
    /// Build again from the archive and hold the result against the lock file
    Verify(Names),
}

#[derive(Args, Debug)]
struct Names {
    /// Names of definitions; all that are not optional if none is given
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Carries out one action on the images.
///
/// # Errors
/// [`Error`] where a definition or the lock file cannot be used, or the engine
/// or the archive cannot be reached.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let data = open::data_dir(global)?;
    let images = open::images(global, &data)?;
    let say = |text: &str| eprintln!("{text}");
    match &options.action {
        Action::List => list(&images).await,
        Action::Build(names) => {
            let engine = Engine::connect().await.map_err(|e| Error::farm(&e))?;
            for name in chosen(&images, names) {
                let id = images
                    .build(&engine, &name, &say)
                    .await
                    .map_err(|e| of_image(&e))?;
                say!("{name} {id}");
            }
            Ok(Outcome::Good)
        }
        Action::Lock(names) => {
            let engine = Engine::connect().await.map_err(|e| Error::farm(&e))?;
            for name in chosen(&images, names) {
                let id = images
                    .lock(&engine, &name, &say)
                    .await
                    .map_err(|e| of_image(&e))?;
                say!("{name} {id}");
            }
            Ok(Outcome::Good)
        }
        Action::Verify(names) => {
            let engine = Engine::connect().await.map_err(|e| Error::farm(&e))?;
            let mut outcome = Outcome::Good;
            for name in chosen(&images, names) {
                match images.verify(&engine, &name, &say).await {
                    Ok(id) => say!("{name} {id} holds"),
                    Err(error) => {
                        say!("{name}: {}", printable(&error.to_string(), true));
                        outcome = Outcome::Bad;
                    }
                }
            }
            Ok(outcome)
        }
    }
}

fn chosen(images: &Images, names: &Names) -> Vec<String> {
    if names.names.is_empty() {
        images.default_names()
    } else {
        names.names.clone()
    }
}

async fn list(images: &Images) -> Result<Outcome, Error> {
    // Without an engine the list still tells what is defined, locked and built.
    let engine = Engine::connect().await.ok();
    for row in images
        .list(engine.as_ref())
        .await
        .map_err(|e| of_image(&e))?
    {
        let locked = row
            .locked
            .map_or("not locked".to_owned(), |id| id.to_string());
        let built = if row.built { "built" } else { "not built" };
        let loaded = match row.loaded {
            Some(true) => "loaded",
            Some(false) => "not loaded",
            None => "engine not reached",
        };
        say!("{:10} {locked} {built}, {loaded}", row.name);
    }
    Ok(Outcome::Good)
}

fn of_image(error: &image::Error) -> Error {
    if error.is_configuration() {
        Error::usage(error)
    } else {
        Error::farm(error)
    }
}
