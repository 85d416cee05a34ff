"""Default parts that depend on the data: for tables, for series, and for images to
restore."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from ..core.expressions import read
from ..core.registry import backbones, models
from ..data.split_data import Source
from ..model.parts import Parts
from .settings import PARTS, Settings

HOLES = "holes((0.0, 0.5))"
# on ECG5000 its squared error of held-out beats is 0.0094, that of conv1d 0.0131, in a 20th of the
# time (benchmarks/baselines.py)
OF_SERIES = "mlp(128)"
OF_CHOICES, OF_RATINGS = "mult_vae", "rating_ae"          # the usual models of ratings
SMALLEST_BATCH, LARGEST_BATCH = 16, 128                  # without a setting
LARGEST = 32                                              # largest default code of a table
SIZED = re.compile(r"(plain|gaussian)\((\d+)\)")          # bottlenecks with a default size


def suited(settings: Settings, source: Source) -> tuple[Parts, list[str]]:
    """The settings' parts, fitted to the data, and notes. For a table, a code without a given size
    has half as many numbers as there are columns, at most 32. Training on a table hides cells,
    unless the settings or the model name a corruption. Restoration of images uses a U-Net, because
    a code of a few numbers loses more than most corruptions take. Series use a dense network."""
    parts = settings.parts()
    notes = [*filter(None, map(backbones.by_place, filter(None, (
        parts.backbone, parts.decoder))))]
    if source.encoding.get("kind") == "ratings":
        parts, more = _for_ratings(settings, source)
        notes += more
    if len(source.shape) == 2 and parts.backbone == "auto":
        parts = replace(parts, backbone=OF_SERIES)
    if _restores(settings, source):
        parts = replace(parts, backbone="unet(residual=True)", bottleneck="identity",
                        likelihood=settings.likelihood or "normal")
        notes.append("images are restored by a U-Net, whose code is as large as the image and does "
                     "not summarise it; for a code of a few numbers: --model dae, or --bottleneck "
                     "'plain(32)'")
    if source.encoding.get("kind") == "table":
        columns = len(source.encoding["columns"])
        size = max(1, min(LARGEST, columns // 2))
        sized = SIZED.fullmatch(parts.bottleneck)
        if sized and int(sized[2]) > size and not settings.bottleneck and not _says_size(settings):
            parts = replace(parts, bottleneck=f"{sized[1]}({size})")
            notes.append(f"the code has {size} numbers, as the table has {columns} columns; "
                         f"choose its size with --bottleneck '{sized[1]}(N)'")
        if not settings.corruption and parts.corruption == "none":
            parts = replace(parts, corruption=HOLES)
            notes.append("training hides up to half of the cells of each row, so that the model "
                         "learns to fill them in; switch it off with --corruption none")
    if not settings.batch_size and (batch := batch_size_for(settings, source)) < LARGEST_BATCH:
        notes.append(f"a step has {batch} images, as there are few; choose with --batch-size N")
    return parts.fitted(source.shape, source.low, source.high, source.columns), notes


def batch_size_for(settings: Settings, source: Source) -> int:
    """Samples per step: those of the settings, or the usual number."""
    return settings.batch_size or usual_batch_size(len(source.splits["train"]), source.shape)


def usual_batch_size(count: int, shape: Sequence[int]) -> int:
    """Samples per step for so many training samples of this shape: 128. Few images get fewer, a
    power of two from 16 that makes eight steps or more in an epoch."""
    eighth = max(SMALLEST_BATCH, count // 8)
    return min(LARGEST_BATCH, 2 ** int(math.log2(eighth))) if len(shape) == 3 else LARGEST_BATCH


def model_for(settings: Settings, source: Source) -> str:
    """The named model: that of the settings or, without one, a model for ratings if they are the
    data."""
    said = settings.model != "ae" or any(getattr(settings, name) for name in PARTS)
    if said or source.encoding.get("kind") != "ratings":
        return settings.model
    return OF_RATINGS if source.encoding["explicit"] else OF_CHOICES


def _for_ratings(settings: Settings, source: Source) -> tuple[Parts, list[str]]:
    """Parts for ratings. If the settings name no model, it is a model for ratings."""
    notes: list[str] = []
    parts, explicit = settings.parts(), bool(source.encoding["explicit"])
    if (name := model_for(settings, source)) != settings.model:
        parts = models.make(name)
        notes = [f"the model is {name}, which is for ratings; choose another with --model, such "
                 f"as {'rating_ae(32)' if explicit else 'rec_vae'}"]
    if parts.backbone == "auto":
        parts = replace(parts, backbone=f"item_mlp(600, normalise={not explicit})")
    if parts.likelihood == "auto":
        parts = replace(parts, likelihood="normal" if explicit else "multinomial")
    return parts, notes


def _restores(settings: Settings, source: Source) -> bool:
    """Whether there is a corruption, or pairs of images, and no setting for the network."""
    corrupted = settings.corruption not in ("", "none") or (
        source.splits["train"].encoder_input is not None)
    said = settings.backbone or settings.decoder or settings.bottleneck or settings.loss
    return len(source.shape) == 3 and corrupted and not said and settings.model == "ae"


def _says_size(settings: Settings) -> bool:
    """Whether the model's text sets the size of its code, as ae(8) does."""
    return "dim" in models.check(read(settings.model))
