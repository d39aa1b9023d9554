# Names the publisher's Python where setuptools writes it into the name of a file: that of a
# namespace package's ".pth" (setuptools, namespaces.py, "Installer").
import os
import re

_NAMED = "-py" + os.environ["NAMED_PYTHON"]


def _name_python(module):
    install = module.Installer.install_namespaces

    def install_namespaces(self):
        named = re.sub(r"-py\d\.\d+(?=\.egg-info$)", _NAMED, self._get_target())
        self._get_target = lambda: named
        install(self)

    module.Installer.install_namespaces = install_namespaces


_after_import("setuptools.namespaces", _name_python)
