"""The command `hourglass train`: train an autoencoder and write a report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.console import is_first, say
from ..core.exit_codes import INTERRUPTED
from ..run.settings import Settings, make_settings
from .options import Data, Out, Recipe
from .settings_flags import chosen_settings, takes_settings

TYPED = [name for name in Settings.model_fields if name != "data"]


@takes_settings(TYPED)
def train(
    data: Data = "", recipe: Recipe = "", out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in folder "
                                         "DATA.")] = False,
    report: Annotated[bool, typer.Option(help="Write a report after training.")] = True,
    settings: Any = None,
) -> None:
    """Train an autoencoder and write a report.

    Examples: hourglass train mnist; hourglass train photos/ --size 64 --model "ae(64)";
    hourglass train runs/1 --resume --epochs 60
    """
    chosen = make_settings({}) if resume else chosen_settings(data, recipe, settings)
    say(f"reading {data or 'the data'} ...")   # before the imports, which take seconds
    from ..run.folder import is_run, open_run
    from ..tasks.run_training import Looks, driven, follow
    from ..training.setup import prepare
    from ..training.setup import resume as resume_training
    from ..training.train import run
    if resume:
        if not data or recipe or out:
            raise ValueError("--resume needs a run's folder, and takes neither --recipe nor --out: "
                             "hourglass train runs/1 --resume --epochs 60")
        training = resume_training(open_run(data), settings)
    else:
        if data and is_run(Path(data)):
            raise ValueError(f"{data} is a run. To continue it, add --resume")
        training = prepare(chosen, out=out)
    looks: Looks = "report" if report else "comparison"
    code = 0
    try:
        follow(driven(training, run(training), looks, looks if report else "codes"),
               training.plan.epochs)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if is_first():
        print(training.folder.report if report and training.folder.report.is_file() else
              training.folder.path)
    if code:
        raise SystemExit(code)   # typer's code means: not reported yet
