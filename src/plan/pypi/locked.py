"""Writes the lock file from which poetry's plugin reads the versions of folders of the
repository, where the source tracks none: each folder with the version that it declares.

The format is poetry's (poetry, `packages/locker.py`, lock-version 2.1).
"""

import json
import os
import tomllib

LOCK = "poetry.lock"
PACKAGE = """[[package]]
name = {name}
version = {version}
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = []
develop = true

[package.source]
type = "directory"
url = {folder}

"""
METADATA = """[metadata]
lock-version = "2.1"
python-versions = "*"
content-hash = ""
"""


def read(folder):
    with open(os.path.join(folder, "pyproject.toml"), "rb") as file:
        return tomllib.load(file)


def version(folder):
    manifest = read(folder)
    poetrys = manifest.get("tool", {}).get("poetry", {})
    return manifest.get("project", {}).get("version") or poetrys.get("version", "")


def folders():
    needed = read(".")["tool"]["poetry"].get("dependencies", {})
    for name, asked in needed.items():
        if isinstance(asked, dict) and "path" in asked:
            yield name, asked["path"]


def main():
    if os.path.lexists(LOCK):
        return
    with open(LOCK, "x", encoding="utf-8") as lock:
        for name, folder in folders():
            said = {"name": name, "version": version(folder), "folder": folder}
            # A string of JSON is one of TOML too.
            lock.write(PACKAGE.format(**{key: json.dumps(text) for key, text in said.items()}))
        lock.write(METADATA)


main()
