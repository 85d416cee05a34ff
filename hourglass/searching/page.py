"""The page of a study: its trials, the settings that mattered, the best models and their costs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..analysis.figures.canvas import as_png
from ..analysis.html import embedded, picture, template
from ..core.files import read_file, write_whole
from .page_figures import draw
from .records import Records, TrialRecord
from .split_values import beside_holdout, of_trial, read_evaluations

TOP = 10     # trials in the table of the best
MOST = 20    # reasons that are listed
STATES = {"finished": "trained to their end", "pruned": "stopped early, as others were better",
          "failed": "failed", "running": "not ended yet",
          "refused": "not trained: they break a limit or cannot be made",
          "duplicate": "not trained: known already, the value was taken over"}


def write_page(records: Records) -> Path:
    """Write study.html, a page without other files. Returns its path."""
    options, settings = records.folder.read()
    evaluations = read_evaluations(records.folder)
    best = records.best
    figures = [{"title": title, "about": about, "image": picture(as_png(figure))}
               for title, (about, figure) in draw(records).items()]
    page = template("study").render(
        name=records.folder.path.name, beside_holdout=beside_holdout,
        data=settings.get("data", ""), asked=options,
        settings={name: value for name, value in settings.items() if name != "data"},
        holes=records.holes, aims=records.aims,
        counts={STATES[state]: len(records.of_state(state)) for state in STATES  # type: ignore
                if records.of_state(state)},  # type: ignore[arg-type]
        seconds=sum(t.seconds for t in records.trials), best=best,
        evaluation=best and of_trial(evaluations, best.number), evaluations=len(evaluations),
        top=[_row(records, trial) for trial in records.finished[:TOP]], front=[
            _row(records, trial) for trial in records.front] if len(records.aims) > 1 else [],
        figures=figures, pruned=_pruned(records.of_state("pruned")),
        reasons={"Failures": _reasons(records.of_state("failed")),
                 "Not trained": _reasons(records.of_state("refused"))})
    write_whole(records.folder.page, page)
    return records.folder.page


def _row(records: Records, trial: TrialRecord) -> dict[str, Any]:
    """A trial as the tables show it, with its reconstructions."""
    path = records.run(trial).path
    strip = path / "samples.png"
    image = embedded(read_file(strip), "png") if strip.is_file() else ""
    return {"trial": trial, "texts": trial.texts, "image": image, "folder": path.name}


def _pruned(trials: Sequence[TrialRecord]) -> dict[str, int]:
    """How many trials were pruned after each number of epochs."""
    counts = Counter(int(trial.epochs) for trial in trials)
    return {f"{epochs} epoch{'s' * (epochs != 1)}": counts[epochs] for epochs in sorted(counts)}


def _reasons(trials: Sequence[TrialRecord]) -> Mapping[str, list[int]]:
    """The trials of each reason, the most frequent one first."""
    by_reason: dict[str, list[int]] = {}
    for trial in trials:
        by_reason.setdefault(_kind(trial.why), []).append(trial.number)
    return dict(sorted(by_reason.items(), key=lambda pair: -len(pair[1]))[:MOST])


def _kind(why: str) -> str:
    """A reason without its numbers, so that similar reasons count as one."""
    _, limited, limit = why.partition("the limit is ")
    return f"over the limit {limit}" if limited else why
