"""Tests of ``twistd qotd``: the options, the services, and both as processes over real sockets."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

from twisted.internet import defer
from twisted.internet.testing import StringTransport
from twisted.python import usage
from twisted.trial.unittest import SynchronousTestCase, TestCase

from spreadlite import pb
from spreadlite.quotes.client import fetch_quote
from spreadlite.quotes.protocol import QOTDFactory
from spreadlite.quotes.quoters import StaticQuoter
from spreadlite.quotes.reader import QuoteReader
from spreadlite.quotes.service import Options, makeService
from tests.vectors.memory import Wire

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
#: Seconds after which a process has failed.
PATIENCE = 30

OLD_CLIENT = """
import sys
from twisted.internet import reactor
from twisted.spread import pb
factory = pb.PBClientFactory()
reactor.connectTCP("127.0.0.1", int(sys.argv[1]), factory)
asked = factory.getRootObject().addCallback(lambda root: root.callRemote("nextQuote"))
asked.addCallback(print)
asked.addErrback(lambda reason: print("failed", reason))
asked.addBoth(lambda ignored: reactor.stop())
reactor.run()
"""

MANY_CALLS = """
import sys
from twisted.internet import defer, endpoints, task
from spreadlite import pb
async def main(reactor):
    for connection in range(int(sys.argv[2])):
        factory = pb.PBClientFactory()
        await endpoints.clientFromString(reactor, "tcp:127.0.0.1:" + sys.argv[1]).connect(factory)
        root = await factory.getRootObject()
        kept.append((factory, root))
    quotes = await defer.gatherResults(
        [root.callRemote("nextQuote") for factory, root in kept for each in range(int(sys.argv[3]))]
    )
    print(len(quotes), set(quotes))
kept = []
task.react(lambda reactor: defer.ensureDeferred(main(reactor)))
"""


TWISTD = "from twisted.scripts.twistd import run; run()"


def environment():
    """The environment for a process that is to find this package and its plugin."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([ROOT, os.environ.get("PYTHONPATH", "")])}


def run(*arguments):
    """Run Python to its end, without input."""
    return subprocess.run(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(),
    )


class OptionsTests(SynchronousTestCase):
    """What can be written on the command line."""

    def parse(self, *arguments):
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def refused(self, why, *arguments):
        error = self.assertRaises(usage.UsageError, self.parse, *arguments)
        self.assertIn(why, str(error))
        self.assertNotIn("\n", str(error))

    def test_defaults(self):
        """Without options, the quotes that come with the package are served on 8007, as text alone."""
        options = self.parse()
        self.assertEqual(("tcp:8007", None), (options["port"], options["pb"]))
        self.assertIn("-- ", options["quoter"].getQuote())

    def test_short(self):
        """Each option has a short form."""
        options = self.parse("-p", "1", "-b", "2", "-s", "wise")
        self.assertEqual(("tcp:1", "tcp:2", "wise"), (options["port"], options["pb"], options["quoter"].getQuote()))

    def test_files(self):
        """--file may be repeated."""
        paths = []
        for text in ("a", "b"):
            paths.append(self.mktemp())
            with open(paths[-1], "w") as file:
                file.write(text)
        quoter = self.parse("--file", paths[0], "-f", paths[1])["quoter"]
        self.assertEqual({"a", "b"}, {quoter.getQuote() for _ in range(200)})

    def test_refused(self):
        """Bad input ends with one line that names the option, before anything listens."""
        self.refused("--port: 'x'", "--port", "x")
        self.refused("--pb: '70000'", "--pb", "70000")
        self.refused("--file: quotes file '/no/such'", "--file", "/no/such")
        self.refused("exclude", "--static", "a", "--file", "b")
        self.refused("--static: the quote is empty", "--static", " ")
        self.refused("--port and --pb are the same", "--port", "8787", "--pb", "tcp:8787:interface=127.0.0.1")

    def test_services(self):
        """One service a port."""
        self.assertEqual(1, len(list(makeService(self.parse()))))
        self.assertEqual(2, len(list(makeService(self.parse("--pb", "8787")))))


