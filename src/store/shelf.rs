//! Things that lie in folders until they are collected: how big each is, when it was
//! last used, and taking one away beside others who may be about to use it.
//!
//! A thing's last use is its modification time. The access time does not tell: file
//! systems are mounted `noatime` or `relatime` (mount(8)). Whoever uses a thing notes
//! it ([`note_use`]); whoever takes one away first sets it aside and looks once more
//! ([`remove_unused`]), so that a thing that is used at that moment stays.
//!
//! It knows no kind of thing, and never decides what goes.

use std::fs::{self, FileTimes, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::Error;

/// How often the use of one thing is noted at most: often enough for limits that count
/// in days, seldom enough to cost nothing.
pub const NOTED_EVERY: Duration = Duration::from_secs(3600);

/// How often a thing is opened once more that is set aside and put back meanwhile: each of that takes
/// another listing.
const MOST_OPENED: usize = 100;

/// Blocks of `st_blocks` (POSIX.1-2017, `sys/stat.h`, as Linux counts: stat(2)).
const BLOCK: u64 = 512;

/// What a thing is called while it is looked at once more.
const ASIDE: &str = ".leaving-";

/// What a folder is called while it is taken apart.
const GONE: &str = ".gone-";

/// A thing that lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Where it is: a file, or a folder as a whole.
    pub path: PathBuf,
    /// What it takes of the disk, in bytes.
    pub size: u64,
    /// When it was last used.
    pub used: SystemTime,
}

/// Notes that a thing is used now. Returns whether it is there: one that is being taken
/// away is not. What cannot be noted (the thing is another user's, say) is no error.
pub fn note_use(path: &Path) -> bool {
    let mut opened = fs::File::open(path);
    for _ in 0..MOST_OPENED {
        match &opened {
            // What has its name back since then was not noted, and is opened once more.
            Err(error) if error.kind() == ErrorKind::NotFound && path.exists() => {
                opened = fs::File::open(path);
            }
            _ => break,
        }
    }
    let file = match opened {
        Ok(file) => file,
        Err(error) => return error.kind() != ErrorKind::NotFound && path.exists(),
    };
    let used = file.metadata().and_then(|metadata| metadata.modified());
    // A time to come is one that a wrong clock left: it is set right.
    let is_noted = used.is_ok_and(|used| used.elapsed().is_ok_and(|passed| passed < NOTED_EVERY));
    if is_noted {
        return true;
    }
    if let Err(error) = file.set_times(FileTimes::new().set_modified(SystemTime::now())) {
        tracing::debug!(path = %path.display(), %error, "the use was not noted");
    }
    // Only after it was noted does this say that it stays: see `remove_unused`.
    path.exists()
}

/// Every file below a folder; none where there is no folder. What an interrupted
/// collection had set aside is put back, so no other may be under way.
///
/// # Errors
/// [`Error::Io`] where a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<Thing>, Error> {
    let mut found = Vec::new();
    // What is mounted below is none of the folder's: an image that is being built has the
    // kernel's own file systems in it.
    let device = match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        other => other
            .map_err(|error| Error::io("look at", folder, error))?
            .dev(),
    };
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for (path, metadata) in entries(&folder)? {
            if metadata.is_dir() {
                if metadata.dev() == device {
                    folders.push(path);
                }
            } else if metadata.is_file() {
                found.push(thing(path, &metadata));
            }
        }
    }
    Ok(found)
}

/// What lies in a folder, each file and each folder as one thing; nothing where there is
/// no folder. What an
/// interrupted collection had set aside is put back, so no other may be under way.
///
/// # Errors
/// [`Error::Io`] where a folder cannot be read.
pub fn things_in(folder: &Path) -> Result<Vec<Thing>, Error> {
    let mut found = Vec::new();
    for (path, metadata) in entries(folder)? {
        let within: u64 = if metadata.is_dir() {
            files_below(&path)?.iter().map(|file| file.size).sum()
        } else {
            0
        };
        let mut whole = thing(path, &metadata);
        whole.size += within;
        found.push(whole);
    }
    Ok(found)
}

