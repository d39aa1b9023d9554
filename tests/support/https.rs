//! Git over https on loopback, with a certificate of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::http::HttpGit;

/// A host's own certificate (openssl-req(1), x509v3_config(5)): one that says it is an
/// authority is not taken for a host's (RFC 5280, section 4.2.1.9).
const SETTINGS: &str = "
[req]
distinguished_name = name
x509_extensions = host
[name]
[host]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
";

/// The repositories below a folder, served over https until dropped.
pub struct HttpsGit {
    server: HttpGit,
    certificate: PathBuf,
}

impl HttpsGit {
    /// Serves what is below `base`; the certificate goes into `folder`.
    pub fn serve(base: &Path, folder: &Path) -> Self {
        let (certificate, key) = (folder.join("tls.pem"), folder.join("tls.key"));
        let settings = folder.join("tls.cnf");
        std::fs::write(&settings, SETTINGS).expect("written");
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-nodes",
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
            ])
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-config".as_ref(), settings.as_os_str()])
            .args(["-out".as_ref(), certificate.as_os_str()])
            .args(["-keyout".as_ref(), key.as_os_str()])
            .stderr(Stdio::null())
            .status()
            .expect("openssl is installed");
        assert!(made.success(), "openssl makes a certificate");
        Self {
            server: HttpGit::serve(base, &[&certificate, &key]),
            certificate,
        }
    }

    /// The address of the served folder, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.server.port)
    }

    /// The certificate that a client must trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }
}