class ProtocolTests(SynchronousTestCase):
    """The QOTD protocol."""

    def served(self, quoter):
        transport = StringTransport()
        QOTDFactory(quoter).buildProtocol(None).makeConnection(transport)
        return transport

    def test_quote(self):
        """A client gets one quote, in UTF-8, with CR LF after each line, and is disconnected."""
        transport = self.served(StaticQuoter("naïve\nindeed"))
        self.assertEqual("naïve\r\nindeed\r\n".encode(), transport.value())
        self.assertTrue(transport.disconnecting)

    def test_half_a_character(self):
        """What has no bytes in UTF-8 is a question mark."""
        self.assertEqual(b"a?b\r\n", self.served(StaticQuoter("a\ud800b")).value())

    def test_quiet(self):
        """No line of the log tells of each client's connection."""
        self.assertFalse(QOTDFactory(StaticQuoter("x")).noisy)

    def test_no_quote(self):
        """A quoter that fails is logged, and the client is disconnected."""

        class Broken:
            def getQuote(self):
                raise ZeroDivisionError("no quote")

        self.assertTrue(self.served(Broken()).disconnecting)
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))

    def test_root(self):
        """The root for Perspective Broker gives the quotes of its quoter."""
        root = QuoteReader(StaticQuoter("x"))
        self.assertIsInstance(root, pb.Root)
        self.assertEqual("x", root.remote_nextQuote())


class Near:
    """An endpoint in this process, where there is a server of *root*."""

    def __init__(self, root):
        self.root = root

    def connect(self, factory):
        client = factory.buildProtocol(None)
        self.wire = Wire(pb.PBServerFactory(self.root).buildProtocol(None), client)
        return defer.succeed(client)


class FetchTests(SynchronousTestCase):
    """A quote over Perspective Broker."""

    def fetched(self, quote):
        near = Near(QuoteReader(StaticQuoter(quote)))
        fetching = defer.Deferred.fromCoroutine(fetch_quote(near))
        near.wire.flush()
        self.assertFalse(near.wire.open, "the connection is there still")
        return fetching

    def test_fetched(self):
        """The quote is text, made of bytes where the server gives such, and the connection is ended."""
        for given, quote in (("naïve", "naïve"), ("naïve".encode(), "naïve"), (b"a\xffb", "a�b")):
            self.assertEqual(quote, self.successResultOf(self.fetched(given)))

    def test_no_text(self):
        """What is no text is no quote, and the connection is ended then too."""
        for given in (5, None, ["x"]):
            error = self.failureResultOf(self.fetched(given), ValueError).value
            self.assertEqual(f"the server gave {type(given).__name__} for a quote", str(error))


