"""Export the encoder or decoder of a trained model as the content of an ONNX file."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..model.latent_diffusion import Condition, LatentDiffusion
from .encoder_decoder import Half, load_half
from .prompted import DenoiserPrior

INPUT, OUTPUT = {"encoder": "x", "decoder": "z"}, {"encoder": "z", "decoder": "x"}
TRIED = 2   # samples in the traced batch; with one, the batch size would become fixed


def export(run: str | Path, half: str) -> bytes:
    """The encoder (x -> z) or the decoder (z -> mean of x) of a run as ONNX, float32, for batches
    of any size. A conditional one has class indices y (B,), int64, as a second input.

    Raises ValueError if the run holds no model, or packages for ONNX are missing.
    """
    check_packages()
    module = load_half(run, half).float().requires_grad_(False)
    return as_onnx(module, example(module, half), OUTPUT[half])


def export_denoiser(prior: DenoiserPrior) -> bytes:
    """The denoiser of latent diffusion as ONNX: standardised latents x (B, *shape) with noise of
    levels sigma (B,), classes y (B,), -1 for none, features text (B, K), of which `told` (B,),
    bool, says whether there is a text -> `clean`, the expected latents. Raises ValueError if
    packages for ONNX are missing."""
    check_packages()
    network, rows = prior.model, torch.arange(TRIED)
    inputs = {"x": torch.zeros(TRIED, *prior.shape), "sigma": torch.ones(TRIED), "y": rows * 0 - 1,
              "text": torch.zeros(TRIED, max(network.texts, 1)), "told": rows < 0}
    return as_onnx(_Denoised(network).cpu().float().eval(), inputs, "clean")


class _Denoised(nn.Module):
    """The denoised latents, of tensors alone."""

    def __init__(self, network: LatentDiffusion):
        super().__init__()
        self.network = deepcopy(network)

    def forward(
        self, x: Tensor, sigma: Tensor, y: Tensor, text: Tensor, has_text: Tensor
    ) -> Tensor:
        clean = self.network.denoised(x, sigma, Condition(y, text, has_text))
        unused = 0 * (y.sum() + text.sum() + has_text.sum())   # so that each stays an input
        return clean + unused


def check_packages() -> None:
    """Raise ValueError if the packages that write ONNX are missing."""
    try:
        import onnxscript  # noqa: F401
    except ImportError:
        raise ValueError("writing ONNX needs an extra: pip install 'hourglass[export]'") from None


def as_onnx(module: nn.Module, inputs: dict[str, Tensor], *outputs: str) -> bytes:
    """A module, tried on these inputs, as ONNX for batches of any size."""
    batch = {0: torch.export.Dim("batch")}
    with _quietly(), torch.no_grad():
        program: Any = torch.onnx.export(
            module, tuple(inputs.values()), input_names=list(inputs), output_names=list(outputs),
            dynamic_shapes=(batch,) * len(inputs), dynamo=True, verbose=False)
    content: bytes = program.model_proto.SerializeToString()
    return content


def example(module: Half, half: str, count: int = TRIED) -> dict[str, Tensor]:
    """Example inputs by name: zeros, with class 0."""
    shape = module.shape if half == "encoder" else (
        module.model.sample_prior(1).shape[1:])
    inputs = {INPUT[half]: torch.zeros(count, *shape)}
    if module.model.condition is not None:
        inputs["y"] = torch.zeros(count, dtype=torch.long)
    return inputs


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hide the exporter's own messages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
