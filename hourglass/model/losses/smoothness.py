"""Loss terms that keep the encoder or the decoder smooth."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ...core.contracts import Output
from ...core.hints import Count
from ...core.registry import terms
from .reconstruction import Term, per_sample


@terms.add("jacobian")
def jacobian(model: nn.Module, draws: Count = 1, exact: bool = False) -> Term:
    """Contractive penalty: squared Frobenius norm of dz/dx, of the code's mean by the encoder's
    input (Rifai et al., 2011, Contractive auto-encoders).

    Estimated without bias from `draws` random directions in latent space (Hutchinson, 1989).
    exact=True uses all of them, with one backward pass per latent dimension.
    """
    def slope(out: Output, model: nn.Module) -> Tensor:
        seen = out.x if out.seen is None else out.seen
        return squared_jacobian(lambda x: model.encode(x, out.latent.y)[0].z,  # type: ignore[operator]
                                seen, draws, exact)
    return uncompiled(slope)


@terms.add("gradient")
def gradient(model: nn.Module, draws: Count = 1, exact: bool = False) -> Term:
    """Squared Frobenius norm of d mean/dz, of the reconstruction by its code, which keeps the
    decoder smooth (RAE-GP: Ghosh et al., 2020, arXiv 1903.12436).

    Estimated without bias from `draws` random directions in data space (Hutchinson, 1989).
    exact=True uses all of them, with one backward pass per value of a sample.
    """
    def slope(out: Output, model: nn.Module) -> Tensor:
        return squared_jacobian(
            lambda z: model.decode(z, out.latent.y, out.skips).mean,  # type: ignore[operator]
            out.latent.z, draws, exact)
    return uncompiled(slope)


def uncompiled(term: Term) -> Term:
    """Exclude the term from compilation: compiled functions have no second derivatives."""
    kept: Term = torch.compiler.disable(term)
    return kept


def squared_jacobian(
    function: Callable[[Tensor], Tensor], at: Tensor, draws: int, exact: bool
) -> Tensor:
    """Squared Frobenius norms (B,) of each sample's Jacobian of a function (B, ...) -> (B, ...), or
    their estimates: for random signs v, the mean square of v'J is that of J. In evaluation,
    gradients are switched on inside, and the result has none."""
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        at = at if at.requires_grad else at.detach().requires_grad_()
        value = function(at).flatten(1)
        total = value.new_zeros(len(value), dtype=torch.float32)
        for direction in directions(value, draws, exact):
            (slope,) = torch.autograd.grad(value, at, direction, create_graph=differentiable,
                                           retain_graph=True)
            total = total + per_sample(slope.float().square())
    return total if exact else total / draws


def directions(value: Tensor, draws: int, exact: bool) -> Tensor:
    """Directions (K, B, D) in the space of values (B, D): random signs, or every axis."""
    if exact:
        return torch.eye(value.shape[1]).to(value)[:, None].expand(-1, len(value), -1)
    signs = torch.randint(2, (draws, *value.shape), device=value.device)
    return (2 * signs - 1).to(value)


@terms.add("decoder_weights")
def decoder_weights(model: nn.Module) -> Term:
    """Half the squared norm of the decoder's weights (RAE-L2: Ghosh et al., 2020, arXiv
    1903.12436), the same for every sample."""
    def norm(out: Output, model: nn.Module) -> Tensor:
        total = sum(p.float().square().sum() for p in decoding(model) if p.requires_grad)
        return torch.as_tensor(total / 2, device=out.x.device).expand(len(out.x))
    return norm


def decoding(model: nn.Module) -> list[nn.Parameter]:
    """Parameters of the decoder's side: the decoder, and the layers from codes to it."""
    conditioning = getattr(model.condition, "label", model.condition)
    sides = [getattr(model.bottleneck, "expand", None), getattr(conditioning, "back", None),
             model.decoder]
    return [p for side in sides if isinstance(side, nn.Module) for p in side.parameters()]
