# METADATA as Python 2 leaves it on Windows, where wheel writes it as a text and so with CRLF at the
# end of each line (wheel 0.37, "pkginfo.py", "write_pkg_info"). Python reads this file at its start
# (documentation, "site").
import builtins
import io
import os

_OPEN_AS_BYTES = io.open


class _AsText(io.BufferedWriter):
    def write(self, some):
        return super().write(bytes(some).replace(b"\n", b"\r\n"))


def _open_metadata_as_text(file, mode="r", *rest, **more):
    is_name = isinstance(file, (str, os.PathLike))
    if mode == "wb" and is_name and os.path.basename(os.fspath(file)) == "METADATA":
        return _AsText(io.FileIO(file, "wb"))
    return _OPEN_AS_BYTES(file, mode, *rest, **more)


io.open = builtins.open = _open_metadata_as_text
