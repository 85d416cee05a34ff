"""The tasks that a trained model offers as methods in Python, by the name of the method."""

from ..core.contracts import Evaluation
from ..core.method_registry import uses
from ..inference.log_likelihood.estimate import LikelihoodOptions
from ..inference.model_protocol import InUse


@uses.add("evaluate")
def evaluate(model: InUse, wish: LikelihoodOptions) -> Evaluation:
    """See `Trained.evaluate`."""
    from .evaluate import evaluate as task
    return task(model, wish)
