//! What the store is filled with: verdicts of the size that real ones have, each with
//! its real signatures.

use std::path::Path;
use std::sync::Arc;

use remint::attest::{Ed25519Key, KeyFile, Keys, attest};
use remint::model::{
    ArtifactKind, ArtifactSummary, Evidence, EvidenceKind, GitSource, ResultRecord, ServedFile,
    Sha256Digest, Sha512Digest, Source, Verdict,
};
use remint::store::write_durably;
use remint::trust::{Folders, Submission};

/// Files that a build fetched; most real builds of crates fetch between 5 and 20.
const SERVED: u64 = 8;

/// New keys, with their public halves where readers look for them.
pub fn keys(data: &Path) -> Arc<Keys> {
    let keys = Keys {
        attest: Arc::new(KeyFile::generate().expect("a key")),
        link: Ed25519Key::generate(),
        log: Ed25519Key::generate(),
    };
    let folder = Folders::below(data).keys;
    for (name, pem) in [
        ("attest", keys.attest.public_key().pem().to_owned()),
        ("link", keys.link.public_key().pem().expect("encodes")),
        ("log", keys.log.public_key().pem().expect("encodes")),
    ] {
        write_durably(&folder.join(format!("{name}.pub")), pem.as_bytes()).expect("written");
    }
    Arc::new(keys)
}

/// The artifact of verdict `number`.
pub fn digest(number: u64) -> Sha256Digest {
    Sha256Digest::of(number.to_be_bytes())
}

/// `count` numbers below `end`, all over (the generator of Steele, Lea and Flood,
/// "Fast splittable pseudorandom number generators", 2014).
pub fn scattered(count: u64, end: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(move |number| {
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    })
}

/// A reproduced crate.
pub fn verdict(number: u64) -> ResultRecord {
    let name = format!("demo-{number}");
    let commit = &digest(number).to_string()[..40];
    let evidence = [
        (
            EvidenceKind::ArtifactVcsInfo,
            format!("the artifact's version control information names commit {commit}"),
        ),
        (
            EvidenceKind::TagMatch,
            "tag v1.0.0 names the version".into(),
        ),
        (
            EvidenceKind::ManifestMatch,
            format!("Cargo.toml declares {name} 1.0.0"),
        ),
        (
            EvidenceKind::Reachable,
            "a branch leads to the commit".into(),
        ),
    ];
    let purl = format!("pkg:cargo/{name}@1.0.0").parse().expect("valid");
    ResultRecord {
        artifact: Some(ArtifactSummary {
            name: format!("{name}-1.0.0.crate"),
            kind: ArtifactKind::Crate,
            sha256: digest(number),
            sha512: Sha512Digest::of(number.to_be_bytes()),
            size: 10_000,
            published_at: None,
        }),
        source: Some(Source::Git {
            git: GitSource {
                repository: format!("https://git.example/owner/{name}"),
                read_from_mirror: false,
                commit: commit.parse().expect("a commit"),
                commit_time: 1_767_225_600,
                tag: Some("v1.0.0".into()),
                directory: String::new(),
            },
            evidence: evidence
                .map(|(kind, detail)| Evidence { kind, detail })
                .into(),
        }),
        plan_hash: Some(digest(number)),
        recipe: Some(name),
        image: Some(format!("sha256:{}", digest(0))),
        served: (0..SERVED)
            .map(|file| ServedFile {
                path: format!("/cargo/crates/dependency-{file}/1.0.{number}/download"),
                sha256: digest(file),
                is_package: true,
            })
            .collect(),
        millis: 2_000,
        ..ResultRecord::new(
            purl,
            Verdict::Reproduced {
                sha256: digest(number),
                recovered: vec![],
                replayed: vec![],
            },
            "2026-01-01T00:00:00Z".parse().expect("valid"),
        )
    }
}

/// Its signed statements.
pub fn signed(number: u64, keys: &Keys) -> Vec<Submission> {
    Submission::all_of(attest(&verdict(number), keys).expect("signed"))
}
