//! Inference: from a release, its artifact and its source to an ordered list of
//! plans, each with the reason for every line.
//!
//! A pure function over facts that it is handed ([`Facts`]): it never fetches,
//! never reads a clock and never runs anything. It may import `store` (for the
//! shape of what was read out of an archive) and `model`. To teach it something
//! new, add a candidate to the list that an ecosystem's file returns; the line
//! tries them in order and stops at the first exact one.

mod cargo;
mod checkout;
mod endings;
mod listing;
mod modes;
mod npm;
mod pypi;
mod recipes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{
    Artifact, ArtifactKind, DeflateFamily, Digest, Ecosystem, Input, InputOrigin, Learnt,
    PackingSystem, Plan, Purl, RecoveredFact, Release, Source,
};
use crate::store::archive::MemberStamp;

pub use cargo::{LockEntry, LockError, locked, registry_entries};
pub use endings::{FileEnds, places, source_of_member};
pub use modes::FileModes;
pub use recipes::{
    RecipeFileError, load as load_recipe, lookup as lookup_recipe, path_of as recipe_path,
};

/// A cargo that the farm can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoToolchain {
    /// Its release.
    pub version: semver::Version,
    /// Where it is.
    pub home: CargoHome,
}

/// Where a cargo is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CargoHome {
    /// Installed in the image of this name.
    Image(String),
    /// A program that the farm keeps or builds when it is needed, by its digest.
    Kept(Digest),
}

/// A zlib that takes the place of the system's, where a cargo of an image is linked to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZlibToolchain {
    /// The release of zlib-rs.
    pub version: semver::Version,
    /// The digest of the library, which the farm keeps or builds when it is needed.
    pub program: Digest,
}

/// What a gzip file tells of who compressed it (RFC 1952, section 2.3: MTIME,
/// XFL and OS, bytes 4 to 9), with what its stream does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GzipMarks {
    /// When it was compressed, in seconds since the Unix epoch; 0 for none.
    pub mtime: u32,
    /// Extra flags: 2 for the slowest compression.
    pub xfl: u8,
    /// The operating system's number.
    pub os: u8,
    /// The level at which the reference zlib makes this very stream, where the caller
    /// tried and it does.
    pub reference_level: Option<u8>,
    /// Which zlib makes this very stream at the level that cargo packs with, where the
    /// caller tried and one does.
    pub cargo_zlib: Option<DeflateFamily>,
    /// Whose zlib makes this very stream at the level that zlib has by itself, where the
    /// caller had those of [`zlib_probes`] try and one does.
    pub node_zlib: Option<NodeZlib>,
}

/// The zlibs of Node.js that write streams of their own at the level that zlib has by itself,
/// by the releases that have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeZlib {
    /// 12.17 to 16.
    Of12To16,
    /// 18 and later.
    From18,
}

/// A Node.js that may be asked whether its zlib wrote a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZlibProbe {
    /// Whose zlib it has.
    pub zlib: NodeZlib,
    /// The package that carries it.
    pub node: Purl,
}

impl GzipMarks {
    /// Reads them from a file's first bytes; nothing where it is no gzip file.
    pub fn read(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, 8, _, a, b, c, d, xfl, os, ..] => Some(Self {
                mtime: u32::from_le_bytes([*a, *b, *c, *d]),
                xfl: *xfl,
                os: *os,
                reference_level: None,
                cargo_zlib: None,
                node_zlib: None,
            }),
            _ => None,
        }
    }
}

/// A tool that a plan takes from a registry, looked up by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryTool {
    /// The package with its version.
    pub purl: Purl,
    /// Its artifact.
    pub name: String,
    /// The registry's digest of it.
    pub digest: Digest,
}

impl RegistryTool {
    fn input(&self, unpack_to: &str) -> Input {
        Input {
            origin: InputOrigin::Package {
                purl: self.purl.clone(),
                name: self.name.clone(),
            },
            digest: self.digest,
            unpack_to: unpack_to.to_owned(),
        }
    }
}

/// One package version in a registry's index, looked up by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexLine {
    /// The file of the index that it stands in.
    pub file: String,
    /// The line, as the registry wrote it.
    pub line: String,
}

