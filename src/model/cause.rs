//! Why two artifacts differ: a closed set, each with what upstream can do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why one thing is not the same in two builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Only the published file has the member.
    ExtraMember,
    /// Only the rebuilt file has the member.
    MissingMember,
    /// Content that is used or executed is not the same, and nothing below
    /// explains it.
    CodeChanged,
    /// A file cannot be read whole, contradicts itself, or is not what it says.
    Malformed,
    /// Bytes that belong to no member, or to no field that a reader shows.
    StrayBytes,
    /// A time: of a member, of an archive, or written into content.
    Timestamp,
    /// The same things in another order.
    Ordering,
    /// The same content, compressed by another compressor or level.
    Compressor,
    /// The same member, described by another archiver or version of it: another
    /// flavour of header, flags, system, comments, extra fields.
    ArchiveWriter,
    /// Permission bits.
    FileMode,
    /// User or group of a member.
    Owner,
    /// The same text with other line endings.
    LineEndings,
    /// The same text in another encoding, or with another byte order mark.
    TextEncoding,
    /// The folder in which it was built.
    BuildPath,
    /// The machine on which, or the user by whom, it was built.
    HostOrUser,
    /// Language or time zone of the build.
    Locale,
    /// The version of a tool that writes itself into what it makes.
    ToolVersion,
    /// Another version of a dependency.
    DependencyVersion,
    /// A file that a tool writes about the package, beyond what is named above.
    GeneratedMetadata,
    /// Random names, seeds of hashes, identifiers made anew by each build.
    Randomness,
    /// Nothing above could be shown.
    Unknown,
}

impl Cause {
    /// Every cause, in the order in which a person should look at them.
    pub const ALL: [Self; 21] = [
        Self::ExtraMember,
        Self::MissingMember,
        Self::CodeChanged,
        Self::Malformed,
        Self::StrayBytes,
        Self::Timestamp,
        Self::Ordering,
        Self::Compressor,
        Self::ArchiveWriter,
        Self::FileMode,
        Self::Owner,
        Self::LineEndings,
        Self::TextEncoding,
        Self::BuildPath,
        Self::HostOrUser,
        Self::Locale,
        Self::ToolVersion,
        Self::DependencyVersion,
        Self::GeneratedMetadata,
        Self::Randomness,
        Self::Unknown,
    ];

    /// The name in reports and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ExtraMember => "extra-member",
            Self::MissingMember => "missing-member",
            Self::CodeChanged => "code-changed",
            Self::Malformed => "malformed",
            Self::StrayBytes => "stray-bytes",
            Self::Timestamp => "timestamp",
            Self::Ordering => "ordering",
            Self::Compressor => "compressor",
            Self::ArchiveWriter => "archive-writer",
            Self::FileMode => "file-mode",
            Self::Owner => "owner",
            Self::LineEndings => "line-endings",
            Self::TextEncoding => "text-encoding",
            Self::BuildPath => "build-path",
            Self::HostOrUser => "host-or-user",
            Self::Locale => "locale",
            Self::ToolVersion => "tool-version",
            Self::DependencyVersion => "dependency-version",
            Self::GeneratedMetadata => "generated-metadata",
            Self::Randomness => "randomness",
            Self::Unknown => "unknown",
        }
    }

    /// What upstream can do about it, in one line that can be pasted in an issue.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ExtraMember => {
                "Say where this file comes from: commit it, or publish the step that makes it; until then nobody can check it."
            }
            Self::MissingMember => {
                "Publish from a clean checkout of the tag, so that the package holds every file that the build makes."
            }
            Self::CodeChanged => {
                "Publish from a clean checkout of the tagged commit, and name the commit in the package."
            }
            Self::Malformed => {
                "Make the archive with a current, unmodified packaging tool and publish it again."
            }
            Self::StrayBytes => {
                "Make the archive with a tool that writes nothing outside its members; no build needs such bytes."
            }
            Self::Timestamp => {
                "Set SOURCE_DATE_EPOCH to the commit's time when building, and write no other clock into files."
            }
            Self::Ordering => {
                "Sort what is listed or packed, by bytes and not by locale; file systems give names in any order."
            }
            Self::Compressor => {
                "Name the packaging tool's exact version (it brings its compressor) where the release is made."
            }
            Self::ArchiveWriter => {
                "Name the packaging tool's exact version and the system that the release is made on."
            }
            Self::FileMode => {
                "Set the umask (022) and the modes of packaged files explicitly before packing."
            }
            Self::Owner => "Pack with fixed owners (for tar: numeric 0:0, no names).",
            Self::LineEndings => {
                "Fix line endings in .gitattributes (`* text=auto eol=lf`), or publish from a system that does not convert them."
            }
            Self::TextEncoding => {
                "Write text as UTF-8 without a byte order mark, whatever the system's default is."
            }
            Self::BuildPath => {
                "Keep the build folder out of what is built: relative paths, or a prefix map (-ffile-prefix-map, --remap-path-prefix)."
            }
            Self::HostOrUser => {
                "Do not write the machine's or the user's name into the package; read no HOSTNAME or USER when building."
            }
            Self::Locale => "Build with LC_ALL=C.UTF-8 and TZ=UTC.",
            Self::ToolVersion => {
                "Pin the build tool's exact version in the project, so that it can be had again."
            }
            Self::DependencyVersion => {
                "Commit the lock file and build with it (`--locked`, `npm ci`, hashes)."
            }
            Self::GeneratedMetadata => {
                "Pin the tool that writes this file, and commit what it reads."
            }
            Self::Randomness => {
                "Fix the seed (PYTHONHASHSEED=0), or derive the name from the content instead of from chance."
            }
            Self::Unknown => {
                "Build twice in two places and compare; what differs then is the build's own doing."
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_has_the_same_name_everywhere_and_advice() {
        for cause in Cause::ALL {
            let json = serde_json::to_value(cause).expect("json");
            assert_eq!(json, cause.name());
            assert!(cause.advice().ends_with('.'), "{cause}");
        }
    }
}
