"""Time series: columns of a table over time, split by time, then cut into windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ...core.contracts import Collection
from ...core.hints import Count
from ...core.registry import sources
from ..data_frames import checked, decimal_of, digest_of, notes_of, read_frame
from ..dates import Order
from ..pandas_library import pandas
from ..read_image import Reading
from ..series_units import blocks_of, split_units
from ..splits import spans
from ..timeline import SeriesOptions, rhythm, timeline_of, with_index
from .table import Decimal

Spans = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Series:
    """A series in its own units, in order of time."""

    values: np.ndarray                # (T, C) with NaN for missing values
    times: np.ndarray                 # (T,) datetime64, or numbers
    columns: tuple[str, ...]          # the names of the C channels
    time: str                         # name of the column of times, or ""
    window: int
    stride: int = 1
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    labelled: Spans = ()              # labelled abnormal stretches, from and to
    abnormal: np.ndarray | None = None   # (T,) the same, per step
    units: np.ndarray | None = None   # (T,) index of each step's unit, in order
    names: tuple[str, ...] = ()       # of the units
    about: dict[str, str] = field(default_factory=dict)   # options to read other files alike

    @property
    def blocks(self) -> list[slice]:
        """The steps of each unit, or all steps."""
        return [slice(0, len(self.values))] if self.units is None else blocks_of(self.units)

    @property
    def starts(self) -> np.ndarray:
        """First step of each window, (N,). No window crosses units. Raises ValueError if there is
        none."""
        starts = [np.arange(b.start, b.stop - self.window + 1, self.stride) for b in self.blocks]
        if not any(map(len, starts)):
            longest = max(b.stop - b.start for b in self.blocks)
            what = "this series" if self.units is None else "the longest unit"
            raise ValueError(f"{what} of {longest} steps is shorter than a window of "
                             f"{self.window}; pass a shorter one, such as series('file.csv', "
                             f"window={max(longest // 4, 1)})")
        return np.concatenate(starts)

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """Split by time, or many units by unit. Returns indices of `starts`, of windows that lie in
        one split. Raises ValueError for a split without a window."""
        starts = self.starts
        by_split: dict[str, list[np.ndarray]] = {name: [] for name in ("train", *shares)}
        if self.units is not None and (own := split_units(len(self.names), shares)) is not None:
            unit = self.units[starts]
            return {name: np.flatnonzero(np.isin(unit, rows)) for name, rows in own.items()}
        for block in self.blocks:
            within = spans(block.stop - block.start, shares)
            for name, (first, last) in within.items():
                if 0 < last - first < self.window and self.units is None:
                    raise ValueError(self._too_short(name, within))
                inside = (starts >= block.start + first) & (
                    starts + self.window <= block.start + last)
                by_split.setdefault(name, []).append(np.flatnonzero(inside))
        parts = {name: np.concatenate(rows) for name, rows in by_split.items() if rows}
        bare = next((name for name in parts if not len(parts[name]) and (
            name == "train" or shares.get(name, 0))), None)
        if bare is not None:
            raise ValueError(f"each unit is split by time, and none has a window of {self.window} "
                             f"steps for {bare}; use a shorter one, as in series('file.csv', "
                             f"window=...), or other shares (--val 0 --test 0 trains on all)")
        return parts

    def learn(self, train: np.ndarray) -> Collection:
        """Make windows (N, T, C), each channel standardised by the training windows. Raises
        ValueError for a channel without a number there."""
        starts = self.starts
        values = self.values[self._covered(starts[train])]
        there = np.isfinite(values).any(0)
        if not there.all():
            empty = self.columns[int(there.argmin())]
            raise ValueError(f"the column {empty!r} holds no number in the training part; leave "
                             f"it out, as in series('file.csv', columns=('a', 'b'))")
        mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        flat = std <= 1e-12 * np.maximum(np.abs(mean), 1)
        notes = [f"{name} is constant in the training part: it is centred, not scaled"
                 for name, same in zip(self.columns, flat, strict=True) if same]
        encoding = {"kind": "series", "time": self.time, "columns": list(self.columns),
                    "window": self.window, "stride": self.stride, "mean": mean.tolist(),
                    "std": np.where(flat, 1.0, std).tolist(), **self.about}
        return self._cut(encoding, starts, [*self._of_units(starts, train), *notes])

    def _covered(self, starts: np.ndarray) -> np.ndarray:
        """Mask (T,) of the steps between the first and last of these windows, in each unit."""
        covered = np.zeros(len(self.values), bool)
        for block in self.blocks:
            own = starts[(starts >= block.start) & (starts < block.stop)]
            if len(own):
                covered[own[0]:own[-1] + self.window] = True
        return covered

    def _of_units(self, starts: np.ndarray, train: np.ndarray) -> list[str]:
        """Notes on how units were split, and on units that are too short."""
        if self.units is None:
            return []
        there, learnt = (len(np.unique(self.units[at])) for at in (starts, starts[train]))
        short = len(self.names) - there
        lines = [f"{short} of {len(self.names)} units are shorter than a window of {self.window} "
                 f"steps and are left out"] * (short > 0)
        way = f"whole units: {learnt} are for training" if learnt < there else (
            "time, each unit on its own")
        return [*lines, f"{there} units in {self.about['id']!r}, split by {way}; no window reaches "
                f"from one to the next"]

    def encode(self, encoding: dict[str, Any]) -> Collection:
        """Make all windows, one step apart, with the encoding of a trained model."""
        if encoding["kind"] != "series":
            raise ValueError(f"this model was trained on a {encoding['kind']}, not on series")
        if self.columns != tuple(encoding["columns"]):
            raise ValueError(f"this model was trained on the columns "
                             f"{', '.join(encoding['columns'])}, not on {', '.join(self.columns)}")
        every = replace(self, window=encoding["window"], stride=1)
        return every._cut(encoding, every.starts, [])

    def _cut(
        self, encoding: dict[str, Any], starts: np.ndarray, notes: list[str]
    ) -> Collection:
        scaled = ((self.values - encoding["mean"]) / encoding["std"]).astype(np.float32)
        # views of the same numbers, as copies would take `window` times the memory
        windows = sliding_window_view(scaled, self.window, axis=0, writeable=True)
        windows = windows[::self.stride] if self.units is None else windows[starts]
        return Collection(np.swapaxes(windows, 1, 2), notes=[*self.notes, *notes],
                          identity=self.identity, raw=self, encoding=encoding)

    def as_frame(self, values: np.ndarray) -> Any:
        """Values (T, C) of its channels as a pandas.DataFrame, with its times and units before
        them."""
        before = {self.time: self.times} if self.time else {}
        if self.units is not None:
            before[self.about["id"]] = np.array(self.names)[self.units]
        return pandas().DataFrame({**before, **dict(zip(self.columns, values.T, strict=True))})

    def _too_short(self, name: str, within: dict[str, tuple[int, int]]) -> str:
        lengths = {part: last - first for part, (first, last) in within.items() if last > first}
        least = min(lengths.values())
        return (f"split by time, {name} has {lengths[name]} steps, less than a window of "
                f"{self.window}: use a window of up to {least}, as in series('file.csv', "
                f"window={least}), or other shares (--val 0 --test 0 trains on all)")


@sources.add("series", example="series('readings.csv', window=96)")
def series(
    reading: Reading, path: str, window: Count = 288, stride: Count = 1,
    columns: str | tuple[str, ...] = (), time: str = "", id: str = "", label: str = "",
    drop: str | tuple[str, ...] = (), dates: Order = "", decimal: Decimal = "",
) -> Collection:
    """A csv or parquet file of values over time, or a .npy file (T, C), cut into windows of
    `window` rows, `stride` apart.

    Channels are all numeric or boolean columns, or the ones in `columns`, without those in `drop`.
    `time` names the column of times, which is found otherwise. `id` names the column of units, such
    as engines or patients; no window crosses units. `label` names a column that marks abnormal
    steps. The training, validation and test parts follow one another in time, and no window lies in
    two of them. Each channel is standardised by the training part. The loss ignores missing values.
    `dates` says whether the day or the month comes first in dates such as 05/06/2024, and `decimal`
    the decimal mark, if the file does not show it.
    """
    return whole(read_series(path, window, stride, columns, time, id=id, label=label, drop=drop,
                             dates=dates, decimal=decimal))


def read_series(
    path: str, window: int = 288, stride: int = 1, columns: str | tuple[str, ...] = (),
    time: str = "", decimal: str = "", **more: Any,
) -> Series:
    """Read the series in a file, not yet cut into windows; see `series`."""
    identity = {"path": path, "window": window, "stride": stride}
    frame = _of_array(path) if Path(path).suffix.lower() == ".npy" else read_frame(
        path, decimal=decimal)
    return from_frame(frame, window, stride, columns, time, identity, SeriesOptions(**more))


def _of_array(path: str) -> Any:
    """The channels of an array (T,) or (T, C) in a file. Raises ValueError for other shapes."""
    return frame_of_array(plain_array(path), path)


def plain_array(path: str | Path) -> np.ndarray:
    """The array in a .npy file, which stays on disk. Raises ValueError."""
    file = Path(path).expanduser()   # a pipe would block
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False) if file.is_file() else None
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as an array: {error}") from None
    if array is None:
        raise ValueError(f"there is no file {path}")
    return array


def frame_of_array(values: np.ndarray, what: str) -> Any:
    """Convert a series (T,) or (T, C) to a pandas.DataFrame. Raises ValueError for other shapes."""
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        more = "; windows (N, T, C) are read with array('file.npy', kind='series')" * (
            values.ndim == 3)
        raise ValueError(f"{what} holds an array of {values.dtype}, {values.shape}, and a series "
                         f"is numbers (T,) or (T, C){more}")
    names = [f"channel_{i}" for i in range(1, values.shape[1] + 1)]
    return pandas().DataFrame(values, columns=names)


def whole(series: Series) -> Collection:
    """All windows of a series, scaled by all steps, until it is split."""
    return series.learn(np.arange(len(series.starts)))


def from_frame(
    frame: Any, window: int, stride: int = 1, columns: str | Sequence[str] = (), time: str = "",
    identity: dict[str, Any] | None = None, also: SeriesOptions | None = None,
) -> Series:
    """Read the series in a pandas.DataFrame. Raises ValueError for missing or non-numeric
    columns."""
    also = also or SeriesOptions()
    named = (columns,) if isinstance(columns, str) else tuple(columns)
    decimal, said = decimal_of(frame), notes_of(frame)
    frame = checked(with_index(frame), "the table")
    timeline = timeline_of(frame, named, time, also)
    notes = [*said, *timeline.notes, *rhythm(timeline.times, timeline.time, timeline.units),
             *_missing(timeline.values, timeline.columns)]
    identity = {**(identity or {}), "digest": digest_of(frame),
                "columns": list(timeline.columns)}
    about = {"id": also.id, "label": timeline.label, "dates": timeline.order, "decimal": decimal}
    return Series(timeline.values, timeline.times, timeline.columns, timeline.time, window, stride,
                  tuple(notes), identity, abnormal=timeline.abnormal, units=timeline.units,
                  names=timeline.names, about={k: v for k, v in about.items() if v})


def options_like(encoding: dict[str, Any]) -> dict[str, Any]:
    """Options of `read_series` to read another series like the one of an encoding."""
    same = {name: encoding[name] for name in ("window", "columns", "time")}
    return same | {name: encoding[name] for name in ("id", "label", "dates", "decimal")
                   if name in encoding}


def from_frame_like(frame: Any, encoding: dict[str, Any]) -> Series:
    """Read the series in a table like the one of an encoding."""
    options = options_like(encoding)
    options.pop("decimal", None)
    window, columns, time = (options.pop(name) for name in ("window", "columns", "time"))
    return from_frame(frame, window, 1, columns, time, also=SeriesOptions(**options, lenient=True))


def _missing(values: np.ndarray, columns: tuple[str, ...]) -> list[str]:
    counts = np.isnan(values).sum(0)
    return [f"{name}: {count} of {len(values):,} values are missing; the loss ignores them"
            for name, count in zip(columns, counts, strict=True) if count]
