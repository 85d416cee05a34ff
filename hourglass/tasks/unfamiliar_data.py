"""Whether samples differ from the training data, by how badly the model reconstructs them."""

import numpy as np

from ..core.contracts import Collection
from ..inference.batches import seen
from ..inference.trained import Trained

TIMES = 4       # the error of the run's own test samples, from which others are unlike them
LOOKED_AT = 128


def unlike(model: Trained, collection: Collection) -> list[str]:
    """A warning if the model reconstructs these samples far worse than its own: a line or none."""
    count = len(collection.x)
    rows = np.unique(np.linspace(0, count - 1, min(LOOKED_AT, count)).astype(int))
    if model.model.condition is not None or collection.encoder_input is not None or (
            model.description.kind == "ratings"):   # a user's row says too little
        return []
    some = Collection(collection.x[rows])
    x = seen(some).astype(np.float32) * np.float32(model.scale_of(collection.x))
    return warning_of(model, float(np.nanmean(np.square(model.reconstruct(some) - x))))


def warning_of(model: Trained, mse: float) -> list[str]:
    """The same warning for a known mean squared error."""
    try:
        own = float(model.folder.read_record()["metrics"]["mse"])
    except (ValueError, KeyError):   # there is no report yet
        return []
    if not mse > TIMES * own:
        return []
    return [f"these samples are unlike those that the model was trained on: their mean squared "
            f"error is {mse:.3g}, {mse / max(own, 1e-12):.0f} times that of its own test samples "
            f"({own:.3g})"]
