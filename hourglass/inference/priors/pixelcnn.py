"""An autoregressive prior over the tokens of a code."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...core.console import track
from ...core.contracts import CodeSpace
from ...core.hints import Count
from ...core.registry import priors
from ...model.likelihoods.tokens import COLDEST
from .gradient_training import learn
from .masked_conv import MaskedNetwork, Reader

AT_ONCE = 250    # codes whose logits are computed together
DRAWN = 1000     # codes that are generated together
BATCH = 128


@priors.add("pixelcnn")
class PixelCNN(nn.Module):
    """Autoregressive prior for discrete codes, such as vq's: each token depends on the earlier ones
    in reading order and on the class, by gated masked convolutions in residual blocks (van den Oord
    et al., 2016, arXiv 1606.05328). It trains for at most `steps` steps of 128 codes. More than two
    axes of positions are joined to rows."""

    def __init__(self, space: CodeSpace, hidden: Count = 64, blocks: Count = 4,
                 steps: Count = 600):
        super().__init__()
        if space.alphabet is None:
            raise ValueError("pixelcnn needs a bottleneck with discrete codes, such as vq; for "
                             "continuous codes use mixture, flow or diffusion")
        self.alphabet, self.groups, self.shape = space.alphabet, space.groups, space.shape
        self.steps = steps
        first, *rest = space.alphabet.places
        self.grid = (first, math.prod(rest)) if rest else (1, first)
        self.network = MaskedNetwork(space.alphabet.size, space.groups, self.grid, hidden, blocks)

    def fit(self, z: Tensor, y: Tensor) -> None:
        learn(self.network, lambda words, y: self.nats(words, y).sum(1), self.words(z), y,
              "fitting the pixelcnn", batch=BATCH, most=self.steps)

    def words(self, z: Tensor) -> Tensor:
        """Codes z (N, D) -> their tokens as a grid, (N, H, W)."""
        tokens = [self.alphabet.read(part.unflatten(1, self.shape)) for part in z.split(AT_ONCE)]
        return torch.cat(tokens).reshape(len(z), *self.grid)

    def nats(self, words: Tensor, y: Tensor) -> Tensor:
        """-log p of each token given the earlier ones: (N, H, W) of groups (N,) -> (N, P)."""
        parts = zip(words.split(AT_ONCE), y.split(AT_ONCE), strict=True)
        return torch.cat([F.cross_entropy(self.network(some, kinds), some, reduction="none")
                          for some, kinds in parts]).flatten(1)

    @torch.no_grad()
    def accuracy(self, z: Tensor, y: Tensor) -> float:
        """Share of tokens of codes z (N, D) that are the most probable ones given the earlier
        ones."""
        words = self.words(z)
        parts = zip(words.split(AT_ONCE), y.split(AT_ONCE), strict=True)
        right = [(self.network(some, kinds).argmax(1) == some).sum() for some, kinds in parts]
        return float(sum(right)) / words.numel()

    @torch.no_grad()
    def sample(self, y: Tensor, temperature: float = 1.0) -> Tensor:
        places = [(row, column) for row in range(self.grid[0]) for column in range(self.grid[1])]
        parts = y.split(DRAWN)
        steps = track(((kinds, place) for kinds in parts for place in places),
                      len(parts) * len(places), "drawing words")
        tokens: list[Tensor] = []
        for kinds, place in steps:
            if place == (0, 0):
                reader = Reader(self.network, kinds)
                tokens.append(torch.empty(len(kinds), *self.grid, dtype=torch.long))
            scores = reader.scores(*place) / max(temperature, COLDEST)
            drawn = torch.multinomial(scores.softmax(1), 1).squeeze(1)
            reader.tell(drawn)
            tokens[-1][:, place[0], place[1]] = drawn
        words = torch.cat(tokens).reshape(len(y), *self.alphabet.places)
        return self.alphabet.write(words).flatten(1)

    @torch.no_grad()
    def log_prob(self, z: Tensor, y: Tensor) -> Tensor:
        """Log probability of the tokens, which is exact. They have no density."""
        return -self.nats(self.words(z), y).sum(1)
