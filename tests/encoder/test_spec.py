"""Options, what they mean for a model, and the fingerprint of the space that they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsearch.common.documents import Pooling
from semsearch.common.errors import DamagedModelError, ModelError, UnsupportedModelError
from semsearch.encoder import EncoderOptions
from semsearch.encoder.spec import read_spec

EditJson = Callable[[Path, dict[str, Any]], None]
OPTIONS = st.builds(
    EncoderOptions,
    pooling=st.none() | st.sampled_from(Pooling),
    layer=st.none() | st.integers(-7, 6) | st.lists(st.integers(-7, 6), min_size=1).map(tuple),
    normalize=st.none() | st.booleans(),
    query_prompt=st.none() | st.text(max_size=5),
    document_prompt=st.none() | st.text(max_size=5),
    truncate_dim=st.none() | st.integers(1, 384),
    max_seq_length=st.none() | st.integers(3, 512),
    trust_remote_code=st.booleans(),
)


def fingerprint(folder: Path, **chosen: Any) -> str:
    """The fingerprint of a model with options."""
    return read_spec(folder, EncoderOptions(**chosen)).fingerprint


@given(OPTIONS)
def test_options_survive_json(options: EncoderOptions) -> None:
    """Options come back from JSON as they were: layer 0, no normalisation and empty prompts among them."""
    import json

    assert EncoderOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


def test_options_accept_plain_values() -> None:
    """The name of a pooling and a list of layers become what the types say."""
    options = EncoderOptions(pooling="cls", layer=[1, 2])  # type: ignore[arg-type]
    assert options.pooling is Pooling.CLS
    assert options.layer == (1, 2)


def test_an_unknown_pooling_is_refused() -> None:
    """The error names the value and the choices."""
    with pytest.raises(ModelError, match=r"'median'.*mean, cls, max, mean_sqrt_len_tokens, lasttoken"):
        EncoderOptions(pooling="median")  # type: ignore[arg-type]


def test_the_packaged_model(packaged_model: Path) -> None:
    """The default model's own settings are read from its files."""
    spec = read_spec(packaged_model, EncoderOptions())
    assert (spec.architecture, spec.hidden_size, spec.layer_count, spec.layers) == ("bert", 384, 6, (6,))
    assert (spec.pooling, spec.normalize, spec.max_seq_length, spec.pad_id) == (Pooling.MEAN, True, 256, 0)
    assert (spec.query_prompt, spec.document_prompt, spec.default_prompt) == ("", "", "")


def test_a_plain_model(small_bert: Path) -> None:
    """A Hub folder without modules is pooled by the mean, not normalised, and read up to its positions."""
    spec = read_spec(small_bert, EncoderOptions())
    assert (spec.pooling, spec.normalize, spec.max_seq_length) == (Pooling.MEAN, False, 512)


def test_names_of_t5(small_bert: Path, tmp_path: Path) -> None:
    """Architectures with other names for depth and width are understood."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "t5", "num_layers": 2, "d_model": 32}', encoding="utf-8")
    spec = read_spec(folder, EncoderOptions())
    assert (spec.layer_count, spec.hidden_size, spec.max_seq_length) == (2, 32, 512)


def test_own_settings_given_explicitly_change_nothing(packaged_model: Path) -> None:
    """Saying what is so anyway leaves the space as it is."""
    own = fingerprint(packaged_model)
    assert len(own) == 32
    assert fingerprint(packaged_model, pooling=Pooling.MEAN) == own
    assert fingerprint(packaged_model, layer=-1) == fingerprint(packaged_model, layer=(6,)) == own
    assert fingerprint(packaged_model, normalize=True, query_prompt="", max_seq_length=256) == own
    assert fingerprint(packaged_model, trust_remote_code=True) == own


def test_each_choice_makes_a_space_of_its_own(packaged_model: Path) -> None:
    """Pooling, layer, normalisation, prompts, dimensions and length each give another fingerprint."""
    choices: list[dict[str, Any]] = [
        {},
        {"pooling": Pooling.CLS},
        {"layer": 0},
        {"layer": (5, 6)},
        {"normalize": False},
        {"query_prompt": "query: "},
        {"document_prompt": "query: "},
        {"truncate_dim": 128},
        {"max_seq_length": 128},
    ]
    assert len({fingerprint(packaged_model, **chosen) for chosen in choices}) == len(choices)


def test_the_place_of_the_folder_does_not_matter(small_bert: Path, tmp_path: Path) -> None:
    """A copy of a model, under another name and with other dates, has the same fingerprint."""
    copied = copytree(small_bert, tmp_path / "copied")
    os.utime(copied / "model.safetensors", (1, 1))
    assert fingerprint(copied) == fingerprint(small_bert)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_changed_file_changes_the_space(small_bert: Path, tmp_path: Path, name: str) -> None:
    """One other byte in weights, tokenizer or configuration gives another fingerprint, whatever its date says."""
    copied = copytree(small_bert, tmp_path / "copied")
    before, status = fingerprint(copied), (copied / name).stat()
    content = bytearray((copied / name).read_bytes())
    content[-2:] = b" }" if name.endswith(".json") else bytes(byte ^ 1 for byte in content[-2:])
    (copied / name).write_bytes(content)
    os.utime(copied / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert fingerprint(copied) != before


def test_files_that_decide_nothing_do_not_matter(small_bert: Path, tmp_path: Path) -> None:
    """A model card, or a vocabulary file beside the tokenizer that is made of it, changes nothing."""
    copied = copytree(small_bert, tmp_path / "copied")
    (copied / "README.md").write_text("about bees", encoding="utf-8")
    (copied / "vocab.txt").unlink()
    assert fingerprint(copied) == fingerprint(small_bert)


@pytest.mark.parametrize(
    ("stored", "tokenizer", "expected"), [(100, 50, 100), (None, 50, 50), (None, 10**30, 512), (9999, 50, 512)]
)
def test_the_module_decides_on_the_length(
    small_bert: Path, tmp_path: Path, edit_json: EditJson, stored: int | None, tokenizer: int, expected: int
) -> None:
    """The Transformer module's length goes before the tokenizer's, and neither beyond the positions there are."""
    folder = copytree(small_bert, tmp_path / "model")
    edit_json(folder / "sentence_bert_config.json", {"max_seq_length": stored})
    edit_json(folder / "tokenizer_config.json", {"model_max_length": tokenizer})
    assert read_spec(folder, EncoderOptions()).max_seq_length == expected


def test_a_transformer_in_a_folder_of_its_own(small_bert: Path, tmp_path: Path, edit_json: EditJson) -> None:
    """Older models keep transformer, tokenizer and their settings in the first module's folder."""
    (tmp_path / "model").mkdir()
    inner = copytree(small_bert, tmp_path / "model" / "0_BERT")
    (tmp_path / "model" / "modules.json").write_text(
        '[{"path": "0_BERT", "type": "sentence_transformers.models.Transformer"}]', encoding="utf-8"
    )
    edit_json(inner / "sentence_bert_config.json", {"max_seq_length": 99, "do_lower_case": True})
    spec = read_spec(tmp_path / "model", EncoderOptions())
    assert (spec.transformer, spec.max_seq_length, spec.lower_case) == (inner, 99, True)