class ProcessTests(TestCase):
    """twistd and the clients, as a user runs them."""

    def serve(self, *options):
        folder = self.mktemp()
        os.makedirs(folder)
        log = os.path.join(folder, "log")
        process = subprocess.Popen(
            [sys.executable, "-m", "twisted", "--log-file", os.path.abspath(log), "qotd",
             "--port", "tcp:0:interface=127.0.0.1", "--pb", "tcp:0:interface=127.0.0.1", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=folder, env=environment(),
        )  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + PATIENCE
        ports = {}
        while len(ports) < 2:
            self.assertLess(time.monotonic(), deadline, "the server did not start")
            time.sleep(0.05)
            if os.path.exists(log):
                with open(log) as file:
                    ports = dict(re.findall(r"(QOTDFactory|PBServerFactory) starting on (\d+)", file.read()))
        return process, int(ports["QOTDFactory"]), int(ports["PBServerFactory"]), log

    def test_both_protocols(self):
        """Text and Perspective Broker side by side, for our client and a twisted.spread client; stopped without a
        traceback."""
        server, text_port, pb_port, log = self.serve("--static", "so it goes")
        with socket.create_connection(("127.0.0.1", text_port), PATIENCE) as client:
            received = b""
            while piece := client.recv(1000):
                received += piece
        self.assertEqual(b"so it goes\r\n", received)

        ours = run("-m", "spreadlite.quotes.client", "127.0.0.1", str(pb_port))
        self.assertEqual((0, "so it goes\n", ""), (ours.returncode, ours.stdout, ours.stderr))
        old = run("-c", OLD_CLIENT, str(pb_port))
        self.assertEqual((0, "so it goes\n"), (old.returncode, old.stdout))
        wrong = run("-m", "spreadlite.quotes.client", "127.0.0.1", str(text_port))
        self.assertEqual((1, ""), (wrong.returncode, wrong.stdout))
        self.assertIn("does not speak Perspective Broker", wrong.stderr)

        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE)
        with open(log) as file:
            self.assertNotIn("Traceback", file.read())

    def test_many(self):
        """A thousand calls on a connection, and a hundred connections at once."""
        server, _, pb_port, log = self.serve("--static", "again")
        self.assertEqual("1000 {'again'}\n", run("-c", MANY_CALLS, str(pb_port), "1", "1000").stdout)
        self.assertEqual("100 {'again'}\n", run("-c", MANY_CALLS, str(pb_port), "100", "1").stdout)
        server.send_signal(signal.SIGINT)
        server.wait(PATIENCE)
        with open(log) as file:
            self.assertNotIn("Traceback", file.read())

    def test_client_complains(self):
        """The client says in one line what is wrong, and exits with 1."""
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            refused = run("-m", "spreadlite.quotes.client", "127.0.0.1", str(unused.getsockname()[1]))
        self.assertEqual((1, "", 1), (refused.returncode, refused.stdout, refused.stderr.count("\n")))
        self.assertIn("refused", refused.stderr)
        wrong = run("-m", "spreadlite.quotes.client", "localhost", "eighty")
        self.assertEqual((1, ""), (wrong.returncode, wrong.stdout))
        self.assertIn("no port: 'eighty'", wrong.stderr)

    def test_terminal(self):
        """A server cannot command the client's terminal, and lines and tabs stay."""
        _, _, pb_port, _ = self.serve("--static", "a\x1b[2Jb\x9b\u202e\x07\n\tc\x7f")
        ended = run("-m", "spreadlite.quotes.client", "127.0.0.1", str(pb_port))
        self.assertEqual((0, "a�[2Jb���\n\tc�\n", ""), (ended.returncode, ended.stdout, ended.stderr))

    def test_client_does_not_wait_for_ever(self):
        """A server that says nothing is given up, with one line that says so."""
        program = "from spreadlite.quotes import client\nclient.TIMEOUT = 0.5\nclient.main()"
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            port = silent.getsockname()[1]
            ended = run("-c", program, "127.0.0.1", str(port))
        self.assertEqual((1, ""), (ended.returncode, ended.stdout))
        self.assertRegex(ended.stderr, rf"\A127\.0\.0\.1:{port} did not answer within \d seconds\n\Z")

    def test_client_ports(self):
        """A port is a number from 1 to 65535, and that of Perspective Broker where none is given."""
        for wrong in ("0", "65536", "-1"):
            ended = run("-m", "spreadlite.quotes.client", "localhost", "--", wrong)
            self.assertEqual((1, ""), (ended.returncode, ended.stdout))
            self.assertIn(f"no port: '{wrong}'", ended.stderr)
        self.assertIn(f"default: {pb.portno}", run("-m", "spreadlite.quotes.client", "--help").stdout)

    def test_port_in_use(self):
        """A port in use ends the program with a line that says so, and a status that is not 0."""
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            where = ("qotd", "--port", f"tcp:{port}:interface=127.0.0.1")
            for program in (("-m", "twisted", "--log-file", os.devnull), ("-c", TWISTD, "-n", "--pidfile=")):
                ended = run(*program, *where)
                self.assertEqual(1, ended.returncode)
                self.assertIn("Address already in use", ended.stdout + ended.stderr)
                self.assertNotIn("Traceback", ended.stdout + ended.stderr)

    def test_bad_options(self):
        """Bad input ends twistd with its usage and one line that says what is wrong."""
        ended = run("-c", TWISTD, "-n", "--pidfile=", "qotd", "--port", "99999")
        self.assertIn("--port: '99999' is no port", (ended.stdout + ended.stderr).splitlines()[-1])

    def test_listed(self):
        """twistd knows the service, and its help names the options."""
        self.assertRegex(run("-c", TWISTD, "--help").stdout, r"(?m)^    qotd +Quotes of the day")
        shown = run("-c", TWISTD, "qotd", "--help")
        for option in ("--port", "--pb", "--file", "--static"):
            self.assertIn(option, shown.stdout)

    def test_tutorial(self):
        """Importing the old tutorial's client runs it; without a server it says so."""
        ended = subprocess.run(
            [sys.executable, "-c", "import TwistedQuotes.pbquote, TwistedQuotes.quotetap2, TwistedQuotes.quoteproto"],
            capture_output=True, text=True, cwd=os.path.join(ROOT, "examples"), env=environment(), timeout=PATIENCE,
        )  # fmt: skip
        self.assertEqual((0, ""), (ended.returncode, ended.stderr))
        return defer.succeed(None)
