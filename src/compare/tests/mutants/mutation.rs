//! What is done to an artifact, and what must be said of it: the right causes, and
//! whether it is the payload that changed. Both follow from what was done alone.

use proptest::prelude::*;

use super::artifact::{ARTIFACTS, Artifact, Members, Nest, TarMember, Wrap, put};
use crate::model::{ArtifactKind, Cause};

/// What is done. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Change {
    // To the file as its tool made it.
    FlipBit(usize),
    Overwrite(usize, Vec<u8>),
    Append(Vec<u8>),
    Truncate(usize),
    InsertBytes(usize, Vec<u8>),
    DeleteBytes(usize, usize),
    // Below the compressor, whose sums then agree again.
    FlipBitInside(usize),
    TarPadding(usize),
    AfterTar(Vec<u8>),
    // To members.
    Insert(usize, String, Vec<u8>),
    Repeat(usize),
    Remove(usize),
    Swap(usize, usize),
    Rename(usize, String),
    Mtime(usize, u32),
    AllMtimes(u32),
    Mode(usize, u32),
    Owner(usize, u32),
    OwnerName(usize, String),
    Link(usize, String),
    Content(usize, Vec<u8>),
    ContentBit(usize, usize),
    LineEndings(usize),
    // To the wrapping.
    Recompress(u32),
    GzipTime(u32),
    GzipSystem(u8),
    GzipName(String),
    ZipComment(Vec<u8>),
    ZipMemberComment(usize, Vec<u8>),
    ZipPrefix(Vec<u8>),
    ZipMadeBy(usize, u16),
    ZipExtra(usize, u16, Vec<u8>),
    ZipLocalTime(usize, u16),
    ZipStored(usize),
}

/// One mutant: which artifact, what is done to it, and what it lies in.
#[derive(Clone, Debug)]
pub(super) struct Mutation {
    pub artifact: usize,
    pub change: Change,
    pub nest: Nest,
}

pub(super) fn mutation() -> impl Strategy<Value = Mutation> {
    let nest = prop_oneof![
        3 => Just(Nest::Nothing),
        1 => Just(Nest::Tar),
        1 => Just(Nest::Zip),
    ];
    (0..ARTIFACTS.len())
        .prop_flat_map(move |artifact| (Just(artifact), change(artifact), nest.clone()))
        .prop_map(|(artifact, change, nest)| Mutation {
            artifact,
            change,
            nest,
        })
}

fn change(artifact: usize) -> BoxedStrategy<Change> {
    use Change::*;
    let at = || any::<usize>();
    let bytes = || prop::collection::vec(any::<u8>(), 1..64);
    let name = || "[a-z]{1,8}(/[a-z.]{1,20}){1,3}";
    let common = prop_oneof![
        4 => at().prop_map(FlipBit),
        1 => (at(), bytes()).prop_map(|(i, b)| Overwrite(i, b)),
        1 => bytes().prop_map(Append),
        1 => at().prop_map(Truncate),
        1 => (at(), bytes()).prop_map(|(i, b)| InsertBytes(i, b)),
        1 => (at(), 1usize..64).prop_map(|(i, n)| DeleteBytes(i, n)),
        1 => (at(), name(), bytes()).prop_map(|(i, n, b)| Insert(i, n, b)),
        1 => at().prop_map(Repeat),
        1 => at().prop_map(Remove),
        1 => (at(), at()).prop_map(|(i, j)| Swap(i, j)),
        1 => (at(), name()).prop_map(|(i, n)| Rename(i, n)),
        1 => (at(), any::<u32>()).prop_map(|(i, t)| Mtime(i, t)),
        1 => any::<u32>().prop_map(AllMtimes),
        2 => (at(), 0u32..0o10000).prop_map(|(i, m)| Mode(i, m)),
        1 => (at(), "[a-z./]{1,60}").prop_map(|(i, l)| Link(i, l)),
        1 => (at(), bytes()).prop_map(|(i, b)| Content(i, b)),
        3 => (at(), at()).prop_map(|(i, b)| ContentBit(i, b)),
        1 => at().prop_map(LineEndings),
        1 => (1u32..10).prop_map(Recompress),
    ];
    let of_tar = prop_oneof![
        4 => at().prop_map(FlipBitInside),
        1 => (1usize..30).prop_map(TarPadding),
        1 => bytes().prop_map(AfterTar),
        1 => (at(), 0u32..0o7777777).prop_map(|(i, o)| Owner(i, o)),
        1 => (at(), "[a-z]{1,20}").prop_map(|(i, n)| OwnerName(i, n)),
    ];
    let of_gzip = prop_oneof![
        any::<u32>().prop_map(GzipTime),
        any::<u8>().prop_map(GzipSystem),
        "[a-z.]{1,20}".prop_map(GzipName),
    ];
    let of_zip = prop_oneof![
        bytes().prop_map(ZipComment),
        (at(), bytes()).prop_map(|(i, b)| ZipMemberComment(i, b)),
        bytes().prop_map(ZipPrefix),
        (at(), any::<u16>()).prop_map(|(i, v)| ZipMadeBy(i, v)),
        (at(), 0x8000u16.., bytes()).prop_map(|(i, n, b)| ZipExtra(i, n, b)),
        (at(), any::<u16>()).prop_map(|(i, t)| ZipLocalTime(i, t)),
        at().prop_map(ZipStored),
    ];
    match (&ARTIFACTS[artifact].members, &ARTIFACTS[artifact].wrap) {
        (Members::Zip { .. }, _) => prop_oneof![3 => common, 1 => of_zip].boxed(),
        (_, Some(Wrap::Gzip { .. })) => prop_oneof![6 => common, 2 => of_tar, 1 => of_gzip].boxed(),
        _ => prop_oneof![3 => common, 1 => of_tar].boxed(),
    }
}

