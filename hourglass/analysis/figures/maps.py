"""Maps of the latent space that bend: kernel PCA, t-SNE, UMAP."""

import warnings
from contextlib import suppress

import numpy as np
from matplotlib.figure import Figure

from ...core.registry import figures
from ..snapshot import Lacking, Snapshot
from .canvas import headline, panels
from .classes import groups, legend
from .scatter import name_medians, scatter
from .selection import counted, latents, some

MOST = 1500         # samples; the cost grows with their square
LEAST = 10
NEIGHBOURS = 30     # that t-SNE keeps together


@figures.add("maps")
def maps(s: Snapshot) -> Figure:
    """Nonlinear maps of the latent codes: kernel PCA (RBF kernel with the median distance as its
    width), t-SNE, and UMAP if it is installed ('hourglass[umap]'). How to read it: each class
    should be one island. The sizes of islands and the gaps between them mean little."""
    rows, z = _sample(s)
    drawn = {"kernel PCA": kernel_pca(z, 2), "t-SNE": t_sne(z)}
    with suppress(ImportError):
        drawn["UMAP"] = u_map(z)
    figure, axes = panels(1, len(drawn), 5.6 if len(drawn) == 2 else 4.4)
    classes = groups(s, rows)
    for ax, (name, points) in zip(axes, drawn.items(), strict=True):
        scatter(ax, points, classes, 20_000)
        ax.set_title(f"{name} of {counted(s, rows)}", fontsize=11)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(xticks=[], yticks=[])   # only neighbourhoods matter here, not positions
    legend(figure, classes)
    name_medians(axes, list(drawn.values()), s, rows)
    return figure


@figures.add("kernel_pca_3d")
def kernel_pca_3d(s: Snapshot) -> Figure:
    """The first three components of kernel PCA (RBF kernel), seen from two sides. How to read it:
    classes should be apart. Classes that overlap on a flat map may lie behind each other here."""
    rows, z = _sample(s)
    points = kernel_pca(z, 3)
    figure, axes = panels(1, 2, 5.4, subplot_kw={"projection": "3d"})
    classes = groups(s, rows)
    for ax, turned in zip(axes, (-60, 30), strict=True):
        scatter(ax, points, classes, 20_000, alpha=0.9)
        ax.view_init(elev=20, azim=turned)   # type: ignore[attr-defined]
        ax.set(xlabel="axis 1", ylabel="axis 2", zlabel="axis 3", xticklabels=[], yticklabels=[],
               zticklabels=[])
        ax.set_box_aspect(None, zoom=1.1)   # type: ignore[call-arg]
    headline(figure, f"kernel PCA of {counted(s, rows)}, from two sides")
    legend(figure, classes)
    return figure


def kernel_pca(z: np.ndarray, axes: int) -> np.ndarray:
    """Codes (N, D) on the first axes of PCA in an RBF kernel's space, (N, axes)."""
    from scipy.spatial.distance import pdist
    from sklearn.decomposition import KernelPCA
    apart = pdist(z)
    gamma = 1 / float(np.median(apart[apart > 0])) ** 2   # codes may be many times the same
    return np.asarray(KernelPCA(axes, kernel="rbf", gamma=gamma, eigen_solver="arpack",
                                random_state=0).fit_transform(z))


def t_sne(z: np.ndarray) -> np.ndarray:
    """Codes (N, D) on t-SNE's plane, (N, 2)."""
    from sklearn.manifold import TSNE
    return np.asarray(TSNE(perplexity=min(NEIGHBOURS, (len(z) - 1) / 3), init="pca", max_iter=500,
                           random_state=0).fit_transform(z))


def u_map(z: np.ndarray) -> np.ndarray:
    """Codes (N, D) on UMAP's plane, (N, 2)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")   # of parts of it that need TensorFlow
        from umap import UMAP
        return np.asarray(UMAP(n_neighbors=min(15, len(z) - 1), random_state=0,
                               n_jobs=1).fit_transform(z))


def _sample(s: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """Samples to map, and their codes brought to unit width, which no map depends on."""
    rows = some(s, MOST)
    z = latents(s, rows, dimensions=2)
    scale = float(z.std())
    if scale == 0 or len(np.unique((z - z.mean(0)) / scale, axis=0)) < LEAST:
        raise Lacking(f"{LEAST} codes that differ")
    return rows, (z - z.mean(0)) / scale
