"""Pooled vectors, compared with transformers and with sentence-transformers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest

from semsearch.common.arrays import Float32
from semsearch.common.documents import Pooling
from semsearch.encoder import Encoder
from semsearch.encoder.encoder import CHUNK
from semsearch.encoder.runtimes import openvino as openvino_runtime
from tests.support.transformers_reference import POOL, Reference

TOLERANCE = 1e-4
Load = Callable[..., Encoder]
Saved = Callable[..., Path]


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory, small_bert: Path) -> Saved:
    """Save the small model with modules behind it, as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    def _saved(*modules: Any, **settings: Any) -> Path:
        folder = tmp_path_factory.mktemp("saved")
        model = SentenceTransformer(modules=[Transformer(str(small_bert)), *modules], device="cpu", **settings)
        model.save(str(folder), create_model_card=False)
        return folder

    return _saved


@pytest.fixture(scope="session")
def dense() -> Any:
    """A Dense module with a bias and an activation."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense

    torch.manual_seed(3)
    return Dense(32, 24)


def by_sentence_transformers(folder: Path, texts: list[str], **chosen: Any) -> Float32:
    """The vectors of the field's own library."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
    found: Float32 = model.encode(clean, **chosen)
    return found


def clean(texts: list[str]) -> list[str]:
    """The texts without lone surrogates, which sentence-transformers refuses."""
    return [text for text in texts if not any("\ud800" <= character <= "\udfff" for character in text)]


def test_the_packaged_model_equals_transformers(
    packaged: Encoder, packaged_reference: Reference, texts: list[str]
) -> None:
    """Vectors of the packaged model are the normalised means of transformers' token vectors."""
    found = packaged.encode_counted(texts).vectors
    np.testing.assert_allclose(found, packaged_reference.pooled(texts, 256), atol=TOLERANCE)


def test_the_packaged_model_equals_sentence_transformers(
    packaged: Encoder, packaged_model: Path, texts: list[str]
) -> None:
    """Vectors of the packaged model are those of the library it was made with."""
    texts = clean(texts)
    found = packaged.encode_counted(texts).vectors
    np.testing.assert_allclose(found, by_sentence_transformers(packaged_model, texts), atol=TOLERANCE)


def test_vectors_are_as_promised(packaged: Encoder) -> None:
    """float32, C-contiguous, one row a text, of length 1, and near for texts that mean the same."""
    found = packaged.encode(["a bee has wings", "insects that fly", "tax returns"])
    assert found.dtype == np.float32
    assert found.flags["C_CONTIGUOUS"]
    assert found.shape == (3, packaged.dimension) == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found[0] @ found[1] > 0.4 > found[0] @ found[2] + 0.2


def test_positions_after_padding(positions_after_padding: Path, load: Load, texts: list[str]) -> None:
    """Models whose positions start behind the padding id use all 64 that they have, and get their own padding id."""
    encoder = load(positions_after_padding)
    assert encoder.max_seq_length == 64
    assert encoder.spec.pad_id == 1
    assert encoder.encode_counted(texts).truncated >= 3
    expected = Reference(positions_after_padding).pooled(texts, 64, normalize=False)
    np.testing.assert_allclose(encoder.encode_counted(texts).vectors, expected, atol=TOLERANCE)


def test_batch_composition_changes_nothing(packaged: Encoder, texts: list[str]) -> None:
    """A text has one vector, alone, among longer ones, among copies of itself, whatever the order."""
    alone = np.concatenate([packaged.encode_counted([text]).vectors for text in texts])
    mixed = [text for text in texts for _ in range(3)]
    order = np.random.default_rng(0).permutation(len(mixed))
    found = packaged.encode_counted([mixed[number] for number in order]).vectors
    np.testing.assert_allclose(found, np.repeat(alone, 3, axis=0)[order], atol=1e-5)


