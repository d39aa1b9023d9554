//! How an artifact is rebuilt, as data that can be printed, edited and hashed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CommitId, Digest, Purl, Sha256Digest};

/// The folder inside a build container that holds source, home and output.
pub const WORK_DIR: &str = "/build";

/// The loopback port on which a build container sees remint's mirror.
pub const RELAY_PORT: u16 = 8417;

/// What a step's container can reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nothing at all.
    None,
    /// remint's own mirror on [`RELAY_PORT`], and nothing else.
    Mirror,
}

/// What tells the mirror when npm's packages were published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatedBy {
    /// The registry's times.
    #[default]
    Registry,
    /// The packages' own manifests, where the registry's times are a proxy's: a version that
    /// names what was not there at the cut-off is shown as deprecated, so that npm takes it
    /// only where nothing else will do.
    Manifests,
}

/// What cargo is told of versions that are yanked today. The index keeps no time of it
/// (cargo book, "Index Format", key `yanked`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Yanked {
    /// What the index says today.
    #[default]
    Today,
    /// That none is: some were yanked after the release, and nothing says which.
    Restored,
}

/// Whether it is what a plan that says nothing means.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// One command. An argument vector, never a line for a shell to split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// The working directory, relative to [`WORK_DIR`].
    pub cwd: String,
    /// Whether the run goes on where it fails. For scripts that check or test after they
    /// have built: what they left is packed, and only the published bytes make it count.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub may_fail: bool,
}

impl Step {
    /// A command that must succeed.
    pub const fn new(run: Vec<String>, cwd: String) -> Self {
        Self {
            run,
            cwd,
            may_fail: false,
        }
    }

    /// The command on one line, for a person.
    pub fn shown(&self) -> String {
        super::printable(&self.run.join(" "), false)
    }
}

/// Where an input file comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputOrigin {
    /// An artifact of another release, named by package URL and file name.
    Package {
        /// The package with its version.
        purl: Purl,
        /// The file's name.
        name: String,
    },
    /// A toolchain that the farm keeps (see the image room); the input's digest is the
    /// program's, and the farm packs it as a tarball.
    Toolchain {
        /// Its name, such as `cargo`.
        name: String,
        /// Its version.
        version: String,
    },
}

/// A file that is put into the container before the first step (a toolchain).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Where it comes from.
    pub origin: InputOrigin,
    /// Its digest. The farm refuses anything else.
    pub digest: Digest,
    /// The folder, relative to [`WORK_DIR`], into which a tarball is unpacked
    /// without its first path component.
    pub unpack_to: String,
}

/// What a container may use. Every limit is enforced by the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory in MiB; swap is not allowed on top.
    pub memory_mib: u64,
    /// Processor share, in thousandths of a core.
    pub cpu_millis: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Wall time of each phase, in seconds.
    pub seconds: u64,
    /// Disk that the build may fill, in MiB.
    pub disk_mib: u64,
    /// Log that is kept, in KiB; what comes after is dropped and said so.
    pub log_kib: u64,
}

impl Limits {
    /// How many times the memory and the disk a plan gets that ran out of one of them.
    pub const LARGER: u64 = 3;

    /// The same with more memory and disk, for a plan that ran out of one of them.
    #[must_use]
    pub const fn larger(self) -> Self {
        Self {
            memory_mib: self.memory_mib.saturating_mul(Self::LARGER),
            disk_mib: self.disk_mib.saturating_mul(Self::LARGER),
            ..self
        }
    }
}

impl Default for Limits {
    /// Enough for packaging steps of common packages on a small machine.
    fn default() -> Self {
        Self {
            memory_mib: 4096,
            cpu_millis: 2000,
            pids: 512,
            seconds: 900,
            disk_mib: 4096,
            log_kib: 4096,
        }
    }
}

