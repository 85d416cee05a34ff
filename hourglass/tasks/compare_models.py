"""Train several models alike, with the same data, networks, budget and seeds, and compare them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..analysis.analyse import look_again
from ..analysis.report import write_report
from ..core.console import say
from ..core.files import check_empty, write_whole
from ..core.registry import models
from ..model.summary import summarise
from ..run.folder import RunFolder, is_run, open_run, read_settings, read_toml, unfinished
from ..run.load_data import load_source
from ..run.settings import Settings, make_settings
from ..run.suited import suited
from ..training.setup import prepare, resume
from ..training.train import run
from .ranking import Entry
from .run_training import driven, follow

SHARED = "shared.toml"   # settings that all models of a folder share
OWN = ("model", "seed")  # settings that differ between runs


@dataclass(frozen=True)
class ComparisonPlan:
    """What to train: models with seeds, as runs in one folder."""

    models: Sequence[str]
    seeds: Sequence[int]
    shared: Settings         # all other settings
    out: Path
    reports: bool = False    # whether to write each run's own report
    refused: dict[str, str] = field(default_factory=dict)   # error, by model

    def place(self, model: str, seed: int) -> RunFolder:
        """The folder of that run, such as comparison/vae-16-seed-0."""
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", model).strip("-")
        return RunFolder(self.out / f"{slug}-seed-{seed}")


def seeds_of(text: str) -> list[int]:
    """Read seeds separated by commas. Raises ValueError."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise ValueError("--seeds takes different integers, separated by commas, such as 0,1,2, "
                         f"not {text!r}")
    return [int(word) for word in words]


def compare_models(plan: ComparisonPlan) -> list[Entry]:
    """Train each model with each seed, as runs of their own, and evaluate them all alike.

    Finished runs are kept, stopped ones continued. A model that does not fit the data or the
    networks gets its error as its entry, and the others go on. Raises ValueError for an error that
    concerns all of them, and KeyboardInterrupt for Ctrl-C, which keeps finished runs.
    """
    for text in plan.models:
        models.make(text)   # a wrong name or option concerns all
    if len({plan.place(text, 0).path for text in plan.models}) < len(plan.models):
        raise ValueError("the same model is named twice; to repeat it, pass --seeds 0,1")
    _agree(plan)
    refused = _refusals(plan)
    for text, why in refused.items():
        say(f"{text} is left out: {why}")
    trainings = [(text, seed) for seed in plan.seeds for text in plan.models if text not in refused]
    for number, (text, seed) in enumerate(trainings, 1):
        if text in refused:
            continue
        say(f"{number} of {len(trainings)}: {text}, seed {seed}, in {plan.place(text, seed).path}")
        try:
            _one(plan, text, seed)
        except (ValueError, FloatingPointError) as error:
            refused[text] = " ".join(str(error).split())
            say(f"{text} is left out: {refused[text]}")
    if len(refused) == len(plan.models):
        raise ValueError(f"no model could be trained: {next(iter(refused.values()))}")
    return [Entry(text, [] if text in refused else [plan.place(text, s) for s in plan.seeds],
                  refused.get(text, "")) for text in plan.models]


def _agree(plan: ComparisonPlan) -> None:
    """Save the settings that the folder's runs share, or check that they are as before. Raises
    ValueError."""
    kept, settings = plan.out / SHARED, plan.shared.model_dump(exclude=set(OWN))
    if kept.is_file():
        before = make_settings(read_toml(kept)).model_dump(exclude=set(OWN))
        for name in settings:
            if settings[name] != before[name]:
                raise ValueError(f"{plan.out} holds models trained with {name} = {before[name]!r}, "
                                 f"not {settings[name]!r}; choose another -o")
        return
    if plan.out.suffix.lower() in (".html", ".htm"):
        raise ValueError(f"each model gets its own run in a folder, so -o must be a folder, not "
                         f"{plan.out}")
    check_empty(plan.out, "--out")
    plan.out.mkdir(parents=True, exist_ok=True)
    write_whole(kept, "".join(line for line in plan.shared.to_toml().splitlines(keepends=True)
                              if line.partition(" = ")[0] not in OWN))


def _refusals(plan: ComparisonPlan) -> dict[str, str]:
    """Errors of models that cannot be made for this data, before training. Raises ValueError for an
    error in the data itself."""
    source, refused = load_source(plan.shared), {}
    for text in plan.models:
        try:
            fitted, _ = suited(plan.shared.with_(model=text), source)
            summarise(fitted, source.shape, plan.shared.optimiser, len(source.classes))
        except ValueError as error:
            refused[text] = " ".join(str(error).split())
    return refused


def _one(plan: ComparisonPlan, text: str, seed: int) -> None:
    """Train and evaluate a run, as far as needed."""
    folder = plan.place(text, seed)
    record = folder.read_record() if is_run(folder.path) else {}
    if record and (there := read_settings(folder.settings)["model"]) != text:
        raise ValueError(f"{folder.path} holds {there}; choose another -o")
    why = unfinished(folder, record) if record else "has not started"
    if not why and "metrics" in record:
        say("it is finished already")
    elif not why:   # trained, but not evaluated
        look_again(folder)
    else:
        if record:
            say(f"its training {why}; it is resumed")
        settings = plan.shared.with_(model=text, seed=seed)
        training = resume(open_run(folder.path), {}) if record else (
            prepare(settings, out=folder.path))
        follow(driven(training, run(training), "metrics"), training.plan.epochs)
    if plan.reports and not folder.report.is_file():
        write_report(folder)
