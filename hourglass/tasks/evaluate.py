"""How likely a model finds samples that it has not seen, and what its bound is made of."""

import time
from pathlib import Path

import torch

from ..core.hints import did_you_mean
from ..core.malloc import keep_freed_memory
from ..data.source import Split
from ..inference.log_likelihood.annealing import anneal, check_space
from ..inference.log_likelihood.elbo_parts import decompose
from ..inference.log_likelihood.estimate import Likelihood, Wish, _check
from ..inference.log_likelihood.importance import weigh
from ..inference.log_likelihood.proposal import check
from ..inference.log_likelihood.units import measure_of
from ..inference.run_cache import keep_evaluation
from ..inference.trained import Trained
from ..model.autoencoder import Autoencoder
from .reconstructed import Reconstruction, reconstruction_of
from .write_images import check_name

Evaluation = Likelihood | Reconstruction


def evaluate(model: Trained, wish: Wish, out: Path | None = None) -> Evaluation:
    """Estimate log p(x) on a split of the run's data, and keep what is found with the run. Of a
    model that has no log p(x) it measures the reconstructions. Raises ValueError where annealing is
    asked for and cannot be, and where data is gone."""
    if out is not None:
        check_name(out, (".csv",))
    _check(wish)
    source = model.source().to(model.device, torch.channels_last)
    name = wish.split or source.unseen
    if name not in source.splits:
        raise ValueError(f"this data has no split {name!r}; {did_you_mean(name, source.splits)}")
    split, net = source.splits[name], model.model.eval()
    if why := _lacking(net, split):
        if wish.annealing:
            raise ValueError(why)
        measured = reconstruction_of(model, source, name, wish.limit, why)
        if out is not None:
            measured.write(out)
        return measured
    if wish.annealing:
        check_space(net, split.batch(torch.arange(1)))
    keep_freed_memory()
    rows, begun = split.evenly(wish.limit or len(split)), time.monotonic()
    weighed = weigh(net, split, rows, wish.codes, wish.seed)
    annealed = anneal(net, split, rows, wish.annealing, wish.chains,
                      wish.seed) if wish.annealing else None
    parts = decompose(net, split, rows, wish.seed)
    measure = measure_of(net, model.description.parts.likelihood, source, split)
    found = Likelihood(wish, measure, name, rows.numpy(), weighed, annealed, parts,
                       time.monotonic() - begun)
    keep_evaluation(model.folder, f"likelihood of {len(rows):,} {name} samples", found.record)
    if out is not None:
        found.write(out)
    return found


def _lacking(net: Autoencoder, split: Split) -> str:
    """Why a model has no log p(x), or ""."""
    try:
        check(net, split.batch(torch.arange(min(2, len(split)))))
    except ValueError as error:
        return str(error)
    return ""
