//! Git over https on loopback, with a certificate of its own: git's
//! `http-backend` behind a web server of a few lines of Python.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Serves git's smart HTTP protocol (git-http-backend(1), CGI) on a free port and
/// prints the port.
const SERVER: &str = r#"
import http.server, os, ssl, subprocess, sys, urllib.parse

base, certificate, key = sys.argv[1:]

class Git(http.server.BaseHTTPRequestHandler):
    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        env = dict(os.environ, GIT_PROJECT_ROOT=base, GIT_HTTP_EXPORT_ALL="1",
                   PATH_INFO=urllib.parse.unquote(url.path), QUERY_STRING=url.query,
                   REQUEST_METHOD=self.command, REMOTE_ADDR="127.0.0.1",
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        said = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().splitlines()]
        self.send_response(next((int(v.split()[0]) for k, v in fields if k == "Status"), 200))
        for name, value in fields:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
    do_GET = do_POST = answer
    def log_message(self, *words):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// The repositories below a folder, served over https until dropped.
pub struct HttpsGit {
    server: Child,
    port: u16,
    certificate: PathBuf,
}

impl HttpsGit {
    /// Serves what is below `base`; the certificate goes into `folder`.
    pub fn serve(base: &Path, folder: &Path) -> Self {
        let (certificate, key) = (folder.join("tls.pem"), folder.join("tls.key"));
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
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-out".as_ref(), certificate.as_os_str()])
            .args(["-keyout".as_ref(), key.as_os_str()])
            .stderr(Stdio::null())
            .status()
            .expect("openssl is installed");
        assert!(made.success(), "openssl makes a certificate");
        let mut server = Command::new("python3")
            .args(["-c", SERVER])
            .args([base, &certificate, &key])
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let said = server.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("a port");
        Self {
            server,
            port: line.trim().parse().expect("a port"),
            certificate,
        }
    }

    /// The address of the served folder, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The certificate that a client must trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }
}

impl Drop for HttpsGit {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
