"""
Files of quotes, in the format of the Unix program `fortune`.

A file is UTF-8 text.  Its quotes are separated by lines that hold a single percent sign.  Blank lines before
and after a quote do not belong to it; records that hold nothing else are no quotes.

`FortuneFile` keeps the quotes of one file in memory.  Each look at them costs one `stat`, and the file is read only when
its identity, size or time of modification differ from those it had when it was last read.  They are taken
from the open file before its contents: a writer who comes in between is noticed at the next look.
"""

from __future__ import annotations

import os
import stat

from twisted.logger import Logger

__all__ = ["FortuneFile", "QuotesFileError", "parse_fortunes"]

Signature = tuple[int, int, int, int]


class QuotesFileError(ValueError):
    """
    A quotes file cannot be used.

    Attributes:
        path: the file, as it was named.
        reason: why not, in a few words.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"quotes file {self.path!r}: {self.reason}"


def parse_fortunes(text: str) -> tuple[str, ...]:
    """
    Split the text of a quotes file into its quotes, in their order.

    Line ends may be those of Unix, Windows or the old Macintosh; within the quotes they become `"\\n"`.
    """
    quotes: list[str] = []
    record: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), "%"]:
        if line.rstrip() != "%":
            record.append(line.rstrip())
            continue
        while record and not record[0]:
            del record[0]
        while record and not record[-1]:
            del record[-1]
        if record:
            quotes.append("\n".join(record))
        record = []
    return tuple(quotes)


class FortuneFile:
    """
    The quotes of one file, as it is now or as it was when it could last be read.

    Args:
        path: the file; a relative path is resolved at once, because `twistd` changes its working directory later.

    Raises:
        QuotesFileError: if the file is missing, not a regular file, unreadable, not UTF-8, or without a quote.
    """

    _log = Logger()

    def __init__(self, path: str) -> None:
        self.path = path
        self._absolute = os.path.abspath(path)
        self._bad = self._gone = False
        self._signature, self._quotes = self._read()

    @property
    def quotes(self) -> tuple[str, ...]:
        """
        The quotes in the file.

        A file that went bad is reported to the log once, and its last good quotes stay in use until it is good again.
        """
        try:
            current = _signature(os.stat(self._absolute))
        except OSError as error:
            self._gone = True
            self._report(QuotesFileError(self.path, _reason(error)))
            return self._quotes
        if current != self._signature or self._gone:
            self._refresh(current)
        return self._quotes

    def _refresh(self, current: Signature) -> None:
        self._gone = False
        # Also of a file that is no good: it is looked into again when it has changed, not at every request.
        self._signature = current
        try:
            self._signature, self._quotes = self._read()
        except QuotesFileError as error:
            self._report(error)
        else:
            if self._bad:
                self._log.info("quotes file {path!r}: good again", path=self.path)
            self._bad = False

    def _report(self, error: QuotesFileError) -> None:
        if not self._bad:
            self._log.error("{error}; its last good quotes stay in use", error=error)
        self._bad = True

    def _read(self) -> tuple[Signature, tuple[str, ...]]:
        try:
            # Opening a pipe would wait for its writer, and a device may have no end: look first.
            _require_regular(self.path, os.stat(self._absolute))
            with open(self._absolute, "rb") as file:
                signature = _signature(os.fstat(file.fileno()))
                data = file.read()
        except OSError as error:
            raise QuotesFileError(self.path, _reason(error)) from error
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise QuotesFileError(self.path, f"is not UTF-8 text (at byte {error.start})") from error
        quotes = parse_fortunes(text)
        if not quotes:
            raise QuotesFileError(self.path, "holds no quotes")
        return signature, quotes


def _signature(status: os.stat_result) -> Signature:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _require_regular(path: str, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise QuotesFileError(path, "is a directory")
    if not stat.S_ISREG(status.st_mode):
        raise QuotesFileError(path, "is not a regular file")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
