"""The trained model of an estimator: a run's files in memory, and the table's scale."""

import copy
import json
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ..core.channels import channels_first, channels_last
from ..core.contracts import Batch, Collection, Seen
from ..core.device import choose_device
from ..core.expressions import read
from ..core.files import check_empty, read_file, write_whole
from ..core.hints import did_you_mean
from ..core.random_numbers import GENERATORS, seeded
from ..core.registry import models
from ..core.tensor_files import load_tensors, save_tensors
from ..data.scales import AS_IT_IS, find_scale
from ..inference.batches import pieces
from ..inference.pca import PCA, components_for, errors_by_others, fit_pca
from ..inference.sample_stats import Look, by_place, seen_of, together
from ..inference.trained import load
from ..run.settings import Settings, make_settings
from ..training.loop import fit
from ..training.setup import prepare
from ..training.train import parties_of
from .run_training import driven, follow

SCALES = ("auto", "standard", "range", "none")
KEPT = ("settings.toml", "run.json", "model.safetensors", "history.csv")   # of a run's folder
STATE = "estimator.safetensors"   # next to them, the rest of an estimator
FEWEST = 5   # validation rows needed to estimate how much larger the error of new rows is


@dataclass(frozen=True)
class Scaling:
    """The scaling of a table (N, D) for a model. Its numbers may be one for all columns."""

    centre: np.ndarray   # (D,) or ()
    spread: np.ndarray   # (D,) or (), above 0

    def forth(self, x: np.ndarray) -> np.ndarray:
        """(N, D), as float64."""
        return np.asarray((x - self.centre) / self.spread)

    def back(self, x: np.ndarray) -> np.ndarray:
        """(N, D), in the table's units."""
        return np.asarray(x * self.spread + self.centre)


def scaling_of(x: np.ndarray, scale: str, images: bool) -> Scaling:
    """The scaling of a table x (N, D) by name. `standard` standardises every column, `range` scales
    all values together to [0, 1]; `auto` is the first for tables, the second for images."""
    if scale not in SCALES:
        raise ValueError(f"no scale is named {scale!r}; {did_you_mean(str(scale), SCALES)}")
    scale = ("range" if images else "standard") if scale == "auto" else scale
    if scale == "none":
        return Scaling(np.array(0.0), np.array(1.0))
    if scale == "range":
        low, high = float(x.min()), float(x.max())
        return Scaling(np.array(low), np.array(high - low or 1.0))
    from sklearn.preprocessing import StandardScaler
    largest = np.abs(x).max(0).astype(np.float64)   # its square may overflow
    largest[largest == 0] = 1
    scaler = StandardScaler().fit(x / largest)
    varies = x.min(0) < x.max(0)
    return Scaling(scaler.mean_ * largest, np.where(varies, scaler.scale_ * largest, 1.0))


def settings_for(model: str, dim: int | None, values: Mapping[str, Any]) -> Settings:
    """Settings of a model by its text, with `dim` latent dimensions if that is set."""
    chosen = {name: value for name, value in values.items() if value is not None}
    if dim is not None:
        call = read(model)
        options = models.check(call)
        if "dim" not in models.options(call.name) or "bottleneck" in chosen:
            raise ValueError(f"dim={dim} has no effect here: the size of the code is set by "
                             f"{chosen.get('bottleneck', model)}")
        whole = isinstance(dim, int | np.integer) and not isinstance(dim, bool)
        if not whole or dim < 1:
            raise ValueError(f"dim must be an integer from 1, or None, not {dim!r}")
        model = str(type(call)(call.name, (), {**options, "dim": int(dim)}))
    settings = make_settings({"test": 0.0, **chosen, "model": model})
    if settings.parts().condition != "none":
        raise ValueError("an estimator gets no classes, so its model cannot be conditional; use "
                         "hourglass.train")
    return settings


