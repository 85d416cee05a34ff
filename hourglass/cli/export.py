"""The command `hourglass export`: an encoder or decoder as ONNX."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from ..core.console import tell
from .options import Run


def export(
    run: Run,
    half: Annotated[str, typer.Option(help="What to export: encoder (samples to codes) or decoder "
                                      "(codes to samples).")] = "encoder",
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="An .onnx file. Default: encoder.onnx, decoder.onnx or "
                                "detector.onnx.")] = None,
) -> None:
    """Export a model's encoder or decoder, or a detector that hourglass detect --save kept, as
    ONNX, for batches of any size.

    Examples: hourglass export runs/1 --half decoder -o decoder.onnx; hourglass export
    detector.safetensors
    """
    from ..tasks.export import export as export_model
    for line in export_model(run, half, out):
        tell(line)
