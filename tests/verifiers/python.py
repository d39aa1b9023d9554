"""Verifies envelopes with securesystemslib and links with in-toto. Reads cases from the
file that is named, and prints a line for each: `ok`, or `refused` and why."""

import base64
import json
import sys

sys.path.insert(0, sys.argv[1])

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from in_toto.models.metadata import Metablock
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def envelope(case):
    key = SSlibKey.from_crypto(load_pem_public_key(case["key"].encode()))
    found = json.loads(case["bundle"])["dsseEnvelope"]
    # A bundle's envelope names no key; this library wants its own name for it.
    for signature in found["signatures"]:
        signature["keyid"] = key.keyid
    Envelope.from_dict(found).verify([key], 1)


def link(case):
    key = SSlibKey.from_crypto(load_pem_public_key(case["key"].encode()), keyid=case["keyId"])
    metablock = Metablock.from_dict(json.loads(case["link"]))
    metablock.validate()
    # This class still takes a key as a dictionary, with its name inside.
    metablock.verify_signature({**key.to_dict(), "keyid": key.keyid})



for case in json.load(open(sys.argv[2])):
    try:
        (link if "link" in case else envelope)(case)
        print("ok")
    except Exception as error:
        print("refused", type(error).__name__, str(error).replace("\n", " "))
