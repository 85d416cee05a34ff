"""The whole grid: terms, bottlenecks, likelihoods and backbones together learn, or say why not."""

import pytest
import torch

from hourglass.core import registry as spec
from hourglass.model.autoencoder import Autoencoder
from hourglass.model.objective import Objective
from hourglass.model.parts import Parts

BACKBONES = {"mlp": "mlp((16,))", "conv": "conv((4, 8))", "unet": "unet((4, 8))",
             "spectral": "spectral('mlp((16,))')", "conv1d": "conv1d((4, 8))",
             "item_mlp": "item_mlp(16)", "rec_mlp": "rec_mlp(16)",
             "members": "members((('mlp((16,))', '', 'plain(4)', 'normal'),))"}
MAPS_ALONE = {"resnet", "vit"}   # their maps go through the same parts as those of conv
SHAPES = {"conv1d": (1, 16)}
COUNTS = {"negative_binomial"}


def examples(registry: spec.Registry) -> list[str]:
    return [registry.examples[name] for name in registry.parts]


def test_every_backbone_is_in_the_grid():
    assert set(BACKBONES) | MAPS_ALONE == set(spec.backbones.parts)


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("bottleneck", examples(spec.bottlenecks))
def test_all_losses_are_finite_with_a_gradient_or_say_what_they_need(backbone, bottleneck):
    shape = SHAPES.get(backbone, (1, 8, 8))
    x, y = torch.rand(4, *shape).round(), torch.arange(4) % 2
    learns, elsewhere = 0, set()   # terms that do not look at p(x|z) are the same under all
    for likelihood in examples(spec.likelihoods):
        parts = Parts(BACKBONES[backbone], bottleneck=bottleneck, likelihood=likelihood)
        try:
            model = Autoencoder(parts, shape, classes=2)
        except ValueError as error:
            assert " needs " in str(error), f"{likelihood}: {error}"
            continue
        weights = [p for p in model.parameters() if p.requires_grad]
        last = [id(p) for p in model.decoder.parameters()][-1]
        out = model(x, y, draw=True)
        for term in set(examples(spec.terms)) - elsewhere:
            try:
                total, _ = Objective(term, model)(out, model)
            except ValueError as error:
                assert " needs " in str(error), f"{likelihood}, {term}: {error}"
                continue
            found = torch.autograd.grad(total, weights, retain_graph=True, allow_unused=True)
            assert total.isfinite(), f"{likelihood}, {term}"
            assert all(g is None or g.isfinite().all() for g in found), f"{likelihood}, {term}"
            learns += any(g is not None for g in found)
            reached = {id(w) for w, g in zip(weights, found, strict=True) if g is not None}
            elsewhere |= set() if last in reached else {term}
    if bottleneck == "gaussian_map" and backbone not in ("conv", "unet"):   # which have maps
        assert learns == 0
        return
    if (backbone, bottleneck) == ("rec_mlp", "identity"):   # its code has not a row's shape
        assert learns == 0
        return
    assert learns > len(spec.terms.parts) / 2, "most combinations make sense"
