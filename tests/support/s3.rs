//! A server that speaks S3 and is not ours (moto, which `.ci/verifiers` installs), on
//! loopback. It keeps its objects in memory.
#![allow(dead_code)]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use remint::model::Config;
use remint::store::Bucket;

/// What the server knows its one user by.
pub const CREDENTIALS: [(&str, &str); 2] = [
    ("AWS_ACCESS_KEY_ID", "farm"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

/// How long a server may take to start, or a failure to be told.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server that keeps its objects in memory.
pub struct Server {
    process: Child,
    pub port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// A server with one empty bucket.
    pub async fn start(port: u16) -> Self {
        let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/verifiers/python");
        assert!(
            modules.join("moto").is_dir(),
            "the S3 server is not installed; run `bash .ci/verifiers`"
        );
        let process = Command::new("python3")
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .env("PYTHONPATH", modules)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3");
        let server = Self { process, port };
        let begun = Instant::now();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        while !client
            .put(format!("{}/farm", server.address()))
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            assert!(begun.elapsed() < PATIENCE, "the S3 server does not start");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server
    }

    /// Where it is.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its bucket, open.
    pub fn bucket(&self) -> Bucket {
        bucket_at(self.port)
    }
}

/// The lines of a configuration for the bucket.
pub fn config(port: u16) -> String {
    format!(
        "[store]\nbucket = \"s3://farm/remint/one\"\nendpoint = \"http://127.0.0.1:{port}\"\n\
         region = \"eu-central-1\"\nallow_http = true\n"
    )
}

/// The bucket of a server at this port, open.
pub fn bucket_at(port: u16) -> Bucket {
    let config = Config::parse(&config(port), "test").expect("valid");
    let variables = CREDENTIALS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Bucket::open(&config.store.bucket.expect("a bucket"), variables).expect("opens")
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    // Nobody else gets it before the server does, as a rule; the server says so otherwise.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
