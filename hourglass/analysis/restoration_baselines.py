"""What people restore images with when they have no model: filters, interpolation, inpainting.

On images (N, H, W, C) in [0, 1]. Methods that need the noise level or the mask of missing pixels
get the exact one, which no user has. BM3D, OpenCV and scikit-image take part where they are
installed.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np

from ..core.console import track
from ..core.expressions import read_sum

Fix = Callable[[np.ndarray], np.ndarray]   # of one image (H, W, C)
HOLES = {"drop", "mask", "cutout", "overlay"}


def baselines(
    corruption: str, corrupted: np.ndarray, x: np.ndarray, hidden: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """The corrupted images of x, restored by each baseline for this corruption, by name. If no
    baseline fits (for pairs), it is a median filter. `hidden` (N, H, W) says which pixels are
    missing; by default, they are found from the images."""
    called = {s.call.name: s.call for s in read_sum(corruption)}
    restored: dict[str, np.ndarray] = {}
    if "downscale" in called:
        call = called["downscale"]
        restored["bicubic"] = bicubic(corrupted, int(call.kwargs.get("factor", (*call.args, 4)[0])))
    if HOLES & set(called):
        holes = hidden if hidden is not None else (
            changed(corrupted, x) if "overlay" in called else missing(corrupted, x))
        restored["nearest"] = _each(nearest, "filling in", corrupted, holes)
        if hidden is not None:   # or a black pixel next to a hole would look missing too
            restored["neighbours"] = _each(neighbours, "filling in", corrupted, holes)
        if find_spec("cv2") and corrupted.shape[-1] in (1, 3):
            restored["telea"] = _each(telea, "inpainting", corrupted, holes)
    if not {"noise", "salt_pepper"} & set(called) and called.keys() != {"none"}:
        return restored
    start = {f"{name}_": images for name, images in restored.items()} or {"": corrupted}
    for before, images in start.items():
        restored[f"{before}median"] = median(images, x)
        for name, (library, fix, what) in OF_NOISE.items():
            if find_spec(library) and "noise" in called:
                restored[f"{before}{name}"] = _each(fix, what, images, x)
    return restored


def _each(
    fix: Callable[[np.ndarray, np.ndarray], np.ndarray], what: str, images: np.ndarray,
    beside: np.ndarray,
) -> np.ndarray:
    pairs = track(zip(images, beside, strict=True), len(images), what)
    return np.stack([fix(image, other) for image, other in pairs]).clip(0, 1).astype(np.float32)


def missing(corrupted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether each pixel is missing, (N, H, W): it is black in all channels, but not in x."""
    mask: np.ndarray = (corrupted == 0).all(-1) & (x > 0).any(-1)
    return mask


def changed(corrupted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Whether each pixel differs from x, (N, H, W)."""
    mask: np.ndarray = (np.abs(corrupted - x) > 1 / 255).any(-1)
    return mask


def median(corrupted: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The median filter of 3x3 or 5x5 pixels, whichever comes nearer to x."""
    from scipy.ndimage import median_filter
    tried = [median_filter(corrupted, (1, side, side, 1)) for side in (3, 5)]
    best: np.ndarray = min(tried, key=lambda image: float(np.square(image - x).mean()))
    return best


def nearest(image: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Each missing pixel (H, W) of an image (H, W, C) as the nearest one that is not."""
    from scipy.ndimage import distance_transform_edt
    if holes.all():
        return image
    rows, columns = distance_transform_edt(holes, return_distances=False, return_indices=True)
    filled: np.ndarray = image[rows, columns]
    return filled


def neighbours(image: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """Each missing pixel (H, W) of an image (H, W, C) as the mean of the visible ones around it, in
    the smallest square of 3, 5, 7, ... pixels that holds any."""
    from scipy.ndimage import uniform_filter
    seen = (~holes).astype(float)[..., None]
    filled, left, side = image.astype(float), holes.copy(), 1
    while left.any() and side < 2 * max(holes.shape):
        side += 2
        size = (side, side, 1)
        count = uniform_filter(seen, size, mode="constant") * side**2
        total = uniform_filter(image * seen, size, mode="constant") * side**2
        reached = left & (count[..., 0] > 0.5)
        filled[reached] = (total / np.maximum(count, 1))[reached]
        left &= ~reached
    return filled


def telea(image: np.ndarray, holes: np.ndarray) -> np.ndarray:
    """OpenCV's fast marching inpainting (Telea, 2004), from 3 pixels around."""
    import cv2  # type: ignore[import-not-found]
    eight = np.rint(image * 255).astype(np.uint8)
    filled = cv2.inpaint(eight, holes.astype(np.uint8), 3, cv2.INPAINT_TELEA)
    inpainted: np.ndarray = np.atleast_3d(filled) / 255
    return inpainted


def bm3d(image: np.ndarray, x: np.ndarray) -> np.ndarray:
    """BM3D (Dabov et al., 2007), with the true standard deviation of the noise."""
    from bm3d import bm3d as denoise  # type: ignore[import-not-found]
    from bm3d import bm3d_rgb
    sigma = max(float(np.std(image - x)), 1e-3)
    denoised: np.ndarray = (bm3d_rgb(image, sigma) if image.shape[-1] == 3 else
                            np.stack([denoise(plane, sigma) for plane in np.moveaxis(image, -1, 0)],
                                     -1))
    return denoised


def nl_means(image: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Non-local means (Buades, Coll & Morel, 2005) by scikit-image: the mean of pixels whose
    surroundings are alike. The noise level is the image's distance from the clean x."""
    from skimage.restoration import denoise_nl_means
    sigma = float(np.std(image - x))
    denoised: np.ndarray = denoise_nl_means(
        image, patch_size=5, patch_distance=6, h=0.8 * sigma, sigma=sigma, channel_axis=-1)
    return denoised.reshape(image.shape)


def total_variation(image: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Total variation (Chambolle, 2004) by scikit-image, weighed by how far the image is from x."""
    from skimage.restoration import denoise_tv_chambolle
    denoised: np.ndarray = denoise_tv_chambolle(image, max(float(np.std(image - x)), 1e-6),
                                                channel_axis=-1)
    return denoised


# denoisers of libraries: the library, the function for one image, and the text on the bar
OF_NOISE: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], np.ndarray], str]] = {
    "bm3d": ("bm3d", bm3d, "BM3D"), "nl_means": ("skimage", nl_means, "non-local means"),
    "total_variation": ("skimage", total_variation, "total variation")}


def bicubic(corrupted: np.ndarray, factor: int) -> np.ndarray:
    """One pixel of each square of `factor` of them, enlarged again by Pillow."""
    from PIL import Image
    height, width = corrupted.shape[1:3]
    size = (-(-width // factor) * factor, -(-height // factor) * factor)
    small = corrupted[:, ::factor, ::factor]
    enlarged = [[np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))
                 for plane in np.moveaxis(image, -1, 0)] for image in small]
    return np.moveaxis(np.array(enlarged), 1, -1)[:, :height, :width].clip(0, 1)
