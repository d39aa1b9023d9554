//! `remint plan`.

use std::io::IsTerminal as _;

use clap::Args;

use super::out::{say, say_as_is};
use super::verify::classify;
use super::{Error, Global, Outcome, open, progress};
use crate::model::{Purl, printable};
use crate::plan::recipe_path;
use crate::verify::Request;

/// Options of `remint plan`.
#[derive(Args, Debug)]
pub struct Options {
    /// A package URL; without a version, the newest stable release
    #[arg(value_name = "PURL")]
    purl: String,
    /// Plan only the artifact of this file name
    #[arg(long, value_name = "NAME")]
    artifact: Option<String>,
    /// Take the source from this git folder or address
    #[arg(long, value_name = "GITDIR_OR_URL")]
    source: Option<String>,
}

/// Prints the first plan of each artifact as a recipe.
///
/// # Errors
/// [`Error`] where the package or a plan for it cannot be had.
pub async fn run(global: &Global, options: &Options) -> Result<Outcome, Error> {
    let purl: Purl = options.purl.parse().map_err(|error| Error::usage(&error))?;
    let bars = progress::Bars::new(1);
    let farm = open::open(global, "plan", bars.sink()).await?;
    let request = Request {
        purl,
        artifact: options.artifact.clone(),
        source: options.source.clone(),
        recipe: None,
        keep: false,
        replay: true,
        recover: true,
    };
    let recipes = farm.line.plan(&request).await.map_err(|e| classify(&e))?;
    bars.finish();
    for recipe in recipes {
        let place = global
            .recipes_dir
            .join(recipe_path(&recipe.purl, &recipe.artifact));
        say!(
            "# Edit and give back with --recipe FILE, or keep as {}",
            place.display()
        );
        let text = recipe.to_toml();
        if std::io::stdout().is_terminal() {
            // Paths of the artifact stand in it. A file gets them as they are.
            say_as_is!("{}", printable(&text, true));
        } else {
            say_as_is!("{text}");
        }
    }
    Ok(Outcome::Good)
}