impl Change {
    /// Both files; none where this changes nothing of this artifact.
    fn apply(&self, artifact: &Artifact) -> Option<[Vec<u8>; 2]> {
        if let Some(mutant) = self.to_bytes(&artifact.bytes) {
            return Some([artifact.bytes.clone(), mutant]);
        }
        let mut mutant = artifact.clone();
        let plain = |change: &dyn Fn(&mut Vec<u8>)| artifact.write_with(|bytes| change(bytes));
        let bytes = match self {
            Self::FlipBitInside(at) => plain(&|tar| flip(tar, *at)),
            Self::TarPadding(blocks) => plain(&|tar| tar.resize(tar.len() + blocks * 512, 0)),
            Self::AfterTar(more) => plain(&|tar| tar.extend_from_slice(more)),
            _ => {
                self.to_parts(&mut mutant)?;
                mutant.write()
            }
        };
        Some([artifact.write(), bytes])
    }

    fn to_bytes(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::FlipBit(at) => flip(&mut bytes, *at),
            Self::Overwrite(at, more) => {
                let at = at % bytes.len();
                let end = (at + more.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&more[..end - at]);
            }
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Truncate(at) => bytes.truncate(at % bytes.len()),
            Self::InsertBytes(at, more) => {
                let at = at % bytes.len();
                bytes.splice(at..at, more.iter().copied());
            }
            Self::DeleteBytes(at, count) => {
                let at = at % bytes.len();
                let end = (at + count).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => return None,
        }
        Some(bytes)
    }

    fn to_parts(&self, artifact: &mut Artifact) -> Option<()> {
        let count = artifact.len();
        match self {
            Self::Content(i, content) => return set_content(artifact, i % count, content.clone()),
            Self::ContentBit(i, at) => {
                let mut content = artifact.content(i % count).filter(|c| !c.is_empty())?;
                flip(&mut content, *at);
                return set_content(artifact, i % count, content);
            }
            Self::LineEndings(i) => {
                let text = String::from_utf8(artifact.content(i % count)?).ok()?;
                let is_text = text.contains('\n') && !text.contains(['\r', '\0']);
                let other = is_text.then(|| text.replace('\n', "\r\n"))?;
                return set_content(artifact, i % count, other.into_bytes());
            }
            Self::Recompress(level) => return recompress(artifact, *level),
            Self::GzipTime(_) | Self::GzipSystem(_) | Self::GzipName(_) => {
                let Some(Wrap::Gzip { header, name, .. }) = &mut artifact.wrap else {
                    return None;
                };
                match self {
                    Self::GzipTime(time) => header[4..8].copy_from_slice(&time.to_le_bytes()),
                    Self::GzipSystem(system) => header[9] = *system,
                    Self::GzipName(other) => *name = other.clone().into_bytes(),
                    _ => return None,
                }
                return Some(());
            }
            _ => {}
        }
        match &mut artifact.members {
            Members::Tar { members, .. } => self.to_tar(members),
            Members::Zip {
                prefix, comment, ..
            } if matches!(self, Self::ZipPrefix(_) | Self::ZipComment(_)) => {
                match self {
                    Self::ZipPrefix(bytes) => prefix.clone_from(bytes),
                    Self::ZipComment(bytes) => comment.clone_from(bytes),
                    _ => return None,
                }
                Some(())
            }
            Members::Zip { members, .. } => self.to_zip(members),
        }
    }

