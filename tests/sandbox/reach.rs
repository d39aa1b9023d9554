//! What a build can reach: the mirror where its plan says so, and nothing else.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use remint::model::{Network, Plan, RELAY_PORT};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener};

use crate::support::{Bench, docker, plan, step, text};

const ANSWER: &str = "the mirror's answer";

/// Asks what listens on the relay's port and prints what it says.
fn ask_mirror() -> String {
    format!(
        "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | socat -t 3 - TCP:127.0.0.1:{RELAY_PORT},connect-timeout=2 2>&1"
    )
}

/// Tries to connect to each place and says what came of it.
fn probes(places: &[SocketAddr]) -> String {
    places
        .iter()
        .map(|place| {
            format!(
                "if timeout 3 socat -u /dev/null TCP:{place},connect-timeout=1 2>/dev/null; \
                 then echo 'reached {place}'; else echo 'missed {place}'; fi\n"
            )
        })
        .collect()
}

/// The machine's own IPv4 addresses, the bridge's among them.
fn own_addresses() -> Vec<Ipv4Addr> {
    let table = text(Path::new("/proc/net/fib_trie"));
    let mut last: Option<Ipv4Addr> = None;
    let mut found = std::collections::BTreeSet::new();
    for line in table.lines() {
        if let Some(address) = line.trim_start().strip_prefix("|-- ") {
            last = address.parse().ok();
        } else if line.contains("/32 host LOCAL") {
            found.extend(last);
        }
    }
    found.into_iter().collect()
}

/// A listener on every address, which counts who comes.
async fn host_listener() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.expect("bind");
    let port = listener.local_addr().expect("address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while counted.load(Ordering::SeqCst) < 1000 {
            if listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    (port, count)
}

/// Something that answers on a unix socket as the mirror would.
fn fixed_mirror(bench: &Bench) -> PathBuf {
    let folder = bench.path("mirror");
    std::fs::create_dir(&folder).expect("folder");
    let socket = folder.join("socket");
    let listener = UnixListener::bind(&socket).expect("bind");
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).expect("mode");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(ANSWER.as_bytes()).await;
        }
    });
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_reaches_no_address_of_the_host_or_its_network() {
    let bench = Bench::open().await;
    let socket = fixed_mirror(&bench);
    let (port, count) = host_listener().await;
    let own = own_addresses();
    assert!(own.contains(&Ipv4Addr::LOCALHOST), "{own:?}");
    let mut places: Vec<SocketAddr> = own.iter().map(|ip| (*ip, port).into()).collect();
    for place in &places {
        TcpStream::connect_timeout(place, Duration::from_secs(2)).expect("the host reaches itself");
    }
    // The probe itself works: without confinement it gets there.
    let image = bench.image.to_string();
    let open = probes(&places);
    let free = docker(&[
        "run",
        "--rm",
        "--network",
        "host",
        &image,
        "bash",
        "-c",
        &open,
    ]);
    assert_eq!(free.matches("reached ").count(), places.len(), "{free}");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = count.load(Ordering::SeqCst);
    assert_eq!(before, 2 * places.len());

    // Addresses at which clouds hand credentials to whoever asks.
    let metadata = Ipv4Addr::new(169, 254, 169, 254);
    places.extend([port, 80].map(|port| SocketAddr::from((metadata, port))));
    let script = format!(
        "{}\n{}\ntouch /build/out/file",
        probes(&places),
        ask_mirror()
    );
    for network in [Network::None, Network::Mirror] {
        let mut plan = plan(&script);
        plan.limits.seconds = 60;
        plan.build_network = network;
        let rebuild = bench
            .run_with(&plan, |job| job.mirror_socket = Some(&socket))
            .await
            .expect("the probes end well");
        let said = text(&rebuild.log);
        for place in &places {
            assert!(
                said.contains(&format!("\nmissed {place}\n")),
                "{network:?}: {said}"
            );
        }
        assert_eq!(
            said.contains(ANSWER),
            network == Network::Mirror,
            "{network:?}: {said}"
        );
    }
    assert_eq!(count.load(Ordering::SeqCst), before, "somebody came");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_prepare_leaves_running_and_its_mirror_end_with_it() {
    let bench = Bench::open().await;
    let socket = fixed_mirror(&bench);
    let ask = ask_mirror();
    let mut plan = plan(&format!(
        "{ask}\n! grep -aqs straggler /proc/[0-9]*/comm && cat /build/kept && touch /build/out/file"
    ));
    plan.prepare = vec![step(&format!(
        "{ask} > /build/kept; cp /usr/bin/sleep /build/straggler
         /build/straggler 60 > /dev/null 2>&1 & true"
    ))];
    let rebuild = bench
        .run_with(&plan, |job| job.mirror_socket = Some(&socket))
        .await
        .expect("the build ends well");
    let said = text(&rebuild.log);
    assert_eq!(said.matches(ANSWER).count(), 1, "only in prepare: {said}");
    assert!(said.contains("Connection refused"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_answers_from_the_first_step_on() {
    let bench = Bench::open().await;
    let socket = fixed_mirror(&bench);
    let mut plan = plan(&format!("{}; touch /build/out/file", ask_mirror()));
    plan.build_network = Network::Mirror;
    for _ in 0..5 {
        is_answered(&bench, &plan, &socket).await;
    }
}

/// Runs a build that asks the mirror, and is answered.
async fn is_answered(bench: &Bench, plan: &Plan, socket: &Path) {
    let rebuild = bench
        .run_with(plan, |job| job.mirror_socket = Some(socket))
        .await
        .expect("the build ends well");
    let said = text(&rebuild.log);
    assert!(said.contains(ANSWER), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_opens_more_connections_than_are_relayed_at_once_ends_no_relay() {
    let bench = Bench::open().await;
    let socket = fixed_mirror(&bench);
    // Each waits for an answer to a question that it does not ask.
    let many = format!(
        "(for n in $(seq 450); do exec {{fd}}<>/dev/tcp/127.0.0.1/{RELAY_PORT}; done; sleep 6); \
         {}; touch /build/out/file",
        ask_mirror()
    );
    let mut plan = plan(&many);
    plan.build_network = Network::Mirror;
    is_answered(&bench, &plan, &socket).await;
}
