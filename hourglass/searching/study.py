"""Study: the trials of a search, the best of them, tables and figures, from Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..run.folder import read_settings
from ..run.settings import Settings, make_settings
from ..tasks.load import load
from ..tasks.model import Model
from ..tasks.notebook_objects import Page
from ..tasks.python_words import for_python
from ..tasks.tabulated import as_html, as_text, frame_of
from .ensemble import SIZE, USUAL, ensemble
from .open_records import records_in
from .records import TrialRecord
from .split_values import SplitEvaluation, in_words, of_trial, read_evaluations
from .study_folder import StudyFolder, is_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOP = 10   # trials that a study shows


@dataclass(frozen=True)
class BestTrial:
    """A finished trial of a study: its values, its settings, and its model as a run."""

    number: int
    values: Mapping[str, float]    # by objective
    params: Mapping[str, Any]      # the values of the holes, by name
    folder: Path                   # its run folder, for every command that takes a run

    @property
    def value(self) -> float:
        """The first objective's value."""
        return next(iter(self.values.values()))

    @property
    def settings(self) -> Settings:
        """All settings of its training."""
        return make_settings(read_settings(self.folder / "settings.toml"))

    def model(self, device: str = "cpu") -> Model:
        """Its trained model."""
        return load(self.folder, device)


class Study:
    """A search that has run: `best`, `front`, `frame`, `figures`, `page`, `ensemble()`.

    It reads the study's folder once, when it is made. Make another `Study(folder)` to see later
    trials. Raises ValueError if the folder is not a study.

        >>> import hourglass as hg
        >>> study = hg.Study("studies/mnist")           # doctest: +SKIP
        >>> study.best.value, study.best.params         # doctest: +SKIP
        (0.1312, {'model.dim': 16, 'lr': 0.0031})
    """

    def __init__(self, folder: str | Path):
        if not is_study(folder):
            raise ValueError(f"{folder} is not a study")
        self.folder = Path(folder)
        self.records = records_in(StudyFolder(self.folder))

    @property
    def best(self) -> BestTrial:
        """The best finished trial by the first objective. Raises ValueError before there is one."""
        if self.records.best is None:
            raise ValueError(f"no trial of {self.folder} has finished yet")
        return self._trial(self.records.best)

    @property
    def top(self) -> list[BestTrial]:
        """The ten best finished trials, the best first, each configuration once."""
        return [self._trial(trial) for trial in self.records.finished[:TOP]]

    @property
    def front(self) -> list[BestTrial]:
        """With two objectives, the trials that no other one beats in both (the Pareto front)."""
        return [self._trial(trial) for trial in self.records.front]

    @property
    def splits(self) -> SplitEvaluation | None:
        """The best model's metric on train, val, test and holdout; None before the search ended."""
        best = self.records.best
        return None if best is None else of_trial(read_evaluations(self.records.folder),
                                                  best.number)

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """One value a trial, by name: number, state, values, holes, costs, time."""
        trials = self.records.trials
        columns: dict[str, list[Any]] = {"trial": [t.number for t in trials],
                                         "state": [t.state for t in trials]}
        for place, aim in enumerate(self.records.aims):
            columns[aim.name] = [t.values[place] if t.values else float("nan") for t in trials]
        for name in self.records.holes:
            columns[name] = [t.params.get(name) for t in trials]
        return columns | {"parameters": [t.parameters for t in trials],
                          "epochs": [t.epochs for t in trials],
                          "seconds": [t.seconds for t in trials],
                          "why": [t.why for t in trials]}

    @property
    def frame(self) -> Any:
        """A pandas.DataFrame with a row a trial; raises ValueError where pandas is not there."""
        return frame_of(self.columns)

    @cached_property
    def figures(self) -> "dict[str, Figure]":
        """The page's figures by name, of matplotlib."""
        from .page_figures import draw
        return {name: figure for name, (_, figure) in draw(self.records).items()}

    @property
    def page(self) -> Page:
        """The study's page. It is drawn again and written to study.html."""
        from .page import write_page
        path = write_page(self.records)
        return Page(path.read_text(), "study", path)

    @for_python
    def ensemble(self, size: int = SIZE, how: str = USUAL, loss: str = "",
                 out: str | Path | None = None, report: bool = True) -> Model:
        """The finished trials as a weighted ensemble, a run of its own: see hg.ensemble."""
        return ensemble(self.folder, size=size, how=how, loss=loss, out=out, report=report)

    def lines(self) -> list[str]:
        """The lines that the terminal shows at the end of a search."""
        best, folder = self.records.best, self.folder
        if best is None:
            return [f"{folder}: no trial has finished yet", str(self.records.folder.page)]
        values = ", ".join(f"{aim.name} {value:.5g}" for aim, value in zip(
            self.records.aims, best.values, strict=True))
        lines = [f"best: trial {best.number}, {values}, {best.parameters:,.0f} parameters, in "
                 f"{self.records.run(best).path}",
                 *(f"  {name} {text}" for name, text in best.texts.items())]
        splits = self.splits
        return [*lines, *(in_words(splits) if splits else []), str(self.records.folder.page)]

    def _trial(self, record: TrialRecord) -> BestTrial:
        values = {aim.name: value for aim, value in zip(self.records.aims, record.values,
                                                        strict=True)}
        return BestTrial(record.number, values, record.params, self.records.run(record).path)

    def _rows(self) -> tuple[Sequence[str], list[list[Any]]]:
        aims = [aim.name for aim in self.records.aims]
        names = ["trial", *aims, *self.records.holes, "parameters"]
        return names, [[t.number, *t.values, *(t.params.get(n, "") for n in self.records.holes),
                        int(t.parameters)] for t in self.records.finished[:TOP]]

    def __repr__(self) -> str:
        states = ", ".join(f"{len(self.records.of_state(state))} {state}" for state in (
            "finished", "pruned", "failed", "running", "refused", "duplicate")
            if self.records.of_state(state))
        return f"study {self.folder}: {states or 'no trials'}\n{as_text(*self._rows())}"

    def _repr_html_(self) -> str:
        return as_html(*self._rows())