    fn to_tar(&self, members: &mut Vec<TarMember>) -> Option<()> {
        let count = members.len();
        match self {
            Self::Insert(i, name, content) => {
                let file = members.iter().find(|m| m.header[156] == b'0')?;
                let mut member = file.clone();
                member.set(0, 100, name.as_bytes());
                member.set_content(content.clone());
                members.insert(i % (count + 1), member);
            }
            Self::Repeat(i) => members.push(members[i % count].clone()),
            Self::Remove(i) => drop(members.remove(i % count)),
            Self::Swap(i, j) => members.swap(i % count, j % count),
            Self::Rename(i, name) => members[i % count].set(0, 100, name.as_bytes()),
            Self::Mtime(i, time) => members[i % count].set(136, 12, &octal(*time)),
            Self::AllMtimes(time) => {
                for member in members {
                    member.set(136, 12, &octal(*time));
                }
            }
            Self::Mode(i, mode) => {
                members[i % count].set(100, 8, format!("{mode:07o}").as_bytes());
            }
            Self::Owner(i, owner) => {
                members[i % count].set(108, 8, format!("{owner:07o}").as_bytes());
            }
            Self::OwnerName(i, name) => members[i % count].set(265, 32, name.as_bytes()),
            Self::Link(i, target) => {
                let member = &mut members[i % count];
                member.set_content(Vec::new());
                member.set(156, 1, b"2");
                member.set(157, 100, target.as_bytes());
            }
            _ => return None,
        }
        Some(())
    }

    fn to_zip(&self, members: &mut Vec<super::artifact::ZipMember>) -> Option<()> {
        let count = members.len();
        match self {
            Self::Insert(i, name, content) => {
                let file = members.iter().find(|m| !m.name.ends_with(b"/"))?;
                let mut member = file.clone();
                member.name = name.clone().into_bytes();
                member.set_content(content, Some(6));
                members.insert(i % (count + 1), member);
            }
            Self::Repeat(i) => members.push(members[i % count].clone()),
            Self::Remove(i) => drop(members.remove(i % count)),
            Self::Swap(i, j) => members.swap(i % count, j % count),
            Self::Rename(i, name) => members[i % count].name = name.clone().into_bytes(),
            Self::Mtime(i, time) => set_time(&mut members[i % count], *time),
            Self::AllMtimes(time) => members.iter_mut().for_each(|m| set_time(m, *time)),
            Self::Mode(i, mode) => {
                let member = &mut members[i % count];
                let kind = member.mode() & !0o7777;
                put(&mut member.entry, 40, 2, (kind | mode) as usize);
            }
            Self::Link(i, target) => {
                let member = &mut members[i % count];
                member.set_content(target.as_bytes(), None);
                put(&mut member.entry, 40, 2, 0o120_777);
            }
            Self::ZipMemberComment(i, comment) => members[i % count].comment.clone_from(comment),
            Self::ZipMadeBy(i, version) => {
                put(&mut members[i % count].entry, 4, 2, (*version).into());
            }
            Self::ZipExtra(i, id, data) => {
                let length = (data.len() as u16).to_le_bytes();
                members[i % count]
                    .extra
                    .extend([&id.to_le_bytes()[..], &length, data].concat());
            }
            Self::ZipLocalTime(i, time) => {
                put(&mut members[i % count].local, 10, 2, (*time).into());
            }
            Self::ZipStored(i) => {
                let member = &mut members[i % count];
                let content = member.is_deflated().then(|| member.content())??;
                member.set_content(&content, None);
            }
            _ => return None,
        }
        Some(())
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::FlipBit(_) => "flip a bit",
            Self::Overwrite(..) => "overwrite bytes",
            Self::Append(_) => "append bytes",
            Self::Truncate(_) => "truncate",
            Self::InsertBytes(..) => "insert bytes",
            Self::DeleteBytes(..) => "delete bytes",
            Self::FlipBitInside(_) => "flip a bit of the tar",
            Self::TarPadding(_) => "pad the tar",
            Self::AfterTar(_) => "append bytes to the tar",
            Self::Insert(..) => "insert a member",
            Self::Repeat(_) => "repeat a member",
            Self::Remove(_) => "remove a member",
            Self::Swap(..) => "swap members",
            Self::Rename(..) => "rename a member",
            Self::Mtime(..) => "change a time",
            Self::AllMtimes(_) => "change all times",
            Self::Mode(..) => "change a mode",
            Self::Owner(..) => "change an owner",
            Self::OwnerName(..) => "change an owner's name",
            Self::Link(..) => "make a link",
            Self::Content(..) => "replace content",
            Self::ContentBit(..) => "flip a bit of content",
            Self::LineEndings(_) => "change line endings",
            Self::Recompress(_) => "compress again",
            Self::GzipTime(_) => "change gzip's time",
            Self::GzipSystem(_) => "change gzip's system",
            Self::GzipName(_) => "change gzip's file name",
            Self::ZipComment(_) => "comment the zip",
            Self::ZipMemberComment(..) => "comment a member",
            Self::ZipPrefix(_) => "put bytes before the zip",
            Self::ZipMadeBy(..) => "change the zip's writer",
            Self::ZipExtra(..) => "add an extra field",
            Self::ZipLocalTime(..) => "change a time in the local header alone",
            Self::ZipStored(_) => "store a member",
        }
    }
}