def test_an_empty_text_is_its_special_tokens(packaged: Encoder, packaged_reference: Reference) -> None:
    """The vector of an empty text is what the model makes of the special tokens alone."""
    vector = packaged_reference.states([101, 102])[-1].mean(axis=0)
    np.testing.assert_allclose(packaged.encode([""])[0], vector / np.linalg.norm(vector), atol=TOLERANCE)


def test_no_token_at_all_is_zeros(small_bert: Path, load: Load, tmp_path: Path, edit_json: Callable[..., None]) -> None:
    """Where a tokenizer adds no special tokens, an empty text has none to pool, and changes nothing for others."""
    folder = copytree(small_bert, tmp_path / "model")
    edit_json(folder / "tokenizer.json", {"post_processor": None})
    encoder = load(folder)
    assert encoder.special_count == 0
    found = encoder.encode(["", "a bee", " "])
    assert not found[[0, 2]].any()
    np.testing.assert_allclose(found[1], encoder.encode_tokens(["a bee"])[0].vectors.mean(axis=0), atol=TOLERANCE)
    assert not encoder.encode([""]).any()


def test_no_texts(packaged: Encoder) -> None:
    """No texts give a matrix with no rows, of the right width."""
    assert packaged.encode([]).shape == (0, 384)
    assert packaged.encode_tokens([]) == []


def test_a_long_text_is_its_beginning(packaged: Encoder) -> None:
    """Of 10,000 words the model reads the first 254, which have the same vector by themselves."""
    long = packaged.encode_counted(["word " * 10_000])
    assert long.tokens_cut == 10_000 - 254
    np.testing.assert_allclose(long.vectors, packaged.encode(["word " * 254]), atol=1e-6)


