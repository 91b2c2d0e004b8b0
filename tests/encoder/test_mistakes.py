"""What callers get wrong, and what they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsearch.common.errors import InputError, ModelError, UnsupportedModelError
from semsearch.encoder import Encoder, EncoderOptions


@pytest.mark.parametrize("method", ["encode", "encode_counted", "encode_tokens", "tokenize", "content_offsets"])
def test_one_string_in_place_of_a_list(encoder: Encoder, method: str) -> None:
    """A bare string is refused, rather than taken for a list of its letters."""
    with pytest.raises(InputError, match=r"texts is one string, 'a bee'; put it in a list: \[text\]"):
        getattr(encoder, method)("a bee")


@pytest.mark.parametrize("wrong", [None, 3, b"bytes", ["nested"], float("nan")])
@pytest.mark.parametrize("method", ["encode", "encode_tokens", "tokenize"])
def test_what_is_not_a_text(encoder: Encoder, method: str, wrong: Any) -> None:
    """The error says which of the texts it is, and of what type."""
    with pytest.raises(InputError, match=f"number 1 of the texts is of type {type(wrong).__name__}"):
        getattr(encoder, method)(["fine", wrong])


def test_other_sequences_of_strings(encoder: Encoder) -> None:
    """Tuples and NumPy arrays of strings are texts as lists are."""
    expected = encoder.encode(["a bee", "a jet"])
    np.testing.assert_array_equal(encoder.encode(("a bee", "a jet")), expected)
    np.testing.assert_array_equal(encoder.encode(np.array(["a bee", "a jet"])), expected)  # type: ignore[arg-type]


def test_an_unknown_role(encoder: Encoder) -> None:
    """The error names the choices."""
    with pytest.raises(ModelError, match="unknown role 'passage'; choose one of query, document"):
        encoder.encode(["a bee"], role="passage")


@pytest.mark.parametrize("layer", [7, -8, (1, 7), ()])
def test_an_unknown_layer(encoder: Encoder, layer: Any) -> None:
    """The error names the layers there are."""
    with pytest.raises(ModelError, match=r"0 \(the input\) to 6, or -1 to -7"):
        encoder.encode_tokens(["a bee"], layer)


def test_an_unknown_runtime() -> None:
    """The error names the choices."""
    with pytest.raises(UnsupportedModelError, match="unknown runtime 'onnx'; choose one of auto, openvino, torch"):
        Encoder.load(runtime="onnx")


def test_an_unknown_precision() -> None:
    """The error names the choices."""
    with pytest.raises(ModelError, match="unknown precision 'int4'; choose one of auto, f32, bf16"):
        Encoder.load(precision="int4")


@pytest.mark.parametrize("runtime", ["auto", "torch"])
def test_an_unknown_device(runtime: str) -> None:
    """A device that is not there is named."""
    with pytest.raises(UnsupportedModelError, match="device 'abacus' is not on this machine"):
        Encoder.load(runtime=runtime, device="abacus")


def test_openvino_is_for_the_cpu() -> None:
    """The openvino runtime says so where another device is asked for."""
    with pytest.raises(UnsupportedModelError, match="on the CPU, not on 'cuda'"):
        Encoder.load(runtime="openvino", device="cuda")


@pytest.mark.usefixtures("convert_here")
def test_more_dimensions_than_there_are(small_bert: Path) -> None:
    """Truncation to more dimensions than the model has is refused with both numbers."""
    with pytest.raises(ModelError, match="truncate_dim 33 is more than the 32 dimensions"):
        Encoder.load(small_bert, runtime="openvino", truncate_dim=33)


@pytest.mark.usefixtures("convert_here")
def test_options_and_single_choices_go_together(small_bert: Path) -> None:
    """A choice given by name replaces that field of the options and leaves the others."""
    stored = EncoderOptions(truncate_dim=8, normalize=True)
    encoder = Encoder.load(small_bert, runtime="openvino", options=stored, normalize=False)
    assert encoder.options == EncoderOptions(truncate_dim=8, normalize=False)
    assert encoder.dimension == 8


def test_an_unknown_option() -> None:
    """A misspelt option is Python's own error, with its name."""
    with pytest.raises(TypeError, match="normalise"):
        Encoder.load(normalise=False)
