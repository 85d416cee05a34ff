"""The command line's part that holds runs, or models, beside one another."""

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..core.console import say
from ..run.settings import Settings
from .settings_flags import takes_settings

compare_commands = typer.Typer()

INTERRUPTED = 130
ONE_EACH = {"model", "seed", "bottleneck", "loss", "condition", "begin"}   # in which models differ
SHARED = [name for name in Settings.model_fields if name not in ONE_EACH]


@compare_commands.command()
@takes_settings(SHARED)
def compare(
    what: Annotated[Optional[list[str]], typer.Argument(  # noqa: UP045
        metavar="RUNS or MODELS", help="runs on the same data; or models to be trained, such as "
        "'vae(16)' 'beta_vae(16, 8)'", show_default=False)] = None,
    models: Annotated[str, typer.Option(help="all: every registered model; or some with "
                                        "semicolons")] = "",
    dim: Annotated[int, typer.Option(min=1, help="numbers in a code, with --models all")] = 16,
    seeds: Annotated[str, typer.Option(help="train each model with each of these, such as "
                                       "0,1,2")] = "0",
    sort: Annotated[str, typer.Option(help="the column that models are ordered by, such as mse, "
                                      "frechet or seconds")] = "",
    report: Annotated[bool, typer.Option(help="write the report of each model's run, too")] = False,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="of runs the page [compare.html]; of models the folder of their runs, "
        "page and table [comparison]", show_default=False)] = None,
    settings: Any = None,
) -> None:
    """Show runs side by side, on the same samples; or train models alike, and rank them.

    What is trained already is kept, and what was interrupted goes on: give the command again.
    Examples: hourglass compare runs/1 runs/2 -o compare.html; hourglass compare 'ae(16)' 'vae(16)'
    --data mnist --epochs 10 --seeds 0,1,2 -o comparison/; hourglass compare --models all
    """
    from ..tasks.compare_arguments import runs_of, texts_of
    given = [*(what or []), *(text.strip() for text in models.split(";") if text.strip())]
    if given:
        say(f"comparing {', '.join(given)} ...")   # before the imports, which take seconds
    runs = runs_of(given)
    if not runs:
        _models(texts_of(given, dim), seeds, sort, report, out or Path("comparison"), settings)
        return
    odd = [*settings, *(["seeds"] if seeds != "0" else []), *(["sort"] if sort else []),
           *(["report"] if report else [])]
    if odd:
        raise ValueError(f"--{odd[0].replace('_', '-')} is for models that are to be trained, and "
                         f"these are runs")
    _runs(runs, out or Path("compare.html"))


def _runs(runs: list[Path], out: Path) -> None:
    from ..tasks.compare_runs import compare as lay_out
    table = {name: values for name, values in lay_out(runs, out).items()
             if "/" not in name or name.endswith(("/frechet", "/asked"))}   # the page has all
    wide = max(len(name) for name in table)
    print(" " * wide, *(f"{run.name:>12}" for run in runs))
    for name, values in table.items():
        print(f"{name:{wide}}", *(f"{'-' if v is None else format(v, '.4g'):>12}" for v in values))
    print(out)


def _models(texts: list[str], seeds: str, sort: str, report: bool, out: Path,
            settings: dict[str, Any]) -> None:
    from ..run.settings import make_settings, with_whole_path
    from ..tasks.compare_models import Plan, compare_models, seeds_of
    from ..tasks.ranking import as_text, check_order, rank
    from ..tasks.ranking_page import write_page
    check_order(sort)
    shared = with_whole_path(make_settings(settings))
    plan = Plan(texts, seeds_of(seeds), shared, out, report)
    try:
        ranking = rank(compare_models(plan), sort)
        say("drawing the page ...")
        page = write_page(ranking, out)
    except KeyboardInterrupt:
        say("interrupted; all that was trained is kept: to go on, give the same command again")
        raise SystemExit(INTERRUPTED) from None
    print("\n".join(as_text(ranking)))
    print(page)
