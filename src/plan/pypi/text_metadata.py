# METADATA as Python 2 leaves it on Windows, where wheel writes it as a text and so with CRLF at the
# end of each line (wheel 0.37, "pkginfo.py", "write_pkg_info"). Python reads this file at its start
# (documentation, "site").
import builtins
import io
import os

_OPEN_AS_BYTES = io.open


class _AsText(io.BufferedWriter):
    def write(self, some):
        super().write(bytes(some).replace(b"\n", b"\r\n"))
        return len(some)


def _open_metadata_as_text(file, mode="r", *rest, **more):
    folder, name = os.path.split(os.fspath(file)) if isinstance(file, (str, os.PathLike)) else ("", "")
    if mode == "wb" and name == "METADATA" and folder.endswith(".dist-info"):
        return _AsText(io.FileIO(file, "wb"))
    return _OPEN_AS_BYTES(file, mode, *rest, **more)


io.open = builtins.open = _open_metadata_as_text
