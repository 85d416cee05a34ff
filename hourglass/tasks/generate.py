"""New samples from a prior, decoded, written as a sheet, as files or as an array."""

import io
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..analysis.figures.canvas import contact_sheet
from ..core.console import say, track
from ..core.distributed import first_goes_first, meet
from ..core.files import check_empty
from ..core.image_grid import shown
from ..core.output_names import folder_name
from ..data.windows import in_own_units
from ..inference.prompted import NAME
from ..inference.trained import Trained
from .nearest_training import nearest
from .prompts import PromptOptions, spread
from .sharded_output import Facts, ShardedOutput, ShardsRequest, as_tar, is_folder
from .shares import shared
from .sharpen_and_blur import Finish, finished
from .tables import SUFFIXES as TABLES
from .tables import drawn_rows, is_table, save_table
from .write_images import (
    SUFFIXES,
    as_picture,
    as_sheet,
    enlarged,
    save_array,
    save_figure,
    save_picture,
)

MOST = 40     # classes that have a row each
LEAST = 2     # samples in such a row
PAIRED = 10   # columns of one with the nearest training samples


@dataclass(frozen=True)
class GenerateOptions:
    """What to generate."""

    n: int = 40
    kind: str = ""              # its name, or several names with commas
    prior: str = "auto"
    temperature: float = 1.0
    seed: int = 0
    sharpen: float = 0.0        # 1 changes nothing
    nearest: bool = False       # show the nearest training sample below each
    blur: float = 0.0           # pixels of a Gaussian
    asked: PromptOptions = field(default_factory=PromptOptions)   # of latent diffusion
    top_k: int = 0              # tokens that a line is drawn from, the most probable; 0: all

    @property
    def finish(self) -> Finish:
        """How the decoded images are sharpened and blurred."""
        return Finish(self.sharpen, self.blur)


@dataclass(frozen=True)
class DrawnCodes:
    """Codes from a prior, decoded when they are needed."""

    model: Trained
    wish: GenerateOptions
    z: np.ndarray              # (N, ...)
    labels: list[str] | None     # classes for the decoder
    kinds: np.ndarray          # (N,) class indices, or (0,)

    def samples(self, rows: range) -> np.ndarray:
        """The samples of these codes, sharpened and blurred."""
        cut = slice(rows.start, rows.stop)
        values = self.model.values(self.z[cut], self.labels and self.labels[cut])
        return finished(self.wish.asked.pasted(self.model, values), self.wish.finish)


def generate(model: Trained, wish: GenerateOptions, out: Path, shards: int = 0) -> list[str]:
    """Write samples into a picture, a .npy or a folder. `shards` is the number of tar archives,
    tables or arrays that hold them instead. Returns lines to print.

    Raises ValueError for an unknown class or prior.
    """
    in_shards = bool(shards) and is_folder(out, shards)
    classes = _check(model, wish, out, in_shards)
    meet()   # before anyone writes there
    with first_goes_first():   # the first one may fit a prior
        prior = choose_prior(model, wish.kind) if wish.prior == "auto" else wish.prior
        rows = classes or (_rows_of_classes(model, wish, prior) if out.suffix in SUFFIXES else [])
        names = list(spread(rows, wish.n)) if len(rows) > 1 else rows * wish.n
        drawn = DrawnCodes(model, wish, *model.sampler.codes(
            wish.n, names or None, wish.seed, prior, wish.temperature,
            wish.asked.wish(model, wish.n, wish.kind) if wish.asked.is_told else None))
    if len(wish.asked.prompts) > 1:
        names, rows = list(spread(wish.asked.prompts, wish.n)), list(wish.asked.prompts)
    kinds = [model.classes[kind] for kind in drawn.kinds]
    lines = [f"{wish.n} samples of the prior {prior} in {out}"]
    folders = kinds if len(classes) != 1 else []
    if in_shards:
        _write_shards(drawn, prior, (names or kinds, folders), out, shards)
        return lines
    if not out.suffix:
        shared(wish.n, lambda rows: _write_files(drawn.samples(rows), folders, out, rows.start))
        return lines
    x = np.concatenate(shared(wish.n, drawn.samples))
    if wish.nearest:
        matches = nearest(model.source(), x)
        lines.append(matches.words)
        _write_pairs(x, matches.x, out)
    elif out.suffix == ".npy":
        save_array(out, in_own_units(model.description.encoding, x))
        lines += ["these are scaled, as the model sees rows; -o samples.csv writes them in the "
                  "table's own units"] * is_table(model)
    elif out.suffix.lower() in TABLES:
        save_table(out, drawn_rows(model, x, names or kinds))
    else:
        _write_sheet(x, names if len(rows) > 1 else [], out)
    return lines


