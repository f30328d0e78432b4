"""Twisted's own suites of what touches twisted.spread, run with ours in its place, from the installed Twisted."""

import re

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import python

SUITES = (
    "twisted.spread.test.test_banana",
    "twisted.spread.test.test_jelly",
    "twisted.spread.test.test_pb",
    "twisted.spread.test.test_pbfailure",
    # Requests are Copyable, and sites can be views.
    "twisted.web.test.test_web",
    "twisted.web.test.test_cgi",
    "twisted.web.test.test_distrib",
    "twisted.web.test.test_tap",
    # service, im.pbsupport and the plugin.
    "twisted.words.test",
    "twisted.mail.test",
    # It reloads banana.
    "twisted.test.test_rebuild",
)

#: Runs trial under install(), and tells afterwards whose modules served.
GUARDED = """
import sys
sys.argv[0] = "trial"
import spreadlite
spreadlite.install()
from twisted.scripts.trial import run
try:
    run()
finally:
    names = [name for name in sys.modules if name.startswith("twisted.spread.") and ".test" not in name]
    print("guard", *sorted({sys.modules[name].__name__.split(".")[0] for name in names}), len(names))
"""


class TwistedSuiteTests(SynchronousTestCase):
    """Twisted's tests."""

    def test_suites(self):
        """They pass, every one, and it was our seven modules that they tested, with no original loaded."""
        ended = python("-c", GUARDED, "--temp-directory", self.mktemp(), *SUITES)
        self.assertRegex(ended.stdout, r"(?m)^PASSED \(.*successes=\d{3}", ended.stdout[-3000:])
        self.assertIn("guard spreadlite 7\n", ended.stdout)
        (count,) = re.findall(r"(?m)^Ran (\d+) tests", ended.stdout)
        self.assertGreater(int(count), 400)
