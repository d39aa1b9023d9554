//! What is taken out of a container, and what is not.

use remint::model::{BuildFailure, BuildStage, Sha256Digest};

use crate::support::{Bench, plan};

#[tokio::test]
async fn the_bytes_of_the_output_come_back_exactly() {
    let bench = Bench::open().await;
    let mut plan =
        plan("for n in 1 2 3; do cat /build/seed; printf '\\0\\r\\n\\xff'; done > out/file");
    plan.files.insert("seed".into(), "Schnüre\n".repeat(40_000));
    let rebuild = bench.run(&plan).await.expect("it ends well");
    let mut wanted = Vec::new();
    for _ in 0..3 {
        wanted.extend_from_slice(plan.files["seed"].as_bytes());
        wanted.extend_from_slice(b"\0\r\n\xff");
    }
    let found = std::fs::read(&rebuild.file.path).expect("the file");
    assert!(found == wanted, "{} bytes came back", found.len());
    assert_eq!(rebuild.file.sha256, Sha256Digest::of(&wanted));
    assert_eq!(rebuild.file.size, wanted.len() as u64);
    assert_eq!(rebuild.file.name, "file");
}

#[tokio::test]
async fn what_is_no_regular_file_is_no_output_and_what_is_there_is_told() {
    let bench = Bench::open().await;
    for script in [
        "touch out/other",
        "touch out/other; ln -s /etc/passwd out/file",
        "touch out/other; ln -s other out/file",
        "mkdir out/file; touch out/other out/file/inner",
        "touch out/other; mkfifo out/file",
    ] {
        let failed = bench.failure(&plan(script)).await;
        let BuildFailure::NoOutput { path, found } = &failed.failure else {
            panic!("{script}: {}", failed.failure);
        };
        assert_eq!(failed.stage, BuildStage::Output, "{script}");
        assert_eq!(path, "out/file", "{script}");
        assert!(found.contains(&"other".to_owned()), "{script}: {found:?}");
        assert_eq!(
            found.contains(&"file".to_owned()),
            script.contains("out/file")
        );
    }
}

#[tokio::test]
async fn a_failed_step_is_named_with_its_status_and_ends_the_run() {
    let bench = Bench::open().await;
    let mut plan = plan("echo before; exit 7");
    plan.build
        .push(crate::support::step("touch out/file; echo after"));
    let failed = bench.failure(&plan).await;
    assert!(
        matches!(&failed.failure, BuildFailure::Exit { code: 7, step } if step.contains("exit 7")),
        "{}",
        failed.failure
    );
    assert!(failed.log.contains("\nbefore\n") && !failed.log.contains("\nafter\n"));
}

#[tokio::test]
async fn a_step_that_may_fail_is_named_with_its_status_and_passed_over() {
    let bench = Bench::open().await;
    let mut plan = plan("echo built > out/file; exit 7");
    plan.build[0].may_fail = true;
    plan.build
        .push(crate::support::step("echo packed >> out/file"));
    let rebuild = bench.run(&plan).await.expect("it ends well");
    let found = std::fs::read_to_string(&rebuild.file.path).expect("the file");
    assert_eq!(found, "built\npacked\n");
    let [passed_over] = &rebuild.passed_over[..] else {
        panic!("{:?}", rebuild.passed_over);
    };
    assert!(passed_over.contains("exit 7") && passed_over.ends_with("status 7"));
    let log = std::fs::read_to_string(&rebuild.log).expect("the log");
    assert!(log.contains("[status 7: passed over"), "{log}");
}