def learn(
    x: np.ndarray, shape: tuple[int, ...], scale: str, settings: Settings, verbose: bool = False
) -> "Learnt":
    """Train on the rows of x (N, D), each a sample of that shape: (D,), (H, W) or (H, W, C).

    Prints only if `verbose`, keeps no file, and leaves torch's and numpy's random state unchanged.
    Raises ValueError and FloatingPointError as training does.
    """
    scaling = scaling_of(x, scale, len(shape) > 1)
    shape = (*shape, 1) if len(shape) == 2 else shape
    samples = scaling.forth(x).astype(np.float32).reshape(len(x), *shape)
    with GENERATORS, tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        kept = find_scale(samples, AS_IT_IS)[0]   # one scale is enough
        training = prepare(settings, Collection(samples, scale=kept), out=Path(folder) / "run")
        # without checkpoints: an interrupted training starts again
        steps = fit(parties_of(training), training.source, training.plan, training.state)
        events = driven(training, steps, "weights")
        if verbose:
            follow(events, training.plan.epochs)
        for _ in events:
            pass
        if training.lock:
            training.lock.close()
        files = read_files(training.folder.path)
    val = training.source.splits.get("val")
    unseen = np.empty(0, int) if val is None else val.index.cpu().numpy()
    return Learnt(files, scaling, shape, str(training.fabric.device), unseen)


class Learnt:
    """A trained model of a table's rows. Inputs and outputs are tables (N, D), codes are (N, K);
    maps as codes are flattened. It is pickled as the run's files: safetensors and texts."""

    def __init__(self, files: dict[str, bytes], scaling: Scaling, shape: tuple[int, ...],
                 device: str = "cpu", unseen: np.ndarray | None = None):
        self.files, self.scaling, self.shape, self.device = files, scaling, shape, device
        self.unseen = np.empty(0, int) if unseen is None else unseen   # rows kept for validation
        with tempfile.TemporaryDirectory() as folder, seeded(None):
            write_files(files, Path(folder))
            self.trained = load(folder, device)
            own = self.trained.model.sample_prior(1)
        self.code = tuple(own.shape[1:])
        # Double precision, so that a row's code does not depend on the other rows, down to the
        # last digit of a float32
        double = len(shape) == 1 and device == "cpu"
        self.dtype = torch.float64 if double else torch.float32
        self.model = copy.deepcopy(self.trained.model).to(self.dtype)

    @property
    def epochs(self) -> int:
        """Number of training epochs."""
        return self.files["history.csv"].count(b"\n") - 1

    @property
    def width(self) -> int:
        """Numbers in a code."""
        return math.prod(self.code)

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Codes (N, K) of the rows of x (N, D)."""
        return self._each(self.samples(x), lambda t: self.model.encode(channels_first(t))[0].z)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Rows (N, D) of codes (N, K)."""
        codes = z.reshape(len(z), *self.code)
        return self.scaling.back(self._each(codes, lambda t: channels_last(
            self.model.decode(t).mean)))

    def seen(self, x: np.ndarray, look: Look) -> Seen:
        """Results for the rows of x (N, D), for detectors; scaled."""
        return together([seen_of(self.model, Batch(channels_first(batch)), look)
                         for batch in self._batches(self.samples(x))])

    def pca(self, x: np.ndarray) -> PCA:
        """Principal components of rows x (N, D)."""
        samples = self.samples(x)
        return fit_pca(samples, components_for(samples[0].size, self.width))

    def seen_in_training(self, x: np.ndarray, look: Look) -> Seen:
        """Results for the training rows. Errors and likelihoods of trained rows are moved to the
        level of the validation rows, because new rows have larger errors than trained ones.
        Principal components are fitted on other rows."""
        seen, trained = self.seen(x, look), np.ones(len(x), bool)
        if "inputs" in look.maps:
            seen = seen._replace(train=seen.x)
        if "pca" in look.maps:
            samples, count = self.samples(x), components_for(self.samples(x[:1]).size, self.width)
            seen = seen._replace(pca=by_place(errors_by_others(samples, count)))
        trained[self.unseen] = False
        if (~trained).sum() < FEWEST or not trained.any():
            return seen
        error, nats = seen.error.copy(), seen.nats.copy()
        usual, new = np.median(error[trained]), np.median(error[~trained])
        worse = max(1.0, new / max(usual, 1e-300))
        error[trained] *= worse
        model = seen.model.copy()
        if len(model):
            model[trained] *= worse
        (middle, width), (level, new) = (_level(nats[rows]) for rows in (trained, ~trained))
        nats[trained] = max(middle, level) + (nats[trained] - middle) * max(1.0, new / width)
        return seen._replace(error=error, nats=nats, model=model)

    def samples(self, x: np.ndarray) -> np.ndarray:
        """The rows of x (N, D) as the model's samples, scaled: (N, D) or (N, H, W, C)."""
        return self.scaling.forth(x).reshape(len(x), *self.shape)

    @torch.inference_mode()
    def _each(self, x: np.ndarray, use: Callable[[Tensor], Tensor]) -> np.ndarray:
        """Apply `use` to samples or codes (N, ...) in batches; flat, as float64."""
        return torch.cat([rearrange(use(batch), "b ... -> b (...)").cpu().double()
                          for batch in self._batches(x)]).numpy()

    def _batches(self, x: np.ndarray) -> Iterator[Tensor]:
        return (torch.from_numpy(some).to(self.device, self.dtype) for some, in pieces(x))

    def about(self) -> dict[str, Any]:
        """Scale and shape, as JSON data."""
        return {"centre": self.scaling.centre.tolist(), "spread": self.scaling.spread.tolist(),
                "shape": list(self.shape), "device": self.device}

    def __getstate__(self) -> dict[str, Any]:
        return {"files": self.files, "about": json.dumps(self.about())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*_known(state["files"], json.loads(state["about"])))  # type: ignore[misc]