def _write_shards(
    drawn: DrawnCodes, prior: str, kinds: tuple[list[str], list[str]], out: Path, count: int
) -> None:
    """Write tar archives of pictures, tables with a column of classes, or arrays. `kinds` are the
    classes of the samples, and the folders of their pictures."""
    model, wish, (labels, folders) = drawn.model, drawn.wish, kinds
    suffix = ".parquet" if is_table(model) else ".tar" if len(model.shape) == 3 else ".npy"

    def make(rows: range) -> tuple[bytes, Facts]:
        x = drawn.samples(rows)
        if suffix == ".tar":
            return as_tar(lambda folder: _write_files(x, folders, folder, rows.start))
        buffer = io.BytesIO()
        if suffix == ".parquet":
            drawn_rows(model, x, labels[rows.start:rows.stop]).to_parquet(buffer, index=False)
        else:
            np.save(buffer, in_own_units(model.description.encoding, x))
        return buffer.getvalue(), {}
    options = {**vars(wish), "asked": asdict(wish.asked)}
    if not wish.asked.is_told:   # as requests were before there were prompts
        del options["asked"]
    request = ShardsRequest("generate", model.cache.weights, wish.n, f"prior {prior}", options)
    ShardedOutput(out, suffix, request, count).write(make)


def _rows_of_classes(model: Trained, wish: GenerateOptions, prior: str) -> list[str]:
    """The classes that get a row each on a sheet, by default: all of them, if the model or the
    prior knows classes and each row would have at least two samples."""
    conditional = model.model.condition is not None
    known = conditional or (prior != "own" and model.prior(prior).groups > 1)
    known = known and not wish.asked.prompts and not wish.asked.has_image
    fit = 2 <= len(model.classes) <= min(MOST, wish.n // LEAST)
    return list(model.classes) if known and fit and not wish.nearest else []


def choose_prior(model: Trained, kind: str) -> str:
    """The default prior. A note says why, if it is not the model's own."""
    chosen = model.usual_prior(bool(kind))
    if chosen not in ("own", NAME):
        why = "the run's settings name it" if chosen == model.description.parts.prior else (
            "the model's own prior has no classes" if model.model.bottleneck.confined else
            "the model has no prior of its own")
        say(f"samples come from the prior {chosen}, which was fitted to the codes, because {why}; "
            f"choose another with --prior")
    return chosen


def _check(model: Trained, wish: GenerateOptions, out: Path, in_shards: bool) -> list[str]:
    """The names of the chosen classes. Raises ValueError for what cannot be generated."""
    if is_table(model) and not in_shards and out.suffix.lower() not in (*TABLES, ".npy"):
        raise ValueError("this model was trained on a table: write its rows into one, as in "
                         "-o samples.csv")
    if (wish.sharpen or wish.blur) and len(model.shape) != 3:
        raise ValueError("--sharpen and --blur are for images")
    if out.suffix.lower() in TABLES and not is_table(model):
        raise ValueError(f"{out} is for rows of a table, and this model was trained on none")
    if out.suffix and out.suffix.lower() not in (*SUFFIXES, *TABLES, ".npy"):
        raise ValueError(f"{out} is neither a picture ({', '.join(SUFFIXES)}), an array (.npy) nor "
                         f"a folder's name")
    if wish.nearest and out.suffix.lower() not in SUFFIXES:
        raise ValueError(f"--nearest makes one picture; end -o in one of {', '.join(SUFFIXES)}")
    if len(model.shape) != 3 and out.suffix != ".npy" and not (is_table(model) or in_shards):
        raise ValueError("this model was trained on vectors or series, which make no pictures; "
                         "write them into an array, as in -o samples.npy")
    if wish.kind and not model.classes:
        raise ValueError("the data of this model had no classes, so it has none to draw")
    if not out.suffix and not in_shards:
        check_empty(out)
    if not wish.kind:
        return []
    named = [wish.kind] if wish.kind in model.classes else [
        name for part in wish.kind.split(",") if (name := part.strip())]
    model.number(named, len(named))   # refused before anything is fitted
    if len(named) > wish.n:
        raise ValueError(f"{len(named)} classes need as many samples or more; give -n {len(named)}")
    return list(dict.fromkeys(named))


def _write_sheet(x: np.ndarray, names: list[str], out: Path) -> None:
    """Write one picture of samples. If they have names of classes, each class gets a row."""
    if not names:
        save_picture(out, enlarged(as_sheet(x), x.shape[1:3]))
        return
    kinds = list(dict.fromkeys(names))
    groups = [shown(x[[name == kind for name in names]]) for kind in kinds]
    wide = max(map(len, groups))
    rows = [np.pad(row, ((0, wide - len(row)), (0, 0), (0, 0), (0, 0)), constant_values=1)
            for row in groups]
    save_figure(out, contact_sheet(rows, kinds, 0.6, 40))


def _write_files(x: np.ndarray, kinds: list[str], out: Path, first: int) -> Facts:
    """Write a picture for each sample, numbered from `first` on, in the folder of its class. There
    is nothing else to know of them."""
    for i, image in track(enumerate(x, first), len(x), "writing images"):
        folder = out / folder_name(kinds[i]) if kinds else out
        save_picture(folder / f"{i:05}.png", as_picture(image))
    return {}


def _write_pairs(x: np.ndarray, near: np.ndarray, out: Path) -> None:
    """Write samples in rows, with the nearest training samples below each row."""
    columns = min(len(x), PAIRED)
    starts = range(0, len(x) - len(x) % columns, columns)
    rows = [shown(part[start:start + columns]) for start in starts for part in (x, near)]
    figure = contact_sheet(rows, ["drawn", "nearest"] * len(starts), 0.6, 40)
    save_figure(out, figure)
