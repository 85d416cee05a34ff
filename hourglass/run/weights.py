"""Write and read the weights file of a run, which holds all that a model is made from."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..core.random_numbers import seeded
from ..core.tensor_files import load_tensors, save_tensors
from ..model.autoencoder import Autoencoder
from ..model.depth_limit import limited_depth
from ..model.given_networks import missing_networks
from ..model.no_decoder import NoDecoder
from .description import Description, description_in
from .folder import RunFolder, read_settings
from .plugins_used import missing_parts

TEXT = "hourglass"   # the text of the file that holds the description


def save_model(
    path: Path, model: nn.Module, weights: dict[str, Tensor], description: Description
) -> None:
    """Write a model's weights by name, and its description, as one safetensors file."""
    kept = {name: weights[name] for name in model.state_dict()}
    save_tensors(path, kept, {TEXT: json.dumps(description.as_json())})


def check_weights(folder: RunFolder, description: Description) -> None:
    """Raise ValueError for a description of a model that is larger than the file of its weights: to
    make it could take more memory than there is."""
    with torch.device("meta"), limited_depth():
        model = Autoencoder(description.parts, description.shape, len(description.classes))
    if not description.decoder:
        model.decoder = NoDecoder(description.origin)
    needed = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    there = folder.model.stat().st_size
    if needed > there:
        raise ValueError(f"its model would have {needed:,} bytes of weights, and the file has "
                         f"{there:,}")


def make_model(description: Description) -> Autoencoder:
    """Make the model of a description, with initial weights. A classifier has no decoder."""
    with seeded(None):   # weights are drawn first, and then read
        model = Autoencoder(description.parts, description.shape, len(description.classes))
    if not description.decoder:
        model.decoder = NoDecoder(description.origin)
    return model


def read_model(
    folder: RunFolder, prefixes: tuple[str, ...] = ("",)
) -> tuple[Autoencoder, Description]:
    """A run's model on the CPU, and its description. With `prefixes`, only the weights whose names
    begin with one of them are read; the others stay as they were initialised.

    Raises ValueError if there is no model yet, or its file is damaged.
    """
    _check_there(folder)
    weights: dict[str, Tensor] = {}
    texts: dict[str, str] = {}
    for prefix in prefixes:
        tensors, texts = load_tensors(folder.model, prefix)
        weights |= tensors
    odd = next((name for name, w in weights.items() if not w.isfinite().all()), "")
    if odd:
        raise ValueError(f"{folder.model} holds weights that are not finite numbers ({odd}). "
                         f"Restore it from a copy, or train anew")
    try:
        description = description_in(texts.get(TEXT, ""))
        check_weights(folder, description)
        model = make_model(description)
        model.load_state_dict(weights, strict=prefixes == ("",))
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError,
            RecursionError) as error:
        raise _damaged(folder, error) from None
    return model, description


def read_description(folder: RunFolder) -> Description:
    """The description of a run's model alone; raises ValueError."""
    _check_there(folder)
    _, texts = load_tensors(folder.model, prefix="-")   # no weight's name starts so
    try:
        return description_in(texts.get(TEXT, ""))
    except ValueError as error:
        raise _damaged(folder, error) from None


def _check_there(folder: RunFolder) -> None:
    if not folder.model.is_file():
        raise ValueError(f"{folder.path} holds no model yet. To train it further: "
                         f"hourglass train {folder.path} --resume")


def _damaged(folder: RunFolder, error: Exception) -> ValueError:
    if missing := _missing(folder):
        return ValueError(missing)
    why = " ".join(str(error).split())[:300]
    return ValueError(f"{folder.model} does not describe a model that can be made: {why}")


def _missing(folder: RunFolder) -> str:
    """A message on all own parts and networks that the run needs and this process lacks."""
    try:
        networks = missing_networks(str(read_settings(folder.settings).get("backbone", "")))
    except ValueError:
        networks = ""
    return "; and ".join(filter(None, (missing_parts(_record(folder)), networks)))


def _record(folder: RunFolder) -> dict[str, Any]:
    """run.json, or nothing where it is damaged."""
    try:
        return folder.read_record()
    except ValueError:
        return {}
