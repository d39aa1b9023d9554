//! Opening a repository: in place where it is on disk, through the cache where
//! it is behind an address.
//!
//! With `transport.rs`, which carries what libgit2 says, all of the room that speaks to
//! the network. libgit2 runs no hooks, no filters and no helpers.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, Instant, SystemTime};

use git2::{
    AutotagOption, ErrorClass, ErrorCode, FetchOptions, FetchPrune, RemoteCallbacks, Repository,
    RepositoryOpenFlags,
};

use super::place::{Place, Target};
use super::transport::MAX_FETCH_TIME;
use super::{Error, transport};
use crate::model::Sha256Digest;
use crate::store;

/// How old a cached copy may be before it is brought up to date, so that a tag
/// that moved is seen within the hour and a batch does not ask twice.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// The most that one fetch may bring: several times the largest repositories
/// that packages of the three registries are made from.
const MAX_FETCH_BYTES: usize = 4 << 30;

/// How long a server of git's own protocol may stay silent.
const SERVER_TIMEOUT_MS: i32 = 60_000;

/// How long a connection to it may take to be made.
const CONNECT_TIMEOUT_MS: i32 = 15_000;

/// Upstream's own branches and tags. Never `refs/pull` and the like: anyone can
/// put a commit there.
const REFSPECS: [&str; 2] = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];

/// An open repository.
pub(crate) struct Opened {
    /// The repository.
    pub(crate) git: Repository,
    /// Whether upstream was asked just now, or is not asked at all.
    pub(crate) fresh: bool,
    /// Why a copy that should have been brought up to date was not.
    pub(crate) stale: Option<String>,
}

/// Whether a cached copy will do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// A copy that is not too old.
    Cached,
    /// Any copy, however old: the commit in it is named by its hash.
    Any,
    /// Ask upstream now.
    Refetched,
}

/// Sets libgit2 up, once for the process: nothing of the user's or system's git
/// configuration is read, silent servers time out, and folders of other users
/// may be opened, because only folders that the operator named ever are.
pub(crate) fn prepare_libgit2() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        use git2::ConfigLevel::{Global, ProgramData, System, XDG};
        // SAFETY: these set globals of libgit2; `Once` keeps two threads apart,
        // and every use of libgit2 in this crate comes after it.
        let results = unsafe {
            [
                git2::opts::set_search_path(System, ""),
                git2::opts::set_search_path(Global, ""),
                git2::opts::set_search_path(XDG, ""),
                git2::opts::set_search_path(ProgramData, ""),
                git2::opts::set_server_timeout_in_milliseconds(SERVER_TIMEOUT_MS),
                git2::opts::set_server_connect_timeout_in_milliseconds(CONNECT_TIMEOUT_MS),
                git2::opts::set_verify_owner_validation(false),
                transport::register(),
            ]
        };
        for error in results.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "libgit2 refused a setting");
        }
    });
}

/// Opens the first place of `target` that is there.
///
/// # Errors
/// [`Error::CannotRead`] and [`Error::NotReadable`], and [`Error::Limit`] for a
/// fetch that is too large or too long.
pub(crate) fn open(cache: &Path, target: &Target, freshness: Freshness) -> Result<Opened, Error> {
    let mut answer = None;
    for place in &target.places {
        let result = match place {
            Place::Folder(folder) => open_folder(folder, target),
            Place::Remote(url) => open_remote(cache, url, target, freshness),
        };
        match result {
            // The same repository may be there under its other spelling.
            Err(error @ (Error::NotReadable { .. } | Error::CannotRead { .. })) => {
                answer.get_or_insert(error);
            }
            other => return other,
        }
    }
    Err(answer.unwrap_or_else(|| Error::CannotRead {
        repository: target.shown.clone(),
        reason: "there is no place to read it from".into(),
    }))
}

fn open_folder(folder: &Path, target: &Target) -> Result<Opened, Error> {
    let cannot = |reason: String| Error::CannotRead {
        repository: target.shown.clone(),
        reason,
    };
    if !folder.is_dir() {
        return Err(cannot(format!(
            "the source mirror has no copy of it at {}",
            folder.display()
        )));
    }
    let none: [&Path; 0] = [];
    let git = Repository::open_ext(folder, RepositoryOpenFlags::NO_SEARCH, none)
        .map_err(|e| cannot(format!("{}: {}", folder.display(), e.message())))?;
    Ok(Opened {
        git,
        fresh: true,
        stale: None,
    })
}

