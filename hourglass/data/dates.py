"""Read dates and times of day from texts: ISO 8601, day or month first, or named months."""

from typing import Any, Literal, NamedTuple

import numpy as np

from .numerals import stand_for_missing
from .pandas_library import is_text, pandas, python_texts

Order = Literal["", "day", "month"]
YEAR_FIRST = r"(?P<y>\d{4})(?P<s>[-/.])(?P<a>\d{1,2})(?:(?P=s)(?P<b>\d{1,2}))?(?:[T ]\s*(?P<t>.+))?"
YEAR_LAST = (r"(?P<a>\d{1,2})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2})"
             r"(?:(?:T|,?\s+)(?P<t>.+))?")
NAMED = (r"(?:[A-Za-z]{3,9},? )?(?:\d{1,2}[-. ]*[A-Za-z]{3,9}|[A-Za-z]{3,9}\.? \d{1,2})"
         r"[-., ]+\d{2,4}.*")
CLOCK = (r"(?P<h>\d{1,2})[:.h](?P<m>\d{2})(?:[:.](?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
         r"\s*(?P<p>[AaPp])?(?:\.?[Mm]\.?)?")
ZONE = r".*\d[T ].*\d\s*[+-](?!00:?00)\d{2}:?\d{2}"   # other than UTC itself
ZONED = "times of a zone are brought to UTC"
PIVOT = 70   # two-digit years from here on belong to the last century, as in POSIX


class Times(NamedTuple):
    """A column read as times."""

    values: np.ndarray   # (N,) datetime64[ns] in UTC, NaT where there is none
    order: str = ""      # "day" or "month" if dates begin with it
    note: str = ""       # a note on how they were read
    lost: int = 0        # texts that are not times


def read_times(column: Any, order: str = "", strict: bool = False) -> Times | None:
    """A column's times, None where it holds none. `order` says how to read dates such as
    05/06/2024; by default, the whole column decides. With `strict`, raises ValueError for a column
    where some dates have the day first and some the month."""
    library = pandas()
    types = library.api.types
    if types.is_numeric_dtype(column) or not column.notna().any():
        return None
    if not is_text(column):
        zone = str(getattr(column.dtype, "tz", None) or "UTC")
        return Times(_plain(library.to_datetime(column, utc=True, errors="coerce")),
                     note="" if zone.startswith("UTC") and len(zone) == 3 else ZONED)
    codes, texts = library.factorize(column)
    unique = python_texts(library.Series(texts)).str.strip()
    times = _of_texts(unique, codes, order, strict)
    if times is None:
        return None
    lost = unique[np.isnat(times.values)]
    counts = np.bincount(codes[codes >= 0], minlength=len(texts))
    every = lost.repeat(counts[lost.index])
    if not stand_for_missing(every, int(counts.sum())) or len(every) == counts.sum():
        return None
    values = np.append(times.values, np.datetime64("NaT", "ns"))[codes]
    return times._replace(values=values, lost=len(every))


def _plain(times: Any) -> np.ndarray:
    values: np.ndarray = times.dt.tz_localize(None).to_numpy("datetime64[ns]")
    return values


def _of_texts(texts: Any, codes: np.ndarray, order: str, strict: bool) -> Times | None:
    """Read the times of a column's different texts."""
    if texts.str.fullmatch(YEAR_FIRST).mean() > 0.5:
        return Times(_year_first(texts), note=ZONED if texts.str.fullmatch(ZONE).any() else "")
    parts = texts.str.extract(f"^{YEAR_LAST}$")
    if parts["y"].notna().mean() > 0.5:
        return _year_last(parts, codes, order, strict, texts)
    if texts.str.fullmatch(NAMED).mean() > 0.5:
        return Times(_plain(pandas().to_datetime(
            texts.where(texts.str.fullmatch(NAMED)), utc=True, format="mixed", dayfirst=True,
            errors="coerce")))
    return None


def _year_first(texts: Any) -> np.ndarray:
    times = pandas().to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    values = _plain(times)
    if np.isnat(values).any():   # such as 2024-05-31 01:02 PM
        parts = texts.str.extract(f"^{YEAR_FIRST}$")
        own = _composed(parts["y"], parts["a"], parts["b"].fillna("1"), parts["t"])
        values = np.where(np.isnat(values), own, values)
    return values


