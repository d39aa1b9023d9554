//! The ladder where no commit is named: the best tag whose manifest agrees, or what the history
//! says.
//!
//! Reads an open repository and decides, as `ladder` does. A tag whose manifest is another
//! version's is a contradiction and no gap, and no answer is without a commit that declares name
//! and version, one that says what writes the version in, or one that holds every other file of
//! the artifact.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use git2::Oid;

use super::Error;
use super::history::{self, Released};
use super::ladder::{Asked, Settled, Wanted, cannot_read, evidence, is_whole, manifests, vouched};
use super::locate::Candidate;
use super::manifest::{Found, Manifests};
use super::reach::is_on_a_branch;
use super::repository::Opened;
use super::tags::{self, TagForm, TagRank};
use crate::model::{BlobId, EvidenceKind, SourceHints, printable};

/// A tag that names the version.
pub(super) struct VersionTag {
    pub(super) name: String,
    pub(super) commit: Oid,
    rank: TagRank,
}

/// How many commits after a tag are held against the artifact's files.
const MAX_LATER: usize = 20;

/// The file without content (`git hash-object -t blob /dev/null`), which tells nothing, wherever it
/// came from.
const NOTHING: BlobId = BlobId::from_bytes([
    0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2,
    0xe4, 0x8c, 0x53, 0x91,
]);

/// How many tags an error names as those that are there.
const SHOWN_TAGS: usize = 5;

/// A tag whose manifest is the release's.
struct Agreeing<'t> {
    tag: &'t VersionTag,
    found: Found,
    /// How many of the artifact's files its commit holds; counted where tags of several
    /// commits agree, since a release may have been tagged twice.
    files: usize,
}

/// The tags whose manifests agree, in their order, and why the first of the others does not.
fn agreeing<'t>(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tags: &'t [VersionTag],
    asked: Asked,
) -> Result<(Vec<Agreeing<'t>>, Option<Error>), Error> {
    let (mut agreeing, mut contradiction) = (Vec::new(), None);
    for tag in tags {
        let commit = opened
            .git
            .find_commit(tag.commit)
            .map_err(|e| cannot_read(at, e.message().to_owned()))?;
        match manifests(opened, hints, at, &commit, asked) {
            Ok(found) => agreeing.push(Agreeing {
                tag,
                found,
                files: 0,
            }),
            Err(error) => {
                contradiction.get_or_insert(error);
            }
        }
    }
    let commits: BTreeSet<Oid> = agreeing.iter().map(|one| one.tag.commit).collect();
    if commits.len() > 1 {
        for one in &mut agreeing {
            one.files = history::files_in(&opened.git, one.tag.commit, &hints.files)
                .map_err(Error::incomplete(&at.target.shown))?;
        }
    }
    Ok((agreeing, contradiction))
}

/// No commit was named: the best tag whose manifest agrees, or else what the history says.
pub(super) fn settle_tag(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tags: &[VersionTag],
) -> Result<Settled, Error> {
    let (mut found, contradiction) = agreeing(opened, hints, at, tags, Asked::Version)?;
    if found.is_empty() {
        (found, _) = agreeing(opened, hints, at, tags, Asked::VersionOrWriter)?;
    }
    let agreeing = found;
    // The first of equals: they are in the order of their rank.
    let best = agreeing.iter().min_by_key(|tag| Reverse(tag.files));
    if let Some(best) = best {
        if let Some(settled) = packed_elsewhere(opened, hints, at, best.tag)? {
            return Ok(settled);
        }
        if let Some(settled) = packed_later(opened, hints, at, best.tag)? {
            return Ok(settled);
        }
        return settled_by_tag(opened, at, tags, &agreeing, best);
    }
    // In an old or cut-off copy the tag may only be missing.
    let released = if is_whole(opened) {
        history::released(&opened.git, hints, at)?
    } else {
        None
    };
    let released = match (released, contradiction) {
        (Some(released), None) => released,
        // A tag that names the version and another manifest is a contradiction, not a gap, unless
        // something says why.
        (Some(mut released), Some(error)) => {
            match why_not_tagged(opened, hints, at, &released, tags)? {
                None => return Err(error),
                Some(why) => {
                    released
                        .evidence
                        .push(evidence(EvidenceKind::TagMatch, why));
                    released
                }
            }
        }
        (None, Some(error)) => {
            return tagged_unwritten(opened, hints, at, tags)?.ok_or(error);
        }
        (None, None) => return Err(no_tag(opened, hints, at)?),
    };
    Ok(Settled {
        commit: released.commit,
        tag: None,
        found: released.found,
        evidence: released.evidence,
    })
}

