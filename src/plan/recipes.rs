//! Recipes on disk: `recipes/<type>/<name>/<version>/<artifact>.toml`, looked up
//! before anything is inferred. The one place in this room that reads files; it
//! imports `model` alone and never writes.

use std::path::{Path, PathBuf};

use crate::model::{Purl, Recipe, RecipeError};

/// The largest recipe that is read: far more than a plan that a person wrote.
const MAX_RECIPE: u64 = 1 << 20;

/// Why a recipe could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum RecipeFileError {
    /// The file cannot be read.
    #[error("cannot read the recipe {path}: {error}; check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// Larger than any recipe.
    #[error("{path} has more than {MAX_RECIPE} bytes, so it is no recipe")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is no recipe that can be used.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// Where the recipe of an artifact lies below the recipes folder.
pub fn path_of(purl: &Purl, artifact: &str) -> PathBuf {
    let version = purl.version().map_or("any", |v| v.as_str());
    Path::new(purl.ecosystem().purl_type())
        .join(purl.name().as_str())
        .join(version)
        .join(format!("{artifact}.toml"))
}

/// Reads the recipe for an artifact from the recipes folder, where there is one.
///
/// # Errors
/// A recipe that is there and cannot be used is an error, never passed over.
pub fn lookup(
    folder: &Path,
    purl: &Purl,
    artifact: &str,
) -> Result<Option<Recipe>, RecipeFileError> {
    let path = folder.join(path_of(purl, artifact));
    if !path.exists() {
        return Ok(None);
    }
    load(&path, purl, artifact).map(Some)
}

/// Reads the recipe in `path` and checks that it is for this artifact.
///
/// # Errors
/// [`RecipeFileError`] with the file and the place in it.
pub fn load(path: &Path, purl: &Purl, artifact: &str) -> Result<Recipe, RecipeFileError> {
    let read = |error| RecipeFileError::Read {
        path: path.to_owned(),
        error,
    };
    if std::fs::metadata(path).map_err(read)?.len() > MAX_RECIPE {
        return Err(RecipeFileError::TooLarge {
            path: path.to_owned(),
        });
    }
    let text = std::fs::read_to_string(path).map_err(read)?;
    let origin = path.display().to_string();
    let recipe = Recipe::parse(&text, &origin)?;
    if recipe.purl != *purl || recipe.artifact != artifact {
        return Err(RecipeError::OtherArtifact {
            origin,
            found: format!("{} of {}", recipe.artifact, recipe.purl),
            wanted: format!("{artifact} of {purl}"),
        }
        .into());
    }
    Ok(recipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn purl() -> Purl {
        "pkg:npm/%40scope/demo@1.0.0".parse().expect("valid")
    }

    #[test]
    fn a_recipe_has_one_place_by_package_version_and_artifact() {
        assert_eq!(
            path_of(&purl(), "demo-1.0.0.tgz"),
            Path::new("npm/@scope/demo/1.0.0/demo-1.0.0.tgz.toml")
        );
    }

    #[test]
    fn no_recipe_is_no_error_and_a_broken_one_is() {
        let folder = tempfile::tempdir().expect("temp");
        assert!(
            lookup(folder.path(), &purl(), "demo-1.0.0.tgz")
                .expect("none")
                .is_none()
        );
        let path = folder.path().join(path_of(&purl(), "demo-1.0.0.tgz"));
        std::fs::create_dir_all(path.parent().expect("has a folder")).expect("mkdir");
        std::fs::write(&path, "recipe = 1\n").expect("write");
        let error = lookup(folder.path(), &purl(), "demo-1.0.0.tgz").expect_err("broken");
        assert!(error.to_string().contains("demo-1.0.0.tgz.toml"), "{error}");
    }
}
