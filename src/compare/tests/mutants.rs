//! Soundness: whatever is done to an archive, unequal bytes are never called
//! identical, the list is never empty, and nothing panics.

use proptest::prelude::*;

use super::archives::{crate_files, gzip, tar, try_tar, try_zip, wheel_files, zip};
use super::*;

/// How many mutants the ordinary run makes; the long run below makes more.
const CASES: u32 = 2_000;
const LONG_CASES: u32 = 100_000;

/// What is done to an archive.
#[derive(Clone, Debug)]
enum Mutation {
    FlipBit(usize),
    /// Below gzip, where the trailer then agrees again.
    FlipBitInside(usize),
    Append(Vec<u8>),
    Truncate(usize),
    InsertBytes(usize, Vec<u8>),
    InsertMember(usize, String, Vec<u8>),
    RemoveMember(usize),
    Swap(usize, usize),
    Rename(usize, String),
    Mtime(usize, u64),
    Mode(usize, u32),
    Link(usize, String),
    Content(usize, Vec<u8>),
    Recompress(u32),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let at = || any::<usize>();
    let bytes = || prop::collection::vec(any::<u8>(), 1..64);
    let name = || "[a-z./\\PC]{1,120}";
    prop_oneof![
        4 => at().prop_map(Mutation::FlipBit),
        4 => at().prop_map(Mutation::FlipBitInside),
        1 => bytes().prop_map(Mutation::Append),
        1 => at().prop_map(Mutation::Truncate),
        1 => (at(), bytes()).prop_map(|(i, b)| Mutation::InsertBytes(i, b)),
        1 => (at(), name(), bytes()).prop_map(|(i, n, b)| Mutation::InsertMember(i, n, b)),
        1 => at().prop_map(Mutation::RemoveMember),
        1 => (at(), at()).prop_map(|(i, j)| Mutation::Swap(i, j)),
        1 => (at(), name()).prop_map(|(i, n)| Mutation::Rename(i, n)),
        1 => (at(), 0u64..1 << 33).prop_map(|(i, t)| Mutation::Mtime(i, t)),
        1 => (at(), 0u32..0o10000).prop_map(|(i, m)| Mutation::Mode(i, m)),
        1 => (at(), "[a-z./]{1,60}").prop_map(|(i, l)| Mutation::Link(i, l)),
        1 => (at(), bytes()).prop_map(|(i, b)| Mutation::Content(i, b)),
        1 => (0u32..10).prop_map(Mutation::Recompress),
    ]
}

impl Mutation {
    /// The mutant of a crate or a wheel, as bytes.
    fn apply(&self, kind: ArtifactKind) -> Vec<u8> {
        let is_crate = kind == ArtifactKind::Crate;
        let mut files = if is_crate {
            crate_files()
        } else {
            wheel_files()
        };
        let count = files.len();
        let mut level = 6;
        match self {
            Self::InsertMember(i, name, content) => {
                files.insert(i % (count + 1), file(name, content))
            }
            Self::RemoveMember(i) => {
                files.remove(i % count);
            }
            Self::Swap(i, j) => files.swap(i % count, j % count),
            Self::Rename(i, name) => files[i % count].name.clone_from(name),
            Self::Mtime(i, mtime) => files[i % count].mtime = *mtime,
            Self::Mode(i, mode) => files[i % count].mode = *mode,
            Self::Link(i, link) => files[i % count].link = Some(link.clone()),
            Self::Content(i, content) => files[i % count].content.clone_from(content),
            Self::Recompress(other) => level = *other,
            _ => {}
        }
        if !is_crate {
            let options = |options: ::zip::write::SimpleFileOptions| {
                options.compression_level(Some(i64::from(level.max(1))))
            };
            // What a writer refuses (a repeated name, `..`) makes no mutant.
            let zip = try_zip(&files, options, "").unwrap_or_else(|_| zip(&wheel_files()));
            return self.apply_to_bytes(zip);
        }
        let tar = try_tar(&files).unwrap_or_else(|_| tar(&crate_files()));
        self.apply_to_bytes(gzip(&self.apply_inside(tar), level))
    }

    fn apply_inside(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Self::FlipBitInside(at) = self {
            let at = at % (bytes.len() * 8);
            bytes[at / 8] ^= 1 << (at % 8);
        }
        bytes
    }

    fn apply_to_bytes(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        match self {
            Self::FlipBit(at) => {
                let at = at % (bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Truncate(at) => bytes.truncate(at % bytes.len()),
            Self::InsertBytes(at, more) => {
                let at = at % bytes.len();
                bytes.splice(at..at, more.iter().copied());
            }
            _ => {}
        }
        bytes
    }

    /// Whether it changes what an installer would put on disk.
    fn touches_payload(&self) -> bool {
        matches!(
            self,
            Self::InsertMember(..) | Self::RemoveMember(_) | Self::Append(_) | Self::Truncate(_)
        )
    }
}

fn sound(mutation: &Mutation, kind: ArtifactKind, published_is_mutant: bool) {
    let original = match kind {
        ArtifactKind::Crate => gzip(&tar(&crate_files()), 6),
        _ => zip(&wheel_files()),
    };
    let mutant = mutation.apply(kind);
    let (a, b) = if published_is_mutant {
        (&mutant, &original)
    } else {
        (&original, &mutant)
    };
    match held_against(a, b, kind) {
        Comparison::Identical { .. } => assert_eq!(a, b, "unequal bytes are called identical"),
        Comparison::Differs(differs) => {
            let differences = differs.differences;
            assert_ne!(a, b, "equal bytes are called different");
            assert!(
                !differences.is_empty(),
                "nothing is said about unequal bytes"
            );
            if mutation.touches_payload() {
                let worst = differences[0].severity;
                assert_eq!(worst, Severity::Payload, "{differences:#?}");
            }
            assert!(
                differences.iter().all(|d| !d.detail.is_empty()),
                "{differences:#?}"
            );
        }
    }
}

fn run(cases: u32) {
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let kinds = prop_oneof![Just(ArtifactKind::Crate), Just(ArtifactKind::PureWheel)];
    proptest!(config, |(mutation in mutation(), kind in kinds, turn: bool)| {
        sound(&mutation, kind, turn);
    });
}

#[test]
fn no_mutant_is_ever_called_identical() {
    run(CASES);
}

#[test]
#[ignore = "the long run: 100,000 mutants"]
fn no_mutant_of_many_is_ever_called_identical() {
    run(LONG_CASES);
}
