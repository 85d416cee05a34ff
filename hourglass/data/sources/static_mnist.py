"""The statically binarised MNIST, which most published log-likelihoods are for."""

import hashlib
import zipfile

import numpy as np

from ...core.contracts import Collection
from ...core.registry import sources
from ..fetch import Remote, find_all, places
from ..read_image import Reading, shape_images

PARTS = {"train": "train", "val": "valid", "test": "test"}
MIRRORS = ("http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",)
PIXELS = 28
DIGESTS = {   # sha256 of each part's bits, eight per byte, image by image
    "train": "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
    "valid": "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
    "test": "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2"}


@sources.add("binarised_mnist")
def binarised_mnist(reading: Reading) -> Collection:
    """MNIST binarised once: 50,000, 10,000 and 10,000 digits of 28x28 without labels (Larochelle &
    Murray, 2011)."""
    splits = _held()
    x = np.concatenate([splits[name] for name in PARTS.values()])
    ends = np.cumsum([len(splits[name]) for name in PARTS.values()])
    parts = {part: np.arange(end - len(splits[name]), end)
             for (part, name), end in zip(PARTS.items(), ends, strict=True)}
    return Collection(shape_images(x[..., None], reading), parts=parts)


def _held() -> dict[str, np.ndarray]:
    """Its splits (N, 28, 28), from binarized_mnist.npz if it is there, otherwise from the published
    texts. Raises ValueError for other files."""
    path = next((folder / "binarized_mnist.npz" for folder in places("binarized_mnist")
                 if (folder / "binarized_mnist.npz").is_file()), None)
    if path is None:
        names = [f"binarized_mnist_{name}.amat" for name in PARTS.values()]
        texts = find_all("binarized_mnist", [Remote(name, (), MIRRORS) for name in names])
        splits = {name: read_amat(text)
                  for name, text in zip(PARTS.values(), texts, strict=True)}
    else:
        try:
            with np.load(path, allow_pickle=False) as archive:
                splits = {name: archive[name].reshape(-1, PIXELS, PIXELS)
                          for name in PARTS.values()}
        except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile):
            raise ValueError(f"{path} cannot be read; delete it to have the published files "
                             f"downloaded") from None
    for name, digest in DIGESTS.items():
        bits = np.packbits(splits[name].reshape(len(splits[name]), -1).astype(bool), axis=1)
        if hashlib.sha256(bits.tobytes()).hexdigest() != digest:
            raise ValueError(f"the part {name} of the binarised MNIST is not the published one; "
                             f"delete the file to have it downloaded again")
    return splits


def read_amat(content: bytes) -> np.ndarray:
    """Images (N, 28, 28) of 0 and 1, from lines of numbers. Raises ValueError."""
    values = np.frombuffer(content, np.uint8)
    values = values[(values == ord("0")) | (values == ord("1"))] - ord("0")
    if not len(values) or len(values) % PIXELS**2:
        raise ValueError(f"this holds {len(values)} numbers 0 and 1, which are not images of "
                         f"{PIXELS}x{PIXELS}")
    return values.reshape(-1, PIXELS, PIXELS)
