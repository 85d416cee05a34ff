"""The distance of a whole image to normal images, in pretrained features."""

import numpy as np
import torch

from ...core.contracts import Rule, Seen
from ...core.covariance import root_of_covariance
from ...core.features import features as features_of
from ...core.features import looked_up
from ...core.hints import Count, Depth
from ...core.registry import detectors
from .latent_distance import distance_to
from .patch_features import EXTRACTOR, NONE, State, check_digest, digest_array, in_groups

VECTORS = 20_000   # most vectors of training images that are kept


@detectors.add("feature_knn")
def feature_knn(
    features: str = EXTRACTOR, k: Count = 2, size: Depth = 128, whiten: bool = True
) -> Rule:
    """Mean distance of the image's feature vector to its k nearest neighbours among at most 20,000
    training images: for images of another kind, not for small defects (Bergman, Cohen & Hoshen,
    2020, arXiv 2002.10445).

    `features` names a feature extractor. Images are brought to `size` pixels (the longer side; 0
    keeps them). Vectors are scaled to length 1, so that contrast does not matter, and then with
    `whiten` brought to unit covariance, which is shrunk, more for fewer images (Ledoit & Wolf,
    2004): directions in which normal images differ little count more.
    """
    @torch.inference_mode()
    def vectors(seen: Seen, train: bool = False) -> np.ndarray:
        extractor = features_of(features)

        def look(some: np.ndarray) -> list[tuple[np.ndarray, ...]]:
            return [(row,) for row in extractor.vector(some, size or None).float().cpu().numpy()]
        extracted = [row for some in in_groups(seen.train_images if train else seen.images)
                     for row, in looked_up(some, f"{extractor} vector {size}", look)]
        if not extracted:
            raise ValueError(NONE)
        whole = np.stack(extracted)
        normed: np.ndarray = whole / np.maximum(np.linalg.norm(whole, axis=1, keepdims=True), 1e-12)
        return normed

    def fit(codes: np.ndarray, calibration: Seen) -> State:
        known = vectors(calibration, train=True)
        own = {"mean": known.mean(0), "white": whitening(known)} if whiten else {}
        return {"vectors": at_most(as_kept(known, own)), **own,
                "digest": digest_array(features_of(features))}

    def score(seen: Seen, state: State) -> np.ndarray:
        check_digest(state, features_of(features))
        return distance_to(state["vectors"], as_kept(vectors(seen), state), k)

    def refit(seen: Seen, state: State) -> State:
        return fit(np.empty((0, 0)), seen)

    def extend(seen: Seen, state: State) -> State:
        check_digest(state, features_of(features))
        return {**state, "vectors": at_most(np.concatenate(
            [state["vectors"], as_kept(vectors(seen), state)]))}
    return Rule(fit, score, codes=False, maps=frozenset({"images"}), features=features,
                refit=refit, extend=extend)


def whitening(known: np.ndarray) -> np.ndarray:
    """The matrix (F, F) after which vectors (N, F) have unit covariance, estimated by shrinking."""
    root = root_of_covariance(torch.from_numpy(known)).double()
    inverse = torch.linalg.solve_triangular(root, torch.eye(len(root)).double(), upper=False)
    white: np.ndarray = inverse.T.float().numpy()
    return white


def as_kept(vectors: np.ndarray, state: State) -> np.ndarray:
    """Vectors (N, F) of length 1, whitened unless the state is of a detector that does not."""
    return (vectors - state["mean"]) @ state["white"] if "white" in state else vectors


def at_most(known: np.ndarray) -> np.ndarray:
    """Of vectors (N, F), at most VECTORS, evenly spread."""
    some: np.ndarray = known[np.linspace(0, len(known) - 1, min(len(known), VECTORS)).astype(int)]
    return some
