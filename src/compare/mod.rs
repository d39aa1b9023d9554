//! Holds a published file against a rebuilt one: equality of bytes first, then
//! where and why not.
//!
//! May import `model` only. It must never call unequal bytes identical, never
//! answer with an empty list for unequal bytes, never unpack a member under its
//! name, and never hold more of an archive in memory than its limits allow: what
//! it reads may have been made to harm.
//!
//! Every byte of an archive belongs to something that is compared: a member's
//! content, a header field with a name, or a run of bytes outside any member.
//! So when nothing but wrapping is listed, wrapping is all that differs.

mod ar;
mod budget;
mod bytes;
mod content;
mod findings;
mod listing;
mod metadata;
mod normalize;
mod pair;
mod sides;
mod single;
mod sniff;
mod source;
mod stream;
mod tar;
mod zip;

use std::path::{Path, PathBuf};

use budget::Budget;
use content::{Clock, Found, Subject};
use findings::Findings;
use sniff::{Format, HEAD};
use source::SourceFiles;

use crate::model::{
    ArtifactKind, Cause, Comparison, Difference, DifferenceKind, Differs, NESTED, Severity,
    Sha256Digest,
};

pub use budget::Limits;

/// Why two files could not be compared. What is wrong *inside* an artifact is
/// never an error but a difference of kind [`DifferenceKind::Unreadable`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system would not give a file's bytes.
    #[error("cannot read {} to compare it: {source}; check that the file is there, readable and not being written", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
}

/// What is to be compared, and within which bounds.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The published file.
    pub published: &'a Path,
    /// The rebuilt file.
    pub rebuilt: &'a Path,
    /// What kind of artifact both are; [`ArtifactKind::Other`] where that is not known.
    pub kind: ArtifactKind,
    /// How much is read.
    pub limits: Limits,
    /// The folder of the source, where there is one: a published member that the
    /// rebuilt file lacks is looked up in it, by content.
    pub source: Option<&'a Path>,
}

impl<'a> Request<'a> {
    /// Holds `published` against `rebuilt` within the usual limits.
    pub fn new(published: &'a Path, rebuilt: &'a Path, kind: ArtifactKind) -> Self {
        Self {
            published,
            rebuilt,
            kind,
            limits: Limits::default(),
            source: None,
        }
    }
}

/// Holds two files against each other.
///
/// # Errors
/// [`Error::Read`] where one of the files cannot be read at all.
pub fn compare(request: &Request<'_>) -> Result<Comparison, Error> {
    let [published, rebuilt] = bytes::hash_files([request.published, request.rebuilt])?;
    if published == rebuilt {
        return Ok(Comparison::Identical { sha256: published });
    }
    let differs = explain(request, published, rebuilt)?;
    Ok(Comparison::Differs(Box::new(differs)))
}

/// Says where two files differ that are known not to be the same.
fn explain(
    request: &Request<'_>,
    published: Sha256Digest,
    rebuilt: Sha256Digest,
) -> Result<Differs, Error> {
    let source = request.source.map(SourceFiles::read).transpose()?;
    let mut job = Job {
        published: request.published,
        rebuilt: request.rebuilt,
        kind: request.kind,
        budget: Budget::new(&request.limits),
        source: source.as_ref(),
        prefix: String::new(),
        depth: 0,
        clock: Clock::start(),
    };
    let formats = [format_of(request.published)?, format_of(request.rebuilt)?];
    let mut findings = match unexpected(request.kind, formats) {
        Some(findings) => findings,
        None => match archives_of(&mut job, formats) {
            Some(findings) => findings,
            None => whole_files(&mut job, formats),
        },
    };
    if findings.is_empty() {
        findings.add(bytes_differ(request.published, request.rebuilt)?);
    }
    let mut differs = findings.into_differs(published, rebuilt);
    let paths = [request.published, request.rebuilt];
    differs.equivalence = normalize::equivalence(paths, formats, &differs, &job.budget);
    Ok(differs)
}

/// One pair of files on its way through the room: the two artifacts, or two of
/// their members that are archives themselves.
struct Job<'a> {
    published: &'a Path,
    rebuilt: &'a Path,
    kind: ArtifactKind,
    budget: Budget,
    source: Option<&'a SourceFiles>,
    /// The path of the archive that is looked into; empty for the artifact.
    prefix: String,
    depth: usize,
    clock: Clock,
}

