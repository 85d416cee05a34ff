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
    """Unseen samples: corrupted, what others make of them, restored, and clean. Good: the last two
    rows are alike, and the restored one has nothing that the clean one lacks."""
    if not s.restored or s.x.ndim != 4:
        raise Lacking("images that were restored")
    count = len(next(iter(s.restored.values())))
    few = np.linspace(0, count - 1, min(count, COLUMNS)).astype(int)
    return contact_sheet([shown(x[few]) for x in s.restored.values()],
                         [name.replace("_", "\n") for name in s.restored], 0.4, 20)
