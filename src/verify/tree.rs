//! The origins of a source, and the few files of a checkout that inference
//! reads. Reads files below a checkout, never through a link out of it.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::model::{
    Artifact, ArtifactKind, BuildFailure, BuildStage, Ecosystem, Evidence, EvidenceKind,
    FetchedArtifact, PlanSource, Recipe, Release, RepositoryHint, SdistSource, Source, SourceHints,
    Verdict,
};
use crate::plan::{self, Candidate, FileEnds, FileModes, GzipMarks};
use crate::replay;
use crate::store::archive::{LineEnds, MemberContent, MemberStamp};

/// The largest manifest or lock file that inference reads.
const MAX_FILE: u64 = 8 << 20;

/// How many files of one folder inference reads; repositories have a dozen workflows.
const MOST_IN_A_FOLDER: usize = 100;

/// Where a source may come from, best first.
pub(super) enum Origin {
    /// A git repository that the hints name.
    Git,
    /// The release's own source distribution.
    Sdist(Box<Artifact>),
}

/// The plans that a request allows: without recovered inputs, only those that need none.
pub(super) fn allowed(plans: Vec<Candidate>, recover: bool) -> Result<Vec<Candidate>, Verdict> {
    let left: Vec<Candidate> = plans
        .into_iter()
        .filter(|candidate| recover || candidate.plan.recovered.is_empty())
        .collect();
    if left.is_empty() {
        return Err(Verdict::BuildFailed {
            stage: BuildStage::Plan,
            failure: BuildFailure::NoPlan {
                reason: "every plan rests on inputs recovered from the published artifact, which this run leaves out".into(),
            },
        });
    }
    Ok(left)
}

/// The origins to try: git, then the release's source distribution; only the
/// one that a recipe fixes, where there is a recipe. A source distribution is not its own
/// source: that would compare a file with itself.
pub(super) fn origins(
    release: &Release,
    artifact: &Artifact,
    recipe: Option<&Recipe>,
) -> Vec<Origin> {
    let sdist = |name| {
        sdist_of(release, name)
            .filter(|_| !artifact.kind.is_sdist())
            .map(|a| Origin::Sdist(Box::new(a.clone())))
    };
    match recipe.map(|r| &r.source) {
        Some(PlanSource::Git { .. }) => vec![Origin::Git],
        Some(PlanSource::Sdist { name, .. }) => sdist(Some(name)).into_iter().collect(),
        None => std::iter::once(Origin::Git).chain(sdist(None)).collect(),
    }
}

/// Why there is no origin at all.
pub(super) const fn no_origin(artifact: &Artifact) -> &'static str {
    match artifact.kind {
        ArtifactKind::Sdist | ArtifactKind::ZipSdist => NOT_ITS_OWN,
        ArtifactKind::Crate
        | ArtifactKind::PureWheel
        | ArtifactKind::PlatformWheel
        | ArtifactKind::NpmTarball
        | ArtifactKind::Other => "nothing names a source, and there is no source distribution",
    }
}

/// Why a source distribution is rebuilt from a commit or not at all.
pub(super) const NOT_ITS_OWN: &str = "a source distribution is not its own source, so only a commit will do; name the repository with --source, or a commit in a recipe";

/// The release's source distribution, of this name where one is given, and else rather in
/// today's form than as a zip.
pub(super) fn sdist_of<'a>(release: &'a Release, name: Option<&str>) -> Option<&'a Artifact> {
    let of_kind = |kind| {
        let mut artifacts = release.artifacts.iter();
        artifacts
            .find(|artifact| artifact.kind == kind && name.is_none_or(|name| artifact.name == name))
    };
    of_kind(ArtifactKind::Sdist).or_else(|| of_kind(ArtifactKind::ZipSdist))
}

/// Puts what a recipe fixes in the place of what the metadata hints at.
pub(super) fn apply_recipe_source(hints: &mut SourceHints, source: &PlanSource) {
    if let PlanSource::Git {
        repository,
        commit,
        directory,
    } = source
    {
        hints.repositories = vec![RepositoryHint {
            url: repository.clone(),
            directory: Some(directory.clone()),
            kind: EvidenceKind::Operator,
            detail: "the recipe".into(),
            is_claim: true,
        }];
        // What was told of the provenance stays told; the operator's word decides.
        hints.provenance = None;
        hints.commit = Some((commit.clone(), EvidenceKind::Operator));
        hints.directory = Some(directory.clone());
    }
}

