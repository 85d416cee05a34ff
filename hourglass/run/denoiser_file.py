"""The file of a denoiser: its weights, and what is needed to build latent diffusion again."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..core.tensor_files import load_tensors, save_tensors
from ..model.depth_limit import limited_depth
from ..model.latent_diffusion import LatentDiffusion
from .folder import RunFolder, digest

TEXT = "hourglass"
FOLDER = "denoiser"   # of a run: what belongs to its latent diffusion


@dataclass(frozen=True)
class DenoiserDescription:
    """What a denoiser was trained with."""

    denoiser: str                    # as a user types it
    noising: str
    shape: tuple[int, ...]           # of a latent
    classes: int                     # 0 for none
    text: str                        # the text encoder as a user types it; "" for none
    size: int                        # features of a text
    remembers: tuple[str, ...]       # what the text encoder is made of again
    share: tuple[float, ...]         # frequency of each class
    weights: str                     # digest of the first stage's weights

    def make(self) -> LatentDiffusion:
        """The model, with initial weights; raises ValueError for a text that has no meaning."""
        with limited_depth():
            return LatentDiffusion(self.denoiser, self.shape, self.classes,
                                   self.size if self.text else 0,
                                   self.noising)


def denoiser_folder(folder: RunFolder) -> RunFolder:
    """Where a run keeps its latent diffusion: settings, checkpoint, history and weights."""
    return RunFolder(folder.path / FOLDER)


def has_denoiser(folder: RunFolder) -> bool:
    """Whether a run has a latent diffusion, perhaps one that is not trained to its end."""
    return denoiser_folder(folder).settings.is_file()


def save_denoiser(path: Path, weights: dict[str, Tensor], about: DenoiserDescription) -> None:
    """Write the weights and their description as one safetensors file."""
    save_tensors(path, weights, {TEXT: json.dumps(asdict(about))})


def read_denoiser(folder: RunFolder) -> tuple[LatentDiffusion, DenoiserDescription] | None:
    """The latent diffusion of a run, on the CPU; None without one, or if it was trained on the
    latents of other weights. Raises ValueError for a damaged file."""
    path = denoiser_folder(folder).model
    if path.is_symlink() or not path.is_file():
        return None
    weights, texts = load_tensors(path)
    try:
        about = _checked(json.loads(texts.get(TEXT, "")))
        if about.weights != digest(folder):
            return None
        _check_size(about, path)
        model = about.make()
        model.load_state_dict(weights)
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError,
            RecursionError) as error:
        why = " ".join(str(error).split())[:300]
        raise ValueError(f"{path} does not describe a denoiser that can be made: {why}. Restore "
                         f"it from a copy, or train it anew") from None
    return model.eval().requires_grad_(False), about


def _check_size(about: DenoiserDescription, path: Path) -> None:
    """A file must not make a model that is larger than itself."""
    with torch.device("meta"):
        needed = sum(t.numel() * t.element_size() for t in about.make().state_dict().values())
    if needed > path.stat().st_size:
        raise ValueError(f"its model would have {needed:,} bytes of weights")


def _checked(kept: dict[str, Any]) -> DenoiserDescription:
    return DenoiserDescription(
        str(kept["denoiser"]), str(kept["noising"]), tuple(int(side) for side in kept["shape"]),
        int(kept["classes"]), str(kept["text"]), int(kept["size"]),
        tuple(str(text) for text in kept["remembers"]),
        tuple(float(share) for share in kept["share"]), str(kept["weights"]))
