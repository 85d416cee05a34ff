"""Read a table over time: times, units, channels, and labelled abnormal steps."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.hints import did_you_mean
from .column_values import as_numbers, as_switch, counts_rows, written_as
from .dates import Order, clock_times, is_clock, read_times
from .pandas_library import pandas

NAMES = ("timestamp", "time", "date", "datetime", "ds", "t")   # names of numeric times
SECOND = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
EPOCHS = (8e8, 4e9)   # seconds since 1970 that are times: 1995 to 2096
LABELS = ("anomaly", "anomalies", "is_anomaly", "anomalous", "is_anomalous", "abnormal", "outlier",
          "is_outlier", "label", "labels", "attack", "fault")   # names of label columns
NORMAL = {"", "0", "0.0", "false", "normal", "no", "good", "ok", "n", "f"}   # normal labels
PARTS = ("year", "month", "day", "hour", "minute", "second")
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class SeriesOptions:
    """Further options for a series' columns."""

    id: str = ""                        # the column of units
    label: str = ""                     # the column that marks abnormal steps
    drop: str | tuple[str, ...] = ()    # columns that are not channels
    dates: Order = ""                   # whether the day or the month comes first
    lenient: bool = False               # whether the column of labels may be missing


@dataclass(frozen=True)
class Timeline:
    """The rows of a table in order of time, unit by unit."""

    values: np.ndarray              # (T, C), NaN for missing values
    times: np.ndarray               # (T,) datetime64, or numbers
    columns: tuple[str, ...]        # of the C channels
    time: str                       # the column of times, or ""
    units: np.ndarray | None        # (T,) the index of each step's unit
    names: tuple[str, ...]          # of the units
    label: str                      # the column of labels, or ""
    abnormal: np.ndarray | None     # (T,) whether a step is labelled abnormal
    order: str                      # "day" or "month" if dates begin with it
    notes: tuple[str, ...]


def timeline_of(frame: Any, columns: tuple[str, ...], time: str, also: SeriesOptions) -> Timeline:
    """Read a table. Channels are all numeric columns, or the ones in `columns`. Raises ValueError
    for missing columns, and for columns without numbers or times."""
    notes: list[str] = []
    drop = (also.drop,) if isinstance(also.drop, str) else tuple(also.drop)
    for name in (*drop, *([also.id] if also.id else [])):
        _check_name(frame, name)
    time, times, used, order = _times(frame, time, also, notes)
    label, abnormal = _labels(frame, also, columns, notes)
    codes, names = _units(frame, also.id)
    rows = _in_order(times, codes, time, also.id, notes)
    apart = {*used, *drop, also.id, label}
    channels = _channels(frame.iloc[rows], columns, apart, notes)
    units = None if codes is None else codes[rows]
    table = np.stack(list(channels.values()), 1)
    return Timeline(table, times[rows], tuple(channels), time, units, names, label,
                    None if abnormal is None else abnormal[rows], order, tuple(notes))


def _check_name(frame: Any, name: str) -> None:
    if name not in frame.columns:
        raise ValueError(f"there is no column {name!r}; {did_you_mean(name, frame.columns)}")


def with_index(frame: Any) -> Any:
    """The frame with an index of times, if it has one, as a column."""
    if isinstance(frame.index, pandas().PeriodIndex):
        frame = frame.set_axis(frame.index.to_timestamp())
    if not isinstance(frame.index, pandas().DatetimeIndex):
        return frame
    name = str(frame.index.name or "time")
    while name in frame.columns:
        name += "_index"
    return frame.assign(**{name: frame.index}).reset_index(drop=True)


def _times(
    frame: Any, name: str, also: SeriesOptions, notes: list[str]
) -> tuple[str, np.ndarray, tuple[str, ...], str]:
    """The column of times: `time`, or the first with times, or the rows' numbers; the columns that
    they are made of; and the order of dates."""
    if name:
        _check_name(frame, name)
    elif {"year", "month", "day"} <= {str(column).lower() for column in frame.columns}:
        return _from_parts(frame, notes)
    for column in [name] if name else [n for n in frame.columns if n != also.id]:
        parsed = _as_times(frame[column], also.dates, bool(name))
        if parsed is not None:
            notes += [f"{column}: {parsed.note}"] * bool(parsed.note)
            values, clock = _with_clock(frame, column, parsed.values, notes)
            return column, values, (column, *clock), parsed.order
        numbers = as_numbers(frame[column])
        if numbers is not None and (name or str(column).lower() in NAMES):
            return column, numbers[0], (column,), ""
        if numbers is not None and (unit := _since_1970(numbers[0])):
            notes.append(f"{column}: {numbers[0][0]:.0f} and so on are read as times, in {unit} "
                         f"since 1970")
            return column, numbers[0], (column,), ""
    if name:
        raise ValueError(f"the column {name!r} holds neither times, such as 2024-05-31 13:45:00, "
                         f"nor numbers")
    notes.append("no column of times was found: the rows are assumed to be in order, one step "
                 "apart")
    return "", np.arange(len(frame), dtype=float), (), ""