/// A harmless fact that was read out of the published artifact and steers the
/// build: a *recovered input*. None can carry a payload: each is a time, a
/// version or a member of a closed set, and the build that uses it is still
/// made from the source alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "kebab-case")]
pub enum RecoveredFact {
    /// The build backend and its version (`WHEEL`, field `Generator`; for a source
    /// distribution, that of the wheel that was published with it).
    Generator {
        /// The backend's distribution name.
        name: String,
        /// Its version.
        version: String,
    },
    /// The value of SOURCE_DATE_EPOCH, in seconds, that the member times imply.
    SourceDateEpoch {
        /// Seconds since the Unix epoch.
        seconds: i64,
    },
    /// The toolchain, told from marks that its versions leave in the artifact.
    Toolchain {
        /// Its name, such as `cargo` or `npm`.
        name: String,
        /// Its version, or with `<` before it the first that it was not.
        version: String,
    },
    /// The modification time of the publisher's checkout, told from member times.
    CheckoutTime {
        /// Seconds since the Unix epoch.
        seconds: i64,
    },
    /// What the publisher's clock said while the build ran: the one time that the members
    /// have which the build wrote anew, but for those of its first phase and its last. For a
    /// build whose texts say where they begin when they were made, that time, from a day before
    /// the commit to thirty after it, so no more than 22 bits; and for one whose texts name the
    /// commit's year, or whose source builds for what depends on the day, when the commit was
    /// made, so that nothing finer is read out of the artifact then than whether they do.
    BuildClock {
        /// Seconds since the Unix epoch.
        seconds: i64,
        /// The same in the phase before, a minute earlier at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        began: Option<i64>,
        /// The same at the end, a minute later at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ended: Option<i64>,
        /// The same when a file with the version was written among the source's, a minute
        /// earlier at most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wrote: Option<i64>,
    },
    /// The zone of the publisher's clock, told from local times in the artifact beside
    /// the same members' instants in the source: one of a fixed list, so no more than
    /// its number.
    TimeZone {
        /// The zone as POSIX writes it (POSIX.1-2017, "TZ").
        posix: String,
    },
    /// The publisher's umask, told from the modes of what the build backend wrote.
    Umask {
        /// The bits that are taken away.
        mask: u32,
    },
    /// The system that the publisher packed on, told from the number of it in gzip's
    /// header.
    System {
        /// Which.
        system: PackingSystem,
    },
    /// Line ends of the publisher's checkout: each text file has the source's own lines,
    /// ended in one of two ways.
    LineEndings {
        /// How many files of the artifact have CRLF where the source has LF.
        crlf: usize,
        /// How many kept the source's LF.
        lf: usize,
    },
    /// Whether the published `package.json` ends with a line end, where the source's does the
    /// other and is the same else, or where the build makes the file.
    ManifestEnd {
        /// Whether it does.
        newline: bool,
    },
    /// The published `package.json` is on one line, where the source's is not: what wrote the
    /// version in wrote it without any layout.
    ManifestOnOneLine,
    /// The order in which the publisher's file system listed folders, told from the order of
    /// names in `RECORD`. It decides in which order a build comes by its files, and can
    /// neither add one nor leave one out.
    ListingOrder {
        /// How many files it orders.
        files: usize,
    },
    /// The order in which pnpm came to the packages of a workspace that a package asks for, where
    /// it is not the source's: it reads their versions side by side. It can neither add a name nor
    /// leave one out.
    DependencyOrder {
        /// How many names it orders.
        names: usize,
    },
    /// The publisher's Python, told from the name of a file or of a script that has it in it.
    /// The build runs on another one, and names this one there.
    NamedPython {
        /// Its release, such as `3.8`.
        version: String,
    },
    /// The publisher's setuptools was that of Debian, or of a distribution made of it, which
    /// writes requirements sorted.
    DebianSetuptools,
    /// The publisher's front end unpacked the source distribution as Python's data filter does
    /// (PEP 706), told from modes: files that group or others may write to in it they may not
    /// in the wheel.
    DataFilter,
    /// On the publisher's Windows a text was read without saying how it is encoded, in the code page
    /// of Western Europe and America (1252), told from UTF-8 that METADATA has in it so.
    CodePage,
    /// On the publisher's Windows METADATA was written as a text, as wheel does on Python 2: its
    /// lines end with CRLF, told from the first.
    TextMetadata,
    /// The publisher's file system said of every file that anybody may do anything with it, as
    /// a drive of Windows does under Linux (WSL documentation, "File Permissions for WSL").
    AllExecutable,
    /// An empty folder for the output that lay in the publisher's checkout, told from a list of
    /// packages that has it among them.
    OutputFolder {
        /// Its name: one of a fixed list.
        name: String,
    },
    /// The publisher's git took names without regard to case, as on Windows and macOS, told
    /// from the order of the artifact's files. It can neither add one nor leave one out.
    CaseBlindNames {
        /// How many files it orders.
        files: usize,
    },
    /// The publisher's checkout had no executable bits, as on Windows.
    PlainModes {
        /// How many files of the artifact lack the bit that they have in the source.
        files: usize,
    },
    /// What the build needs beyond its lock files was resolved without the registry's times,
    /// since those are not of its releases: as of the day of the rebuild, or of the commit as
    /// far as the packages' own manifests tell. Some of it may be newer than the release.
    /// Nothing is read out of the artifact for it; it stands here so that records list it
    /// and a policy can refuse it.
    Undated,
    /// The publisher's lock file, whose every entry was found in the registry's
    /// index with the same checksum and no later than the release.
    LockFile {
        /// SHA-256 of the lock file as the artifact holds it.
        sha256: Sha256Digest,
        /// How many packages of the registry it names.
        entries: usize,
    },
}