/// The folder of the copies, below the cache.
pub(super) const COPIES: &str = "git";

/// The cached copy of one address.
pub(super) struct Copy {
    folder: PathBuf,
    pub(super) stamp: PathBuf,
    pub(super) lock: PathBuf,
}

impl Copy {
    fn of(cache: &Path, url: &str) -> Self {
        let key = Sha256Digest::of(url).to_string();
        Self::in_folder(cache.join(COPIES).join(key))
    }

    pub(super) fn in_folder(folder: PathBuf) -> Self {
        Self {
            stamp: folder.with_extension("fetched"),
            lock: folder.with_extension("lock"),
            folder,
        }
    }

    /// How old a whole copy is; `None` where there is none. The stamp is
    /// written after a fetch has ended, so a fetch that was cut off leaves none.
    fn age(&self) -> Option<Duration> {
        let written = fs::metadata(&self.stamp).ok()?.modified().ok()?;
        Some(
            SystemTime::now()
                .duration_since(written)
                .unwrap_or_default(),
        )
    }

    fn open(&self) -> Result<Repository, git2::Error> {
        Repository::open_bare(&self.folder)
    }
}

fn open_remote(
    cache: &Path,
    url: &str,
    target: &Target,
    freshness: Freshness,
) -> Result<Opened, Error> {
    let copy = Copy::of(cache, url);
    let will_do = |age: Duration| match freshness {
        Freshness::Cached => age < MAX_AGE,
        Freshness::Any => true,
        Freshness::Refetched => false,
    };
    if copy.age().is_some_and(will_do)
        && store::note_use(&copy.folder)
        && let Ok(git) = copy.open()
    {
        return Ok(Opened {
            git,
            fresh: false,
            stale: None,
        });
    }
    let asked = SystemTime::now();
    let lock = lock(&copy.lock)?;
    // Someone else may have fetched it while this one waited for the lock.
    let already = fs::metadata(&copy.stamp)
        .and_then(|m| m.modified())
        .is_ok_and(|written| written > asked);
    let had_copy = copy.age().is_some();
    let fetched = if already {
        Ok(())
    } else {
        fetch_into(&copy, url, target)
    };
    store::note_use(&copy.folder);
    drop(lock);
    let stale = match fetched {
        Ok(()) => None,
        // An older copy still says what upstream's branches were then.
        Err(error) if had_copy && error.is_farm_fault() => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Opened {
        git: copy.open().map_err(Error::git("opening a cached copy"))?,
        fresh: true,
        stale,
    })
}

/// Waits until no other thread or process fetches into the same copy.
fn lock(path: &Path) -> Result<File, Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::io("creating the folder", folder))?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(Error::io("opening the lock", path))?;
    // SAFETY: flock takes a descriptor that `file` keeps open, and no memory.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } != 0 {
        return Err(Error::io("taking the lock", path)(
            std::io::Error::last_os_error(),
        ));
    }
    Ok(file)
}

fn fetch_into(copy: &Copy, url: &str, target: &Target) -> Result<(), Error> {
    let whole = copy.age().is_some();
    let mut result = fetch(&copy.folder, url, target);
    // A branch that became a folder of branches cannot be updated in place, and
    // a copy that was cut off may be damaged: begin anew.
    if matches!(result, Err(Error::Git { .. })) && copy.folder.exists() {
        tracing::info!(whole, "starting a cached copy anew");
        fs::remove_dir_all(&copy.folder).map_err(Error::io("removing", &copy.folder))?;
        result = fetch(&copy.folder, url, target);
    }
    result?;
    fs::write(&copy.stamp, format!("{url}\n")).map_err(Error::io("writing", &copy.stamp))
}

