"""A decoder for compression: the same images for any batch, number of threads or machine."""

import copy
import hashlib

import numpy as np
import torch
from torch import Tensor

from ...core.channels import channels_last
from ...model.autoencoder import Autoencoder
from ..batches import pieces

BATCH = 64


class ExactDecoder:
    """A copy of a model that decodes on the CPU in double precision.

    In single precision, sums differ between batches and machines by some 5e-7. Of a million pixels,
    about ten lie so near to the middle between two greys that this changes their rounding. In
    double precision the difference is 5e-16, which changes about one pixel in 1e13.
    """

    def __init__(self, model: Autoencoder, shape: tuple[int, ...], bounded: bool):
        kept = copy.deepcopy(model).to("cpu").double().eval().requires_grad_(False)
        self.model: Autoencoder = kept.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.eight_bits = bounded and len(shape) == 3

    def __call__(self, z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        """Decode codes (N, D) or (N, D, H, W) with classes y (N,): to images uint8 (N, H, W, C) or,
        for values outside [0, 1] and other data, to float32."""
        return np.concatenate([self._block(codes, labels) for codes, labels in pieces(
            z, y, size=BATCH, what="decoding")])

    @torch.inference_mode()
    def _block(self, z: np.ndarray, y: np.ndarray | None) -> np.ndarray:
        codes = torch.from_numpy(np.asarray(z, np.float64))
        x = channels_last(decoded_mean(self.model, codes, y)).numpy()
        if not np.isfinite(x).all():
            raise ValueError("the model decodes these codes to values that are not finite")
        if not self.eight_bits:
            return x.astype(np.float32)
        return np.rint(x.clip(0, 1) * 255).astype(np.uint8)


def decoded_mean(model: Autoencoder, z: Tensor, y: np.ndarray | None) -> Tensor:
    """The mean of p(x|z), (B, *shape), for codes z (B, ...) with classes y (B,)."""
    return model.decode(z, None if y is None else torch.from_numpy(y).to(z.device)).mean


def model_digest(model: Autoencoder, about: str) -> bytes:
    """SHA-256 of a model's weights, by name, and of its description, 32 bytes."""
    sha = hashlib.sha256(about.encode())
    for name, tensor in sorted(model.state_dict().items()):
        values = tensor.detach().cpu().contiguous().numpy()
        sha.update(f"{name} {values.dtype.str} {values.shape}".encode())
        sha.update(values.tobytes())
    return sha.digest()
