//! Connections to the database that are cut, and a server that is gone for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use remint::farm::Until;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::farm::{BATCH, worker};
use super::postgres;
use super::small::{DEADLINE, SLOTS, STALL, Waiter, add, queue, spawn};

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_lose_nothing() {
    let server = postgres::Server::start();
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), Some(&server.new_database())).await;
    add(&queue, 150).await;
    let worker = worker(&queue, Waiter::default(), SLOTS, folder.path());
    let working = tokio::spawn(async move { worker.run(&Until::Complete(BATCH.into())).await });
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.cut_connections();
    }
    working.await.expect("no panic").expect("works on");
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.done, progress.left()), (150, 0), "{progress:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_for_longer_than_a_lease_costs_no_lease_and_no_job() {
    let mut server = postgres::Server::start();
    let address = server.new_database();
    let folder = tempfile::tempdir().expect("temp");
    let queue = queue(folder.path(), Some(&address)).await;
    add(&queue, 600).await;
    let children: Vec<_> = (0..2)
        .map(|_| spawn(folder.path(), Some(&address)))
        .collect();
    while queue.progress(BATCH).await.expect("progress").done < 20 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.stop();
    tokio::time::sleep(DEADLINE + Duration::from_secs(2)).await;
    server.start_again();
    for mut child in children {
        ends(&mut child).await;
    }
    let progress = queue.progress(BATCH).await.expect("progress");
    assert_eq!((progress.done, progress.left()), (600, 0), "{progress:?}");
    let name = address.rsplit('/').next().expect("a name");
    let losses = server.sql(name, "SELECT SUM(losses) FROM farm_job");
    assert_eq!(losses, "0", "who could not look takes nobody for lost");
}

/// Waits until a process has ended, as long as something that hangs would not.
async fn ends(child: &mut std::process::Child) {
    let began = std::time::Instant::now();
    while child.try_wait().expect("waits").is_none() {
        if began.elapsed() > STALL * 2 {
            child.kill().expect("kill");
            panic!("a worker does not end by itself");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_keeps_no_job_from_its_end() {
    let server = postgres::Server::start();
    let folder = tempfile::tempdir().expect("temp");
    let address = server.new_database();
    let (lossy, lost) = through_a_lossy_line(&address, folder.path());
    let ours = queue(folder.path(), Some(&address)).await;
    add(&ours, 150).await;
    let theirs = queue(folder.path(), Some(&lossy)).await;
    let worker = worker(&theirs, Waiter::default(), SLOTS, folder.path());
    let working = tokio::spawn(async move { worker.run(&Until::Complete(BATCH.into())).await });
    let ended = tokio::time::timeout(STALL * 2, working).await;
    let ended = ended.expect("no job is kept for ever");
    ended.expect("no panic").expect("works on");
    let progress = ours.progress(BATCH).await.expect("progress");
    assert_eq!((progress.done, progress.left()), (150, 0), "{progress:?}");
    assert!(lost.load(Ordering::Relaxed) >= 10, "{lost:?}");
}

/// Every so many-th commit's answer is lost.
const LOST: usize = 7;

/// The address of a server behind a line on which the answers to some commits are lost, and
/// how many were.
fn through_a_lossy_line(address: &str, folder: &std::path::Path) -> (String, Arc<AtomicUsize>) {
    // The name of a server's socket (PostgreSQL 15 documentation, section 20.3.1).
    const SOCKET: &str = ".s.PGSQL.5432";
    let (_, rest) = address.split_once('@').expect("a user");
    let (behind, _) = rest.split_once('/').expect("a database");
    let behind = std::path::PathBuf::from(behind.replace("%2F", "/")).join(SOCKET);
    let listener = UnixListener::bind(folder.join(SOCKET)).expect("binds");
    let (commits, lost) = (Arc::new(AtomicUsize::new(0)), Arc::default());
    let counted = Arc::clone(&lost);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = UnixStream::connect(&behind).await.expect("connects");
            let (commits, lost) = (Arc::clone(&commits), Arc::clone(&counted));
            tokio::spawn(carry(client, server, commits, lost));
        }
    });
    let own = folder.display().to_string().replace('/', "%2F");
    let before = address.len() - rest.len();
    let name = address.rsplit('/').next().expect("a database");
    (format!("{}{own}/{name}", &address[..before]), lost)
}

/// Carries what both say, until the answer to a commit is lost.
async fn carry(
    mut client: UnixStream,
    mut server: UnixStream,
    commits: Arc<AtomicUsize>,
    lost: Arc<AtomicUsize>,
) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let carried = tokio::select! {
            read = client.read(&mut asked) => {
                let said = &asked[..read.unwrap_or(0)];
                if said.is_empty() || server.write_all(said).await.is_err() {
                    return;
                }
                // A simple query (PostgreSQL 15 documentation, section 55.7).
                if said.ends_with(b"COMMIT\0")
                    && commits.fetch_add(1, Ordering::Relaxed) % LOST == LOST - 1
                {
                    // The answer is there, so the commit took place.
                    let _ = server.read(&mut answered).await;
                    lost.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Ok(())
            }
            read = server.read(&mut answered) => match read {
                Ok(0) | Err(_) => return,
                Ok(length) => client.write_all(&answered[..length]).await,
            },
        };
        if carried.is_err() {
            return;
        }
    }
}
