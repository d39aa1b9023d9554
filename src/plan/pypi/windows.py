# What a build leaves on Windows and nowhere else: texts end their lines with CRLF, a zip says
# that it was made on MS-DOS, paths are sorted whatever the case of their letters, and what is told to
# make a file one that may be run does not. Python reads this file at its start (documentation, "site").
import builtins
import io
import operator
import os
import pathlib
import zipfile

_OPEN = io.open
_INIT = zipfile.ZipInfo.__init__
_CHMOD = os.chmod


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


def _without_execution(path, mode, **more):
    # What may be run is no question of a file's mode there (documentation, "os.chmod").
    if os.path.isfile(path):
        mode &= ~0o111
    _CHMOD(path, mode, **more)


def _whatever_the_case(compare):
    # CPython, "pathlib": how the parts of a path for Windows compare.
    def compared(self, other):
        if not isinstance(other, pathlib.PurePath):
            return NotImplemented
        mine, theirs = ([part.lower() for part in path.parts] for path in (self, other))
        return compare(mine, theirs)

    return compared


for _name in ("__lt__", "__le__", "__gt__", "__ge__"):
    setattr(pathlib.PurePath, _name, _whatever_the_case(getattr(operator, _name)))
io.open = builtins.open = _open
os.linesep = "\r\n"
os.chmod = _without_execution
zipfile.ZipInfo.__init__ = _from_dos
