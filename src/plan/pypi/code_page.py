# What a build reads and writes on Windows without saying how it is encoded: it is in the
# system's code page, which is that of Western Europe and America here. Python reads this file at
# its start (documentation, "site").
import builtins
import io

_OPEN_AS_SAID = io.open


def _open_in_code_page(file, mode="r", buffering=-1, encoding=None, *rest, **more):
    # "encoding" as the system has it (documentation, "open", "io.text_encoding").
    if encoding in (None, "locale") and "b" not in mode:
        encoding = "cp1252"
    return _OPEN_AS_SAID(file, mode, buffering, encoding, *rest, **more)


io.open = builtins.open = _open_in_code_page
