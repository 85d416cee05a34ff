"""The command `hourglass search`: train many models and find the best."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from ..core.console import say, tell
from ..core.exit_codes import BAD_USE, INTERRUPTED
from ..run.settings import Settings
from .options import Recipe
from .plugin_flag import plugins_of
from .settings_flags import takes_settings

INNER = "HOURGLASS_SEARCH"   # set in the process that conducts a search
SEARCHED = [name for name in Settings.model_fields if name not in ("data", "minutes")]


@takes_settings(SEARCHED)
def search(
    what: Annotated[Optional[list[str]], typer.Argument(  # noqa: UP045
        metavar="DATA or STUDY", help="Data to train on, such as mnist; or the folder of a study, "
        "such as studies/mnist, to continue it or to join in.", show_default=False)] = None,
    space: Annotated[str, typer.Option(help="TOML file with settings, some with holes, as in a "
                                       "recipe.")] = "",
    recipe: Recipe = "",
    values: Annotated[str, typer.Option("--settings", hidden=True)] = "",
    metric: Annotated[str, typer.Option(
        "--metric", "--objective", help="Objective on the validation split, such as val_bce "
        "(minimised) or psnr (maximised); or two, such as mse,parameters. Default: val_loss if all "
        "trials have the same loss, otherwise val_mse.",
        show_default=False)] = "",
    trials: Annotated[Optional[int], typer.Option(min=1, help="Number of trials, pruned ones "  # noqa: UP045
                                                  "included. Default: 50.",
                                                  show_default=False)] = None,
    minutes: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="Time limit of this command in minutes. Default: none.", show_default=False)] = None,
    target: Annotated[Optional[float], typer.Option(  # noqa: UP045
        help="End when the metric reaches this value. Default: none.", show_default=False)] = None,
    limit: Annotated[str, typer.Option(help="Train only models within a bound on parameters, "
                                       "multiply_adds or memory (bytes), such as 'parameters <= "
                                       "4723'. Several are separated by commas.")] = "",
    workers: Annotated[int, typer.Option(min=1, help="Trials at the same time, each with its share "
                                         "of the cores.")] = 1,
    prune: Annotated[str, typer.Option(help="How trials are stopped early: asha, hyperband, median "
                                       "or none. Default: asha.", show_default=False)] = "",
    storage: Annotated[str, typer.Option(help="Database for the trials, such as "
                                         "postgresql://user@host/name. Default: a journal in the "
                                         "study's folder.")] = "",
    cluster: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        help="Search with jobs of a cluster, as this TOML file describes them.",
        show_default=False)] = None,
    out: Annotated[Optional[Path], typer.Option(  # noqa: UP045
        "--out", "-o", help="Folder for the study. Default: a new one under studies/.",
        show_default=False)] = None,
    settings: Any = None,
) -> None:
    """Train many models and find the best.

    A setting may have holes, in quotes: '{4..64}' is a range, '{8|16|32}' are choices. Without a
    hole, a default space for the model is searched.

    Examples: hourglass search mnist --model "ae({4..64})" --lr "{1e-4..1e-2}" --trials 100 --out
    studies/mnist; hourglass search studies/mnist --workers 4; hourglass search --space space.toml
    --minutes 60
    """
    from ..searching.space import expanded
    words = what or []
    if len(words) > 1:
        said = expanded(words[1:], settings) or expanded(words, settings)
        raise ValueError(said or f"search takes one data source or study, not {' '.join(words)}; "
                                 f"put holes in quotes, as in --model 'ae({{4..64}})'")
    search_options = {name: value for name, value in {
        "metric": metric, "trials": trials, "minutes": minutes, "target": target, "limit": limit,
        "storage": storage, "prune": prune}.items() if value or (
        value == 0)}
    if values:   # of hg.search
        from ..run.folder import read_toml
        settings = {**read_toml(Path(values)), **settings}
    if "torch" in sys.modules and not os.environ.get(INNER):
        _elsewhere()
        return
    _conduct(words[0] if words else "", (space, recipe, out, cluster), search_options, settings,
             workers)


def _elsewhere() -> None:
    """Give the same command to a new process, which has no threads and no GPU yet: only such a
    process may fork the trials'. Ctrl-C reaches it too, and it ends by itself."""
    import signal
    import subprocess
    process = subprocess.Popen([sys.executable, "-m", "hourglass", *sys.argv[1:]],
                               env={**os.environ, INNER: "1"})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: process.send_signal(number))
    raise SystemExit(process.wait())


def _conduct(
    data: str, files: tuple[str, str, Path | None, Path | None], search_options: dict[str, Any],
    settings: dict[str, Any], workers: int,
) -> None:
    space, recipe, out, cluster = files
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError("a search starts its own processes: give the command without torchrun, "
                         "once on each machine")
    say(f"reading {data or 'the data'} ...")   # before the imports, which take seconds
    from ..searching.python_api import begin, carry_on
    from ..searching.study_folder import check_whole, is_study
    options = None
    if cluster:
        from ..searching.cluster_jobs import check_cluster, search_on
        from ..searching.cluster_options import read_cluster
        options = read_cluster(cluster)
        check_cluster(options)
    if data:
        from ..run.folder import is_run
        check_whole(data)
        if is_run(Path(data)):
            raise ValueError(f"{data} is a run; a search takes data, such as mnist, or a study. To "
                             f"search from a run's weights: hourglass search DATA --from {data}")
    if data and is_study(data):
        wrong = next(iter([*settings, *(["out"] if out else []), *(["space"] if space else []),
                           *(["recipe"] if recipe else [])]), "")
        if wrong:
            raise ValueError(f"{data} is a study, whose settings cannot change: leave out "
                             f"--{wrong.replace('_', '-')}, or start a new study with --out")
        plan = carry_on(data, search_options)
    else:
        if options is None and settings.get("device"):   # before a folder is made
            from ..core.device import choose_device
            from ..searching.apart import apart
            apart(choose_device, str(settings["device"]))
        values = {**settings, "data": data} if data else settings
        search_options["plugins"] = tuple(
            str(Path(name).resolve()) if Path(name).is_file() else name
            for name in plugins_of(sys.argv[1:])[1])
        plan = begin(values, search_options, space, recipe, out)
    from ..searching.run_search import conducted
    ended, study = search_on(plan, options, workers) if options else conducted(plan, workers)
    tell("\n".join(study.lines()))
    if not ended:
        raise SystemExit(INTERRUPTED)
    if study.records.best is None and study.records.of_state("failed"):
        raise SystemExit(BAD_USE)
