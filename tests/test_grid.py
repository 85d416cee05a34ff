"""The whole grid: terms, bottlenecks, likelihoods and backbones together learn, or say why not."""

import pytest
import torch

from hourglass.core import registry as spec
from hourglass.core.contracts import Output
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

BACKBONES = {"mlp": "mlp((16,))", "conv": "conv((4, 8))", "unet": "unet((4, 8))",
             "spectral": "spectral('mlp((16,))')", "conv1d": "conv1d((4, 8))",
             "item_mlp": "item_mlp(16)", "rec_mlp": "rec_mlp(16)",
             "rating_mlp": "rating_mlp(4, 16)",
             "members": "members((('mlp((16,))', '', 'plain(4)', 'normal'),))"}
MAPS_ALONE = {"resnet", "vit"}   # their maps go through the same parts as those of conv
SEQUENCES = {"conv_gru", "gru", "lstm", "tcn", "transformer"}   # see test_lines.py
SHAPES = {"conv1d": (1, 16)}
ALL, FEW = 99, 3   # likelihoods: all with one backbone and one bottleneck, a few with others


def examples(registry: spec.Registry) -> list[str]:
    return [registry.examples[name] for name in registry.parts]


def test_every_backbone_is_in_the_grid():
    assert set(BACKBONES) | MAPS_ALONE | SEQUENCES == set(spec.backbones.parts) - {
        spec.OWN_NETWORKS}   # which is there once a model had some


def losses_of(model: Autoencoder, out: Output, terms: set[str]) -> dict[str, torch.Tensor]:
    """The loss by each term that this model can have; others say what they need."""
    losses = {}
    for term in terms:
        try:
            losses[term], _ = Objective(term, model)(out, model)
        except ValueError as error:
            assert " needs " in str(error), f"{model.parts}, {term}: {error}"
    return losses


def gradients(loss: torch.Tensor, weights: list[torch.Tensor]) -> list[torch.Tensor | None]:
    return [*torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True)]


def is_finite(loss: torch.Tensor, weights: list[torch.Tensor]) -> bool:
    """Whether the gradients are; a gradient of one term that is not makes their sum so."""
    return all(g is None or bool(g.isfinite().all()) for g in gradients(loss, weights))


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("bottleneck", [text for text in examples(spec.bottlenecks)
                                        if text != "nothing"])   # whose encoder learns nothing
def test_all_losses_are_finite_with_a_gradient_or_say_what_they_need(backbone, bottleneck):
    shape = SHAPES.get(backbone, (1, 8, 8))
    x, y = torch.rand(4, *shape).round(), torch.arange(4) % 2
    learns, elsewhere = 0, set()   # terms that do not look at p(x|z) are the same under all
    taken, most = 0, ALL if backbone == "mlp" or bottleneck.startswith("gaussian(") else FEW
    turn = list(BACKBONES).index(backbone) + examples(spec.bottlenecks).index(bottleneck)
    every = examples(spec.likelihoods)
    for likelihood in every[turn % len(every):] + every[:turn % len(every)]:
        if taken == most:
            break
        parts = Parts(BACKBONES[backbone], bottleneck=bottleneck, likelihood=likelihood)
        try:
            model = Autoencoder(parts, shape, classes=2)
        except ValueError as error:
            assert " needs " in str(error), f"{likelihood}: {error}"
            continue
        taken += 1
        weights = [p for p in model.parameters() if p.requires_grad]
        last = [*model.decoder.parameters()][-1:]
        losses = losses_of(model, model(x, y, draw=True), set(examples(spec.terms)) - elsewhere)
        assert all(loss.isfinite() for loss in losses.values()), f"{likelihood}: {losses}"
        moving = {term: loss for term, loss in losses.items() if loss.requires_grad}
        if moving and not is_finite(sum(moving.values()), weights):   # one backward pass for all
            wrong = [term for term, loss in moving.items() if not is_finite(loss, weights)]
            pytest.fail(f"{likelihood}: gradients of {wrong or 'all'} are not finite")
        learns += len(moving)
        elsewhere |= {term for term in losses if term not in moving or gradients(
            moving[term], last) == [None]}
    if bottleneck == "gaussian_map" and backbone not in ("conv", "unet"):   # which have maps
        assert learns == 0
        return
    if (backbone, bottleneck) == ("rec_mlp", "identity"):   # its code has not a row's shape
        assert learns == 0
        return
    assert learns > len(spec.terms.parts) / 2, "most combinations make sense"
