"""Read numbers from texts: decimal commas, thousands, percent and currency signs."""

from typing import Any

import numpy as np

from .pandas_library import pandas

SIGNS = "%$€£"
PLAIN = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
COMMA_GROUPS = r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?"                # 1,234,567.8
WITH_COMMA = r"[-+]?(?:\d*|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][-+]?\d+)?"   # 1.234,5
POINT_GROUPS = r"[-+]?[1-9]\d{0,2}(?:\.\d{3})+"                    # 1.234.567
SURE_COMMA = r"[-+]?(?:\d*,(?:\d{1,2}|\d{4,})|0?,\d+|\d{4,},\d+|.*\..*,\d+|.*,\d+[eE].*)"
SURE_POINT = rf"{COMMA_GROUPS}\.\d+|[-+]?\d{{1,3}}(?:,\d{{3}}){{2,}}|[-+]?0?\.\d+"
SPACES = "[ '\u00a0\u202f\u2019]"   # possible thousands separators
# texts that mean a missing value, in addition to those without a letter or digit, such as "-"
MISSING = {"na", "n/a", "nan", "none", "null", "nil", "missing", "unknown", "error", "bad",
           "no data", "nodata", "inf", "-inf", "infinity", "-infinity", "#n/a", "#value!",
           "#div/0!"}
FEW, ALMOST_NONE = 0.5, 0.1   # shares of a column's texts


def cleaned(texts: Any) -> Any:
    """Remove blanks, thousands separators that are blanks or apostrophes, and one sign of percent
    or currency that all texts (pandas.Series) of a column have."""
    stripped = texts.str.strip()
    for sign in SIGNS:
        if len(stripped) and stripped.str.contains(sign, regex=False).mean() > FEW:
            stripped = stripped.str.strip(sign + " \u00a0")
    grouped = stripped.str.fullmatch(rf"[-+]?\d{{1,3}}(?:{SPACES}\d{{3}})+(?:[.,]\d+)?")
    return stripped.where(~grouped, stripped.str.replace(SPACES, "", regex=True))


def decimal_mark(texts: Any) -> str:
    """The decimal mark of the texts, "," or "."; "," with a question mark if every comma may be a
    thousands separator; "" if there is no comma."""
    texts = cleaned(texts)
    commas = texts[texts.str.contains(",", regex=False)]
    numbers = commas[commas.str.fullmatch(f"{WITH_COMMA}|{COMMA_GROUPS}")]
    if len(numbers) <= FEW * len(commas):
        return ""
    comma = numbers.str.fullmatch(SURE_COMMA).any() and not numbers.str.fullmatch(
        SURE_POINT).any()
    if comma:
        return ","
    if not numbers.str.fullmatch(COMMA_GROUPS).all():
        return ""   # a mixture: these are not numbers
    sure = numbers.str.fullmatch(SURE_POINT).any() or (
        texts.str.fullmatch(r"[-+]?\d+\.\d+").any())
    return "." if sure else ",?"


def numbers_in(texts: Any, mark: str = ".") -> np.ndarray:
    """The numbers (N,) that texts hold, written with this decimal mark; NaN for other texts."""
    texts = cleaned(texts)
    if mark == "," and not _has_points(texts):
        grouped = texts.str.fullmatch(f"{WITH_COMMA}|{POINT_GROUPS}")
        plain = texts.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    else:
        grouped = texts.str.fullmatch(COMMA_GROUPS)
        plain = texts.str.replace(",", "", regex=False)
    parsed = pandas().to_numeric(texts.where(~grouped, plain), errors="coerce")
    values: np.ndarray = parsed.to_numpy(float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _has_points(texts: Any) -> bool:
    """Whether this column's decimal mark is a point, in a file with decimal commas."""
    points = texts[texts.str.contains(".", regex=False)]
    commas = texts.str.contains(",", regex=False).any()
    return bool(len(points) and not commas and not points.str.fullmatch(POINT_GROUPS).all())


def stand_for_missing(lost: Any, total: int) -> bool:
    """Whether unreadable texts among `total` texts may count as missing: at most one in ten, or
    half if all of them are signs such as "-" or words that mean missing. So a column of texts never
    counts as numbers with gaps."""
    if len(lost) <= ALMOST_NONE * total:
        return True
    marks = lost.str.strip().str.lower()
    known = marks.isin(MISSING) | ~marks.str.contains(r"[^\W_]", regex=True)
    return bool(known.all()) and len(lost) <= FEW * total
