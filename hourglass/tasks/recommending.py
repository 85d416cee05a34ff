"""Recommend items to users, from the items that they have already."""

import io
from pathlib import Path
from typing import Any

from ..core.console import say
from ..core.csv_text import as_csv
from ..core.files import write_out
from ..data.pandas_library import pandas
from ..inference.recommending import Recommendations, recommendations
from ..inference.trained import Trained
from .write_images import check_name

SUFFIXES = (".csv", ".parquet")
COLUMNS = ("user", "rank", "item", "title", "score")


def recommend_to_file(model: Trained, history: Any, n: int, out: Path) -> list[str]:
    """Write the `n` best items of each user in a history as a table: user, rank, item, title and
    score. Returns lines: notes, and the first user's list. Raises ValueError."""
    check_name(out, SUFFIXES)
    if isinstance(history, str | Path) and out.resolve() == Path(history).resolve():
        raise ValueError(f"{out} is the history itself; choose another -o")
    lists = recommendations(model, history, n)
    rows = rows_of(model, lists)
    if out.suffix.lower() == ".csv":
        write_out(out, as_csv(list(COLUMNS), ([*row[:-1], f"{row[-1]:.6g}"] for row in rows)))
    else:
        buffer = io.BytesIO()
        try:
            pandas().DataFrame(rows, columns=list(COLUMNS)).to_parquet(buffer)
        except ImportError:
            raise ValueError("a .parquet file needs an extra: pip install 'hourglass[tabular]'; "
                             ".csv does not") from None
        write_out(out, buffer.getvalue())
    return [*lists.notes, *_first(model, lists)]


def _first(model: Trained, lists: Recommendations) -> list[str]:
    """The first user's list, as lines to print."""
    kind = "predicted rating" if model.description.encoding["explicit"] else "probability"
    mine = [row for row in rows_of(model, lists) if row[0] == lists.users[0]]
    lines = [f"{rank:3}. {title or item}  {score:.3g}" for _, rank, item, title, score in mine]
    more = f", the first of {len(lists.users):,} users" if len(lists.users) > 1 else ""
    return [f"{len(mine)} items for {lists.users[0]}{more} ({kind}):", *lines]


def rows_of(model: Trained, top: Recommendations) -> list[tuple[str, int, str, str, float]]:
    """A row for each recommended item, as `COLUMNS` names them. The title is "" where none is
    known."""
    encoding = model.description.encoding
    titles = encoding["titles"] or [""] * len(encoding["items"])
    return [(user, rank, encoding["items"][item], titles[item], float(score))
            for user, items, scores in zip(top.users, top.items, top.scores, strict=True)
            for rank, (item, score) in enumerate(zip(items.tolist(), scores, strict=True), 1)]


def recommend_of(model: Trained, history: Any, n: int = 20) -> Any:
    """The `n` best items for each user in a history, as a data frame with the columns user, rank,
    item, title and score. `history` is a list of one user's items, by id or title, such as
    ["Heat (1995)", "Fargo (1996)"]; a dict of items and ratings; a list of those; a data frame; or
    a csv file. What users have already is not recommended. The score is the item's probability, or
    the predicted rating. Raises ValueError for a model of other data, and for unknown items."""
    lists = recommendations(model, history, n)
    for note in lists.notes:
        say(note)
    return pandas().DataFrame(rows_of(model, lists), columns=list(COLUMNS))
