"""Serving a model from Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..inference.image_detector import ImageDetector, is_saved_detector, load_image_detector
from ..inference.trained import Trained
from ..tasks.load import load
from ..tasks.model import Model
from ..tasks.python_words import for_python
from .limits import Limits
from .server import Address, check_token, read_token, serve_detector
from .server import serve as serve_model


@for_python
def serve(
    run: str | Path | Model | Trained | ImageDetector, *, host: str = "127.0.0.1", port: int = 8000,
    token: str | None = None, open: bool = False, priors: Sequence[str] = (), ahead: int = 0,
    show_training: bool = False, grace: float = 30.0, **limits: Any,
) -> int:
    """Serve a trained model, or a detector of images, over HTTP, until Ctrl-C or SIGTERM. Returns
    the number of requests that took longer than `grace` seconds at the end, and so were cut off.
    `run` is a model, a detector (such as `found.detector` of hg.detect), or the path of a kept one.

    `token` is what clients must send; by default that of the variable HOURGLASS_TOKEN. Without a
    token only this machine may use it, unless `open` allows networks. `priors` are those that
    clients may sample from. `ahead` is the most steps of a series that clients may have forecast;
    without it, there is no /v1/forecast. With `show_training`, clients may see the training samples
    nearest to theirs. `limits` are the fields of hourglass.serving.limits.Limits, such as
    samples=1000 per request or seconds=10. Needs the extra `serve`. Raises ValueError.

        >>> import hourglass as hg
        >>> hg.serve("runs/1", port=8080)   # doctest: +SKIP
        >>> hg.serve("runs/1", port=-1)
        Traceback (most recent call last):
        ValueError: port must be a whole number from 0 to 65535, not -1
    """
    if not isinstance(port, int) or not 0 <= port <= 65535:
        raise ValueError(f"port must be a whole number from 0 to 65535, not {port!r}")
    unknown = sorted(set(limits) - set(Limits.__dataclass_fields__))
    if unknown:
        raise ValueError(f"serve has no limit {unknown[0]!r}; the limits are "
                         f"{', '.join(Limits.__dataclass_fields__)}")
    place = Address(host, port, read_token(None) if token is None else check_token(token, "token"),
                    open, grace)
    if isinstance(run, str | Path):
        kept = is_saved_detector(Path(run))
        run = load_image_detector(Path(run)) if kept else load(run)
    if isinstance(run, ImageDetector):
        if priors or ahead or show_training:
            raise ValueError("priors, ahead and show_training are for models; a detector needs "
                             "none of them")
        return serve_detector(run, run.text, place, Limits(**limits))
    trained = run.trained if isinstance(run, Model) else run
    return serve_model(trained, place, Limits(**limits), tuple(map(str, priors)), ahead,
                       show_training)
