#!/usr/bin/env python3
"""Wall time of `remint verify` against the same steps by hand with `docker`.

Usage: benches/overhead.py REMINT PURL GITDIR [ROUNDS]

The steps, image and inputs are those that `remint plan` prints, so both sides do
the same work in the same image. By hand there is no comparison, no signature,
no mirror and no confinement; a plan that needs the mirror cannot be run so, and
is refused. Both sides begin with warm caches: the inputs are on disk.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


def image_id(name):
    with open("images/images.lock", "rb") as lock:
        return tomllib.load(lock)["image"][name]["id"]


def by_hand(plan, source, inputs):
    with tempfile.TemporaryDirectory() as folder:
        work = os.path.join(folder, "work")
        os.makedirs(os.path.join(work, "out"))
        os.makedirs(os.path.join(work, "home"))
        run("git", "clone", "-q", source["gitdir"], os.path.join(work, "src"))
        run("git", "-C", os.path.join(work, "src"), "checkout", "-q", source["commit"])
        for tarball, place in inputs:
            os.makedirs(os.path.join(work, place))
            run("tar", "xzf", tarball, "--strip-components=1", "-C", os.path.join(work, place))
        for name, content in plan.get("files", {}).items():
            place = os.path.join(work, name)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w") as out:
                out.write(content)
            os.chmod(place, 0o755 if content.startswith("#!") else 0o644)
        run("chown", "-R", "1000:1000", work)
        env = [f"--env={name}={value}" for name, value in plan["env"].items()]
        container = run("docker", "create", "--network=none", "--env=HOME=/build/home", *env,
                        image_id(plan["image"]), "sleep", "infinity")
        try:
            archive = os.path.join(folder, "work.tar")
            run("tar", "-C", work, "-cf", archive, ".")
            with open(archive, "rb") as content:
                subprocess.run(["docker", "cp", "-", f"{container}:/build"], stdin=content, check=True, capture_output=True)
            run("docker", "start", container)
            for step in plan["build"]:
                run("docker", "exec", "--workdir", "/build/" + step["cwd"], container, *step["run"])
            run("docker", "cp", f"{container}:/build/{plan['output']}", os.path.join(folder, "output"))
            return run("sha256sum", os.path.join(folder, "output")).split()[0]
        finally:
            run("docker", "rm", "-f", container)


def main():
    remint, purl, gitdir = sys.argv[1:4]
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    recipe = tomllib.loads(run(remint, "plan", purl, "--source", gitdir))
    plan = recipe["plan"]
    if plan.get("prepare") or plan["build_network"] != "none":
        sys.exit("this plan needs the mirror, so it cannot be run by hand; name another package")
    source = {"gitdir": gitdir, "commit": recipe["source"]["commit"]}
    blobs = os.path.join(os.environ["REMINT_DATA_DIR"], "blobs")
    command = [remint, "verify", "--json", "--results-dir", tempfile.mkdtemp(), purl, "--source", gitdir]
    first = json.loads(run(*command))["results"][0]
    inputs = []
    for entry in plan.get("inputs", []):
        sha512 = entry["digest"]["sha512"]
        index = os.path.join(os.environ["REMINT_DATA_DIR"], "metadata", "sha512", sha512)
        with open(index) as text:
            sha256 = text.read().strip()
        inputs.append((os.path.join(blobs, "sha256", sha256[:2], sha256[2:]), entry["unpack_to"]))
    ours, hand = [], []
    for _ in range(rounds):
        started = time.monotonic()
        run(*command)
        ours.append(time.monotonic() - started)
        started = time.monotonic()
        digest = by_hand(plan, source, inputs)
        hand.append(time.monotonic() - started)
        if digest != first["artifact"]["sha256"]:
            sys.exit("by hand another file came out; the two do not do the same work")
    a, b = statistics.median(ours), statistics.median(hand)
    print(f"remint verify {a:.2f} s, by hand {b:.2f} s, ratio {a / b:.2f} (medians of {rounds})")


main()
