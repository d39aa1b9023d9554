//! From hints to a source: which repositories are asked, in which order, and
//! whose answer counts.
//!
//! Opens repositories through `repository` and climbs `ladder` in each; it
//! reads no object itself.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::Error;
use super::address::clean;
use super::ecosystem::packaging;
use super::ladder::{cannot_read, evidence, finish, settle};
use super::place::{Target, target_of, target_of_operator};
use super::repository::{Freshness, open, prepare_libgit2};
use crate::model::{Evidence, EvidenceKind, Source, SourceConfig, SourceHints};

/// Finds sources and lays them out. Blocking; call it from a thread that may wait.
pub struct Sources {
    pub(super) mirror: BTreeMap<String, String>,
    pub(super) cache: PathBuf,
    /// What the operator named, by the name that records give it: a folder's
    /// path is kept out of records, and `checkout` needs it again.
    pub(super) operator: Mutex<HashMap<String, Target>>,
}

/// A place to look, with what points to it.
pub(super) struct Candidate {
    pub(super) target: Target,
    pub(super) directory: Option<String>,
    /// Whether the release's own metadata, or the registry's, says that it is the source.
    pub(super) is_claimed: bool,
    pub(super) evidence: Vec<Evidence>,
}

impl Sources {
    /// Keeps fetched repositories below `cache_dir`.
    pub fn new(config: &SourceConfig, cache_dir: PathBuf) -> Self {
        prepare_libgit2();
        Self {
            mirror: config.mirror.clone(),
            cache: cache_dir,
            operator: Mutex::default(),
        }
    }

    /// Finds the commit that a release was made from. `operator` is what
    /// `--source` names: it is read instead of every repository in the hints.
    ///
    /// # Errors
    /// Facts about the package and faults of the farm, see
    /// [`Error::is_farm_fault`].
    pub fn locate(&self, hints: &SourceHints, operator: Option<&str>) -> Result<Source, Error> {
        let (candidates, passed_over) = match operator {
            Some(text) => (vec![self.named_by_operator(hints, text)?], vec![]),
            None => self.candidates(hints),
        };
        let mut failed: Option<Error> = None;
        for candidate in &candidates {
            match self.look(hints, candidate) {
                Ok(source) => return Ok(source),
                Err(error) => {
                    tracing::debug!(repository = candidate.target.shown, %error, "no source there");
                    let settles = error.is_conclusive();
                    // While one hint could not be read, no other one's refusal
                    // is the answer.
                    if failed
                        .as_ref()
                        .is_none_or(|f| !f.is_farm_fault() && (error.is_farm_fault() || settles))
                    {
                        failed = Some(error);
                    }
                    if settles {
                        break;
                    }
                }
            }
        }
        Err(failed.unwrap_or_else(|| Error::NoRepository {
            package: hints.purl.to_string(),
            looked_at: if passed_over.is_empty() {
                "neither the registry nor the artifact has an address".into()
            } else {
                passed_over.join("; ")
            },
        }))
    }

    /// Where a located source is read from: what the operator named for it in
    /// this process, or the source mirror, or upstream.
    pub(super) fn target(&self, repository: &str) -> Result<Target, Error> {
        let named = self.operator.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = named.get(repository) {
            return Ok(target.clone());
        }
        drop(named);
        target_of(&self.mirror, &clean(repository, false)?.upstream)
    }

    /// Makes `checkout` read `repository` from what the operator names. `locate`
    /// does this by itself; a recipe's source needs it where `--source` is given.
    ///
    /// # Errors
    /// [`Error::BadAddress`] where it is neither a folder nor an address.
    pub fn read_from(&self, repository: &str, operator: &str) -> Result<(), Error> {
        let target = target_of_operator(&self.mirror, operator)?;
        self.remember(repository, target);
        Ok(())
    }

    fn remember(&self, repository: &str, target: Target) {
        self.operator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(repository.to_owned(), target);
    }

