"""How far reconstructions are from what they should be; each sample counts once."""

import warnings

import numpy as np
import torch

from ...core.channels import channels_first
from ...core.registry import metrics
from ...core.ssim import WINDOW, similarity
from ..snapshot import Lacking, Snapshot

LOOKED_AT = 2000   # images
AT_ONCE = 250      # of them

@metrics.add("errors")
def errors(s: Snapshot) -> dict[str, np.ndarray]:
    """Mean squared and absolute error per value, and -log p(x|z) in nats per sample."""
    if s.ranks:   # a share of items is not near 0 or 1
        return {"nats": s.nats}
    return {"mse": s.squared, "mae": s.of_known(np.abs(s.x - s.recon)), "nats": s.nats}


@metrics.add("psnr")
def psnr(s: Snapshot) -> dict[str, np.ndarray]:
    """Peak signal-to-noise ratio in dB, the mean over samples in [0, 1]."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    return {"psnr": -10 * np.log10(np.maximum(s.squared, 1e-10))}


def peak_ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) peak signal-to-noise ratio of samples x and y (N, ...) in [0, 1], in dB, at most 100."""
    ratios: np.ndarray = -10 * np.log10(np.maximum(_each(np.square(x - y)), 1e-10))
    return ratios


@metrics.add("bce")
def bce(s: Snapshot) -> dict[str, np.ndarray]:
    """Binary cross-entropy per value, as the tutorials print it."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    p = np.clip(s.recon, 1e-7, 1 - 1e-7).astype(np.float64)
    return {"bce": s.of_known(-(s.x * np.log(p) + (1 - s.x) * np.log1p(-p)))}


@metrics.add("explained")
def explained(s: Snapshot) -> dict[str, float]:
    """Share of the samples' variance that the reconstruction explains; 0 is as good as the mean."""
    if s.ranks:
        raise Lacking("values, not choices")
    about = np.where(s.known, s.x, np.nan) if len(s.known) else s.x
    with np.errstate(invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")   # of columns in which nothing is known
        spread = float(np.nanmean(np.square(about - np.nanmean(about, axis=0))))
    if spread < 1e-8:
        raise Lacking("samples that differ")
    return {"explained_variance": 1 - float(s.squared.mean()) / spread}


@metrics.add("ssim")
def ssim(s: Snapshot) -> dict[str, np.ndarray]:
    """Structural similarity, from -1 to 1, 1 the same image (Wang et al., 2004): in Gaussian
    windows 11 pixels wide of standard deviation 1.5, of images in [0, 1]; on up to 2,000."""
    if s.x.ndim != 4 or not s.bounded or min(s.x.shape[1:3]) < WINDOW:
        raise Lacking(f"images in [0, 1] of {WINDOW} pixels or more")
    if len(s.known) and not s.known.all():
        raise Lacking("images without missing pixels")
    few = np.linspace(0, len(s.x) - 1, min(len(s.x), LOOKED_AT)).astype(int)
    return {"ssim": structural_similarity(s.x[few], s.recon[few])}


def structural_similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) of images x and y (N, H, W, C); windows that reach over the border are left out."""
    few = [np.arange(i, min(i + AT_ONCE, len(x))) for i in range(0, len(x), AT_ONCE)]
    return np.concatenate([_similarity(x[rows], y[rows]) for rows in few])


def _similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    first = [channels_first(torch.from_numpy(v.astype(np.float32))) for v in (x, y)]
    return _each(similarity(*first)[0].numpy())


@metrics.add("sharpness")
def sharpness(s: Snapshot) -> dict[str, float]:
    """Sharpness: the mean square of the reconstructions' Laplacians over that of the samples.
    Below 1, they are blurred. Also for the generated samples of each prior."""
    if s.x.ndim != 4 or min(s.x.shape[1:3]) < 3:
        raise Lacking("images")
    usual = max(_edges(s.x), 1e-12)
    return {"sharpness": _edges(s.recon) / usual,
            **{f"{name}/sharpness": _edges(drawn.x) / usual for name, drawn in s.drawn.items()}}


def _edges(x: np.ndarray) -> float:
    few = x[:LOOKED_AT]
    across = few[:, 1:-1, :-2] + few[:, 1:-1, 2:] + few[:, :-2, 1:-1] + few[:, 2:, 1:-1]
    return float(np.square(across - 4 * few[:, 1:-1, 1:-1]).mean())


def _each(values: np.ndarray) -> np.ndarray:
    """(N,) the mean of each sample's values."""
    means: np.ndarray = values.reshape(len(values), -1).mean(1)
    return means
