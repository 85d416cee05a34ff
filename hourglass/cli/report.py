"""The command `hourglass report`: a run's figures and page, written again."""

from typing import Annotated

import typer

from .options import Device, Run


def report(
    run: Run,
    priors: Annotated[str, typer.Option(help="Priors to sample from, instead of the usual ones, "
                                        "such as own;flow;diffusion. This evaluates the model "
                                        "again.")] = "",
    features: Annotated[str, typer.Option(help="Feature extractor for Fréchet distances: an ONNX "
                                          "file, such as Inception's.")] = "",
    device: Device = "cpu",
) -> None:
    """Draw a run's figures and report again, from what the run folder holds. With an option, the
    model is evaluated again, which needs its data.

    Examples: hourglass report runs/1; hourglass report runs/1 --priors "flow;mixture(5)"
    """
    from ..analysis.report import write_report
    from ..core.device import choose_device
    from ..run.folder import open_run
    chosen = [text.strip() for text in priors.split(";") if text.strip()]
    print(write_report(open_run(run), chosen, features, str(choose_device(device))))
