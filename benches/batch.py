#!/usr/bin/env python3
"""Wall time of `remint batch run` against the same builds in a plain shell loop.

Usage: benches/batch.py REMINT CONFIG LIST [--jobs N] [--count N] [--rounds N] [--records FILE]

LIST has one package URL a line; REMINT_DATA_DIR names the data folder. Two batches
warm the caches and teach which plan is exact; with --records, the results.json of an
earlier batch stands for them. Then the first COUNT artifacts that came out the same with
one plan, and with nothing replayed, are built again: by remint, and by `xargs -P N`
over scripts that each put the same source, inputs and files into one `docker run` of
the same image, run the same commands and hash what comes out. By hand there is no
confinement, no comparison and no signature, and what a build installs lies in a folder
beside it instead of being asked of a mirror.
"""

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

DATA = os.environ["REMINT_DATA_DIR"]


def blob(sha256):
    return os.path.join(DATA, "blobs", "sha256", sha256[:2], sha256[2:])


def kept_program(digest):
    """The tarball of a toolchain that the farm keeps, by the digest of its program."""
    with open(os.path.join(DATA, "toolchains.json")) as text:
        kept = json.load(text)["kept"]
    return blob(next(k["tarball"] for k in kept if k["program"] == digest["sha256"]))


def input_file(entry):
    if "toolchain" in entry["origin"]:
        return kept_program(entry["digest"])
    if "sha256" in entry["digest"]:
        return blob(entry["digest"]["sha256"])
    index = os.path.join(DATA, "metadata", "sha512", entry["digest"]["sha512"])
    with open(index) as text:
        return blob(text.read().strip())


def mirrored(repository, mirrors):
    """Where `[source.mirror]` has a repository: the longest prefix wins."""
    prefix = max((p for p in mirrors if repository.startswith(p)), key=len)
    owner, name = repository.removesuffix(".git").rstrip("/").split("/")[-2:]
    return mirrors[prefix].replace("{owner}", owner).replace("{name}", name)


def script(record, mirrors):
    """A shell script that builds one artifact and fails unless its bytes are the published ones."""
    recipe = tomllib.loads(record["recipe"])
    plan, source = recipe["plan"], recipe["source"]
    lines = ["set -e", "work=$(mktemp -d)", "trap 'rm -rf $work' EXIT"]

    def add(*words):
        lines.append(" ".join(shlex.quote(str(word)).replace("WORK", '"$work"') for word in words))

    add("mkdir", "-p", "WORK/out", "WORK/home", "WORK/src", "WORK/wheels")
    if source["kind"] == "git":
        add("git", "clone", "-q", "--no-checkout", mirrored(source["repository"], mirrors), "WORK/src")
        add("git", "-C", "WORK/src", "checkout", "-q", source["commit"])
    else:
        add("tar", "xf", blob(source["sha256"]), "--strip-components=1", "-C", "WORK/src")
    for entry in plan.get("inputs", []):
        place = "WORK/" + entry["unpack_to"]
        add("mkdir", "-p", place)
        add("tar", "xf", input_file(entry), "--strip-components=1", "-C", place)
    for number, (name, content) in enumerate(plan.get("files", {}).items()):
        add("mkdir", "-p", os.path.dirname("WORK/" + name))
        lines.append(f"cat >\"$work\"/{shlex.quote(name)} <<'END-OF-FILE-{number}'\n{content.rstrip(chr(10))}\nEND-OF-FILE-{number}")
        add("chmod", "755" if content.startswith("#!") else "644", "WORK/" + name)
    for served in record["served"]:
        if served["is_package"]:
            add("cp", blob(served["sha256"]), "WORK/wheels/" + os.path.basename(served["path"]))
    env = {"HOME": "/build/home", **plan["env"]}
    if env.pop("PIP_INDEX_URL", None):
        env.update(PIP_NO_INDEX="1", PIP_FIND_LINKS="/build/wheels")
    steps = ["mkdir -p /build", "tar -x -C /build"]
    for phase in ("prepare", "build"):
        for step in plan.get(phase, []):
            steps.append(f"cd /build/{shlex.quote(step['cwd'])} && {shlex.join(step['run'])} >&2")
    steps.append(f"cat /build/{shlex.quote(plan['output'])}")
    options = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
    run = ["docker", "run", "--rm", "-i", "--network=none", *options, record["image"], "sh", "-c", " && ".join(steps)]
    lines.append(f"tar -C \"$work\" -c . | {shlex.join(run)} >\"$work.out\" 2>\"$work.log\" || {{ cat \"$work.log\" >&2; exit 1; }}")
    lines.append(f"[ \"$(sha256sum <\"$work.out\")\" = '{record['artifact']['sha256']}  -' ]")
    lines.append("rm -f \"$work.out\" \"$work.log\"")
    return "\n".join(lines) + "\n"


