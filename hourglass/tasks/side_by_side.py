"""Model models beside one another: hg.compare([a, b])."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .compare_runs import compare as compare_runs
from .model import Model
from .notebook_objects import Page
from .python_words import for_python
from .tabulated import as_text, frame_of


class Comparison(Mapping[str, dict[str, float | None]]):
    """Metrics by name: the value of each model, by its run; in a notebook, the whole page."""

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
def compare(models: Sequence[Model | str | Path]) -> Comparison:
    """Hold models, or runs' folders, beside one another: the same samples, the same figures, one
    table. Raises ValueError where they were not trained on the same data.

        >>> import hourglass as hg
        >>> quick = {"epochs": 1, "report": False, "quiet": True}
        >>> models = [hg.train("digits", model=text, **quick) for text in ("ae(2)", "ae(8)")]
        >>> table = hg.compare(models)      # doctest: +SKIP
        >>> table["mse"]                    # doctest: +SKIP
        {'runs/1': 0.0693, 'runs/2': 0.0652}
    """
    if isinstance(models, str | Path) or not isinstance(models, Sequence):
        raise ValueError("compare takes a list of models or runs, as in hg.compare([a, b])")
    runs = [model.folder.path if isinstance(model, Model) else Path(model) for model in models]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "comparison.html"
        table = compare_runs(runs, out)
        page = Page(out.read_text(), "comparison")
    return Comparison([str(run) for run in runs], table, page)
