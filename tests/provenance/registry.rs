//! Both shapes of registry, with provenance and without, over HTTP: what is asked, where,
//! and how much is taken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::model::{ArtifactKind, Purl, RegistryConfig, Sha512Digest};
use remint::registry::{Error, PublishedAttestation, Publisher, Registries};
use remint::store::Blobs;
use serde_json::{Value, json};

use crate::crates::registry::FakeRegistry;
use crate::sigstore::{Build, Sigstore, as_attestation, publish, slsa};
use crate::{FILE, examine, sha256, sha512};

/// Where the fake registry has the attestations of npm's and of Python's package.
const NPM: &str = "/npm/-/npm/v1/attestations/demo@1.0.0";
const PYPI: &str = "/integrity/demo/1.0.0/demo-1.0.0-py3-none-any.whl/provenance";

/// A registry that lists one release of `demo` in each ecosystem, the attestations at the
/// addresses given.
struct Situation {
    fake: FakeRegistry,
    registries: Registries,
    _folder: tempfile::TempDir,
}

impl Situation {
    async fn new(npm: Option<&str>, pypi: Option<&str>) -> Self {
        let fake = FakeRegistry::start().await;
        let at = |path: &str| format!("{}{path}", fake.address());
        let absolute = |path: &str| match path.starts_with('/') {
            true => at(path),
            false => path.to_owned(),
        };
        fake.serve(
            "/npm/demo",
            packument(&at("/npm/demo.tgz"), npm.map(absolute)).to_string(),
        );
        fake.serve("/simple/demo/", page(pypi).to_string());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = RegistryConfig {
            npm: Some(at("/npm/").parse().expect("an address")),
            pypi: Some(at("/simple/").parse().expect("an address")),
            ..RegistryConfig::default()
        };
        let blobs = Blobs::open(&folder.path().join("blobs")).expect("opens");
        let registries = Registries::open(&config, blobs, &folder.path().join("metadata"));
        Self {
            registries: registries.expect("opens"),
            fake,
            _folder: folder,
        }
    }

    async fn provenance(&self, purl: &str) -> Result<Vec<PublishedAttestation>, Error> {
        let purl: Purl = purl.parse().expect("a package URL");
        let registry = self.registries.of(purl.ecosystem());
        let release = registry.release(&purl).await.expect("a release");
        self.registries.provenance(&release.artifacts[0]).await
    }

    async fn npm(&self) -> Result<Vec<PublishedAttestation>, Error> {
        self.provenance("pkg:npm/demo@1.0.0").await
    }

    async fn pypi(&self) -> Result<Vec<PublishedAttestation>, Error> {
        self.provenance("pkg:pypi/demo@1.0.0").await
    }
}

fn packument(tarball: &str, attestations: Option<String>) -> Value {
    let integrity = BASE64.encode(Sha512Digest::of(FILE).as_bytes());
    let mut dist = json!({"tarball": tarball, "integrity": format!("sha512-{integrity}")});
    if let Some(url) = attestations {
        dist["attestations"] = json!({
            "url": url,
            "provenance": {"predicateType": "https://slsa.dev/provenance/v1"},
        });
    }
    json!({"name": "demo", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"dist": dist}}})
}

fn page(provenance: Option<&str>) -> Value {
    json!({"meta": {"api-version": "1.3"}, "name": "demo", "files": [{
        "filename": "demo-1.0.0-py3-none-any.whl",
        "url": "/files/demo-1.0.0-py3-none-any.whl",
        "hashes": {"sha256": "a".repeat(64)},
        "provenance": provenance,
    }]})
}

fn of_npm(count: usize) -> String {
    json!({"attestations": vec![json!({"predicateType": "p", "bundle": {"n": 1}}); count]})
        .to_string()
}

fn of_pypi() -> String {
    of_publisher(&json!({
        "version": 1,
        "verification_material": {"certificate": "", "transparency_entries": []},
        "envelope": {"statement": "", "signature": ""},
    }))
}

fn of_publisher(attestation: &Value) -> String {
    json!({"version": 1, "attestation_bundles": [{
        "publisher": {"kind": "GitHub", "repository": "o/r", "workflow": "release.yml", "environment": null},
        "attestations": [attestation],
    }]})
    .to_string()
}

