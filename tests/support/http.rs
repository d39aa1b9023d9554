//! Git over http on loopback: git's `http-backend` behind a web server of a few lines of
//! Python.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Serves git's smart HTTP protocol (git-http-backend(1), CGI) on a free port and
/// prints the port.
const SERVER: &str = r#"
import http.server, os, ssl, subprocess, sys, urllib.parse

base, *tls = sys.argv[1:]

class Git(http.server.BaseHTTPRequestHandler):
    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        # `/moved/` was renamed, `/away/` went to another host, `/private/` wants a
        # password, and `/page/` is a web page.
        first, _, rest = self.path[1:].partition("/")
        port = self.server.server_address[1]
        told = {"moved": (301, "/" + rest), "away": (301, f"http://localhost:{port}/{rest}"),
                "private": (401, None), "page": (200, None)}.get(first)
        if told:
            status, location = told
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        env = dict(os.environ, GIT_PROJECT_ROOT=base, GIT_HTTP_EXPORT_ALL="1",
                   PATH_INFO=urllib.parse.unquote(url.path), QUERY_STRING=url.query,
                   REQUEST_METHOD=self.command, REMOTE_ADDR="127.0.0.1",
                   CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
        said = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL).stdout
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
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// The repositories below a folder, served over http until dropped.
pub struct HttpGit {
    server: Child,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

impl HttpGit {
    /// Serves what is below `base`; with TLS where a certificate and its key are named.
    pub fn serve(base: &Path, tls: &[&Path]) -> Self {
        let mut server = Command::new("python3")
            .args(["-c", SERVER])
            .arg(base)
            .args(tls)
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is installed");
        let said = server.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).expect("a port");
        Self {
            server,
            port: line.trim().parse().expect("a port"),
        }
    }
}

impl Drop for HttpGit {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