def _level(values: np.ndarray) -> tuple[float, float]:
    """The median of values (N,), and the median distance from it."""
    middle = float(np.median(values))
    return middle, max(float(np.median(np.abs(values - middle))), 1e-300)


def _known(
    files: dict[str, bytes], about: dict[str, Any]
) -> tuple[dict[str, bytes], Scaling, tuple[int, ...], str]:
    """The arguments to make a Learnt again; on the CPU if its device is missing."""
    try:
        device = str(choose_device(about["device"]))
    except ValueError:
        device = "cpu"
    scaling = Scaling(np.array(about["centre"]), np.array(about["spread"]))
    return files, scaling, tuple(about["shape"]), device


def read_files(folder: Path) -> dict[str, bytes]:
    """The content of a run's files that are worth keeping."""
    return {name: read_file(folder / name) for name in KEPT}


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files into a folder."""
    for name, content in files.items():
        write_whole(folder / name, content, wait=False)


def save(
    path: str | Path, learnt: Learnt, state: dict[str, np.ndarray], estimator: dict[str, Any]
) -> None:
    """Write a run's folder and the rest of an estimator: texts, and the arrays of its detector.
    Raises ValueError if there are other files."""
    folder = Path(path)
    check_empty(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_files(learnt.files, folder)
    save_tensors(folder / STATE, {k: torch.from_numpy(v) for k, v in state.items()},
                 {"estimator": json.dumps({**estimator, "learnt": learnt.about()})})


def restore(path: str | Path) -> tuple[Learnt, dict[str, np.ndarray], dict[str, Any]]:
    """Load what `save` wrote. Raises ValueError."""
    folder = Path(path)
    try:
        state, texts = load_tensors(folder / STATE)
        estimator = json.loads(texts["estimator"])
        learnt = Learnt(*_known(read_files(folder), estimator["learnt"]))
        return learnt, {name: t.numpy() for name, t in state.items()}, estimator
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a complete estimator ({error})") from None
