"""Tests of quotes files: their text, and when they are read."""

import os

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from spreadlite.quotes.fortunes import FortuneFile, QuotesFileError, parse_fortunes
from spreadlite.quotes.quoters import FortuneQuoter, StaticQuoter
from spreadlite.quotes.service import SHIPPED_QUOTES


class ParseTests(SynchronousTestCase):
    """The text of a quotes file."""

    def test_records(self):
        """A line of a single percent sign separates quotes, and blank lines around a quote do not belong to it."""
        self.assertEqual(("one", "two\n  lines\n\nand more"), parse_fortunes("one\n%\n\ntwo\n  lines\n\nand more\n\n%\n"))

    def test_no_separators_within_lines(self):
        """A percent sign within a line is part of the quote."""
        self.assertEqual(("100 %\n% 1",), parse_fortunes("100 %\n% 1"))

    def test_line_ends(self):
        """Files of Windows and of the old Macintosh have the same quotes."""
        self.assertEqual(("a\nb", "c"), parse_fortunes("a\r\nb\r\n%\r\nc\r\n"))
        self.assertEqual(("a\nb", "c"), parse_fortunes("a\rb\r%\rc"))

    def test_empty(self):
        """Records that hold nothing are no quotes."""
        self.assertEqual((), parse_fortunes("\n%\n  \n%\n%\n"))


class FileTests(SynchronousTestCase):
    """A file of quotes, over time."""

    def file(self, data):
        path = self.mktemp()
        self.write(path, data)
        return path

    def write(self, path, data):
        with open(path, "wb") as file:
            file.write(data)

    def refused(self, path, reason):
        error = self.assertRaises(QuotesFileError, FortuneFile, path)
        self.assertEqual(f"quotes file {path!r}: {reason}", str(error))

    def test_utf8(self):
        """A file is UTF-8, with or without a byte order mark."""
        self.assertEqual(("naïve",), FortuneFile(self.file("\ufeffnaïve\n".encode())).quotes)

    def test_refused(self):
        """A file that is missing, a folder, empty or not UTF-8 is refused, and the error says which and why."""
        self.refused(os.path.join(os.getcwd(), "no such file"), "No such file or directory")
        self.refused(os.getcwd(), "is a directory")
        self.refused(os.devnull, "is not a regular file")
        self.refused(self.file(b"\n%\n"), "holds no quotes")
        self.refused(self.file(b"ab\xff"), "is not UTF-8 text (at byte 2)")

    def test_read_once(self):
        """The file is read again when it has changed, and not otherwise."""
        path = self.file(b"one")
        file = FortuneFile(path)
        reads = []
        read = file._read
        self.patch(file, "_read", lambda: reads.append(1) or read())
        for _ in range(10):
            self.assertEqual(("one",), file.quotes)
        self.assertEqual([], reads)
        self.write(path, b"two\n%\nthree")
        for _ in range(10):
            self.assertEqual(("two", "three"), file.quotes)
        self.assertEqual([1], reads)

    def test_went_bad(self):
        """A file that becomes useless is told of once, and its last good quotes stay until it is good again."""
        path = self.file(b"one")
        file = FortuneFile(path)
        events = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        os.remove(path)
        for _ in range(3):
            self.assertEqual(("one",), file.quotes)
        self.write(path, b"\xff")
        self.assertEqual(("one",), file.quotes)
        self.assertEqual(1, len([event for event in events if "last good" in event.get("log_format", "")]))
        self.write(path, b"better")
        self.assertEqual(("better",), file.quotes)
        self.assertEqual(1, len([event for event in events if "good again" in event.get("log_format", "")]))
        os.remove(path)
        self.assertEqual(("better",), file.quotes)
        self.assertEqual(2, len([event for event in events if "last good" in event.get("log_format", "")]))


class QuoterTests(SynchronousTestCase):
    """Objects that choose a quote."""

    def test_static(self):
        """A static quoter has one quote."""
        self.assertEqual("x", StaticQuoter("x").getQuote())

    def test_fortunes(self):
        """A quoter of several files gives quotes of all of them, and no others."""
        paths = []
        for text in ("a\n%\nb", "c"):
            paths.append(self.mktemp())
            with open(paths[-1], "w") as file:
                file.write(text)
        quoter = FortuneQuoter(paths)
        self.assertEqual({"a", "b", "c"}, {quoter.getQuote() for _ in range(500)})

    def test_no_files(self):
        """A quoter of no files is refused."""
        self.assertRaises(ValueError, FortuneQuoter, [])

    def test_shipped(self):
        """The quotes that come with the package can be used, and each names its author."""
        quotes = FortuneFile(str(SHIPPED_QUOTES)).quotes
        self.assertGreater(len(quotes), 20)
        for quote in quotes:
            self.assertIn("\n    -- ", quote)