/// A system that packages are packed on and that is not the build's own, as zlib tells
/// them apart when it writes gzip's header (zlib, `zutil.h`, OS_CODE).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackingSystem {
    /// macOS.
    Darwin,
    /// Windows, in a zlib of 2013 or later.
    Windows,
    /// Windows, in an earlier zlib.
    OldWindows,
}

impl PackingSystem {
    /// The system of a number in gzip's header; none for Unix, for "unknown", and for
    /// every number that no packager writes.
    pub const fn of_gzip(os: u8) -> Option<Self> {
        match os {
            10 => Some(Self::Windows),
            11 => Some(Self::OldWindows),
            19 => Some(Self::Darwin),
            _ => None,
        }
    }

    /// The system of a number in a zip's directory (APPNOTE 6.3.10, section 4.4.2.2);
    /// Python writes that of MS-DOS on Windows and that of Unix everywhere else (CPython,
    /// `zipfile`, `ZipInfo.__init__`).
    pub const fn of_zip(system: u8) -> Option<Self> {
        match system {
            0 => Some(Self::Windows),
            _ => None,
        }
    }

    /// Its number in gzip's header.
    pub const fn gzip_os(self) -> u8 {
        match self {
            Self::Darwin => 19,
            Self::Windows => 10,
            Self::OldWindows => 11,
        }
    }
}

impl fmt::Display for PackingSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Darwin => "macOS",
            Self::Windows | Self::OldWindows => "Windows",
        })
    }
}

impl fmt::Display for RecoveredFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generator { name, version } | Self::Toolchain { name, version } => {
                write!(f, "{name} {version}")
            }
            Self::SourceDateEpoch { seconds } => write!(f, "SOURCE_DATE_EPOCH {seconds}"),
            Self::CheckoutTime { seconds } => write!(f, "checkout at {seconds}"),
            Self::BuildClock {
                seconds,
                began,
                ended,
                wrote,
            } => {
                match (began.unwrap_or(*seconds), ended.unwrap_or(*seconds)) {
                    (began, ended) if began == ended => write!(f, "build at {seconds}"),
                    (began, ended) => write!(f, "build at {seconds}, from {began} to {ended}"),
                }?;
                match wrote {
                    Some(wrote) => write!(f, ", and of the source's files at {wrote}"),
                    None => Ok(()),
                }
            }
            Self::TimeZone { posix } => write!(f, "time zone {posix}"),
            Self::Umask { mask } => write!(f, "umask {mask:03o}"),
            Self::System { system } => write!(f, "packed on {system}"),
            Self::LineEndings { crlf, lf: 0 } => write!(f, "CRLF in {crlf} file(s)"),
            Self::LineEndings { crlf, lf } => {
                write!(f, "CRLF in {crlf} file(s), LF kept in {lf}")
            }
            Self::ManifestEnd { newline: true } => f.write_str("package.json ends with a line end"),
            Self::ManifestEnd { newline: false } => {
                f.write_str("package.json ends without a line end")
            }
            Self::ManifestOnOneLine => f.write_str("package.json is on one line"),
            Self::ListingOrder { files } => {
                write!(
                    f,
                    "folders listed as the publisher's were ({files} file(s))"
                )
            }
            Self::DependencyOrder { names } => {
                write!(f, "dependencies as pnpm came to them ({names} name(s))")
            }
            Self::DebianSetuptools => f.write_str("setuptools as Debian has it"),
            Self::OutputFolder { name } => write!(f, "the empty folder {name}"),
            Self::AllExecutable => f.write_str("every file with all permissions"),
            Self::CodePage => f.write_str("texts read in code page 1252"),
            Self::TextMetadata => f.write_str("METADATA written as a text"),
            Self::DataFilter => f.write_str("unpacked as Python's data filter does"),
            Self::NamedPython { version } => write!(f, "Python {version} in a name"),
            Self::CaseBlindNames { files } => {
                write!(f, "names without regard to case ({files} file(s))")
            }
            Self::PlainModes { files } => {
                write!(
                    f,
                    "a checkout without executable bits ({files} file(s) had one)"
                )
            }
            Self::Undated => f.write_str("dependencies without the registry's times"),
            Self::LockFile { entries, .. } => {
                write!(f, "the publisher's lock file of {entries} package(s)")
            }
        }
    }
}

