"""The arrays in MATLAB's .mat files."""

from pathlib import Path

import numpy as np

from ..core.size_limits import check_room

WAY = "save it in MATLAB with save('file.mat', 'X', 'y', '-v7'), or its array as .npy"


def read_matlab(file: Path) -> dict[str, np.ndarray]:
    """The numeric arrays in a .mat file, by name; labels y as (N,), and images (H, W, C, N), as in
    SVHN, as (N, H, W, C). Raises ValueError for files that cannot be read."""
    from scipy.io import loadmat
    if not file.is_file():
        raise ValueError(f"there is no file {file}")
    check_room(file.stat().st_size, str(file))
    try:
        content = loadmat(str(file))
    except NotImplementedError:
        raise ValueError(f"{file} is a .mat file of version 7.3, which is HDF5; {WAY}") from None
    except Exception as error:   # scipy raises many kinds for a damaged file
        why = str(error).partition("\n")[0]
        raise ValueError(f"{file} cannot be read as a .mat file ({why}); {WAY}") from None
    arrays = {name: values for name, values in content.items() if not name.startswith("__")
              and isinstance(values, np.ndarray) and values.dtype.kind in "biuf"}
    if not arrays:
        raise ValueError(f"{file} holds no array of numbers")
    labels = {name: values.ravel() for name, values in arrays.items()
              if values.ndim == 2 and 1 in values.shape and len(arrays) > 1}
    counts = {len(values) for values in labels.values()}
    images = {name: np.ascontiguousarray(np.moveaxis(values, -1, 0))
              for name, values in arrays.items()
              if values.ndim == 4 and values.shape[-1] in counts and len(values) not in counts}
    return {**arrays, **labels, **images}
