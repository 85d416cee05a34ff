"""How discrete codes use their words."""

import numpy as np

from ...core.registry import metrics
from ..snapshot import Lacking, Snapshot


@metrics.add("words")
def words(s: Snapshot) -> dict[str, float]:
    """The perplexity of the words of all samples together, e to their entropy: how many equally
    frequent ones would say as much; and how many are in use. Of several codebooks, the mean."""
    if not len(s.words):
        raise Lacking("discrete codes")
    of_books = s.words.reshape(-1, s.books).T
    counts = [np.unique(book, return_counts=True)[1] for book in of_books]
    shares = [count / count.sum() for count in counts]
    nats = [-float((share * np.log(share)).sum()) for share in shares]
    return {"perplexity": float(np.mean(np.exp(nats))),
            "used_words": float(np.mean([len(count) for count in counts]))}