    fn named_by_operator(&self, hints: &SourceHints, text: &str) -> Result<Candidate, Error> {
        let target = target_of_operator(&self.mirror, text)?;
        self.remember(&target.shown, target.clone());
        let detail = format!("the operator named {}", target.shown);
        Ok(Candidate {
            // The folder is the package's, wherever its repository is read.
            directory: hints.repositories.iter().find_map(|h| h.directory.clone()),
            is_claimed: false,
            evidence: vec![evidence(EvidenceKind::Operator, detail)],
            target,
        })
    }

    /// The repositories in the hints, each once with everything that points to
    /// it, and the addresses that are none.
    fn candidates(&self, hints: &SourceHints) -> (Vec<Candidate>, Vec<String>) {
        let shorthand = packaging(hints.purl.ecosystem()).has_shorthands();
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut passed_over = Vec::new();
        for hint in &hints.repositories {
            let cleaned = clean(&hint.url, shorthand)
                .and_then(|c| Ok((target_of(&self.mirror, &c.upstream)?, c.directory)));
            let (target, folder) = match cleaned {
                Ok(cleaned) => cleaned,
                Err(Error::BadAddress { text, reason }) => {
                    passed_over.push(format!("{} is `{text}`: {reason}", hint.detail));
                    continue;
                }
                Err(other) => {
                    passed_over.push(other.to_string());
                    continue;
                }
            };
            let pointer = evidence(hint.kind, format!("{} names {}", hint.detail, target.shown));
            let claimed = hint.is_claim && hint.kind != EvidenceKind::RegistryProvenance;
            let directory = hint.directory.clone().or(folder);
            match candidates.iter_mut().find(|c| c.target == target) {
                Some(known) => {
                    known.evidence.push(pointer);
                    known.is_claimed |= claimed;
                    known.directory = known.directory.take().or(directory);
                }
                None => candidates.push(Candidate {
                    target,
                    directory,
                    is_claimed: claimed,
                    evidence: vec![pointer],
                }),
            }
        }
        tell_disagreement(&mut candidates);
        (candidates, passed_over)
    }

    /// Climbs the ladder in one repository, with a cached copy first and with
    /// upstream's present state before anything missing is believed.
    fn look(&self, hints: &SourceHints, candidate: &Candidate) -> Result<Source, Error> {
        let mut opened = open(&self.cache, &candidate.target, Freshness::Cached)?;
        let mut settled = settle(&opened, hints, candidate);
        if let Err(error) = &settled
            && error.may_be_cured_by_fetching()
            && !opened.fresh
        {
            opened = open(&self.cache, &candidate.target, Freshness::Refetched)?;
            settled = settle(&opened, hints, candidate);
        }
        // What is missing from an old or cut-off copy says nothing of upstream.
        let settled = settled.map_err(|error| match (&opened.stale, error) {
            (Some(reason), error) if error.may_be_cured_by_fetching() => {
                cannot_read(candidate, reason.clone())
            }
            (None, error) if error.may_be_cured_by_fetching() && opened.git.is_shallow() => {
                cannot_read(
                    candidate,
                    "the copy is shallow; fetch the whole history".into(),
                )
            }
            (_, error) => error,
        })?;
        finish(&opened, hints, candidate, settled)
    }
}

/// Tells where the verified provenance names a repository, and every field of the metadata
/// that is for it another: the release is then not made from what it claims.
fn tell_disagreement(candidates: &mut [Candidate]) {
    let [attested, others @ ..] = candidates else {
        return;
    };
    let is_attested = attested
        .evidence
        .iter()
        .any(|evidence| evidence.kind == EvidenceKind::RegistryProvenance);
    let claimed: Vec<_> = others
        .iter()
        .filter(|candidate| candidate.is_claimed)
        .map(|candidate| candidate.target.shown.as_str())
        .collect();
    // Hosts of repositories take names in either case, and certificates spell them as the host.
    let same = |shown: &&str| shown.eq_ignore_ascii_case(&attested.target.shown);
    if !is_attested || attested.is_claimed || claimed.is_empty() || claimed.iter().any(same) {
        return;
    }
    let told = evidence(
        EvidenceKind::ProvenanceDoubt,
        format!(
            "the verified provenance names the repository {}, and the metadata {}: they disagree on what the release was made from",
            attested.target.shown,
            claimed.join(" and ")
        ),
    );
    for candidate in candidates {
        candidate.evidence.push(told.clone());
    }
}
