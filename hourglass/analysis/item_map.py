"""A map of items in two dimensions, by the decoder's vector of each."""

from typing import Any

import numpy as np

from ..model.autoencoder import Autoencoder
from .ranking import item_vectors

MOST = 1000        # of the most popular items are on the map
LEAST = 20         # fewer make no map
FIRST = 30         # components that t-SNE sees
PERPLEXITY = 20


def item_map(
    model: Autoencoder, encoding: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Places (M, 2) of the most popular items, their users (M,), and their titles. Items that the
    decoder treats alike are near one another: the direction of their vectors, by t-SNE."""
    vectors = item_vectors(model)
    if vectors is None or len(vectors) < LEAST or not np.isfinite(vectors).all():
        return np.empty(0), np.empty(0), ()
    counts, order = np.array(encoding["counts"]), popular(encoding)
    own = vectors[order] - vectors.mean(0)
    own = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    return _placed(own), counts[order], tuple(names_of(encoding)[i] for i in order.tolist())


def popular(encoding: dict[str, Any]) -> np.ndarray:
    """The indices of at most `MOST` items, those with most users first."""
    return np.argsort(-np.array(encoding["counts"]), kind="stable")[:MOST]


def names_of(encoding: dict[str, Any]) -> list[str]:
    """The name of each item: its title or, without one, its id."""
    titles = encoding["titles"] or [""] * len(encoding["items"])
    return [title or item for title, item in zip(titles, encoding["items"], strict=True)]


def _placed(vectors: np.ndarray) -> np.ndarray:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    few = min(FIRST, *vectors.shape)
    first = PCA(few, random_state=0).fit_transform(vectors)
    if few < 2:
        return np.empty(0)
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(first) - 1) / 3), init="pca", random_state=0)
    return np.asarray(tsne.fit_transform(first), np.float32)
