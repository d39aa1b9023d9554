# Installs what a build backend asks for beside what the source declares, as a front end does
# (PEP 517, "get_requires_for_build_wheel"), with what is installed already held as it is; and
# before, what the source imports while it is asked and does not say that it needs: its publisher
# had that installed. The hook is asked in a copy of the source, which it may write to.
import json
import os
import re
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

# Modules whose distribution has another name.
DISTRIBUTIONS = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "PIL": "Pillow",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}
# No build imports more than this many that it does not ask for.
MOST = 12

python, source, hook, backend, *rest = sys.argv[1:]
end = rest.index("--")
folders, held = rest[:end], rest[end + 1 :]
pip = [sys.executable, "-P", "-m", "pip", "--python", python]


def install(asked):
    subprocess.run([*pip, "install", "--", *held, *asked], check=True)


def ask(there, told):
    """Calls the hook; the module that it lacks, if that is why it ends."""
    run = [python, "-c", HOOK, told, hook, backend, *folders]
    done = subprocess.run(run, cwd=there, stderr=subprocess.PIPE, text=True, errors="replace")
    sys.stderr.write(done.stderr)
    lacking = re.findall(r"^ModuleNotFoundError: No module named '(\w+)", done.stderr, re.MULTILINE)
    if done.returncode and not lacking:
        done.check_returncode()
    return lacking[-1] if done.returncode else None


def is_own(there, module):
    """Whether the source itself has it, which a registry has of another release or owner."""
    return any(
        os.path.exists(os.path.join(there, below, module + end))
        for below in ["", "src", *folders]
        for end in ["", ".py"]
    )


with tempfile.TemporaryDirectory() as folder:
    copy = os.path.join(folder, "source")
    shutil.copytree(source, copy, symlinks=True)
    there = os.path.join(copy, os.path.relpath(os.getcwd(), source))
    told = os.path.join(folder, "told")
    imported = []
    while lacking := ask(there, told):
        if lacking in imported or len(imported) == MOST or is_own(there, lacking):
            sys.exit(f"{lacking} is imported and cannot be had")
        imported.append(lacking)
        print("the source imports what it does not ask for:", lacking)
        held.append(DISTRIBUTIONS.get(lacking, lacking))
        install([])
    with open(told) as file:
        asked = json.load(file)
print("the backend asks for:", ", ".join(asked) or "nothing")
if asked:
    install(asked)
