"""Time series: the columns of a table over time, split by time and then cut into windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..core.contracts import Collection
from ..core.hints import Count
from ..core.registry import sources
from .data_frames import checked, decimal_of, digest_of, notes_of, read_frame
from .dates import Order
from .images import Reading
from .pandas_library import pandas
from .series_units import blocks_of, split_units
from .splits import spans
from .table import Decimal
from .timeline import Also, rhythm, timeline_of, with_index

Spans = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Series:
    """Values in their owner's units, in the order of their times."""

    values: np.ndarray                # (T, C) with NaN where one is missing
    times: np.ndarray                 # (T,) datetime64, or numbers
    columns: tuple[str, ...]          # the names of the C channels
    time: str                         # of the column of times, "" if there is none
    window: int
    stride: int = 1
    notes: tuple[str, ...] = ()
    identity: dict[str, Any] = field(default_factory=dict)
    labelled: Spans = ()              # from when to when somebody says that it is abnormal
    abnormal: np.ndarray | None = None   # (T,) the same, step by step
    units: np.ndarray | None = None   # (T,) the number of each step's unit, one after the other
    names: tuple[str, ...] = ()       # of the units
    about: dict[str, str] = field(default_factory=dict)   # how columns were read, for other files

    @property
    def blocks(self) -> list[slice]:
        """The steps of each unit, or all."""
        return [slice(0, len(self.values))] if self.units is None else blocks_of(self.units)

    @property
    def starts(self) -> np.ndarray:
        """(N,) the step at which each window begins; no window reaches from unit to unit. Raises
        ValueError where there is none."""
        found = [np.arange(b.start, b.stop - self.window + 1, self.stride) for b in self.blocks]
        if not any(map(len, found)):
            longest = max(b.stop - b.start for b in self.blocks)
            what = "this series" if self.units is None else "each unit's series, at most"
            raise ValueError(f"{what} of {longest} steps is shorter than a window of "
                             f"{self.window}; say series('file.csv', window=...)")
        return np.concatenate(found)

    def parts(self, shares: dict[str, float]) -> dict[str, np.ndarray]:
        """Split by time, of many units by units: the windows, as indices of `starts`, that lie in
        one part each; raises ValueError for a part without one."""
        starts = self.starts
        found: dict[str, list[np.ndarray]] = {name: [] for name in ("train", *shares)}
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
                found.setdefault(name, []).append(np.flatnonzero(inside))
        parts = {name: np.concatenate(rows) for name, rows in found.items() if rows}
        bare = next((name for name in parts if not len(parts[name]) and (
            name == "train" or shares.get(name, 0))), None)
        if bare is not None:
            raise ValueError(f"each unit is split by time, and none has a window of {self.window} "
                             f"steps for {bare}; take a shorter one, as in series('file.csv', "
                             f"window=...), or other shares (--val 0 --test 0 trains on all)")
        return parts

    def learn(self, train: np.ndarray) -> Collection:
        """Windows (N, T, C), each channel scaled by mean and deviation of the training windows'
        steps. Raises ValueError for a channel without a number there."""
        starts = self.starts
        values = self.values[self._covered(starts[train])]
        there = np.isfinite(values).any(0)
        if not there.all():
            empty = self.columns[int(there.argmin())]
            raise ValueError(f"the column {empty!r} holds no number in the training part; leave "
                             f"it out, as in series('file.csv', columns=('a', 'b'))")
        mean, std = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        flat = std <= 1e-12 * np.maximum(np.abs(mean), 1)
        notes = [f"{name} is the same throughout the training part: it is centred, not scaled"
                 for name, same in zip(self.columns, flat, strict=True) if same]
        encoding = {"kind": "series", "time": self.time, "columns": list(self.columns),
                    "window": self.window, "stride": self.stride, "mean": mean.tolist(),
                    "std": np.where(flat, 1.0, std).tolist(), **self.about}
        return self._cut(encoding, starts, [*self._of_units(starts, train), *notes])

    def _covered(self, starts: np.ndarray) -> np.ndarray:
        """(T,) which steps lie between the first and the last window from these steps on, in each
        unit."""
        found = np.zeros(len(self.values), bool)
        for block in self.blocks:
            own = starts[(starts >= block.start) & (starts < block.stop)]
            if len(own):
                found[own[0]:own[-1] + self.window] = True
        return found

    def _of_units(self, starts: np.ndarray, train: np.ndarray) -> list[str]:
        """What to say of how units were split, and of those that are too short."""
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
        """All windows, a step apart, on the scale of the series that the encoding is of."""
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
        # views of the same numbers, for as copies they would be as many times as many
        windows = sliding_window_view(scaled, self.window, axis=0, writeable=True)
        windows = windows[::self.stride] if self.units is None else windows[starts]
        return Collection(np.swapaxes(windows, 1, 2), notes=[*self.notes, *notes],
                          identity=self.identity, raw=self, encoding=encoding)

    def _too_short(self, name: str, found: dict[str, tuple[int, int]]) -> str:
        lengths = {part: last - first for part, (first, last) in found.items() if last > first}
        least = min(lengths.values())
        return (f"split by time, {name} has {lengths[name]} steps, less than a window of "
                f"{self.window}: take a window of up to {least}, as in series('file.csv', "
                f"window={least}), or other shares (--val 0 --test 0 trains on all)")


