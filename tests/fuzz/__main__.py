"""``python -m tests.fuzz [-max_total_time=3600] [...]``: fuzz, led by coverage, until something is found or time is over.

Needs the extra ``fuzz``.  What is found is written to a file ``crash-…``; give that file as the argument to see it again,
and put it among the regressions of ``test_fuzz.py``.
"""

from __future__ import annotations

import os
import sys
import tempfile

import atheris
from twisted.logger import globalLogBeginner

with atheris.instrument_imports(include=["spreadlite"]):
    from tests.fuzz.conversations import check, corpus


def main() -> None:
    """Fuzz."""
    # Or all that is logged would be kept, and the worst of it shown.
    globalLogBeginner.beginLoggingTo([lambda event: None], redirectStandardIO=False, discardBuffer=True)
    arguments = sys.argv
    if not any(os.path.exists(argument) for argument in arguments[1:]):
        folder = tempfile.mkdtemp(prefix="spreadlite-corpus-")
        for number, data in enumerate(corpus()):
            with open(os.path.join(folder, f"{number}"), "wb") as file:
                file.write(data)
        arguments = [*arguments, folder, "-max_len=4096", "-timeout=10", "-rss_limit_mb=1500"]
    atheris.Setup(arguments, check)
    atheris.Fuzz()


main()
