"""The cache: whatever happens to a file in it, the vectors are those that it had, and nobody sees an error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from semsearch import Vocabulary
from semsearch.encoder import Encoder, cache
from semsearch.encoder.cache import digest, publish_sealed, read_sealed
from semsearch.encoder.runtimes import openvino as openvino_runtime
from tests.support.transformers_reference import SMALL, save, shaken

TEXTS = [
    "similar is close",
    "a bee has 12 wings",
    "",
    *[f"text {number} of many, so that batches are many" for number in range(40)],
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder for one test, in which digests of files made just now are kept, too."""
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "SETTLED_NS", 0)
    return tmp_path / "cache"


@pytest.fixture
def models(tmp_path: Path, packaged_model: Path) -> list[Path]:
    """Two models that differ in their weights and in the order of their words, without ``tokenizer.json``."""
    from transformers import BertConfig, BertModel

    folders = []
    for number in range(2):
        model = shaken(BertModel(BertConfig(**SMALL)))
        if number:
            model = model.apply(lambda module: [weight.data.neg_() for weight in module.parameters(recurse=False)])
        folder = save(model, tmp_path / f"model-{number}", packaged_model)
        (folder / "tokenizer.json").unlink()
        words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        words[3000 : 3000 + number * 20000] = reversed(words[3000 : 3000 + number * 20000])
        (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
        folders.append(folder)
    return folders


def use(folder: str | Path, space: str = "layer:0") -> list[bytes]:
    """Everything that a new process gets out of the cache for a model."""
    openvino_runtime._load_graph.cache_clear()
    encoder = Encoder.load(folder, runtime="openvino", precision="f32")
    together, alone = encoder.encode(TEXTS), encoder.encode(TEXTS[:1])
    tokens = encoder.encode_tokens(TEXTS[:2], layer=0)[1].vectors
    return [array.tobytes() for array in (together, alone, tokens, Vocabulary(encoder, space).vectors)]


def files(folder: Path) -> list[Path]:
    """All files but locks, which are empty."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def flip_a_bit(content: bytes) -> bytes:
    """One bit in the middle is another one."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def change_a_digit(content: bytes) -> bytes:
    """The last digit of the file is another one."""
    *_, place = re.finditer(rb"\d", content)
    return content[: place.start()] + b"%d" % ((int(place[0]) + 1) % 10) + content[place.end() :]


def cut_off(content: bytes) -> bytes:
    """Half of it."""
    return content[: len(content) // 2]


@pytest.fixture
def used(models: list[Path], convert_here: object, own_cache: Path) -> tuple[Path, list[bytes]]:  # noqa: ARG001
    """A model without ``tokenizer.json`` whose cache is warm, and what it gives."""
    expected = use(models[0])
    assert use(models[0]) == expected
    made = {path.relative_to(own_cache).parts[0] for path in files(own_cache)}
    assert made == {"digests", "openvino", "spaces", "tokenizers"}
    return models[0], expected


@pytest.mark.parametrize(
    "damage",
    [change_a_digit, pytest.param(flip_a_bit, marks=pytest.mark.long), pytest.param(cut_off, marks=pytest.mark.long)],
)
def test_every_damaged_file_is_made_again(
    used: tuple[Path, list[bytes]],
    own_cache: Path,
    damage: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Of each file in turn: its damage is told, the vectors stay the same to the bit, and the file is sound again."""
    model, expected = used
    cache.tell_damage.cache_clear()
    for path in files(own_cache):
        if not path.exists():  # the conversion was made again since, with other blobs
            continue
        damaged = damage(path.read_bytes())
        path.write_bytes(damaged)
        caplog.clear()
        assert use(model) == expected, path
        assert path.read_bytes() != damaged
        assert any(str(path) in message for message in caplog.messages), path


@pytest.mark.long
def test_files_under_each_others_names_are_not_used(
    models: list[Path],
    own_cache: Path,
    convert_here: object,  # noqa: ARG001
) -> None:
    """Each kind of file of two models is swapped in turn; both models give what they gave before."""
    before, others, seen = [], [], set[Path]()
    for model in models:
        made = use(model)
        before.append(made)
        others.append([path for path in files(own_cache) if path not in seen])
        seen |= set(others[-1])
    assert all(left != right for left, right in zip(*before, strict=True))
    template = own_cache.with_name("template")
    copytree(own_cache, template)
    for left in others[0]:
        for right in (path for path in others[1] if _kind(path, own_cache) == _kind(left, own_cache)):
            kept = left.read_bytes()
            left.write_bytes(right.read_bytes())
            right.write_bytes(kept)
    assert [use(model) for model in models] == before
    rmtree(own_cache)
    copytree(template, own_cache)
    one, two = (path for path in (own_cache / "openvino").iterdir() if path.is_dir())
    one.rename(own_cache / "aside")
    two.rename(one)
    (own_cache / "aside").rename(two)
    assert [use(model) for model in models] == before


def _kind(path: Path, own_cache: Path) -> tuple[str, str]:
    folder = path.relative_to(own_cache).parts[0]
    return folder, path.name if folder == "openvino" else path.suffix


@pytest.mark.parametrize("name", ["digests", "openvino", "spaces", "tokenizers"])
def test_what_is_no_file_counts_as_missing(used: tuple[Path, list[bytes]], own_cache: Path, name: str) -> None:
    """A folder in a file's place, and a file in a folder's, hinder nobody."""
    model, expected = used
    for path in files(own_cache / name)[:1]:
        path.unlink()
        path.mkdir()
        assert use(model) == expected
    if name == "openvino":
        (folder,) = (path for path in (own_cache / name).iterdir() if path.is_dir())
        rmtree(folder)
        folder.write_text("no folder", encoding="utf-8")
        assert use(model) == expected


@pytest.mark.long
@pytest.mark.parametrize("damage", [flip_a_bit, change_a_digit])
def test_every_damaged_file_of_the_packaged_model(own_cache: Path, damage: Callable[[bytes], bytes]) -> None:
    """The model that comes packaged gives the same vectors, too."""
    expected = use("all-MiniLM-L6-v2", "static")
    for path in files(own_cache):
        path.write_bytes(damage(path.read_bytes()))
        assert use("all-MiniLM-L6-v2", "static") == expected, path


def test_a_tokenizer_that_cannot_be_kept_is_used(
    models: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that cannot be written costs time, not the model."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("SEMSEARCH_CACHE", str(tmp_path / "file" / "cache"))
    encoder = Encoder.load(models[0], runtime="torch")
    assert encoder.tokenize(["similar"], special=False)[0].tokens == ("similar",)


def test_weights_that_were_exchanged_are_hashed_again(tmp_path: Path) -> None:
    """Another content of the same size with the same mtime, written in place or renamed into it, has its own digest."""
    path = tmp_path / "weights"
    seen = set()
    for number in range(4):
        other = tmp_path / "other"
        other.write_bytes(b"%d" % number * 1000)
        if number % 2:
            other.rename(path)
        else:
            path.write_bytes(other.read_bytes())
        os.utime(path, ns=(10**18, 10**18))
        seen.add(digest(path))
        assert digest(path) in seen
    assert len(seen) == 4


def test_a_file_that_has_just_been_written_is_not_believed(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a second write could leave the same times, a digest is not kept."""
    monkeypatch.setattr(cache, "SETTLED_NS", 10**10)
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    digest(path)
    assert not (own_cache / "digests").exists()


def test_a_seal_holds_for_one_name_and_one_owner(tmp_path: Path) -> None:
    """The content comes back under the same name for the same owner alone."""
    publish_sealed(tmp_path / "a", b"content", "me")
    assert read_sealed(tmp_path / "a", "me") == b"content"
    assert read_sealed(tmp_path / "a", "you") is None
    (tmp_path / "a").rename(tmp_path / "b")
    assert read_sealed(tmp_path / "b", "me") is None
    assert read_sealed(tmp_path / "a", "me") is None
