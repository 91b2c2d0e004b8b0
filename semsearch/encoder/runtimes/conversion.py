"""From the PyTorch pipeline to an OpenVINO graph, once per model and machine.

The conversion needs torch, transformers and some seconds, so it happens in a process of its own that
takes its memory with it, and its result is kept in the cache folder under the encoder's fingerprint.
Two processes that need it at the same moment take turns; the second finds the work done.

Run as ``python -m semsearch.encoder.runtimes.conversion KIND FOLDER OPTIONS TARGET`` by :func:`convert_once`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsearch.common.environment import cache_folder, temporary_cache_folder
from semsearch.common.errors import ModelError, SemsearchError, StorageError, UnsupportedModelError
from semsearch.common.unicode import one_line
from semsearch.encoder.cache import (
    digest,
    hash_file,
    locked,
    publish_folder,
    publish_sealed,
    read_sealed,
    short_digest,
    tell_damage,
)
from semsearch.encoder.runtimes.openvino_core import import_openvino, openvino_core
from semsearch.encoder.runtimes.runtime import ModelKind
from semsearch.encoder.spec import EncoderOptions, EncoderSpec, read_spec

if TYPE_CHECKING:
    import openvino

    from semsearch.encoder.runtimes.pairs import PairPipeline
    from semsearch.encoder.runtimes.pipeline import Pipeline

__all__ = ["ConvertedModel", "convert_once"]

logger = logging.getLogger(__name__)

PIPELINE_VERSION = 1
"""Part of the cache's key: raise it when ``pipeline.py`` computes something else than before."""
LARGEST_DIFFERENCE = 1e-3
"""Of any hidden number between torch and the converted graph; 5e-6 is usual, a wrong graph is far off."""
RECORD = "record.json"
STATIC_COPY = "static.safetensors"
FREE_BYTES = 1 << 20
"""Where a disk has less left, it is the reason why the child could not write."""
CANNOT_CONVERT = 3
"""Exit status of the child when this model will not convert however often it is tried."""


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A converted model's folder, its checksum, its vector length, and where its input embedding table is."""

    folder: Path
    digest: str
    dimension: int
    static_file: Path
    static_key: str

    @property
    def graph(self) -> Path:
        """The graph's operations."""
        return self.folder / "model.xml"

    @property
    def weights(self) -> Path:
        """The graph's constants."""
        return self.folder / "model.bin"


def convert_once(spec: EncoderSpec, options: EncoderOptions, kind: ModelKind = ModelKind.VECTORS) -> ConvertedModel:
    """The converted model, from the cache or made now; raises ``UnsupportedModelError`` if it cannot be.

    Where the cache cannot be written to, a temporary folder does.
    """
    try:
        return _convert_in(cache_folder() / "openvino" / _name(spec, kind), spec, options, kind)
    except StorageError as error:
        folder = temporary_cache_folder()
        logger.warning("%s; until then the converted model is kept in %s", error, folder)
        return _convert_in(folder / "openvino" / _name(spec, kind), spec, options, kind)


def _convert_in(folder: Path, spec: EncoderSpec, options: EncoderOptions, kind: ModelKind) -> ConvertedModel:
    model = _read_converted(folder, spec, kind)
    if model is None:
        with locked(folder):
            model = _read_converted(folder, spec, kind)
            if model is None:
                logger.info("preparing the model for this machine: done once, takes some seconds")
                _convert_in_child(spec, options, folder, kind)
                model = _read_converted(folder, spec, kind)
    if model is None:
        raise ModelError(f"the converted model in {folder} cannot be read back; delete that folder and try again")
    return model


def _name(spec: EncoderSpec, kind: ModelKind) -> str:
    """The name of the folder of a converted model, which its record is sealed with."""
    version = import_openvino().__version__.split("-")[0]
    name = f"{spec.fingerprint}-{version}-{PIPELINE_VERSION}"
    return name if kind is ModelKind.VECTORS else f"{name}-{kind}"


def _read_converted(folder: Path, spec: EncoderSpec, kind: ModelKind) -> ConvertedModel | None:
    """What a folder holds, or ``None`` if it is not there or its bytes are not the ones that were written."""
    content = read_sealed(folder / RECORD, _name(spec, kind))
    if content is None:
        return None
    record = json.loads(content)
    if "failed" in record:
        raise UnsupportedModelError(f"model {spec.folder} does not convert to OpenVINO: {record['failed']}")
    for name, expected in record["digests"].items():
        if not _has_digest(folder / name, expected):
            tell_damage(folder / name)
            return None
    static = spec.folder / record["static_file"] if record["static_file"] else folder / STATIC_COPY
    return ConvertedModel(folder, short_digest(record), record["dimension"], static, record["static_key"])


def _has_digest(path: Path, expected: str) -> bool:
    try:
        return digest(path) == expected
    except OSError:
        return False