/// The source that a checked source distribution is.
pub(super) fn sdist_source(file: &FetchedArtifact) -> Source {
    Source::Sdist {
        sdist: SdistSource {
            name: file.artifact.name.clone(),
            sha256: file.sha256,
        },
        evidence: vec![Evidence {
            kind: EvidenceKind::SourceDistribution,
            detail: format!(
                "{} of the same release; a source distribution is itself a build product",
                file.artifact.name
            ),
        }],
    }
}

/// The files that inference asks for, by the names that it asks by.
pub(super) fn wanted_files(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
) -> BTreeMap<String, Vec<u8>> {
    let folder = package_folder(source, tree);
    let mut found = BTreeMap::new();
    for name in plan::wanted_source_files(ecosystem) {
        let path = match name.strip_prefix('/') {
            Some(at_root) => tree.join(at_root),
            None => folder.join(name),
        };
        let Some(all_of) = name.strip_suffix('*') else {
            found.extend(read_inside(tree, &path).map(|bytes| ((*name).to_owned(), bytes)));
            continue;
        };
        let parent = path.parent().unwrap_or(tree);
        for file in files_in(parent) {
            let bytes = read_inside(tree, &parent.join(&file));
            found.extend(bytes.map(|bytes| (format!("{all_of}{file}"), bytes)));
        }
    }
    found
}

/// Names of what is in a folder, in their order and not too many; none where there is no
/// such folder.
fn files_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names.truncate(MOST_IN_A_FOLDER);
    names
}

/// The artifact's texts with the files of the checkout that they are copies of. None
/// where the artifact has no CRLF at all: then there is nothing to tell.
pub(super) fn file_ends(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
    published: &BTreeMap<String, MemberContent>,
) -> Vec<FileEnds> {
    if !published
        .values()
        .any(|member| member.ends == LineEnds::Crlf)
    {
        return Vec::new();
    }
    let folder = package_folder(source, tree);
    published
        .iter()
        .filter_map(|(member, content)| {
            let path = plan::source_of_member(ecosystem, member)?;
            let (path, bytes) = plan::places(ecosystem, path).into_iter().find_map(|path| {
                let bytes = read_inside(tree, &folder.join(&path))?;
                Some((path, bytes))
            })?;
            Some(FileEnds {
                path,
                published: content.ends,
                source: LineEnds::of(&bytes),
            })
        })
        .collect()
}

/// The artifact's members with the executable bits of the files that they are copies of.
pub(super) fn file_modes(
    source: &Source,
    tree: &Path,
    ecosystem: Ecosystem,
    published: &[MemberStamp],
) -> Vec<FileModes> {
    let folder = package_folder(source, tree);
    published
        .iter()
        .filter_map(|member| {
            let path = plan::source_of_member(ecosystem, &member.name)?;
            // A link is copied as what it leads to, which may be anywhere.
            let metadata = plan::places(ecosystem, path)
                .into_iter()
                .find_map(|path| metadata_inside(tree, &folder.join(path)))?;
            metadata.is_file().then(|| FileModes {
                published: is_executable(member.mode),
                source: is_executable(metadata.permissions().mode()),
            })
        })
        .collect()
}

const fn is_executable(mode: u32) -> bool {
    mode & 0o100 != 0
}

/// The package's folder inside a checkout.
pub(super) fn package_folder(source: &Source, tree: &Path) -> PathBuf {
    match source {
        Source::Git { git, .. } => tree.join(&git.directory),
        Source::Sdist { .. } => tree.to_owned(),
    }
}

/// What is at a path below `tree`, a link itself where it is one; nothing where a link or `..` on
/// the way leaves the tree, since members of an artifact are named by whoever made it.
pub(super) fn metadata_inside(tree: &Path, path: &Path) -> Option<Metadata> {
    let folder = path.parent()?.canonicalize().ok()?;
    if !folder.starts_with(tree.canonicalize().ok()?) {
        return None;
    }
    folder.join(path.file_name()?).symlink_metadata().ok()
}

/// A small regular file below `tree`; nothing where it is none, or leaves it.
pub(super) fn read_inside(tree: &Path, path: &Path) -> Option<Vec<u8>> {
    let real = path.canonicalize().ok()?;
    if !real.starts_with(tree.canonicalize().ok()?) {
        return None;
    }
    let metadata = std::fs::metadata(&real).ok()?;
    if !metadata.is_file() || metadata.len() > MAX_FILE {
        return None;
    }
    std::fs::read(&real).ok()
}

