//! Two archives of one format, member by member. May import `model`; knows no
//! format, and never lets two members pass as one.

use std::collections::BTreeMap;
use std::path::Path;

use super::Job;
use super::budget::Budget;
use super::content::{Side, Subject};
use super::findings::{Finding, Findings};
use super::listing::{Held, Member, Meta, Note, Scan, Trouble, Want, Wanted, show};
use super::metadata::{leads_out, pair};
use super::sides;
use super::sniff::Format;
use crate::model::{Cause, Difference, DifferenceKind, Severity};

/// An archive format.
pub(super) trait Archive {
    /// What it says of a member.
    type Meta: Meta + Send;
    /// What is around its members.
    type Around: Send;

    /// Walks a file, and ends where it cannot be read on.
    fn walk(
        path: &Path,
        budget: &Budget,
        wanted: &Wanted,
        scan: &mut Scan<Self::Meta, Self::Around>,
    ) -> Result<(), Trouble>;

    /// Walks a file. Whatever is wrong with it becomes the scan's trouble.
    fn scan(path: &Path, budget: &Budget, wanted: &Wanted) -> Scan<Self::Meta, Self::Around> {
        let mut scan = Scan::new();
        if let Err(trouble) = Self::walk(path, budget, wanted, &mut scan) {
            scan.trouble = Some(trouble);
        }
        scan
    }

    /// The part of a member's name that says what it is, where the rest only says how it is
    /// compressed.
    fn base_name(_name: &[u8]) -> Option<&[u8]> {
        None
    }

    /// Adds what differs around the members.
    fn around(
        published: &Self::Around,
        rebuilt: &Self::Around,
        same_members: bool,
        findings: &mut Findings,
    );
}

/// Every difference between two archives, described.
pub(super) fn archives<A: Archive>(job: &mut Job<'_>) -> Findings {
    let mut findings = Findings::new(job.budget.limits().listed);
    let [a, b] = scan_both::<A>(job, [&Wanted::new(), &Wanted::new()]);
    let pairs = Pairs::of::<A>(&a.members, &b.members);
    let whole = a.trouble.is_none() && b.trouble.is_none();
    for (side, scan) in [("published", &a), ("rebuilt", &b)] {
        if let Some(trouble) = &scan.trouble {
            unreadable(side, &trouble.0, &mut findings);
        }
    }
    if whole {
        pairs.unmatched(&a.members, &b.members, job, &mut findings);
        pairs.order(&a.members, &b.members, &mut findings);
    }
    for &(i, j) in &pairs.both {
        members(i, j, &a.members[i], &b.members[j], &mut findings);
    }
    if let (Some(around_a), Some(around_b)) = (&a.wrapping, &b.wrapping) {
        let same_members = pairs.is_identity(a.members.len(), b.members.len());
        A::around(around_a, around_b, same_members, &mut findings);
    }
    describe_contents::<A>([&a.members, &b.members], job, &mut findings);
    findings
}

/// Walks both files: they are read independently of each other.
fn scan_both<A: Archive>(job: &Job<'_>, [a, b]: [&Wanted; 2]) -> [Scan<A::Meta, A::Around>; 2] {
    let weight = sides::weight([job.published, job.rebuilt]);
    let each = [(job.published, a), (job.rebuilt, b)];
    sides::both(weight, each, |(path, wanted)| {
        A::scan(path, &job.budget, wanted)
    })
}

fn unreadable(side: &str, trouble: &str, findings: &mut Findings) {
    findings.add(Difference {
        path: String::new(),
        kind: DifferenceKind::Unreadable,
        cause: Cause::Malformed,
        severity: Severity::Payload,
        detail: format!("the {side} file cannot be read whole: {trouble}"),
        diff: None,
    });
}

/// Which member answers to which: equal names, the first to the first, the
/// second to the second; then, of those left, equal names but for the compressor.
struct Pairs {
    both: Vec<(usize, usize)>,
    only_published: Vec<usize>,
    only_rebuilt: Vec<usize>,
}

impl Pairs {
    fn of<A: Archive>(published: &[Member<A::Meta>], rebuilt: &[Member<A::Meta>]) -> Self {
        let mut waiting: BTreeMap<&[u8], std::collections::VecDeque<usize>> = BTreeMap::new();
        for (j, member) in rebuilt.iter().enumerate() {
            waiting.entry(&member.name).or_default().push_back(j);
        }
        let mut pairs = Self {
            both: Vec::new(),
            only_published: Vec::new(),
            only_rebuilt: Vec::new(),
        };
        for (i, member) in published.iter().enumerate() {
            let answer = waiting.get_mut(member.name.as_slice());
            match answer.and_then(std::collections::VecDeque::pop_front) {
                Some(j) => pairs.both.push((i, j)),
                None => pairs.only_published.push(i),
            }
        }
        pairs.only_rebuilt = waiting.into_values().flatten().collect();
        pairs.only_rebuilt.sort_unstable();
        let Self {
            both,
            only_published,
            only_rebuilt,
        } = &mut pairs;
        only_published.retain(|&i| {
            let base = A::base_name(&published[i].name);
            let answer = base.and_then(|base| {
                only_rebuilt
                    .iter()
                    .position(|&j| A::base_name(&rebuilt[j].name) == Some(base))
            });
            if let Some(at) = answer {
                both.push((i, only_rebuilt.remove(at)));
            }
            answer.is_none()
        });
        both.sort_unstable();
        pairs
    }

