"""Recommendations from Python: hg.recommend("runs/1", items)."""

from typing import Any

from .load import load
from .python_words import for_python
from .recommending import recommend_of


@for_python
def recommend(run: Any, history: Any, n: int = 20, device: str = "cpu") -> Any:
    """The `n` best items for each user in a history, by the model of a run: see Model.recommend.
    `run` is a run's folder or a model. Raises ValueError.

        >>> import hourglass as hg
        >>> run = hg.train("ratings.csv", epochs=1, out="run", quiet=True)   # doctest: +SKIP
        >>> hg.recommend("run", ["film 1"], n=3)   # doctest: +SKIP
    """
    model = run if hasattr(run, "trained") else load(run, device)
    return recommend_of(model.trained, history, n)

