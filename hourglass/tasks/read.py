"""Read data as hg.train would, to inspect it: hg.read("photos/", size=64)."""

from pathlib import Path
from typing import Any

from ..core.console import say
from ..data.data_by_kind import as_kind
from ..run.load_data import load_source
from ..run.settings import make_settings, with_whole_path
from .notebook_samples import Samples
from .python_words import for_python


@for_python
def read(data: Any, *, y: Any = None, kind: str = "", **settings: Any) -> Samples:
    """Read data as training would: a source's name, a path, or samples in memory, with labels y.

    `settings` are those of hg.train that say how data is read, such as size=64, grey=True or
    range="0,4095". Returns all samples, with `images` (N, H, W, C), `labels`, `names`,
    `captions` and `classes`. Raises ValueError for what cannot be read.

        >>> import hourglass as hg
        >>> samples = hg.read("digits", size=16)
        >>> samples.images.shape
        (1797, 16, 16, 1)
        >>> samples.labels[:3].tolist()
        ['0', '1', '2']
    """
    samples = as_kind(data, kind, y, settings)
    named = isinstance(samples, str | Path)
    values = {"val": 0.0, "test": 0.0, **settings, **({"data": str(samples)} if named else {})}
    chosen = with_whole_path(make_settings(values), None if named else samples)
    source = load_source(chosen, None if named else samples, y)
    for note in source.notes:
        say(note)
    return Samples(source.whole(), source.classes, source.names, notes=source.notes,
                   all_captions=source.captions)
