"""What pyproject.toml has no words for: what happens when the compiled codec cannot be built.

Usually it is left out, with a note (which pip shows with ``-v``): spreadlite then runs its pure codec.  With
``SPREADLITE_REQUIRE_COMPILED=1`` in the environment, the installation fails instead.
"""

import contextlib
import os
import shutil
import sys

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

#: Has the codec call Python's functions with no stub between, which takes 2 percent less time where they are in a library.
DIRECT = ["-fno-plt"] if sys.platform == "linux" else []


class BuildExtension(build_ext):
    """Builds the compiled codec, if that is possible or required."""

    def run(self):
        """Build, and leave what was built beside its source too: Python started in a checkout finds that first."""
        super().run()
        if not self.inplace:
            for ext in self.extensions:
                built, beside = self.places(ext)
                if os.path.exists(built):
                    try:
                        shutil.copyfile(built, beside)
                    except OSError as error:
                        self.announce(f"{beside} could not be written: {error}")

    def places(self, ext):
        """Where it is built, and where it is beside its source."""
        built = self.get_ext_fullpath(ext.name)
        return built, os.path.join(*ext.name.split(".")[:-1], os.path.basename(built))

    def build_extension(self, ext):
        """Build it, and say so when that fails; then there is none, either, that was built from an older source."""
        try:
            if sys.implementation.name != "cpython":
                # What others have of CPython's API is slower than the pure codec, and not all that is wanted here.
                raise CompileError("it is for CPython alone")
            try:
                ext.extra_compile_args = DIRECT
                super().build_extension(ext)
            except CompileError:
                # It may be the argument that the compiler does not know.
                ext.extra_compile_args = []
                super().build_extension(ext)
        except Exception as error:
            for place in self.places(ext):
                with contextlib.suppress(FileNotFoundError):
                    os.remove(place)
            if os.environ.get("SPREADLITE_REQUIRE_COMPILED", "0") not in ("", "0"):
                ext.optional = False
                raise
            self.warn(f"spreadlite is installed without its compiled codec, which could not be built: {error}")
            raise


setup(cmdclass={"build_ext": BuildExtension})