@pytest.mark.parametrize("layer", [3, -4, (1, 9), ()])
def test_layers_that_are_not_there(small_bert: Path, layer: Any) -> None:
    """A layer out of range is an error that says which there are; no layer at all is one, too."""
    with pytest.raises(ModelError, match=r"0 \(its input\) to 2, or -1 to -3|at least one"):
        read_spec(small_bert, EncoderOptions(layer=layer))


@pytest.mark.parametrize("chosen", [{"truncate_dim": 0}, {"truncate_dim": -3}, {"max_seq_length": 513}])
def test_numbers_that_do_not_fit(small_bert: Path, chosen: dict[str, int]) -> None:
    """A number that cannot be meant is an error that repeats it."""
    with pytest.raises(ModelError, match=f" {next(iter(chosen.values()))}"):
        read_spec(small_bert, EncoderOptions(**chosen))


@pytest.mark.parametrize("name", ["config.json", "modules.json", "tokenizer_config.json"])
def test_a_damaged_json_file_is_named(small_bert: Path, tmp_path: Path, name: str) -> None:
    """A file that is cut off half-way is an error of ours that names it."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / name).write_text('{"hidden_size": ', encoding="utf-8")
    with pytest.raises(DamagedModelError, match=f"{name} is not JSON"):
        read_spec(folder, EncoderOptions())


def test_a_model_without_configuration(small_bert: Path, tmp_path: Path) -> None:
    """Without config.json there is nothing to go by, which is said."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no readable config\.json"):
        read_spec(folder, EncoderOptions())


def test_a_configuration_of_something_else(small_bert: Path, tmp_path: Path) -> None:
    """A configuration without depth or width is of a kind that cannot be run."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "config.json").write_text('{"model_type": "vision"}', encoding="utf-8")
    with pytest.raises(UnsupportedModelError, match="num_hidden_layers"):
        read_spec(folder, EncoderOptions())


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (["StaticEmbedding"], "starts with StaticEmbedding"),
        (["Transformer", "WeightedLayerPooling"], "a module Weighted"),
    ],
)
def test_modules_that_cannot_be_run(small_bert: Path, tmp_path: Path, kinds: list[str], message: str) -> None:
    """A module that is not understood is named before anything is loaded."""
    folder = copytree(small_bert, tmp_path / "model")
    entries = ", ".join(f'{{"path": "", "type": "sentence_transformers.models.{kind}"}}' for kind in kinds)
    (folder / "modules.json").write_text(f"[{entries}]", encoding="utf-8")
    with pytest.raises(UnsupportedModelError, match=message):
        read_spec(folder, EncoderOptions())


def test_a_module_with_pickled_weights(small_bert: Path, tmp_path: Path) -> None:
    """Weights of a later module must be safetensors, as those of the transformer."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "1_Dense").mkdir()
    (folder / "1_Dense" / "pytorch_model.bin").write_bytes(b"")
    (folder / "modules.json").write_text(
        '[{"path": "", "type": "models.Transformer"}, {"path": "1_Dense", "type": "models.Dense"}]', encoding="utf-8"
    )
    with pytest.raises(UnsupportedModelError, match=r"module Dense .* no \.safetensors"):
        read_spec(folder, EncoderOptions())


def test_a_pooling_that_leaves_prompts_out(small_bert: Path, tmp_path: Path, edit_json: EditJson) -> None:
    """A model that does not pool its prompt's tokens is refused rather than pooled wrongly."""
    folder = copytree(small_bert, tmp_path / "model")
    (folder / "1_Pooling").mkdir()
    edit_json(folder / "1_Pooling" / "config.json", {"pooling_mode": "mean", "include_prompt": False})
    (folder / "modules.json").write_text(
        '[{"path": "", "type": "models.Transformer"}, {"path": "1_Pooling", "type": "models.Pooling"}]',
        encoding="utf-8",
    )
    with pytest.raises(UnsupportedModelError, match="leaves prompts out"):
        read_spec(folder, EncoderOptions())
