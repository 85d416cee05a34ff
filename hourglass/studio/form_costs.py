"""What a form's model costs, and what its augmentation and corruption do to some samples."""

from collections.abc import Mapping
from typing import Any

from .form import check_data, refused_form, settings_from
from .held_sources import HeldSource
from .roots import Roots

SHOWN = 10   # samples of a preview
SEED = 0     # so that the same form gives the same preview


def costs_of_form(values: Mapping[str, Any], roots: Roots, sources: HeldSource) -> dict[str, Any]:
    """Parameters, multiply-adds, memory and layers of the model that a form holds, for its data,
    or what is wrong."""
    from ..model.summary import summarise  # which brings torch
    from ..run.suited import batch_size_for, suited
    try:
        settings = settings_from(values, roots)
        check_data(settings.data)
        source = sources.load(settings)
        parts, notes = suited(settings, source)
        summary = summarise(parts, source.shape, settings.optimiser, len(source.classes))
        batch = batch_size_for(settings, source)
    except (ValueError, TypeError, RecursionError, OSError) as error:
        return refused_form(error, values)
    return {"ok": True, "parameters": summary.parameters, "multiply_adds": summary.multiply_adds,
            "memory": summary.training_memory(batch), "batch": batch,
            "shape": list(source.shape), "notes": notes,
            "samples": {name: len(split) for name, split in source.splits.items()},
            "layers": [{"name": layer.name, "kind": layer.kind, "shape": list(layer.shape),
                        "parameters": layer.parameters, "multiply_adds": layer.multiply_adds}
                       for layer in summary.layers]}


def previewed(values: Mapping[str, Any], roots: Roots, sources: HeldSource) -> bytes:
    """A PNG of training samples, a row each: original, augmented and corrupted. Raises
    ValueError for samples that are not images, and for a wrong text."""
    import numpy as np
    import torch

    from ..core.channels import channels_last
    from ..core.random_numbers import seeded
    from ..data.augmentations import augmenter
    from ..model.corruptions import corrupter
    from .samples import rows_of_images
    settings = settings_from(values, roots)
    check_data(settings.data)
    source = sources.load(settings)
    if len(source.shape) != 3:
        raise ValueError("a preview is for images, and this data has none")
    train = source.splits["train"]
    picked = torch.from_numpy(np.linspace(0, len(train) - 1, min(SHOWN, len(train))).astype(int))
    with seeded(SEED):
        clean = train.batch(picked).x
        rows = [clean]
        if settings.augment:
            rows.append(augmenter(settings.augment, source.low, source.high)(clean))
        if settings.corruption not in ("", "none"):
            rows.append(corrupter(settings.corruption)(rows[-1]))
    return rows_of_images([channels_last(row).numpy() for row in rows], source.low, source.high)
