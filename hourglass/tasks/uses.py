"""What a trained model offers in Python that a task does, by the name of the method."""

from ..core.contracts import Evaluation
from ..core.uses import uses
from ..inference.in_use import InUse
from ..inference.log_likelihood.estimate import LikelihoodOptions


@uses.add("evaluate")
def evaluate(model: InUse, wish: LikelihoodOptions) -> Evaluation:
    """See `Trained.evaluate`."""
    from .evaluate import evaluate as task
    return task(model, wish)
