"""What the model makes of draws from its own prior."""

from matplotlib.figure import Figure

from ..snapshot import Lacking, Snapshot
from ..spec import figures
from .canvas import contact_sheet, shown
from .classes import name_of

COLUMNS = 10


@figures.add("samples")
def samples(s: Snapshot) -> Figure:
    """Decoded draws from the model's prior, for conditional models a class a row. Good: they could
    be samples of the set, and differ; those of a plain autoencoder seldom are, for nothing fills
    the space between its codes."""
    if s.samples.ndim != 4 or not len(s.samples):
        raise Lacking("images")
    columns = int((s.of == s.of[0]).sum()) if len(s.of) else COLUMNS
    rows = shown(s.samples).reshape(-1, columns, *s.samples.shape[1:3], 3)
    return contact_sheet(list(rows), [name_of(s, kind) for kind in s.of[::columns]], 0.6, 14)
