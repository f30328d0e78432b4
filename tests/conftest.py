"""For pytest: the files that tests make (trial's ``mktemp``) go to a folder of their own, not to the working directory."""

import gc

import pytest


@pytest.fixture(autouse=True, scope="module")
def _frozen():
    """What the modules of all tests hold is none of the collector's business: many tests ask it, a second each time."""
    # There are tests that do the same, and undo it.
    if hasattr(gc, "freeze") and not gc.get_freeze_count():
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield
