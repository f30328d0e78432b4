"""Runs Buildbot with spreadlite in the master, in the worker, in both and in neither, and compares what came of it.

    python tests/compat/buildbot/matrix.py

makes a virtual environment in a temporary folder, installs Buildbot and this checkout there, and plays the same day to
each pairing: builds of all kinds of steps, transfers in both directions, interrupted builds, sent changes, tried patches,
masters and workers that are restarted, killed and shut down.  What is seen (results and logs of every step, files byte by
byte, what the command lines print, the lines of both twistd.log) is held against what Buildbot does with twisted.spread
alone.  It takes some ten minutes, needs git and a package index, and ends with status 1 where a pairing differs.  With
``SPREADLITE_PURE=1`` in the environment it is the pure codec's turn.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import difflib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import venv

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
PACKAGES = ("buildbot==4.3.*", "buildbot-worker==4.3.*", "SQLAlchemy==2.0.36", "alembic==1.14.0")
OURS, THEIRS, OLD = "spreadlite", "twisted.spread", "buildbot-slave 0.8"
#: A worker of 2016, with a Twisted that its Python has.
OLD_PACKAGES = ("Twisted==19.10.0", "buildbot-slave==0.8.14", "future", "Automat==20.2.0")
PAIRINGS = ((THEIRS, THEIRS), (OURS, THEIRS), (THEIRS, OURS), (OURS, OURS))
#: A master on the twisted.spread of today cannot read the errors of one of then, and never gets as far as a build.
OLD_PAIRINGS = ((OURS, OLD),)
PATIENCE = 120
#: Lines of the logs that come or do not come as a keepalive falls, and the environment, in which `run` leaves its mark.
CHANCE = r"when attempting keepalive|^\t \W?'\w+': '"
#: Steps that an old worker is not asked for; see ``chosen`` in master.cfg.
WIDE = ("letters", "environment")
#: What Buildbot calls the results of builds and steps.
RESULTS = ("success", "warnings", "failure", "skipped", "exception", "retry", "cancelled")


class Wrong(Exception):
    """Something did not come."""


def until(what, look, patience=PATIENCE):
    """Ask until the answer is not false, and return it."""
    end = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > end:
            raise Wrong(f"{what}: not after {patience} s")
        time.sleep(0.1)
    return found


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def digest(path):
    """What there is at a path: the digests of files, by their names below it."""
    if os.path.isfile(path):
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    return {name: digest(os.path.join(path, name)) for name in sorted(os.listdir(path))} if os.path.isdir(path) else None


class Daemon:
    """A master or a worker in a folder of its own, started and ended as an administrator would."""

    def __init__(self, day, kind, program, folder):
        self.day, self.kind, self.program = day, kind, program
        self.folder = os.path.join(day.folder, folder)
        self.log = os.path.join(self.folder, "twistd.log")
        self.process = None

    def guard(self):
        """Have the daemon tell which of the two it was run with."""
        with open(os.path.join(self.folder, "buildbot.tac"), "a") as file:
            file.write("\nfrom twisted.spread import pb\nwith open('guard', 'w') as file:\n    file.write(pb.__name__)\n")

    def start(self):
        """Start it in the foreground of nobody."""
        self.mark()
        command = self.day.command(self.kind, self.program, "start", "--nodaemon", self.folder)
        with open(os.path.join(self.folder, "output"), "a") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.day.environment
            )

    def mark(self):
        """Only what is logged from now on counts for `logged`."""
        self.begin = os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def logged(self, text):
        with contextlib.suppress(FileNotFoundError), open(self.log, encoding="utf-8", errors="replace") as file:
            file.seek(self.begin)
            return text in file.read()
        return False

    def expect(self, text):
        until(f"{text!r} in {self.log}", lambda: self.logged(text) or self.ended())

    def ended(self):
        if self.process.poll() is not None:
            raise Wrong(f"{self.program} ended; see {self.log}")

    def end(self, number):
        """Send it a signal and wait for its end; returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def guarded(self):
        with open(os.path.join(self.folder, "guard")) as file:
            return file.read()


