"""pandas, where it is installed, and the first questions to a frame and a column of it."""

from typing import Any


def pandas() -> Any:
    """The package; raises ValueError where it is not installed."""
    try:
        import pandas
    except ImportError:
        raise ValueError("tables and series need an extra: pip install "
                         "'hourglass[tabular]'") from None
    return pandas


def is_frame(data: Any) -> bool:
    """Whether this is a pandas.DataFrame; pandas is not imported for it."""
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns")


def is_text(column: Any) -> bool:
    """Whether a column holds neither numbers nor times nor truth values."""
    types = pandas().api.types
    return not (types.is_numeric_dtype(column) or types.is_datetime64_any_dtype(column))


def python_texts(column: Any) -> Any:
    """A column as Python's own texts, to which Python's regular expressions apply: pandas 3.0
    gives every pattern on Arrow's texts to a library that knows neither (?=...) nor (?P=...)."""
    return column.astype(str).astype(object)


def check_names(names: list[str], what: str) -> None:
    """Raises ValueError where two columns have the same name."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{what} has two columns named {twice!r}; give each its own name")
