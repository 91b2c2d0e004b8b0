"""Models to test with, and ways to load them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from semsearch.encoder import Encoder
from semsearch.encoder.runtimes import conversion
from tests.support.transformers_reference import SMALL, Reference, save, shaken


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Of many lengths, in several scripts, and with what tends to go wrong."""
    return [
        "I love mathematics!",
        "",
        "A bee has wings.",
        "🐝 bees and 👩‍👩‍👧 families 🇳🇱",
        "北京是中国的首都。",
        "a NUL\x00byte, a bell\x07, and\ttabs\r\n\r\nand lines",
        "lone \ud800 surrogates \udfff\udc00 in a text",
        "Crème brûlée, naïve ÀÉÎ, ﬁ ligatures, Straße, İstanbul",
        "the [SEP] of a [MASK] and a [CLS]",
        " \n\t ",
        "pneumonoultramicroscopicsilicovolcanoconiosis and donaudampfschifffahrtsgesellschaft",
        "the quick brown fox jumps over the lazy dog while nobody counts " * 4,
        "न मस्ते दुनिया, שלום עולם, مرحبا بالعالم, สวัสดี",
        "x" * 300,
        "word " * 230,
    ]


@pytest.fixture(scope="session")
def packaged_reference(packaged_model: Path) -> Reference:
    """Transformers with the packaged model."""
    return Reference(packaged_model)


@pytest.fixture(scope="session", params=["openvino", "torch"])
def packaged(request: pytest.FixtureRequest, encoder: Encoder) -> Encoder:
    """The packaged model on each runtime, in exact arithmetic."""
    if request.param == "openvino":
        return encoder
    return Encoder.load(runtime="torch", precision="f32")


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory: pytest.TempPathFactory, packaged_model: Path) -> Path:
    """A BERT of two layers with 32 dimensions: a plain Hub folder."""
    from transformers import BertConfig, BertModel

    model = shaken(BertModel(BertConfig(**SMALL)))
    return save(model, tmp_path_factory.mktemp("models") / "small-bert", packaged_model)


@pytest.fixture(scope="session")
def small_reference(small_bert: Path) -> Reference:
    """Transformers with the same model."""
    return Reference(small_bert)


@pytest.fixture(scope="session", params=["bert", "distilbert"])
def full_size(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, packaged_model: Path, cache_folder: Path
) -> Iterator[Path]:
    """Random models as large as the published ones: 12 and 6 layers of 768 dimensions."""
    from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel

    model = BertModel(BertConfig()) if request.param == "bert" else DistilBertModel(DistilBertConfig())
    folder = save(shaken(model), tmp_path_factory.mktemp("models") / request.param, packaged_model)
    before = set((cache_folder / "openvino").glob("*"))
    yield folder
    shutil.rmtree(folder)
    for made in set((cache_folder / "openvino").glob("*/")) - before:
        if made.name.startswith("."):  # another worker's conversion, which is not done
            continue
        with suppress(FileNotFoundError):
            if (made / "model.bin").stat().st_size > 200_000_000:
                shutil.rmtree(made)


@pytest.fixture(scope="session")
def full_size_reference(full_size: Path) -> Reference:
    """Transformers with the same model."""
    return Reference(full_size)


@pytest.fixture(scope="session", params=["openvino", "torch"])
def full_size_encoder(request: pytest.FixtureRequest, full_size: Path) -> Encoder:
    """The same model on each runtime, in exact arithmetic."""
    return Encoder.load(full_size, runtime=request.param, precision="f32")


@pytest.fixture(scope="session")
def byte_level_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE tokenizer with RoBERTa's special tokens, of which padding is number 1."""
    from tokenizers import ByteLevelBPETokenizer
    from tokenizers.processors import RobertaProcessing
    from transformers import PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    corpus = ["similar is close, and close is similar", "the bee and the jet have wings", "naïve café"] * 3
    trained.train_from_iterator(corpus, vocab_size=330, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.post_processor = RobertaProcessing(("</s>", 2), ("<s>", 0))
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer,
        bos_token="<s>",  # noqa: S106 - not a password
        cls_token="<s>",  # noqa: S106
        eos_token="</s>",  # noqa: S106
        sep_token="</s>",  # noqa: S106
        pad_token="<pad>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
        mask_token="<mask>",  # noqa: S106
    )
    folder = tmp_path_factory.mktemp("byte-level")
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", params=["roberta", "mpnet"])
def positions_after_padding(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, byte_level_tokenizer: Path
) -> Path:
    """Small models whose first position has the number after the padding id, and that have 64 positions."""
    from transformers import MPNetConfig, MPNetModel, RobertaConfig, RobertaModel

    common = SMALL | {"vocab_size": 330, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
    common |= {"max_position_embeddings": 66}
    made = RobertaModel(RobertaConfig(**common)) if request.param == "roberta" else MPNetModel(MPNetConfig(**common))
    return save(shaken(made), tmp_path_factory.mktemp("models") / request.param, byte_level_tokenizer)


@pytest.fixture
def convert_here(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Do what the conversion's process does in this one, which saves its start-up; the calls made."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        program, *arguments = command
        assert program == sys.executable
        assert arguments[:2] == ["-m", conversion.__name__]
        calls.append(arguments[2:])
        with redirect_stderr(StringIO()) as messages, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            status = conversion._main(*arguments[2:])
        return subprocess.CompletedProcess(command, status, "", messages.getvalue())

    stand_in = SimpleNamespace(run=run, DEVNULL=subprocess.DEVNULL, PIPE=subprocess.PIPE)
    monkeypatch.setattr(conversion, "subprocess", stand_in)
    return calls


@pytest.fixture(params=["openvino", "torch"])
def load(request: pytest.FixtureRequest, convert_here: list[list[str]]) -> Callable[..., Encoder]:  # noqa: ARG001
    """Load a model on each runtime, in exact arithmetic."""

    def _load(folder: Path, **options: Any) -> Encoder:
        return Encoder.load(folder, runtime=request.param, precision="f32", **options)

    return _load


@pytest.fixture
def edit_json() -> Callable[[Path, dict[str, Any]], None]:
    """Change some values of a JSON file."""

    def _edit(path: Path, values: dict[str, Any]) -> None:
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.write_text(json.dumps(stored | values), encoding="utf-8")

    return _edit


GUARD = """
import os
import socket

def refuse(name):
    def _refuse(*arguments, **named):
        with open(os.environ["SOCKET_RECORD"], "a") as record:
            record.write(f"{name} {arguments} {named}\\n")
        raise OSError("the network is cut off")
    return _refuse

for name in ("connect", "connect_ex"):
    setattr(socket.socket, name, refuse(name))
for name in ("create_connection", "getaddrinfo"):
    setattr(socket, name, refuse(name))
"""


@pytest.fixture
def cut_off(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment whose Python processes have no network, and the file where they record attempts."""
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    record = tmp_path / "attempts"
    record.touch()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    chosen = {"PYTHONPATH": str(tmp_path / "guard"), "SOCKET_RECORD": str(record), "HF_HOME": str(tmp_path / "hub")}
    return kept | chosen, record


@pytest.fixture
def python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run code in a Python process of its own; its standard streams come back."""

    def _python(code: str, *arguments: object, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    return _python
