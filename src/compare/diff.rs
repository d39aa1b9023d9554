//! Two archives that were read, held against each other. Pure.

use std::collections::BTreeMap;

use super::member::{Archive, Kind, Member};
use super::text;
use crate::model::{Difference, DifferenceKind, Severity, printable};

/// Mode bits that decide what a file may do: execute, setuid, setgid, sticky.
const ACTING_BITS: u32 = 0o7111;

/// Every difference between two archives.
pub(super) fn archives(published: &Archive, rebuilt: &Archive) -> Vec<Difference> {
    let (theirs, ours) = (by_path(published), by_path(rebuilt));
    let mut found = Vec::new();
    for (path, members) in &theirs {
        match ours.get(path) {
            None => found.push(one_sided(path, members[0], DifferenceKind::ExtraMember)),
            Some(others) if members.len() != others.len() => {
                found.push(repeated(path, members.len(), others.len()))
            }
            Some(others) => {
                for (a, b) in members.iter().zip(others) {
                    found.extend(member(a, b));
                }
            }
        }
    }
    for (path, members) in &ours {
        if !theirs.contains_key(path) {
            found.push(one_sided(path, members[0], DifferenceKind::MissingMember));
        }
    }
    if found
        .iter()
        .all(|d| d.kind == DifferenceKind::MemberMetadata)
    {
        found.extend(order(published, rebuilt));
    }
    found.extend(wrapping(published, rebuilt, found.is_empty()));
    found
}

fn by_path(archive: &Archive) -> BTreeMap<&str, Vec<&Member>> {
    let mut table: BTreeMap<&str, Vec<&Member>> = BTreeMap::new();
    for member in &archive.members {
        table.entry(&member.path).or_default().push(member);
    }
    table
}

/// Members that a tool writes about the package: the lock file and VCS facts of
/// a crate, the metadata folders of wheels and source distributions.
fn content_severity(path: &str) -> Severity {
    let file = path.rsplit('/').next().unwrap_or(path);
    let in_metadata = path
        .split('/')
        .any(|part| part.ends_with(".dist-info") || part.ends_with(".egg-info"));
    let generated = matches!(file, "Cargo.lock" | ".cargo_vcs_info.json" | "PKG-INFO")
        || (in_metadata && matches!(file, "RECORD" | "WHEEL" | "METADATA" | "SOURCES.txt"));
    if generated {
        Severity::Generated
    } else {
        Severity::Payload
    }
}

fn one_sided(path: &str, member: &Member, kind: DifferenceKind) -> Difference {
    let (side, severity) = match kind {
        // What was published and cannot be built is the worst there is.
        DifferenceKind::ExtraMember => ("published", Severity::Payload),
        _ => ("rebuilt", content_severity(path)),
    };
    Difference {
        path: printable(path, false),
        kind,
        severity,
        detail: format!(
            "only in the {side} file ({} bytes, SHA-256 {})",
            member.size, member.sha256
        ),
        diff: None,
    }
}

fn repeated(path: &str, theirs: usize, ours: usize) -> Difference {
    Difference {
        path: printable(path, false),
        kind: DifferenceKind::Order,
        severity: Severity::Payload,
        detail: format!("{theirs} times in the published file, {ours} times in the rebuilt one"),
        diff: None,
    }
}

fn member(published: &Member, rebuilt: &Member) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |kind, severity, detail: String, diff| {
        found.push(Difference {
            path: printable(&published.path, false),
            kind,
            severity,
            detail: printable(&detail, false),
            diff,
        });
    };
    if published.kind != rebuilt.kind {
        add(
            DifferenceKind::MemberMetadata,
            Severity::Payload,
            format!(
                "published as {}, rebuilt as {}",
                described(&published.kind),
                described(&rebuilt.kind)
            ),
            None,
        );
    }
    if published.sha256 != rebuilt.sha256 {
        let (detail, diff) = text::content(published, rebuilt);
        add(
            DifferenceKind::Content,
            content_severity(&published.path),
            detail,
            diff,
        );
    }
    if published.mode != rebuilt.mode {
        let acting = (published.mode ^ rebuilt.mode) & ACTING_BITS != 0;
        add(
            DifferenceKind::MemberMetadata,
            if acting {
                Severity::Payload
            } else {
                Severity::Metadata
            },
            format!(
                "mode published {:04o}, rebuilt {:04o}",
                published.mode, rebuilt.mode
            ),
            None,
        );
    }
    for (name, theirs, ours) in changed_fields(published, rebuilt) {
        add(
            DifferenceKind::MemberMetadata,
            Severity::Metadata,
            if name == "compressed stream" {
                "the same content, compressed otherwise: another compressor or level".into()
            } else {
                format!("{name} published {theirs}, rebuilt {ours}")
            },
            None,
        );
    }
    found
}

fn changed_fields<'a>(a: &'a Member, b: &'a Member) -> Vec<(&'static str, &'a str, &'a str)> {
    let ours: BTreeMap<_, _> = b
        .fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let theirs: BTreeMap<_, _> = a
        .fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    // Other content is compressed otherwise; that is no difference of its own.
    let same_content = a.sha256 == b.sha256;
    let names: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).copied().collect();
    names
        .into_iter()
        .filter(|name| same_content || *name != "compressed stream")
        .map(|name| {
            let value =
                |table: &BTreeMap<&str, &'a str>| table.get(name).copied().unwrap_or("absent");
            (name, value(&theirs), value(&ours))
        })
        .filter(|(_, theirs, ours)| theirs != ours)
        .collect()
}

fn described(kind: &Kind) -> String {
    match kind {
        Kind::File => "a file".into(),
        Kind::Folder => "a folder".into(),
        Kind::Link(target) => format!("a link to {target}"),
        Kind::Special(what) => what.clone(),
    }
}

fn order(published: &Archive, rebuilt: &Archive) -> Option<Difference> {
    let at = published
        .members
        .iter()
        .zip(&rebuilt.members)
        .position(|(a, b)| a.path != b.path)?;
    Some(Difference {
        path: String::new(),
        kind: DifferenceKind::Order,
        severity: Severity::Metadata,
        detail: printable(
            &format!(
                "the same members in another order: number {} is {} in the published file and {} in the rebuilt one",
                at + 1,
                published.members[at].path,
                rebuilt.members[at].path
            ),
            false,
        ),
        diff: None,
    })
}

/// Differences of the wrapping. The digest of the whole tar stream says something
/// only where no member differs.
fn wrapping(published: &Archive, rebuilt: &Archive, members_agree: bool) -> Vec<Difference> {
    let mut found: Vec<Difference> = published
        .fields
        .iter()
        .zip(&rebuilt.fields)
        .filter(|(a, b)| a.value != b.value)
        .filter(|(a, _)| members_agree || a.name != "tar stream")
        .map(|(a, b)| Difference {
            path: String::new(),
            kind: DifferenceKind::Container,
            severity: if a.can_hide {
                Severity::Payload
            } else {
                Severity::Metadata
            },
            detail: printable(
                &format!("{} published {}, rebuilt {}", a.name, a.value, b.value),
                false,
            ),
            diff: None,
        })
        .collect();
    let same_stream = published
        .fields
        .iter()
        .any(|field| field.name == "tar stream" && rebuilt.fields.contains(field));
    if members_agree && same_stream && found.is_empty() {
        found.push(Difference {
            path: String::new(),
            kind: DifferenceKind::Container,
            severity: Severity::Metadata,
            detail: "the same tar stream and the same gzip header: another compressor or level"
                .into(),
            diff: None,
        });
    }
    found
}
