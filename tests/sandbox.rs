//! What a build cannot do, tried from inside with a real engine: hostile plans run
//! in the relay's image, which has a shell, coreutils and socat.
//!
//! The image must be there (`remint images build relay`); `.ci/test` sees to it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use remint::image::{ImageId, Images};
use remint::model::{BuildFailure, BuildStage, Limits, Network, Plan, Rebuild, Step};
use remint::sandbox::{self, Engine, Error, Job};
use tokio_util::sync::CancellationToken;

/// Small limits, so that hitting them is quick.
const LIMITS: Limits = Limits {
    memory_mib: 256,
    cpu_millis: 2000,
    pids: 64,
    seconds: 30,
    disk_mib: 64,
    log_kib: 64,
};

struct Box {
    engine: Engine,
    image: ImageId,
    scratch: tempfile::TempDir,
    cancel: CancellationToken,
    limits: Limits,
    network: Network,
    keep: bool,
}

impl Box {
    async fn new() -> Self {
        let engine = Engine::connect().await.expect("a container engine");
        let images = Images::open(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/images")),
            &Path::new(env!("CARGO_TARGET_TMPDIR")).join("images"),
        )
        .expect("the definitions");
        let image = images
            .ensure(&engine, "relay")
            .await
            .expect("the relay's image");
        let scratch = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(scratch.path().join("tree")).expect("mkdir");
        Self {
            engine,
            image,
            scratch,
            cancel: CancellationToken::new(),
            limits: LIMITS,
            network: Network::None,
            keep: false,
        }
    }

    /// Runs one shell script as the build; the output is `out/file`.
    async fn run(&self, script: &str) -> Result<Rebuild, Error> {
        let socket = self.scratch.path().join("mirror.sock");
        let plan = Plan {
            image: "relay".into(),
            cutoff: None,
            build_network: self.network,
            output: "out/file".into(),
            prepare: vec![],
            build: vec![Step {
                run: vec!["sh".into(), "-c".into(), script.into()],
                cwd: String::new(),
            }],
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            inputs: vec![],
            recovered: vec![],
            limits: self.limits,
        };
        let job = Job {
            image: self.image,
            relay: self.image,
            plan: &plan,
            tree: &self.scratch.path().join("tree"),
            inputs: vec![],
            mirror_socket: (self.network == Network::Mirror).then_some(socket.as_path()),
            scratch: self.scratch.path(),
            keep: self.keep,
            cancel: self.cancel.clone(),
            on_phase: &|_| {},
            on_keep: &|_| {},
        };
        sandbox::run(&self.engine, job).await
    }

    /// What a script that succeeds writes to its output.
    async fn said(&self, script: &str) -> String {
        let rebuild = self
            .run(&format!("{{ {script}; }} > out/file 2>&1; true"))
            .await
            .expect("it runs");
        std::fs::read_to_string(rebuild.file.path).expect("text")
    }

    /// The failure of a script that a limit ends.
    async fn failure(&self, script: &str) -> (BuildStage, BuildFailure) {
        match self.run(script).await {
            Err(Error::Build { stage, failure, .. }) => (stage, failure),
            Err(error) => panic!("the farm failed: {error}"),
            Ok(rebuild) => panic!("it succeeded: {:?}", rebuild.phases),
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.path().join("build.log")).expect("the log")
    }
}

/// Containers and volumes of this process, by the label of their owner.
fn left_behind() -> Vec<String> {
    let mut left = Vec::new();
    for list in [
        vec![
            "ps",
            "-a",
            "--filter",
            "label=remint.owner",
            "--format",
            "{{.ID}} {{.Label \"remint.owner\"}}",
        ],
        vec![
            "volume",
            "ls",
            "--filter",
            "label=remint.owner",
            "--format",
            "{{.Name}} {{.Label \"remint.owner\"}}",
        ],
    ] {
        let output = docker(&list);
        let ours = format!(":{}:", std::process::id());
        left.extend(
            output
                .lines()
                .filter(|line| line.contains(&ours))
                .map(str::to_owned),
        );
    }
    left
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker runs");
    assert!(
        output.status.success(),
        "docker {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A listener on every address of this machine that counts who comes.
fn listener_on_all_addresses() -> (u16, Arc<AtomicUsize>) {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let seen = Arc::new(AtomicUsize::new(0));
    let counter = seen.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming().take(64) {
            counter.fetch_add(1, Ordering::SeqCst);
            // Whoever came may be gone already; only that he came counts.
            let _ = connection.and_then(|mut c| c.write_all(b"reached"));
        }
    });
    (port, seen)
}

