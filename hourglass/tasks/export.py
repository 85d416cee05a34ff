"""Half of a model as an ONNX file, held against the model itself."""

from pathlib import Path

import numpy as np
import torch

from ..core.files import write_out
from ..inference.encoder_decoder import load_half
from ..inference.onnx_export import INPUT, example
from ..inference.onnx_export import export as content_of
from .write_images import check_name

BATCHES = (1, 3)
CLOSE = 1e-5    # of the largest value that comes out, where that is above 1


def export(run: str | Path, half: str, out: Path) -> list[str]:
    """Write the file, whole or not at all, and run it where that can be done; returns lines on what
    goes in, what comes out, and how far that is from what the model gives.

    Raises ValueError for a wrong name or run, and where that is further than 1e-5.
    """
    check_name(out, (".onnx",))
    content = content_of(run, half)
    module = load_half(run, half)
    given = example(module, half)
    goes_in = ", ".join(f"{name} (B{''.join(f', {n}' for n in t.shape[1:])}) {t.dtype}"
                        for name, t in given.items()).replace("torch.", "")
    lines = [f"{half}: {goes_in}"]
    if np.isfinite(module.scale.low):   # which older runs do not know
        lines.append(f"x are {module.scale.words}")
    try:
        import onnxruntime  # noqa: F401
        lines.append(f"held against the model: at most {furthest(content, run, half):.2g} apart")
    except ImportError:
        lines.append("not held against the model: pip install 'hourglass[features]' to have that")
    write_out(out, content)
    return [*lines, str(out)]


def furthest(content: bytes, run: str | Path, half: str) -> float:
    """The furthest that ONNX is from torch on random batches of several sizes, as a share of the
    largest value where that is above 1; raises ValueError above 1e-5."""
    import onnxruntime
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    module, generator, worst = load_half(run, half), torch.Generator().manual_seed(0), 0.0
    for count in BATCHES:
        given = example(module, half, count)
        given[INPUT[half]] = torch.rand(given[INPUT[half]].shape, generator=generator)
        with torch.inference_mode():
            right = module(*given.values()).numpy()
        found = session.run(None, {name: t.numpy() for name, t in given.items()})[0]
        worst = max(worst, float(np.abs(found - right).max()) / max(1.0, np.abs(right).max()))
    if not worst <= CLOSE:
        raise ValueError(f"the {half} as ONNX gives other values than the model, {worst:.2g} "
                         f"apart; it is not written")
    return worst
