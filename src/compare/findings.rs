//! The bounded list of differences: worst first, the rest counted by cause. May
//! import `model`; never drops a worse difference for a lesser one.

use std::collections::BTreeMap;

use super::listing::Note;
use crate::model::{
    Cause, CauseCount, Difference, DifferenceKind, Differs, Severity, Sha256Digest,
};

/// A difference that is still being described.
#[derive(Debug)]
pub(super) struct Finding {
    pub difference: Difference,
    /// The two members whose content is to be held against each other, by
    /// their place in the published and in the rebuilt archive.
    pub content: Option<(usize, usize)>,
    /// A member that is in the published file and nowhere else, the source
    /// included: first of all.
    pub unsourced: bool,
}

impl Finding {
    pub(super) const fn plain(difference: Difference) -> Self {
        Self {
            difference,
            content: None,
            unsourced: false,
        }
    }
}

/// Gathers differences within a bound.
#[derive(Debug)]
pub(super) struct Findings {
    limit: usize,
    kept: Vec<Finding>,
    /// Those that were not kept.
    dropped: BTreeMap<Cause, (Severity, usize)>,
}

impl Findings {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            // An empty list for unequal files must be impossible.
            limit: limit.max(1),
            kept: Vec::new(),
            dropped: BTreeMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.add_finding(Finding::plain(difference));
    }

    pub(super) fn add_finding(&mut self, finding: Finding) {
        self.kept.push(finding);
        // Twice the bound before sorting, so that each difference costs the
        // logarithm of the bound at most.
        if self.kept.len() >= self.limit * 2 {
            self.keep_worst();
        }
    }

    /// A difference of the archive itself, not of one member.
    pub(super) fn container(&mut self, note: Note) {
        self.add(Difference {
            path: String::new(),
            kind: DifferenceKind::Container,
            cause: note.cause,
            severity: note.severity,
            detail: note.detail,
            diff: None,
        });
    }

    /// Takes over what was found one level further in, below `path`.
    pub(super) fn absorb(&mut self, inner: Self, path: &str) {
        for (cause, (severity, count)) in inner.dropped {
            count_in(&mut self.dropped, cause, severity, count);
        }
        for mut finding in inner.kept {
            let at = &mut finding.difference.path;
            *at = if at.is_empty() {
                path.to_owned()
            } else {
                format!("{path}{}{at}", crate::model::NESTED)
            };
            self.add_finding(finding);
        }
    }

    /// Takes over what was found of the only content of a file that is no archive:
    /// it is the file itself that differs.
    pub(super) fn absorb_whole(&mut self, mut inner: Self) {
        for finding in &mut inner.kept {
            finding.difference.path.clear();
        }
        self.absorb(inner, "");
    }

    /// Sorts and cuts to the bound.
    pub(super) fn keep_worst(&mut self) {
        self.kept.sort_by(|a, b| rank(a).cmp(&rank(b)));
        for finding in self.kept.drain(self.limit.min(self.kept.len())..) {
            let Difference {
                cause, severity, ..
            } = finding.difference;
            count_in(&mut self.dropped, cause, severity, 1);
        }
    }

    /// Takes out the differences whose content is still to be looked at.
    pub(super) fn take_contents(&mut self) -> Vec<Finding> {
        self.keep_worst();
        let (contents, rest) = std::mem::take(&mut self.kept)
            .into_iter()
            .partition(|finding| finding.content.is_some());
        self.kept = rest;
        contents
    }

    pub(super) fn into_differs(
        mut self,
        published: Sha256Digest,
        rebuilt: Sha256Digest,
    ) -> Differs {
        self.keep_worst();
        let omitted = self.dropped.values().map(|(_, count)| count).sum();
        let mut counts = self.dropped;
        for finding in &self.kept {
            let Difference {
                cause, severity, ..
            } = finding.difference;
            count_in(&mut counts, cause, severity, 1);
        }
        let mut causes: Vec<CauseCount> = counts
            .into_iter()
            .map(|(cause, (severity, count))| CauseCount {
                cause,
                severity,
                count,
            })
            .collect();
        causes.sort_by_key(|c| (c.severity, c.cause));
        Differs {
            published,
            rebuilt,
            differences: self.kept.into_iter().map(|f| f.difference).collect(),
            omitted,
            causes,
            equivalence: None,
        }
    }
}

fn count_in(
    counts: &mut BTreeMap<Cause, (Severity, usize)>,
    cause: Cause,
    severity: Severity,
    more: usize,
) {
    let (worst, count) = counts.entry(cause).or_insert((severity, 0));
    *worst = severity.min(*worst);
    *count += more;
}

/// Worst first: severity, then what a person should look at first. A member
/// that only the published file has comes before all others, and before them one
/// that the source does not have either.
fn rank(finding: &Finding) -> (Severity, u8, &str) {
    let difference = &finding.difference;
    let kind = match difference.kind {
        DifferenceKind::ExtraMember if finding.unsourced => 0,
        DifferenceKind::ExtraMember => 1,
        DifferenceKind::Unreadable => 2,
        DifferenceKind::MissingMember => 3,
        DifferenceKind::Content => 4,
        DifferenceKind::MemberMetadata => 5,
        DifferenceKind::Order => 6,
        DifferenceKind::Container => 7,
    };
    (difference.severity, kind, &difference.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(path: &str, kind: DifferenceKind, severity: Severity) -> Difference {
        Difference {
            path: path.into(),
            kind,
            cause: Cause::Unknown,
            severity,
            detail: String::new(),
            diff: None,
        }
    }

    #[test]
    fn the_worst_is_kept_however_late_it_comes() {
        let mut findings = Findings::new(3);
        for i in 0..50 {
            findings.add(difference(
                &format!("m{i:02}"),
                DifferenceKind::MemberMetadata,
                Severity::Metadata,
            ));
        }
        findings.add(difference("c", DifferenceKind::Content, Severity::Payload));
        findings.add(difference(
            "x",
            DifferenceKind::ExtraMember,
            Severity::Payload,
        ));
        let digest = Sha256Digest::of(b"");
        let differs = findings.into_differs(digest, digest);
        let paths: Vec<&str> = differs
            .differences
            .iter()
            .map(|d| d.path.as_str())
            .collect();
        assert_eq!(paths, ["x", "c", "m00"]);
        assert_eq!(differs.omitted, 49);
        assert_eq!(
            differs.causes,
            [CauseCount {
                cause: Cause::Unknown,
                severity: Severity::Payload,
                count: 52
            }]
        );
    }

    #[test]
    fn what_was_found_further_in_is_named_by_its_whole_path() {
        let mut inner = Findings::new(9);
        inner.add(difference("b", DifferenceKind::Content, Severity::Payload));
        inner.add(difference(
            "",
            DifferenceKind::Container,
            Severity::Metadata,
        ));
        let mut outer = Findings::new(9);
        outer.absorb(inner, "data.tar.xz");
        let digest = Sha256Digest::of(b"");
        let paths: Vec<String> = outer
            .into_differs(digest, digest)
            .differences
            .into_iter()
            .map(|d| d.path)
            .collect();
        assert_eq!(paths, ["data.tar.xz!/b", "data.tar.xz"]);
    }
}
