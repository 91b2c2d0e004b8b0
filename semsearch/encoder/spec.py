"""What an encoder is, read from the model's files without loading the model.

``EncoderOptions`` is what the caller asked for; ``EncoderSpec`` is what that means for one model,
with every default filled in. The fingerprint is a hash of the spec and of the files behind it: two
encoders with one fingerprint make vectors of one space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from semsearch.common.documents import Pooling
from semsearch.common.errors import DamagedModelError, ModelError, UnsupportedModelError
from semsearch.encoder.cache import digest, read_json, short_digest

__all__ = ["EncoderOptions", "EncoderSpec", "module_kinds", "read_spec"]

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
UNDERSTOOD = {"Transformer", "Pooling", "Dense", "LayerNorm", "Dropout", "Normalize"}
"""Modules of sentence-transformers that can be run; others want more than token vectors and a mask."""
VOCABULARIES = {
    "tokenizer_config.json",
    "added_tokens.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "tokenizer.model",
}
"""What a tokenizer is made from where there is no ``tokenizer.json``."""


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

    def __post_init__(self) -> None:
        """Accept what JSON and a command line give: the name of a pooling, a list of layers."""
        if self.pooling is not None and self.pooling not in list(Pooling):
            raise ModelError(f"unknown pooling {self.pooling!r}; choose one of {', '.join(Pooling)}")
        object.__setattr__(self, "pooling", self.pooling and Pooling(self.pooling))
        if self.layer is not None and not isinstance(self.layer, int):
            object.__setattr__(self, "layer", tuple(self.layer))

    def to_json(self) -> dict[str, Any]:
        """The choices that differ from the defaults, as JSON values."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) != field.default}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> EncoderOptions:
        """The inverse of :meth:`to_json`."""
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """An encoder's definition with nothing left open; lengths count tokens, special ones included.

    ``transformer`` is the folder, or folder within ``folder``, that holds the transformer and its tokenizer.
    """

    folder: Path
    transformer: Path
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
    lower_case: bool
    trust_remote_code: bool
    fingerprint: str


def read_spec(folder: Path, options: EncoderOptions) -> EncoderSpec:
    """Read the model's JSON files, apply the options, and check that they fit the model."""
    modules = _modules(folder)
    _check_modules(folder, modules, options.trust_remote_code)
    transformer = folder / modules[0][1]
    config = _config(transformer, folder)
    settings = _settings(transformer)
    extra = _json(folder / "config_sentence_transformers.json")
    prompts = extra.get("prompts") or {}
    default = prompts.get(extra.get("default_prompt_name"), "")
    layer_count = _number(config, folder, "num_hidden_layers", "n_layers", "num_layers", "n_layer")
    values: dict[str, Any] = {
        "architecture": str(config.get("model_type", "unknown")),
        "hidden_size": _number(config, folder, "hidden_size", "dim", "d_model", "n_embd"),
        "layers": _layers(options.layer, layer_count),
        "layer_count": layer_count,
        "pooling": options.pooling or _pooling(folder, modules),
        "normalize": _normalize(options, modules),
        "query_prompt": _choose(options.query_prompt, prompts.get("query", "")),
        "document_prompt": _choose(options.document_prompt, _document_prompt(prompts)),
        "default_prompt": default or "",
        "truncate_dim": options.truncate_dim,
        "max_seq_length": _max_seq_length(transformer, config, settings, options.max_seq_length),
        "pad_id": int(config.get("pad_token_id") or 0),
        "lower_case": bool(settings.get("do_lower_case")),
    }
    if options.truncate_dim is not None and options.truncate_dim < 1:
        raise ModelError(f"truncate_dim must be at least 1, not {options.truncate_dim}; leave it out for all")
    identity = values | {"files": _file_digests(folder, transformer), "modules": [kind for kind, _ in modules]}
    fingerprint = short_digest(identity)
    return EncoderSpec(
        folder=folder,
        transformer=transformer,
        trust_remote_code=options.trust_remote_code,
        fingerprint=fingerprint,
        **values,
    )


def module_kinds(folder: Path) -> list[str]:
    """Of which kinds the modules of a model are, in their order."""
    return [kind for kind, _ in _modules(folder)]


def _modules(folder: Path) -> list[tuple[str, str]]:
    """(kind, sub-folder) of each sentence-transformers module; a plain Hub model is one Transformer."""
    listed = _json(folder / "modules.json")
    if not listed:
        return [("Transformer", "")]
    modules = [(str(entry["type"]).rsplit(".", 1)[-1], str(entry["path"])) for entry in listed]
    if modules[0][0] != "Transformer":
        raise UnsupportedModelError(
            f"model {folder} starts with {modules[0][0]}, not with a Transformer; choose another"
        )
    return modules


