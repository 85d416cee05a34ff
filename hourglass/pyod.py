"""An outlier detector with pyod's interface: scores that rise with abnormality, labels 0 and 1."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from .core.hints import did_you_mean
from .sklearn import AutoencoderDetector

METHODS = ("linear", "unify")


class AutoencoderOD(BaseEstimator):
    """`AutoencoderDetector` behind the interface of pyod's `BaseDetector`; pyod is not needed.

    `estimator` says what to train: AutoencoderDetector(dim=4, detector="knn(5)"), its own
    contamination aside. After fit: `decision_scores_` (N,), `labels_` (N,), 1 for an outlier, and
    `threshold_`, the score above which one is.

        >>> from sklearn.datasets import load_digits
        >>> from hourglass.pyod import AutoencoderOD
        >>> from hourglass.sklearn import AutoencoderDetector
        >>> X, _ = load_digits(return_X_y=True)
        >>> found = AutoencoderOD(0.1, AutoencoderDetector(epochs=1, random_state=0)).fit(X)
        >>> found.decision_scores_.shape, set(found.labels_.tolist())
        ((1797,), {0, 1})
    """

    def __init__(self, contamination: float = 0.1, estimator: AutoencoderDetector | None = None):
        self.contamination = contamination
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None) -> "AutoencoderOD":
        """Train on X (N, D). y is ignored."""
        chosen = AutoencoderDetector() if self.estimator is None else clone(self.estimator)
        self.estimator_ = chosen.set_params(contamination=self.contamination).fit(X)
        self.decision_scores_ = self.decision_function(X)
        self.threshold_ = -self.estimator_.offset_
        self.labels_ = self._labels(self.decision_scores_)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """How abnormal every row of X is, (N,): higher is more abnormal."""
        check_is_fitted(self, "estimator_")
        return -self.estimator_.score_samples(X)   # the sign changes only here

    def predict(self, X: Any, return_confidence: bool = False) -> Any:
        """1 for an outlier, 0 for a normal row, (N,); and `predict_confidence`, if chosen."""
        labels = self._labels(self.decision_function(X))
        return (labels, self.predict_confidence(X)) if return_confidence else labels

    def fit_predict(self, X: Any, y: Any = None) -> np.ndarray:
        """Train, and return the labels (N,) of the training rows."""
        return self.fit(X).labels_

    def predict_proba(self, X: Any, method: str = "linear") -> np.ndarray:
        """Probabilities (N, 2) of normal and outlier, by a score's position among those of
        training: between smallest and largest (`linear`), or by a Gaussian's distribution (`unify`;
        Kriegel et al., 2011). Neither is calibrated."""
        if method not in METHODS:
            raise ValueError(f"no method is named {method!r}; {did_you_mean(str(method), METHODS)}")
        scores, known = self.decision_function(X), self.decision_scores_
        if method == "linear":
            share = (scores - known.min()) / (np.ptp(known) or 1.0)
        else:
            from scipy.special import erf
            share = erf((scores - known.mean()) / ((known.std() or 1.0) * np.sqrt(2)))
        odd = np.clip(share, 0, 1)
        return np.stack([1 - odd, odd], axis=1)

    def predict_confidence(self, X: Any) -> np.ndarray:
        """Probability that training on other samples would give a row the same label, (N,) (Perini,
        Vercruyssen & Davis, 2020)."""
        from scipy.stats import binom
        scores, total = self.decision_function(X), len(self.decision_scores_)
        below = np.searchsorted(np.sort(self.decision_scores_), scores, side="right")
        normal = total - int(total * self.contamination)
        odd = 1 - binom.cdf(normal, total, (1 + below) / (2 + total))
        confidence: np.ndarray = np.where(self._labels(scores) == 1, odd, 1 - odd)
        return confidence

    def _labels(self, scores: np.ndarray) -> np.ndarray:
        """Labels 0 and 1, as in pyod."""
        return (scores > self.threshold_).astype(int)