/// Takes a thing away, unless it was used since it was listed. Returns whether it is gone.
///
/// It is looked at, renamed, and looked at once more. Who uses it notes so and then looks
/// whether it is there: either the use came before the renaming, and is seen here, or it
/// came after, and finds nothing. Only who noted a use between the two looks can miss the
/// thing for the moment until it has its name back. A crash in between leaves it aside; the
/// next listing puts it back.
///
/// # Errors
/// [`Error::Io`] where it cannot be removed.
pub fn remove_unused(listed: &Thing) -> Result<bool, Error> {
    let path = &listed.path;
    let aside = beside(path, ASIDE);
    let is_unused = |metadata: &Metadata| metadata.modified().ok() == Some(listed.used);
    match fs::symlink_metadata(path) {
        Ok(metadata) if is_unused(&metadata) => {}
        _ => return Ok(false),
    }
    match fs::rename(path, &aside) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        other => other.map_err(|error| Error::io("set aside", path, error))?,
    }
    let metadata =
        fs::symlink_metadata(&aside).map_err(|error| Error::io("look at", &aside, error))?;
    if !is_unused(&metadata) {
        put_back(&aside, path)?;
        return Ok(false);
    }
    if metadata.is_dir() {
        // From here on it is no whole folder any more, and must not be put back.
        let gone = beside(path, GONE);
        fs::rename(&aside, &gone).map_err(|error| Error::io("set aside", path, error))?;
        remove_folder(&gone)?;
    } else {
        fs::remove_file(&aside).map_err(|error| Error::io("remove", path, error))?;
    }
    Ok(true)
}

fn thing(path: PathBuf, metadata: &Metadata) -> Thing {
    Thing {
        path,
        size: metadata.blocks().saturating_mul(BLOCK),
        used: metadata.modified().unwrap_or_else(|_| SystemTime::now()),
    }
}

/// The entries of a folder. One that goes while they are listed is none.
fn entries(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, Error> {
    let failed = |error| Error::io("list", folder, error);
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        other => other.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed)?;
        let mut path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(GONE) {
            remove_folder(&path)?;
            continue;
        }
        if let Some(before) = name.strip_prefix(ASIDE) {
            let aside = path;
            path = folder.join(before);
            put_back(&aside, &path)?;
        }
        match fs::symlink_metadata(&path) {
            Ok(metadata) => found.push((path, metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("look at", &path, error)),
        }
    }
    Ok(found)
}

/// Gives a thing its name back. What was put there meanwhile is newer, and stays.
fn put_back(aside: &Path, path: &Path) -> Result<(), Error> {
    let failed = |error| Error::io("put back", path, error);
    if aside.is_dir() {
        return match fs::rename(aside, path) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists
                ) =>
            {
                remove_folder(aside)
            }
            other => other.map_err(failed),
        };
    }
    match fs::hard_link(aside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    fs::remove_file(aside).map_err(failed)
}

fn remove_folder(folder: &Path) -> Result<(), Error> {
    fs::remove_dir_all(folder).map_err(|error| Error::io("remove", folder, error))
}

