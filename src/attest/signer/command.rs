//! An external command that signs, for every key service that has a command line.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;

use super::{Signer, confirmed};
use crate::attest::{Error, PublicKey};
use crate::model::Sha256Digest;

/// How long a key service may take; one that needs a person's touch is not for a
/// nightly batch.
const TIME: Duration = Duration::from_secs(60);
/// The longest DER signature over P-256 is 72 bytes, 96 characters in base64; more
/// is no signature.
const LONGEST: u64 = 1024;

/// Runs a command for each signature. It gets the message on standard input and its
/// SHA-256 in `REMINT_SHA256` (hexadecimal), and writes the DER signature, raw or in
/// base64, on standard output.
pub struct CommandSigner {
    run: Vec<String>,
    public: PublicKey,
}

impl CommandSigner {
    /// A signer that runs `run`, an argument vector; `public` is its key.
    pub const fn new(run: Vec<String>, public: PublicKey) -> Self {
        Self { run, public }
    }

    fn failed(&self, what: impl std::fmt::Display) -> Error {
        let name = self.run.first().map_or("", String::as_str);
        Error::Signer(format!("the signing command `{name}` {what}"))
    }
}

impl Signer for CommandSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let (program, arguments) = self
            .run
            .split_first()
            .ok_or_else(|| self.failed("is empty; name one in [signing.command]"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .env("REMINT_SHA256", Sha256Digest::of(message).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| self.failed(format_args!("cannot be started: {error}")))?;
        let mut stdin = child.stdin.take();
        let message_copy = message.to_vec();
        // In a thread: a command that answers before it has read everything must not
        // block on a full pipe. That it closes its input early is no fault.
        let feeder = std::thread::spawn(move || {
            if let Some(pipe) = &mut stdin {
                let _ = pipe.write_all(&message_copy);
            }
        });
        let stdout = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            match stdout {
                Some(pipe) => pipe.take(LONGEST).read_to_end(&mut bytes).map(|_| bytes),
                None => Ok(bytes),
            }
        });
        let deadline = Instant::now() + TIME;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok(None) => {
                    // Its own status no longer matters.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.failed(format_args!("took more than {} s", TIME.as_secs())));
                }
                Err(error) => return Err(self.failed(error)),
            }
        };
        // Both threads end with the command's pipes; neither panics.
        let _ = feeder.join();
        if !status.success() {
            return Err(self.failed(format_args!("ended with {status}")));
        }
        let output = reader
            .join()
            .map_err(|_| self.failed("could not be read"))?
            .map_err(|error| self.failed(error))?;
        confirmed(&self.public, message, der(&output))
    }

    fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

/// A DER SEQUENCE begins with 0x30, base64 of one with `M`.
fn der(output: &[u8]) -> Vec<u8> {
    if output.first() == Some(&0x30) {
        return output.to_vec();
    }
    let text: Vec<u8> = output
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    base64::engine::general_purpose::STANDARD
        .decode(&text)
        .unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::super::KeyFile;
    use super::*;

    fn signer(script: &str, public: &PublicKey) -> CommandSigner {
        let run = ["sh", "-c", script].map(str::to_owned).to_vec();
        CommandSigner::new(run, public.clone())
    }

    #[test]
    fn raw_and_base64_signatures_are_taken_and_confirmed() {
        let key = KeyFile::generate().expect("key");
        let signature = key.sign(b"message").expect("signs");
        let encoded = base64::engine::general_purpose::STANDARD.encode(&signature);
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("signature");
        std::fs::write(&path, &signature).expect("write");
        let raw = signer(
            &format!("cat > /dev/null; cat {}", path.display()),
            key.public_key(),
        );
        assert_eq!(raw.sign(b"message").expect("signs"), signature);
        let text = signer(&format!("echo {encoded}"), key.public_key());
        assert_eq!(text.sign(b"message").expect("signs"), signature);
        let error = text.sign(b"another").expect_err("refused").to_string();
        assert!(error.contains("no signature by the key"), "{error}");
    }

    #[test]
    fn a_command_that_fails_or_is_not_there_is_named() {
        let public = KeyFile::generate().expect("key").public_key().clone();
        let error = signer("exit 3", &public).sign(b"x").expect_err("fails");
        assert!(error.to_string().contains("exit status: 3"), "{error}");
        let missing = CommandSigner::new(vec!["/no/such/program".into()], public);
        let error = missing.sign(b"x").expect_err("fails").to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }
}
