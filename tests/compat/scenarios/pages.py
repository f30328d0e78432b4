"""Pages of strings and files, publishing, and the helpers that stand in for remote objects."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from tests.compat.scenario import repaired, scenario
from tests.compat.show import shown


def library(side: Any) -> Any:
    """A root that pages what it is asked for."""

    class Library(side.pb.Root):  # type: ignore[misc]
        """Pages."""

        def remote_string(self, collector: Any, size: int, chunk: int) -> None:
            """A string in chunks."""
            side.util.StringPager(collector, bytes(range(256)) * (size // 256) + b"x" * (size % 256), chunk)

        def remote_text(self, collector: Any) -> None:
            """Text in chunks."""
            side.util.StringPager(collector, "größer als eine Seite", 4)

        def remote_noted(self, collector: Any) -> None:
            """A string, with a callback at the end."""
            side.util.StringPager(collector, b"0123456789", 4, side.note, "done", 1)

        def remote_file(self, collector: Any, size: int) -> None:
            """A file in chunks."""
            side.util.FilePager(collector, io.BytesIO(b"f" * size))

        def remote_two(self, one: Any, other: Any) -> None:
            """Two at once."""
            side.util.StringPager(one, b"a" * 10, 4)
            side.util.StringPager(other, b"b" * 10, 3)

        def remote_own(self, collector: Any) -> None:
            """A pager of one's own."""

            class Countdown(side.util.Pager):  # type: ignore[misc]
                """Counts down."""

                count = 3

                def nextPage(self) -> int:
                    """One less."""
                    self.count -= 1
                    if not self.count:
                        self.stopPaging()
                    return self.count

            Countdown(collector)

        def remote_fail(self, collector: Any) -> None:
            """No pages."""
            raise side.pb.Error("no pages")

        def remote_ok(self) -> str:
            """Still there."""
            return "ok"

    return Library()


def _pages(name: str, *args: Any) -> None:
    async def client(side: Any, root: Any) -> Any:
        pages = await side.result(side.util.getAllPages(root, *args))
        return [[type(page).__name__ for page in pages], [len(page) for page in pages], shown(pages[:1] + pages[-1:])]

    scenario(library, f"pages of {name}")(client)


_pages("a string", "string", 1000, 300)
_pages("an exact multiple", "string", 900, 300)
_pages("one page", "string", 10, 300)
_pages("nothing", "string", 0, 300)
_pages("one byte each", "string", 20, 1)
_pages("text", "text")
_pages("a file", "file", 1000)
_pages("a long file", "file", 200000)


@scenario(library)
async def pages_of_an_empty_file(side: Any, root: Any) -> Any:
    """An empty file has no pages."""
    return shown(await side.result(side.util.getAllPages(root, "file", 0)))


@scenario(library)
async def pages_with_a_callback(side: Any, root: Any) -> Any:
    """The pager's owner is told when all is sent."""
    return [shown(await side.result(side.util.getAllPages(root, "noted"))), (await side.server())["notes"]]


@scenario(library)
async def pages_of_two_pagers(side: Any, root: Any) -> Any:
    """Two pagers share a connection."""
    found: list[Any] = []
    one, other = side.util.CallbackPageCollector(found.append), side.util.CallbackPageCollector(found.append)
    await root.callRemote("two", one, other)
    await side.settle()
    return shown(sorted(found))


@scenario(library)
async def pages_of_a_pager_of_ones_own(side: Any, root: Any) -> Any:
    """`Pager` may be subclassed."""
    return shown(await side.result(side.util.getAllPages(root, "own")))


@scenario(library, bytes=False)
async def pages_beside_calls(side: Any, root: Any) -> Any:
    """Calls go on while pages arrive."""
    waiting = side.util.getAllPages(root, "string", 100000, 1000)
    answers = [await root.callRemote("ok") for _ in range(3)]
    return [answers, len(await side.result(waiting))]


@repaired(library, by="client", theirs="hangs", ours="failed")
async def pages_of_a_method_that_fails(side: Any, root: Any) -> Any:
    """`getAllPages` fails with the method."""
    return (await side.result(side.util.getAllPages(root, "fail")))[0]