/// Everything that inference may know.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The release.
    pub release: &'a Release,
    /// The artifact to rebuild.
    pub artifact: &'a Artifact,
    /// Small members of the published artifact, by name (see [`wanted_member`]).
    pub members: &'a BTreeMap<String, Vec<u8>>,
    /// The same of the artifact that was published beside it (see [`wanted_companion`]);
    /// empty without one.
    pub companion: &'a BTreeMap<String, Vec<u8>>,
    /// Times and modes of every member of the published artifact.
    pub stamps: &'a [MemberStamp],
    /// Times and modes of every member of the source distribution that the plan builds
    /// from; empty for other sources.
    pub source_stamps: &'a [MemberStamp],
    /// The artifact's first bytes, where it is a gzip file: its fixed header.
    pub gzip: Option<GzipMarks>,
    /// The system that the artifact says it was packed on, where it is not the build's
    /// own and every member says so.
    pub packed_on: Option<PackingSystem>,
    /// The source that the plan builds from.
    pub source: &'a Source,
    /// Files of the source tree, by path below the package's folder, or with
    /// `/` before it below the repository's root (see [`wanted_source_file`]).
    pub tree: &'a BTreeMap<String, Vec<u8>>,
    /// Line ends of the artifact's texts beside those of the checkout's.
    pub ends: &'a [FileEnds],
    /// How many files of the artifact are copies of nothing in the checkout.
    pub made: usize,
    /// How many texts of the artifact have CRLF and are copies of nothing in the checkout.
    pub made_with_crlf: usize,
    /// How many texts of the artifact name the commit's year, where what they are copies of in
    /// the checkout, if anything, does not.
    pub made_with_year: usize,
    /// When such texts say that they were made, in seconds since the Unix epoch.
    pub made_at: Option<i64>,
    /// When the ranges of what the manifest asks for were written, in seconds since the Unix
    /// epoch, because [`wanted_history`] asked.
    pub ranges_since: &'a BTreeMap<String, i64>,
    /// Executable bits of the artifact's files beside those of the checkout's.
    pub modes: &'a [FileModes],
    /// Lines of the registry's index as of the release, because [`wanted_index`] asked.
    pub index: &'a [IndexLine],
    /// What an earlier version of the package taught.
    pub learnt: Option<&'a Learnt>,
    /// Cargo releases that the farm can run.
    pub cargos: &'a [CargoToolchain],
    /// The zlibs that those of images can be given.
    pub zlibs: &'a [ZlibToolchain],
    /// Tools that the caller looked up because [`wanted_tools`] asked.
    pub tools: &'a [RegistryTool],
}

impl Facts<'_> {
    /// The instant at which the release was published, where anything says so.
    fn published(&self) -> Option<Timestamp> {
        self.artifact.published_at.map(|p| p.time)
    }

    /// The package's folder inside the checkout, relative to the work folder.
    fn package_dir(&self) -> String {
        match self.source {
            Source::Git { git, .. } if !git.directory.is_empty() => {
                format!("src/{}", git.directory)
            }
            Source::Git { .. } | Source::Sdist { .. } => "src".into(),
        }
    }
}

/// A plan to try, with what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The plan.
    pub plan: Plan,
    /// Why each line was chosen, by the recipe's name of the line.
    pub reasons: BTreeMap<String, String>,
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// A kind of artifact that no plan exists for yet.
    #[error("{0}")]
    Unsupported(String),
    /// The artifact or the source lacks something that a plan needs.
    #[error("{0}")]
    Incomplete(String),
}

/// The plans to try, best first. Never empty.
///
/// # Errors
/// [`Error::Unsupported`] for kinds that remint cannot rebuild,
/// [`Error::Incomplete`] where a fact that every plan needs is missing.
pub fn candidates(facts: &Facts<'_>) -> Result<Vec<Candidate>, Error> {
    supported(facts.artifact)?;
    let mut found = match facts.release.purl.ecosystem() {
        // It puts them in the order of what was learnt itself: a publisher's cargo moves
        // on with Rust's releases.
        Ecosystem::Cargo => cargo::candidates(facts)?,
        Ecosystem::Pypi => pypi::candidates(facts)?,
        Ecosystem::Npm => npm::candidates(facts)?,
    };
    if let (Some(learnt), Ecosystem::Pypi | Ecosystem::Npm) =
        (facts.learnt, facts.release.purl.ecosystem())
    {
        // Stable: among equals the order of inference stays.
        found.sort_by_key(|candidate| Reverse(learnt.likeness(&candidate.plan.recovered)));
    }
    let mut seen = BTreeSet::new();
    Ok(found
        .into_iter()
        .filter(|candidate| seen.insert(candidate.plan.hash()))
        .collect())
}

const OLD_SDIST: &str =
    "of source distributions, remint rebuilds those in the one form that there is today, `.tar.gz`";

/// Whether remint can rebuild this kind of artifact at all, before anything is
/// read out of it.
///
/// # Errors
/// [`Error::Unsupported`] with the reason.
pub fn supported(artifact: &Artifact) -> Result<(), Error> {
    let why = match artifact.kind {
        ArtifactKind::Crate
        | ArtifactKind::PureWheel
        | ArtifactKind::Sdist
        | ArtifactKind::NpmTarball => return Ok(()),
        ArtifactKind::PlatformWheel => {
            "wheels with an ABI or platform tag hold compiled code, which remint cannot rebuild yet"
        }
        ArtifactKind::ZipSdist => OLD_SDIST,
        ArtifactKind::Other if pypi::is_old_sdist(&artifact.name) => OLD_SDIST,
        ArtifactKind::Other => "this kind of file is not one that remint can rebuild",
    };
    Err(Error::Unsupported(format!("{}: {why}", artifact.name)))
}

/// Whether inference wants to read the member `name` of a published artifact.
pub fn wanted_member(ecosystem: Ecosystem, name: &str) -> bool {
    match ecosystem {
        Ecosystem::Cargo => cargo::wanted_member(name),
        Ecosystem::Pypi => pypi::wanted_member(name),
        Ecosystem::Npm => name == "package.json",
    }
}