/// The commit of the best tag, with what the others that name the version are.
fn settled_by_tag(
    opened: &Opened,
    at: &Candidate,
    tags: &[VersionTag],
    agreeing: &[Agreeing<'_>],
    best: &Agreeing<'_>,
) -> Result<Settled, Error> {
    let mut list = vec![evidence(
        EvidenceKind::TagMatch,
        format!("tag {} names the version", printable(&best.tag.name, false)),
    )];
    for other in tags.iter().filter(|tag| tag.commit != best.tag.commit) {
        let why = match agreeing.iter().find(|one| one.tag.name == other.name) {
            None => "its manifest does not agree".to_owned(),
            Some(one) if one.files < best.files => format!(
                "it holds {} of the artifact's files, and the one that was taken {}",
                one.files, best.files
            ),
            Some(_) => "it ranks lower".to_owned(),
        };
        list.push(evidence(
            EvidenceKind::TagMatch,
            format!(
                "tag {} names the version too and is another commit, {}; {why}",
                printable(&other.name, false),
                other.commit
            ),
        ));
    }
    list.push(evidence(
        EvidenceKind::Reachable,
        vouched(opened, at, best.tag.commit, Wanted::Commit)?,
    ));
    Ok(Settled {
        commit: best.tag.commit,
        tag: Some(best.tag.name.clone()),
        found: best.found.clone(),
        evidence: list,
    })
}

/// The commit of a tag that holds every file of the artifact but its manifest, where no commit
/// with the version was found: it was written in to publish, and not committed.
fn tagged_unwritten(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tags: &[VersionTag],
) -> Result<Option<Settled>, Error> {
    let mut telling = hints.files.clone();
    telling.remove(&NOTHING);
    let manifest_was_there = hints.manifest.is_some_and(|blob| telling.remove(&blob));
    if !is_whole(opened) || !manifest_was_there || telling.is_empty() {
        return Ok(None);
    }
    let incomplete = || Error::incomplete(&at.target.shown);
    for tag in tags {
        let held = history::files_in(&opened.git, tag.commit, &telling).map_err(incomplete())?;
        if held < telling.len() {
            continue;
        }
        let on_a_branch = is_on_a_branch(&opened.git, tag.commit).map_err(incomplete())?;
        if on_a_branch != Some(true) {
            continue;
        }
        let commit = opened.git.find_commit(tag.commit).map_err(incomplete())?;
        let found = match manifests(opened, hints, at, &commit, Asked::AnyVersion) {
            Ok(found) => found,
            Err(Error::ManifestMismatch { .. } | Error::NoManifest { .. }) => continue,
            Err(error) => return Err(error),
        };
        // A tag without a name is that of whatever lies at the root.
        if !found.directory.is_empty() && tag.rank.0 != TagForm::Named {
            continue;
        }
        let best = Agreeing {
            tag,
            found,
            files: held,
        };
        let mut settled = settled_by_tag(opened, at, tags, &[], &best)?;
        settled.evidence.push(evidence(
            EvidenceKind::BlobMatch,
            format!(
                "each of the artifact's {held} file(s) but its manifest is in the commit, byte for byte, and no commit that declares the version was found on a branch"
            ),
        ));
        return Ok(Some(settled));
    }
    Ok(None)
}

/// What the history says where the tag's commit does not hold the published manifest and
/// another commit of the version does: it was tagged after it was published, or anew.
fn packed_elsewhere(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tag: &VersionTag,
) -> Result<Option<Settled>, Error> {
    let Some(manifest) = hints.manifest.filter(|_| is_whole(opened)) else {
        return Ok(None);
    };
    let wanted = BTreeSet::from([manifest]);
    let holds = |commit| {
        let found = history::files_in(&opened.git, commit, &wanted);
        found.map_err(Error::incomplete(&at.target.shown))
    };
    if holds(tag.commit)? > 0 {
        return Ok(None);
    }
    let Some(released) = history::released(&opened.git, hints, at)? else {
        return Ok(None);
    };
    if holds(released.commit)? == 0 {
        return Ok(None);
    }
    let mut evidence_list = released.evidence;
    evidence_list.push(evidence(
        EvidenceKind::TagMatch,
        format!(
            "tag {} names the version and is another commit, {}, which does not hold the published manifest",
            printable(&tag.name, false),
            tag.commit
        ),
    ));
    Ok(Some(Settled {
        commit: released.commit,
        tag: None,
        found: released.found,
        evidence: evidence_list,
    }))
}

/// A commit of the same version soon after the tag that holds more of the artifact's files, the
/// first with most of them: it was tagged before the last of them was committed.
fn packed_later(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    tag: &VersionTag,
) -> Result<Option<Settled>, Error> {
    let incomplete = || Error::incomplete(&at.target.shown);
    let mut telling = hints.files.clone();
    telling.remove(&NOTHING);
    let holds = |commit| history::files_in(&opened.git, commit, &telling);
    let tagged = holds(tag.commit).map_err(incomplete())?;
    if tagged == telling.len() {
        return Ok(None);
    }
    let following = history::following(&opened.git, tag.commit, MAX_LATER).map_err(incomplete())?;
    let mut best: Option<(usize, Oid, Found)> = None;
    for later in following {
        let held = holds(later).map_err(incomplete())?;
        if held <= best.as_ref().map_or(tagged, |(files, ..)| *files) {
            continue;
        }
        let commit = opened.git.find_commit(later).map_err(incomplete())?;
        if let Ok(found) = manifests(opened, hints, at, &commit, Asked::Version) {
            best = Some((held, later, found));
        }
    }
    Ok(best.map(|(files, commit, found)| Settled {
        commit,
        tag: None,
        found,
        evidence: vec![
            evidence(
                EvidenceKind::TagMatch,
                format!(
                    "tag {} names the version and is a commit before, {}, which holds {tagged} of the artifact's files",
                    printable(&tag.name, false),
                    tag.commit
                ),
            ),
            evidence(
                EvidenceKind::BlobMatch,
                format!(
                    "{files} of the artifact's {} file(s) are in the commit, byte for byte; of the {MAX_LATER} that follow the tag none holds more",
                    telling.len()
                ),
            ),
            evidence(
                EvidenceKind::Reachable,
                "a branch leads to the commit".into(),
            ),
        ],
    }))
}

/// Why a tag that names the version is not on the released commit: where the very next commit
/// set the version, it was tagged before that was written; and where no tag names the
/// package and its commit declares the version of another one, the tag is that one's, which lies
/// beside the package, or became it by another name.
fn why_not_tagged(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    released: &Released,
    tags: &[VersionTag],
) -> Result<Option<String>, Error> {
    let shown = |tag: &VersionTag| printable(&tag.name, false);
    if let Some(tag) = tagged_before(opened, hints, at, released, tags)? {
        return Ok(Some(format!(
            "tag {} names the version and is the commit before the one that set it, or one of the same files",
            shown(tag)
        )));
    }
    let git = &opened.git;
    let is_one_of_several = !released.found.directory.is_empty();
    let names_it = |tag: &VersionTag| tag.rank.0 == TagForm::Named;
    let follows = |tag: &VersionTag| git.graph_descendant_of(released.commit, tag.commit);
    let Some(tag) = tags.first().filter(|_| !tags.iter().any(names_it)) else {
        return Ok(None);
    };
    if !is_one_of_several && !follows(tag).map_err(Error::incomplete(&at.target.shown))? {
        return Ok(None);
    }
    let commit = git
        .find_commit(tag.commit)
        .map_err(Error::incomplete(&at.target.shown))?;
    let manifests = Manifests::at(git, &commit, &at.target.shown, &hints.purl)?;
    // What became the package stood where it does now.
    let may_tell = |path: &String| is_one_of_several || !path.contains('/');
    let other = manifests.another_of_the_version()?.filter(may_tell);
    Ok(other.map(|path| {
        let path = printable(&path, false);
        format!(
            "tag {} names the version, which {path} declares there for another package",
            shown(tag)
        )
    }))
}

/// The tag that is on a parent of the commit that set the version, or on a commit of the very files
/// of that, as the merge of the branch on which it was set; where that is the released one or one
/// that leads to it by commits of the version alone.
fn tagged_before<'t>(
    opened: &Opened,
    hints: &SourceHints,
    at: &Candidate,
    released: &Released,
    tags: &'t [VersionTag],
) -> Result<Option<&'t VersionTag>, Error> {
    let incomplete = || Error::incomplete(&at.target.shown);
    let mut id = released.commit;
    for _ in 0..=MAX_LATER {
        let commit = opened.git.find_commit(id).map_err(incomplete())?;
        let parents: Vec<Oid> = commit.parent_ids().collect();
        if let Some(tag) = tags.iter().find(|tag| parents.contains(&tag.commit)) {
            return Ok(Some(tag));
        }
        let [parent] = parents[..] else {
            return Ok(None);
        };
        let tree_of = |commit| Ok(opened.git.find_commit(commit)?.tree_id());
        let files = tree_of(parent).map_err(incomplete())?;
        for tag in tags {
            if tree_of(tag.commit).map_err(incomplete())? == files {
                return Ok(Some(tag));
            }
        }
        let before = opened.git.find_commit(parent).map_err(incomplete())?;
        let before = Manifests::at(&opened.git, &before, &at.target.shown, &hints.purl)?;
        if before.declares(&released.found.directory)?.is_none() {
            return Ok(None);
        }
        id = parent;
    }
    Ok(None)
}

