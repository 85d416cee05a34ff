"""An array or a tensor of any library as one of numpy's."""

from typing import Any

import numpy as np
import torch
from torch import Tensor


def plain_array(value: Any) -> np.ndarray:
    """One array of any library as numpy's, in a precision that numpy has; raises ValueError."""
    if isinstance(value, Tensor):
        return from_tensor(value)
    if isinstance(value, np.ma.MaskedArray):
        return _filled(value)
    if isinstance(value, np.ndarray | np.generic | int | float):
        return in_known_precision(np.asarray(value))
    if hasattr(value, "get") and hasattr(value, "__cuda_array_interface__"):   # CuPy
        return np.asarray(value.get())
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return from_tensor(torch.from_dlpack(value))
        return in_known_precision(np.asarray(value))
    except (ValueError, TypeError, RuntimeError, BufferError) as error:
        why = str(error).partition("\n")[0]
        raise ValueError(f"{type(value).__name__} cannot be read as an array: {why}") from None


def from_tensor(tensor: Tensor) -> np.ndarray:
    """A tensor of any device, precision and layout as an array; raises ValueError."""
    if tensor.is_meta:
        raise ValueError("this tensor is on the device meta, and holds no numbers")
    if tensor.is_nested:
        raise ValueError("a nested tensor holds samples of several shapes; bring them to one, as "
                         "with tensor.to_padded_tensor(0.0)")
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()   # numpy has no bfloat16, and float16 is slow there
    return tensor.cpu().resolve_conj().resolve_neg().numpy()


def _filled(x: np.ma.MaskedArray) -> np.ndarray:
    """The values of a masked array, NaN where they are masked."""
    if not np.ma.getmaskarray(x).any():
        return np.asarray(x.data)
    return np.ma.filled(x.astype(np.float32), np.nan)


def in_known_precision(x: np.ndarray) -> np.ndarray:
    """Numbers of a precision that numpy has not itself, such as bfloat16, as float32."""
    if x.dtype.kind == "V" and x.dtype.names is None:
        try:
            return x.astype(np.float32)
        except (ValueError, TypeError):
            raise ValueError(f"an array of {x.dtype} holds no numbers to learn from") from None
    return x
