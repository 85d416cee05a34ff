"""Corrupted samples, restored, and clean."""

import numpy as np
from matplotlib.figure import Figure

from ...core.image_grid import shown
from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import contact_sheet

COLUMNS = 10


@figures.add("restored")
def restored(s: Snapshot) -> Figure:
    """Test samples: corrupted, restored by simple baselines, restored by the model, and clean. How
    to read it: the last two rows should be alike, and the model should add nothing that the clean
    sample lacks."""
    if not s.restored or s.x.ndim != 4:
        raise Lacking("images that were restored")
    count = len(next(iter(s.restored.values())))
    few = np.linspace(0, count - 1, min(count, COLUMNS)).astype(int)
    return contact_sheet([shown(x[few]) for x in s.restored.values()],
                         [name.replace("_", "\n") for name in s.restored], 0.4, 20)
