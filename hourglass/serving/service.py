"""A trained model at its desk: what it is asked to do, done in batches, off the event loop."""

import asyncio
import math
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..core.console import say
from ..core.contracts import Collection
from ..inference.anomaly import Detector
from ..inference.draw_lines import DrawnLines, draw_lines
from ..inference.imputation import complete, filler_of
from ..inference.line_uses import is_of_lines
from ..inference.recommending import Recommendations, recommendations
from ..inference.series_gaps import filled
from ..inference.trained import Trained
from ..run.folder import read_settings
from ..tasks.compress import keeps_pixels
from ..tasks.nearest_training import TrainingSamples
from ..tasks.tables import is_table
from .app_frame import health_of
from .batching import Batcher
from .limits import Limits
from .middleware import Traffic
from .openapi import Health, Served
from .schemas import diffusion_wish, samplers_of, takes_prompts
from .series_requests import columns_of, fill_windows, is_over_time, knows_normal_steps


class ModelService:
    """What all requests to one model share."""

    def __init__(self, model: Trained, limits: Limits, priors: tuple[str, ...] = ()):
        self.model, self.limits, self.traffic = model, limits, Traffic()
        self.batcher = Batcher(limits.batch * math.prod(model.shape), limits.linger)
        self.hands = ThreadPoolExecutor(os.cpu_count(), "pictures")   # which decode and encode
        self.is_images, self.is_table = len(model.shape) == 3, is_table(model)
        self.is_series, self.is_lines = is_over_time(model), is_of_lines(model.description)
        encoding = model.description.encoding
        self.columns = columns_of(encoding) if self.is_series else [
            {name: column[name] for name in ("name", "kind", "values") if name in column}
            for column in encoding.get("columns", [])]
        self.filler = filler_of(model) if self.is_table or self.is_series else None
        self.knows_normal = knows_normal_steps(model)
        self.settings = read_settings(model.folder.settings)
        channels, *places = model.shape
        first = np.zeros((1, *places, channels), np.float32)
        y = list(model.classes[:1]) if model.model.condition is not None else None
        self.code = self.encode(first, y).shape[1:]   # which also makes the first request as fast
        self.ranks = model.description.kind == "ratings"   # which draws and scores no samples
        self.priors = {} if self.ranks else (
            fitted(model, priors) if priors else usual_priors(model))
        self.detector = None if self.ranks else usual_detector(model)
        self.training = TrainingSamples(model)
        self.operations: tuple[str, ...] = ()   # which the application adds

    def encode(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Samples (N, ...) as the model takes them -> codes (N, ...)."""
        return self.model.encode(Collection(x), y)

    def decode(self, z: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Codes (N, ...) -> samples (N, ...)."""
        return self.model.values(z, y)

    def fill(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Rows of a table (N, D) or windows (N, T, C), NaN where a value is missing -> filled in,
        windows in their own units."""
        assert self.filler is not None   # the operation is offered only then
        if self.is_series:
            return fill_windows(self.model, self.filler, x)
        collection = Collection(x, encoding=self.model.description.encoding)
        return complete(self.model, collection, self.filler, y)

    def fill_series(self, collection: Collection) -> Any:
        """A series that was sent as rows -> a data frame with its gaps filled in."""
        assert self.filler is not None
        return filled(self.model, collection, self.filler.weights, self.filler.rounds)

    def reconstruct(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Samples (N, ...) -> samples (N, ...)."""
        recon: np.ndarray = self.model.reconstruct(Collection(x), y)
        return recon

    def restore(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Images (N, H, W, C) of any one size, in the model's range -> images of that size."""
        restored: np.ndarray = self.model.restore(Collection(x), y)
        return restored

    def guess(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Samples (N, ...) -> how probable each class is, (N, K)."""
        return self.model.labels.guess(Collection(x))

    def recommend(self, history: Any, n: int) -> Recommendations:
        """A user's items, or items and ratings -> the n best others."""
        return recommendations(self.model, [history], n)

    def score(self, x: np.ndarray, y: list[str] | None) -> np.ndarray:
        """Samples (N, ...) -> how abnormal each is, (N,)."""
        assert self.detector is not None   # the operation is offered only then
        return self.detector.score(Collection(x), y)

    async def draw(self, wish: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """New samples (N, ...), the same for the same wish, and notes on them."""
        kind, diffusion = getattr(wish, "kind", None), diffusion_wish(wish)
        prior = self.prior(kind is not None) if wish.prior == "auto" else wish.prior
        if self.is_lines:
            drawn: DrawnLines = await self.batcher.alone(lambda: draw_lines(
                self.model, wish.n, kind, wish.seed, prior, wish.temperature,
                getattr(wish, "top_k", 0)))
            return drawn.x, drawn.left_out
        samples: np.ndarray = await self.batcher.alone(lambda: self.model.draw(
            wish.n, kind, wish.seed, prior, wish.temperature,
            diffusion if diffusion is None or diffusion.is_told else None)[0])
        return samples, ()

    def prior(self, with_class: bool) -> str:
        """The default prior for a request with or without a class, if clients may sample from it;
        otherwise the first that they may."""
        usual = self.model.usual_prior(with_class)
        return usual if usual in self.priors else next(
            text for text, knows in self.priors.items() if knows or not with_class)

    async def by_hand(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """What a function makes that takes its time and not the model."""
        return await asyncio.get_running_loop().run_in_executor(self.hands, work, *arguments)

    def health(self) -> Health:
        """Whether requests are taken."""
        return health_of(self.traffic, str(self.settings.get("model", "")), self.model.device)

    def served(self) -> Served:
        """What is served, without the paths of this machine."""
        data = re.sub(r"[^'\"(]*[/\\]", "", str(self.settings.get("data", "")))
        return Served(model=str(self.settings.get("model", "")), parts=self.model.description.texts,
                      data=data, kind=("images" if self.is_images else
                                       self.model.description.kind or "arrays"),
                      columns=self.columns,
                      shape=list(self.model.shape), code=list(self.code),
                      classes=list(self.model.classes), priors=list(self.priors),
                      conditional=(self.model.model.condition is not None
                                   and not self.model.model.guesses_classes),
                      operations=list(self.operations), prompts=takes_prompts(self.model),
                      samplers=samplers_of(self.model),
                      lossless=keeps_pixels(self.model),
                      rounded=self.model.model.alphabet is None, limits=vars(self.limits))


def usual_priors(model: Trained) -> dict[str, bool]:
    """The model's own prior, and those that are drawn from if none is named; where they cannot be
    fitted, it is said."""
    usual = {model.usual_prior()} | ({model.usual_prior(True)} if model.classes else set())
    try:
        return fitted(model, ("own", *sorted(usual - {"own"})))
    except (ValueError, OSError) as error:
        say(f"samples are drawn from the model's own prior only: {error}")
        return fitted(model, ("own",))


def usual_detector(model: Trained) -> Detector | None:
    """The detector kept with the run, otherwise the default one, fitted now. A note says if it
    cannot be fitted."""
    say("reading or fitting what tells normal samples from abnormal ones ...")
    try:
        detector = model.detector()
        if detector.why:
            say(detector.why)
        return detector
    except (ValueError, OSError) as error:
        say(f"/v1/score is not served: {error}")
        return None


def fitted(model: Trained, priors: tuple[str, ...]) -> dict[str, bool]:
    """Priors, fitted now, for clients may not have others fitted, and whether each knows classes.
    Raises ValueError for one that cannot be."""
    by_prior = {}
    for text in priors:
        if text != "own":
            say(f"reading or fitting the prior {text} ...")
        by_prior[text] = (model.model.condition is not None or (
            text != "own" and model.prior(text).groups > 1))
    return by_prior