impl Job<'_> {
    /// The same job one level further in. A member is of no known kind.
    fn inside<'b>(&'b self, path: &str, published: &'b Path, rebuilt: &'b Path) -> Job<'b> {
        Job {
            published,
            rebuilt,
            kind: ArtifactKind::Other,
            budget: self.budget.inside(),
            source: self.source,
            prefix: self.full_path(path),
            depth: self.depth + 1,
            clock: self.clock.clone(),
        }
    }

    fn full_path(&self, path: &str) -> String {
        if self.prefix.is_empty() {
            path.to_owned()
        } else {
            format!("{}{NESTED}{path}", self.prefix)
        }
    }

    /// Whether the source has a file with these bytes, where there is a source.
    fn source_has(&self, sha256: &Sha256Digest) -> Option<bool> {
        self.source.map(|files| files.contains(sha256))
    }

    fn describe(&mut self, subject: &Subject<'_>) -> Vec<Found> {
        content::describe(subject, &mut self.clock)
    }
}

/// Holds two archives against each other, where their formats allow it.
fn archives_of(job: &mut Job<'_>, formats: [Format; 2]) -> Option<Findings> {
    match formats {
        _ if expects_zip(job.kind) => Some(pair::archives::<zip::Zip>(job)),
        [Format::Zip, Format::Zip] => Some(pair::archives::<zip::Zip>(job)),
        [Format::Ar, Format::Ar] => Some(pair::archives::<ar::Ar>(job)),
        [a, b] if a.is_stream() && b.is_stream() => {
            let inside = [job.published, job.rebuilt]
                .map(|path| stream::format_inside(path, &job.budget).ok());
            // A stream that cannot be read is walked as what it should be, so that
            // the walk says what is wrong with it.
            let is_tar = inside.contains(&Some(Format::Tar)) || expects_tar(job.kind);
            Some(if is_tar {
                pair::archives::<tar::Tar>(job)
            } else {
                pair::archives::<single::Single>(job)
            })
        }
        _ => None,
    }
}

const fn expects_zip(kind: ArtifactKind) -> bool {
    matches!(kind, ArtifactKind::PureWheel | ArtifactKind::PlatformWheel)
}

const fn expects_tar(kind: ArtifactKind) -> bool {
    matches!(
        kind,
        ArtifactKind::Crate | ArtifactKind::Sdist | ArtifactKind::NpmTarball
    )
}

fn format_of(path: &Path) -> Result<Format, Error> {
    bytes::head(path, HEAD).map(|head| Format::of(&head))
}

/// What is said where a file is not what its kind demands.
fn unexpected(kind: ArtifactKind, formats: [Format; 2]) -> Option<Findings> {
    let demanded: &[Format] = match kind {
        ArtifactKind::Crate | ArtifactKind::NpmTarball => &[Format::Gzip],
        // Sdists were zips before PEP 527, and are gzipped tars since.
        ArtifactKind::Sdist => &[Format::Gzip, Format::Zip],
        ArtifactKind::ZipSdist => &[Format::Zip],
        // A zip may have anything before it, so its reader has to say.
        ArtifactKind::PureWheel | ArtifactKind::PlatformWheel | ArtifactKind::Other => return None,
    };
    let mut findings = Findings::new(2);
    for (side, format) in ["published", "rebuilt"].into_iter().zip(formats) {
        if !demanded.contains(&format) {
            findings.add(Difference {
                path: String::new(),
                kind: DifferenceKind::Unreadable,
                cause: Cause::Malformed,
                severity: Severity::Payload,
                detail: format!(
                    "the {side} file is not what its name says: {} instead of {}",
                    format.name(),
                    demanded[0].name()
                ),
                diff: None,
            });
        }
    }
    (!findings.is_empty()).then_some(findings)
}

/// Two files that are no archives, or archives of two formats.
fn whole_files(job: &mut Job<'_>, formats: [Format; 2]) -> Findings {
    let mut findings = Findings::new(job.budget.limits().listed);
    if formats[0] != formats[1] {
        findings.add(Difference {
            path: String::new(),
            kind: DifferenceKind::Container,
            cause: Cause::CodeChanged,
            severity: Severity::Payload,
            detail: metadata::pair("format", formats[0].name(), formats[1].name()),
            diff: None,
        });
        return findings;
    }
    findings.absorb_whole(pair::archives::<single::Single>(job));
    findings
}

/// The last resort: where the bytes part, and nothing about why. Nothing is
/// known of them, so they may be anything.
fn bytes_differ(published: &Path, rebuilt: &Path) -> Result<Difference, Error> {
    let detail = match bytes::first_difference(published, rebuilt)? {
        Some(first) => first.to_string(),
        // The digests differed a moment ago, so a file is being written to.
        None => "the files changed while they were compared".to_owned(),
    };
    Ok(Difference {
        path: String::new(),
        kind: DifferenceKind::Container,
        cause: Cause::Unknown,
        severity: Severity::Payload,
        detail,
        diff: None,
    })
}

/// SHA-256 of a comparison's JSON form: how a statement names a comparison
/// without holding it.
pub fn digest(comparison: &Comparison) -> Sha256Digest {
    Sha256Digest::of(
        serde_json::to_vec(comparison).expect("a comparison is plain data and serialises"),
    )
}

#[cfg(test)]
mod tests;
