"""How the command talks to the processes that it measures: a line of JSON each way, on their standard input and output.

Nothing of this goes over the connection that is measured, and a process is silent while it is.
"""

from __future__ import annotations

import cProfile
import gc
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Broken(Exception):
    """A process failed, or gave a wrong answer."""


class Process:
    """A process of ours, as the command sees it.

    Args:
        module: the module that it runs.
        arguments: for that module.
        environment: what its environment has beside ours.

    Attributes:
        hello: the first thing that it said.
    """

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.name = " ".join((module, *arguments))
        path = os.pathsep.join(filter(None, [ROOT, os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0", **(environment or {})},
        )
        try:
            self.hello = self._heard()
        except BaseException:
            self.stop()
            raise

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Have it do something, and wait for what it says."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise Broken(f"{self.name} has ended") from error
        return self._heard()

    def _heard(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Broken(f"{self.name} has ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Broken(f"{self.name}: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End it; it ends by itself when nobody speaks to it any more."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def prepare() -> None:
    """What every measured process does first: many connections need many files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Meter:
    """What every measured process can be asked, beside its own business."""

    def __init__(self) -> None:
        self._profile: cProfile.Profile | None = None

    def do(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer, or None if that is no business of ours."""
        match request["do"]:
            case "begin":
                gc.collect()
                if request.get("profile"):
                    self._profile = cProfile.Profile(time.process_time)
                    self._profile.enable()
                return {"cpu": time.process_time()}
            case "end":
                spent = time.process_time()
                profile, self._profile = self._profile, None
                if profile is not None:
                    profile.disable()
                    profile.dump_stats(request["profile"])
                return {"cpu": spent}
            case "memory":
                gc.collect()
                return {"resident": resident()}
        return None


def resident() -> int | None:
    """Bytes of memory that this process has in RAM now; None where the system does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None


def blocking(hello: Mapping[str, Any], do: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Serve the command until it has no more to ask, in a process that may block."""
    meter = Meter()
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = meter.do(request)
            if answer is None:
                answer = do(request)
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


async def answered(meter: Meter, line: str | bytes, do: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]) -> bytes:
    """The answer to one line, in a process that must not block."""
    try:
        request = json.loads(line)
        answer = meter.do(request)
        if answer is None:
            answer = await do(request)
    except Exception:
        answer = {"error": traceback.format_exc()}
    return json.dumps(answer).encode("utf-8") + b"\n"