def _since_1970(values: np.ndarray) -> str:
    """The unit of numbers that are times since 1970, in order; "" for others."""
    steps = np.diff(values)
    if len(steps) < 2 or not (values == np.rint(values)).all() or not (
            (steps >= 0).all() or (steps <= 0).all()):
        return ""
    return next((unit for unit, second in SECOND.items()
                 if values.min() > EPOCHS[0] * second and values.max() < EPOCHS[1] * second), "")


def _as_times(column: Any, order: str, named: bool) -> Any:
    try:
        return read_times(column, order, named or str(column.name).lower() in NAMES)
    except ValueError as error:
        raise ValueError(f"the column {column.name!r} cannot be read as times: {error}") from None


def _with_clock(
    frame: Any, name: str, dates: np.ndarray, notes: list[str]
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Add the time of day from another column to dates that have none."""
    there = dates[~np.isnat(dates)]
    if (there != there.astype("datetime64[D]")).any():
        return dates, ()
    for column in frame.columns:
        if column != name and is_clock(frame[column]):
            notes.append(f"times are those of {column!r} on the days of {name!r}")
            return dates + clock_times(frame[column]), (column,)
    return dates, ()


def _from_parts(frame: Any, notes: list[str]) -> tuple[str, np.ndarray, tuple[str, ...], str]:
    """Times from columns such as year, month, day and hour."""
    library = pandas()
    used = {str(column).lower(): column for column in frame.columns
            if str(column).lower() in PARTS}
    parts = library.DataFrame({k: library.to_numeric(frame[v], errors="coerce")
                               for k, v in used.items()})
    times = library.to_datetime(parts, errors="coerce").to_numpy("datetime64[ns]")
    notes.append(f"times are made of {', '.join(map(str, used.values()))}")
    return used["year"], times, tuple(used.values()), ""


def _units(frame: Any, name: str) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The index of each row's unit, (N,), in order of appearance, and the units' names."""
    if not name:
        return None, ()
    if frame[name].isna().any():
        raise ValueError(f"{int(frame[name].isna().sum())} rows have no unit in {name!r}; fill it, "
                         f"or leave those rows out")
    codes, names = pandas().factorize(frame[name])
    return codes, tuple(str(unit) for unit in names)


def _in_order(
    times: np.ndarray, codes: np.ndarray | None, time: str, unit: str, notes: list[str]
) -> np.ndarray:
    """The rows with a time, by unit and time."""
    known = np.isfinite(times) if times.dtype.kind == "f" else ~np.isnat(times)
    if not known.all():
        notes.append(f"{int((~known).sum())} rows have no time in {time!r} and are left out")
    rows = np.flatnonzero(known)
    if not len(rows):
        raise ValueError(f"the column {time!r} holds no times")
    keys = np.zeros(len(times), int) if codes is None else codes
    steps = np.diff(times[rows])[np.diff(keys[rows]) == 0]
    nothing = times[rows[0]] - times[rows[0]]
    if len(steps) and (steps <= nothing).all() and (steps < nothing).any():
        rows = rows[::-1]   # so that rows with equal times keep their order
        notes.append(f"the newest rows come first in {time!r}: they were sorted by it")
    elif (steps < nothing).any():
        notes.append(f"the rows are not in the order of {time!r}: they were sorted by it")
    rows = rows[np.argsort(times[rows], kind="stable")]
    if codes is not None:
        if (np.diff(codes) < 0).any():
            notes.append(f"the rows of a unit in {unit!r} were not together: they were sorted by "
                         f"unit")
        rows = rows[np.argsort(codes[rows], kind="stable")]
    return rows


def _labels(
    frame: Any, also: SeriesOptions, channels: tuple[str, ...], notes: list[str]
) -> tuple[str, np.ndarray | None]:
    """The column of labels: `label`, or one with a usual name and only 0 and 1, or True and False;
    and the abnormal rows, (N,)."""
    if also.label and (also.label in frame.columns or not also.lenient):
        _check_name(frame, also.label)
        return also.label, _abnormal(frame[also.label])
    for name in frame.columns:
        if str(name).lower() in LABELS and name not in channels and _is_flag(frame[name]):
            notes.append(f"{name!r} is taken as the label of abnormal steps, so it is not a "
                         f"channel; to use it as one, name it in columns=...")
            return name, _abnormal(frame[name])
    return "", None


def _is_flag(column: Any) -> bool:
    if as_switch(column) is not None:
        return True
    numbers = as_numbers(column)
    return numbers is not None and bool(np.isin(numbers[0], (0, 1)).all())


def _abnormal(column: Any) -> np.ndarray:
    texts = column.astype(object).where(column.notna(), "").astype(str).str.strip().str.lower()
    kinds = set(texts) - {""}
    if kinds and not kinds & NORMAL:
        raise ValueError(f"no label in {column.name!r} means normal: it holds "
                         f"{', '.join(sorted(kinds)[:5])}; label normal steps 0, False, "
                         f"normal, good, ok or no")
    abnormal: np.ndarray = (~texts.isin(NORMAL)).to_numpy()
    return abnormal


def _channels(
    frame: Any, named: tuple[str, ...], apart: set[str], notes: list[str]
) -> dict[str, np.ndarray]:
    """The numeric or boolean columns, or the ones in `columns`, (N,) each."""
    channels = {}
    for name in named or [name for name in frame.columns if name not in apart]:
        _check_name(frame, name)
        values = _channel(frame[name], notes)
        if values is None:
            if named:
                odd = frame[name].dropna().astype(str).value_counts()
                raise ValueError(f"the column {name!r} holds no numbers"
                                 + f" but texts, such as {odd.index[-1]!r}" * bool(len(odd)))
            notes.append(f"the column {name!r} holds no numbers and is left out")
        elif not named and np.isnan(values).all():
            notes.append(f"the column {name!r} is empty and is left out")
        elif not named and counts_rows(values):
            notes.append(f"the column {name!r} numbers the rows and is left out")
        else:
            channels[name] = values
    if not channels:
        raise ValueError(f"the column of times is the only numeric one; the columns are "
                         f"{', '.join(frame.columns)}")
    return channels


def _channel(column: Any, notes: list[str]) -> np.ndarray | None:
    numbers = as_numbers(column)
    if numbers is not None:
        said = written_as(column)
        notes += [f"{column.name}: {said}"] * bool(said)
        if numbers[1]:
            notes.append(f"{column.name}: {numbers[1]} texts that are not numbers count as missing")
        return numbers[0]
    switch = as_switch(column)
    if switch is None:
        return None
    low, high = switch[1].split(", ")
    notes.append(f"{column.name}: {low} is 0 and {high} is 1")
    return switch[0]


def rhythm(times: np.ndarray, name: str, units: np.ndarray | None = None) -> list[str]:
    """Notes on irregular steps between times (T,), in order within each unit."""
    steps = np.diff(times)
    if units is not None:
        steps = steps[np.diff(units) == 0]
    if len(steps) < 2:
        return []
    nothing = steps[0] - steps[0]
    double, usual = int((steps == nothing).sum()), np.median(steps)
    odd = int(((steps != usual) & (steps != nothing)).sum())
    notes = [f"{double} times in {name!r} occur more than once: each row counts as a step" + (
        "" if units is not None else "; if they belong to different units, name that column with "
        "id='...'") if 2 * double > len(steps) else
        f"{double} times in {name!r} occur more than once: each row counts as a step"] * (
        double > 0)
    if odd and usual != nothing:
        notes.append(f"{odd} of {len(steps)} steps are not {words(usual)}, the usual one; the "
                     f"longest is {words(steps.max())}: windows count rows, not time")
    return notes


def words(step: Any) -> str:
    """A step of time in words: "5 minutes"; a number as text."""
    if not isinstance(step, np.timedelta64):
        return f"{step:g}"
    seconds = float(step / np.timedelta64(1, "s"))
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {name}"
    return f"{seconds:.3g} seconds"
