# The clock of a build that stands still: files that were made since the build began are
# as old as the publisher's, and the time is the publisher's. Files that were there before
# keep their times. Python reads this file at its start (documentation, "site").
import os
import time

_STAT = os.stat
_START = _STAT(os.path.join(os.path.dirname(__file__), "start")).st_mtime_ns
_NOW = int(os.environ["BUILD_CLOCK"])


def _as_then(result):
    if result.st_mtime_ns < _START:
        return result
    named = {name: getattr(result, name) for name in dir(result) if name.startswith("st_")}
    named.update(st_mtime=float(_NOW), st_mtime_ns=_NOW * 10**9)
    return os.stat_result((*result[:8], _NOW, result[9]), named)


def _wrapped(real):
    def stat(*args, **kwargs):
        return _as_then(real(*args, **kwargs))

    for group in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
        if real in group:
            group.add(stat)
    return stat


os.stat, os.lstat, os.fstat = map(_wrapped, (os.stat, os.lstat, os.fstat))
time.time = lambda: float(_NOW)
