"""Feature vectors of images from Python: hg.embed("photos/")."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.features import Extractor
from ..core.features import features as extractor_of
from .embed import SUFFIXES, Embedded, write_codes
from .embed_features import embedded_by
from .model_uses import Duplicates, Neighbours, doubles_in, neighbours_in
from .python_words import for_python
from .write_images import check_name


@dataclass(frozen=True, repr=False)
class FeatureVectors:
    """Images as vectors of a feature extractor, in place of a model's codes."""

    extractor: Extractor
    embedded: Embedded

    @property
    def vectors(self) -> np.ndarray:
        """One for each image that could be read, (N, F)."""
        return self.embedded.z

    @property
    def names(self) -> list[str]:
        """Names of these images, or their numbers."""
        return self.embedded.names

    @property
    def classes(self) -> list[str]:
        """The class of each image, by its folder; "" without classes."""
        return [self.embedded.kind(row) for row in range(len(self.vectors))]

    def save(self, path: str | Path) -> Path:
        """Write a table of names, classes, splits and vectors (.csv, .parquet), or the vectors
        alone (.npy). Returns the path. Raises ValueError for another suffix."""
        check_name(Path(path), SUFFIXES)
        write_codes(self.embedded, Path(path))
        return Path(path)

    def nearest(self, queries: Any, n: int = 10) -> Neighbours:
        """The `n` images whose vectors are nearest to each query's: an image (H, W) or (H, W, C), a
        file, or the number of one of these images; or a list of them. Raises ValueError."""
        if (isinstance(queries, np.ndarray) and queries.ndim < 4) or not isinstance(
                queries, Sequence | np.ndarray) or isinstance(queries, str):
            queries = [queries]
        return neighbours_in(self.embedded, np.concatenate(list(map(self._vector, queries))), n)

    def duplicates(self, within: float = 0.3) -> Duplicates:
        """Images that occur twice, exactly or nearly, by their vectors and then by their pixels at
        64x64. `within` is the largest distance between duplicates, as a share of the distance to
        the tenth neighbour. Raises ValueError."""
        return doubles_in(self.embedded, within)

    def _vector(self, query: Any) -> np.ndarray:
        if isinstance(query, int | np.integer):
            if not 0 <= query < len(self.vectors):
                raise ValueError(f"there is no image {query}; they are numbered from 0 to "
                                 f"{len(self.vectors) - 1}")
            return self.vectors[query][None]
        found = embedded_by(self.extractor, query if isinstance(query, str | Path) else [query]).z
        if len(found) != 1:
            raise ValueError(f"a query is one image, and {query} holds {len(found)}")
        return found

    def __repr__(self) -> str:
        return (f"{len(self.vectors):,} vectors of {self.vectors.shape[1]:,} numbers, by "
                f"{self.extractor}")


@for_python
def embed(
    images: Any, features: str | Extractor = "efficientnet_lite0", *, device: str = "cpu"
) -> FeatureVectors:
    """Feature vectors of images, without a model: as arrays, a table, near images, duplicates.

    `images` are a folder, an archive, a file, an array (N, H, W) or (N, H, W, C), or a list of
    images of any sizes; the longer side is brought to 224 pixels. `features` is a text as in
    hg.features, or what that gave; the default needs: pip install 'hourglass[features]'. Codes of
    a model of your own are model.encode(images). Raises ValueError.

        >>> import hourglass as hg, numpy as np
        >>> x = np.random.default_rng(0).integers(0, 256, (12, 32, 32), np.uint8)
        >>> x[7] = x[3]
        >>> found = hg.embed(x, "random")
        >>> found.vectors.shape, found.duplicates().groups, found.nearest(x[3], n=2).index
        ((12, 480), [array([3, 7])], array([[3, 7]]))
    """
    extractor = features if isinstance(features, Extractor) else extractor_of(
        features, device=device)
    return FeatureVectors(extractor, embedded_by(extractor, images))