impl Mutation {
    pub(super) fn artifact(&self) -> &'static Artifact {
        &ARTIFACTS[self.artifact]
    }

    /// What both files are taken for.
    pub(super) fn kind(&self) -> ArtifactKind {
        match self.nest {
            Nest::Nothing => self.artifact().kind,
            Nest::Tar | Nest::Zip => ArtifactKind::Other,
        }
    }

    /// The original and the mutant; none where there is no mutant.
    pub(super) fn apply(&self) -> Option<[Vec<u8>; 2]> {
        let files = self.change.apply(self.artifact())?;
        Some(files.map(|bytes| self.nest.around(bytes)))
    }

    /// Whether the payload changed; none where that depends on the place of a change that
    /// knows no places.
    pub(super) fn is_payload(&self) -> Option<bool> {
        use Change::*;
        match &self.change {
            FlipBit(_) | Overwrite(..) | Append(_) | Truncate(_) | InsertBytes(..)
            | DeleteBytes(..) | FlipBitInside(_) | Swap(..) | ZipComment(_)
            | ZipMemberComment(..) | ZipMadeBy(..) => None,
            AfterTar(more) => more.iter().any(|&b| b != 0).then_some(true),
            Insert(..) | Repeat(_) | Remove(_) | Rename(..) | Link(..) | Content(..)
            | ContentBit(..) | LineEndings(_) | ZipPrefix(_) | ZipExtra(..) | ZipLocalTime(..) => {
                Some(true)
            }
            Mode(i, mode) => Some(self.mode_matters(*i, *mode)),
            TarPadding(_) | Mtime(..) | AllMtimes(_) | Owner(..) | OwnerName(..)
            | Recompress(_) | GzipTime(_) | GzipSystem(_) | GzipName(_) | ZipStored(_) => {
                Some(false)
            }
        }
    }

    /// Bits that decide what runs and as whom: of files execute, set-user-ID and
    /// set-group-ID, of folders the last two.
    fn mode_matters(&self, i: usize, mode: u32) -> bool {
        let artifact = self.artifact();
        let i = i % artifact.len();
        let before = match &artifact.members {
            Members::Tar { members, .. } => members[i].mode(),
            Members::Zip { members, .. } => members[i].mode(),
        };
        let matters = if artifact.name(i).ends_with('/') {
            0o6000
        } else {
            0o6111
        };
        (before ^ mode) & matters != 0
    }

    /// The causes that are right, one of which must be named; none where the place of the
    /// damage decides, and no one cause is right.
    pub(super) fn causes(&self) -> Option<Vec<Cause>> {
        use Cause::*;
        let artifact = self.artifact();
        Some(match &self.change {
            Change::Overwrite(..) | Change::InsertBytes(..) | Change::DeleteBytes(..) => {
                return None;
            }
            Change::FlipBit(at) => flipped(artifact, *at),
            Change::FlipBitInside(at) => flipped_inside(artifact, *at),
            // A second stream that is none is damage; all else is stray.
            Change::Append(_) => vec![StrayBytes, Malformed],
            // What is cut to a few bytes is no archive any more.
            Change::Truncate(_) => vec![Malformed, CodeChanged],
            Change::TarPadding(_) => vec![ArchiveWriter],
            Change::AfterTar(_) | Change::ZipPrefix(_) => vec![StrayBytes],
            Change::Insert(..) | Change::Repeat(_) | Change::Remove(_) | Change::Rename(..) => {
                vec![ExtraMember, MissingMember]
            }
            Change::Swap(..) => vec![Ordering],
            Change::Mtime(..) | Change::AllMtimes(_) | Change::GzipTime(_) => vec![Timestamp],
            Change::Mode(..) => vec![FileMode],
            Change::Owner(..) | Change::OwnerName(..) => vec![Owner],
            Change::Link(..) => vec![CodeChanged, FileMode],
            Change::Content(..) | Change::ContentBit(..) => of_noise(),
            Change::LineEndings(_) => vec![LineEndings],
            Change::Recompress(_) | Change::ZipStored(_) => vec![Compressor],
            Change::GzipSystem(_) | Change::GzipName(_) | Change::ZipMadeBy(..) => {
                vec![ArchiveWriter]
            }
            Change::ZipComment(_) | Change::ZipMemberComment(..) | Change::ZipExtra(..) => {
                vec![ArchiveWriter, StrayBytes]
            }
            // Two places that must agree, and do not.
            Change::ZipLocalTime(..) => vec![Malformed, Timestamp],
        })
    }
}

