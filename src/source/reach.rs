//! Whether upstream vouches for a commit: a branch or a tag leads to it.
//!
//! Reads a repository's own branches and tags only. `refs/pull`, `refs/merge`
//! and the remotes of forks do not count: whoever opens a pull request puts a
//! commit there. The files of such a commit are upstream's where upstream has a
//! commit of the same tree; its message, author and dates are not.

use std::time::{Duration, Instant};

use git2::{Oid, Repository};

/// What leads to a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// A branch does.
    Branch,
    /// A tag does, and no branch.
    TagOnly,
    /// A tag does; the branches are too long to say.
    Tag,
    /// Nothing does, and something leads to this commit, which has the same tree (see
    /// [`reach_of_tree`]): as where a release is made from a branch whose commits are
    /// squashed into one.
    Twin(Oid),
    /// Nothing does.
    Nothing,
}

/// Branches of a bare copy, and those that a clone of upstream keeps.
const BRANCHES: [&str; 2] = ["refs/heads/*", "refs/remotes/origin/*"];
const TAGS: &str = "refs/tags/*";

/// The longest that a walk may take where it decides; several million commits.
pub(crate) const MAX_WALK: Duration = Duration::from_secs(120);

/// The longest that a walk may take where it only adds a remark.
const MAX_REMARK: Duration = Duration::from_millis(500);

/// How many commits are walked between two looks at the clock.
const STRIDE: usize = 1024;

enum Walk {
    Found(Oid),
    NotFound,
    TimedOut,
}

/// Finds what leads to `commit`; `None` where the walk took too long to say.
///
/// # Errors
/// libgit2's, for a repository that lacks objects.
pub(crate) fn reach(repository: &Repository, commit: Oid) -> Result<Option<Reach>, git2::Error> {
    let branches = tips(repository, &BRANCHES)?;
    let tags = tips(repository, &[TAGS])?;
    // A tag on the commit itself settles it; whether a branch holds it as well
    // is worth a short look.
    let is_tagged = tags.contains(&commit);
    let limit = if is_tagged { MAX_REMARK } else { MAX_WALK };
    let on_branch = walk(repository, &branches, commit, limit)?;
    Ok(match (on_branch, is_tagged) {
        (Walk::Found(_), _) => Some(Reach::Branch),
        (Walk::NotFound, true) => Some(Reach::TagOnly),
        (Walk::TimedOut, true) => Some(Reach::Tag),
        (Walk::TimedOut, false) => None,
        (Walk::NotFound, false) => match walk(repository, &tags, commit, MAX_WALK)? {
            Walk::Found(_) => Some(Reach::TagOnly),
            Walk::NotFound => Some(Reach::Nothing),
            Walk::TimedOut => None,
        },
    })
}

/// Whether a branch leads to `commit`, whatever tags do; `None` where the walk took too long to
/// say.
///
/// # Errors
/// libgit2's, for a repository that lacks objects.
pub(super) fn is_on_a_branch(
    repository: &Repository,
    commit: Oid,
) -> Result<Option<bool>, git2::Error> {
    Ok(
        match walk(repository, &branch_tips(repository)?, commit, MAX_WALK)? {
            Walk::Found(_) => Some(true),
            Walk::NotFound => Some(false),
            Walk::TimedOut => None,
        },
    )
}

/// Finds a commit that a branch or a tag leads to and whose tree is that of `commit`; `None`
/// where the walk took too long to say.
///
/// # Errors
/// libgit2's, for a repository that lacks objects.
pub(crate) fn reach_of_tree(
    repository: &Repository,
    commit: Oid,
) -> Result<Option<Reach>, git2::Error> {
    let globs = [&BRANCHES[..], &[TAGS]].concat();
    let tips = tips(repository, &globs)?;
    let tree = repository.find_commit(commit)?.tree_id();
    let has_that_tree = |id| Ok(repository.find_commit(id)?.tree_id() == tree);
    Ok(match find(repository, &tips, MAX_WALK, has_that_tree)? {
        Walk::Found(twin) => Some(Reach::Twin(twin)),
        Walk::NotFound => Some(Reach::Nothing),
        Walk::TimedOut => None,
    })
}

/// The commits that upstream's own branches end in.
///
/// # Errors
/// libgit2's, for a repository that lacks objects.
pub(super) fn branch_tips(repository: &Repository) -> Result<Vec<Oid>, git2::Error> {
    tips(repository, &BRANCHES)
}

/// The commits that references point to, through annotated tags.
fn tips(repository: &Repository, globs: &[&str]) -> Result<Vec<Oid>, git2::Error> {
    let mut tips = Vec::new();
    for glob in globs {
        for reference in repository.references_glob(glob)? {
            // A reference to a tree or blob, or to nothing, leads to no commit.
            if let Ok(commit) = reference?.peel_to_commit() {
                tips.push(commit.id());
            }
        }
    }
    tips.sort_unstable();
    tips.dedup();
    Ok(tips)
}

fn walk(
    repository: &Repository,
    tips: &[Oid],
    commit: Oid,
    limit: Duration,
) -> Result<Walk, git2::Error> {
    if tips.contains(&commit) {
        return Ok(Walk::Found(commit));
    }
    find(repository, tips, limit, |id| Ok(id == commit))
}

/// The first commit that the tips lead to and that is meant.
fn find(
    repository: &Repository,
    tips: &[Oid],
    limit: Duration,
    is_meant: impl Fn(Oid) -> Result<bool, git2::Error>,
) -> Result<Walk, git2::Error> {
    let started = Instant::now();
    let mut walk = repository.revwalk()?;
    for tip in tips {
        walk.push(*tip)?;
    }
    for (count, step) in walk.enumerate() {
        let id = step?;
        if is_meant(id)? {
            return Ok(Walk::Found(id));
        }
        if count % STRIDE == 0 && started.elapsed() > limit {
            return Ok(Walk::TimedOut);
        }
    }
    Ok(Walk::NotFound)
}
