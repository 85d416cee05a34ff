"""The best model's metrics on all four splits, and how optimistic the earlier ones are."""

import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..analysis.metrics import measure
from ..analysis.metrics.bootstrap import of_mean
from ..analysis.take_snapshot import passed, rows_of
from ..core.files import write_whole
from ..core.random_numbers import seeded
from ..data.split_data import Source
from ..inference.trained import Trained, load
from ..model.loss_step import Step
from ..model.objective import Objective
from ..run.folder import RunFolder
from ..run.weights import read_model
from ..training.validation import EVALUATION_BATCH, EVALUATION_SEED
from .aims import AUROC, Aim
from .auroc_objective import auroc
from .objectives import metrics_named
from .split_values import SplitEvaluation, SplitValue, read_evaluations
from .study_folder import StudyFolder

MOST = 10_000   # samples of a split that are evaluated


def evaluate_best(
    folder: StudyFolder, run: RunFolder, trial: int, aim: Aim, source: Source
) -> SplitEvaluation | None:
    """Evaluate a trial's model on all splits, and keep the result: each model sees the holdout
    once. None where the objective is a cost."""
    done = read_evaluations(folder)
    before = next((one for one in done if one.trial == trial), None)
    if before is not None:
        return before
    metric = aim.name.removeprefix("val_").removeprefix("train_")
    evaluation = SplitEvaluation(trial, metric, tuple(filter(None, _on_all(run, aim, source))))
    if not evaluation.values:
        return None
    write_whole(folder.splits, json.dumps([_as_json(one) for one in [*done, evaluation]], indent=1))
    return evaluation


def _as_json(one: SplitEvaluation) -> dict[str, Any]:
    return {"trial": one.trial, "metric": one.metric, "values": [vars(v) for v in one.values]}


def _loss_of(run: RunFolder) -> str:
    from ..run.folder import read_settings
    from ..run.settings import make_settings
    return make_settings(read_settings(run.settings)).parts().loss


def _on_all(run: RunFolder, aim: Aim, source: Source) -> list[SplitValue | None]:
    if aim.name == AUROC:
        trained = load(run.path)
        return [_detected(split, trained, source) for split in source.splits]
    model, _ = read_model(run)
    step = Step(model, Objective(_loss_of(run), model))
    return [_on(split, step, source, aim) for split in source.splits]


def _detected(split: str, model: Trained, source: Source) -> SplitValue:
    count, estimate = auroc(model, source, split)
    return SplitValue(split, count, estimate.value, estimate.low, estimate.high)


def _on(split: str, step: Step, source: Source, aim: Aim) -> SplitValue | None:
    rows = source.splits[split].evenly(MOST)
    if aim.is_column:
        values = per_sample(step, source, split, rows)
        name = aim.name.partition("_")[2]
        if name not in values:
            return None
        estimate = of_mean(values[name])
        return SplitValue(split, len(rows), estimate.value, estimate.low, estimate.high)
    names = metrics_named([aim])
    if not names:
        return None
    rows = rows_of(source, split)
    numbers, intervals = measure(passed(step.model, source, rows, split), names)
    value = numbers[aim.name]
    low, high = intervals.get(aim.name, (float("nan"), float("nan")))
    return SplitValue(split, len(rows), value, low, high)


@torch.no_grad()
def per_sample(step: Step, source: Source, split: str, rows: Tensor) -> dict[str, np.ndarray]:
    """The losses and errors of each sample (N,). Their means are those of validation: the noise is
    the same. Terms that change in training, such as a discriminator's, are left out of the loss."""
    step.eval()
    objective, part = step.objective, source.splits[split]
    objective.at(None)
    by_term: dict[str, list[Tensor]] = {}
    with seeded(EVALUATION_SEED, part.device):
        for chunk in rows.split(EVALUATION_BATCH):
            batch = part.batch(chunk)
            out = step.model(batch.x, batch.y, True, batch.encoder_input, batch.known)
            _, terms = objective(out, step.model)
            weights = objective.weights
            own = [weights.get(name, 1.0) * term for name, term in terms.items()
                   if name not in objective.moving]
            squared = (out.px.mean - out.x).square()
            known = torch.ones_like(squared) if batch.known is None else batch.known
            mse = (squared * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)
            for name, value in {**terms, "loss": sum(own[1:], own[0]), "mse": mse}.items():
                by_term.setdefault(name, []).append(value.double().cpu())
    arrays = {name: torch.cat(values).numpy() for name, values in by_term.items()}
    if "recon" in arrays and not objective.only_hidden:
        count = float(np.prod(source.shape)) * part.known
        arrays |= step.model.likelihood.per_value(arrays["recon"], count)
    return arrays
