"""Export the encoder or decoder as an ONNX file, and compare it with the model."""

from pathlib import Path

import numpy as np
import torch

from ..core.files import write_out
from ..inference.detector_export import export_detector
from ..inference.encoder_decoder import load_half
from ..inference.image_detector import is_saved_detector, load_image_detector
from ..inference.line_uses import check_lines
from ..inference.onnx_export import INPUT, example
from ..inference.onnx_export import export as content_of
from ..run.folder import open_run
from ..run.weights import read_description
from .write_images import check_name

BATCHES = (1, 3)
CLOSE = 1e-5    # relative to the largest output, if that is above 1


def export(run: str | Path, half: str, out: Path | None = None) -> list[str]:
    """Write the half of a run, or a detector that `detect --save` kept, as an .onnx file, and run
    it if ONNX Runtime is installed. Returns lines on its inputs, its outputs, and their largest
    difference from the model's.

    Raises ValueError for a wrong name or run, and for a difference above 1e-5.
    """
    if is_saved_detector(Path(run)):
        own, out = load_image_detector(Path(run)), out or Path("detector.onnx")
        return [*export_detector(own.fitted, own.threshold, own.score, out), str(out)]
    out = out or Path(f"{half}.onnx")
    check_name(out, (".onnx",))
    check_lines(read_description(open_run(run)), "exporting")
    content = content_of(run, half)
    module = load_half(run, half)
    inputs = example(module, half)
    goes_in = ", ".join(f"{name} (B{''.join(f', {n}' for n in t.shape[1:])}) {t.dtype}"
                        for name, t in inputs.items()).replace("torch.", "")
    lines = [f"{half}: {goes_in}"]
    if np.isfinite(module.scale.low):   # unknown for older runs
        lines.append(f"x are {module.scale.words}")
    try:
        import onnxruntime  # noqa: F401
        lines.append(f"largest difference from the model: {furthest(content, run, half):.2g}")
    except ImportError:
        lines.append("not compared with the model; for that: pip install 'hourglass[features]'")
    write_out(out, content)
    return [*lines, str(out)]


def furthest(content: bytes, run: str | Path, half: str) -> float:
    """The largest difference between ONNX and torch on random batches of several sizes, relative to
    the largest value if that is above 1. Raises ValueError if it is above 1e-5."""
    import onnxruntime
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    module, generator, worst = load_half(run, half), torch.Generator().manual_seed(0), 0.0
    for count in BATCHES:
        inputs = example(module, half, count)
        inputs[INPUT[half]] = torch.rand(inputs[INPUT[half]].shape, generator=generator)
        with torch.inference_mode():
            right = module(*inputs.values()).numpy()
        output = session.run(None, {name: t.numpy() for name, t in inputs.items()})[0]
        worst = max(worst, float(np.abs(output - right).max()) / max(1.0, np.abs(right).max()))
    if not worst <= CLOSE:
        raise ValueError(f"the {half} as ONNX differs from the model by {worst:.2g}, so it is not "
                         f"written")
    return worst
