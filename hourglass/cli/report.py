"""The command `hourglass report`: a run's figures and page, written again."""

from typing import Annotated

import typer

from ..core.console import tell
from .options import Device, Run


def report(
    run: Run,
    priors: Annotated[str, typer.Option(help="Priors to sample from, instead of the usual ones, "
                                        "such as own;flow;diffusion. This evaluates the model "
                                        "again.")] = "",
    features: Annotated[str, typer.Option(help="Feature extractor for Fréchet distances: an ONNX "
                                          "file, such as Inception's.")] = "",
    language_model: Annotated[bool, typer.Option(
        "--language-model", help="Lines of text only: train a language model of the same size, "
        "for as many epochs as the run had, and show what each says of unseen lines.")] = False,
    minutes: Annotated[float | None, typer.Option(
        help="With --language-model: its time limit, in minutes.")] = None,
    device: Device = "cpu",
) -> None:
    """Draw a run's figures and report again, from what the run folder holds. With an option, the
    model is evaluated again, which needs its data.

    Examples: hourglass report runs/1; hourglass report runs/1 --priors "flow;mixture(5)";
    hourglass report runs/words --language-model
    """
    if minutes is not None and (not language_model or not minutes > 0):
        raise ValueError("--minutes is the time limit of --language-model, a number above 0")
    if language_model:
        from ..tasks.language_rival import beside_language_model
        from .load_run import load_run
        tell(*beside_language_model(load_run(run, device), minutes))
    from ..analysis.report import write_report
    from ..core.device import choose_device
    from ..run.folder import open_run
    chosen = [text.strip() for text in priors.split(";") if text.strip()]
    tell(write_report(open_run(run), chosen, features, str(choose_device(device))))
