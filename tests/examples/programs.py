"""Starts the example programs as processes and reads what they print.

A test that is marked with `pairings` runs once for each pairing of a server and a client, either of which may be
made with twisted.spread instead of spreadlite (see ``as_twisted.py``).
"""

import functools
import importlib.util
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(HERE)), "examples")
TIMEOUT = 30

OURS, TWISTED = "spreadlite", "twisted.spread"
BOTH_OURS = (OURS, OURS)
OUR_CLIENT = (TWISTED, OURS)
OUR_SERVER = (OURS, TWISTED)
ALL = (BOTH_OURS, OUR_CLIENT, OUR_SERVER)
NAMES = {BOTH_OURS: "both_ours", OUR_CLIENT: "twisted_server", OUR_SERVER: "twisted_client"}


def runner(peer):
    """The words of a command line that go before the program's path."""
    # Twisted holds /dev/null open, in reserve, to the end of the process: that is its only ResourceWarning.
    words = [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning"]
    # Twisted hands certificates to pyOpenSSL in a way that the newest of it no longer likes.
    words += ["-W", "ignore:Passing pyOpenSSL:DeprecationWarning"]
    return words + [os.path.join(HERE, "as_twisted.py")] if peer == TWISTED else words


def environment():
    """The environment of a program: the spreadlite that is under test, wherever the tests are run from."""
    spec = importlib.util.find_spec("spreadlite")
    root = os.path.dirname(os.path.abspath(list(spec.submodule_search_locations)[0]))
    path = [root] + [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


class Program:
    """A running program, its output line by line."""

    def __init__(self, command, variables):
        self.command = command
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**environment(), **variables},
        )
        self.errors = ""
        self.pending = queue.Queue()
        self.threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._read_errors)]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.pending.put(line.rstrip("\n"))
        self.pending.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors += line

    def line(self):
        """The next line that the program prints, None at the end of its output."""
        try:
            return self.pending.get(timeout=TIMEOUT)
        except queue.Empty:
            raise AssertionError(f"{self} printed nothing for {TIMEOUT} s\n{self.errors}") from None

    def expect(self, pattern):
        """Read lines up to the first that matches the whole of a regular expression; return the match."""
        seen = []
        while (line := self.line()) is not None:
            match = re.fullmatch(pattern, line)
            if match:
                return match
            seen.append(line)
        raise AssertionError(f"{self} never printed {pattern!r}, only {seen}\n{self.errors}")

    def say(self, line):
        """Write a line to the program's standard input."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def finish(self):
        """Wait for the end of the program; return its exit status and the lines not yet read."""
        lines = []
        while (line := self.line()) is not None:
            lines.append(line)
        status = self.process.wait(TIMEOUT)
        self.close()
        return status, lines

    def stop(self):
        """Ask the program to end, as ``kill`` does, and return as `finish` does."""
        self.process.send_signal(signal.SIGTERM)
        return self.finish()

    def close(self):
        """Make sure that nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(TIMEOUT)
        for thread in self.threads:
            thread.join(TIMEOUT)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def __repr__(self):
        return " ".join(self.command[-3:])


def pairings(*chosen):
    """Mark a test to be run for each of these pairings, with the server's and the client's kind as arguments."""

    def mark(function):
        function.pairings = chosen
        return function

    return mark


class ExampleCase(unittest.TestCase):
    """A test of the programs in one folder of ``examples/``."""

    folder = ""

    def __init_subclass__(cls):
        for name, function in list(vars(cls).items()):
            chosen = getattr(function, "pairings", ())
            for pairing in chosen:
                setattr(cls, f"{name}_{NAMES[pairing]}", _as_method(function, pairing))
            if chosen:
                delattr(cls, name)

    def start(self, peer, program, *arguments):
        """Start a program of this folder."""
        path = os.path.join(EXAMPLES, self.folder, program)
        return self.launch([*runner(peer), path, *map(str, arguments)])

    def launch(self, command, **variables):
        """Start any command, with more variables in its environment, and end it with the test."""
        started = Program(command, variables)
        self.addCleanup(started.close)
        return started

    def serve(self, peer, program, *arguments):
        """Start a server on a port that the system chooses; return it and the port."""
        server = self.start(peer, program, 0, *arguments)
        return server, int(server.expect(r"listening on port (\d+)")[1])

    def run_client(self, peer, program, *arguments):
        """Run a client to its end, which has to be a good one, and return the lines that it printed."""
        return self.ends_well(self.start(peer, program, *arguments))

    def ends_well(self, program):
        """Wait for the end of a program; nothing went wrong, and nothing was left for standard error."""
        status, lines = program.finish()
        self.assertEqual((0, ""), (status, program.errors), f"{program} printed {lines}")
        return lines

    def stops_well(self, server, *, quiet=True):
        """Stop a server; it ends with status 0, and quietly unless it is known to log. Return the lines left."""
        status, lines = server.stop()
        self.assertEqual(0, status, server.errors)
        if quiet:
            self.assertEqual("", server.errors)
        return lines


def _as_method(function, pairing):
    @functools.wraps(function)
    def test(self):
        return function(self, *pairing)

    return test
