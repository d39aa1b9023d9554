//! `repro-threshold`: a client that takes a file only where k of n rebuilders say that
//! it reproduces. It asks `remint trust serve` as it would rebuilderd, by the name and
//! version inside a .deb, which is the one kind of file that it reads.
//!
//! Its build takes minutes, so it is not part of the usual run: `.ci/verifiers
//! threshold` installs it, and `cargo test --test verifiers -- --ignored` asks it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::store::Store;
use crate::verifiers;

const NAME: &str = "demo_1.0.0_all.deb";

/// A rebuilder: a store with its server.
struct Rebuilder {
    _store: Store,
    server: Child,
    address: String,
}

impl Rebuilder {
    /// Says that `deb` reproduces.
    fn of(deb: &[u8]) -> Self {
        let store = Store::of(NAME, deb);
        let mut server = Command::new(env!("CARGO_BIN_EXE_remint"))
            .arg("--data-dir")
            .arg(store.data())
            .args(["trust", "serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut line = String::new();
        let output = server.stdout.take().expect("piped");
        BufReader::new(output)
            .read_line(&mut line)
            .expect("says where");
        let address = line.trim().strip_prefix("http://").expect("an address");
        Self {
            address: address.to_owned(),
            _store: store,
            server,
        }
    }

    fn json(&self, path: &str) -> Value {
        let mut socket = TcpStream::connect(&self.address).expect("connects");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("asks");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("answers");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("JSON")
    }

    /// Writes its key, as its server gives it, into `folder`.
    fn key(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.pub", self.address));
        let keys = self.json("/api/v1/meta/public-keys");
        std::fs::write(&path, keys["current"][0].as_str().expect("PEM")).expect("written");
        path
    }
}

impl Drop for Rebuilder {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// A .deb of that name and version (deb(5)); `content` makes it another file.
fn deb(content: &str) -> Vec<u8> {
    let control = "Package: demo\nVersion: 1.0.0\nArchitecture: all\n";
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.xz", tar_xz("./control", control)),
        ("data.tar.xz", tar_xz("./demo", content)),
    ];
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        let size = bytes.len();
        writeln!(
            archive,
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{size:<10}`",
            0, 0, 0, 100_644
        )
        .expect("memory takes it");
        archive.extend(bytes);
        if size % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

fn tar_xz(name: &str, text: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(liblzma::write::XzEncoder::new(Vec::new(), 6));
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    // As it is: the builder would drop the `./` that dpkg writes and this client wants.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_cksum();
    builder.append(&header, text.as_bytes()).expect("packs");
    let encoder = builder.into_inner().expect("packs");
    encoder.finish().expect("packs")
}

/// Whether the client takes `file` by `threshold` of these keys, asking these servers
/// and reading these links.
fn takes(
    file: &Path,
    threshold: usize,
    keys: &[&Path],
    servers: &[&Rebuilder],
    links: &[&Path],
) -> bool {
    let program = verifiers().join("threshold/bin/repro-threshold");
    assert!(
        program.exists(),
        "it is not installed; run `bash .ci/verifiers threshold`"
    );
    let mut command = Command::new(program);
    command.args(["-vv", "plumbing", "verify"]);
    command.args(["--threshold", &threshold.to_string()]);
    for key in keys {
        command.arg("--signing-key").arg(key);
    }
    for server in servers {
        command
            .arg("--rebuilder")
            .arg(format!("http://{}", server.address));
    }
    for link in links {
        command.arg("--attestation").arg(link);
    }
    let output = command.arg(file).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        // Refused for want of votes, and for nothing else.
        assert!(said.contains("required signatures"), "{said}");
    }
    output.status.success()
}

#[test]
#[ignore = "repro-threshold takes minutes to build; `.ci/verifiers threshold` does it"]
fn repro_threshold_takes_k_of_n_and_refuses_what_is_missing_or_forged() {
    let folder = tempfile::tempdir().expect("temp");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    };
    let good = deb("good");
    let file = write(NAME, &good);
    let (one, two) = (Rebuilder::of(&good), Rebuilder::of(&good));
    // It vouches for another file of the same name and version.
    let other = Rebuilder::of(&deb("other"));
    let [a, b, c] = [&one, &two, &other].map(|rebuilder| rebuilder.key(folder.path()));
    let keys: [&Path; 3] = [&a, &b, &c];

    assert!(takes(&file, 2, &keys, &[&one, &two, &other], &[]));
    assert!(takes(&file, 1, &keys, &[&one], &[]));
    assert!(!takes(&file, 3, &keys, &[&one, &two, &other], &[]));
    // One server twice is one vote, and so is one key.
    assert!(!takes(&file, 2, &keys, &[&one, &one], &[]));
    assert!(!takes(&file, 2, &[&a, &a], &[&one, &two], &[]));
    assert!(!takes(&file, 1, &[&b], &[&one], &[]));
    let another = write("another.deb", &deb("bad"));
    assert!(!takes(&another, 1, &keys, &[&one, &two, &other], &[]));

    // The same from files, where a byte of the link can be changed.
    let link = |rebuilder: &Rebuilder| {
        let found = rebuilder.json("/api/v1/packages/binary?name=demo&version=1.0.0");
        let record = &found["records"][0];
        let (build, artifact) = (&record["build_id"], &record["artifact_id"]);
        let path = format!("/api/v1/builds/{build}/artifacts/{artifact}/attestation");
        rebuilder.json(&path).to_string()
    };
    let own = write("own.link", link(&one).as_bytes());
    assert!(takes(&file, 1, &keys, &[], &[&own]));
    let [right, wrong] = [&good[..], &deb("bad")].map(remint::model::Sha256Digest::of);
    let forged = link(&one).replace(&right.to_string(), &wrong.to_string());
    let forged = write("forged.link", forged.as_bytes());
    assert!(!takes(&another, 1, &keys, &[], &[&forged]));
}
