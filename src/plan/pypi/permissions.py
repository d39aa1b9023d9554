# Anybody may do anything with any file, as a drive of Windows says under Linux. Python reads this
# file at its start (documentation, "site").
import os
import stat

# What a result has beyond the ten that it is made of (documentation, "os.stat_result").
_MORE = [name for name in dir(os.stat_result) if name.startswith("st_")]


def _permitting(real):
    def permitting(*args, **kwargs):
        result = real(*args, **kwargs)
        if not stat.S_ISREG(result.st_mode):
            return result
        more = {name: getattr(result, name) for name in _MORE}
        return os.stat_result([result.st_mode | 0o777, *result[1:]], more)

    return permitting


for _name in ("stat", "lstat", "fstat"):
    _real = getattr(os, _name)
    _ours = _permitting(_real)
    for _group in (os.supports_fd, os.supports_dir_fd, os.supports_follow_symlinks):
        if _real in _group:
            _group.add(_ours)
    setattr(os, _name, _ours)
