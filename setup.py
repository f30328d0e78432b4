"""What pyproject.toml has no words for: what happens when the compiled codec cannot be built.

Usually it is left out, with a note (which pip shows with ``-v``): spreadlite then runs its pure codec.  With
``SPREADLITE_REQUIRE_COMPILED=1`` in the environment, the installation fails instead.
"""

import os
import shutil

from setuptools import setup
from setuptools.command.build_ext import build_ext


class BuildExtension(build_ext):
    """Builds the compiled codec, if that is possible or required."""

    def run(self):
        """Build, and leave what was built beside its source too: Python started in a checkout finds that first."""
        super().run()
        if not self.inplace:
            for ext in self.extensions:
                built = self.get_ext_fullpath(ext.name)
                beside = os.path.join(*ext.name.split(".")[:-1], os.path.basename(built))
                if os.path.exists(built):
                    try:
                        shutil.copyfile(built, beside)
                    except OSError as error:
                        self.announce(f"{beside} could not be written: {error}")

    def build_extension(self, ext):
        """Build it, and say so when that fails."""
        try:
            super().build_extension(ext)
        except Exception as error:
            if os.environ.get("SPREADLITE_REQUIRE_COMPILED", "0") not in ("", "0"):
                ext.optional = False
                raise
            self.warn(f"spreadlite is installed without its compiled codec, which could not be built: {error}")
            raise


setup(cmdclass={"build_ext": BuildExtension})
