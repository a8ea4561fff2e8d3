"""The build: what pyproject.toml says, and the bundled YAML files compiled into one that needs no parser."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class Build(build_py):
    """Copies the package, then compiles the YAML files in the copy."""

    def run(self) -> None:
        super().run()
        package = Path(self.build_lib) / "rackcalc"
        if not self.editable_mode and package.is_dir():
            sys.path.insert(0, str(Path(__file__).parent))
            from rackcalc.config.compiled import write

            write(package)


setup(cmdclass={"build_py": Build})