/// How git writes text files into the checkout where not every line ends as in the
/// commit: with CRLF, as `core.autocrlf=true` does (git-config(1)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrlfCheckout {
    /// Files of the repository that keep the commit's own line ends.
    #[serde(default)]
    pub except: BTreeSet<String>,
}

/// The source that a recipe fixes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum PlanSource {
    /// A commit of a git repository.
    Git {
        /// The upstream address.
        repository: String,
        /// The commit.
        commit: CommitId,
        /// The package's folder below the root; empty for the root.
        #[serde(default)]
        directory: String,
    },
    /// The release's own source distribution.
    Sdist {
        /// The file's name.
        name: String,
        /// SHA-256 of the file.
        sha256: Sha256Digest,
    },
}

/// How one artifact is rebuilt. Pure data: the same plan on the same image gives
/// the same commands on any machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The image definition's name; the lock file turns it into an image ID.
    pub image: String,
    /// The instant as of which the mirror shows the registry.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cutoff: Option<Timestamp>,
    /// What tells when packages were published.
    #[serde(skip_serializing_if = "is_default", default)]
    pub dated_by: DatedBy,
    /// What cargo is told of yanked versions.
    #[serde(skip_serializing_if = "is_default", default)]
    pub yanked: Yanked,
    /// What the build steps can reach. The prepare steps reach the mirror.
    pub build_network: Network,
    /// Where the rebuilt file is found, relative to [`WORK_DIR`].
    pub output: String,
    /// Commands that fetch and install what the build needs.
    #[serde(default)]
    pub prepare: Vec<Step>,
    /// Commands that make the artifact.
    pub build: Vec<Step>,
    /// Environment variables of every step.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Small text files put into the container first, by path relative to
    /// [`WORK_DIR`]. One that begins with `#!` is executable.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Files put into the container first, each checked by its digest.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Facts that were read out of the published artifact.
    #[serde(default)]
    pub recovered: Vec<RecoveredFact>,
    /// How text files are checked out, where not as they are in the commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crlf: Option<CrlfCheckout>,
    /// Whether files are checked out without their executable bits, as git does on
    /// Windows (git-config(1), `core.fileMode`).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub plain_modes: bool,
    /// What the containers may use.
    #[serde(default)]
    pub limits: Limits,
}

impl Plan {
    /// The plan's identity: SHA-256 of its JSON form, whose fields are in the
    /// fixed order of the type and whose maps are sorted.
    pub fn hash(&self) -> Sha256Digest {
        Sha256Digest::of(serde_json::to_vec(self).expect("a plan is plain data and serialises"))
    }
}

/// A plan that a person can read, keep and edit: with its source, and with the
/// reason for each line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The format's version; this is [`Recipe::VERSION`].
    pub recipe: u32,
    /// The package with its version.
    pub purl: Purl,
    /// The artifact's file name.
    pub artifact: String,
    /// The source.
    pub source: PlanSource,
    /// The plan.
    pub plan: Plan,
    /// Why each line was chosen, by the line's name; printed as comments.
    #[serde(skip)]
    pub reasons: BTreeMap<String, String>,
}

