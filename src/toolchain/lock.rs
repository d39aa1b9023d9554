//! The lock file of built toolchains, `toolchains.lock` beside the images' own:
//! what a machine pins, so that another one builds the same program or says that
//! it did not.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Error;
use super::recipe::Precise;
use crate::image::ImageId;
use crate::model::{Sha256Digest, Tool, Toolchain};
use crate::store;

/// What the head of the file says.
const HEAD: &str =
    "# Written by `remint toolchains lock`. `remint toolchains add` builds these and no other.\n\n";

/// The lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// One entry a release of cargo.
    #[serde(default)]
    cargo: BTreeMap<semver::Version, Pin>,
    /// The same of zlib-rs.
    #[serde(
        default,
        rename = "zlib-rs",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    zlib_rs: BTreeMap<semver::Version, Pin>,
}

/// What is pinned of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pin {
    /// SHA-256 of the crate that it is built from.
    #[serde(rename = "crate")]
    pub(super) source: Sha256Digest,
    /// What takes the place of versions in the crate's lock file.
    #[serde(default, skip_serializing_if = "Precise::is_empty")]
    pub(super) precise: Precise,
    /// The image that it is built in.
    pub(super) builder: ImageId,
    /// The plan that builds it.
    pub(super) plan: Sha256Digest,
    /// SHA-256 of the program that comes out.
    pub(super) program: Sha256Digest,
}

impl Lock {
    /// The pins of a tool.
    pub(super) const fn of(&self, tool: Tool) -> &BTreeMap<semver::Version, Pin> {
        match tool {
            Tool::Cargo => &self.cargo,
            Tool::ZlibRs => &self.zlib_rs,
        }
    }

    /// Pins a toolchain.
    pub(super) fn insert(&mut self, toolchain: &Toolchain, pin: Pin) {
        let pins = match toolchain.tool {
            Tool::Cargo => &mut self.cargo,
            Tool::ZlibRs => &mut self.zlib_rs,
        };
        pins.insert(toolchain.version.clone(), pin);
    }

    /// Reads the lock file; an absent one is empty.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        let shape = |reason: String| Error::Lock {
            path: path.to_owned(),
            reason,
        };
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let lock: Self = toml::from_str(&text).map_err(|error| shape(error.to_string()))?;
                let pins = Tool::ALL
                    .into_iter()
                    .flat_map(|tool| lock.of(tool).values());
                match pins.into_iter().find_map(|pin| pin.precise.misnamed()) {
                    Some(name) => Err(shape(format!("`{name}` is no package's name"))),
                    None => Ok(lock),
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(shape(error.to_string())),
        }
    }

    /// Writes it, whole or not at all.
    pub(super) fn save(&self, path: &Path) -> Result<(), Error> {
        let text = toml::to_string_pretty(self).expect("a lock file is plain data and serialises");
        store::write_durably(path, format!("{HEAD}{text}").as_bytes())?;
        Ok(())
    }
}

impl Pin {
    /// Holds what was built against what is pinned; the first thing that differs
    /// explains those after it.
    pub(super) fn held_against(&self, pinned: &Self) -> Result<(), &'static str> {
        for (holds, what) in [
            (self.source == pinned.source, "its crate"),
            (self.builder == pinned.builder, "the image that builds it"),
            (self.plan == pinned.plan, "the plan that builds it"),
            (self.program == pinned.program, "the program that came out"),
        ] {
            if !holds {
                return Err(what);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(program: &str) -> Pin {
        let zeros = "0".repeat(64);
        Pin {
            source: Sha256Digest::of("crate"),
            precise: Precise::default(),
            builder: zeros.parse().expect("valid"),
            plan: Sha256Digest::of("plan"),
            program: Sha256Digest::of(program),
        }
    }

    #[test]
    fn a_lock_file_survives_the_disk() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("toolchains.lock");
        assert_eq!(Lock::load(&path).expect("absent is empty"), Lock::default());
        let mut lock = Lock::default();
        for (toolchain, mut pin) in [
            ("1.82.0", pin("a")),
            ("1.53.0", pin("b")),
            ("zlib-rs@0.6.8", pin("c")),
        ] {
            if toolchain == "1.53.0" {
                pin.precise = ["tar@0.4.33".parse().expect("valid")].into_iter().collect();
            }
            lock.insert(&toolchain.parse().expect("valid"), pin);
        }
        assert_eq!(lock.of(Tool::Cargo).len(), 2);
        assert_eq!(lock.of(Tool::ZlibRs).len(), 1);
        lock.save(&path).expect("writes");
        assert_eq!(Lock::load(&path).expect("reads"), lock);
        std::fs::write(&path, "[cargo.x]\n").expect("write");
        assert!(Lock::load(&path).is_err());
        lock.save(&path).expect("writes");
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replace("tar = ", "--config = ")).expect("write");
        assert!(
            Lock::load(&path).is_err(),
            "a name that cargo takes for an option"
        );
    }

    #[test]
    fn another_program_from_the_same_source_is_said_to_be_one() {
        assert_eq!(pin("a").held_against(&pin("a")), Ok(()));
        assert_eq!(
            pin("a").held_against(&pin("b")),
            Err("the program that came out")
        );
        let mut moved = pin("b");
        moved.source = Sha256Digest::of("other");
        assert_eq!(moved.held_against(&pin("a")), Err("its crate"));
    }
}
