"""The decoder of a run as ONNX, kept in the run's folder for the pages that decode in a browser."""

from pathlib import Path

import numpy as np
from torch import Tensor

from .. import __version__
from ..run.folder import open_run
from .encoder_decoder import load_half
from .onnx_export import export
from .run_cache import Texts, cache_of

FILE, CONTENT, MAKER = "decoder.safetensors", "onnx", "version"
FLOAT = 4   # bytes


def decoder_onnx(run: str | Path, largest: int = 0) -> bytes:
    """The decoder (z -> mean of x) as the content of an ONNX file, exported at first use.

    `largest` is the most bytes that its weights may take; 0 for any number. Raises ValueError for a
    larger one, for a run without a model, and if packages for ONNX are missing.
    """
    cache = cache_of(open_run(run))
    content = cache.kept_tensors(FILE, _content)
    if content is None:
        _check_size(run, largest)
        content = export(run, "decoder")
        cache.keep_tensors(FILE, {CONTENT: np.frombuffer(content, np.uint8).copy()},
                           {MAKER: __version__})
    return content


def _content(tensors: dict[str, Tensor], texts: Texts) -> bytes:
    if texts[MAKER] != __version__:
        raise ValueError("another version of Hourglass exported it")
    return tensors[CONTENT].numpy().tobytes()


def _check_size(run: str | Path, largest: int) -> None:
    size = FLOAT * sum(values.numel() for values in load_half(run, "decoder").parameters())
    if largest and size > largest:
        raise ValueError(f"the decoder has {size / 1e6:,.0f} MB of weights, and the limit is "
                         f"{largest / 1e6:,.0f} MB")
