"""Where a model is looked up, and what is said when it is not there."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import pytest

from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import DamagedModelError, ModelNotFoundError, UnsupportedModelError
from semsearch.encoder.locate import locate

Python = Callable[..., subprocess.CompletedProcess[str]]
LOCATE = """
import sys
from semsearch.encoder.locate import locate
from semsearch.common.errors import SemsearchError
try:
    print(locate(sys.argv[1]))
except SemsearchError as error:
    print(f"{type(error).__name__}: {error}")
"""


def put_into_hub_cache(model: Path, cache: Path, name: str) -> Path:
    """Lay a model out as the Hub's own client keeps it; the folder of its only revision."""
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40, encoding="ascii")
    return copytree(model, repository / "snapshots" / ("0" * 40))


def test_the_default_model_comes_packaged(packaged_model: Path) -> None:
    """Its short name and its Hub id both lead to the packaged folder."""
    assert locate(DEFAULT_MODEL) == locate(f"sentence-transformers/{DEFAULT_MODEL}") == packaged_model


def test_a_folder_goes_first(small_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of that name is taken before the packaged model."""
    copytree(small_bert, tmp_path / DEFAULT_MODEL)
    monkeypatch.chdir(tmp_path)
    assert locate(DEFAULT_MODEL) == tmp_path / DEFAULT_MODEL


def test_home_is_understood(small_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path may begin with the user's home."""
    monkeypatch.setenv("HOME", str(small_bert.parent))
    monkeypatch.setenv("USERPROFILE", str(small_bert.parent))
    monkeypatch.chdir(tmp_path)
    assert locate(f"~/{small_bert.name}") == small_bert.resolve()


@pytest.mark.parametrize("missing", ["/no/such/model", "./no-such-model", "~/no-such-model", "a/b/c", "", "  "])
def test_a_missing_folder_is_not_looked_up_elsewhere(missing: str) -> None:
    """What can only be a path is not asked of the Hub."""
    with pytest.raises(ModelNotFoundError, match=f"no model folder {missing!r}"):
        locate(missing)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    """A folder without a model in it is named, with what would make it one."""
    with pytest.raises(ModelNotFoundError, match=r"holds no model: neither config\.json nor modules\.json"):
        locate(str(tmp_path))


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """A folder with only pytorch_model.bin is an error that says how to save it anew."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80")
    with pytest.raises(UnsupportedModelError, match=r"no \.safetensors weights .* save it again"):
        locate(str(tmp_path))


@pytest.mark.parametrize("damage", ["flip a bit", "remove"])
def test_damaged_packaged_weights(
    packaged_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Packaged weights that differ from the official ones by one bit, or are gone, are noticed."""
    weights = copytree(packaged_model, tmp_path / "package" / "model") / "model.safetensors"
    if damage == "remove":
        weights.unlink()
    else:
        with weights.open("r+b") as file:
            file.seek(50_000_000)
            byte = file.read(1)[0]
            file.seek(-1, 1)
            file.write(bytes([byte ^ 8]))
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path / "package")])
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    with pytest.raises(DamagedModelError, match=r"53aa51172d142c89….*reinstall"):
        locate(DEFAULT_MODEL)


@pytest.mark.parametrize("variable", ["HF_HOME", "HF_HUB_CACHE"])
@pytest.mark.parametrize(
    ("repository", "name"),
    [("someone/some-model", "someone/some-model"), ("sentence-transformers/some-model", "some-model")],
)
def test_the_local_hub_cache(
    small_bert: Path,
    tmp_path: Path,
    python: Python,
    cut_off: tuple[dict[str, str], Path],
    variable: str,
    repository: str,
    name: str,
) -> None:
    """A model that the Hub's client has downloaded is found under its id or short name, without the network."""
    environment, attempts = cut_off
    cache = tmp_path / "elsewhere"
    snapshot = put_into_hub_cache(small_bert, cache / "hub" if variable == "HF_HOME" else cache, repository)
    found = python(LOCATE, name, env=environment | {variable: str(cache)})
    assert found.stdout.strip() == str(snapshot), found.stderr
    assert attempts.read_text() == ""


def test_the_packaged_model_goes_before_the_hub_cache(
    packaged_model: Path, small_bert: Path, tmp_path: Path, python: Python, cut_off: tuple[dict[str, str], Path]
) -> None:
    """The default model is the packaged one, whatever the Hub's cache holds under its name."""
    put_into_hub_cache(small_bert, tmp_path / "hub" / "hub", f"sentence-transformers/{DEFAULT_MODEL}")
    found = python(LOCATE, DEFAULT_MODEL, env=cut_off[0])
    assert found.stdout.strip() == str(packaged_model), found.stderr


@pytest.mark.parametrize("offline", [{"HF_HUB_OFFLINE": "1"}, {}], ids=["said to be offline", "no network"])
def test_an_unknown_model(python: Python, cut_off: tuple[dict[str, str], Path], offline: dict[str, str]) -> None:
    """A name that is nowhere is an error of one line with the places searched and the nearest name."""
    found = python(LOCATE, "all-MiniLM-L6-v3", env=cut_off[0] | offline).stdout
    assert found.startswith("ModelNotFoundError: no model 'all-MiniLM-L6-v3'")
    for part in (
        "not a folder",
        "not packaged",
        "not in the local Hub cache",
        "the Hub did not",
        "'all-MiniLM-L6-v2'?",
    ):
        assert part in found
    assert found.count("\n") == 1


def test_an_impossible_name(python: Python, cut_off: tuple[dict[str, str], Path]) -> None:
    """A name that the Hub could not have is refused without asking it."""
    environment, attempts = cut_off
    found = python(LOCATE, "what is this?", env=environment).stdout
    assert found.startswith("ModelNotFoundError: 'what is this?' is neither a folder nor a model name")
    assert attempts.read_text() == ""
