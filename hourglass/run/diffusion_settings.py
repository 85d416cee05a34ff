"""Settings of the training of latent diffusion: its own, and some of those that all have."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.hints import did_you_mean
from ..model.noise_levels import noising_of
from .folder import read_toml
from .settings import Settings, make_settings

SHARED = ("epochs", "minutes", "batch_size", "optimiser", "lr", "schedule", "stop", "clip",
          "precision", "device", "seed")   # settings that mean the same for any training
USUAL = {"optimiser": "adamw", "lr": 5e-4, "stop": "none(restore_best=False)", "clip": 1.0}
OWN = ("denoiser", "noising", "text", "captions", "ema")
CAPTIONS = ("auto", "classes", "strokes", "colours")


@dataclass(frozen=True)
class DiffusionSettings:
    """How a denoiser is trained. `shared` holds the settings in `SHARED`."""

    shared: Settings
    denoiser: str = "dit"
    noising: str = "flow"   # or edm, with options
    text: str = "auto"      # text encoder; none for none
    captions: str = "auto"  # those of the data, otherwise its classes; or others: CAPTIONS
    ema: float = 0.999      # decay of the averaged weights

    def values(self) -> dict[str, Any]:
        """All settings by name."""
        return {**{name: getattr(self, name) for name in OWN},
                **{name: getattr(self.shared, name) for name in SHARED}}

    def to_toml(self) -> str:
        """The settings as a text with one line for each that is not None."""
        return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
                       for name, value in self.values().items() if value is not None)

    def with_(self, **changes: Any) -> "DiffusionSettings":
        """A copy with some changes."""
        return diffusion_settings({**self.values(), **changes})


def diffusion_settings(values: Mapping[str, Any]) -> DiffusionSettings:
    """Make settings from names and values. Raises ValueError for what latent diffusion has not."""
    wrong = next((name for name in values if name not in (*OWN, *SHARED)), "")
    if wrong:
        flag = Settings.model_fields[wrong].flag if wrong in Settings.model_fields else wrong
        hint = did_you_mean(wrong, (*OWN, *SHARED))
        raise ValueError(f"{flag} has no effect on latent diffusion, whose data and first stage "
                         f"are those of the run; {hint}")
    shared = make_settings({**USUAL, **{name: values[name] for name in SHARED
                                        if values.get(name) is not None}})
    own = {name: values[name] for name in OWN if values.get(name) is not None}
    texts = {name: str(value) for name, value in own.items() if name != "ema"}
    captions = texts.get("captions", "auto")
    if captions not in CAPTIONS:
        raise ValueError(f"captions must be one of {', '.join(CAPTIONS)}, not {captions!r}")
    if captions != "auto" and texts.get("text") == "none":
        raise ValueError(f"captions {captions} need a text encoder, and --text none leaves them "
                         f"out; leave one of them out")
    noising_of(texts.get("noising", DiffusionSettings.noising))
    return DiffusionSettings(shared, **texts, ema=_decay(own.get("ema", DiffusionSettings.ema)))


def _decay(ema: Any) -> float:
    try:
        decay = float(ema)
    except (TypeError, ValueError):
        decay = -1.0
    if not 0 <= decay < 1:
        raise ValueError(f"ema must be a number from 0 to below 1, not {ema!r}")
    return decay


def read_diffusion_settings(path: Path) -> DiffusionSettings:
    """Read what `to_toml` wrote. Raises ValueError."""
    return diffusion_settings(read_toml(path))
