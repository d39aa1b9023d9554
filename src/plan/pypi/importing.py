# Changes a module once it is there: what Python reads at its start comes before all of them.
import importlib.machinery
import sys


class _AfterImport:
    def __init__(self, module, change):
        self.module, self.change = module, change

    def find_spec(self, name, path=None, target=None):
        if name != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None:
            run = spec.loader.exec_module

            def exec_module(module):
                run(module)
                self.change(module)

            spec.loader.exec_module = exec_module
        return spec


def _after_import(module, change):
    sys.meta_path.insert(0, _AfterImport(module, change))
