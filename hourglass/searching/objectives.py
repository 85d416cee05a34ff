"""The objectives of a search: metrics of the validation split, and costs."""

from collections.abc import Collection, Mapping, Sequence

import torch

from ..core.hints import did_you_mean
from ..core.registry import REGISTRIES, likelihoods
from ..data.split_data import Source
from ..model.autoencoder import Autoencoder
from ..model.objective import Objective
from ..run.settings import Settings
from ..run.suited import suited
from .aims import AUROC, COSTS, Aim
from .auroc_objective import abnormal_rows
from .costs import ModelCosts
from .holes import ChoiceHole
from .space import SearchSpace, at_end

MEASURED = ("mae", "nats", "psnr", "bce", "explained_variance", "ssim", "knn_accuracy",
            "linear_accuracy", "active_units", AUROC)   # on val, once a trial has been trained
BY = {"mae": "errors", "nats": "errors", "explained_variance": "explained",
      "knn_accuracy": "accuracy", "linear_accuracy": "accuracy", "active_units": "active"}
SIZES_OF_LOSS = ("loss", "likelihood", "model", "bottleneck")   # where a hole changes the loss


def read_aims(text: str, space: SearchSpace, source: Source) -> tuple[list[Aim], str]:
    """Read one or two objectives, separated by a comma, and a note on the default. Raises
    ValueError for a metric that is not known, with the nearest one.

    Short names stand for the validation split: mse is val_mse.
    """
    columns = columns_of(space.settings(at_end(False)), source)
    note = ""
    if not text:
        alike = not any(name.partition(".")[0] in SIZES_OF_LOSS and (
            isinstance(hole, ChoiceHole) or name.startswith("loss"))
            for name, hole in space.holes.items()) and "beta" not in " ".join(space.holes)
        text = next(name for name in (("val_loss", "val_mse") if alike else ("val_mse",))
                    if name in columns)
        why = "the loss itself" if alike else "losses of different models cannot be compared"
        note = f"trials are compared by {text}: {why}. Choose another with --metric"
    names = [name.strip() for name in text.split(",")]
    known = [_known(name, columns) for name in names if name] if len(names) < 3 else []
    if not known or len({*known}) < len(names):
        raise ValueError(f"a search has one or two different objectives, such as 'mse,parameters', "
                         f"not {text!r}")
    if AUROC in known:
        abnormal_rows(source, "val")   # may raise
    return [Aim(name) for name in known], note


def _known(name: str, columns: Collection[str]) -> str:
    if name in columns or name in COSTS:
        return name
    if f"val_{name}" in columns:
        return f"val_{name}"
    if name in MEASURED:
        return name
    short = [column.removeprefix("val_") for column in columns if column.startswith("val_")]
    raise ValueError(f"no metric is named {name!r}; "
                     f"{did_you_mean(name, dict.fromkeys([*columns, *short, *MEASURED, *COSTS]))}")


def columns_of(settings: Settings, source: Source) -> list[str]:
    """The losses and errors that a training of these settings writes for each epoch."""
    parts, _ = suited(settings, source)
    with torch.device("meta"):
        model = Autoencoder(parts, source.shape, len(source.classes))
        objective = Objective(parts.loss, model)
    errors = {} if objective.only_hidden else likelihoods.make(parts.likelihood).per_value(0.0, 1)
    names = dict.fromkeys(["loss", *objective.terms, "mse", *errors])
    if "val" not in source.splits:
        raise ValueError("a search compares trials on the val split, and there is none; pass "
                         "--val 0.1 for a tenth of the training samples")
    return [f"{split}_{name}" for split in ("val", "train") for name in names]


def value_of(aim: Aim, row: Mapping[str, float], costs: ModelCosts, measured: Mapping[str, float]
             ) -> float:
    """The value of a finished training. Raises ValueError where it has none."""
    if aim.name == "seconds":
        return row["seconds"]
    if aim.name in COSTS:
        return float(getattr(costs, aim.name))
    values = row if aim.is_column else measured
    if aim.name not in values:
        others = f"; it has {', '.join(values)}" if values else ""
        raise ValueError(f"this training has no {aim.name}{others}")
    return float(values[aim.name])


def metrics_named(aims: Sequence[Aim]) -> list[str]:
    """The registered metrics that measure these objectives."""
    known = REGISTRIES["metrics"].parts
    return [BY.get(aim.name, aim.name) for aim in aims if aim.is_measured
            and BY.get(aim.name, aim.name) in known]
