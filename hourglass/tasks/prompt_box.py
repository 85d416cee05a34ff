"""The explorer's prompt box: what latent diffusion needs to draw in a page."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..core.expressions import read
from ..core.output_names import printable
from ..inference.onnx_export import export_denoiser
from ..inference.prompted import GUIDED, NAME, DenoiserPrior
from ..inference.text_encoders.words import EMPTY
from ..inference.trained import Trained
from ..model.noise_levels import CURVE, LARGEST, SMALLEST
from ..run.denoiser_file import has_denoiser

STEPS = 20
MOST_WEIGHTS = 8_000_000   # of a denoiser in a page: 32 MB
MOST_TEXTS = 300           # known texts in a page whose text encoder is too large for it


@dataclass(frozen=True)
class PromptBox:
    """What a page needs for latent diffusion: a description, the denoiser as ONNX and, if the page
    cannot encode texts, features (N, K) of the texts to choose from."""

    about: dict[str, Any]
    denoiser: bytes = b""
    texts: np.ndarray = field(default_factory=lambda: np.zeros((0, 1)))


def prompt_box(model: Trained) -> PromptBox | None:
    """The prompt box of a run; None without latent diffusion. Where the denoiser is too large for
    a page, its `about` says so."""
    if not has_denoiser(model.folder):
        return None
    try:
        prior = model.prior(NAME)
    except ValueError as error:   # such as a text encoder whose package is missing
        return PromptBox({"refused": f"This run has latent diffusion, but {error}"})
    assert isinstance(prior, DenoiserPrior)
    weights = sum(t.numel() for t in prior.model.parameters())
    if weights > MOST_WEIGHTS:
        return PromptBox({"refused": (
            f"This run has latent diffusion, but its denoiser of {weights:,} parameters is too "
            f"large for a page. To draw from a prompt: hourglass generate RUN --prompt ...")})
    return box_of(model, prior, export_denoiser(prior))


def box_of(model: Trained, prior: DenoiserPrior, denoiser: bytes) -> PromptBox:
    """The prompt box of latent diffusion, whose denoiser is given as ONNX."""
    about: dict[str, Any] = {
        "shape": list(prior.shape), "size": 0, "words": [], "empty": sorted(EMPTY), "texts": None,
        "classes": [printable(name) for name in model.classes] if prior.about.classes else [],
        "mean": _numbers(prior.model.mean), "std": _numbers(prior.model.std), "steps": STEPS,
        "guidance": 2 if prior.about.classes else 1, "refused": "",
        "largest": LARGEST, "smallest": SMALLEST, "curve": CURVE, "note": ""}
    texts = np.zeros((0, 1))
    if prior.encoder is not None and read(prior.about.text).name == "words":
        about |= {"size": prior.about.size, "words": list(prior.about.remembers),
                  "guidance": GUIDED}
    elif prior.encoder is not None:
        known = _known_texts(model)
        about |= _chosen_from(known, prior)
        texts = prior.encoder.features(known).cpu().numpy() if known else texts
    return PromptBox(about, denoiser, texts)


def _chosen_from(known: list[str], prior: DenoiserPrior) -> dict[str, Any]:
    """The description for a page whose prompts are chosen from known texts."""
    own = f"The text encoder {prior.about.text} is too large for a page"
    if not known:
        return {"note": f"{own}, and the training captions are not at hand."}
    return {"size": prior.about.size, "texts": known, "guidance": GUIDED,
            "note": f"{own}, so choose one of {len(known):,} training captions; hourglass generate "
                    f"takes any words."}


def _numbers(t: Tensor) -> list[float]:
    return [float(value) for value in t.flatten().to(torch.float64)]


def _known_texts(model: Trained) -> list[str]:
    """Different captions of the data, at most MOST_TEXTS, spread evenly; none if it is gone."""
    try:
        source = model.source()
    except (ValueError, OSError):
        return []
    captions = list(dict.fromkeys(printable(texts[0]) for texts in source.captions if texts)) or [
        printable(name) for name in source.classes]
    rows = np.linspace(0, len(captions) - 1, min(len(captions), MOST_TEXTS)).astype(int)
    return [captions[row] for row in rows]