def _convert_in_child(spec: EncoderSpec, options: EncoderOptions, folder: Path, kind: ModelKind) -> None:
    with publish_folder(folder) as scratch:
        arguments = [kind.value, str(spec.folder), json.dumps(options.to_json()), str(scratch)]
        child = subprocess.run(  # noqa: S603 - this program itself
            [sys.executable, "-m", "semsearch.encoder.runtimes.conversion", *arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(part or "." for part in sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if child.returncode not in (0, CANNOT_CONVERT):
            if shutil.disk_usage(scratch).free < FREE_BYTES:
                raise StorageError(
                    f"the disk of the cache folder {folder.parent} is full; "
                    "free some space or set SEMSEARCH_CACHE to another folder"
                )
            reason = (child.stderr.strip() or f"status {child.returncode}").splitlines()[-1]
            raise ModelError(f"the model {spec.folder} could not be prepared: {reason}")


def _main(kind: str, folder: str, options: str, target: str) -> int:
    """The child: convert, and write ``model.xml``, ``model.bin`` and ``record.json`` into ``target``."""
    try:
        spec = read_spec(Path(folder), EncoderOptions.from_json(json.loads(options)))
        try:
            record, status = _convert(spec, ModelKind(kind), Path(target)), 0
        except UnsupportedModelError as error:
            record, status = {"failed": str(error)}, CANNOT_CONVERT
        publish_sealed(Path(target) / RECORD, json.dumps(record, indent=1).encode(), _name(spec, ModelKind(kind)))
    except SemsearchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return status


def _convert(spec: EncoderSpec, kind: ModelKind, target: Path) -> dict[str, Any]:
    """Write the converted model, and give its record."""
    openvino = import_openvino()
    pipeline = _load_pipeline(spec, kind)
    try:
        model = _trace(pipeline)
        dimension = _check(pipeline, model)
    except (UnsupportedModelError, MemoryError):  # the second says nothing about the model
        raise
    except Exception as error:  # torch.jit and the front end raise whatever an operation makes them raise
        raise UnsupportedModelError(one_line(error)[:300]) from error
    openvino.save_model(model, target / "model.xml", compress_to_fp16=False)
    static_file, static_key = _static_table(pipeline, spec, target) if kind is ModelKind.VECTORS else ("", "")
    return {
        "dimension": dimension,
        "static_file": static_file,
        "static_key": static_key,
        "digests": {path.name: hash_file(path) for path in sorted(target.iterdir())},
    }


def _load_pipeline(spec: EncoderSpec, kind: ModelKind) -> Pipeline | PairPipeline:
    if kind is ModelKind.VECTORS:
        from semsearch.encoder.runtimes.pipeline import load_pipeline

        return load_pipeline(spec)
    from semsearch.encoder.runtimes.pairs import load_pair_pipeline

    return load_pair_pipeline(spec)


def _example(pipeline: Pipeline | PairPipeline, texts: int, tokens: int) -> dict[str, Any]:
    """Ids and mask with padding in them; a different shape from call to call, so that none is baked in."""
    import torch

    generator = torch.Generator().manual_seed(tokens)
    vocabulary = pipeline.transformer.get_input_embeddings().weight.shape[0]
    ids = torch.randint(vocabulary // 2, vocabulary, (texts, tokens), generator=generator)
    mask = torch.ones_like(ids)
    mask[-1, tokens // 2 :] = 0
    example = {"input_ids": ids, "attention_mask": mask}
    if pipeline.has_segments:
        example["token_type_ids"] = (torch.arange(tokens) >= tokens // 3).long().expand_as(ids) * mask
    return example


def _trace(pipeline: Pipeline | PairPipeline) -> openvino.Model:
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    with torch.no_grad():
        decoder = TorchScriptPythonDecoder(pipeline, example_input=_example(pipeline, 2, 9))
    front_end = FrontEndManager().load_by_framework("pytorch")
    model = front_end.convert(front_end.load(decoder))
    for number, output in enumerate(model.outputs):
        output.get_tensor().set_names({"pooled" if number == 0 else f"hidden-{number - 1}"})
    return model


def _check(pipeline: Pipeline | PairPipeline, model: openvino.Model) -> int:
    """Compare every output with torch on an input of another shape; give the vector length back."""
    import torch

    example = _example(pipeline, 3, 17)
    compiled = openvino_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    outputs = compiled([values.numpy() for values in example.values()])
    with torch.no_grad():
        expected = pipeline(**example)
    real = example["attention_mask"].numpy().astype(bool)
    for number, tensor in enumerate(expected):
        ours, theirs = outputs[number], tensor.numpy()
        if number:  # hidden states of padding are never used, and need not agree
            ours, theirs = ours[real], theirs[real]
        difference = float(abs(ours - theirs).max())
        if not difference <= LARGEST_DIFFERENCE:  # NaN too
            raise UnsupportedModelError(f"the converted graph differs from torch by {difference:.2g}")
    return int(expected[0].shape[1])


def _static_table(pipeline: Pipeline | PairPipeline, spec: EncoderSpec, target: Path) -> tuple[str, str]:
    """File and key of the input embedding table in the model's folder; ``""`` for the file if it is copied.

    It is copied if NumPy cannot read it, which has no bfloat16, or if it is stored under another name.
    """
    import safetensors.torch

    table = pipeline.transformer.get_input_embeddings().weight
    name = next(name for name, parameter in pipeline.transformer.named_parameters() if parameter is table)
    for path in sorted(spec.folder.rglob("*.safetensors")):
        with safetensors.safe_open(path, framework="np") as file:
            for key in file.keys():  # noqa: SIM118 - not a dict
                if f".{key}".endswith(f".{name}") and file.get_slice(key).get_dtype() != "BF16":
                    return path.relative_to(spec.folder).as_posix(), key
    safetensors.torch.save_file({name: table.detach().contiguous()}, target / STATIC_COPY)
    return "", name


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
