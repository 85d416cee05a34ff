"""Compare models side by side: hg.compare([a, b])."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..analysis.analyse import snapshot_of
from ..core.composing import Composition
from ..core.expressions import read
from ..core.registry import models as registered
from ..run.folder import is_run
from ..run.settings import for_several, make_settings
from .compare_arguments import ALL, texts_of
from .compare_models import ComparisonPlan, compare_models
from .compare_runs import compare as compare_runs
from .model import Model
from .notebook_objects import Page
from .python_words import for_python, voice
from .ranking import rank
from .ranking_page import write_page
from .tabulated import as_text, frame_of

DIM = 16   # latent dimensions of "all"


class Comparison(Mapping[str, dict[str, float | None]]):
    """Metrics by name: the value of each model, by its run or, where they were trained for it, by
    its text; in a notebook, the whole page."""

    def __init__(self, names: Sequence[str], table: Mapping[str, list[float | None]], page: Page):
        self.names, self.page = tuple(names), page
        self._table = {metric: dict(zip(names, values, strict=True))
                       for metric, values in table.items()}

    def __getitem__(self, metric: str) -> dict[str, float | None]:
        return self._table[metric]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row a metric and a column a model; raises ValueError where
        pandas is not installed."""
        return frame_of({"metric": list(self._table), **{
            name: [values[name] for values in self._table.values()] for name in self.names}})

    def save(self, path: str | Path) -> Path:
        """Write the page as .html; raises ValueError for another name."""
        return self.page.save(path)

    def __repr__(self) -> str:
        rows = [[metric, *("" if value is None else value for value in values.values())]
                for metric, values in self._table.items()]
        return as_text(["metric", *self.names], rows)

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


@for_python
def compare(
    models: Sequence[Model | str | Path], *, out: str | Path = "comparison",
    seeds: Sequence[int] = (0,), **settings: Any,
) -> Comparison:
    """Compare models, or runs' folders, side by side: the same samples, the same figures, one
    table. Raises ValueError if they were not trained on the same data.

    Texts such as "vae(16)" are trained first, once for each of `seeds`, as runs in the folder `out`
    with these `settings`, which name the data: hg.compare(["ae(4)", "vae(4)"], data="digits"). The
    values are then means over the seeds.

        >>> import hourglass as hg
        >>> quick = {"epochs": 1, "report": False, "quiet": True}
        >>> models = [hg.train("digits", model=text, **quick) for text in ("ae(2)", "ae(8)")]
        >>> table = hg.compare(models)      # doctest: +SKIP
        >>> table["mse"]                    # doctest: +SKIP
        {'runs/1': 0.0693, 'runs/2': 0.0652}
    """
    if isinstance(models, str | Path) or not isinstance(models, Sequence):
        raise ValueError("compare takes a list of models or runs, as in hg.compare([a, b])")
    if models and all(_is_text(model) for model in models):
        return _trained([str(model) for model in models], Path(out), seeds, settings)
    if settings:
        raise ValueError(f"{next(iter(settings))} applies only where models are trained, and these "
                         f"are trained already; leave it out")
    for model in models:
        if isinstance(model, Model):
            snapshot_of(model.folder, model.trained)   # with the data that is at hand
    runs = [model.folder.path if isinstance(model, Model) else Path(model) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "comparison.html"
        table = compare_runs(runs, out)
        page = Page(out.read_text(), "comparison")
    return Comparison([str(run) for run in runs], table, page)


def _is_text(model: Any) -> bool:
    """Whether this is a model's text, such as vae(16), and not a run."""
    if not isinstance(model, str | Composition):
        return False
    text = str(model)
    try:
        return not is_run(Path(text)) and (text == ALL or read(text).name in registered.parts)
    except ValueError:
        return False


def _trained(
    texts: Sequence[str], out: Path, seeds: Sequence[int], settings: Mapping[str, Any]
) -> Comparison:
    """Train these models alike, and compare them."""
    data = settings.get("data")
    if not isinstance(data, str | Path):
        raise ValueError("models that are trained to be compared need data with a name, such as "
                         "data='digits' or a file. On data in memory train each with hg.train, "
                         "and pass the models")
    options = {name: str(value) if isinstance(value, Composition | Path) else value
               for name, value in settings.items()}
    quiet = bool(options.pop("quiet", False))
    with voice(quiet):
        shared = for_several(make_settings({**options, "data": str(data)}))
        ranking = rank(compare_models(ComparisonPlan(texts_of(texts, DIM), list(seeds), shared,
                                                     out)))
        path = write_page(ranking, out)
    names = list(ranking.table)
    columns = next(iter(ranking.table.values()))
    table = {column: [ranking.table[name][column].mean if ranking.table[name][column].values
                      else None for name in names] for column in columns}
    return Comparison(names, table, Page(path.read_text(), "comparison", path))