/// The member that is the source's manifest, where packing copies it as it is.
pub const fn copied_manifest(ecosystem: Ecosystem) -> Option<&'static str> {
    match ecosystem {
        Ecosystem::Npm => Some("package.json"),
        Ecosystem::Cargo | Ecosystem::Pypi => None,
    }
}

/// The artifact of the same release whose members tell what made this one, where it does not
/// say so itself. The caller reads them and hands them back in [`Facts::companion`].
pub fn wanted_companion<'a>(release: &'a Release, artifact: &Artifact) -> Option<&'a Artifact> {
    match release.purl.ecosystem() {
        Ecosystem::Pypi => pypi::wanted_companion(release, artifact),
        Ecosystem::Cargo | Ecosystem::Npm => None,
    }
}

/// The files of a source tree that inference wants to read: below the package's
/// folder, or with `/` first below the repository's root. A last `*` is every file of a folder.
pub fn wanted_source_files(ecosystem: Ecosystem) -> &'static [&'static str] {
    match ecosystem {
        Ecosystem::Cargo => &["Cargo.lock", "/Cargo.lock", "/Cargo.toml"],
        Ecosystem::Pypi => &["pyproject.toml", "setup.py", "setup.cfg"],
        Ecosystem::Npm => &npm::WANTED_SOURCE_FILES,
    }
}

/// The registry packages that a plan for this release will take as tools. The
/// caller looks them up and hands them back in [`Facts::tools`]. `tree` as in [`Facts`].
pub fn wanted_tools(
    release: &Release,
    source: &Source,
    gzip: Option<GzipMarks>,
    stamps: &[MemberStamp],
    tree: &BTreeMap<String, Vec<u8>>,
) -> Vec<Purl> {
    match release.purl.ecosystem() {
        Ecosystem::Npm => npm::wanted_tools(release, source, gzip, stamps, tree),
        Ecosystem::Cargo | Ecosystem::Pypi => Vec::new(),
    }
}

/// The folder, below the repository's root, whose manifest's history a plan wants to know:
/// since when it has asked for what it asks for. The caller reads it and hands it back in
/// [`Facts::ranges_since`]. `tree` as in [`Facts`].
pub fn wanted_history(
    ecosystem: Ecosystem,
    source: &Source,
    tree: &BTreeMap<String, Vec<u8>>,
) -> Option<String> {
    match ecosystem {
        Ecosystem::Npm => npm::wanted_history(source, tree),
        Ecosystem::Cargo | Ecosystem::Pypi => None,
    }
}

/// The package versions whose lines of the registry's index a plan will hand to a tool
/// that cannot read the mirror's index. The caller looks them up as of the release and
/// hands them back in [`Facts::index`].
pub fn wanted_index(facts: &Facts<'_>) -> Vec<Purl> {
    match facts.release.purl.ecosystem() {
        Ecosystem::Cargo => cargo::wanted_index(facts),
        Ecosystem::Pypi | Ecosystem::Npm => Vec::new(),
    }
}

/// The plan that compresses the file `content` of the source at a level with what packs by
/// `plan`; none for ecosystems whose compressors remint can run itself, or where the plan does
/// not say what packs.
pub fn deflating(ecosystem: Ecosystem, plan: &Plan, content: &str, level: u8) -> Option<Plan> {
    match ecosystem {
        Ecosystem::Npm => npm::deflating(plan, content, level),
        Ecosystem::Cargo | Ecosystem::Pypi => None,
    }
}

/// Whether this input of a plan is there to pack alone, so that nothing that is prepared depends on
/// it.
pub fn only_packs(ecosystem: Ecosystem, input: &Input) -> bool {
    match ecosystem {
        Ecosystem::Npm => npm::only_packs(input),
        Ecosystem::Cargo | Ecosystem::Pypi => false,
    }
}

/// Those that are asked which of them wrote an artifact's stream, where its marks leave that
/// open. The caller has each compress by [`probing`] and notes the one that wrote it in
/// [`GzipMarks::node_zlib`].
pub fn zlib_probes(ecosystem: Ecosystem, gzip: Option<GzipMarks>) -> Vec<ZlibProbe> {
    match ecosystem {
        Ecosystem::Npm => npm::zlib_probes(gzip),
        Ecosystem::Cargo | Ecosystem::Pypi => Vec::new(),
    }
}

/// The plan that compresses the file `content` of the source with a probe's Node.js.
pub fn probing(node: &RegistryTool, content: &str) -> Plan {
    npm::probing(node, content)
}

/// The lock file that a plan took from the published artifact, where it did:
/// its entries must be checked against the registry's index before the plan's
/// outcome counts.
pub fn lock_file_of(plan: &Plan) -> Option<&str> {
    plan.recovered
        .iter()
        .any(|fact| matches!(fact, RecoveredFact::LockFile { .. }))
        .then(|| {
            plan.files
                .iter()
                .find(|(path, _)| path.ends_with("/Cargo.lock"))
        })
        .flatten()
        .map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod testing;
