"""How far reconstructions are from what they should be; each sample counts once."""

import numpy as np

from ..snapshot import Lacking, Snapshot
from ..spec import metrics

WINDOW = 11        # pixels
LOOKED_AT = 2000   # images

@metrics.add("errors")
def errors(s: Snapshot) -> dict[str, np.ndarray]:
    """Mean squared and absolute error per value, and -log p(x|z) in nats per sample."""
    return {"mse": s.squared, "mae": _each(np.abs(s.x - s.recon)), "nats": s.nats}


@metrics.add("psnr")
def psnr(s: Snapshot) -> dict[str, np.ndarray]:
    """Peak signal-to-noise ratio in dB, the mean over samples in [0, 1]."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    return {"psnr": peak_ratio(s.x, s.recon)}


def peak_ratio(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) peak signal-to-noise ratio of samples x and y (N, ...) in [0, 1], in dB, at most 100."""
    found: np.ndarray = -10 * np.log10(np.maximum(_each(np.square(x - y)), 1e-10))
    return found


@metrics.add("bce")
def bce(s: Snapshot) -> dict[str, np.ndarray]:
    """Binary cross-entropy per value, as the tutorials print it."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    p = np.clip(s.recon, 1e-7, 1 - 1e-7).astype(np.float64)
    return {"bce": _each(-(s.x * np.log(p) + (1 - s.x) * np.log1p(-p)))}


@metrics.add("explained")
def explained(s: Snapshot) -> dict[str, float]:
    """Share of the samples' variance that the reconstruction explains; 0 is as good as the mean."""
    spread = float(np.square(s.x - s.x.mean(0)).mean())
    if spread < 1e-8:
        raise Lacking("samples that differ")
    return {"explained_variance": 1 - float(s.squared.mean()) / spread}


@metrics.add("ssim")
def ssim(s: Snapshot) -> dict[str, np.ndarray]:
    """Structural similarity, from -1 to 1, 1 the same image (Wang et al., 2004): in Gaussian
    windows 11 pixels wide of standard deviation 1.5, of images in [0, 1]; on up to 2,000."""
    if s.x.ndim != 4 or not s.bounded or min(s.x.shape[1:3]) < WINDOW:
        raise Lacking(f"images in [0, 1] of {WINDOW} pixels or more")
    few = np.linspace(0, len(s.x) - 1, min(len(s.x), LOOKED_AT)).astype(int)
    return {"ssim": structural_similarity(s.x[few], s.recon[few])}


def structural_similarity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) of images x and y (N, H, W, C); windows that reach over the border are left out."""
    means = [_blurred(v.astype(np.float32)) for v in (x, y, x * x, y * y, x * y)]
    mx, my = means[0], means[1]
    vx, vy, cov = means[2] - mx * mx, means[3] - my * my, means[4] - mx * my
    c1, c2 = 0.01**2, 0.03**2
    each = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    margin = WINDOW // 2
    return _each(each[:, margin:-margin, margin:-margin])


def _blurred(v: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter
    radius = WINDOW // 2
    found: np.ndarray = gaussian_filter(v, (0, 1.5, 1.5, 0), radius=(0, radius, radius, 0))
    return found


@metrics.add("sharpness")
def sharpness(s: Snapshot) -> dict[str, float]:
    """How sharp reconstructions are beside the samples: the ratio of the mean squares of their
    Laplacians; below 1 they are blurred. With the mean of the drawn samples of each prior."""
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
    found: np.ndarray = values.reshape(len(values), -1).mean(1)
    return found
