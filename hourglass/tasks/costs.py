"""What a model costs: layers, sizes, memory and multiply-adds, for training's settings or a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from ..core.console import say
from ..model.summary import Summary, as_text, summarise
from ..run.aliases import own_words
from ..run.folder import is_run, open_run, read_settings
from ..run.load_data import load_source
from ..run.settings import Settings, chosen_recipe, make_settings, with_whole_path
from ..run.suited import batch_size_for, suited
from .python_words import for_python


@dataclass(frozen=True, repr=False)
class Costs:
    """A model's costs, shown as a table."""

    summary: Summary
    batch_size: int

    def __repr__(self) -> str:
        return as_text(self.summary, self.batch_size)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(repr(self))}</pre>"


def costs_of(chosen: Settings, samples: Any = None, y: Any = None) -> Costs:
    """The costs of the model that these settings make for their data. Raises ValueError."""
    source = load_source(chosen, samples, y)
    parts, _ = suited(chosen, source)
    costs = summarise(parts, source.shape, chosen.optimiser, len(source.classes))
    return Costs(costs, batch_size_for(chosen, source))


def settings_of_run(run: str | Path, recipe: str | None, changes: Mapping[str, Any]) -> Settings:
    """A run's settings with some changes. Raises ValueError where they are damaged, and for a
    recipe."""
    if recipe:
        raise ValueError(f"{run} is a run, which has its own settings: leave out the recipe "
                         f"{recipe!r}, or change some settings")
    return make_settings({**read_settings(open_run(run).settings), **own_words(changes, say)})


@for_python
def summary(data: Any = "digits", *, y: Any = None, recipe: str | None = None,
            **settings: Any) -> Costs:
    """Show a model's layers, sizes and costs, for hg.train's arguments, without training it.

    `data` may also be a trained model, or the folder of a run. Raises ValueError.

        >>> import hourglass as hg
        >>> costs = hg.summary("digits", model="vae(4)", backbone="mlp(64)")
        >>> costs.summary.parameters["whole"]
        9160
    """
    from .model import Model  # the command needs no more than the above
    if isinstance(data, Model):
        data = data.folder.path
    named = isinstance(data, str | Path)
    if named and is_run(Path(data)):   # whose settings name its data for good
        return costs_of(settings_of_run(data, recipe, settings))
    values = {**(chosen_recipe(recipe) if recipe else {}),
              **own_words({name: value if isinstance(value, bool | int | float) else str(value)
                           for name, value in settings.items()}, say),
              **({"data": str(data)} if named else {})}
    samples = None if named else data
    return costs_of(with_whole_path(make_settings(values), samples), samples, y)
