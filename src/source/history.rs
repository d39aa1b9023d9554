//! A release that nothing names: the commit that set its version, or a later one that
//! holds the artifact's very files.
//!
//! Reads an open repository, upstream's own branches only, within bounds. Only a manifest
//! that writes its version out counts; what it finds was on a branch by construction.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use git2::{Commit, ObjectType, Oid, Repository};

use super::Error;
use super::ladder::evidence;
use super::locate::Candidate;
use super::manifest::{Found, Manifests, plain_folder};
use super::reach::branch_tips;
use crate::model::{BlobId, Evidence, EvidenceKind, SourceHints};

/// The most commits that are asked for their version: the history of a large project.
const MAX_COMMITS: usize = 50_000;

/// The longest that the walk may take.
const MAX_TIME: Duration = Duration::from_secs(60);

/// How many commits are searched for where a package was moved from.
const MAX_MOVES: usize = 20;

/// The most commits of one version whose files are held against the artifact's.
const MAX_COMPARED: usize = 500;

/// What a walk through the history found.
pub(super) struct Released {
    pub(super) commit: Oid,
    pub(super) found: Found,
    pub(super) evidence: Vec<Evidence>,
}

/// A commit whose manifest declares the version.
struct Holder {
    commit: Oid,
    found: Found,
    /// Whether none of its parents declares it.
    sets_it: bool,
}

/// The folders that a package had in the course of time, as far as they are known.
struct Places {
    known: Vec<String>,
    was_seen: bool,
    /// Parents of commits with the package: what they have elsewhere was moved.
    before: BTreeSet<Oid>,
    /// How many of these may still be searched.
    searches: usize,
}

impl Places {
    /// The one that is likely, and the root.
    fn of(likely: Option<&str>) -> Self {
        let likely = likely.and_then(plain_folder).into_iter();
        Self {
            known: likely.chain([String::new()]).collect(),
            was_seen: false,
            before: BTreeSet::new(),
            searches: MAX_MOVES,
        }
    }