/// Content that was replaced by noise: no tool's doing can be named, but a file that
/// a tool writes says that it is one, and noise may look random or be no text.
fn of_noise() -> Vec<Cause> {
    vec![
        Cause::CodeChanged,
        Cause::GeneratedMetadata,
        Cause::Randomness,
        Cause::TextEncoding,
    ]
}

fn flip(bytes: &mut [u8], at: usize) {
    let at = at % (bytes.len() * 8);
    bytes[at / 8] ^= 1 << (at % 8);
}

fn octal(number: u32) -> Vec<u8> {
    format!("{number:011o}").into_bytes()
}

fn set_time(member: &mut super::artifact::ZipMember, time: u32) {
    put(&mut member.local, 10, 4, time as usize);
    put(&mut member.entry, 12, 4, time as usize);
}

fn set_content(artifact: &mut Artifact, index: usize, content: Vec<u8>) -> Option<()> {
    if artifact.content(index)? == content {
        return None;
    }
    match &mut artifact.members {
        Members::Tar { members, .. } => members[index].set_content(content),
        Members::Zip { members, .. } => {
            let level = members[index].is_deflated().then_some(6);
            members[index].set_content(&content, level);
        }
    }
    Some(())
}

fn recompress(artifact: &mut Artifact, to: u32) -> Option<()> {
    match &mut artifact.wrap {
        Some(Wrap::Gzip { level, .. } | Wrap::Xz(level) | Wrap::Bzip2(level)) => *level = to,
        Some(Wrap::Zstd(level)) => *level = to.cast_signed(),
        None => {
            let Members::Zip { members, .. } = &mut artifact.members else {
                return None;
            };
            for member in members.iter_mut().filter(|m| m.is_deflated()) {
                if let Some(content) = member.content() {
                    member.set_content(&content, Some(to));
                }
            }
        }
    }
    Some(())
}

/// What a bit flipped in the file itself must be called, by where it is.
fn flipped(artifact: &Artifact, at: usize) -> Vec<Cause> {
    use Cause::*;
    let bytes = &artifact.bytes;
    let at = at % (bytes.len() * 8) / 8;
    if !artifact.deb.is_empty() {
        return flipped_deb(artifact, at);
    }
    match (&artifact.members, &artifact.wrap) {
        (Members::Zip { .. }, _) => flipped_zip(bytes, at),
        (_, Some(Wrap::Gzip { name, .. })) => match at {
            // No gzip file any more.
            0..=2 => vec![Malformed, CodeChanged],
            // RFC 1952, section 2.3: flags that announce fields which are not there
            // take them from the data.
            3 => vec![ArchiveWriter, Malformed],
            4..=7 => vec![Timestamp],
            8 => vec![Compressor],
            9 => vec![ArchiveWriter],
            _ if !name.is_empty() && at <= 10 + name.len() => vec![ArchiveWriter, Malformed],
            // The stream, or a trailer that contradicts it. A few bits are not used:
            // the same content is then said to be compressed otherwise.
            _ => vec![Malformed, Compressor],
        },
        // The magic number, without which it is no stream.
        (_, _) if at < 6 => vec![Malformed, CodeChanged, Compressor],
        _ => vec![Malformed, Compressor, StrayBytes],
    }
}

