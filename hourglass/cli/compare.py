"""The command `hourglass compare`: runs, or models that it trains first."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..core.console import say
from ..core.exit_codes import INTERRUPTED
from ..run.settings import Settings
from .settings_flags import takes_settings

VARIED = {"model", "seed", "bottleneck", "loss", "condition", "begin"}   # differ between models
SHARED = [name for name in Settings.model_fields if name not in VARIED]


@takes_settings(SHARED)
def compare(
    what: Annotated[Optional[list[str]], typer.Argument(  # noqa: UP045
        metavar="RUNS or MODELS", help="Runs on the same data, such as runs/1 runs/2; or models to "
        "train, such as 'vae(16)' 'beta_vae(16, 8)'.", show_default=False)] = None,
    models: Annotated[str, typer.Option(help="Models to train, separated by semicolons; or all: "
                                        "every model of hourglass list models.")] = "",
    dim: Annotated[int, typer.Option(min=1, help="Latent dimensions, for --models all.")] = 16,
    seeds: Annotated[str, typer.Option(help="Train each model once per seed, such as "
                                       "0,1,2.")] = "0",
    sort: Annotated[str, typer.Option(help="Column to sort models by, such as mse, frechet or "
                                      "seconds. Default: frechet, or mse without it.")] = "",
    report: Annotated[bool, typer.Option(help="Also write a report for each run.")] = False,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="For runs: the page, by default compare.html. For models: the folder "
        "of their runs, page and table, by default comparison.", show_default=False)] = None,
    settings: Any = None,
) -> None:
    """Compare runs on the same samples; or train several models alike and rank them.

    After an interruption, give the same command again: finished models are kept, and training
    continues.

    Examples: hourglass compare runs/1 runs/2 -o compare.html; hourglass compare 'ae(16)' 'vae(16)'
    --data mnist --epochs 10 --seeds 0,1,2 -o comparison/; hourglass compare --models all
    """
    from ..tasks.compare_arguments import runs_of, texts_of
    names = [*(what or []), *(text.strip() for text in models.split(";") if text.strip())]
    if names:
        say(f"comparing {', '.join(names)} ...")   # before the imports, which take seconds
    runs = runs_of(names)
    if not runs:
        _models(texts_of(names, dim), seeds, sort, report, out or Path("comparison"), settings)
        return
    unused = [*settings, *(["seeds"] if seeds != "0" else []), *(["sort"] if sort else []),
           *(["report"] if report else [])]
    if unused:
        raise ValueError(f"--{unused[0].replace('_', '-')} applies only when models are trained, "
                         f"and these are runs; leave it out")
    _runs(runs, out or Path("compare.html"))


def _runs(runs: list[Path], out: Path) -> None:
    from ..tasks.compare_runs import compare as compare_runs
    table = {name: values for name, values in compare_runs(runs, out).items()
             if "/" not in name or name.endswith(("/frechet", "/asked"))}   # the page has all
    wide = max(len(name) for name in table)
    print(" " * wide, *(f"{run.name:>12}" for run in runs))
    for name, values in table.items():
        print(f"{name:{wide}}", *(f"{'-' if v is None else format(v, '.4g'):>12}" for v in values))
    print(out)


def _models(texts: list[str], seeds: str, sort: str, report: bool, out: Path,
            settings: dict[str, Any]) -> None:
    from ..run.settings import for_several, make_settings
    from ..tasks.compare_models import ComparisonPlan, compare_models, seeds_of
    from ..tasks.ranking import as_text, check_order, rank
    from ..tasks.ranking_page import write_page
    check_order(sort)
    shared = for_several(make_settings(settings))
    plan = ComparisonPlan(texts, seeds_of(seeds), shared, out, report)
    try:
        ranking = rank(compare_models(plan), sort)
        say("drawing the page ...")
        page = write_page(ranking, out)
    except KeyboardInterrupt:
        say("interrupted; finished models are kept. To continue, give the same command again")
        raise SystemExit(INTERRUPTED) from None
    print("\n".join(as_text(ranking)))
    print(page)
