"""Everything that a search needs, read from a study's folder and checked before the first trial."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.console import say
from ..core.device import choose_device, memory_of
from ..core.plugins import load_parts
from ..data.split_data import Source
from ..run.load_data import remember
from ..run.settings import Settings, chosen_recipe, for_several, some_settings
from .aims import Aim
from .costs import Limit, check_extremes, extremes, read_limits
from .default_spaces import with_defaults
from .objectives import read_aims
from .records import Records, read_records
from .space import SearchSpace, at_end, read_space
from .storage import make_storage, open_storage, optuna
from .study_folder import TRIALS, SearchOptions, StudyFolder, new_study
from .try_metrics import check_metrics

if TYPE_CHECKING:
    from optuna import Study

HOLDOUT = 0.1   # default share of the training samples that no trial sees


@dataclass(frozen=True)
class SearchPlan:
    """A study that is ready to go on."""

    folder: StudyFolder
    options: SearchOptions
    space: SearchSpace
    source: Source
    aims: tuple[Aim, ...]
    limits: tuple[Limit, ...]
    study: "Study"

    def records(self) -> Records:
        """All trials so far."""
        return read_records(self.study, self.folder, self.aims, self.space)


@dataclass(frozen=True)
class CheckedSearch:
    """A search that can begin. Nothing is written yet."""

    options: SearchOptions
    space: SearchSpace
    source: Source
    aims: list[Aim]
    limits: list[Limit]


def check_search(
    options: SearchOptions, values: Mapping[str, Any], tell: Callable[[str], None] = say,
    load: Callable[[Settings], Source] = remember,
) -> CheckedSearch:
    """Read the data and make the smallest and largest models of these settings with holes. `tell`
    gets a line on each thing that was found. Raises ValueError for anything that cannot work."""
    limits = read_limits(options.limit)
    space, source = _spaced({"holdout": HOLDOUT, **values}, tell, load)
    aims, note = read_aims(options.metric, space, source)
    for line in [*source.notes, _splits(source), *_holes(space), *([note] if note else [])]:
        tell(line)
    bounds = extremes(space, source)
    tell(f"smallest model: {bounds.smallest}")
    tell(f"largest model: {bounds.largest}")
    device = choose_device("cpu")
    check_extremes(bounds, limits, memory_of(device))
    if not options.is_limited:
        options = replace(options, trials=TRIALS)
        tell(f"the search ends after {TRIALS} trials. Choose with --trials, --minutes or --target")
    _check_limits(options, aims)
    return CheckedSearch(options, space, source, aims, limits)


def begin_study(out: Path, options: SearchOptions, values: Mapping[str, Any]) -> SearchPlan:
    """Make a new study of these settings with holes, once its data is read and its smallest and
    largest models are made. Raises ValueError for anything that cannot work."""
    optuna()
    if options.storage:   # before the data is read
        make_storage(StudyFolder(out), options)
    load_parts(options.plugins)
    checked = check_search(options, values)
    check_metrics(checked.aims, checked.space, checked.source)
    options = replace(checked.options, metric=",".join(aim.name for aim in checked.aims),
                      data_digest=str(checked.source.identity["digest"]))
    folder = new_study(out, options, _as_asked(checked.space))
    options, _ = folder.read()
    try:
        study = _opened(folder, options, checked.aims)
    except ValueError:
        shutil.rmtree(out)
        raise
    return SearchPlan(folder, options, checked.space, checked.source, tuple(checked.aims),
                      tuple(checked.limits), study)


def continue_study(folder: StudyFolder) -> SearchPlan:
    """Read a study to go on with it. Raises ValueError if its data has changed."""
    optuna()
    options, values = folder.read()
    load_parts(options.plugins)
    space = read_space(values, say)
    source = remember(space.settings(at_end(False)))
    if str(source.identity["digest"]) != options.data_digest:
        raise ValueError(f"the data in {values['data']} has changed since {folder.path} was begun; "
                         f"start a new study with another --out")
    aims, _ = read_aims(options.metric, space, source)
    _check_limits(options, aims)
    return SearchPlan(folder, options, space, source, tuple(aims),
                      tuple(read_limits(options.limit)), _opened(folder, options, aims))


def values_of(recipe: str, space: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from a recipe, then from a TOML file with holes, then those given."""
    return {**(chosen_recipe(recipe) if recipe else {}),
            **(some_settings(Path(space)) if space else {}), **values}


def _spaced(
    values: Mapping[str, Any], tell: Callable[[str], None], load: Callable[[Settings], Source]
) -> tuple[SearchSpace, Source]:
    """The space with its data, which is read once. Without a hole, the default space."""
    space = read_space(values, tell)
    settings = for_several(space.settings(at_end(False)))
    source = load(settings)
    if not space.holes:
        space = read_space(with_defaults(dict(space.shared), len(source.shape)), lambda text: None)
        if not space.holes:
            raise ValueError("these settings have no hole, so there is nothing to search. Write "
                             "one as --model 'ae({4..64})' or --lr '{1e-4..1e-2}'")
        tell("no setting has a hole, so the default space is searched: " + ", ".join(
            f"--{name} '{template.text}'" for name, template in space.templates.items()))
    whole = {"data": settings.data}
    if space.shared.get("begin"):
        whole["begin"] = str(Path(str(space.shared["begin"])).resolve())
    return replace(space, shared={**space.shared, **whole}), source


def _as_asked(space: SearchSpace) -> dict[str, Any]:
    return {**space.shared, **{name: t.text for name, t in space.templates.items()}}


def _splits(source: Source) -> str:
    counts = ", ".join(f"{len(split):,} {name}" for name, split in source.splits.items())
    return f"{counts} samples of {'x'.join(map(str, source.shape))}"


def _holes(space: SearchSpace) -> list[str]:
    """A line for each hole, and how many configurations there are."""
    wide = max(map(len, space.holes))
    count = f"{space.count:,.0f} configurations" if space.count < float("inf") else (
        "infinitely many configurations")
    return [*(f"  {name:{wide}}  {hole}" for name, hole in space.holes.items()), count]


def _check_limits(options: SearchOptions, aims: list[Aim]) -> None:
    if options.target is not None and len(aims) > 1:
        raise ValueError("--target is for one objective; with two, use --trials or --minutes")


def _opened(folder: StudyFolder, options: SearchOptions, aims: list[Aim]) -> "Study":
    return open_storage(folder, options, [aim.direction for aim in aims])
