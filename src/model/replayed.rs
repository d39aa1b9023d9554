//! Facts of a published archive that are put on a rebuilt one after it was built.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An implementation of deflate (RFC 1951) whose output remint can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeflateFamily {
    /// The reference implementation.
    Zlib,
    /// zlib-rs 0.5, whose output is not that of 0.6.
    #[serde(rename = "zlib-rs-0.5")]
    ZlibRs05,
    /// zlib-rs 0.6.
    #[serde(rename = "zlib-rs-0.6")]
    ZlibRs06,
    /// zlib-ng that was built without strategies of its own (its build option
    /// `WITH_NEW_STRATEGIES=OFF`), as some Pythons of 2025 and later carry it.
    ZlibNgWithoutMedium,
}

/// A compressor with its settings. Carries two small numbers and one of a fixed list of
/// names: it decides how content is written, never what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compressor {
    /// Which implementation.
    pub family: DeflateFamily,
    /// 0 to 9.
    pub level: u8,
    /// 1 to 9: how much memory the match finder takes.
    pub mem_level: u8,
}

/// One kind of metadata that was read out of the published archive and put on the
/// rebuilt one. A closed set, apart from the recovered *inputs* that steer a build:
/// a file that needed one of these is reproduced with the grade `replayed`.
///
/// None can carry a payload: each is a number within bounds, or a name from a narrow
/// alphabet, and none touches a member's content, name, kind, link, order or the
/// permission bits that decide what runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "replayed", rename_all = "kebab-case")]
pub enum ReplayedFact {
    /// The compressor of the whole archive or of its members.
    Compressor(Compressor),
    /// Fixed fields of a gzip header (RFC 1952, section 2.3).
    GzipHeader {
        /// MTIME, in seconds since the Unix epoch; 0 for none.
        mtime: u32,
        /// XFL.
        xfl: u8,
        /// OS.
        os: u8,
    },
    /// Modification times of members, none of them after the release.
    MemberTimes {
        /// How many members got another time.
        members: usize,
        /// The earliest, in seconds since the Unix epoch; a zip's local times are read
        /// as if they were UTC.
        earliest: i64,
        /// The latest.
        latest: i64,
        /// How many of them have a fraction of a second, all within a few minutes of each
        /// other, so that none has more to choose from than a whole second does.
        #[serde(default, skip_serializing_if = "is_none")]
        fractions: usize,
    },
    /// Owners of members.
    MemberOwners {
        /// Each as `uid:gid user:group`, a few at most.
        owners: Vec<String>,
    },
    /// How members' headers are written where that says nothing: which of the two spellings
    /// of tar's magic they begin with, whether no device is zeros or empty, whether the time
    /// of an extended header is in the plain one too. One choice of two each, for the whole
    /// archive.
    HeaderFormat {
        /// How many members got the other one.
        members: usize,
    },
    /// Permission bits of members that decide nothing about what runs.
    MemberModes {
        /// How many members got another mode.
        members: usize,
    },
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
const fn is_none(count: &usize) -> bool {
    *count == 0
}

impl fmt::Display for ReplayedFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compressor(Compressor {
                family,
                level,
                mem_level,
            }) => {
                let family = match family {
                    DeflateFamily::Zlib => "zlib",
                    DeflateFamily::ZlibRs05 => "zlib-rs 0.5",
                    DeflateFamily::ZlibRs06 => "zlib-rs 0.6",
                    DeflateFamily::ZlibNgWithoutMedium => "zlib-ng without its own strategies",
                };
                write!(
                    f,
                    "compressor: {family}, level {level}, memory level {mem_level}"
                )
            }
            Self::GzipHeader { mtime, xfl, os } => {
                write!(f, "gzip header: MTIME {mtime}, XFL {xfl}, OS {os}")
            }
            Self::MemberTimes {
                members,
                earliest,
                latest,
                fractions,
            } => {
                write!(
                    f,
                    "times of {members} member(s), from {earliest} to {latest}"
                )?;
                match fractions {
                    0 => Ok(()),
                    count => write!(f, ", {count} of them with a fraction of a second"),
                }
            }
            Self::MemberOwners { owners } => write!(f, "owners: {}", owners.join(", ")),
            Self::HeaderFormat { members } => {
                write!(f, "format of the headers of {members} member(s)")
            }
            Self::MemberModes { members } => write!(f, "permission bits of {members} member(s)"),
        }
    }
}
