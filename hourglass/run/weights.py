"""The weights file of a run: what a model needs to be made again, written and read."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ..core.contracts import Scale
from ..core.tensor_files import load_tensors, save_tensors
from ..data.images import Reading
from ..data.source import Source
from ..model.autoencoder import Autoencoder
from ..model.no_decoder import NoDecoder
from ..model.older_texts import FORMAT, parts_of
from ..model.parts import Parts
from .folder import RunFolder


def scale_in(about: dict[str, Any]) -> Scale:
    """The scale of the data that a model was trained on, by its description; older ones say only
    what a number of 8 bits is worth."""
    if "values" in about:
        return Scale(**about["values"])
    if about["scale"] != 1:
        return Scale(0, about["scale"], 0, 255, 8, what="8-bit images")
    return Scale(0, 1, 0, 1) if about["bounded"] else Scale()


def save_model(
    path: Path, model: nn.Module, weights: dict[str, Tensor], about: dict[str, Any]
) -> None:
    """A model's weights and all that is needed to make it again, as one safetensors file."""
    kept = {name: weights[f"model.{name}"] for name in model.state_dict()}
    save_tensors(path, kept, {"hourglass": json.dumps(about)})


def make_model(about: dict[str, Any]) -> Autoencoder:
    """The model that a file tells of, without its weights; a classifier has no decoder."""
    model = Autoencoder(Parts(**parts_of(about)), tuple(about["shape"]), len(about["classes"]))
    if about.get("decoder") is False:
        model.decoder = NoDecoder(about["from"])
    return model


def describe(parts: Parts, source: Source, reading: Reading) -> dict[str, Any]:
    """What must be known to use a model's weights: its parts, and what its inputs look like."""
    if len(source.shape) == 3:
        settled: dict[str, Any] = {"grey": source.shape[0] == 1}
        if source.shape[0] not in (1, 3):
            settled = {"grey": None, "channels": source.shape[0]}
        if not reading.size and not reading.pad and not reading.patches:
            settled["size"] = f"{source.shape[1]}x{source.shape[2]}"
        reading = Reading(**{**vars(reading), **settled, "strict": False})
    return {"format": FORMAT, "parts": vars(parts), "shape": list(source.shape),
            "scale": source.scale.factor, "values": vars(source.scale),
            "bounded": source.low >= 0 and source.high <= 1, "reading": vars(reading),
            "classes": list(source.classes), "encoding": source.encoding}


def read_model(
    folder: RunFolder, prefixes: tuple[str, ...] = ("",)
) -> tuple[Autoencoder, dict[str, Any]]:
    """A run's model on the CPU, and its description. With `prefixes`, only the weights whose names
    begin with one of them are read; the others stay as they were initialised.

    Raises ValueError where there is no model yet, or its file is damaged.
    """
    if not folder.model.is_file():
        raise ValueError(f"{folder.path} holds no model yet. To train it further: "
                         f"hourglass train {folder.path} --resume")
    weights: dict[str, Tensor] = {}
    texts: dict[str, str] = {}
    for prefix in prefixes:
        found, texts = load_tensors(folder.model, prefix)
        weights |= found
    try:
        description = _checked(json.loads(texts["hourglass"]))
        model = make_model(description)
        model.load_state_dict(weights, strict=prefixes == ("",))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError,
            RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise ValueError(f"{folder.model} does not describe a model that can be made: {why}"
                         ) from None
    return model, description


def _checked(description: dict[str, Any]) -> dict[str, Any]:
    """A description as it came from a file, of which nothing is trusted: each entry is of its kind,
    and no path to write is among them. Raises ValueError and TypeError."""
    parts = {str(name): str(text) for name, text in description["parts"].items()}
    shape = [int(size) for size in description["shape"]]
    if not 1 <= len(shape) <= 3 or min(shape) < 1:
        raise ValueError(f"samples of shape {shape}")
    scale_in(description)   # which refuses what is no scale
    known = set(vars(Reading())) - {"store", "strict", "lenient"}
    reading = {name: value for name, value in description["reading"].items() if name in known}
    return {**description, "parts": parts, "shape": shape, "reading": reading,
            "scale": float(description["scale"]), "bounded": bool(description["bounded"]),
            "classes": [str(name) for name in description["classes"]],
            "encoding": dict(description["encoding"])}