    /// Whether both have the same names in the same order.
    fn is_identity(&self, published: usize, rebuilt: usize) -> bool {
        published == rebuilt
            && self.both.len() == published
            && self.both.iter().all(|(i, j)| i == j)
    }

    fn unmatched<M: Meta>(
        &self,
        published: &[Member<M>],
        rebuilt: &[Member<M>],
        job: &Job<'_>,
        findings: &mut Findings,
    ) {
        for (nth, &i) in self.only_published.iter().enumerate() {
            let again = nth < NAMESAKES && has_name(rebuilt, &published[i].name);
            let mut finding = one_sided(&published[i], DifferenceKind::ExtraMember, again);
            match job.source_has(&published[i].body.sha256) {
                Some(true) => finding
                    .difference
                    .detail
                    .push_str("; the source has these bytes"),
                Some(false) => {
                    finding.unsourced = true;
                    finding
                        .difference
                        .detail
                        .push_str("; not in the source either");
                }
                None => {}
            }
            findings.add_finding(finding);
        }
        for (nth, &j) in self.only_rebuilt.iter().enumerate() {
            let again = nth < NAMESAKES && has_name(published, &rebuilt[j].name);
            findings.add_finding(one_sided(&rebuilt[j], DifferenceKind::MissingMember, again));
        }
    }

    /// The members that both have, in the order of each. A link makes order
    /// matter: what is written through it depends on what came before.
    fn order<M: Meta>(
        &self,
        published: &[Member<M>],
        rebuilt: &[Member<M>],
        findings: &mut Findings,
    ) {
        let mut in_rebuilt: Vec<usize> = self.both.iter().map(|&(_, j)| j).collect();
        if in_rebuilt.is_sorted() {
            return;
        }
        let answers: Vec<usize> = in_rebuilt.clone();
        in_rebuilt.sort_unstable();
        let first = answers
            .iter()
            .zip(&in_rebuilt)
            .position(|(a, b)| a != b)
            .unwrap_or_default();
        let links = [published, rebuilt]
            .iter()
            .any(|members| members.iter().any(|m| m.meta.is_link()));
        findings.add(Difference {
            path: String::new(),
            kind: DifferenceKind::Order,
            cause: Cause::Ordering,
            severity: if links {
                Severity::Payload
            } else {
                Severity::Metadata
            },
            detail: format!(
                "members are in another order, first at place {} of those that both have: published `{}`, rebuilt `{}`",
                first + 1,
                show(&published[self.both[first].0].name),
                show(&rebuilt[in_rebuilt[first]].name)
            ),
            diff: None,
        });
    }
}

/// How many unmatched members are looked up by name on the other side: looking is
/// linear, and what is beyond the listed ones is counted, not read.
const NAMESAKES: usize = 200;

fn has_name<M>(members: &[Member<M>], name: &[u8]) -> bool {
    members.iter().any(|member| member.name == name)
}

/// A member that one side has and the other has not, or not as often.
fn one_sided<M: Meta>(member: &Member<M>, kind: DifferenceKind, again: bool) -> Finding {
    let (cause, here, there) = match kind {
        DifferenceKind::ExtraMember => (Cause::ExtraMember, "published", "rebuilt"),
        _ => (Cause::MissingMember, "rebuilt", "published"),
    };
    let what = if again {
        format!("more often in the {here} file than in the {there} one")
    } else {
        format!("only in the {here} file")
    };
    let mut detail = format!(
        "{what}: {}, {} bytes, sha256 {}",
        member.meta.describe(),
        member.body.size,
        member.body.sha256
    );
    if leads_out(&[], &member.name) {
        detail.push_str("; its name leads out of where the archive is unpacked");
    }
    if member.meta.links_out(&member.name) {
        detail.push_str("; it links out of where the archive is unpacked");
    }
    Finding::plain(Difference {
        path: show(&member.name),
        kind,
        cause,
        severity: Severity::Payload,
        detail,
        diff: None,
    })
}

