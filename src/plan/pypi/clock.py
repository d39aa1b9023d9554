# The clock of a build that stands still in each of its phases: files that were made since
# the build began are as old as the publisher's, and the time is the publisher's. Files that
# were there before keep their times. Python reads this file at its start (documentation,
# "site").
import os
import shutil
import time

_STAT = os.stat
_COPYSTAT = shutil.copystat
_START = _STAT(os.path.join(os.path.dirname(__file__), "start")).st_mtime_ns
_NOW = int(os.environ["BUILD_CLOCK"])
# What setuptools writes first lies in a folder of its own, from where it is copied.
_BEGAN = int(os.environ.get("BUILD_CLOCK_BEGAN", _NOW))
# Plugins write a file with the version among the source's own when the build begins.
_WROTE = int(os.environ.get("BUILD_CLOCK_WROTE", _NOW))
_SOURCE = os.getcwd()
# The last member of a wheel is stamped with the time, the others with their files' times.
_ENDED = int(os.environ.get("BUILD_CLOCK_ENDED", _NOW))


def _of_first_phase(path):
    if isinstance(path, int):
        return False
    folder = os.path.dirname(os.fsdecode(path))
    return folder.endswith(".egg-info")


def _of_the_source(path):
    if isinstance(path, int):
        return False
    below = os.path.relpath(os.fsdecode(path), _SOURCE).split("/")
    return below[0] not in ("..", "build") and not below[0].endswith(".egg-info")


def _as_then(result, path):
    if result.st_mtime_ns < _START:
        return result
    now = _BEGAN if _of_first_phase(path) else _WROTE if _of_the_source(path) else _NOW
    # The first seven are in the sequence; since Python 3.13 they may not be named too.
    named = {name: getattr(result, name) for name in dir(result) if name.startswith("st_")}
    for name in ("mode", "ino", "dev", "nlink", "uid", "gid", "size"):
        del named["st_" + name]
    named.update(st_mtime=float(now), st_mtime_ns=now * 10**9)
    return os.stat_result((*result[:8], now, result[9]), named)


def _wrapped(real):
    def stat(path, *args, **kwargs):
        return _as_then(real(path, *args, **kwargs), path)

    for group in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
        if real in group:
            group.add(stat)
    return stat


def _copystat(src, dst, **more):
    # What listing a folder told of a file goes past the above (shutil, "copytree").
    return _COPYSTAT(os.fspath(src), dst, **more)


shutil.copystat = _copystat
os.stat, os.lstat, os.fstat = map(_wrapped, (os.stat, os.lstat, os.fstat))
time.time = lambda: float(_ENDED)
