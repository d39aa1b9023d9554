#!/usr/bin/env python3
"""Time and memory of `remint compare` beside diffoscope, on the same pairs.

    benches/compare.py REMINT [ROUNDS [LIMIT]]

REMINT is a release build. Makes five artifacts (a small wheel, a crate of 2 MB, a
wheel of 20 MB with 3,000 members, a tar.gz of 100 MB, a .deb of 10 MB), each four
times: equal, with another time, with one text file changed, with every file
changed. Prints the command lines, then a table with the best wall time of ROUNDS
(3) and the largest resident memory of each tool, and for equal pairs the time of
`sha256sum A B`. The largest pairs are timed once with diffoscope. What a tool does not
finish in LIMIT (600) seconds is printed as such. Needs diffoscope and GNU time, which Debian
has as diffoscope-minimal and time.
"""

import gzip
import io
import lzma
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

LIMIT = int(sys.argv[3]) if len(sys.argv) > 3 else 600
WORDS = ("strike mint coin die press blank edge mark weight assay silver gold copper "
         "ledger proof seal batch melt anneal reverse obverse").split()


def text(chance, size):
    lines = []
    total = 0
    while total < size:
        line = " ".join(chance.choice(WORDS) for _ in range(10)) + "\n"
        lines.append(line)
        total += len(line)
    return "".join(lines)[:size].encode()


def members(seed, count, size, binary_share):
    chance = random.Random(seed)
    for number in range(count):
        if chance.random() < binary_share:
            yield f"pkg/data{number:05}.bin", chance.randbytes(size)
        else:
            yield f"pkg/file{number:05}.txt", text(chance, size)


def changed(files, how):
    files = list(files)
    if how == "one text":
        index = next(i for i in range(len(files) // 2, len(files)) if files[i][0].endswith(".txt"))
        name, content = files[index]
        files[index] = (name, content.replace(b"gold", b"lead", 1))
    if how == "everywhere":
        files = [(name, content[::-1]) for name, content in files]
    return files


def make_wheel(path, files, mtime):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, time.gmtime(mtime)[:6])
            info.external_attr = 0o100644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def tar_bytes(files, mtime):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            info = tarfile.TarInfo("./" + name)
            info.size, info.mtime = len(content), mtime
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def make_tgz(path, files, mtime):
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as out:
        out.write(tar_bytes(files, mtime))


def make_deb(path, files, mtime):
    control = gzip.compress(tar_bytes([("control", b"Package: pkg\nVersion: 1\n"
                                                    b"Architecture: all\nMaintainer: nobody\n"
                                                    b"Description: nothing\n")], mtime), mtime=0)
    data = lzma.compress(tar_bytes(files, mtime), preset=1)
    with open(path, "wb") as out:
        out.write(b"!<arch>\n")
        for name, content in [("debian-binary", b"2.0\n"), ("control.tar.gz", control),
                              ("data.tar.xz", data)]:
            head = f"{name:<16}{mtime:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n"
            out.write(head.encode() + content + b"\n" * (len(content) % 2))


ARTIFACTS = [
    ("small wheel", "pkg-1-py3-none-any.whl", make_wheel, (12, 4_000, 0.0)),
    ("2 MB crate", "pkg-1.crate", make_tgz, (60, 75_000, 0.4)),
    ("20 MB wheel", "pkg-2-py3-none-any.whl", make_wheel, (3_000, 9_000, 0.7)),
    ("100 MB tar.gz", "pkg-3.tar.gz", make_tgz, (400, 270_000, 0.9)),
    ("10 MB deb", "pkg_1_all.deb", make_deb, (300, 45_000, 0.7)),
]
VARIANTS = ["equal", "time", "one text", "everywhere"]


def measure(command, rounds):
    """Best wall time in seconds, and the largest resident memory in MiB.

    Time is taken around the command alone. Memory is what GNU time says in a run of
    its own: a process that is forked from here would have this process's own memory
    counted as its own.
    """
    best = None
    for _ in range(rounds):
        took = seconds_of(command)
        best = took if best is None else min(best, took)
    _, memory = under_time(command)
    return best, memory


def seconds_of(command):
    begin = time.perf_counter()
    status = subprocess.run(command, stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL).returncode
    took = time.perf_counter() - begin
    if status not in (0, 1):
        raise SystemExit(f"{command} ended with {status}")
    return took


def under_time(command):
    """Wall time and memory of one run that is ended after LIMIT seconds; no time where it
    was. GNU time and timeout themselves cost some milliseconds."""
    with tempfile.NamedTemporaryFile("r") as said:
        begin = time.perf_counter()
        subprocess.run(["time", "-q", "-f", "%M", "-o", said.name, "timeout", str(LIMIT), *command],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.perf_counter() - begin
        return None if took > LIMIT else took, int(said.read().split()[-1]) / 1024


def main():
    remint = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    ours = [remint, "compare", "A", "B", "--html", "REPORT"]
    theirs = ["diffoscope", "--html", "REPORT", "A", "B"]
    print("remint:    ", " ".join(["remint"] + ours[1:]))
    print("diffoscope:", " ".join(theirs))
    print(subprocess.run(["diffoscope", "--version"], capture_output=True, text=True).stdout.strip())
    print()
    print("| artifact | size | differs in | remint s | MiB | diffoscope s | MiB | times faster | memory | sha256sum s |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    ratios = []
    for title, name, make, (count, size, share) in ARTIFACTS:
        for variant in VARIANTS:
            with tempfile.TemporaryDirectory() as folder:
                paths = []
                for side in ("published", "rebuilt"):
                    os.mkdir(os.path.join(folder, side))
                    paths.append(os.path.join(folder, side, name))
                files = list(members(name, count, size, share))
                make(paths[0], files, 1_700_000_000)
                later = 1_700_086_400 if variant == "time" else 1_700_000_000
                make(paths[1], changed(files, variant), later)
                fill = {"A": paths[0], "B": paths[1], "REPORT": os.path.join(folder, "r.html")}
                command = lambda words: [fill.get(word, word) for word in words]
                weight = os.path.getsize(paths[0])
                ours_s, ours_m = measure(command(ours), rounds)
                theirs_s, theirs_m = min((under_time(command(theirs)) for _ in range(1 if weight > 5e6 else rounds)),
                                         key=lambda run: run[0] or LIMIT)
                sums = ""
                if variant == "equal":
                    seconds, _ = measure(["sha256sum", *paths], rounds)
                    sums = f"{seconds:.3f}"
                if theirs_s is None:
                    shown, ratio = f"over {LIMIT}", LIMIT / ours_s
                else:
                    shown, ratio = f"{theirs_s:.2f}", theirs_s / ours_s
                ratios.append(ratio)
                print(f"| {title} | {weight / 1e6:.1f} MB | {variant} | {ours_s:.3f} | {ours_m:.0f} "
                      f"| {shown} | {theirs_m:.0f} | {ratio:.0f} | 1/{theirs_m / ours_m:.0f} | {sums} |",
                      flush=True)
    print(f"\nmedian: {statistics.median(ratios):.0f} times faster; least: {min(ratios):.1f}")


if __name__ == "__main__":
    main()
