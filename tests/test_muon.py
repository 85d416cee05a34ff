"""Muon does what it says: against decompositions, torch's own and Adam."""

import pytest
import torch

from hourglass.core import registry
from hourglass.training.muon import OF_VECTORS, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (20, 50), (50, 20), (1, 7), (7, 1)])
def test_a_matrix_is_turned_almost_orthogonal(shape):
    m = torch.randn(shape)
    turned = orthogonal(m)
    u, _, v = torch.linalg.svd(m, full_matrices=False)
    assert turned.shape == m.shape and turned.dtype == m.dtype
    values = torch.linalg.svdvals(turned)
    assert values.min() > 0.6 and values.max() < 1.3
    assert torch.cosine_similarity(turned.flatten(), (u @ v).flatten(), dim=0) > 0.97


def test_nothing_is_turned_into_nothing():
    assert torch.equal(orthogonal(torch.zeros(3, 4)), torch.zeros(3, 4))


def moved(optimiser, weight: torch.nn.Parameter, gradients: list[torch.Tensor]) -> torch.Tensor:
    for gradient in gradients:
        weight.grad = gradient.clone().view_as(weight)
        optimiser.step()
    return weight.detach()


@pytest.mark.parametrize("shape", [(6, 10), (10, 6)])
@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_matrices_go_where_torchs_muon_takes_them_and_kernels_like_them(shape, decay):
    start, gradients = torch.randn(shape), list(torch.randn(4, *shape))
    theirs, ours = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    kernel = torch.nn.Parameter(start.unflatten(1, (-1, 2, 1)).clone())
    truth = moved(torch.optim.Muon([theirs], lr=0.1, weight_decay=decay), theirs, gradients)
    for weight in (ours, kernel):
        muon = registry.optimisers.make(f"muon(weight_decay={decay})", [weight], 0.1)
        assert torch.allclose(moved(muon, weight, gradients).flatten(1), truth, atol=0.02)


def test_vectors_go_where_adam_takes_them():
    start, gradients = torch.randn(5), list(torch.randn(4, 5))
    theirs, ours = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    adam = torch.optim.Adam([theirs], lr=0.1 * OF_VECTORS)
    muon = registry.optimisers.make("muon", [ours], 0.1)
    assert torch.allclose(moved(muon, ours, gradients), moved(adam, theirs, gradients), atol=1e-6)
