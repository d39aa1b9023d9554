//! Small git repositories for tests, and a real git transport on loopback.
//!
//! Used by the tests of the source station and by those of the whole line, so
//! not every test uses every helper.
#![allow(dead_code)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use git2::{FileMode, Oid, Repository, Signature, Time};

/// The time of the first commit of every test repository; each later commit is
/// a minute later.
pub const FIRST_COMMIT: i64 = 1_700_000_000;

/// One entry of a tree: a path with what lies there.
pub enum Content<'a> {
    /// A regular file.
    Text(&'a str),
    /// An executable file.
    Script(&'a str),
    /// A symbolic link with its target.
    Link(&'a str),
    /// A submodule at a commit.
    Submodule(Oid),
    /// Nothing: what lay there is removed.
    Gone,
}

/// A bare repository that a test fills, with branch `main`.
pub struct TestRepository {
    /// The repository.
    pub git: Repository,
    /// Where it is.
    pub path: PathBuf,
    commits: i64,
}

impl TestRepository {
    /// Makes an empty one at `path`.
    pub fn create(path: &Path) -> Self {
        let mut options = git2::RepositoryInitOptions::new();
        options
            .bare(true)
            .external_template(false)
            .initial_head("main");
        Self {
            git: Repository::init_opts(path, &options).expect("init"),
            path: path.to_path_buf(),
            commits: 0,
        }
    }

    /// Commits changes on top of `main`.
    pub fn commit(&mut self, changes: &[(&str, Content<'_>)]) -> Oid {
        let parent = self
            .git
            .find_reference("refs/heads/main")
            .ok()
            .map(|r| r.peel_to_commit().expect("a commit").id());
        let id = self.commit_on(parent, changes);
        self.set("refs/heads/main", id);
        id
    }

    /// Commits changes on top of `parent`, on no branch.
    pub fn commit_on(&mut self, parent: Option<Oid>, changes: &[(&str, Content<'_>)]) -> Oid {
        let parent = parent.map(|id| self.git.find_commit(id).expect("parent"));
        let base = match &parent {
            Some(parent) => parent.tree().expect("tree"),
            None => {
                let empty = self.git.treebuilder(None).expect("builder");
                self.git
                    .find_tree(empty.write().expect("tree"))
                    .expect("tree")
            }
        };
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, content) in changes {
            let blob = |text: &str| self.git.blob(text.as_bytes()).expect("blob");
            match content {
                Content::Text(text) => update.upsert(*path, blob(text), FileMode::Blob),
                Content::Script(text) => update.upsert(*path, blob(text), FileMode::BlobExecutable),
                Content::Link(to) => update.upsert(*path, blob(to), FileMode::Link),
                Content::Submodule(id) => update.upsert(*path, *id, FileMode::Commit),
                Content::Gone => update.remove(*path),
            };
        }
        let tree = update.create_updated(&self.git, &base).expect("update");
        drop(base);
        let parents: Vec<_> = parent.iter().map(git2::Commit::id).collect();
        drop(parent);
        self.commit_tree(tree, &parents)
    }

    /// Commits a tree as it is.
    pub fn commit_tree(&mut self, tree: Oid, parents: &[Oid]) -> Oid {
        let time = Time::new(FIRST_COMMIT + 60 * self.commits, 0);
        self.commits += 1;
        let who = Signature::new("Test", "test@git.example", &time).expect("signature");
        let parents: Vec<_> = parents
            .iter()
            .map(|id| self.git.find_commit(*id).expect("parent"))
            .collect();
        let parents: Vec<_> = parents.iter().collect();
        let tree = self.git.find_tree(tree).expect("tree");
        self.git
            .commit(None, &who, &who, "change", &tree, &parents)
            .expect("commit")
    }

    /// Writes a tree object by hand, so that it can hold what no client writes.
    /// Entries are `(octal mode, name, object)`, in the order given.
    pub fn raw_tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let mut data = Vec::new();
        for (mode, name, id) in entries {
            data.extend_from_slice(mode.as_bytes());
            data.push(b' ');
            data.extend_from_slice(name);
            data.push(0);
            data.extend_from_slice(id.as_bytes());
        }
        let objects = self.git.odb().expect("object store");
        objects.write(git2::ObjectType::Tree, &data).expect("tree")
    }

    /// Points a reference (`refs/...`) at an object, wherever it was before.
    pub fn set(&self, name: &str, id: Oid) {
        self.git
            .reference(name, id, true, "test")
            .expect("reference");
    }

    /// A lightweight tag.
    pub fn tag(&self, name: &str, id: Oid) {
        self.set(&format!("refs/tags/{name}"), id);
    }

    /// An annotated tag.
    pub fn annotated_tag(&self, name: &str, id: Oid) {
        let time = Time::new(FIRST_COMMIT, 0);
        let who = Signature::new("Test", "test@git.example", &time).expect("signature");
        let object = self.git.find_object(id, None).expect("object");
        self.git.tag(name, &object, &who, name, true).expect("tag");
    }
}

/// Serves every repository below a folder over `git://` on loopback, with
/// nothing but git itself: each connection gets a `git daemon --inetd` of its own.
pub struct GitServer {
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl GitServer {
    /// Serves the repositories below `base`.
    pub fn serve(base: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let address = listener.local_addr().expect("address");
        let stopping = Arc::new(AtomicBool::new(false));
        let (stop, base) = (stopping.clone(), base.to_path_buf());
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                answer(connection.expect("connection"), &base);
            }
        });
        Self {
            address,
            stopping,
            thread: Some(thread),
        }
    }

    /// The address of the served folder, without a slash at the end.
    pub fn url(&self) -> String {
        format!("git://{}", self.address)
    }
}

fn answer(connection: TcpStream, base: &Path) {
    let input = OwnedFd::from(connection.try_clone().expect("clone"));
    let status = Command::new("git")
        .args(["daemon", "--inetd", "--export-all"])
        .arg(format!("--base-path={}", base.display()))
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(OwnedFd::from(connection)))
        .stderr(Stdio::null())
        .status();
    // A client that asks for what is not there makes git end with a failure.
    status.expect("git is installed");
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread out of its wait.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
