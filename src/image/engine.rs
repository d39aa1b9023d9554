//! The connection to the container engine, for images here and for containers in
//! the sandbox room, which hands it on as its own.

use std::path::Path;

use bollard::Docker;
use bollard::errors::Error as ApiError;
use bollard::query_parameters::{ImportImageOptionsBuilder, RemoveImageOptions};
use futures_util::StreamExt as _;
use tokio_util::io::ReaderStream;

use super::ImageId;

/// The oldest API that everything here was seen to work with: Docker 20.10.
const OLDEST_API: (u32, u32) = (1, 41);

/// Why the engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine answers.
    #[error(
        "no container engine answers: {reason}; start it (`systemctl start docker`, or `dockerd &` as root), or point DOCKER_HOST at one that runs"
    )]
    Unreachable {
        /// What the client says.
        reason: String,
    },
    /// The engine is older than what remint needs.
    #[error("the container engine speaks API {found}; remint needs 1.41 (Docker 20.10) or later")]
    TooOld {
        /// What it speaks.
        found: String,
    },
    /// The engine refused something.
    #[error("the container engine could not {action}: {reason}")]
    Api {
        /// What was asked of it.
        action: &'static str,
        /// What it says.
        reason: String,
    },
    /// A file that was to be sent to it.
    #[error("cannot read {path} to send it to the container engine: {error}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        error: std::io::Error,
    },
}

impl EngineError {
    /// Wraps what the engine says.
    pub(crate) fn api(action: &'static str) -> impl Fn(ApiError) -> Self {
        move |error| Self::Api {
            action,
            reason: error.to_string(),
        }
    }
}

/// How long an engine that answered once may take for an answer: to remove a volume with a
/// large workspace's files takes minutes on a busy disk, and until then it answers nothing about
/// any other.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(15 * 60);

/// A container engine that answers.
#[derive(Clone, Debug)]
pub struct Engine {
    docker: Docker,
    description: String,
}

impl Engine {
    /// Connects as `docker` itself would (`DOCKER_HOST`, else the local socket).
    ///
    /// # Errors
    /// [`EngineError::Unreachable`] and [`EngineError::TooOld`].
    pub async fn connect() -> Result<Self, EngineError> {
        let unreachable = |error: ApiError| EngineError::Unreachable {
            reason: error.to_string(),
        };
        let docker = Docker::connect_with_defaults().map_err(unreachable)?;
        let version = docker.version().await.map_err(unreachable)?;
        let api = version.api_version.unwrap_or_default();
        if api_number(&api).is_none_or(|found| found < OLDEST_API) {
            return Err(EngineError::TooOld { found: api });
        }
        let mut docker = docker.negotiate_version().await.map_err(unreachable)?;
        docker.set_timeout(PATIENCE);
        Ok(Self {
            docker,
            description: format!("version {}, API {api}", version.version.unwrap_or_default()),
        })
    }

    /// What it is, in a few words.
    pub fn describe(&self) -> String {
        self.description.clone()
    }

    /// The client, for the sandbox room.
    pub(crate) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// Whether it has the image of this ID.
    pub(crate) async fn has_image(&self, id: &ImageId) -> Result<bool, EngineError> {
        Ok(self.image_size(id).await?.is_some())
    }

    /// What the image of this ID takes in the engine, in bytes; nothing where it is not there.
    pub(crate) async fn image_size(&self, id: &ImageId) -> Result<Option<u64>, EngineError> {
        match self.docker.inspect_image(&id.to_string()).await {
            Ok(image) => Ok(Some(image.size.unwrap_or(0).try_into().unwrap_or(0))),
            Err(ApiError::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            Err(error) => Err(EngineError::api("look for an image")(error)),
        }
    }

    /// Removes the image of this ID. Returns whether it is gone: one that a container is made
    /// of, or that a person gave another name, stays.
    pub(crate) async fn remove_image(&self, id: &ImageId) -> Result<bool, EngineError> {
        match self
            .docker
            .remove_image(&id.to_string(), None::<RemoveImageOptions>, None)
            .await
        {
            Ok(_) => Ok(true),
            Err(ApiError::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(true),
            Err(ApiError::DockerResponseServerError {
                status_code: 409, ..
            }) => Ok(false),
            Err(error) => Err(EngineError::api("remove an image")(error)),
        }
    }

    /// Loads an image archive.
    pub(crate) async fn load(&self, archive: &Path) -> Result<(), EngineError> {
        let file = tokio::fs::File::open(archive)
            .await
            .map_err(|error| EngineError::File {
                path: archive.display().to_string(),
                error,
            })?;
        let options = ImportImageOptionsBuilder::new().quiet(true).build();
        let stream = ReaderStream::with_capacity(file, 1 << 20);
        let mut answers = self.docker.import_image_stream(options, stream, None);
        let mut answers = std::pin::pin!(&mut answers);
        while let Some(answer) = answers.next().await {
            answer.map_err(EngineError::api("load an image"))?;
        }
        Ok(())
    }
}

/// The two numbers of an API version.
fn api_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_versions_are_compared_as_numbers() {
        assert!(api_number("1.41") >= Some(OLDEST_API));
        assert!(api_number("1.100") > Some(OLDEST_API));
        assert!(api_number("1.40") < Some(OLDEST_API));
        assert_eq!(api_number("nonsense"), None);
    }
}