def _check_modules(folder: Path, modules: list[tuple[str, str]], trusting: bool) -> None:
    """Refuse weights that are not safetensors, and modules of other libraries or with other inputs."""
    for kind, path in modules:
        if kind not in UNDERSTOOD and not trusting:
            raise UnsupportedModelError(f"model {folder} has a module {kind}, which is not known here; choose another")
        if (folder / path / "pytorch_model.bin").is_file() and not any((folder / path).glob("*.safetensors")):
            raise UnsupportedModelError(
                f"module {kind} of model {folder} has no .safetensors weights; other formats can hide code, "
                "so load it with sentence-transformers and save it again"
            )


def _json(path: Path) -> Any:
    """What a JSON file of the model holds; an empty dict when it is not there."""
    try:
        content = read_json(path)
    except ValueError as error:
        raise DamagedModelError(f"{path} is not JSON ({error}); download or save the model again") from error
    return {} if content is None else content


def _config(transformer: Path, folder: Path) -> dict[str, Any]:
    config = _json(transformer / "config.json")
    if not config or not isinstance(config, dict):
        raise ModelError(f"model {folder} has no readable config.json; download or save it again")
    return config


def _settings(transformer: Path) -> dict[str, Any]:
    """The Transformer module's own settings; older files are named after an architecture."""
    files = sorted(transformer.glob("sentence_*_config.json"))
    return dict(_json(files[0])) if files else {}


def _number(config: dict[str, Any], folder: Path, *names: str) -> int:
    """The first of the names that architectures give to one number."""
    for name in names:
        if config.get(name):
            return int(config[name])
    raise UnsupportedModelError(f"the config.json of model {folder} has no {names[0]}; choose another model")


def _pooling(folder: Path, modules: list[tuple[str, str]]) -> Pooling | None:
    """The model's pooling; mean for a plain model; ``None`` for one that only its own module knows."""
    paths = [path for kind, path in modules if kind == "Pooling"]
    if not paths:
        return Pooling.MEAN
    config = _json(folder / paths[0] / "config.json")
    mode = config.get("pooling_mode")
    active = [mode] if isinstance(mode, str) else list(mode or [])
    active = active or [name for key, name in LEGACY_POOLING.items() if config.get(key)] or [Pooling.MEAN]
    if config.get("include_prompt") is False:
        raise UnsupportedModelError(f"model {folder} leaves prompts out of its pooling; choose another")
    known = len(active) == 1 and active[0] in list(Pooling) and not config.get("pooling_mode_weightedmean_tokens")
    return Pooling(active[0]) if known else None


def _normalize(options: EncoderOptions, modules: list[tuple[str, str]]) -> bool:
    stored = modules[-1][0] == "Normalize"
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
            raise ModelError(
                f"layer {layer} does not exist; this model has 0 (its input) to {count}, or -1 to {-count - 1}"
            )
    if not wanted:
        raise ModelError("no layer given; name at least one, -1 being the last")
    return tuple(layer % (count + 1) for layer in wanted)


def _max_seq_length(transformer: Path, config: dict[str, Any], settings: dict[str, Any], chosen: int | None) -> int:
    """What was chosen, else what the module says, else the tokenizer; as many positions as there are at most."""
    positions = int(config.get("max_position_embeddings") or UNLIMITED)
    if config.get("model_type") in POSITIONS_AFTER_PADDING:
        positions -= int(config.get("pad_token_id") or 0) + 1
    if chosen is not None and not 3 <= chosen <= positions:
        raise ModelError(f"max_seq_length {chosen} does not fit model {transformer}; choose 3 to {positions}")
    tokenizer = _json(transformer / "tokenizer_config.json").get("model_max_length")
    return chosen or int(min(settings.get("max_seq_length") or tokenizer or UNLIMITED, positions))


def _file_digests(folder: Path, transformer: Path) -> dict[str, str]:
    """Hashes of all that decides the numbers: weights, tokenizer, and each module's configuration."""
    tokenizer = {"tokenizer.json"} if (transformer / "tokenizer.json").is_file() else VOCABULARIES
    names = tokenizer | {"config.json"}
    paths = sorted(path for path in folder.rglob("*") if path.suffix == ".safetensors" or path.name in names)
    return {path.relative_to(folder).as_posix(): digest(path) for path in paths}
