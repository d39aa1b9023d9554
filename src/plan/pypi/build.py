# Builds as a front end does: calls one hook of the backend that the source names, in the
# source's folder (PEP 517, "Build backend interface").
import importlib
import os
import sys

out, hook, backend, *folders = sys.argv[1:]
sys.path[:0] = [os.path.abspath(folder) for folder in folders]
module, _, attributes = backend.partition(":")
hooks = importlib.import_module(module)
for name in filter(None, attributes.split(".")):
    hooks = getattr(hooks, name)
os.makedirs(out, exist_ok=True)
print(getattr(hooks, hook)(out))