#[tokio::test]
async fn a_registry_without_provenance_is_asked_for_none() {
    let situation = Situation::new(None, None).await;
    assert_eq!(situation.npm().await.expect("nothing"), []);
    assert_eq!(situation.pypi().await.expect("nothing"), []);
}

#[tokio::test]
async fn a_registry_with_provenance_hands_it_out() {
    let situation = Situation::new(Some(NPM), Some(PYPI)).await;
    situation.fake.serve(NPM, of_npm(2));
    situation.fake.serve(PYPI, of_pypi());
    assert_eq!(situation.npm().await.expect("read").len(), 2);
    let pypi = situation.pypi().await.expect("read");
    assert!(matches!(
        &pypi[0].publisher,
        Some(Publisher::GitHub { repository, .. }) if repository == "o/r"
    ));
}

#[tokio::test]
async fn what_came_over_the_wire_holds_in_both_forms() {
    let sigstore = Sigstore::new();
    let build = Build::of("o/r", &"a".repeat(40));
    let situation = Situation::new(Some(NPM), Some(PYPI)).await;

    let bundle = sigstore.bundle(&build, &slsa(&sha512(), &build.repository, &build.commit));
    let document = json!({"attestations": [{"predicateType": "p", "bundle": bundle}]});
    situation.fake.serve(NPM, document.to_string());
    let published = situation.npm().await.expect("read");
    let findings = examine(&sigstore, ArtifactKind::NpmTarball, &published);
    assert!(findings.verified.is_some(), "{findings:?}");

    let bundle = sigstore.bundle(&build, &publish(&sha256()));
    situation
        .fake
        .serve(PYPI, of_publisher(&as_attestation(&bundle)));
    let published = situation.pypi().await.expect("read");
    let findings = examine(&sigstore, ArtifactKind::PureWheel, &published);
    assert!(findings.verified.is_some(), "{findings:?}");
}

#[tokio::test]
async fn what_the_metadata_names_and_the_registry_has_not_is_an_error_that_says_so() {
    let situation = Situation::new(Some(NPM), Some(PYPI)).await;
    let error = situation.npm().await.expect_err("not there");
    assert!(error.to_string().contains("demo-1.0.0.tgz") || error.to_string().contains("demo.tgz"));
    assert!(matches!(error, Error::Absent { .. }), "{error}");
    assert!(matches!(situation.pypi().await, Err(Error::Absent { .. })));
}

#[tokio::test]
async fn no_foreign_host_is_asked() {
    // It would answer, were it asked.
    let foreign = FakeRegistry::start().await;
    foreign.serve(NPM, of_npm(1));
    foreign.serve(PYPI, of_pypi());
    let named = |path: &str| format!("{}{path}", foreign.address());
    let npm = named(NPM.strip_prefix("/npm").expect("below the root"));
    foreign.serve(&NPM["/npm".len()..], of_npm(1));
    let situation = Situation::new(Some(&npm), Some(&named(PYPI))).await;
    assert!(matches!(situation.npm().await, Err(Error::Absent { .. })));
    let error = situation.pypi().await.expect_err("not followed");
    assert!(matches!(error, Error::ForeignHost { .. }), "{error}");
    assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    // npm's own client asks the registry that is configured, and so does remint.
    situation.fake.serve(NPM, of_npm(1));
    assert_eq!(situation.npm().await.expect("read").len(), 1);
}

#[tokio::test]
async fn a_document_that_is_too_large_too_long_or_no_json_is_refused() {
    let situation = Situation::new(Some(NPM), Some(PYPI)).await;
    situation.fake.serve(NPM, of_npm(17));
    let error = situation.npm().await.expect_err("too many");
    assert!(error.to_string().contains("17 attestations"), "{error}");
    situation.fake.serve(PYPI, "<html>");
    assert!(matches!(
        situation.pypi().await,
        Err(Error::Malformed { .. })
    ));

    let large = Situation::new(Some(NPM), Some(PYPI)).await;
    large.fake.serve(NPM, vec![b' '; (2 << 20) + 1]);
    assert!(matches!(large.npm().await, Err(Error::TooLarge { .. })));
}
