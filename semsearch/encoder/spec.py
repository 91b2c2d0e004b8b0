"""What an encoder is, read from the model's files without loading the model.

``EncoderOptions`` is what the caller asked for; ``EncoderSpec`` is what that means for one model,
with every default filled in. The fingerprint is a hash of the spec and of the files behind it: two
encoders with one fingerprint make vectors of one space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from semsearch.encoder.files import digest, read_json, short_digest
from semsearch.errors import ModelError, UnsupportedModelError
from semsearch.types import Pooling

__all__ = ["EncoderOptions", "EncoderSpec", "read_spec"]

UNLIMITED = 1_000_000
"""transformers writes an absurd ``model_max_length`` where a tokenizer has no limit."""
DOCUMENT_PROMPT_NAMES = ("document", "passage", "corpus")
LEGACY_POOLING = {
    "pooling_mode_mean_tokens": Pooling.MEAN,
    "pooling_mode_cls_token": Pooling.CLS,
    "pooling_mode_max_tokens": Pooling.MAX,
    "pooling_mode_mean_sqrt_len_tokens": Pooling.MEAN_SQRT_LENGTH,
    "pooling_mode_lasttoken": Pooling.LAST,
}
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")
"""Architectures whose position ids start behind the padding id, so that fewer positions are usable."""
DECISIVE = {"tokenizer.json", "vocab.txt", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "config.json"}


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """What can be chosen about an encoder; ``None`` leaves the model's own setting.

    ``layer``: 0 is the input of the first transformer layer, -1 the output of the last; several are
    averaged. ``truncate_dim`` keeps the first dimensions (Matryoshka, arXiv:2205.13147).
    """

    pooling: Pooling | None = None
    layer: int | tuple[int, ...] | None = None
    normalize: bool | None = None
    query_prompt: str | None = None
    document_prompt: str | None = None
    truncate_dim: int | None = None
    max_seq_length: int | None = None
    trust_remote_code: bool = False

    def to_json(self) -> dict[str, Any]:
        """The choices that differ from the defaults, as JSON values."""
        chosen = {key: value for key, value in asdict(self).items() if value not in (None, False)}
        return chosen | ({"normalize": False} if self.normalize is False else {})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> EncoderOptions:
        """The inverse of :meth:`to_json`."""
        values = dict(stored)
        if "pooling" in values:
            values["pooling"] = Pooling(values["pooling"])
        if isinstance(values.get("layer"), list):
            values["layer"] = tuple(values["layer"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An encoder's definition with nothing left open; lengths count tokens, special ones included."""

    folder: Path
    architecture: str
    hidden_size: int
    layers: tuple[int, ...]
    layer_count: int
    pooling: Pooling | None
    normalize: bool
    query_prompt: str
    document_prompt: str
    default_prompt: str
    truncate_dim: int | None
    max_seq_length: int
    pad_id: int
    trust_remote_code: bool
    fingerprint: str


def read_spec(folder: Path, options: EncoderOptions) -> EncoderSpec:
    """Read the model's JSON files, apply the options, and check that they fit the model."""
    modules = _modules(folder)
    transformer = folder / modules[0][1]
    config = _config(transformer, folder)
    extra = read_json(folder / "config_sentence_transformers.json") or {}
    prompts = extra.get("prompts") or {}
    default = prompts.get(extra.get("default_prompt_name"), "")
    layer_count = int(config.get("num_hidden_layers") or config.get("n_layers") or 0)
    values: dict[str, Any] = {
        "architecture": str(config.get("model_type", "unknown")),
        "hidden_size": int(config.get("hidden_size") or config.get("dim") or 0),
        "layers": _layers(options.layer, layer_count),
        "layer_count": layer_count,
        "pooling": options.pooling or _pooling(folder, modules),
        "normalize": _normalize(options, modules),
        "query_prompt": _choose(options.query_prompt, prompts.get("query", "")),
        "document_prompt": _choose(options.document_prompt, _document_prompt(prompts)),
        "default_prompt": default or "",
        "truncate_dim": options.truncate_dim,
        "max_seq_length": _max_seq_length(folder, transformer, config, options.max_seq_length),
        "pad_id": int(config.get("pad_token_id") or 0),
    }
    if options.truncate_dim is not None and options.truncate_dim < 1:
        raise ModelError(f"truncate_dim must be at least 1, not {options.truncate_dim}; leave it out for all")
    identity = values | {"files": _file_digests(folder), "modules": [kind for kind, _ in modules]}
    fingerprint = short_digest(identity)
    return EncoderSpec(
        folder=folder, trust_remote_code=options.trust_remote_code, fingerprint=fingerprint, **values
    )


