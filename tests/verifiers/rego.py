"""Asks the Rego sample in docs/ about statements, as gates do. Takes the folder of modules
and a file of statements; prints `ok` for each that `signature.allow` lets through, and
otherwise `refused` and what the interpreter said."""

import json
import pathlib
import sys

sys.path.insert(0, sys.argv[1])

from regopy import Interpreter

policy = pathlib.Path(__file__).parents[2].joinpath("docs", "remint.rego").read_text()
with open(sys.argv[2]) as statements:
    for statement in json.load(statements):
        gate = Interpreter()
        gate.add_module("gate", policy)
        gate.set_input(statement)
        said = str(gate.query("data.signature.allow"))
        print("ok" if said == '{"expressions":[true]}' else f"refused: {said}")
