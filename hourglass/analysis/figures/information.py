"""The information of each latent dimension about the known generative factors."""

import numpy as np
from matplotlib.figure import Figure

from ...core.registry import figures
from ..disentanglement import BINS, entropies, mig, mutual_information
from ..snapshot import Lacking, Snapshot
from .canvas import panels

SHOWN = 30   # codes, those that say most
DARK = 0.6   # share from which a number is written in black


@figures.add("information")
def information(s: Snapshot) -> Figure:
    """Mutual information of each latent dimension and each known generative factor, as a share of
    the entropy of the factor. The gap is between the best dimension of a factor and the second
    best. How to read it: each row should have one bright square, and no column two."""
    varies = np.ptp(s.truth, axis=0) > 0 if s.truth.ndim == 2 else np.zeros(1, bool)
    if not varies.any() or not np.isfinite(s.codes).all():
        raise Lacking("factors that are known")
    v, names = s.truth[:, varies], np.array(s.truth_names)[varies]
    shares = mutual_information(s.codes, v) / entropies(v)
    most = np.sort(np.argsort(-shares.max(1), kind="stable")[:SHOWN])
    figure, (ax,) = panels(1, 1, 1.6 + 0.45 * len(names))
    picture = ax.imshow(shares[most].T, cmap="viridis", vmin=0, vmax=1, aspect="auto",
                        interpolation="nearest")
    figure.colorbar(picture, ax=ax, label="share of the entropy")
    for column, code in enumerate(most):
        for row, share in enumerate(shares[code]):
            ax.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=7,
                    color="black" if share > DARK else "white")
    gaps = [np.sort(shares[:, i])[::-1][:2] for i in range(len(names))]
    ax.set_yticks(np.arange(len(names)), [
        f"{name}, gap {gap[0] - (gap[1] if len(gap) > 1 else 0):.2f}"
        for name, gap in zip(names, gaps, strict=True)])
    ax.set_xticks(np.arange(len(most)), [str(code + 1) for code in most])
    few = "" if len(most) == len(shares) else (
        f" (the {SHOWN} of {len(shares)} with the most information)")
    ax.set(xlabel=f"latent dimension{few}",
           title=f"MIG {mig(s.codes, v):.3f}: mean codes of {len(v):,} samples in {BINS} bins")
    return figure
