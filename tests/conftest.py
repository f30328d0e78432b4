"""For pytest: the files that tests make (trial's ``mktemp``) go to a folder of their own, not to the working directory."""

import pytest


@pytest.fixture(autouse=True, scope="session")
def _elsewhere(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        yield