fn beside(path: &Path, prefix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{prefix}{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(path: &Path, by: Duration) {
        let then = SystemTime::now() - by;
        fs::File::open(path)
            .and_then(|file| file.set_times(FileTimes::new().set_modified(then)))
            .expect("set the time");
    }

    const LONG_AGO: Duration = Duration::from_secs(90_000);

    #[test]
    fn a_use_is_noted_once_an_hour_and_a_wrong_time_is_set_right() {
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("a");
        assert!(!note_use(&path), "there is nothing yet");
        fs::write(&path, "x").expect("write");
        let used = || {
            fs::metadata(&path)
                .and_then(|m| m.modified())
                .expect("time")
        };
        age(&path, LONG_AGO);
        assert!(note_use(&path));
        assert!(used().elapsed().expect("past") < Duration::from_secs(60));
        age(&path, Duration::from_secs(600));
        let before = used();
        assert!(note_use(&path));
        assert_eq!(used(), before, "it was noted ten minutes ago");
        fs::File::open(&path)
            .and_then(|file| {
                file.set_times(FileTimes::new().set_modified(SystemTime::now() + LONG_AGO))
            })
            .expect("set the time");
        assert!(note_use(&path));
        assert!(used() <= SystemTime::now());
    }

    #[test]
    fn what_was_used_since_it_was_listed_stays() {
        let folder = tempfile::tempdir().expect("temp");
        let (file, whole) = (folder.path().join("file"), folder.path().join("whole"));
        fs::write(&file, "x").expect("write");
        fs::create_dir(&whole).expect("folder");
        fs::write(whole.join("within"), "x").expect("write");
        type List = fn(&Path) -> Result<Vec<Thing>, Error>;
        for (path, list) in [(&file, files_below as List), (&whole, things_in as List)] {
            let listed = |path: &Path| {
                let things: Vec<Thing> = list(folder.path()).expect("lists");
                things.into_iter().find(|thing| thing.path == path)
            };
            age(path, LONG_AGO);
            let before = listed(path).expect("there");
            assert!(before.size > 0);
            assert!(note_use(path));
            assert!(!remove_unused(&before).expect("looks"));
            assert!(path.exists(), "it was used");
            let now = listed(path).expect("there");
            assert!(remove_unused(&now).expect("removes"));
            assert!(!path.exists());
            assert!(!remove_unused(&now).expect("another was quicker"));
        }
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 0);
    }

    #[test]
    fn a_thing_whose_use_was_noted_survives_a_collection_at_the_same_moment() {
        const ROUNDS: usize = 1000;
        let folder = tempfile::tempdir().expect("temp");
        let path = folder.path().join("thing");
        let over = std::sync::atomic::AtomicBool::new(false);
        let ordering = std::sync::atomic::Ordering::SeqCst;
        // It comes to its place with an old time, as if nobody had used it for long.
        let make = || {
            let new = folder.path().join("new");
            fs::write(&new, "x").expect("write");
            age(&new, LONG_AGO);
            fs::rename(&new, &path).expect("rename");
        };
        // Also where a round fails, so that it is told and not waited for.
        struct SetAtTheEnd<'a>(&'a std::sync::atomic::AtomicBool);
        impl Drop for SetAtTheEnd<'_> {
            fn drop(&mut self) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let (mut used, mut gone) = (0, 0);
        std::thread::scope(|scope| {
            let _over = SetAtTheEnd(&over);
            scope.spawn(|| {
                while !over.load(ordering) {
                    let metadata = fs::symlink_metadata(&path).ok();
                    let is_old = |metadata: &Metadata| {
                        let used = metadata.modified().expect("a time");
                        used.elapsed().is_ok_and(|passed| passed > NOTED_EVERY)
                    };
                    if let Some(metadata) = metadata.filter(is_old) {
                        remove_unused(&thing(path.clone(), &metadata)).expect("looks");
                    }
                }
            });
            for _ in 0..ROUNDS {
                make();
                if note_use(&path) {
                    used += 1;
                    // It may be aside for a moment, and then is back.
                    let begun = std::time::Instant::now();
                    while fs::read(&path).is_err() {
                        assert!(begun.elapsed() < Duration::from_secs(10), "it is lost");
                    }
                } else {
                    gone += 1;
                }
            }
        });
        assert_eq!(used + gone, ROUNDS);
        assert!(used > 0, "a use was noted at least once");
    }

    #[test]
    fn what_an_interrupted_collection_left_is_put_back_or_taken_apart() {
        let folder = tempfile::tempdir().expect("temp");
        let at = |name: &str| folder.path().join(name);
        fs::write(at(".leaving-a"), "a").expect("write");
        fs::write(at(".leaving-b"), "old").expect("write");
        fs::write(at("b"), "new").expect("write");
        fs::create_dir_all(at(".leaving-c/deep")).expect("folder");
        fs::create_dir_all(at(".gone-d/deep")).expect("folder");
        files_below(folder.path()).expect("lists");
        let mut names: Vec<_> = fs::read_dir(folder.path())
            .expect("list")
            .flatten()
            .map(|entry| entry.file_name().into_string().expect("text"))
            .collect();
        names.sort();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(fs::read(at("b")).expect("read"), b"new");
        assert!(at("c/deep").is_dir());
    }
}
