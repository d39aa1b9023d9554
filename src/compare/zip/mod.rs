//! zip (wheels): APPNOTE.TXT 6.3.10. May import `model`; reads the central
//! directory for what an installer sees and every local header for what another
//! reader might see, and never trusts an offset or a size.

pub(super) mod directory;
mod extra;
mod meta;
mod walk;

use std::path::Path;

use super::budget::Budget;
use super::findings::Findings;
use super::listing::{Note, Scan, Stray, Trouble, Wanted, quote};
use super::metadata::pair;
use super::pair::Archive;
use crate::model::{Cause, Severity, Sha256Digest};
use directory::End;
use meta::ZipMeta;

/// The format `zip`.
pub(super) struct Zip;

/// What is around a zip's members.
#[derive(Debug)]
pub(super) struct Around {
    /// Before the first local header.
    prefix: Stray,
    /// Between members, and between the last one and the central directory.
    between: Stray,
    /// Between the central directory's entries and the end record, and after it.
    suffix: Stray,
    /// Where between the members those bytes are.
    gaps: Sha256Digest,
    end: End,
    /// The members' order by offset, as opposed to the central directory's.
    physical_order: Sha256Digest,
}

impl Archive for Zip {
    type Meta = ZipMeta;
    type Around = Around;

    fn walk(
        path: &Path,
        budget: &Budget,
        wanted: &Wanted,
        scan: &mut Scan<ZipMeta, Around>,
    ) -> Result<(), Trouble> {
        walk::walk(path, budget, wanted, scan)
    }

    fn around(published: &Around, rebuilt: &Around, same_members: bool, findings: &mut Findings) {
        for (place, a, b) in [
            (
                "before the first member",
                &published.prefix,
                &rebuilt.prefix,
            ),
            ("between members", &published.between, &rebuilt.between),
            ("after the last member", &published.suffix, &rebuilt.suffix),
        ] {
            if a != b {
                findings.container(Note::new(
                    a.severity(b),
                    Cause::StrayBytes,
                    pair(&format!("bytes {place}"), a, b),
                ));
            }
        }
        if same_members && published.between == rebuilt.between && published.gaps != rebuilt.gaps {
            findings.container(Note::new(
                published.between.severity(&rebuilt.between),
                Cause::StrayBytes,
                "the bytes between members are in other places".to_owned(),
            ));
        }
        let (a, b) = (&published.end, &rebuilt.end);
        if a.comment != b.comment {
            findings.container(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("archive comment", quote(&a.comment), quote(&b.comment)),
            ));
        }
        if a.zip64 != b.zip64 {
            let shown = |zip64: Option<(u16, u16)>| {
                zip64.map_or("none".to_owned(), |(by, needed)| {
                    format!("version made by {by:#06x}, needed {needed}")
                })
            };
            findings.container(Note::new(
                Severity::Metadata,
                Cause::ArchiveWriter,
                pair("zip64 end record", shown(a.zip64), shown(b.zip64)),
            ));
        }
        if a.odd != b.odd {
            let shown = |odd: &[String]| match odd {
                [] => "well-formed".to_owned(),
                odd => odd.join(", "),
            };
            findings.container(Note::new(
                Severity::Payload,
                Cause::Malformed,
                pair("end record", shown(&a.odd), shown(&b.odd)),
            ));
        }
        if same_members && published.physical_order != rebuilt.physical_order {
            findings.container(Note::new(
                Severity::Metadata,
                Cause::Ordering,
                "the members lie in the file in another order than the directory lists them"
                    .to_owned(),
            ));
        }
    }
}