/// ar(5): a header of 60 bytes before each member.
fn flipped_deb(artifact: &Artifact, at: usize) -> Vec<Cause> {
    use Cause::*;
    let mut start = 8;
    let bytes = &artifact.bytes;
    while start + 60 <= bytes.len() {
        let digits = String::from_utf8_lossy(&bytes[start + 48..start + 58]).into_owned();
        let size: usize = digits.trim().parse().expect("digits");
        let end = start + 60 + size.next_multiple_of(2);
        if (start..end).contains(&at) {
            return match at - start {
                0..16 => vec![ExtraMember, MissingMember, ArchiveWriter],
                16..28 => vec![Timestamp],
                28..40 => vec![Owner],
                40..48 => vec![FileMode],
                48..58 => vec![Malformed, StrayBytes],
                58..60 => vec![StrayBytes],
                // `debian-binary` is a text, the others are compressed.
                _ if size < 8 => of_noise(),
                _ => vec![Malformed, Compressor, StrayBytes, CodeChanged],
            };
        }
        start = end;
    }
    // "!<arch>\n": without it, it is no archive.
    vec![CodeChanged, Malformed]
}

fn flipped_zip(bytes: &[u8], at: usize) -> Vec<Cause> {
    use Cause::*;
    let header = |signature: &[u8]| {
        (0..=at)
            .rev()
            .find(|&start| bytes[start..].starts_with(signature))
            .map(|start| at - start)
    };
    // APPNOTE 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. Without its first signature it is
    // no zip any more, where nothing else says that it should be one.
    if header(b"PK\x05\x06").is_some() {
        return vec![Malformed, StrayBytes];
    }
    if let Some(offset) = header(b"PK\x01\x02") {
        return match offset {
            4..=7 => vec![ArchiveWriter],
            8 | 9 => vec![ArchiveWriter, Malformed, StrayBytes],
            10 | 11 => vec![Malformed, Compressor],
            12..=15 => vec![Timestamp],
            16..=35 => vec![Malformed, StrayBytes],
            36..=39 => vec![ArchiveWriter],
            40 | 41 => vec![FileMode],
            42..=45 => vec![Malformed],
            // A name, or an extra field of times or owners.
            _ => vec![
                ExtraMember,
                MissingMember,
                Malformed,
                Timestamp,
                Owner,
                ArchiveWriter,
            ],
        };
    }
    match header(b"PK\x03\x04") {
        Some(0..=3) if at < 4 => vec![Malformed, CodeChanged],
        Some(4 | 5) => vec![ArchiveWriter],
        Some(6 | 7) => vec![ArchiveWriter, Malformed, StrayBytes],
        Some(10..=13) => vec![Timestamp],
        // Signature, method, sizes, name, extra fields and data: a contradiction or
        // damage; a bit that deflate does not use changes the stream alone.
        _ => vec![
            Malformed,
            Compressor,
            StrayBytes,
            Timestamp,
            Owner,
            ArchiveWriter,
        ],
    }
}

/// What a bit flipped in the tar must be called, by where it is.
fn flipped_inside(artifact: &Artifact, at: usize) -> Vec<Cause> {
    use Cause::*;
    let Members::Tar { members, tail } = &artifact.members else {
        return Vec::new();
    };
    let length = |m: &TarMember| m.extension.len() + 512 + m.content.len() + m.padding.len();
    let total = members.iter().map(length).sum::<usize>() + tail.len();
    let mut at = at % (total * 8) / 8;
    for member in members {
        if at >= length(member) {
            at -= length(member);
            continue;
        }
        let header = member.extension.len();
        let content = header + 512;
        return if at < header {
            // The header of a header, or the text of a record.
            vec![Malformed, ArchiveWriter, Timestamp, ExtraMember, StrayBytes]
        } else if at < content {
            // The checksum gives every one away; in the checksum's own last byte, which
            // nobody reads, it is another way of writing.
            vec![Malformed, ArchiveWriter]
        } else if at < content + member.content.len() {
            of_noise()
        } else {
            vec![StrayBytes]
        };
    }
    // A marker with a bit set is a damaged header.
    vec![StrayBytes, Malformed]
}
