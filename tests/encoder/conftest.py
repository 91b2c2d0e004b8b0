"""Models to test with, and what transformers itself computes with them.

Random models have every parameter changed from its starting value, so that a bias or a scale that gets
lost shows. The reference feeds one text at a time, so that it knows nothing of padding and batches.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch.encoder import Encoder, conversion
from semsearch.types import Float32, Pooling

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json")
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
POOL: dict[Pooling, Callable[[Float32], Float32]] = {
    Pooling.MEAN: lambda states: states.mean(axis=0),
    Pooling.CLS: lambda states: states[0],
    Pooling.MAX: lambda states: states.max(axis=0),
    Pooling.MEAN_SQRT_LENGTH: lambda states: states.sum(axis=0) / np.sqrt(len(states)),
    Pooling.LAST: lambda states: states[-1],
}


class Reference:
    """What transformers computes, one text at a time, without a line of semsearch."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        self.model = AutoModel.from_pretrained(folder, dtype="float32").eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)

    def tokens(self, text: str, max_length: int | None = None, special: bool = True) -> dict[str, Any]:
        """Ids, offsets and special-token flags; lone surrogates, which it refuses, as U+FFFD."""
        clean = "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
        found: dict[str, Any] = self.tokenizer(
            clean,
            truncation=max_length is not None,
            max_length=max_length,
            padding=False,
            add_special_tokens=special,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        return found

    def states(self, ids: Sequence[int]) -> list[Float32]:
        """Every layer's token vectors, float32[tokens, hidden size], the embeddings first."""
        import torch

        with torch.no_grad():
            found = self.model(input_ids=torch.tensor([list(ids)]), output_hidden_states=True)
        return [state[0].numpy() for state in found.hidden_states]

    def pooled(
        self, texts: Sequence[str], max_length: int, pooling: Pooling = Pooling.MEAN, normalize: bool = True
    ) -> Float32:
        """One vector a text."""
        rows = [self.states(self.tokens(text, max_length)["input_ids"])[-1] for text in texts]
        vectors = np.stack([POOL[pooling](states) for states in rows])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if normalize else vectors

    def table(self) -> Float32:
        """The input embeddings."""
        found: Float32 = self.model.get_input_embeddings().weight.detach().numpy()
        return found


def shaken(model: Any, seed: int = 0) -> Any:
    """The model with noise on all of its parameters."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(
                torch.randn(parameter.shape, generator=generator), alpha=0.03 if parameter.dim() > 1 else 0.1
            )
    return model


def save(model: Any, folder: Path, tokenizer: Path) -> Path:
    """A folder as the Hub has it: safetensors, configuration, tokenizer."""
    model.save_pretrained(folder)
    for name in TOKENIZER_FILES:
        if (tokenizer / name).is_file():
            shutil.copyfile(tokenizer / name, folder / name)
    return folder


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
        if (made / "model.bin").stat().st_size > 200_000_000:
            shutil.rmtree(made)


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
        with redirect_stderr(StringIO()) as messages:
            status = conversion._main(*arguments[2:])
        return subprocess.CompletedProcess(command, status, "", messages.getvalue())

    monkeypatch.setattr(conversion.subprocess, "run", run)
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