/// Why a recipe cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// Not TOML, or not the shape of a recipe.
    #[error("{origin}: {message}")]
    Shape {
        /// The file.
        origin: String,
        /// What the parser says, with line and column.
        message: String,
    },
    /// A version of the format that this remint does not read.
    #[error("{origin}: recipe format {found} is not known here; this remint reads format 1")]
    Version {
        /// The file.
        origin: String,
        /// The format's number.
        found: u32,
    },
    /// A path that leaves the work folder.
    #[error("{origin}: `{path}` in `{field}` leaves the work folder; write a path below it")]
    Path {
        /// The file.
        origin: String,
        /// The line's name.
        field: &'static str,
        /// The path.
        path: String,
    },
    /// A plan without a build step.
    #[error("{origin}: `plan.build` is empty; at least one step must make the artifact")]
    NoBuild {
        /// The file.
        origin: String,
    },
    /// A recipe for something else.
    #[error("{origin} is a recipe for {found}, not for {wanted}")]
    OtherArtifact {
        /// The file.
        origin: String,
        /// What it is for.
        found: String,
        /// What was asked for.
        wanted: String,
    },
}

impl Recipe {
    /// The version of the format that this remint writes and reads.
    pub const VERSION: u32 = 1;

    /// Reads a recipe; `origin` names the file in errors.
    ///
    /// # Errors
    /// Every variant of [`RecipeError`] but `OtherArtifact`.
    pub fn parse(text: &str, origin: &str) -> Result<Self, RecipeError> {
        let recipe: Self = toml::from_str(text).map_err(|error| RecipeError::Shape {
            origin: origin.to_owned(),
            message: error.to_string(),
        })?;
        if recipe.recipe != Self::VERSION {
            return Err(RecipeError::Version {
                origin: origin.to_owned(),
                found: recipe.recipe,
            });
        }
        if recipe.plan.build.is_empty() {
            return Err(RecipeError::NoBuild {
                origin: origin.to_owned(),
            });
        }
        recipe.check_paths(origin)?;
        Ok(recipe)
    }