/// Every tag that names the version, best first.
pub(super) fn version_tags(opened: &Opened, hints: &SourceHints) -> Result<Vec<VersionTag>, Error> {
    let doing = "reading the tags";
    let mut found = Vec::new();
    for reference in opened
        .git
        .references_glob("refs/tags/*")
        .map_err(Error::git(doing))?
    {
        let reference = reference.map_err(Error::git(doing))?;
        let Some(name) = tag_name(&reference) else {
            continue;
        };
        if let Some(rank) = tags::rank(&name, &hints.purl)
            && let Ok(commit) = reference.peel_to_commit()
        {
            found.push(VersionTag {
                name,
                commit: commit.id(),
                rank,
            });
        }
    }
    found.sort_by(|a, b| (a.rank, &a.name).cmp(&(b.rank, &b.name)));
    Ok(found)
}

/// The short name of a tag; tags that are not text name no version.
pub(super) fn tag_name(reference: &git2::Reference<'_>) -> Option<String> {
    let name = std::str::from_utf8(reference.name_bytes()).ok()?;
    name.strip_prefix("refs/tags/").map(str::to_owned)
}

fn no_tag(opened: &Opened, hints: &SourceHints, at: &Candidate) -> Result<Error, Error> {
    let mut names = Vec::new();
    for reference in opened
        .git
        .references_glob("refs/tags/*")
        .map_err(Error::git("reading the tags"))?
        .flatten()
    {
        names.extend(tag_name(&reference));
    }
    let last: Vec<_> = names
        .iter()
        .rev()
        .take(SHOWN_TAGS)
        .map(|name| printable(name, false))
        .collect();
    Ok(Error::NoTag {
        repository: at.target.shown.clone(),
        version: hints.purl.version().map_or("", |v| v.as_str()).to_owned(),
        tried: tags::forms(&hints.purl),
        present: if names.is_empty() {
            "it has no tags".into()
        } else {
            format!("it has {} tags, such as {}", names.len(), last.join(", "))
        },
    })
}
