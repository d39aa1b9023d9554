# Names the publisher's Python where a build writes its own into a name: that of a namespace
# package's ".pth" (setuptools, namespaces.py, "Installer"), and those of scripts, which a
# source's setup.py makes of sys.version_info.
import os
import re
import sys

_NAMED = os.environ["NAMED_PYTHON"]
_RUNNING = re.escape("{}.{}".format(*sys.version_info))


def _name_python(module):
    install = module.Installer.install_namespaces

    def install_namespaces(self):
        target = self._get_target()
        named = re.sub(r"-py\d\.\d+(?=\.egg-info$)", "-py" + _NAMED, target)
        self._get_target = lambda: named
        install(self)

    module.Installer.install_namespaces = install_namespaces


def _named_script(script):
    return re.sub(r"^(\s*[\w-]*[A-Za-z_-])" + _RUNNING + r"(?=\s*=)", r"\g<1>" + _NAMED, script)


def _name_scripts(module):
    init = module.Distribution.__init__

    def __init__(self, attrs=None):
        points = (attrs or {}).get("entry_points")
        scripts = points.get("console_scripts") if isinstance(points, dict) else None
        if isinstance(scripts, (list, tuple)):
            points["console_scripts"] = [_named_script(script) for script in scripts]
        init(self, attrs)

    module.Distribution.__init__ = __init__


_after_import("setuptools.namespaces", _name_python)
_after_import("setuptools.dist", _name_scripts)