    /// What the package's manifest says in one of them, where that has the version.
    fn declares(&self, manifests: &Manifests<'_>) -> Result<Option<Found>, Error> {
        for place in &self.known {
            if let Some(found) = manifests.declares(place)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Looks where the package is at a commit that the walk comes to, where it is in none of them:
    /// until it is seen for the first time, and then where it may have been moved from.
    fn learn(&mut self, commit: &Commit<'_>, manifests: &Manifests<'_>) -> Result<(), Error> {
        let mut is_there = self.are_of(manifests)?;
        let may_be_moved = self.before.remove(&commit.id()) && self.searches > 0;
        if !is_there && (may_be_moved || !self.was_seen) {
            self.searches -= usize::from(self.was_seen);
            let found = match manifests.folder_of_name() {
                // Of what is known already an old tree without bounds takes nothing away.
                Err(Error::Limit { .. } | Error::UnsafeTree { .. }) if self.was_seen => None,
                found => found?,
            };
            is_there = found.is_some();
            self.known.extend(found);
        }
        if is_there {
            self.was_seen = true;
            self.before.extend(commit.parent_ids());
        }
        Ok(())
    }

    /// Whether the package is in one of them.
    fn are_of(&self, manifests: &Manifests<'_>) -> Result<bool, Error> {
        for place in &self.known {
            if manifests.names_it(place)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The commit that the release was most likely made from; none where no commit of a
/// branch declares the version.
///
/// # Errors
/// Those of reading the copy.
pub(super) fn released(
    git: &Repository,
    hints: &SourceHints,
    at: &Candidate,
) -> Result<Option<Released>, Error> {
    let shown = &at.target.shown;
    let whole = Error::incomplete;
    let mut walk = git.revwalk().map_err(whole(shown))?;
    // Parents after their children, so that the oldest holder comes last.
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::TIME)
        .map_err(whole(shown))?;
    for tip in branch_tips(git).map_err(whole(shown))? {
        walk.push(tip).map_err(whole(shown))?;
    }
    let likely = hints.directory.as_deref().or(at.directory.as_deref());
    let mut places = Places::of(likely);
    let mut holders = Vec::new();
    let begun = Instant::now();
    for step in walk.take(MAX_COMMITS) {
        let id = step.map_err(whole(shown))?;
        let commit = git.find_commit(id).map_err(whole(shown))?;
        let manifests = Manifests::at(git, &commit, shown, &hints.purl)?;
        places.learn(&commit, &manifests)?;
        if let Some(found) = places.declares(&manifests)? {
            let mut sets_it = true;
            for parent in commit.parents() {
                let before = Manifests::at(git, &parent, shown, &hints.purl)?;
                sets_it &= places.declares(&before)?.is_none();
            }
            holders.push(Holder {
                commit: id,
                found,
                sets_it,
            });
        }
        if begun.elapsed() > MAX_TIME {
            break;
        }
    }
    choose(git, hints, holders).map_err(whole(shown))
}

/// Of the commits that hold the version, the oldest with most of the artifact's files; where
/// no file tells them apart, the one that set the version.
fn choose(
    git: &Repository,
    hints: &SourceHints,
    holders: Vec<Holder>,
) -> Result<Option<Released>, git2::Error> {
    let mut best: Option<(usize, bool, Holder)> = None;
    let looked_at = holders.len();
    // From the oldest on: a later one must be better, not as good.
    for (nth, holder) in holders.into_iter().rev().enumerate() {
        let matched = if nth < MAX_COMPARED {
            files_in(git, holder.commit, &hints.files)?
        } else {
            0
        };
        let rank = (matched, holder.sets_it);
        if best
            .as_ref()
            .is_none_or(|(files, sets, _)| rank > (*files, *sets))
        {
            best = Some((matched, holder.sets_it, holder));
        }
    }
    Ok(best.map(|(matched, sets_it, holder)| {
        let mut list = vec![evidence(
            EvidenceKind::ManifestHistory,
            format!(
                "no commit is named and no tag fits; {} of the {looked_at} commit(s) of branches that declare the version",
                if sets_it { "it is the one that set it," } else { "it is one" }
            ),
        )];
        if !hints.files.is_empty() {
            list.push(evidence(
                EvidenceKind::BlobMatch,
                format!(
                    "{matched} of the artifact's {} file(s) are in the commit, byte for byte; of the others none holds more",
                    hints.files.len()
                ),
            ));
        }
        list.push(evidence(
            EvidenceKind::Reachable,
            "a branch leads to the commit".into(),
        ));
        Released {
            commit: holder.commit,
            found: holder.found,
            evidence: list,
        }
    }))
}

/// The first commits of upstream's branches that follow this one, the oldest first.
pub(super) fn following(
    git: &Repository,
    commit: Oid,
    most: usize,
) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = git.revwalk()?;
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE)?;
    for tip in branch_tips(git)? {
        walk.push(tip)?;
    }
    walk.hide(commit)?;
    // Parents come before their children, so one look at each is enough.
    let mut after = BTreeSet::from([commit]);
    let mut found = Vec::new();
    for later in walk.take(MAX_COMMITS) {
        let later = later?;
        let follows = git
            .find_commit(later)?
            .parent_ids()
            .any(|parent| after.contains(&parent));
        if follows {
            after.insert(later);
            found.push(later);
        }
        if found.len() == most {
            break;
        }
    }
    Ok(found)
}

/// How many of the files are in a commit's tree, wherever they lie.
pub(super) fn files_in(
    git: &Repository,
    commit: Oid,
    files: &BTreeSet<BlobId>,
) -> Result<usize, git2::Error> {
    if files.is_empty() {
        return Ok(0);
    }
    let mut seen = BTreeSet::new();
    // One tree may lie in many places, and so in more than anybody could walk through.
    let mut walked = BTreeSet::new();
    let mut waiting = vec![git.find_commit(commit)?.tree_id()];
    while let Some(id) = waiting.pop() {
        if !walked.insert(id) {
            continue;
        }
        for entry in &git.find_tree(id)? {
            match (entry.kind(), entry.id().as_bytes().try_into()) {
                (Some(ObjectType::Tree), _) => waiting.push(entry.id()),
                (Some(ObjectType::Blob), Ok(bytes)) => {
                    let blob = BlobId::from_bytes(bytes);
                    if files.contains(&blob) {
                        seen.insert(blob);
                    }
                }
                _ => {}
            }
        }
    }
    Ok(seen.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_of_trees_without_end_is_walked_through_once() {
        let dir = tempfile::tempdir().expect("tempdir");
        let git = Repository::init_bare(dir.path()).expect("a repository");
        let blob = git.blob(b"x").expect("a blob");
        let tree_of = |entry: Oid, mode: i32| {
            let mut builder = git.treebuilder(None).expect("a builder");
            for name in 'a'..='j' {
                let name = name.to_string();
                builder.insert(name, entry, mode).expect("an entry");
            }
            builder.write().expect("a tree")
        };
        // Ten names of ten trees, twelve deep.
        let root = (0..12).fold(tree_of(blob, 0o100_644), |inner, _| {
            tree_of(inner, 0o40_000)
        });
        let who = git2::Signature::now("a", "a@git.example").expect("a name");
        let tree = git.find_tree(root).expect("the tree");
        let commit = git
            .commit(None, &who, &who, "", &tree, &[])
            .expect("a commit");
        let id = |blob: Oid| BlobId::from_bytes(blob.as_bytes().try_into().expect("an id"));
        let other = git.blob(b"y").expect("a blob");
        let files = BTreeSet::from([id(blob), id(other)]);
        assert_eq!(files_in(&git, commit, &files).expect("read"), 1);
    }
}
