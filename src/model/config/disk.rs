//! How much of the disk the farm may use.

use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de};

/// How long a thing stays after its last use, unless the configuration says otherwise.
/// Longer than any job can run (half an hour of tries, plus a fetch and a toolchain of
/// half an hour each), so that a job in progress never loses what it has just stored
/// and no record names yet.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);

/// The shortest that can be set: the last use is noted once an hour at most, and a job
/// that has just begun must still find its files.
const SHORTEST: SignedDuration = SignedDuration::from_hours(3);

/// Limits of what is kept, each in a size such as `"200 GB"` or `"150 GiB"`. Where a
/// line is missing there is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskConfig {
    /// Artifacts and upstream responses.
    pub blobs: Option<ByteSize>,
    /// What registries said, for asking again.
    pub metadata: Option<ByteSize>,
    /// Clones of upstream repositories, and packed histories.
    pub git: Option<ByteSize>,
    /// Image archives, and the engine's copies of images that are not locked any more.
    pub images: Option<ByteSize>,
    /// Logs of builds, below the results folder.
    pub logs: Option<ByteSize>,
    /// How long a thing must have been unused before it may go, such as `"48 h"`.
    #[serde(deserialize_with = "unused")]
    pub unused: SignedDuration,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self {
            blobs: None,
            metadata: None,
            git: None,
            images: None,
            logs: None,
            unused: UNUSED,
        }
    }
}

impl DiskConfig {
    /// Whether anything has a limit.
    pub const fn is_limited(&self) -> bool {
        self.blobs.is_some()
            || self.metadata.is_some()
            || self.git.is_some()
            || self.images.is_some()
            || self.logs.is_some()
    }
}

fn unused<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SignedDuration, D::Error> {
    let duration = SignedDuration::deserialize(deserializer)?;
    if duration < SHORTEST {
        return Err(de::Error::custom(format!(
            "`unused` must be {} hours or more: a shorter time would take files from jobs that run",
            SHORTEST.as_hours()
        )));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Config;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        let text = "[disk]\nblobs = \"200 GB\"\nlogs = \"1.5 GiB\"\nunused = \"48 h\"\n";
        let disk = Config::parse(text, "x").expect("valid").disk;
        assert_eq!(disk.blobs.map(|size| size.as_u64()), Some(200_000_000_000));
        assert_eq!(disk.logs.map(|size| size.as_u64()), Some(1_610_612_736));
        assert_eq!(disk.unused.as_hours(), 48);
        assert_eq!(disk.git, None);
        assert!(disk.is_limited() && !DiskConfig::default().is_limited());
    }

    #[test]
    fn a_limit_that_is_none_is_refused_with_its_place() {
        for line in ["blobs = \"many\"", "unused = \"1 h\"", "blob = \"1 GB\""] {
            let error = Config::parse(&format!("[disk]\n{line}\n"), "remint.toml")
                .expect_err(line)
                .to_string();
            assert!(
                error.contains("remint.toml") && error.contains("line 2"),
                "{error}"
            );
        }
    }
}
