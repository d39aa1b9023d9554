# Installs what a build backend asks for beside what the source declares, as a front end does
# (PEP 517, "get_requires_for_build_wheel"), with what is installed already held as it is.
# The hook is asked in a copy of the source, which it may write to.
import json
import os
import shutil
import subprocess
import sys
import tempfile

HOOK = """
import importlib
import json
import os
import sys

told, hook, backend, *folders = sys.argv[1:]
sys.path[:1] = [os.path.abspath(folder) for folder in folders]
module, _, attributes = backend.partition(":")
hooks = importlib.import_module(module)
for name in filter(None, attributes.split(".")):
    hooks = getattr(hooks, name)
asked = getattr(hooks, hook, list)()
with open(told, "w") as file:
    json.dump(asked, file)
"""

python, source, hook, backend, *rest = sys.argv[1:]
end = rest.index("--")
folders, held = rest[:end], rest[end + 1 :]
with tempfile.TemporaryDirectory() as folder:
    copy = os.path.join(folder, "source")
    shutil.copytree(source, copy, symlinks=True)
    there = os.path.join(copy, os.path.relpath(os.getcwd(), source))
    told = os.path.join(folder, "told")
    subprocess.run([python, "-c", HOOK, told, hook, backend, *folders], cwd=there, check=True)
    with open(told) as file:
        asked = json.load(file)
print("the backend asks for:", ", ".join(asked) or "nothing")
if asked:
    pip = [sys.executable, "-P", "-m", "pip", "--python", python]
    install = [*pip, "install", "--", *held, *asked]
    subprocess.run(install, check=True)