fn fetch(folder: &Path, url: &str, target: &Target) -> Result<(), Error> {
    let local = Error::git;
    let git = if folder.join("HEAD").exists() {
        Repository::open_bare(folder)
    } else {
        Repository::init_opts(
            folder,
            git2::RepositoryInitOptions::new()
                .bare(true)
                .external_template(false),
        )
    }
    .map_err(local("opening a cached copy"))?;
    let mut remote = git
        .remote_anonymous(url)
        .map_err(local("preparing a fetch"))?;

    let started = Instant::now();
    let mut over = None;
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|progress| {
        over = over_limit(progress.received_bytes(), started.elapsed());
        over.is_none()
    });
    callbacks.sideband_progress(|_| started.elapsed() < MAX_FETCH_TIME);
    let mut options = FetchOptions::new();
    options
        .remote_callbacks(callbacks)
        .prune(FetchPrune::On)
        .update_fetchhead(false)
        .download_tags(AutotagOption::None);
    let result = remote.fetch(&REFSPECS, Some(&mut options), None);
    drop(options);
    match (result, over) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(limit)) => Err(Error::Limit {
            what: format!("fetching {}", target.shown),
            limit,
        }),
        (Err(error), None) => Err(fetch_error(error, target)),
    }
}

fn over_limit(bytes: usize, elapsed: Duration) -> Option<String> {
    if bytes > MAX_FETCH_BYTES {
        Some(format!("{} GiB", MAX_FETCH_BYTES >> 30))
    } else if elapsed > MAX_FETCH_TIME {
        Some(format!("{} minutes", MAX_FETCH_TIME.as_secs() / 60))
    } else {
        None
    }
}

/// Tells what upstream answered from what went wrong on the way to it.
fn fetch_error(error: git2::Error, target: &Target) -> Error {
    let repository = target.shown.clone();
    let reason = crate::model::printable(error.message(), false);
    match error.class() {
        ErrorClass::Reference | ErrorClass::Odb | ErrorClass::Indexer => Error::Git {
            doing: "updating a cached copy",
            source: error,
        },
        ErrorClass::Http | ErrorClass::Net if is_answer(&error) => {
            Error::NotReadable { repository, reason }
        }
        _ => Error::CannotRead { repository, reason },
    }
}

/// Whether upstream itself said no. Our transport, as libgit2's own does, keeps the HTTP
/// status in the message alone, and libgit2 (1.9, `smart_protocol.c`) git's `ERR` line. Forges ask for a password where there is no public repository.
fn is_answer(error: &git2::Error) -> bool {
    let message = error.message();
    let status = message
        .strip_prefix("unexpected http status code: ")
        .and_then(|code| code.trim().parse::<u16>().ok());
    error.code() == ErrorCode::Auth
        || message.contains("authentication required")
        || message.starts_with("remote error: ")
        || message.starts_with("invalid content-type")
        || message == "unexpected redirect"
        || matches!(status, Some(400..=407 | 409..=428 | 430..=499))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fetch_is_bounded_in_size_and_time() {
        assert_eq!(over_limit(MAX_FETCH_BYTES, MAX_FETCH_TIME), None);
        assert!(over_limit(MAX_FETCH_BYTES + 1, Duration::ZERO).is_some());
        assert!(over_limit(0, MAX_FETCH_TIME + Duration::from_secs(1)).is_some());
    }

    #[test]
    fn what_upstream_answers_is_told_from_what_breaks_on_the_way() {
        let of = |class, message: &str| {
            is_answer(&git2::Error::new(ErrorCode::GenericError, class, message))
        };
        let http = ErrorClass::Http;
        for (message, answer) in [
            ("unexpected http status code: 404", true),
            ("unexpected http status code: 451", true),
            ("unexpected http status code: 408", false),
            ("unexpected http status code: 429", false),
            ("unexpected http status code: 500", false),
            ("unexpected http status code: 503", false),
            ("remote authentication required but no callback set", true),
            ("unexpected EOF", false),
        ] {
            assert_eq!(of(http, message), answer, "{message}");
        }
        assert!(of(
            ErrorClass::Net,
            "remote error: access denied or repository not exported: /x"
        ));
        assert!(!of(
            ErrorClass::Net,
            "failed to connect to git.example: Connection refused"
        ));
    }
}
