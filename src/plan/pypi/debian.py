# Writes requirements as Debian's setuptools does, which sorts those of each section (package
# python3-setuptools 66.1.1-1, setuptools/command/egg_info.py, "_write_requirements").


def _sort_requirements(module):
    write = module._write_requirements

    def _write_requirements(stream, requirements):
        write(stream, sorted(module.yield_lines(requirements or ())))

    module._write_requirements = _write_requirements


_after_import("setuptools.command.egg_info", _sort_requirements)
