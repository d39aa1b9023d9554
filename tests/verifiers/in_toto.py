"""Holds a file to a link with in-toto's own command. Reads cases from the file that is
named, and prints a line for each: `ok`, or `refused` and why.

For each a layout is made that asks for the link of one key, and for a file that is the
link's product; then `in-toto-verify` runs over it in a folder with the file alone."""

import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, sys.argv[1])

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from in_toto.models.layout import Inspection, Layout, Step
from in_toto.models.link import FILENAME_FORMAT
from in_toto.models.metadata import Metablock
from securesystemslib.signer import CryptoSigner, SSlibKey


def layout(step_name, key, key_id, name):
    made = Layout()
    made.set_relative_expiration(days=1)
    made.keys = {key_id: {**SSlibKey.from_crypto(key, keyid=key_id).to_dict(), "keyid": key_id}}
    step = Step(name=step_name)
    step.pubkeys = [key_id]
    step.expected_products = [["REQUIRE", name], ["ALLOW", name], ["DISALLOW", "*"]]
    inspection = Inspection(name="published")
    inspection.set_run_from_string("true")
    inspection.expected_materials = [
        ["MATCH", name, "WITH", "PRODUCTS", "FROM", step_name],
        ["DISALLOW", "*"],
    ]
    made.steps = [step]
    made.inspect = [inspection]
    return made


def verify(case, folder):
    link = json.loads(case["link"])
    step_name = link["signed"]["name"]
    (folder / FILENAME_FORMAT.format(step_name=step_name, keyid=case["keyId"])).write_text(case["link"])
    owner = Ed25519PrivateKey.generate()
    metablock = Metablock(
        signed=layout(step_name, load_pem_public_key(case["key"].encode()), case["keyId"], case["name"])
    )
    metablock.create_signature(CryptoSigner(owner))
    metablock.dump(folder / "layout")
    public = owner.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / "owner.pub").write_bytes(public)
    files = folder / "files"
    files.mkdir()
    (files / case["name"]).write_bytes(base64.b64decode(case["file"]))
    return subprocess.run(
        [sys.executable, "-c", "from in_toto.in_toto_verify import main; main()", "--layout", folder / "layout"]
        + ["--verification-keys", folder / "owner.pub", "--link-dir", folder],
        cwd=files,
        env={**os.environ, "PYTHONPATH": sys.argv[1]},
        capture_output=True,
        text=True,
    )


for case in json.load(open(sys.argv[2])):
    with tempfile.TemporaryDirectory() as folder:
        done = verify(case, pathlib.Path(folder))
    said = " ".join(done.stderr.split())
    print("ok" if done.returncode == 0 else f"refused {said}")
