"""The command `hourglass train`: train an autoencoder and write a report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..core.console import is_first, say, tell
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
    latent_diffusion: Annotated[str, typer.Option(
        "--latent-diffusion", metavar="DENOISER", help="Train latent diffusion on the codes of the "
        "run in folder DATA, with this denoiser, such as dit(width=256, depth=8), unet or mlp. The "
        "new run holds a copy of the first stage.")] = "",
    noising: Annotated[str, typer.Option(
        help="Only for latent diffusion: flow or edm; with options, such as "
             "flow(times='uniform') or flow(min_snr=5). Default: flow.", show_default=False)] = "",
    text: Annotated[str, typer.Option(
        help="Only for latent diffusion: text encoder of captions and prompts: none, words or "
             "minilm. Default: minilm if it is installed and there are captions or classes, "
             "otherwise words.", show_default=False)] = "",
    captions: Annotated[str, typer.Option(
        help="Only for latent diffusion: auto (those of the data, otherwise its classes), classes, "
             "strokes (classes with what is measured in glyphs: slanted, thick, wide, ...) or "
             "colours (the same for pictures: bright, vivid, warm, ...). Default: auto.",
        show_default=False)] = "",
    ema: Annotated[str, typer.Option(help="Only for latent diffusion: decay of the averaged "
                                     "weights. Default: 0.999.", show_default=False)] = "",
    settings: Any = None,
) -> None:
    """Train an autoencoder and write a report.

    Examples: hourglass train mnist; hourglass train photos/ --size 64 --model "ae(64)";
    hourglass train runs/1 --resume --epochs 60; hourglass train runs/1 --latent-diffusion
    "dit(width=256, depth=8)"
    """
    own = {"noising": noising, "text": text, "captions": captions, "ema": ema}
    own = {name: value for name, value in own.items() if value}
    if latent_diffusion or (resume and data and _has_denoiser(Path(data))):
        _train_diffusion(data, recipe, latent_diffusion, out, {**settings, **own}, resume, report)
        return
    if own:
        raise ValueError(f"--{next(iter(own))} is for latent diffusion; add --latent-diffusion dit")
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
        tell(training.folder.report if report and training.folder.report.is_file() else
             training.folder.path)
    if code:
        raise SystemExit(code)   # typer's code means: not reported yet


def _has_denoiser(path: Path) -> bool:
    from ..run.denoiser_file import has_denoiser
    from ..run.folder import RunFolder, is_run
    return is_run(path) and has_denoiser(RunFolder(path))


def _train_diffusion(
    run: str, recipe: str, denoiser: str, out: Path | None, settings: dict[str, Any],
    resume: bool, report: bool,
) -> None:
    """Train latent diffusion on the codes of a run, or go on with it."""
    from ..run.folder import is_run, open_run
    if not is_run(Path(run)):
        raise ValueError(f"--latent-diffusion needs the run of an autoencoder, and "
                         f"{run or 'digits'} is none. Train one first, then: hourglass train "
                         f"runs/1 --latent-diffusion {denoiser!r}")
    if recipe or (resume and (out or denoiser)):
        raise ValueError("latent diffusion takes no --recipe; and --resume takes neither --out nor "
                         "--latent-diffusion: hourglass train runs/2 --resume --epochs 60")
    say(f"reading {run} ...")
    from ..analysis.report import write_report
    from ..run.aliases import own_words
    from ..run.diffusion_settings import diffusion_settings
    from ..tasks.latent_diffusion import driven_diffusion, prepare, resume_diffusion
    from ..tasks.run_training import follow
    settings = own_words(settings, say)
    training = resume_diffusion(open_run(run), settings) if resume else prepare(
        Path(run), diffusion_settings({**settings, "denoiser": denoiser}), out)
    above, code = training.folder.path.parent, 0
    try:
        follow(driven_diffusion(training), training.plan.epochs)
    except KeyboardInterrupt:
        code = INTERRUPTED
    if is_first():
        if report and not code:
            say("writing the report ...")
            write_report(open_run(above))
        tell(above / "report.html" if report and not code else above)
    if code:
        raise SystemExit(code)
