//! The whole line with a real engine, as a person runs it: a project of our own
//! in git, served over git's own protocol, published to a registry on loopback,
//! rebuilt and compared. Then everything that can be wrong with it.
//!
//! The images must be there (`remint images build`); `.ci/test` sees to it.

#[path = "support/crates.rs"]
mod crates;
#[path = "support/http.rs"]
mod http;
#[path = "support/https.rs"]
mod https;
#[path = "support/project.rs"]
mod project;

use std::process::Command;

use crates::git::Content;
use crates::{manifest, package, remint};
use https::HttpsGit;
use project::{PURL, World, run};
use remint::model::Sha256Digest;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_release_is_reproduced_and_attested() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let (status, json, errors) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{errors}{json:#}"
    );
    assert_eq!(result["sha256"], result["artifact"]["sha256"]);
    assert_eq!(result["source"]["tag"], "v1.0.0");
    let data = world.folder.path().join("data");
    let bundle =
        std::fs::read_to_string(data.join(result["attestation"].as_str().expect("attested")))
            .expect("the attestation is there");
    let key = std::fs::read_to_string(data.join("keys/attest.pub")).expect("the public key");
    let key = remint::attest::PublicKey::from_pem(&key).expect("a key");
    let statement = remint::attest::verify(&bundle, &key).expect("it verifies");
    assert_eq!(statement.subject[0].digest["sha256"], result["sha256"]);
    assert_eq!(statement.predicate["verdict"], "reproduced");

    // And the store answers from its log: result, provenance and SVR.
    let reader = remint::trust::Reader::open(remint::trust::Folders::below(&data)).expect("opens");
    let found = reader
        .find(remint::trust::Key::purl(PURL))
        .expect("every record holds");
    assert_eq!(found.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_behind_https_is_read_only_where_its_certificate_is_trusted() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let server = HttpsGit::serve(&world.folder.path().join("upstream"), world.folder.path());
    let (status, json, errors) = world.verify_from(&server.url(), &[PURL], &[]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (3, &Value::from("infra-error")),
        "{errors}{json:#}"
    );
    assert!(
        result["reason"]
            .as_str()
            .expect("a reason")
            .contains("certificate"),
        "{result:#}"
    );
    let trusted = server.certificate().to_str().expect("UTF-8");
    let (status, json, errors) = world
        .verify_from(&server.url(), &[PURL], &[("SSL_CERT_FILE", trusted)])
        .await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{errors}{json:#}"
    );
    assert_eq!(result["source"]["tag"], "v1.0.0");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_byte_is_different_and_named() {
    let world = World::new().await;
    let change = |path: &str, bytes: Vec<u8>| {
        if path.ends_with("src/lib.rs") {
            String::from_utf8(bytes)
                .expect("text")
                .replace("    1", "    2")
                .into_bytes()
        } else {
            bytes
        }
    };
    world
        .registry
        .publish("demo", "1.0.0", &world.changed(change, &[]));
    let (status, json, errors) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("different")),
        "{errors}{json:#}"
    );
    let first = &result["comparison"]["differences"][0];
    assert_eq!(
        (&first["path"], &first["severity"]),
        (&"demo-1.0.0/src/lib.rs".into(), &"payload".into())
    );
    assert!(
        first["diff"].as_str().expect("a diff").contains("+    2"),
        "{first}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_file_is_different_and_first() {
    let world = World::new().await;
    let evil = [("demo-1.0.0/build.rs", "fn main() {}\n")];
    world
        .registry
        .publish("demo", "1.0.0", &world.changed(|_, bytes| bytes, &evil));
    let (status, json, _) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("different")),
        "{json:#}"
    );
    let first = &result["comparison"]["differences"][0];
    assert_eq!(
        (&first["kind"], &first["path"]),
        (&"extra-member".into(), &"demo-1.0.0/build.rs".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_tag_and_a_commit_that_upstream_dropped_are_refused() {
    let mut world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let other = world.repository.commit_on(
        None,
        &[
            ("Cargo.toml", Content::Text(&manifest("demo"))),
            ("src/lib.rs", Content::Text("pub fn other() {}\n")),
        ],
    );
    world.repository.set("refs/heads/main", other);
    world.repository.tag("v1.0.0", other);
    let (status, json, _) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("source-not-found")),
        "{json:#}"
    );
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains("history was rewritten"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_lock_file_is_not_relied_on() {
    let world = World::new().await;
    let forged = "version = 4\n\n[[package]]\nname = \"demo\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"evil\"\nversion = \"6.6.6\"\nsource = \"registry+https://registry.example\"\nchecksum = \"0000000000000000000000000000000000000000000000000000000000000000\"\n";
    let change = |path: &str, bytes: Vec<u8>| {
        if path.ends_with("Cargo.lock") {
            forged.as_bytes().to_vec()
        } else {
            bytes
        }
    };
    world
        .registry
        .publish("demo", "1.0.0", &world.changed(change, &[]));
    let (status, json, _) = world.verify(&[PURL]).await;
    assert_eq!(status, 1, "{json:#}");
    assert_ne!(json["results"][0]["verdict"], "reproduced");
}

/// cargo keeps a lock file's first comments and its `[metadata]` when it writes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_lock_file_says_beside_packages_does_not_come_from_the_published_one() {
    for (first, last) in [("# payload\n", ""), ("", "\n[metadata]\npayload = \"x\"\n")] {
        let world = World::new().await;
        let change = |path: &str, bytes: Vec<u8>| {
            if path.ends_with("Cargo.lock") {
                let text = String::from_utf8(bytes).expect("text");
                let (marks, rest) = text.split_at(text.find("version").expect("a version"));
                format!("{marks}{first}{rest}{last}").into_bytes()
            } else {
                bytes
            }
        };
        world
            .registry
            .publish("demo", "1.0.0", &world.changed(change, &[]));
        let (status, json, _) = world.verify(&[PURL]).await;
        assert_eq!(status, 1, "{json:#}");
        assert_eq!(json["results"][0]["verdict"], "different", "{json:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_that_does_not_exist_is_wrong_usage() {
    let world = World::new().await;
    let (status, _, errors) = world.verify(&["pkg:cargo/absent@1.0.0"]).await;
    assert_eq!(status, 2, "{errors}");
    assert!(
        errors.contains("pkg:cargo/absent@1.0.0 does not exist"),
        "{errors}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_package_url_is_wrong_usage() {
    let world = World::new().await;
    let (status, _, errors) = world.verify(&["itoa"]).await;
    assert_eq!(status, 2, "{errors}");
    assert!(errors.contains("pkg:cargo/itoa@1.0.18"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registrys_faults_say_nothing_about_the_package() {
    let world = World::new().await;
    world
        .registry
        .publish_with_digest_of("mismatch", "1.0.0", &world.crate_bytes, b"other");
    world
        .registry
        .publish_cut_short("truncated", "1.0.0", &world.crate_bytes);
    world.registry.fail_index("broken", 503);
    for (purl, reason) in [
        ("pkg:cargo/mismatch@1.0.0", "metadata says"),
        ("pkg:cargo/truncated@1.0.0", "ended early"),
        ("pkg:cargo/broken@1.0.0", "answered 503"),
    ] {
        let (status, json, errors) = world.verify(&[purl]).await;
        let result = &json["results"][0];
        assert_eq!(
            (status, &result["verdict"]),
            (3, &Value::from("infra-error")),
            "{errors}{json:#}"
        );
        assert!(
            result["reason"]
                .as_str()
                .expect("a reason")
                .contains(reason),
            "{result:#}"
        );
        assert!(result["attestation"].is_null(), "an infra-error was signed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_that_is_not_what_its_name_says_is_said_to_be() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", b"no crate at all");
    let (status, json, _) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("build-failed")),
        "{json:#}"
    );
    assert!(
        result["failure"]["reason"]
            .as_str()
            .expect("a reason")
            .contains("cannot be read"),
        "{result:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_engine_is_the_farms_fault_and_says_what_to_do() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let nowhere = format!("unix://{}/none.sock", world.folder.path().display());
    let (status, json, errors) = world
        .verify_with(&[PURL], &[("DOCKER_HOST", &nowhere)])
        .await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (3, &Value::from("infra-error")),
        "{errors}{json:#}"
    );
    assert!(
        result["reason"]
            .as_str()
            .expect("a reason")
            .contains("DOCKER_HOST"),
        "{result:#}"
    );
}

/// In a mount namespace of its own, so that the small disk is nobody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_the_farms_fault_and_nothing_is_lost() {
    let world = World::new().await;
    let noise: String = (0..400_000u64)
        .map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    let large = [("demo-1.0.0/large", noise.as_str())];
    let large = world.changed(|_, bytes| bytes, &large);
    world.registry.publish("demo", "1.0.0", &large);
    let config = world.folder.path().join("remint.toml");
    std::fs::write(
        &config,
        format!("[registry]\ncargo = \"{}\"\n", world.registry.index()),
    )
    .expect("write");
    let data = world.folder.path().join("data");
    std::fs::create_dir(&data).expect("mkdir");
    let script = "mount -t tmpfs -o size=1m tmpfs \"$1\" && exec \"$2\" --config \"$3\" verify --json \"$4\"";
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .args([
            data.as_os_str(),
            env!("CARGO_BIN_EXE_remint").as_ref(),
            config.as_os_str(),
        ])
        .arg(PURL)
        .env("REMINT_DATA_DIR", &data)
        .env("REMINT_RESULTS_DIR", world.folder.path().join("results"))
        .env(
            "REMINT_IMAGES_DIR",
            concat!(env!("CARGO_MANIFEST_DIR"), "/images"),
        );
    let output = run(command).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    let said = format!("{}{errors}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("no space is left"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_out_of_memory_is_tried_again_with_more_and_the_record_says_so() {
    let mut world = World::new().await;
    // cargo needs some 130 MiB to read it.
    let numbers = "0,".repeat(100_000);
    let large = format!(
        "{}[package.metadata]\nnumbers = [{numbers}]\n",
        manifest("demo")
    );
    let commit = world
        .repository
        .commit(&[("Cargo.toml", Content::Text(&large))]);
    world.repository.set("refs/heads/main", commit);
    world.repository.tag("v1.0.0", commit);
    let published = package(&world.repository.path, world.folder.path(), &[]);
    world.registry.publish("demo", "1.0.0", &published);
    let (status, json, errors) = world.verify_within("memory_mib = 64").await;
    let result = &json["results"][0];
    let told = format!("{errors}{result:#}");
    let reproduced = Value::from("reproduced");
    assert_eq!((status, &result["verdict"]), (0, &reproduced), "{told}");
    let tries = result["candidates"]
        .as_array()
        .unwrap_or_else(|| panic!("{told}"));
    let outcome = tries[0]["outcome"].as_str().expect("an outcome");
    assert!(outcome.contains("memory limit of 64 MiB"), "{told}");
    // With no more than it is given, it is what it was.
    let (status, json, errors) = world.verify_within("memory_mib = 16").await;
    let result = &json["results"][0];
    let failed = Value::from("build-failed");
    assert_eq!(
        (status, &result["verdict"]),
        (1, &failed),
        "{errors}{result:#}"
    );
    assert!(result.to_string().contains("48 MiB"), "{result:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipe_that_was_printed_can_be_given_back() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let recipe = world.recipe(|text| text).await;
    let (status, json, errors) = world.verify(&[PURL, "--recipe", &recipe]).await;
    assert_eq!(
        (status, &json["results"][0]["verdict"]),
        (0, &Value::from("reproduced")),
        "{errors}{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_cannot_put_the_very_release_into_its_build() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let digest = Sha256Digest::of(&world.crate_bytes);
    let itself = format!(
        "\n[[plan.inputs]]\nunpack_to = \"tools/itself\"\n\
         [plan.inputs.origin.package]\npurl = \"{PURL}\"\nname = \"demo-1.0.0.crate\"\n\
         [plan.inputs.digest]\nsha256 = \"{digest}\"\n"
    );
    let recipe = world.recipe(|text| text + &itself).await;
    let (status, json, errors) = world.verify(&[PURL, "--recipe", &recipe]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("build-failed")),
        "{errors}{json:#}"
    );
    let reason = result.to_string();
    assert!(reason.contains("very release that is rebuilt"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_toolchain_that_the_farm_cannot_have_is_its_own_fault_and_named() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let nothing = "0".repeat(64);
    let recipe = world
        .recipe(|text| {
            let key = "[plan.inputs.digest]\nsha256 = \"";
            let (before, rest) = text.split_once(key).expect("a kept cargo");
            let (_, after) = rest.split_once('"').expect("a digest");
            format!("{before}{key}{nothing}\"{after}")
        })
        .await;
    let (status, json, errors) = world.verify(&[PURL, "--recipe", &recipe]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (3, &Value::from("infra-error")),
        "{errors}{json:#}"
    );
    let reason = result["reason"].as_str().expect("a reason");
    assert!(reason.contains("remint toolchains add 1."), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_hold_a_message_are_replayed_and_said_and_never_plainly_reproduced() {
    let world = World::new().await;
    // Four bytes of a message in each member's time: the worst that times can do.
    let message = |path: &str| {
        Some(u64::from(u32::from_be_bytes([
            0x41,
            0x42,
            0,
            path.len() as u8,
        ])))
    };
    let bytes = world.changed_at(|_, bytes| bytes, message, &[]);
    world.registry.publish("demo", "1.0.0", &bytes);
    let (status, json, errors) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{errors}{json:#}"
    );
    let replayed = result["replayed"]
        .as_array()
        .expect("the grade is replayed");
    assert!(
        replayed
            .iter()
            .any(|fact| fact["replayed"] == "member-times"),
        "{replayed:?}"
    );
    let (status, json, _) = world.verify(&[PURL, "--no-replay"]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (1, &Value::from("equivalent")),
        "{json:#}"
    );
    // A time after the release is no time of a publisher's file.
    let world = World::new().await;
    let late = world.changed_at(|_, bytes| bytes, |_| Some(4_000_000_000), &[]);
    world.registry.publish("demo", "1.0.0", &late);
    let (status, json, _) = world.verify(&[PURL]).await;
    assert_eq!(status, 1, "{json:#}");
    assert_eq!(json["results"][0]["verdict"], "equivalent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_that_names_a_forks_commit_has_no_source() {
    let mut world = World::new().await;
    let evil = world.repository.commit_on(
        None,
        &[
            ("Cargo.toml", Content::Text(&manifest("demo"))),
            ("src/lib.rs", Content::Text("pub fn evil() {}\n")),
        ],
    );
    // Whoever opens a pull request puts a commit there.
    world.repository.set("refs/pull/1/head", evil);
    let change = |path: &str, bytes: Vec<u8>| {
        if path.ends_with(".cargo_vcs_info.json") {
            format!("{{\"git\":{{\"sha1\":\"{evil}\"}},\"path_in_vcs\":\"\"}}").into_bytes()
        } else if path.ends_with("src/lib.rs") {
            b"pub fn evil() {}\n".to_vec()
        } else {
            bytes
        }
    };
    world
        .registry
        .publish("demo", "1.0.0", &world.changed(change, &[]));
    let (status, json, errors) = world.verify(&[PURL]).await;
    assert_eq!(
        (status, &json["results"][0]["verdict"]),
        (1, &Value::from("source-not-found")),
        "{errors}{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crate_packed_on_windows_is_reproduced_with_its_line_ends_and_no_other_change() {
    let mut world = World::new().await;
    let upstream = world.folder.path().join("upstream/o/demo");
    world.crate_bytes = package(&upstream, world.folder.path(), &["core.autocrlf=true"]);
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let (status, json, errors) = world.verify(&[PURL]).await;
    let result = &json["results"][0];
    assert_eq!(
        (status, &result["verdict"]),
        (0, &Value::from("reproduced")),
        "{errors}{json:#}"
    );
    assert!(result["replayed"].is_null(), "{result:#}");
    let facts = result["recovered"].as_array().expect("facts");
    assert!(
        facts
            .iter()
            .any(|fact| fact["fact"] == "line-endings" && fact["crlf"] == 2),
        "{facts:?}"
    );
    let mut world = World::new().await;
    let upstream = world.folder.path().join("upstream/o/demo");
    world.crate_bytes = package(&upstream, world.folder.path(), &["core.autocrlf=true"]);
    let evil = world.changed(
        |path, bytes| {
            if path.ends_with("src/lib.rs") {
                b"pub fn one() -> u32 {\r\n    2\r\n}\r\n".to_vec()
            } else {
                bytes
            }
        },
        &[],
    );
    world.registry.publish("demo", "1.0.0", &evil);
    let (status, json, _) = world.verify(&[PURL]).await;
    assert_eq!(
        (status, &json["results"][0]["verdict"]),
        (1, &Value::from("different")),
        "{json:#}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_story_of_a_verdict_is_told_and_nothing_recovered_leaves_no_plan() {
    let world = World::new().await;
    world.registry.publish("demo", "1.0.0", &world.crate_bytes);
    let (status, json, _) = world.verify(&[PURL, "--no-recovered"]).await;
    assert_eq!(status, 1, "{json:#}");
    assert_eq!(json["results"][0]["verdict"], "build-failed");
    world.verify(&[PURL]).await;
    let mut explain = remint(world.folder.path());
    explain.args(["explain", PURL]);
    let told = run(explain).await;
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    for part in [
        "demo-1.0.0.crate: reproduced",
        "a branch leads",
        "1. cargo ",
        "the same bytes",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let mut explain = remint(world.folder.path());
    explain.args(["explain", "pkg:cargo/absent@1.0.0"]);
    assert_eq!(run(explain).await.status.code(), Some(2));
}