class Day:
    """One pairing's run: what it saw is in ``seen``, by name."""

    def __init__(self, bin, folder, master, worker, python2=None, old=None):
        self.bin, self.folder, self.kinds, self.python2, self.old = bin, folder, (master, worker), python2, old
        os.makedirs(folder)
        self.port = free_port()
        self.seen = {}
        self.environment = {
            **{name: os.environ[name] for name in ("HOME", "PATH", "PYENV_ROOT", "SPREADLITE_PURE") if name in os.environ},
            "LANG": "C.UTF-8",
            "MATRIX_FOLDER": folder,
            "MATRIX_PORT": f"tcp:{self.port}:interface=127.0.0.1",
            "MATRIX_PYTHON": sys.executable,
        }
        self.master = Daemon(self, master, "buildbot", "master")
        self.worker = Daemon(self, worker, "buildslave" if worker == OLD else "buildbot-worker", "worker")
        self.parts = [
            self.builds,
            self.changes,
            self.tries,
            self.interrupts,
            self.restarts,
            self.kills,
            self.shutdowns,
            self.daemons,
        ]
        if worker == OLD:
            self.parts = [self.builds, self.interrupts, self.restarts, self.kills, self.shutdowns]
            self.environment["MATRIX_OLD"] = "yes"

    def command(self, kind, program, *arguments):
        if kind == OLD:
            return ["env", f"PYTHONPATH={self.old}", self.python2, os.path.join(self.old, "bin", program), *arguments]
        if kind == OURS:
            return [os.path.join(self.bin, "python"), "-m", "spreadlite", "run", program, *arguments]
        return [os.path.join(self.bin, program), *arguments]

    def run(self, kind, program, *arguments):
        """Run a command to its end; returns its status and what it printed."""
        ended = subprocess.run(
            self.command(kind, program, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=PATIENCE,
            env=self.environment,
            cwd=self.folder,
        )
        return [ended.returncode, plain(ended.stdout, self)]

    def refused(self, kind, *words):
        """Run a command that prints a traceback and then does not end: that is Buildbot's doing, with either."""
        path = os.path.join(self.folder, "refused")
        with open(path, "w") as output:
            process = subprocess.Popen(
                self.command(kind, *words),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                cwd=self.folder,
            )

        def read():
            with open(path, encoding="utf-8") as file:
                return file.read()

        try:
            until("a refusal", lambda: re.search(r"(?m)^\S*RemoteError.*\n$|UnauthorizedLogin.*\n", read()))
        finally:
            process.kill()
            process.wait()
        return [line for line in plain(read(), self) if not line.startswith(" ")]

    # The day

    def play(self):
        try:
            self.prepare()
            for part in self.parts:
                began = time.monotonic()
                part()
                print(f"  {part.__name__:<10} {time.monotonic() - began:5.1f} s", flush=True)
        finally:
            for daemon in (self.worker, self.master):
                if daemon.process is not None and daemon.process.poll() is None:
                    daemon.process.kill()
                    daemon.process.wait()
        for daemon in (self.master, self.worker):
            with open(daemon.log, encoding="utf-8", errors="replace") as file:
                lines = {line for line in plain(file.read(), self) if not re.search(CHANCE, line)}
            self.seen[f"log of the {os.path.basename(daemon.folder)}"] = sorted(lines)

    def prepare(self):
        with open(os.path.join(self.folder, "master.bin"), "wb") as file:
            file.write(os.urandom(2_000_000))
        repository = os.path.join(self.folder, "repository")
        os.makedirs(repository)
        with open(os.path.join(repository, "greeting"), "w") as file:
            file.write("good day\n")
        for arguments in (["init", "-q", "-b", "master"], ["add", "greeting"], ["commit", "-q", "-m", "a greeting"]):
            identity = ["-c", "user.name=matrix", "-c", "user.email=matrix@localhost"]
            dates = {"GIT_AUTHOR_DATE": "2020-02-02T02:02:02Z", "GIT_COMMITTER_DATE": "2020-02-02T02:02:02Z"}
            subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, env={**os.environ, **dates})
        with open(os.path.join(self.folder, "patch"), "w") as file:
            file.write("--- a/greeting\n+++ b/greeting\n@@ -1 +1 @@\n-good day\n+good night\n")
        self.run(THEIRS, "buildbot", "create-master", "-q", self.master.folder)
        shutil.copy(os.path.join(HERE, "master.cfg"), self.master.folder)
        self.create_worker(self.worker, "w")
        self.master.guard()
        self.master.start()
        self.master.expect("BuildMaster is running")
        self.attach()

    def create_worker(self, worker, name):
        if worker.kind == OLD:
            place = [worker.folder, f"127.0.0.1:{self.port}", name, "secret"]
            self.run(OLD, "buildslave", "create-slave", "-q", "--keepalive=1", "--allow-shutdown=signal", *place)
            return
        options = ["-q", "--keepalive=1", "--allow-shutdown=signal"]
        place = [worker.folder, f"127.0.0.1:{self.port}", name, "secret"]
        self.run(THEIRS, "buildbot-worker", "create-worker", *options, *place)
        worker.guard()

    def attach(self):
        """Start the worker and wait for it."""
        self.master.mark()
        self.worker.start()
        self.worker.expect("Connected to")
        self.master.expect("attaching from")

    def builds(self):
        """All kinds of steps, and files in both directions."""
        self.seen["the right ones served"] = self.guarded()
        self.seen["commands"] = self.build("commands")
        number, self.seen["transfers"] = self.build("transfers", with_number=True)
        made = os.path.join(self.worker.folder, "transfers", "build")
        for received, sent in (
            (f"up-{number}", os.path.join(made, "big")),
            (f"up-{number}.sum", os.path.join(made, "big.sum")),
            (f"empty-{number}", os.path.join(made, "empty")),
            (f"many-{number}", os.path.join(made, "many")),
            (f"gz-{number}", os.path.join(made, "many")),
            (f"bz2-{number}", os.path.join(made, "many")),
            (f"several-{number}/big", os.path.join(made, "big")),
            (f"several-{number}/many", os.path.join(made, "many")),
            (f"down-{number}", os.path.join(self.folder, "master.bin")),
            (f"slowly-{number}", os.path.join(self.folder, "master.bin")),
        ):
            whole = digest(os.path.join(self.folder, received))
            self.seen[f"{re.sub('[0-9]+', 'N', received)} whole"] = whole is not None and whole == digest(sent)
        small = os.path.join(self.folder, f"small-{number}")
        self.seen["a file over its limit"] = os.path.getsize(small) if os.path.exists(small) else None

    def changes(self):
        """``buildbot sendchange``, with the usual credentials, with others and with wrong ones."""
        for kind in (OURS, THEIRS):
            for auth in ("change:changepw", "sender:pa\u00dfword", "sender:wrong"):
                file = "of/file" if "sender" in auth else "file"
                known = self.last_build()
                self.seen[f"sendchange as {auth}", kind] = self.send("quick", auth, file, kind)
                if "wrong" not in auth:
                    self.seen[f"build for {auth}", kind] = self.finished(known)

    def tries(self):
        """``buildbot try``: the builders' names, a patch, a wait for its result, and a wrong password."""
        for kind in (OURS, THEIRS):
            options = ["--connect=pb", f"--master=127.0.0.1:{self.port}", "--username=tom", "--vc=git", "--wait"]
            names = self.run(kind, "buildbot", "try", *options, "--passwd=tomspw", "--get-builder-names")
            self.seen["names of builders", kind] = names
            options += [f"--diff={os.path.join(self.folder, 'patch')}", "--patchlevel=1", "--builder=tried"]
            options += [f"--repository={os.path.join(self.folder, 'repository')}", "--branch=master"]
            known = self.last_build()
            # While one waits, it prints every few seconds what the builder does: what that is then is chance.
            status, printed = self.run(kind, "buildbot", "try", *options, "--passwd=tomspw", "--property=a=b", "--who=tom")
            self.seen["try", kind] = status, [line for line in printed if line and not line.startswith("tried: ")]
            self.seen["build of a try", kind] = self.finished(known)
            self.seen["try with a wrong password", kind] = self.refused(kind, "buildbot", "try", *options, "--passwd=no")

    def interrupts(self):
        """A running command is interrupted, and the build goes no further."""
        number = self.begin("slow")
        self.interrupt(number)
        self.seen["interrupted"] = self.finished(number - 1)

    def restarts(self):
        """The worker comes back to a master that was stopped and started again, and the other way round."""
        self.seen["end of the master"] = self.master.end(signal.SIGTERM)
        self.master.start()
        self.master.expect("attaching from")
        self.seen["after the master's restart"] = self.build("quick")
        self.seen["end of the worker"] = self.worker.end(signal.SIGTERM)
        self.attach()
        self.seen["after the worker's restart"] = self.build("quick")

    def kills(self):
        """Either is killed in the middle of a build: the other notices, and the build is tried again."""
        number = self.begin("slow")
        self.worker.end(signal.SIGKILL)
        self.seen["worker killed"] = self.finished(number - 1)
        self.attach()
        self.interrupt(self.again("slow", number))
        self.finished(number)
        number = self.begin("slow")
        self.worker.mark()
        self.master.end(signal.SIGKILL)
        self.worker.expect("will retry in" if self.worker.kind == OLD else "Scheduling retry")
        self.master.start()
        self.master.expect("attaching from")
        self.interrupt(self.again("slow", number))
        self.finished(number)
        self.seen["after the kills"] = self.build("quick")

    def shutdowns(self):
        """Worker and master asked to end once their builds have: the worker by a signal, the master by another."""
        number = self.begin("slow")
        self.worker.mark()
        self.worker.process.send_signal(signal.SIGHUP)
        self.worker.expect("Initiating shutdown because we got SIGHUP")
        self.interrupt(number)
        self.finished(number - 1)
        self.seen["graceful end of the worker"] = self.worker.process.wait(PATIENCE)
        self.attach()
        number = self.begin("slow")
        self.master.process.send_signal(signal.SIGUSR1)
        self.master.expect("Initiating clean shutdown")
        self.interrupt(number)
        self.seen["clean end of the master"] = self.master.process.wait(PATIENCE)
        self.seen["end of a worker without master"] = self.worker.end(signal.SIGTERM)

    def daemons(self):
        """``start`` without ``--nodaemon``, ``restart`` and ``stop``: processes that fork, and that start others."""
        for daemon in (self.master, self.worker):
            os.remove(os.path.join(daemon.folder, "guard"))
        for word in ("start", "restart", "stop"):
            for daemon in (self.master, self.worker):
                status, printed = self.run(daemon.kind, daemon.program, word, daemon.folder)
                # Both follow the log while the daemon starts; the log is looked at elsewhere.
                self.seen[f"{daemon.program} {word}"] = status, printed[-1:] if word != "stop" else printed
        self.seen["the right ones served as daemons"] = self.guarded()

    # Its parts

    def guarded(self):
        """Whether master and worker were run with what this pairing says."""
        return [daemon.guarded() == f"{daemon.kind}.pb" for daemon in (self.master, self.worker) if daemon.kind != OLD]

    def send(self, branch, auth="change:changepw", file="file", kind=THEIRS):
        options = [f"--master=127.0.0.1:{self.port}", f"--auth={auth}", f"--branch={branch}", "--who=tom <tom@localhost>"]
        return self.run(kind, "buildbot", "sendchange", *options, "--comments=because \u2603", "--property=p:v", file)

    def query(self, text, *arguments):
        path = os.path.join(self.master.folder, "state.sqlite")
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE)) as database:
            return database.execute(text, arguments).fetchall()

    def last_build(self):
        return self.query("select coalesce(max(id), 0) from builds")[0][0]

    def begin(self, branch):
        """Start the slow build, and wait until its command runs."""
        known = self.last_build()
        self.send(branch)
        return self.again(branch, known)

    def again(self, branch, known):
        """Wait until a build later than the known one runs its command; returns its number."""
        text = (
            "select builds.id from builds join steps on steps.buildid = builds.id join logs on logs.stepid = steps.id"
            " join logchunks on logchunks.logid = logs.id"
            " where builds.id > ? and steps.name = ? and cast(content as text) like ?"
        )
        return until("a running build", lambda: self.query(text, known, branch, "%begun%"))[0][0]

    def interrupt(self, number):
        with open(os.path.join(self.folder, "interrupt.new"), "w") as file:
            file.write(str(number))
        os.rename(file.name, os.path.join(self.folder, "interrupt"))

    def build(self, branch, with_number=False):
        known = self.last_build()
        self.send(branch)
        seen = self.finished(known)
        if with_number:
            return self.query("select number from builds where id = ?", known + 1)[0][0], seen
        return seen

    def finished(self, known):
        """Wait for the end of the build after the known one; returns its result, and its steps' with their logs."""
        text = "select id, results, state_string from builds where id > ? and complete_at is not null order by id"
        number, results, state = until("the end of a build", lambda: self.query(text, known))[0]
        seen = {"result": RESULTS[results], "state": state}
        steps = "select id, name, results, state_string from steps where buildid = ? order by number"
        for step, name, results, state in self.query(steps, number):
            logs = self.query("select id, name from logs where stepid = ? order by id", step)
            seen[name] = {
                "result": None if results is None else RESULTS[results],
                "state": state,
                **{log: self.read_log(id) for id, log in logs},
            }
        return seen

    def read_log(self, id):
        chunks = self.query("select content from logchunks where logid = ? order by first_line", id)
        text = "\n".join(content.decode() if isinstance(content, bytes) else content for (content,) in chunks)
        streams = collections.defaultdict(list)
        for line in text.split("\n"):
            streams[line[:1]].append(line[1:])
        # Output and errors are two pipes: their order among each other is chance.
        seen = {}
        for stream, lines in sorted(streams.items()):
            if stream in "eh":
                lines = [line for line in plain("\n".join(lines), self) if not re.match(r"  \S", line)]
            whole = "\n".join(lines)
            seen[stream] = whole if len(whole) < 4000 else hashlib.sha256(whole.encode()).hexdigest()
        return seen


