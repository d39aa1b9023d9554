//! A key in a token signs as a key in a file does (SoftHSM, which `.ci/setup` installs).

use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use remint::attest::{KeyFile, Signer as _, TokenSigner};

/// Where Debian and Ubuntu put the library (package softhsm2).
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

fn softhsm(config: &Path, arguments: &[&str]) {
    let output = Command::new("softhsm2-util")
        .args(arguments)
        .env("SOFTHSM2_CONF", config)
        .output()
        .expect("softhsm2-util is installed; run `bash .ci/setup`");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// One test, since the library reads its configuration once a process.
#[test]
fn a_token_signs_with_the_key_that_has_the_label_and_says_what_it_lacks() {
    let folder = tempfile::tempdir().expect("temp");
    let config = folder.path().join("softhsm2.conf");
    let tokens = folder.path().join("tokens");
    std::fs::create_dir(&tokens).expect("folder");
    let text = format!("directories.tokendir = {}\n", tokens.display());
    std::fs::write(&config, text).expect("write");
    softhsm(
        &config,
        &[
            "--init-token",
            "--free",
            "--label",
            "remint",
            "--pin",
            "1234",
            "--so-pin",
            "1234",
        ],
    );
    let key = KeyFile::generate().expect("key");
    let der = key.to_der().expect("encodes");
    let body = base64::engine::general_purpose::STANDARD.encode(der.as_bytes());
    let pem = folder.path().join("key.pem");
    let text = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    std::fs::write(&pem, text).expect("write");
    let path = pem.to_str().expect("UTF-8");
    softhsm(
        &config,
        &[
            "--import", path, "--token", "remint", "--label", "attest", "--id", "01", "--pin",
            "1234",
        ],
    );

    // SAFETY: this process has one test, and no other thread reads the environment.
    unsafe { std::env::set_var("SOFTHSM2_CONF", &config) };
    let open = |token: &str, key: &str, pin: &str| {
        TokenSigner::open(Path::new(MODULE), token, key, pin.to_owned())
    };
    let refusal = |result: Result<TokenSigner, remint::attest::Error>| {
        result.err().expect("refused").to_string()
    };
    assert!(refusal(open("other", "attest", "1234")).contains("`other`"));
    assert!(refusal(open("remint", "attest", "9999")).contains("PIN"));
    let token = open("remint", "attest", "1234").expect("opens");
    assert_eq!(token.public_key(), key.public_key());
    let signature = token.sign(b"message").expect("signs");
    assert!(key.public_key().verifies(b"message", &signature));
    let missing = refusal(open("remint", "nothing", "1234"));
    assert!(
        missing.contains("`nothing`") || missing.contains("log in"),
        "{missing}"
    );
}