def test_more_texts_than_one_chunk(small_bert: Path, convert_here: object) -> None:  # noqa: ARG001
    """Texts beyond the first chunk keep their places and their counts; progress adds up to all of them."""
    encoder = Encoder.load(small_bert, runtime="openvino", precision="f32", max_seq_length=8)
    texts = ["a bee", "a jet flies", "word " * 9] * (CHUNK // 3 + 3)
    done: list[int] = []
    found = encoder.encode_counted(texts, progress=done.append)
    np.testing.assert_allclose(found.vectors, np.tile(found.vectors[:3], (CHUNK // 3 + 3, 1)), atol=1e-5)
    assert found.cut.tolist() == [0, 0, 3] * (CHUNK // 3 + 3)
    assert sum(done) == len(texts) > CHUNK


def test_threads_share_an_encoder(packaged: Encoder, texts: list[str]) -> None:
    """Eight threads that encode different texts through one encoder get what each would get alone."""
    shares = [[f"{text} {number}" for text in texts[:8]] for number in range(8)]
    expected = [packaged.encode_counted(share).vectors for share in shares]
    tokens = [packaged.encode_tokens(share[:3]) for share in shares]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda share: packaged.encode_counted(share).vectors, shares))
        found_tokens = list(pool.map(lambda share: packaged.encode_tokens(share[:3]), shares))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for ours, theirs in zip(found_tokens, tokens, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.tokens == other.tokens
            np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)


def test_an_encoder_survives_an_interruption(encoder: Encoder) -> None:
    """An error in the middle of encoding, such as Ctrl-C, leaves the encoder as good as before."""
    texts = [f"bee number {number}" for number in range(2000)]

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encoder.encode(texts, progress=interrupt)
    np.testing.assert_allclose(encoder.encode(texts)[5], encoder.encode(texts[5:6])[0], atol=1e-5)


@pytest.mark.parametrize("pooling", Pooling)
def test_each_pooling(
    small_bert: Path, small_reference: Reference, load: Load, texts: list[str], pooling: Pooling
) -> None:
    """Each pooling that is chosen does to transformers' token vectors what its name says."""
    found = load(small_bert, pooling=pooling).encode_counted(texts).vectors
    expected = small_reference.pooled(texts, 512, pooling, normalize=False)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=1e-5)


@pytest.mark.parametrize("mode", [*POOL, "weightedmean", ("mean", "max")], ids=str)
def test_each_stored_pooling(saved: Saved, load: Load, texts: list[str], mode: Any) -> None:
    """Each pooling that sentence-transformers stores with a model is taken over, even two at once."""
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    texts = clean(texts)
    stored = tuple(map(str, mode)) if isinstance(mode, tuple) else str(mode)
    folder = saved(PoolingModule(32, pooling_mode=stored))
    found = load(folder).encode_counted(texts).vectors
    np.testing.assert_allclose(found, by_sentence_transformers(folder, texts), atol=TOLERANCE, rtol=1e-5)


def test_modules_after_pooling(saved: Saved, dense: Any, load: Load, texts: list[str]) -> None:
    """Dense and LayerNorm behind the pooling are computed, with their activation, before normalisation."""
    from sentence_transformers.sentence_transformer.modules import LayerNorm, Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    texts = clean(texts)
    folder = saved(PoolingModule(32), LayerNorm(32), dense, Normalize())
    encoder = load(folder)
    assert encoder.dimension == 24
    expected = by_sentence_transformers(folder, texts)
    np.testing.assert_allclose(encoder.encode_counted(texts).vectors, expected, atol=TOLERANCE)


def test_modules_before_pooling(saved: Saved, load: Load, texts: list[str]) -> None:
    """A module that changes token vectors stays in front of the pooling."""
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    texts = clean(texts)
    torch.manual_seed(4)
    dense = Dense(32, 20, module_input_name="token_embeddings")
    folder = saved(dense, PoolingModule(20, pooling_mode="max"))
    expected = by_sentence_transformers(folder, texts)
    np.testing.assert_allclose(load(folder).encode_counted(texts).vectors, expected, atol=TOLERANCE)


def test_normalisation_in_the_middle_is_not_the_last_step(
    saved: Saved, dense: Any, load: Load, texts: list[str]
) -> None:
    """A Normalize module with another behind it is done where it is, and the vectors have their own lengths."""
    from sentence_transformers.sentence_transformer.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    texts = clean(texts)
    folder = saved(PoolingModule(32), Normalize(), dense)
    expected = by_sentence_transformers(folder, texts)
    np.testing.assert_allclose(load(folder).encode_counted(texts).vectors, expected, atol=TOLERANCE)


@pytest.mark.parametrize("normalize", [True, False])
def test_normalisation_can_be_chosen(
    saved: Saved, load: Load, small_reference: Reference, texts: list[str], normalize: bool
) -> None:
    """Normalisation is done or left out as asked, whatever the model says."""
    from sentence_transformers.sentence_transformer.modules import Normalize
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    expected = small_reference.pooled(texts, 512, normalize=normalize)
    stored_otherwise = saved(PoolingModule(32), *([] if normalize else [Normalize()]))
    found = load(stored_otherwise, normalize=normalize).encode_counted(texts).vectors
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


@pytest.mark.parametrize("normalize", [True, False])
def test_dimensions_are_truncated_before_normalisation(
    saved: Saved, dense: Any, load: Load, texts: list[str], normalize: bool
) -> None:
    """The first dimensions are kept, and it is those that get length 1."""
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    texts = clean(texts)
    folder = saved(PoolingModule(32), dense)
    encoder = load(folder, truncate_dim=7, normalize=normalize)
    assert encoder.dimension == 7
    expected = by_sentence_transformers(folder, texts, truncate_dim=7, normalize_embeddings=normalize)
    np.testing.assert_allclose(encoder.encode_counted(texts).vectors, expected, atol=TOLERANCE)


@pytest.mark.parametrize("layer", [0, 1, -1, (1, 2), (-3, 2, 2)])
def test_layers_can_be_chosen(
    small_bert: Path, small_reference: Reference, load: Load, texts: list[str], layer: int | tuple[int, ...]
) -> None:
    """Pooling works on the layer that is chosen, or on the mean of several."""
    wanted = (layer,) if isinstance(layer, int) else layer
    rows = [small_reference.states(small_reference.tokens(text, 512)["input_ids"]) for text in texts]
    expected = [np.mean([states[number] for number in wanted], axis=0).mean(axis=0) for states in rows]
    np.testing.assert_allclose(load(small_bert, layer=layer).encode_counted(texts).vectors, expected, atol=TOLERANCE)


def test_max_seq_length_can_be_chosen(
    small_bert: Path, small_reference: Reference, load: Load, texts: list[str]
) -> None:
    """A shorter maximum reads the beginning of each text and its special tokens."""
    found = load(small_bert, max_seq_length=9).encode_counted(texts)
    expected = small_reference.pooled(texts, 9, normalize=False)
    np.testing.assert_allclose(found.vectors, expected, atol=TOLERANCE)
    assert found.truncated > 5


@pytest.fixture(scope="session")
def prompted(saved: Saved) -> Path:
    """A model with prompts for queries and documents, and one that goes before every other text."""
    from sentence_transformers.sentence_transformer.modules import Pooling as PoolingModule

    prompts = {"query": "query: ", "document": "passage: ", "other": "text: "}
    return saved(PoolingModule(32), prompts=prompts, default_prompt_name="other")


@pytest.mark.parametrize(("role", "name"), [("query", "query"), ("document", "document"), (None, "other")])
def test_stored_prompts(prompted: Path, load: Load, texts: list[str], role: str | None, name: str) -> None:
    """The prompt of a text's role is put before it, as sentence-transformers does."""
    texts = clean(texts)
    expected = by_sentence_transformers(prompted, texts, prompt_name=name)
    found = load(prompted).encode_counted(texts, role=role).vectors
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_prompts_can_be_chosen(prompted: Path, load: Load) -> None:
    """A prompt that is given replaces the stored one, and an empty one takes it away."""
    encoder = load(prompted, query_prompt="find ", document_prompt="")
    found = encoder.encode(["a bee"], role="query"), encoder.encode(["a bee"], role="document")
    expected = by_sentence_transformers(prompted, ["find a bee", "a bee"], prompt="")
    np.testing.assert_allclose(np.concatenate(found), expected, atol=TOLERANCE)


def docstrings(count: int) -> list[str]:
    """First lines of documentation in the standard library: real English sentences."""
    found: list[str] = []
    for name in (
        "argparse",
        "datetime",
        "email.message",
        "json",
        "pathlib",
        "random",
        "socket",
        "threading",
        "zipfile",
    ):
        for _, value in inspect.getmembers(import_module(name)):
            lines = (
                [value.__doc__, *(getattr(member, "__doc__", None) for member in vars(value).values())]
                if (inspect.isclass(value))
                else [getattr(value, "__doc__", None)]
            )
            found += [
                line.strip() for doc in lines if isinstance(doc, str) for line in doc.splitlines()[:3] if line.strip()
            ]
    return sorted(set(found), key=lambda line: (len(line) % 17, line))[:count]


def test_bf16_is_close_to_fp32(packaged_model: Path) -> None:
    """Where the processor computes in bf16, no vector of a real sentence has a cosine below 0.9999 with torch's."""
    encoder = Encoder.load(runtime="openvino", precision="auto")
    if encoder.precision != "bf16":
        pytest.skip("this processor has no BF16 arithmetic")
    sentences = docstrings(300)
    assert len(sentences) == 300
    found = encoder.encode(sentences)
    cosines = (found * by_sentence_transformers(packaged_model, sentences)).sum(axis=1) / np.linalg.norm(found, axis=1)
    assert cosines.min() >= 0.9999


@pytest.mark.usefixtures("cache_folder")
def test_encoders_of_one_model_share_a_compiled_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """A further encoder of the same model and settings is ready without reading or compiling anything."""
    expected = Encoder.load(runtime="openvino", precision="f32").encode(["similar is close"])
    monkeypatch.delattr(openvino_runtime, "_read_blob")
    monkeypatch.delattr(openvino_runtime, "_compile_graph")
    again = Encoder.load(runtime="openvino", precision="f32").encode(["similar is close"])
    np.testing.assert_array_equal(again, expected)
