# The order in which folders list what is in them: the publisher's, for whatever is in the
# wheel, and by name for the rest. Of the publisher's names it is told keyed digests alone.
# Python reads this file at its start (documentation, "site").
import hashlib
import os

_LISTDIR, _SCANDIR = os.listdir, os.scandir
_RANKS = {}

with open(os.path.join(os.path.dirname(__file__), "listing"), encoding="utf-8") as _told:
    _KEY, *_MASKS = _told.read().split("\n")
_RANKS = {mask: rank for rank, mask in enumerate(_MASKS)}


def _masked(name):
    text = (_KEY + " " + name).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:16]


def _ranked(folder):
    parts = [part for part in os.path.abspath(os.fsdecode(folder)).split("/") if part]

    def rank(name):
        # Folders of the build lie above those of the wheel, so the longest end counts.
        for start in range(len(parts) + 1):
            found = _RANKS.get(_masked("/".join([*parts[start:], name])))
            if found is not None:
                return (found, name)
        return (len(_RANKS), name)

    return rank


class _Listing:
    def __init__(self, entries):
        self._entries = iter(entries)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self._entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._entries = iter(())


def _listdir(path="."):
    path = "." if path is None else path
    names = _LISTDIR(path)
    if isinstance(path, int) or any(isinstance(name, bytes) for name in names):
        return names
    return sorted(names, key=_ranked(path))


def _scandir(path="."):
    path = "." if path is None else path
    with _SCANDIR(path) as found:
        entries = list(found)
    if not isinstance(path, int):
        rank = _ranked(path)
        entries.sort(key=lambda entry: rank(os.fsdecode(entry.name)))
    return _Listing(entries)


for _real, _ours in ((_LISTDIR, _listdir), (_SCANDIR, _scandir)):
    for _group in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
        if _real in _group:
            _group.add(_ours)
os.listdir, os.scandir = _listdir, _scandir
