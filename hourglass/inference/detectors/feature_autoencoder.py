"""A small autoencoder of features: it reconstructs patches of normal images alone."""

import numpy as np
import torch
from torch import Tensor, nn

from ...core.console import track
from ...core.contracts import Images, Rule
from ...core.hints import Count, Depth, Positive, Seed, Share
from ...core.random_numbers import seeded
from ...core.registry import detectors
from .patch_features import (
    EXTRACTOR,
    SIZE,
    STRIDES,
    PatchFeatures,
    State,
    highest_share,
    rule_of,
    scale_of,
    scaled,
)

BATCH = 512


@detectors.add("feature_autoencoder")
def feature_autoencoder(
    features: str = EXTRACTOR, code: Count = 24, hidden: Count = 128, steps: Count = 1000,
    size: Depth = SIZE, strides: tuple[Count, ...] = STRIDES, top: Share = 0.0,
    lr: Positive = 2e-3, seed: Seed = 0,
) -> Rule:
    """Squared error of the worst reconstructed patch, in pretrained features, by an autoencoder of
    1x1 convolutions that is trained on the patches of normal images.

    `features` names a feature extractor. Images are brought to `size` pixels (the longer side; 0
    keeps them). Features of the maps at these `strides` are averaged over 3x3 patches,
    standardised, and go through `hidden` units to a code of `code` numbers and back. Training takes
    `steps` of Adam with learning rate `lr`. An image scores as its largest error; with `top`, as
    the mean of that share of its errors.
    """
    read = PatchFeatures(features, size, strides)

    def fit(images: Images) -> State:
        pool = read.sample(images, seed)
        state = scale_of(pool)
        model = _trained(torch.from_numpy(scaled(pool, state)), (hidden, code), steps, lr, seed)
        return {**state, **{f"net.{name}": value.detach().numpy()
                            for name, value in model.state_dict().items()}}

    def judge(patches: np.ndarray, state: State) -> tuple[np.ndarray, float]:
        x = torch.from_numpy(scaled(patches, state)).flatten(0, 1)
        model = _network(x.shape[1], (hidden, code))
        model.load_state_dict({name.removeprefix("net."): torch.from_numpy(value)
                               for name, value in state.items() if name.startswith("net.")})
        with torch.no_grad():
            error: Tensor = (model(x) - x).square().mean(1)
        heat = error.numpy().reshape(patches.shape[:2])
        return heat, highest_share(heat, top)
    return rule_of(read, fit, judge)


def _network(channels: int, widths: tuple[int, int]) -> nn.Sequential:
    """Features (N, K) of N places -> the same. A linear layer at each place is a 1x1 convolution.
    """
    hidden, code = widths
    return nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, code),
                         nn.Linear(code, hidden), nn.ReLU(), nn.Linear(hidden, channels))


def _trained(
    pool: Tensor, widths: tuple[int, int], steps: int, lr: float, seed: int
) -> nn.Sequential:
    with seeded(seed), torch.enable_grad():
        model = _network(pool.shape[1], widths)
        optimiser = torch.optim.Adam(model.parameters(), lr)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
        for _ in track(range(steps), steps, "training on features"):
            x = pool[torch.randint(len(pool), (BATCH,))]
            loss = (model(x) - x).square().mean()
            if not torch.isfinite(loss):
                raise FloatingPointError("the autoencoder of features diverged; lower its lr")
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()