def _year_last(parts: Any, codes: np.ndarray, order: str, strict: bool, texts: Any
               ) -> Times | None:
    a, b = (parts[name].astype(float) for name in "ab")
    day, month = bool((a > 12).any()), bool((b > 12).any())
    points = (parts["s"].dropna() == ".").all()
    if (day and month) or (points and month) or (a == 0).any() or (b == 0).any():
        if strict and day and month:
            raise ValueError(f"some of its dates have the day first, such as "
                             f"{texts[a.idxmax()]}, and some the month, such as "
                             f"{texts[b.idxmax()]}; bring them to one order")
        return None
    years = parts["y"].astype(float)
    short = parts["y"].str.len() == 2
    years = years.where(~short, years + np.where(years < PIVOT, 2000, 1900))

    def by(first: str) -> np.ndarray:
        days, months = (a, b) if first == "day" else (b, a)
        return _composed(years, months, days, parts["t"])
    if order:
        return Times(by(order), order)
    if day or points:
        return Times(by("day"), "day", "dates are read with the day first")
    if month:
        return Times(by("month"), "month", "dates are read with the month first")
    chosen, other = _more_regular(by("day")[codes], by("month")[codes])
    return Times(by(chosen), chosen, f"dates such as {texts.iloc[0]} do not tell whether the day "
                 f"or the month comes first; they are read with the {chosen} first, for the other "
                 f"pass dates='{other}'")


def _more_regular(day: np.ndarray, month: np.ndarray) -> tuple[str, str]:
    """The order with the more regular steps from row to row, or else with the shorter longest step;
    the month first if both are equal."""
    def oddness(times: np.ndarray) -> tuple[float, float, float]:
        steps = np.diff(times).astype("int64")
        if not len(steps):
            return 0.0, 0.0, 0.0
        turns, odd = min((steps < 0).mean(), (steps > 0).mean()), (steps != np.median(steps)).mean()
        return float(turns), float(odd), float(np.abs(steps).max())
    return ("day", "month") if oddness(day) < oddness(month) else ("month", "day")


def _composed(year: Any, month: Any, day: Any, clock: Any) -> np.ndarray:
    """Times of dates' parts and texts of a time of day, NaN where there is none."""
    library = pandas()
    numbers = {"year": year, "month": month, "day": day}
    frame = library.DataFrame({k: library.to_numeric(v, errors="coerce")
                               for k, v in numbers.items()})
    dates = library.to_datetime(frame, errors="coerce").to_numpy("datetime64[ns]")
    return dates + np.where(clock.isna(), np.timedelta64(0, "ns"), clock_times(clock))


def clock_times(texts: Any) -> np.ndarray:
    """Texts such as 18:30, 18.30.05 or 6:30 PM as times since midnight, (N,) timedelta64[ns]; NaT
    for other texts."""
    parts = python_texts(texts).str.strip().str.extract(f"^{CLOCK}$")
    hours, minutes, seconds = (parts[name].astype(float) for name in "hms")
    half = parts["p"].str.lower()
    hours = hours.where(half.isna() | (half == "a") & (hours != 12) | (half == "p") & (hours == 12),
                        (hours + 12) % 24)
    fraction = ("0." + parts["f"].fillna("0")).astype(float)
    total = hours * 3600 + minutes * 60 + seconds.fillna(0) + fraction
    wrong = (hours > 24) | (minutes > 59) | (seconds > 60) | total.isna()
    nanoseconds = np.rint(total.where(~wrong, 0).to_numpy() * 1e9).astype("int64")
    return np.where(wrong, np.timedelta64("NaT", "ns"), nanoseconds.astype("timedelta64[ns]"))


def is_clock(column: Any) -> bool:
    """Whether a column holds times of day alone."""
    there = column.dropna()
    if not len(there) or not is_text(column):
        return False
    return not np.isnat(clock_times(there)).any()


def date_form(column: Any, order: str) -> str:
    """The strftime format of a text column's dates, if they follow `order`; otherwise ISO 8601."""
    texts = python_texts(column.dropna()).str.extract(f"^{YEAR_LAST}$").dropna(subset=["y"])
    if not order or not len(texts):
        return "%Y-%m-%d"
    mark, year = texts["s"].iloc[0], "%y" if len(texts["y"].iloc[0]) == 2 else "%Y"
    return mark.join([*(("%d", "%m") if order == "day" else ("%m", "%d")), year])
