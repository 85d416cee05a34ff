"""The snapshot of a model of lines of text: what it writes, and what metrics need."""

from collections.abc import Mapping

import numpy as np
import torch

from ..core.random_numbers import seeded
from ..data.split_data import Source
from ..data.vocabulary import OF_MOLECULES, Vocabulary, vocabulary_of
from ..inference.fit_prior import FittedPrior
from ..model.autoencoder import Autoencoder
from ..model.likelihoods.tokens import chooser
from .molecule_snapshot import add_molecules
from .snapshot import Snapshot

SHOWN = 24       # lines with their reconstructions, and of each prior
WRITTEN = 200    # lines that are reconstructed to count those that are exact
STEPS = 6        # lines between two


def add_lines(
    s: Snapshot, model: Autoencoder, source: Source, priors: Mapping[str, FittedPrior]
) -> None:
    """Add what the model writes: reconstructions, lines from one to another, and draws of each
    prior, token by token at temperature 1."""
    vocabulary = vocabulary_of(source.encoding)
    rows = np.linspace(0, len(s.x) - 1, min(WRITTEN, len(s.x))).astype(int)
    labels = s.y[rows] if len(s.y) else None
    reconstructions = vocabulary.texts(_written(model, s.z[rows], labels))
    lines = vocabulary.texts(s.x[rows])
    s.kind, s.exact = "lines", np.array([
        a == b for a, b in zip(lines, reconstructions, strict=True)])
    s.pca = "PCA is left out: lines of text are tokens, not numbers"
    few = np.linspace(0, len(rows) - 1, min(SHOWN, len(rows))).astype(int)
    s.lines = {"lines": [lines[i] for i in few],
               "reconstructions": [reconstructions[i] for i in few]}
    if len(rows) > 1 and model.condition is None:
        share = np.linspace(0, 1, STEPS + 2, dtype=np.float32)[:, None]
        first, second = s.codes[rows[0]], s.codes[rows[-1]]
        between = ((1 - share) * first + share * second).reshape(-1, *s.z.shape[1:])
        s.lines["between"] = vocabulary.texts(_written(model, between, None))
    for name, prior in priors.items():
        texts, of = _drawn(model, prior, vocabulary, SHOWN)
        s.lines[f"drawn from {name}"] = [f"{s.classes[k]}: {text}" if len(of) else text
                                         for k, text in zip(of if len(of) else texts, texts,
                                                            strict=True)]
    if vocabulary.level in OF_MOLECULES:
        add_molecules(s, source, {
            name: lambda n, prior=prior: _drawn(model, prior, vocabulary, n)[0]   # type: ignore[misc]
            for name, prior in priors.items() if "uniform" not in name})


def _drawn(
    model: Autoencoder, prior: FittedPrior, vocabulary: Vocabulary, n: int
) -> tuple[list[str], np.ndarray]:
    """Texts (n,) that the model writes of draws from a prior, and their classes (n,), if the prior
    or the model knows classes; otherwise (0,)."""
    by_class = model.condition is not None or prior.groups > 1
    kinds = np.resize(np.flatnonzero(prior.share.numpy() > 0), n) if by_class else np.zeros(n, int)
    z, of = prior.sample(n, kinds, seed=1) if by_class else prior.sample(n, seed=1)
    texts = vocabulary.texts(_written(model, z, of, draw=True))
    return texts, of if by_class else np.empty(0, int)


@torch.inference_mode()
def _written(
    model: Autoencoder, z: np.ndarray, y: np.ndarray | None, draw: bool = False
) -> np.ndarray:
    """The tokens (N, T) that the model writes for codes (N, ...): the most probable ones, or drawn
    at temperature 1 with a fixed seed."""
    device = next(model.parameters()).device
    codes = torch.from_numpy(np.ascontiguousarray(z, dtype=np.float32)).to(device)
    labels = None if model.condition is None or y is None else torch.from_numpy(
        np.asarray(y)).to(device)
    with seeded(1, device):
        px = model.decode(model.settled(codes), labels)
        tokens = px.drawn(chooser()) if draw else px.mean  # type: ignore[attr-defined]
    return tokens.cpu().numpy()
