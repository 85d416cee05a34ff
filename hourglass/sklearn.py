"""scikit-learn estimators: an autoencoder as a transformer, and as an outlier detector.

    from hourglass.sklearn import AutoencoderTransformer
    make_pipeline(AutoencoderTransformer(dim=4), LogisticRegression()).fit(X, y)
"""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from .core.registry import detectors
from .data.in_memory import gather
from .inference.pca import pca_from
from .inference.sample_stats import Look
from .inference.thresholds import contamination as lies_above
from .tasks import table_model
from .tasks.table_model import learn, restore, save, settings_for

sys.modules.setdefault("hourglass.learnt", table_model)   # as pickles of version 0.1 name it

TABLE = [np.float64, np.float32]   # types of X; all others become float64
USUAL = "mahalanobis"   # "auto": outliers in the training rows have small errors, but their codes
# lie apart (benchmarks/estimators.py)


@dataclass(eq=False, repr=False)
class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Rows of X (N, D) to codes (N, K) and back, by an autoencoder trained on X.

    After fit: `learnt_`, `n_iter_` (epochs), `n_features_in_`, and `feature_names_in_` where X
    names its columns. The same `random_state` gives the same codes. Raises ValueError.

        >>> from sklearn.datasets import load_digits
        >>> from hourglass.sklearn import AutoencoderTransformer
        >>> X, y = load_digits(return_X_y=True)
        >>> AutoencoderTransformer(dim=4, epochs=1, random_state=0).fit_transform(X).shape
        (1797, 4)
    """

    dim: int | None = None                       # latent dimensions; None: as in `model`
    model: str = "ae(8)"                         # a named model, such as vae(4)
    scale: str = "auto"                          # standard, range, none; auto: standard, for images
    image_shape: tuple[int, ...] | None = None   # range; (H, W) or (H, W, C) of a row
    epochs: int | None = None                    # at most; None: about 8,000 steps, at most 400
    batch_size: int | None = None                # None: 128, fewer for few images
    lr: float | None = None                      # None: the optimiser's usual one
    device: str = "cpu"
    random_state: Any = None
    verbose: int = 0                             # above 0, progress is printed
    settings: Mapping[str, Any] | None = None    # others by name: {"backbone": "mlp(64)", ...}

    def fit(self, X: Any, y: Any = None) -> "AutoencoderTransformer":
        """Train on X (N, D). y is ignored."""
        _fit(self, X)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Codes (N, K) of X (N, D), in X's precision."""
        X = _checked(self, X)
        return self.learnt_.encode(X).astype(X.dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Rows (N, D) of codes (N, K), in X's units."""
        check_is_fitted(self)
        X = check_array(X, dtype=TABLE)
        if X.shape[1] != self.learnt_.width:
            raise ValueError(f"codes here have {self.learnt_.width} numbers, not {X.shape[1]}")
        return self.learnt_.decode(X).astype(X.dtype)

    def save(self, path: str | Path) -> None:
        """Write a folder without pickles. It is also a run, which `hourglass.load` opens."""
        _save(self, path, {})

    @classmethod
    def load(cls: "type[AutoencoderTransformer]", path: str | Path) -> "AutoencoderTransformer":
        """Load a fitted estimator from such a folder. Raises ValueError."""
        return _loaded(cls, path)[0]

    @property
    def _n_features_out(self) -> int:
        return self.learnt_.width

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.non_deterministic = False
        tags.input_tags.sparse = True
        return tags


@dataclass(eq=False, repr=False)
class AutoencoderDetector(OutlierMixin, BaseEstimator):
    """Outlier detection with an autoencoder trained on X: rows whose codes lie far from the others
    or, with detector="error", rows with a large reconstruction error.

    After fit: `offset_`, below which a score is an outlier's, so that the share `contamination` of
    X is; `detector_` and its `state_`; `learnt_`, `n_iter_` (epochs), `n_features_in_`,
    `feature_names_in_`. Raises ValueError.

        >>> from sklearn.datasets import load_digits
        >>> from hourglass.sklearn import AutoencoderDetector
        >>> X, _ = load_digits(return_X_y=True)
        >>> found = AutoencoderDetector(contamination=0.05, epochs=1, random_state=0).fit_predict(X)
        >>> int((found == -1).sum())   # -1 is an outlier
        90
    """

    contamination: float = 0.1                   # share of X that counts as outliers
    detector: str = "auto"                       # error, knn(5), ... (hourglass list detectors)
    dim: int | None = None                       # the rest as in AutoencoderTransformer
    model: str = "ae(8)"
    scale: str = "auto"
    image_shape: tuple[int, ...] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None
    device: str = "cpu"
    random_state: Any = None
    verbose: int = 0
    settings: Mapping[str, Any] | None = None

    def fit(self, X: Any, y: Any = None) -> "AutoencoderDetector":
        """Train on X (N, D), where most rows are normal. y is ignored."""
        if not isinstance(self.contamination, float | np.floating) or (
                not 0 < self.contamination <= 0.5):
            raise ValueError(f"contamination must be a share above 0, up to 0.5, not "
                             f"{self.contamination!r}")
        if self.detector != "auto":
            detectors.make(self.detector)   # may raise, so it comes before the training
        X = _fit(self, X)
        self.detector_ = USUAL if self.detector == "auto" else self.detector
        rule = detectors.make(self.detector_)
        pca = self.learnt_.pca(X) if "pca" in rule.maps else None
        seen = self.learnt_.seen_in_training(X, Look(rule.draws, rule.maps, pca))
        self.state_, scores = rule.calibrate(seen.z, seen)
        self.state_ |= known_rows(X, scores) | (pca.arrays() if pca else {})
        self.offset_ = -lies_above(float(self.contamination))(scores, None)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """How normal every row of X is, (N,): higher is more normal. A training row is scored as if
        it were new: it is not its own neighbour."""
        X, rule = _checked(self, X), detectors.make(self.detector_)
        look = Look(rule.draws, rule.maps, pca_from(self.state_))
        scores = rule.score(self.learnt_.seen(X, look), self.state_)
        return -scores_of_known(X, scores, self.state_)

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores minus `offset_`: outliers are below 0."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """1 for a normal row of X, -1 for an outlier, (N,)."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def save(self, path: str | Path) -> None:
        """Write a folder without pickles. It is also a run, which `hourglass.load` opens."""
        _save(self, path, self.state_, offset=float(self.offset_), detector=self.detector_)

    @classmethod
    def load(cls: "type[AutoencoderDetector]", path: str | Path) -> "AutoencoderDetector":
        """Load a fitted estimator from such a folder. Raises ValueError."""
        estimator, kept, state = _loaded(cls, path)
        estimator.state_ = state
        estimator.offset_, estimator.detector_ = kept["offset"], kept["detector"]
        return estimator


def known_rows(x: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """Hashes of the rows of x (N, D), sorted, and their scores (N,), for a detector to keep."""
    marks = marks_of(x)
    order = np.argsort(marks, kind="stable")
    return {"known:rows": marks[order], "known:scores": scores[order]}


def scores_of_known(
    x: np.ndarray, scores: np.ndarray, state: Mapping[str, np.ndarray]
) -> np.ndarray:
    """Scores (N,) of rows x (N, D). Rows in `known_rows` get their saved score."""
    if "known:rows" not in state:   # a folder of an older version
        return scores
    marks, rows = marks_of(x), state["known:rows"]
    at = np.searchsorted(rows, marks).clip(max=len(rows) - 1)
    return np.where(rows[at] == marks, state["known:scores"][at], scores)


def marks_of(x: np.ndarray) -> np.ndarray:
    """Hashes (N,) int64 of the rows of x (N, D), at the precision of float32."""
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(x, dtype=np.float32) + np.float32(0)   # -0 becomes 0
    marks = b"".join(blake2b(row.tobytes(), digest_size=8).digest() for row in rows)
    return np.frombuffer(marks, np.int64)


def _fit(estimator: Any, X: Any) -> np.ndarray:
    """Train on X with the estimator's parameters. Returns the checked X."""
    X = _valid(estimator, X, ensure_min_samples=2)
    seed = int(check_random_state(estimator.random_state).randint(2**31 - 1))
    named = {name: getattr(estimator, name) for name in ("epochs", "batch_size", "lr", "device")}
    twice = set(estimator.settings or {}) & {*named, "model", "seed"}
    if twice:
        raise ValueError(f"{min(twice)} is a parameter of the estimator; take it out of settings")
    values = {**named, "seed": seed, **(estimator.settings or {})}
    settings = settings_for(estimator.model, estimator.dim, values)
    shape = _shape(X.shape[1], estimator.image_shape)
    estimator.learnt_ = learn(X, shape, estimator.scale, settings, bool(estimator.verbose))
    estimator.n_iter_ = estimator.learnt_.epochs
    return X


def _shape(columns: int, image_shape: Any) -> tuple[int, ...]:
    """The shape of a sample. Raises ValueError if the columns do not fit the image's shape."""
    if image_shape is None:
        return (columns,)
    shape = tuple(int(side) for side in image_shape)
    if len(shape) not in (2, 3) or math.prod(shape) != columns:
        raise ValueError(f"image_shape must be (H, W) or (H, W, C) with {columns} values, the "
                         f"columns of X, not {image_shape!r}")
    return shape


def _checked(estimator: Any, X: Any) -> np.ndarray:
    """Check X for a fitted estimator."""
    check_is_fitted(estimator)
    return _valid(estimator, X, reset=False)


def _valid(estimator: Any, X: Any, **options: Any) -> np.ndarray:
    """X as a dense table (N, D) of floats. scikit-learn accepts tables and sparse matrices; other
    data in memory is converted here."""
    if isinstance(X, np.ma.MaskedArray):
        X = np.ma.filled(X.astype(float), np.nan)   # NaN is refused later, not ignored
    elif isinstance(X, Tensor | Dataset | DataLoader):
        X = gather(X).values
    X = validate_data(estimator, X, dtype=TABLE, accept_sparse="csr", **options)
    return X.toarray() if issparse(X) else X


def _save(estimator: Any, path: str | Path, state: dict[str, np.ndarray], **kept: Any) -> None:
    check_is_fitted(estimator)
    names = getattr(estimator, "feature_names_in_", None)
    plain = {name: value.item() if isinstance(value, np.generic) else value
             for name, value in estimator.get_params(deep=False).items()}
    if not isinstance(plain["random_state"], int | None):
        plain["random_state"] = None   # a generator whose state has changed since
    save(path, estimator.learnt_, state, {
        "class": type(estimator).__name__, "parameters": plain, **kept,
        "columns": estimator.n_features_in_, "names": None if names is None else list(names)})


def _loaded(kind: Any, path: str | Path) -> tuple[Any, dict[str, Any], dict[str, np.ndarray]]:
    """The estimator in a folder, its other texts, and its arrays."""
    learnt, state, kept = restore(path)
    if kept["class"] != kind.__name__:
        raise ValueError(f"{path} holds an {kept['class']}, not an {kind.__name__}")
    estimator = kind(**{name: tuple(value) if isinstance(value, list) else value
                        for name, value in kept["parameters"].items()})
    estimator.learnt_, estimator.n_iter_ = learnt, learnt.epochs
    estimator.n_features_in_ = kept["columns"]
    if kept["names"] is not None:
        estimator.feature_names_in_ = np.array(kept["names"], dtype=object)
    return estimator, kept, state