@repaired(library, by="client", theirs="hangs", ours="failed")
async def pages_of_a_method_that_is_not_there(side: Any, root: Any) -> Any:
    """`getAllPages` fails if there is no such method."""
    return (await side.result(side.util.getAllPages(root, "absent")))[0]


def publisher(side: Any) -> Any:
    """A root that publishes."""

    class Paper(side.publish.Publishable):  # type: ignore[misc]
        """Published."""

        def getTypeToCopy(self) -> bytes:
            """What it is called."""
            return b"compat.Paper"

        def getStateToPublish(self) -> Any:
            """What there is to read."""
            side.note("read")
            return {"text": "extra, extra", "pages": [1, 2]}

    paper = Paper("paper-1")
    paper.timestamp = 1000.5

    def news(self: Any) -> None:
        paper.timestamp += 1

    return side.subclass(side.pb.Root, "Publisher", remote_paper=lambda self: paper, remote_news=news)()


def _reader(side: Any, folder: Path) -> None:
    class Read(side.publish.RemotePublished):  # type: ignore[misc]
        """Keeps what it read in *folder*."""

        def getFileName(self, ext: str = "pub") -> str:
            """Where."""
            return str(folder / Path(super().getFileName(ext)).name)

        def activated(self) -> None:
            """All is here."""
            side.note("activated")

    side.pb.setUnjellyableForClass("compat.Paper", Read)
    # What is kept names its class, which has to be found again.
    globals()["Read"] = Read
    Read.__module__, Read.__qualname__ = __name__, "Read"


@scenario(publisher, bytes=False)
async def published(side: Any, root: Any) -> Any:
    """What is published arrives whole, and is kept in a file."""
    with tempfile.TemporaryDirectory() as folder:
        _reader(side, Path(folder))
        paper = await side.result(side.publish.whenReady(root.callRemote("paper")))
        await side.settle()
        files = sorted(path.name for path in Path(folder).iterdir())
    return [paper.text, shown(paper.pages), paper.publishedID, paper.timestamp, files, bool(paper._wasCleanWhenLoaded)]


@scenario(publisher, bytes=False)
async def published_before(side: Any, root: Any) -> Any:
    """A second session reads the file; when there is news, the server is asked again."""
    results = []
    with tempfile.TemporaryDirectory() as folder:
        _reader(side, Path(folder))
        await side.result(side.publish.whenReady(root.callRemote("paper")))
        for news in (False, True):
            root = await side.root()
            if news:
                await root.callRemote("news")
            paper = await side.result(side.publish.whenReady(root.callRemote("paper")))
            results.append([paper.text, bool(paper._wasCleanWhenLoaded), bool(paper.isActivated)])
            await side.settle()
    return [results, (await side.server())["notes"], side.notes]


@scenario(publisher, bytes=False)
async def published_and_asked_twice(side: Any, root: Any) -> Any:
    """`callWhenActivated` calls at once what comes late."""
    heard: list[Any] = []
    with tempfile.TemporaryDirectory() as folder:
        _reader(side, Path(folder))
        paper = await side.result(side.publish.whenReady(root.callRemote("paper")))
        paper.callWhenActivated(lambda it: heard.append(it is paper))
        await side.settle()
    return heard


@scenario(library)
async def local_as_remote(side: Any, root: Any) -> Any:
    """A local object may answer as a remote one would."""

    class Local(side.util.LocalAsRemote):  # type: ignore[misc]
        """Here, as if it were there."""

        reportAllTracebacks = 0

        def sync_now(self, value: Any) -> Any:
            """At once."""
            return ["now", value]

        def async_soon(self, value: Any) -> Any:
            """By a Deferred."""
            return ["soon", value]

        def async_fail(self) -> None:
            """Not at all."""
            raise side.pb.Error("local")

    local = Local()
    return [
        local.callRemote("now", 1),
        await side.outcome(local.callRemote("soon", 2)),
        await side.outcome(local.remoteMethod("soon")(3)),
        await side.outcome(local.callRemote("fail")),
        (await side.outcome(local.callRemote("absent")))[:3],
    ]
