# What a build leaves on Windows and nowhere else: texts end their lines with CRLF, and a
# zip says that it was made on MS-DOS. Python reads this file at its start (documentation,
# "site").
import builtins
import io
import os
import zipfile

_OPEN = io.open
_INIT = zipfile.ZipInfo.__init__


def _open(file, mode="r", buffering=-1, encoding=None, errors=None, newline=None, *rest, **more):
    # "newline" as the system has it (documentation, "open"). Files that are read as well
    # keep theirs: there it would change what is read.
    if newline is None and not set("rb+") & set(mode):
        newline = "\r\n"
    return _OPEN(file, mode, buffering, encoding, errors, newline, *rest, **more)


def _from_dos(self, *args, **kwargs):
    # CPython, "zipfile", "ZipInfo.__init__": what it does where sys.platform is "win32".
    _INIT(self, *args, **kwargs)
    self.create_system = 0


io.open = builtins.open = _open
os.linesep = "\r\n"
zipfile.ZipInfo.__init__ = _from_dos
