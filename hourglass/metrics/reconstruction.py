"""How far reconstructions are from what they should be; each sample counts once."""

import numpy as np

from ..snapshot import Lacking, Snapshot
from ..spec import metrics


@metrics.add("errors")
def errors(s: Snapshot) -> dict[str, float]:
    """Mean squared and absolute error per value, and -log p(x|z) in nats per sample."""
    return {"mse": float(s.squared.mean()), "mae": float(np.abs(s.x - s.recon).mean()),
            "nats": float(s.nats.mean())}


@metrics.add("psnr")
def psnr(s: Snapshot) -> dict[str, float]:
    """Peak signal-to-noise ratio in dB, the mean over samples in [0, 1]."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    return {"psnr": float((-10 * np.log10(np.maximum(s.squared, 1e-10))).mean())}


@metrics.add("bce")
def bce(s: Snapshot) -> dict[str, float]:
    """Binary cross-entropy per value, as the tutorials print it."""
    if not s.bounded:
        raise Lacking("values in [0, 1]")
    p = np.clip(s.recon, 1e-7, 1 - 1e-7).astype(np.float64)
    return {"bce": float(-(s.x * np.log(p) + (1 - s.x) * np.log1p(-p)).mean())}


@metrics.add("explained")
def explained(s: Snapshot) -> dict[str, float]:
    """Share of the samples' variance that the reconstruction explains; 0 is as good as the mean."""
    spread = float(np.square(s.x - s.x.mean(0)).mean())
    if spread < 1e-8:
        raise Lacking("samples that differ")
    return {"explained_variance": 1 - float(s.squared.mean()) / spread}
