"""Try the metrics of a search before its first trial, on a model without training."""

from collections.abc import Sequence

import torch

from ..analysis.snapshot import Lacking
from ..analysis.take_snapshot import passed, rows_of
from ..core.registry import REGISTRIES
from ..data.split_data import Source
from ..model.autoencoder import Autoencoder
from ..run.suited import suited
from .aims import AUROC, Aim
from .apart import apart
from .objectives import metrics_named
from .space import SearchSpace, at_end


def check_metrics(aims: Sequence[Aim], space: SearchSpace, source: Source) -> None:
    """Raise ValueError for a metric that these samples or models cannot have, such as
    linear_accuracy without classes."""
    for aim in aims:
        if aim.is_measured and aim.name != AUROC:
            apart(_try, aim, space, source)


def _try(aim: Aim, space: SearchSpace, source: Source) -> None:
    torch.set_num_threads(1)
    parts, _ = suited(space.settings(at_end(False)), source)
    model = Autoencoder(parts, source.shape, len(source.classes)).eval()
    name, = metrics_named([aim])
    try:
        with torch.no_grad():
            REGISTRIES["metrics"].parts[name](passed(model, source, rows_of(source, "val"), "val"))
    except Lacking as lacking:
        raise ValueError(f"{aim.name} cannot be measured on these val samples: it needs {lacking}. "
                         f"Choose another --metric") from None