def _modules(folder: Path) -> list[tuple[str, str]]:
    """(kind, sub-folder) of each sentence-transformers module; a plain Hub model is one Transformer."""
    listed = read_json(folder / "modules.json")
    if listed is None:
        return [("Transformer", "")]
    modules = [(str(entry["type"]).rsplit(".", 1)[-1], str(entry["path"])) for entry in listed]
    if not modules or modules[0][0] != "Transformer":
        first = modules[0][0] if modules else "nothing"
        raise UnsupportedModelError(f"model {folder} starts with {first}, not with a Transformer; choose another")
    return modules


def _config(transformer: Path, folder: Path) -> dict[str, Any]:
    config = read_json(transformer / "config.json")
    if not isinstance(config, dict):
        raise ModelError(f"model {folder} has no readable config.json; download or save it again")
    return config


def _pooling(folder: Path, modules: list[tuple[str, str]]) -> Pooling | None:
    """The model's pooling; mean for a plain model; ``None`` for one that only its own module knows."""
    paths = [path for kind, path in modules if kind == "Pooling"]
    if not paths:
        return Pooling.MEAN
    config = read_json(folder / paths[0] / "config.json") or {}
    mode = config.get("pooling_mode")
    active = [mode] if isinstance(mode, str) else list(mode or [])
    active = active or [name for key, name in LEGACY_POOLING.items() if config.get(key)] or [Pooling.MEAN]
    if config.get("include_prompt") is False:
        raise UnsupportedModelError(f"model {folder} leaves prompts out of its pooling; choose another")
    known = len(active) == 1 and active[0] in list(Pooling) and not config.get("pooling_mode_weightedmean_tokens")
    return Pooling(active[0]) if known else None


def _normalize(options: EncoderOptions, modules: list[tuple[str, str]]) -> bool:
    stored = any(kind == "Normalize" for kind, _ in modules)
    return stored if options.normalize is None else options.normalize


def _choose(option: str | None, stored: str | None) -> str:
    return stored or "" if option is None else option


def _document_prompt(prompts: Mapping[str, str]) -> str:
    return next((prompts[name] for name in DOCUMENT_PROMPT_NAMES if prompts.get(name)), "")


def _layers(chosen: int | tuple[int, ...] | None, count: int) -> tuple[int, ...]:
    """Layers as positive numbers, 0 to ``count``; the last one unless told otherwise."""
    wanted = (-1,) if chosen is None else (chosen,) if isinstance(chosen, int) else chosen
    for layer in wanted:
        if not -count - 1 <= layer <= count:
            raise ModelError(f"layer {layer} does not exist; this model has 0 (its input) to {count}, or -1 to {-count - 1}")
    if not wanted:
        raise ModelError("no layer given; name at least one, -1 being the last")
    return tuple(layer % (count + 1) for layer in wanted)


def _max_seq_length(folder: Path, transformer: Path, config: dict[str, Any], chosen: int | None) -> int:
    positions = int(config.get("max_position_embeddings") or UNLIMITED)
    if config.get("model_type") in POSITIONS_AFTER_PADDING:
        positions -= int(config.get("pad_token_id") or 0) + 1
    stored = (read_json(transformer / "sentence_bert_config.json") or {}).get("max_seq_length")
    tokenizer = (read_json(transformer / "tokenizer_config.json") or {}).get("model_max_length")
    limit = min(value for value in (positions, UNLIMITED) if value)
    if chosen is not None and not 3 <= chosen <= limit:
        raise ModelError(f"max_seq_length {chosen} does not fit model {folder.name}; choose 3 to {limit}")
    own = min(int(value) for value in (stored, tokenizer, limit) if value and value < UNLIMITED + 1)
    return chosen or own


def _file_digests(folder: Path) -> dict[str, str]:
    """Hashes of all that decides the numbers: weights, tokenizer, and each module's configuration."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix == ".safetensors" or path.name in DECISIVE)
    return {path.relative_to(folder).as_posix(): digest(path) for path in paths}
