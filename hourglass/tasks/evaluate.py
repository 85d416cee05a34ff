"""The log-likelihood of unseen samples under a model, and the parts of its bound."""

from pathlib import Path

import torch

from ..core.contracts import Evaluation
from ..core.hints import did_you_mean
from ..inference.log_likelihood.estimate import LikelihoodOptions, check_options, estimate, lacking
from ..inference.model_protocol import InUse
from .ranking_result import ranking_of
from .reconstructed import reconstruction_of
from .write_images import check_name


def evaluate(model: InUse, wish: LikelihoodOptions, out: Path | None = None) -> Evaluation:
    """Estimate log p(x) on a split of the run's data, and keep the result with the run. For a model
    without log p(x), measure its reconstructions. Raises ValueError if the model does not allow a
    requested annealing, and if the data is gone."""
    if out is not None:
        check_name(out, (".csv",))
    check_options(wish)
    source = model.source().to(model.device, torch.channels_last)
    name = wish.split or source.unseen
    if name not in source.splits:
        raise ValueError(f"this data has no split {name!r}; {did_you_mean(name, source.splits)}")
    if source.encoding.get("kind") == "ratings":
        if wish.annealing:
            raise ValueError("annealing estimates log p(x), and this model was trained on ratings: "
                             "it is judged by how it ranks held-out items; leave --ais out")
        result = ranking_of(model, source, name, wish.limit)
        if out is not None:
            result.write(out)
        return result
    why = lacking(model.model.eval(), source.splits[name])
    if why and wish.annealing:
        raise ValueError(why)
    evaluation: Evaluation = estimate(model, source, name, wish) if not why else (
        reconstruction_of(model, source, name, wish.limit, _on_likelihood(model, why)))
    if out is not None:
        evaluation.write(out)
    return evaluation


def _on_likelihood(model: InUse, why: str) -> str:
    """A note on log p(x) for a model where it cannot be estimated, as `why` says."""
    if model.model.of_tokens and model.description.parts.bottleneck == "nothing":
        return "nats are -log p(x), exactly: a language model has no code to integrate over"
    return f"no likelihood: {why}"