    fn check_paths(&self, origin: &str) -> Result<(), RecipeError> {
        let plan = &self.plan;
        let steps = plan.prepare.iter().chain(&plan.build);
        let paths = std::iter::once(("plan.output", plan.output.as_str()))
            .chain(steps.map(|step| ("cwd", step.cwd.as_str())))
            .chain(plan.files.keys().map(|path| ("plan.files", path.as_str())))
            .chain(
                plan.crlf
                    .iter()
                    .flat_map(|crlf| &crlf.except)
                    .map(|path| ("plan.crlf", path.as_str())),
            )
            .chain(
                plan.inputs
                    .iter()
                    .map(|i| ("unpack_to", i.unpack_to.as_str())),
            );
        for (field, path) in paths {
            if !is_below(path) {
                return Err(RecipeError::Path {
                    origin: origin.to_owned(),
                    field,
                    path: path.to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The recipe as TOML, each line under its reason.
    pub fn to_toml(&self) -> String {
        let text = toml::to_string_pretty(self).expect("a recipe is plain data and serialises");
        let mut table = String::new();
        let mut out = String::new();
        let mut reasons = self.reasons.clone();
        // The quotation marks that end the text of several lines that this line is in. Its
        // lines may look like anything, and some come from the artifact.
        let mut quoted = None;
        for line in text.lines() {
            if let Some(marks) = quoted {
                let is_end = line.trim_end_matches(',').ends_with(marks);
                quoted = (!is_end).then_some(marks);
                out.push_str(line);
                out.push('\n');
                continue;
            }
            quoted = ["\"\"\"", "'''"]
                .into_iter()
                .find(|marks| line.ends_with(&format!(" = {marks}")) || line.trim() == *marks);
            if let Some(header) = line.strip_prefix('[') {
                table = header.trim_matches(['[', ']']).to_owned();
            }
            let key = match line.split_once(" = ") {
                Some((key, _)) if !line.starts_with([' ', '"', ']']) => {
                    if table.is_empty() {
                        key.to_owned()
                    } else {
                        format!("{table}.{key}")
                    }
                }
                _ if line.starts_with('[') => table.clone(),
                _ => String::new(),
            };
            // Each reason once: before the first of a list of tables.
            if let Some(reason) = reasons.remove(&key) {
                for row in reason.lines() {
                    out.push_str(&format!("# {}\n", super::printable(row, false)));
                }
            }
            out.push_str(line);
            out.push('\n');
        }
        out
    }
}

/// Whether a relative path stays below the folder that it is taken from.
fn is_below(path: &str) -> bool {
    !path.starts_with('/')
        && !path.contains(['\0', '\\'])
        && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe() -> Recipe {
        Recipe {
            recipe: Recipe::VERSION,
            purl: "pkg:cargo/itoa@1.0.18".parse().expect("valid"),
            artifact: "itoa-1.0.18.crate".into(),
            source: PlanSource::Git {
                repository: "https://git.example/itoa".into(),
                commit: "a".repeat(40).parse().expect("valid"),
                directory: String::new(),
            },
            plan: Plan {
                image: "rust-trixie".into(),
                cutoff: Some("2026-01-01T00:00:00Z".parse().expect("valid")),
                dated_by: DatedBy::Manifests,
                yanked: Yanked::Restored,
                build_network: Network::Mirror,
                output: "src/target/package/itoa-1.0.18.crate".into(),
                prepare: vec![],
                build: vec![Step {
                    may_fail: true,
                    ..Step::new(vec!["cargo".into(), "package".into()], "src".into())
                }],
                env: BTreeMap::from([("A".into(), "b = c".into())]),
                files: BTreeMap::from([("home/.cargo/config.toml".into(), "[a]\nb = 1\n".into())]),
                inputs: vec![],
                recovered: vec![RecoveredFact::SourceDateEpoch { seconds: 1 }],
                crlf: Some(CrlfCheckout {
                    except: BTreeSet::from(["Cargo.toml".into()]),
                }),
                plain_modes: true,
                limits: Limits::default(),
            },
            reasons: BTreeMap::from([("plan.image".into(), "because\nof this".into())]),
        }
    }

    #[test]
    fn a_recipe_survives_printing_and_shows_its_reasons() {
        let printed = recipe().to_toml();
        assert!(
            printed.contains("# because\n# of this\nimage = \"rust-trixie\""),
            "{printed}"
        );
        let mut read = Recipe::parse(&printed, "test").expect("reads back");
        read.reasons = recipe().reasons;
        assert_eq!(read, recipe());
    }

    #[test]
    fn a_text_that_looks_like_a_recipe_gets_no_reason_into_it() {
        let mut recipe = recipe();
        let text = "[plan.limits]\ntext = \"\"\"\n[plan.limits]\n";
        recipe
            .plan
            .files
            .insert("hooks/listing".into(), text.into());
        // What a workflow runs is such a text, too.
        for text in [
            text,
            "a\n[plan.limits]\n'''\"\"\"\n[plan.limits]",
            "a\n[plan.limits]",
        ] {
            let run = ["bash", "-c", text].map(str::to_owned).to_vec();
            recipe.plan.build.push(Step::new(run, "src".into()));
        }
        recipe.reasons = BTreeMap::from([("plan.limits".into(), "why".into())]);
        let printed = recipe.to_toml();
        assert_eq!(printed.matches("# why\n").count(), 1, "{printed}");
        let read = Recipe::parse(&printed, "test").expect("reads back");
        assert_eq!(read.plan, recipe.plan);
    }

    #[test]
    fn the_hash_of_a_plan_moves_with_every_field() {
        let plan = recipe().plan;
        let mut other = plan.clone();
        other.env.insert("X".into(), "1".into());
        assert_ne!(plan.hash(), other.hash());
        assert_eq!(plan.hash(), recipe().plan.hash());
    }

    #[test]
    fn a_recipe_with_a_path_that_leaves_the_work_folder_is_refused() {
        for bad in ["../x", "/etc/passwd", "a/../../b"] {
            let mut evil = recipe();
            evil.plan.output = bad.into();
            let error = Recipe::parse(&evil.to_toml(), "evil.toml").expect_err(bad);
            assert!(matches!(error, RecipeError::Path { .. }), "{error}");
        }
    }

    #[test]
    fn a_recipe_with_an_unknown_line_is_refused_with_its_place() {
        let text = recipe().to_toml().replace("build_network", "bild_network");
        let error = Recipe::parse(&text, "r.toml")
            .expect_err("unknown line")
            .to_string();
        assert!(
            error.contains("r.toml") && error.contains("bild_network"),
            "{error}"
        );
    }
}