/// What a gzip file tells of who compressed it; the stream is asked where the plan
/// depends on it.
pub(super) fn gzip_marks(file: &FetchedArtifact) -> Option<GzipMarks> {
    let marks = GzipMarks::read(&head(&file.path)?)?;
    let (mut reference_level, mut cargo_zlib) = (None, None);
    match file.artifact.kind {
        ArtifactKind::NpmTarball => {
            reference_level = replay::reference_level(&file.path).ok().flatten();
        }
        ArtifactKind::Crate => cargo_zlib = replay::cargo_zlib(&file.path).ok().flatten(),
        ArtifactKind::PureWheel
        | ArtifactKind::PlatformWheel
        | ArtifactKind::Sdist
        | ArtifactKind::ZipSdist
        | ArtifactKind::Other => {}
    }
    Some(GzipMarks {
        reference_level,
        cargo_zlib,
        ..marks
    })
}

/// The first bytes of a file: as many as a gzip header has (RFC 1952, section 2.3).
fn head(path: &Path) -> Option<[u8; 10]> {
    let mut head = [0; 10];
    std::fs::File::open(path).ok()?.read_exact(&mut head).ok()?;
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_distribution_is_rebuilt_from_a_commit_and_never_from_itself() {
        let artifact = |name: &str, kind| Artifact {
            name: name.into(),
            kind,
            url: "http://127.0.0.1/x".parse().expect("valid"),
            digests: vec![],
            size: None,
            published_at: None,
            yanked: false,
            provenance: None,
        };
        let wheel = artifact("demo-1.0-py3-none-any.whl", ArtifactKind::PureWheel);
        let sdist = artifact("demo-1.0.tar.gz", ArtifactKind::Sdist);
        let release = Release {
            purl: "pkg:pypi/demo@1.0".parse().expect("valid"),
            artifacts: vec![wheel.clone(), sdist.clone()],
            repositories: vec![],
            git_head: None,
            publisher_tools: vec![],
        };
        assert!(matches!(
            origins(&release, &wheel, None)[..],
            [Origin::Git, Origin::Sdist(_)]
        ));
        assert!(matches!(origins(&release, &sdist, None)[..], [Origin::Git]));
        let recipe = Recipe {
            recipe: Recipe::VERSION,
            purl: release.purl.clone(),
            artifact: sdist.name.clone(),
            source: PlanSource::Sdist {
                name: sdist.name.clone(),
                sha256: crate::model::Sha256Digest::of(b"x"),
            },
            plan: serde_json::from_str(
                r#"{"image":"python","build_network":"none","output":"out","build":[]}"#,
            )
            .expect("a plan"),
            reasons: BTreeMap::new(),
        };
        assert!(origins(&release, &sdist, Some(&recipe)).is_empty());
        assert!(no_origin(&sdist).contains("not its own source"));
        assert_eq!(origins(&release, &wheel, Some(&recipe)).len(), 1);
    }

    #[test]
    fn a_folders_files_are_read_in_their_order_and_not_too_many() {
        let tree = tempfile::tempdir().expect("temp");
        assert!(files_in(&tree.path().join("absent")).is_empty());
        for number in 0..=MOST_IN_A_FOLDER {
            std::fs::write(tree.path().join(format!("{number:03}.yml")), "a: 1").expect("write");
        }
        let found = files_in(tree.path());
        assert_eq!(found.len(), MOST_IN_A_FOLDER);
        assert_eq!(found[0], "000.yml");
    }

    #[test]
    fn a_link_out_of_the_checkout_is_not_followed() {
        let outside = tempfile::tempdir().expect("temp");
        std::fs::write(outside.path().join("secret"), "s").expect("write");
        let tree = tempfile::tempdir().expect("temp");
        std::fs::write(tree.path().join("package.json"), "{}").expect("write");
        std::os::unix::fs::symlink(outside.path().join("secret"), tree.path().join("evil"))
            .expect("link");
        assert!(read_inside(tree.path(), &tree.path().join("package.json")).is_some());
        assert!(read_inside(tree.path(), &tree.path().join("evil")).is_none());
        assert!(read_inside(tree.path(), &tree.path().join("absent")).is_none());
    }

    #[test]
    fn what_is_outside_of_the_checkout_is_not_seen_whatever_a_member_is_called() {
        let outside = tempfile::tempdir().expect("temp");
        std::fs::write(outside.path().join("secret"), "s").expect("write");
        let tree = outside.path().join("tree");
        std::fs::create_dir(&tree).expect("a folder");
        std::os::unix::fs::symlink(outside.path(), tree.join("out")).expect("link");
        let sees = |member: &str| metadata_inside(&tree, &tree.join(member)).is_some();
        assert!(sees("out"));
        let absolute = outside.path().join("secret").display().to_string();
        for member in ["../secret", "out/secret", "..", "absent", &absolute] {
            assert!(!sees(member), "{member}");
        }
    }
}