fn members<M: Meta>(
    i: usize,
    j: usize,
    published: &Member<M>,
    rebuilt: &Member<M>,
    findings: &mut Findings,
) {
    let same_content = published.body.sha256 == rebuilt.body.sha256;
    let path = || show(&published.name);
    if !same_content {
        findings.add_finding(Finding {
            difference: Difference {
                path: path(),
                kind: DifferenceKind::Content,
                // Until its content was looked at, it is taken for the worst.
                cause: Cause::Unknown,
                severity: Severity::Payload,
                detail: "the content differs".to_owned(),
                diff: None,
            },
            content: Some((i, j)),
            unsourced: false,
        });
    }
    let renamed = (published.name != rebuilt.name).then(|| {
        // The rest of the name is the same: see [`Archive::base_name`].
        let detail = pair("name", show(&published.name), show(&rebuilt.name));
        Note::new(Severity::Metadata, Cause::Compressor, detail)
    });
    let notes = published.meta.differences(&rebuilt.meta, same_content);
    for note in renamed.into_iter().chain(notes) {
        findings.add(Difference {
            path: path(),
            kind: DifferenceKind::MemberMetadata,
            cause: note.cause,
            severity: note.severity,
            detail: note.detail,
            diff: None,
        });
    }
}

/// Walks both archives once more for the bytes of what will be listed, and says
/// what differs in each.
fn describe_contents<A: Archive>(
    members: [&[Member<A::Meta>]; 2],
    job: &mut Job<'_>,
    findings: &mut Findings,
) {
    let contents = findings.take_contents();
    if contents.is_empty() {
        return;
    }
    let places: Vec<(usize, usize)> = contents.iter().filter_map(|f| f.content).collect();
    let wanted = wanted_of(members, &places, job);
    let captured = scan_both::<A>(job, [&wanted[0], &wanted[1]]).map(|scan| scan.captured);
    let none = Held::default();
    for (finding, (i, j)) in contents.into_iter().zip(places) {
        let held = [
            captured[0].get(&i).unwrap_or(&none),
            captured[1].get(&j).unwrap_or(&none),
        ];
        let bodies = [&members[0][i].body, &members[1][j].body];
        let path = finding.difference.path.clone();
        if let Some(inner) = look_inside(&path, bodies.map(|body| body.format), held, job) {
            findings.absorb(inner, &path);
            continue;
        }
        let side = |n: usize| Side {
            size: bodies[n].size,
            sha256: bodies[n].sha256,
            format: bodies[n].format,
            held: &held[n].bytes,
            file: held[n].file.as_ref().map(tempfile::NamedTempFile::as_file),
        };
        let start = match wanted[0].get(&i) {
            Some(Want::Range(range) | Want::Spool(range)) => range.start,
            None => 0,
        };
        let subject = Subject {
            path: &job.full_path(&path),
            kind: job.kind,
            published: side(0),
            rebuilt: side(1),
            start,
        };
        for found in job.describe(&subject) {
            findings.add(Difference {
                path: path.clone(),
                kind: DifferenceKind::Content,
                cause: found.cause,
                severity: found.severity,
                detail: found.detail,
                diff: found.diff,
            });
        }
    }
}

/// What to keep of each pair of unequal members: all of it where it is small, the
/// first part that differs where it is not, and a file where a format is looked into.
fn wanted_of<M>(
    members: [&[Member<M>]; 2],
    places: &[(usize, usize)],
    job: &Job<'_>,
) -> [Wanted; 2] {
    let limits = job.budget.limits();
    let mut wanted = [Wanted::new(), Wanted::new()];
    let mut held = 0;
    for &(i, j) in places {
        let (a, b) = (&members[0][i].body, &members[1][j].body);
        let fits =
            a.size.max(b.size) <= limits.held && held + a.size + b.size <= limits.held_together;
        let range = if fits {
            held += a.size + b.size;
            0..a.size.max(b.size)
        } else {
            a.first_differing_block(b)
        };
        let formats = [a.format, b.format];
        let spool = can_look_inside(formats) || formats == [Format::Elf, Format::Elf];
        for (side, index) in [i, j].into_iter().enumerate() {
            let want = if spool {
                Want::Spool(range.clone())
            } else {
                Want::Range(range.clone())
            };
            wanted[side].insert(index, want);
        }
    }
    wanted
}

/// Whether two formats can be held against each other member by member.
fn can_look_inside([a, b]: [Format; 2]) -> bool {
    a.is_stream() && b.is_stream() || a == b && a.is_container()
}

/// The differences within two members that are archives themselves.
fn look_inside(
    path: &str,
    formats: [Format; 2],
    held: [&Held; 2],
    job: &mut Job<'_>,
) -> Option<Findings> {
    if !can_look_inside(formats) || job.depth + 1 >= job.budget.limits().depth {
        return None;
    }
    let [published, rebuilt] = held.map(|held| held.file.as_ref());
    let mut inner = job.inside(path, published?.path(), rebuilt?.path());
    let findings = super::archives_of(&mut inner, formats)?;
    // Nothing found of unequal bytes would be nothing said of them.
    (!findings.is_empty()).then_some(findings)
}