@sources.add("series", example="series('readings.csv', window=96)")
def series(
    reading: Reading, path: str, window: Count = 288, stride: Count = 1,
    columns: str | tuple[str, ...] = (), time: str = "", id: str = "", label: str = "",
    drop: str | tuple[str, ...] = (), dates: Order = "", decimal: Decimal = "",
) -> Collection:
    """A csv or parquet file of values over time, or a .npy file (T, C), cut into windows of so many
    rows, `stride` apart.

    Every column of numbers or truth values is a channel, unless some are named, or left out by
    `drop`; `time` names the column of times, which is else found; `id` names that of units, such as
    engines or patients, whose rows stand below one another: no window reaches from one to the next.
    `label` names a column that says which steps are abnormal. Training, validation and test part
    follow one another, and no window lies in two of them; each channel is brought to mean 0 and
    deviation 1 by the training part. Missing values stay out of the loss. `dates` says whether the
    day or the month comes first in dates such as 05/06/2024, `decimal` which mark numbers have,
    where the file does not tell.
    """
    return whole(read_series(path, window, stride, columns, time, id=id, label=label, drop=drop,
                             dates=dates, decimal=decimal))


def read_series(
    path: str, window: int = 288, stride: int = 1, columns: str | tuple[str, ...] = (),
    time: str = "", decimal: str = "", **more: Any,
) -> Series:
    """The series in a file, see `series`, not yet cut into windows."""
    identity = {"path": path, "window": window, "stride": stride}
    frame = _of_array(path) if Path(path).suffix.lower() == ".npy" else read_frame(
        path, decimal=decimal)
    return from_frame(frame, window, stride, columns, time, identity, Also(**more))


def _of_array(path: str) -> Any:
    """The channels of an array (T,) or (T, C) in a file; raises ValueError for another."""
    try:
        held = np.load(Path(path).expanduser(), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as an array: {error}") from None
    return frame_of_array(held, path)


def frame_of_array(held: np.ndarray, what: str) -> Any:
    """A series (T,) or (T, C) in memory as a pandas.DataFrame; raises ValueError for another."""
    held = held[:, None] if held.ndim == 1 else held
    if held.ndim != 2 or held.dtype.kind not in "biuf":
        more = "; windows (N, T, C) are read with array('file.npy', kind='series')" * (
            held.ndim == 3)
        raise ValueError(f"{what} holds an array of {held.dtype}, {held.shape}, and a series is "
                         f"numbers (T,) or (T, C){more}")
    names = [f"channel_{i}" for i in range(1, held.shape[1] + 1)]
    return pandas().DataFrame(held, columns=names)


def whole(found: Series) -> Collection:
    """All windows of a series, on its own scale, until it is split."""
    return found.learn(np.arange(len(found.starts)))


def from_frame(
    frame: Any, window: int, stride: int = 1, columns: str | Sequence[str] = (), time: str = "",
    identity: dict[str, Any] | None = None, also: Also | None = None,
) -> Series:
    """The series in a table, a pandas.DataFrame; raises ValueError where columns are not there, or
    no numbers."""
    also = also or Also()
    named = (columns,) if isinstance(columns, str) else tuple(columns)
    decimal, said = decimal_of(frame), notes_of(frame)
    frame = checked(with_index(frame), "the table")
    found = timeline_of(frame, named, time, also)
    notes = [*said, *found.notes, *rhythm(found.times, found.time, found.units),
             *_missing(found.values, found.columns)]
    identity = {**(identity or {}), "digest": digest_of(frame),
                "columns": list(found.columns)}
    about = {"id": also.id, "label": found.label, "dates": found.order, "decimal": decimal}
    return Series(found.values, found.times, found.columns, found.time, window, stride,
                  tuple(notes), identity, abnormal=found.abnormal, units=found.units,
                  names=found.names, about={k: v for k, v in about.items() if v})


def options_like(encoding: dict[str, Any]) -> dict[str, Any]:
    """What `read_series` is to be told for it to read as the series that the encoding is of."""
    same = {name: encoding[name] for name in ("window", "columns", "time")}
    return same | {name: encoding[name] for name in ("id", "label", "dates", "decimal")
                   if name in encoding}


def from_frame_like(frame: Any, encoding: dict[str, Any]) -> Series:
    """The series in a table, read as the one that the encoding is of."""
    options = options_like(encoding)
    options.pop("decimal", None)
    window, columns, time = (options.pop(name) for name in ("window", "columns", "time"))
    return from_frame(frame, window, 1, columns, time, also=Also(**options, lenient=True))


def _missing(values: np.ndarray, columns: tuple[str, ...]) -> list[str]:
    counts = np.isnan(values).sum(0)
    return [f"{name}: {count} of {len(values):,} values are missing and stay out of the loss"
            for name, count in zip(columns, counts, strict=True) if count]
