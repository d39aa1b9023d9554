"""Asks a Rego policy about statements, as gates do. Takes the folder of modules, a policy
and a file of statements; prints what `signature.allow` is for each."""

import json
import sys

sys.path.insert(0, sys.argv[1])

from regopy import Interpreter

with open(sys.argv[2]) as policy:
    text = policy.read()
with open(sys.argv[3]) as statements:
    for statement in json.load(statements):
        gate = Interpreter()
        gate.add_module("gate", text)
        gate.set_input(statement)
        print(gate.query("data.signature.allow"))