def plain(text, day):
    """The lines of a text without what differs from run to run."""
    lines = []
    text = text.replace(day.folder, "FOLDER").replace(day.bin, "BIN").replace("spreadlite.pb.", "twisted.spread.pb.")
    for line in text.replace("BIN/python3", "BIN/python").splitlines():
        line = re.sub(r"^\S+ \S+ \[[^\]]*\] ", "", line)
        line = re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{40}\b|\d+(\.\d+)?([eE]-\d+)?", "N", line)
        lines.append(line.rstrip())
    return lines


def outcomes(seen):
    """Of what was seen, the results of builds and their steps, and whether files came whole."""
    found = {what: value for what, value in seen.items() if isinstance(value, bool)}
    for what, value in seen.items():
        if isinstance(value, dict):
            found[what] = {name: step["result"] if isinstance(step, dict) else step for name, step in value.items()}
            for name in ("state", *WIDE):
                found[what].pop(name, None)
    return found


def compare(name, seen, oracle):
    """Print where a run differs from the oracle's; returns how often."""
    differences = 0
    for what in oracle:
        left, right = (json.dumps(run[what], indent=1, ensure_ascii=False).split("\n") for run in (oracle, seen))
        lines = list(difflib.unified_diff(left, right, "twisted.spread", name, lineterm="", n=1))
        if lines:
            differences += 1
            print(f"  {what} differs:", *lines, sep="\n    ")
    print(f"  {len(oracle) - differences} of {len(oracle)} things seen are the oracle's", flush=True)
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", help="an environment with Buildbot and spreadlite, to save the making of one")
    parser.add_argument("--python2", metavar="PYTHON", help="a Python 2.7 with pip: then a worker of 2016 takes part")
    parser.add_argument("--keep", action="store_true", help="leave the folders of the runs, and say where")
    given = parser.parse_args()
    folder = os.path.realpath(tempfile.mkdtemp(prefix="matrix-"))
    try:
        home = given.venv
        if home is None:
            home = os.path.join(folder, "venv")
            venv.create(home, with_pip=True)
            pip = [os.path.join(home, "bin", "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *PACKAGES, "-e", ROOT], check=True)
        bin = os.path.join(os.path.abspath(home), "bin")
        pairings, old = PAIRINGS, os.path.join(folder, "old")
        if given.python2 is not None:
            pip = [given.python2, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", old]
            # Elsewhere: a pip of that age looks for packages where it is run, and would find this one.
            subprocess.run([*pip, *OLD_PACKAGES], check=True, cwd=folder)
            # A namespace package is made by a .pth file, which is not read where a package is found by PYTHONPATH.
            open(os.path.join(old, "zope", "__init__.py"), "w").close()
            pairings += OLD_PAIRINGS
        oracle, differences = None, 0
        for number, pairing in enumerate(pairings):
            name = "master {}, worker {}".format(*pairing)
            print(name, flush=True)
            day = Day(bin, os.path.join(folder, str(number)), *pairing, given.python2, old)
            day.play()
            oracle = oracle or day.seen
            if pairing[1] == OLD:
                # It words its logs in its own way.
                both = outcomes(day.seen), outcomes(oracle)
                differences += compare(name, both[0], {what: both[1][what] for what in both[0]})
            else:
                differences += compare(name, day.seen, oracle)
        sys.exit(1 if differences else 0)
    finally:
        if given.keep:
            print(f"the runs are in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