def batch(arguments, purls):
    """Runs a batch; its records, and how long it took."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "list.txt")
        with open(file, "w") as out:
            out.writelines(purl + "\n" for purl in purls)
        command = [arguments.remint, "--config", arguments.config, "--results-dir", folder, "batch", "run", file,
                   "--again", "--jobs", str(arguments.jobs)]
        started = time.monotonic()
        subprocess.run(command, capture_output=True)
        took = time.monotonic() - started
        results = next(entry.path for entry in os.scandir(folder) if entry.is_dir())
        with open(os.path.join(results, "results.json")) as text:
            return json.load(text)["results"], took


def is_one_build(record):
    """Whether a script can do the same: pip takes what it installs from a folder, others ask a registry."""
    if record["verdict"] != "reproduced" or record.get("replayed"):
        return False
    tried = [attempt for attempt in record["candidates"] if "verdict" in attempt and attempt["plan_hash"]]
    return len(tried) == 1 and (not record["served"] or "pkg:pypi/" in record["purl"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("remint")
    parser.add_argument("config")
    parser.add_argument("list")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--records")
    arguments = parser.parse_args()
    with open(arguments.config, "rb") as text:
        mirrors = tomllib.load(text)["source"]["mirror"]
    with open(arguments.list) as text:
        purls = [line.split(" #")[0].strip() for line in text if line.strip()]
    if arguments.records:
        with open(arguments.records) as text:
            records = [record for record in json.load(text)["results"] if record["purl"] in purls]
    else:
        batch(arguments, purls)
        records, _ = batch(arguments, purls)
    chosen = {}
    for record in filter(is_one_build, records):
        chosen.setdefault(record["purl"], record)
    chosen = dict(list(chosen.items())[: arguments.count])
    print(f"{len(chosen)} of {len(purls)} packages are one exact build: "
          f"{sum('cargo' in purl for purl in chosen)} crates, {sum('pypi' in purl for purl in chosen)} wheels", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        scripts = []
        for number, record in enumerate(chosen.values()):
            scripts.append(os.path.join(folder, f"{number}.sh"))
            with open(scripts[-1], "w") as out:
                out.write(script(record, mirrors))
        loop = ["xargs", "-P", str(arguments.jobs), "-n", "1", "bash"]
        ours, hand = [], []
        for _ in range(arguments.rounds):
            started = time.monotonic()
            subprocess.run(loop, input="\n".join(scripts), text=True, check=True)
            hand.append(time.monotonic() - started)
            results, took = batch(arguments, list(chosen))
            ours.append(took)
            bad = [record["purl"] for record in results if record["verdict"] != "reproduced"]
            if bad or len(results) != len(chosen):
                sys.exit(f"not all came out the same: {bad}")
            print(f"remint {ours[-1]:.1f} s, by hand {hand[-1]:.1f} s", flush=True)
    a, b = statistics.median(ours), statistics.median(hand)
    print(f"{len(chosen)} artifacts, {arguments.jobs} at a time: remint {a:.1f} s ({len(chosen) / a * 60:.1f} a minute), "
          f"by hand {b:.1f} s ({len(chosen) / b * 60:.1f} a minute), ratio {a / b:.2f} (medians of {arguments.rounds})")


main()