/// Every address that this machine has.
fn own_addresses() -> Vec<String> {
    let output = Command::new("hostname")
        .arg("-I")
        .output()
        .expect("hostname runs");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// A mirror of one fixed answer, on the socket that the box expects.
fn serve_mirror(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let socket = folder.join("mirror.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).expect("chmod");
    std::thread::spawn(move || {
        for connection in listener.incoming().take(16) {
            let mut connection = connection.expect("a connection");
            let mut request = [0; 512];
            let _ = connection.read(&mut request);
            let _ = connection.write_all(b"from the mirror");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_reaches_nothing_on_this_machine_or_beyond() {
    let (port, seen) = listener_on_all_addresses();
    let mut targets = own_addresses();
    targets.extend(["127.0.0.1".into(), "169.254.169.254".into()]);
    let probes: Vec<_> = targets
        .iter()
        .map(|address| {
            let address = if address.contains(':') {
                format!("[{address}]")
            } else {
                address.clone()
            };
            format!("echo x | socat -T2 - TCP:{address}:{port},connect-timeout=2")
        })
        .collect();
    let script = format!("{}; cat /proc/net/dev", probes.join("; "));
    for network in [Network::None, Network::Mirror] {
        let mut inside = Box::new().await;
        inside.network = network;
        if network == Network::Mirror {
            serve_mirror(inside.scratch.path());
        }
        let said = inside.said(&script).await;
        assert!(!said.contains("reached"), "{network:?}: {said}");
        let devices = said
            .lines()
            .filter(|line| line.contains(':') && line.contains(" 0 "))
            .count();
        assert_eq!(devices, 1, "only the loopback device: {said}");
    }
    assert_eq!(seen.load(Ordering::SeqCst), 0, "somebody got through");
    // The same probe does get through where there is a network: here.
    let mut control = std::net::TcpStream::connect(("127.0.0.1", port)).expect("reached from here");
    let mut answer = String::new();
    control.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mirror_is_on_loopback_where_the_plan_allows_it_and_nowhere_else() {
    let ask = "echo GET | socat -T2 - TCP:127.0.0.1:8417,connect-timeout=2";
    let mut with = Box::new().await;
    with.network = Network::Mirror;
    serve_mirror(with.scratch.path());
    assert_eq!(with.said(ask).await, "from the mirror");
    assert!(!Box::new().await.said(ask).await.contains("from the mirror"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_has_no_user_rights_no_capabilities_and_no_engine() {
    let said = Box::new()
        .await
        .said("id -u; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; touch /escaped; ls /var/run/docker.sock; touch /build/a /tmp/b && echo writable")
        .await;
    assert!(said.starts_with("1000\n"), "{said}");
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(
            said.contains(&format!("{name}:\t0000000000000000")),
            "{said}"
        );
    }
    assert!(
        said.contains("NoNewPrivs:\t1") && said.contains("Seccomp:\t2"),
        "{said}"
    );
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains("docker.sock': No such file"), "{said}");
    assert!(said.contains("writable"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_cannot_fill_the_disk() {
    let many = "i=0; while [ $i -lt 400 ]; do dd if=/dev/zero of=f$i bs=1M count=1 status=none; i=$((i+1)); done; sleep 20";
    let hidden = format!(
        "mkdir h; cd h; {}",
        many.replace("sleep 20", "chmod 000 ../h; sleep 20")
    );
    let in_tmp = format!("cd /tmp; {many}");
    for script in [many, &hidden, &in_tmp] {
        let started = Instant::now();
        let (_, failure) = Box::new().await.failure(script).await;
        assert_eq!(
            failure,
            BuildFailure::DiskLimit { limit_mib: 64 },
            "{script}"
        );
        assert!(started.elapsed() < Duration::from_secs(15), "{script}");
    }
    let (_, one_file) = Box::new()
        .await
        .failure("dd if=/dev/zero of=big bs=1M count=400")
        .await;
    assert!(
        matches!(
            one_file,
            BuildFailure::Exit { .. } | BuildFailure::DiskLimit { .. }
        ),
        "{one_file}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_cannot_fork_without_end() {
    let inside = Box::new().await;
    let bomb = "i=0; while [ $i -lt 500 ]; do sleep 20 & i=$((i+1)); done; echo x > out/file";
    let (_, failure) = inside.failure(bomb).await;
    assert!(matches!(failure, BuildFailure::Exit { .. }), "{failure}");
    assert!(inside.log().contains("Cannot fork"), "{}", inside.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_runs_out_is_told_even_where_the_build_ends_well() {
    let (_, failure) = Box::new()
        .await
        .failure("tail /dev/zero; echo went on > out/file; exit 0")
        .await;
    assert_eq!(failure, BuildFailure::OutOfMemory { limit_mib: 256 });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_cannot_run_for_ever_or_flood_the_log() {
    let mut slow = Box::new().await;
    slow.limits.seconds = 2;
    assert_eq!(
        slow.failure("sleep 60").await.1,
        BuildFailure::TimedOut { limit_seconds: 2 }
    );
    let loud = Box::new().await;
    loud.run("yes | head -c 5000000; echo x > out/file")
        .await
        .expect("it runs");
    let log = loud.log();
    assert!(
        log.len() < 70_000 && log.contains("bytes were dropped"),
        "{} bytes",
        log.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_regular_file_is_taken_out() {
    let inside = Box::new().await;
    let rebuild = inside
        .run("printf 'a\\0b' > out/file")
        .await
        .expect("it runs");
    assert_eq!(std::fs::read(&rebuild.file.path).expect("there"), b"a\0b");
    for script in [
        "ln -s /etc/passwd out/file",
        "mkdir out/file",
        "touch out/other",
    ] {
        let (stage, failure) = Box::new().await.failure(script).await;
        assert_eq!(stage, BuildStage::Output, "{script}");
        assert!(
            matches!(failure, BuildFailure::NoOutput { .. }),
            "{script}: {failure}"
        );
        if script.contains("other") {
            assert!(failure.to_string().contains("other"), "{failure}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_after_success_failure_or_cancellation() {
    let inside = Box::new().await;
    inside.run("echo x > out/file").await.expect("it runs");
    inside.failure("exit 3").await;
    let cancel = inside.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.cancel();
    });
    let stopped = inside.run("sleep 60").await;
    assert!(matches!(stopped, Err(Error::Cancelled)), "{stopped:?}");
    // Tests of one process run side by side only under `cargo test`; theirs go too.
    for _ in 0..60 {
        if left_behind().is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("left behind: {:?}", left_behind());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_container_stays_and_is_marked() {
    let mut inside = Box::new().await;
    inside.keep = true;
    inside.run("echo x > out/file").await.expect("it runs");
    let kept = docker(&["ps", "-aq", "--filter", "label=remint.kept=1"]);
    assert!(!kept.trim().is_empty(), "no container was kept");
    for id in kept.split_whitespace() {
        let names = "{{range .Mounts}}{{.Name}} {{end}}";
        let volumes = docker(&["inspect", "--format", names, id]);
        docker(&["rm", "-f", id]);
        for volume in volumes.split_whitespace() {
            docker(&["volume", "rm", volume]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_is_swept_and_what_lives_is_not() {
    let inside = Box::new().await;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot");
    let mut dead = Command::new("true").spawn().expect("a process");
    let pid = dead.id();
    dead.wait().expect("it ends");
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process");
    let started = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split_whitespace().nth(19))
        .expect("its start");
    let create = |owner: &str| {
        let label = format!("remint.owner={}:{owner}", boot.trim());
        let volume = docker(&["volume", "create", "--label", &label])
            .trim()
            .to_owned();
        let image = inside.image.to_string();
        let container = docker(&["create", "--label", &label, &image, "true"])
            .trim()
            .to_owned();
        (container, volume)
    };
    let gone = create(&format!("{pid}:1"));
    let alive = create(&format!("{}:{started}", std::process::id()));
    sandbox::sweep(&inside.engine)
        .await
        .expect("the engine answers");
    let containers = docker(&["ps", "-aq", "--no-trunc"]);
    let volumes = docker(&["volume", "ls", "-q"]);
    assert!(
        !containers.contains(&gone.0) && !volumes.contains(&gone.1),
        "the dead one's are left"
    );
    assert!(
        containers.contains(&alive.0) && volumes.contains(&alive.1),
        "the living one's are gone"
    );
    docker(&["rm", &alive.0]);
    docker(&["volume", "rm", &alive.1]);
}
